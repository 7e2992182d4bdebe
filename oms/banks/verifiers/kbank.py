"""KBank: OAuth client credentials, then one question by bank and reference (mTLS).

``statusCode`` 0000 is the only good answer. 0004 and 1006 are believed, not published, to mean "no such transfer"
(to be re-checked in the bank's console); every other code is told as "cannot be asked" with the code.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from oms import clock
from oms.banks.verifiers import reading
from oms.banks.verifiers.port import Answer, Question, Quota
from oms.net.silence import Silence
from oms.net.tokens import Token, Tokens, life, refused, with_token
from oms.net.transport import Reply, Transport
from oms.payments.states import CheckOutcome

Out = CheckOutcome
GOOD = "0000"
UNKNOWN = frozenset({"0004", "1006"})


class KBank:
    """One application at KBank."""

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        self._transport = transport
        self._basic = (settings["consumer_id"], settings["consumer_secret"])
        self._tokens = Tokens(self._fetch)

    def close(self) -> None:
        """Let go of kept connections."""
        self._transport.close()

    def _fetch(self) -> Token:
        form = {"grant_type": "client_credentials"}
        reply = self._transport.send("POST", "/oauth/token", form=form, basic=self._basic)
        value = reply.text("access_token") if reply.status < 400 else ""
        if not value:
            raise refused(reply, reply.text("error"), reply.text("error_description"))
        return Token(value, life(reply.text("expires_in")))

    def verify(self, question: Question) -> Answer:
        """Ask about one transfer. Raises Silence."""
        asked = {"sendingBank": question.sending_bank, "transRef": question.reference}

        numbers: list[str] = []  # one for every call: the bank may refuse a number it has seen

        def send(token: str) -> Reply:
            numbers.append(uuid.uuid4().hex)
            at = clock.local(clock.now()).isoformat(timespec="milliseconds")
            body = {"rqUID": numbers[-1], "rqDt": at, "data": asked}
            headers = {"authorization": f"Bearer {token}"}
            return self._transport.send("POST", "/v1/verslip/kbank/verify", headers=headers, body=body)

        reply = with_token(self._tokens, send)
        code, message = reply.text("statusCode"), reply.text("statusMessage")
        if reply.status < 400 and code == GOOD:
            if reply.text("rqUID") != numbers[-1]:
                raise Silence("other_question")
            try:
                return Answer(Out.FOUND, transfer=reading.bank_model(reply.part("data"), question.sending_bank))
            except ValueError as exc:
                raise Silence("unreadable", str(exc)) from exc
        if code in UNKNOWN:
            return Answer(Out.NOT_FOUND, code=code, message=message)
        if reply.status < 400 and code:
            return Answer(Out.UNREADABLE, code=code, message=message)
        return reading.trouble(reply, code, message)

    def quota(self) -> Quota:
        """The bank counts nothing; a token proves the settings. Raises Silence."""
        self._tokens.forget(self._tokens.get())
        self._tokens.get()
        return Quota()
