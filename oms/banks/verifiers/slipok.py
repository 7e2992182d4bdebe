"""SlipOK (slipok.com/api-documentation, v1.7): the text of the slip's QR, checked against the banks.

Asked with ``log``, without which it checks neither repeats nor the receiver. A repeat is remembered from the first
logged call, our own included: 1012 is told as it is, and whoever keeps the questions knows whether it was ours.
The amount is not sent: a short payment must come back with its true amount, not as an error without facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from oms.banks.verifiers import reading
from oms.banks.verifiers.port import Answer, NoAnswer, Question, Quota, Transfer
from oms.net.silence import Silence
from oms.net.transport import Reply, Transport
from oms.payments.states import CheckOutcome

Out = CheckOutcome
BANK_DOWN = timedelta(minutes=15)  # what the provider asks for with 1009
DELAY_MINUTES = 5  # 1010 without a number

CODES: Mapping[str, CheckOutcome] = {
    "1000": Out.UNREADABLE, "1001": Out.REFUSED, "1002": Out.REFUSED, "1003": Out.REFUSED, "1004": Out.QUOTA,
    "1005": Out.UNREADABLE, "1006": Out.UNREADABLE, "1007": Out.UNREADABLE, "1008": Out.UNREADABLE,
    "1009": Out.PENDING, "1010": Out.PENDING, "1011": Out.NOT_FOUND, "1012": Out.USED_BEFORE,
    "1013": Out.MISMATCH_AMOUNT, "1014": Out.WRONG_RECEIVER, "1015": Out.REFUSED,
}  # fmt: skip


class SlipOk:
    """One branch at SlipOK."""

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        self._transport = transport
        self._path = f"/{settings['branch_id']}"
        self._headers = {"x-authorization": settings["api_key"]}

    def close(self) -> None:
        """Let go of kept connections."""
        self._transport.close()

    def verify(self, question: Question) -> Answer:
        """Ask about one transfer. Raises Silence."""
        body = {"data": question.qr_payload, "log": True}
        reply = self._transport.send("POST", self._path, headers=self._headers, body=body)
        data = reply.part("data")
        if reply.status < 400 and reply.body and reply.body.get("success") is True and data.get("success") is True:
            return Answer(Out.FOUND, transfer=_transfer(data, question))
        return _problem(reply, question)

    def quota(self) -> Quota:
        """What is left to ask in this package and outside it. Raises Silence."""
        reply = self._transport.send("GET", f"{self._path}/quota", headers=self._headers)
        data = reply.part("data")
        left = data.get("quota")
        if reply.status >= 400 or not isinstance(left, int):
            raise NoAnswer(_problem(reply, None))
        extra = data.get("specialQuota")
        return Quota(left + (extra if isinstance(extra, int) else 0), reading.words(data.get("endDate"))[:10])


def _transfer(data: Mapping[str, Any], question: Question) -> Transfer:
    try:
        return reading.bank_model(data, question.sending_bank)
    except ValueError as exc:
        raise Silence("unreadable", str(exc)) from exc


def _problem(reply: Reply, question: Question | None) -> Answer:
    code, message = reply.text("code"), reply.text("message")
    outcome = CODES.get(code)
    if outcome is None:
        return reading.trouble(reply, code, message)
    data = reply.part("data")
    answer = Answer(outcome, code=code, message=message)
    if code == "1009":
        return Answer(outcome, code=code, message=message, retry_after=BANK_DOWN)
    if code == "1010":
        wait = data.get("delay", (reply.body or {}).get("delay"))
        return Answer(outcome, code=code, message=message, retry_after=reading.minutes(wait, DELAY_MINUTES))
    if data.get("transRef") and question is not None:
        return Answer(outcome, code=code, message=message, transfer=_transfer(data, question))
    return answer
