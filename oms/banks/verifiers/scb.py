"""SCB Open API: OAuth with the application's key, then one question by bank and reference (mTLS in production).

``status.code`` 1000 is the only good answer. The bank does not publish which 4xxx means "no such transfer" beside HTTP
404, so any other 4xxx is told as "cannot be asked" with the code, and a person looks.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from urllib.parse import quote

from oms.banks.verifiers import reading
from oms.banks.verifiers.port import Answer, Question, Quota
from oms.net.silence import Silence
from oms.net.tokens import Token, Tokens, life, refused, with_token
from oms.net.transport import Reply, Transport
from oms.payments.states import CheckOutcome

Out = CheckOutcome
GOOD = "1000"


class Scb:
    """One application at SCB."""

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        self._transport = transport
        self._key, self._secret = settings["application_key"], settings["application_secret"]
        self._tokens = Tokens(self._fetch)

    def close(self) -> None:
        """Let go of kept connections."""
        self._transport.close()

    def _headers(self, number: str, token: str = "") -> dict[str, str]:
        known = {"resourceOwnerId": self._key, "requestUId": number, "accept-language": "EN"}
        return known | ({"authorization": f"Bearer {token}"} if token else {})

    def _fetch(self) -> Token:
        body = {"applicationKey": self._key, "applicationSecret": self._secret}
        reply = self._transport.send("POST", "/v1/oauth/token", headers=self._headers(str(uuid.uuid4())), body=body)
        code, message = _status(reply)
        data = reply.part("data")
        value = reading.words(data.get("accessToken")) if reply.status < 400 and code == GOOD else ""
        if not value:
            raise refused(reply, code, message)
        return Token(value, life(data.get("expiresIn")))

    def verify(self, question: Question) -> Answer:
        """Ask about one transfer. Raises Silence."""
        path = f"/v1/payment/billpayment/transactions/{quote(question.reference, safe='')}"

        def send(token: str) -> Reply:
            headers = self._headers(str(uuid.uuid4()), token)
            return self._transport.send("GET", path, headers=headers, params={"sendingBank": question.sending_bank})

        reply = with_token(self._tokens, send)
        code, message = _status(reply)
        if reply.status < 400 and code == GOOD:
            try:
                return Answer(Out.FOUND, transfer=reading.bank_model(reply.part("data"), question.sending_bank))
            except ValueError as exc:
                raise Silence("unreadable", str(exc)) from exc
        if reply.status == 404 and code:
            return Answer(Out.NOT_FOUND, code=code, message=message)
        if reply.status not in {401, 403, 429} and code[:1] in {"5", "9"}:
            raise Silence(code, message)
        if reply.status < 400 and code[:1] == "4":
            return Answer(Out.UNREADABLE, code=code, message=message)
        return reading.trouble(reply, code, message)

    def quota(self) -> Quota:
        """The bank counts nothing; a token proves the settings. Raises Silence."""
        token = self._tokens.get()
        self._tokens.forget(token)
        self._tokens.get()
        return Quota()


def _status(reply: Reply) -> tuple[str, str]:
    status = reply.part("status")
    return reading.words(status.get("code")), reading.words(status.get("description"))
