"""EasySlip, API v2 (``POST /verify/bank``): chosen over v1 because it says repeats as a flag beside the slip's facts
instead of as an error without them, and names its errors.

Neither account nor amount is sent for matching: both are compared here, against our own register and the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from oms.banks.verifiers import reading
from oms.banks.verifiers.port import Answer, NoAnswer, Question, Quota
from oms.net.silence import Silence
from oms.net.transport import Reply, Transport
from oms.payments.states import CheckOutcome

Out = CheckOutcome
FRESH = timedelta(minutes=3)  # a transfer of this minute is not known everywhere yet

CODES: Mapping[str, CheckOutcome] = {
    "MISSING_API_KEY": Out.REFUSED, "INVALID_API_KEY": Out.REFUSED, "BRANCH_INACTIVE": Out.REFUSED,
    "SERVICE_BANNED": Out.REFUSED, "SERVICE_DELETED": Out.REFUSED, "IP_NOT_ALLOWED": Out.REFUSED,
    "QUOTA_EXCEEDED": Out.QUOTA, "VALIDATION_ERROR": Out.UNREADABLE,
    "SLIP_NOT_FOUND": Out.NOT_FOUND, "SLIP_PENDING": Out.PENDING,
    "API_SERVER_ERROR": Out.UNAVAILABLE, "INTERNAL_SERVER_ERROR": Out.UNAVAILABLE,
}  # fmt: skip


class EasySlip:
    """One service at EasySlip."""

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        self._transport = transport
        self._headers = {"authorization": f"Bearer {settings['api_key']}"}

    def close(self) -> None:
        """Let go of kept connections."""
        self._transport.close()

    def verify(self, question: Question) -> Answer:
        """Ask about one transfer. Raises Silence."""
        body = {"payload": question.qr_payload, "checkDuplicate": True}
        reply = self._transport.send("POST", "/verify/bank", headers=self._headers, body=body)
        data = reply.part("data")
        if reply.status >= 400 or not reply.body or reply.body.get("success") is not True:
            return _problem(reply)
        try:
            transfer = reading.portal_model(reading.part(data, "rawSlip"), "date")
        except ValueError as exc:
            raise Silence("unreadable", str(exc)) from exc
        return Answer(Out.USED_BEFORE if data.get("isDuplicate") is True else Out.FOUND, transfer=transfer)

    def quota(self) -> Quota:
        """What is left in the package. Raises Silence."""
        reply = self._transport.send("GET", "/info", headers=self._headers)
        if reply.status >= 400 or not reply.body or reply.body.get("success") is not True:
            raise NoAnswer(_problem(reply))
        quota = reply.part("data", "application", "quota") or reply.part("data", "quota")
        left: Any = quota.get("remaining")
        return Quota(left if isinstance(left, int) else None, reading.words(quota.get("expiresAt"))[:10])


def _problem(reply: Reply) -> Answer:
    error = reply.part("error")
    code, message = reading.words(error.get("code")), reading.words(error.get("message"))
    outcome = CODES.get(code)
    if outcome is None:
        return reading.trouble(reply, code, message)
    if outcome is Out.UNAVAILABLE:
        raise Silence(code, message)
    waits = outcome in {Out.NOT_FOUND, Out.PENDING}
    return Answer(outcome, code=code, message=message, retry_after=FRESH if waits else None)
