"""Strict simulators of SCB and KBank: OAuth first, then a question by bank and reference."""

from __future__ import annotations

import hmac
import uuid
from datetime import datetime
from typing import Any

from werkzeug.wrappers import Request

from views.sandbox.book import Book, Entry, Fault, Refusal, Sandbox, bent, need, strict
from views.sandbox.tokens import GivenTokens
from views.sandbox.verifiers import bank_model


class _Bank(Sandbox):
    """Tokens that end, and numbers of requests that may be used once."""

    def __init__(self, key: str, secret: str, book: Book | None, life: int) -> None:
        super().__init__(book)
        self.key, self.secret, self.life = key, secret, life
        self.tokens = GivenTokens(life)
        self.numbers: set[str] = set()

    def fresh(self, number: str) -> bool:
        """Whether a request's number is used for the first time."""
        with self.book.lock:
            before = number in self.numbers
            self.numbers.add(number)
            return not before

    def entry(self, bank: str, reference: str, fault: Fault | None) -> Entry | None:
        """The transfer, when the bank knows it."""
        found = self.book.entries.get((bank, reference))
        return bent(found, fault) if found else None


class ScbSandbox(_Bank):
    """Under ``/partners``: ``v1/oauth/token`` and ``v1/payment/billpayment/transactions/{ref}``."""

    name = "scb"
    root = "/partners"

    def __init__(
        self, key: str = "scb-key", secret: str = "scb-secret", book: Book | None = None, life: int = 1800  # noqa: S107
    ) -> None:  # fmt: skip
        super().__init__(key, secret, book, life)

    def _no(self, status: int, code: int, text: str) -> Refusal:
        return Refusal(status, {"status": {"code": code, "description": text}})

    def _headers(self, request: Request) -> None:
        try:
            number = str(uuid.UUID(request.headers.get("requestUId", "")))
        except ValueError:
            raise self._no(400, 4001, "requestUId is not a UUID") from None
        if not self.fresh(number):
            raise self._no(400, 4002, "requestUId was used")
        if request.headers.get("accept-language") not in {"EN", "TH"}:
            raise self._no(400, 4003, "accept-language is missing")
        if request.headers.get("resourceOwnerId") != self.key:
            raise self._no(401, 4004, "resourceOwnerId is not the application key")

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        """A token or one question."""
        self._headers(request)
        if (request.method, request.path) == ("POST", f"{self.root}/v1/oauth/token"):
            return self._token(request)
        root = f"{self.root}/v1/payment/billpayment/transactions/"
        if request.method != "GET" or not request.path.startswith(root):
            raise self._no(404, 4040, "no such address")
        if not self.tokens.hold(request, fault):
            raise self._no(401, 9500, "Invalid authorization credentials")
        bank = request.args.get("sendingBank", "")
        if set(request.args) != {"sendingBank"} or len(bank) != 3 or not bank.isdecimal():
            raise self._no(400, 4005, "sendingBank is missing")
        if fault is not None and fault.kind == "bank_down":
            raise self._no(200, 9900, "Service is not available")
        found = self.entry(bank, request.path.removeprefix(root), fault)
        if found is None:
            raise self._no(404, 4101, "Transaction not found")
        return {"status": {"code": 1000, "description": "Success"}, "data": bank_model(found)}

    def _token(self, request: Request) -> dict[str, Any]:
        try:
            body = strict(request, {"applicationKey": str, "applicationSecret": str})
        except ValueError:
            raise self._no(400, 4006, "fields") from None
        given = f"{body['applicationKey']}:{body['applicationSecret']}"
        if not hmac.compare_digest(given.encode(), f"{self.key}:{self.secret}".encode()):
            raise self._no(401, 9300, "Invalid credentials")
        data = {"accessToken": self.tokens.new(), "tokenType": "Bearer", "expiresIn": self.life}
        return {"status": {"code": 1000, "description": "Success"}, "data": data}


class KBankSandbox(_Bank):
    """``POST /oauth/token`` and ``POST /v1/verslip/kbank/verify``."""

    name = "kbank"
    root = ""

    def __init__(
        self, key: str = "kb-id", secret: str = "kb-secret", book: Book | None = None, life: int = 1799  # noqa: S107
    ) -> None:  # fmt: skip
        super().__init__(key, secret, book, life)

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        """A token or one question."""
        if request.method != "POST":
            raise Refusal(405, {"message": "POST only"})
        if request.path == "/oauth/token":
            return self._token(request)
        if request.path != "/v1/verslip/kbank/verify":
            raise Refusal(404, {"message": "no such address"})
        if not self.tokens.hold(request, fault):
            raise Refusal(401, {"error": "invalid_token", "error_description": "token expired"})
        try:
            body = strict(request, {"rqUID": str, "rqDt": str, "data": dict})
            asked = body["data"]
            need(set(asked) == {"sendingBank", "transRef"}, "fields")
            need(body["rqUID"] and self.fresh(body["rqUID"]), "rqUID")
            need(datetime.fromisoformat(body["rqDt"]).tzinfo and body["rqDt"].endswith("+07:00"), "rqDt")
        except ValueError:
            raise Refusal(400, {"statusCode": "1001", "statusMessage": "Invalid request"}) from None
        if fault is not None and fault.kind == "bank_down":
            raise Refusal(503, {"statusCode": "9999", "statusMessage": "Unavailable"})
        found = self.entry(asked["sendingBank"], asked["transRef"], fault)
        number = {"rqUID": body["rqUID"]}
        if found is None:
            return number | {"statusCode": "0004", "statusMessage": "Transaction not found"}
        return number | {"statusCode": "0000", "statusMessage": "SUCCESS", "data": bank_model(found)}

    def _token(self, request: Request) -> dict[str, Any]:
        given = request.authorization
        if request.mimetype != "application/x-www-form-urlencoded" or dict(request.form) != {
            "grant_type": "client_credentials"
        }:
            raise Refusal(400, {"error": "invalid_request"})
        if given is None or given.type != "basic" or (given.username, given.password) != (self.key, self.secret):
            raise Refusal(401, {"error": "invalid_client", "error_description": "unknown consumer"})
        return {"access_token": self.tokens.new(), "token_type": "Bearer", "expires_in": str(self.life)}
