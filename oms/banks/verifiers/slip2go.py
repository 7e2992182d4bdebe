"""Slip2Go (Connect API 1.2): the text of the slip's QR; result codes of six digits, whose first three are the HTTP
status. 200xxx other than 200000 and 200200 means: found, but a condition failed. Only the repeat is asked for as a
condition; receiver, amount and time are compared here.
"""

from __future__ import annotations

from collections.abc import Mapping

from oms.banks.verifiers import reading
from oms.banks.verifiers.port import Answer, NoAnswer, Question, Quota, Transfer
from oms.net.silence import Silence
from oms.net.transport import Reply, Transport
from oms.payments.states import CheckOutcome

Out = CheckOutcome

CODES: Mapping[str, CheckOutcome] = {
    "200000": Out.FOUND, "200200": Out.FOUND, "200401": Out.WRONG_RECEIVER, "200402": Out.MISMATCH_AMOUNT,
    "200403": Out.FOUND, "200404": Out.NOT_FOUND, "200501": Out.USED_BEFORE,
    "400001": Out.UNREADABLE, "400002": Out.UNREADABLE, "400003": Out.UNREADABLE, "400400": Out.UNREADABLE,
    "401001": Out.REFUSED, "401002": Out.REFUSED, "401003": Out.REFUSED, "401004": Out.REFUSED,
    "401005": Out.QUOTA, "401006": Out.QUOTA, "401007": Out.REFUSED,
}  # fmt: skip
WITH_FACTS = frozenset({Out.FOUND, Out.USED_BEFORE, Out.WRONG_RECEIVER, Out.MISMATCH_AMOUNT})


class Slip2Go:
    """One shop at Slip2Go."""

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        self._transport = transport
        self._headers = {"authorization": f"Bearer {settings['api_secret']}"}

    def close(self) -> None:
        """Let go of kept connections."""
        self._transport.close()

    def verify(self, question: Question) -> Answer:
        """Ask about one transfer. Raises Silence."""
        payload = {"qrCode": question.qr_payload, "checkCondition": {"checkDuplicate": True}}
        path = "/verify-slip/qr-code/info"
        reply = self._transport.send("POST", path, headers=self._headers, body={"payload": payload})
        code, message = reply.text("code"), reply.text("message")
        outcome = CODES.get(code)
        if outcome is None or reply.status != int(code[:3]):
            return reading.trouble(reply, code, message)
        if outcome not in WITH_FACTS:
            return Answer(outcome, code=code, message=message)
        return Answer(outcome, transfer=_transfer(reply), code=code, message=message)

    def quota(self) -> Quota:
        """What is left of the package and of the credit. Raises Silence."""
        reply = self._transport.send("GET", "/account/info", headers=self._headers)
        data = reply.part("data")
        left, credit = data.get("quotaRemaining"), data.get("creditRemaining")
        if reply.text("code") != "200001" or not isinstance(left, int):
            raise NoAnswer(_refused(reply))
        extra = credit if data.get("checkSlipByCredit") is True and isinstance(credit, int) else 0
        return Quota(left + extra, reading.words(data.get("packageExpiredDate"))[:10])


def _transfer(reply: Reply) -> Transfer:
    try:
        return reading.portal_model(reply.part("data"), "dateTime")
    except ValueError as exc:
        raise Silence("unreadable", str(exc)) from exc


def _refused(reply: Reply) -> Answer:
    code, message = reply.text("code"), reply.text("message")
    outcome = CODES.get(code)
    if outcome in {Out.REFUSED, Out.QUOTA}:
        return Answer(outcome, code=code, message=message)
    return reading.trouble(reply, code, message)
