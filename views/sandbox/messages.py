"""Strict simulators of LINE, ThaiBulkSMS, SMSMKT and Meta. Each keeps what it took in ``messages``, so that what we say
we sent can be compared with what arrived."""

from __future__ import annotations

import hmac
import json
import secrets
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.wrappers import Request, Response

from oms.notifications.line import sign as line_sign
from oms.notifications.meta import proof
from views.sandbox import commands
from views.sandbox.book import Fault, Ledger, Refusal, Simulator, need, strict

PHONE = frozenset("0123456789")


@dataclass
class Taken:
    """A message as the provider took it."""

    id: str
    to: str
    text: str
    key: str = ""


@dataclass
class MessageBook(Ledger):
    """What one provider took, and whom it does not reach."""

    messages: list[Taken] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    quota: int | None = None
    credit: int = 1000

    def take_in(self, to: str, text: str, key: str = "") -> Taken:
        """Write a message down."""
        with self.lock:
            made = Taken(str(len(self.messages) + 1000), to, text, key)
            self.messages.append(made)
            if key:
                self.keys[key] = made.id
            return made

    def shown(self) -> dict[str, Any]:
        """What ``GET /_books`` tells."""
        with self.lock:
            return super().shown() | {"messages": [asdict(m) for m in self.messages], "quota": self.quota}


class MessageSandbox(Simulator):
    """A simulated way of sending."""

    def __init__(self, book: MessageBook | None = None) -> None:
        self.book = book or MessageBook()
        super().__init__(self.book)

    def control(self, request: Request) -> dict[str, Any] | None:
        """``POST /_blocked`` with ``{"to": ...}``: this one cannot be reached; ``POST /_quota`` with ``{"quota"}`` or
        ``{"credit"}`` sets what is left."""
        if request.method != "POST" or request.path not in {"/_blocked", "/_quota"}:
            return None
        if request.path == "/_blocked":
            self.book.blocked.add(commands.read(request, {"to": commands.text(needed=True)})["to"])
        else:
            facts = commands.read(request, {"quota": commands.whole(empty=True), "credit": commands.whole()})
            self.book.quota = facts.get("quota", self.book.quota)
            self.book.credit = facts.get("credit", self.book.credit)
        return {}


class LineSandbox(MessageSandbox):
    """``/v2/bot``: push with a retry key, quota, the account itself."""

    name = "line"

    def __init__(  # the keys are of the play
        self, token: str = "LINE-token", secret: str = "linechannelsecret", book: MessageBook | None = None,  # noqa: S107
    ) -> None:  # fmt: skip
        super().__init__(book)
        self.token, self.secret = token, secret

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
            raise Refusal(401, {"message": "Authentication failed. Confirm that the access token is valid."})
        match (request.method, request.path):
            case ("GET", "/v2/bot/info"):
                return {"userId": "U" + "0" * 32, "basicId": "@ruam", "displayName": "ร้านทดสอบ", "chatMode": "bot"}
            case ("GET", "/v2/bot/message/quota"):
                limited = {"type": "limited", "value": self.book.quota}
                return limited if self.book.quota is not None else {"type": "none"}
            case ("GET", "/v2/bot/message/quota/consumption"):
                return {"totalUsage": len(self.book.messages)}
            case ("GET", path) if path.startswith("/v2/bot/profile/"):
                return self._profile(path.rpartition("/")[2])
            case ("POST", "/v2/bot/message/push"):
                return self._push(request, fault)
        raise Refusal(404, {"message": "Not found"})

    def limited(self) -> Refusal:
        return Refusal(429, {"message": "The API rate limit has been exceeded. Try again later."})

    def _profile(self, user: str) -> dict[str, Any]:
        if user not in self.book.names or user in self.book.blocked:
            raise Refusal(404, {"message": "Not found"})
        return {"userId": user, "displayName": self.book.names[user], "language": "th"}

    def _push(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        key = request.headers.get("X-Line-Retry-Key", "")
        if key:
            try:
                uuid.UUID(key)
            except ValueError:
                raise Refusal(400, {"message": "Invalid retry key"}) from None
        to, text = self._read(request)
        with self.book.lock:
            if key in self.book.keys:
                first = {"sentMessages": [{"id": self.book.keys[key], "quoteToken": "q"}]}
                head = {"x-line-accepted-request-id": str(uuid.uuid4())}
                raise Refusal(409, {"message": "The retry key is already accepted"} | first, head)
            if to in self.book.blocked:
                details = [{"message": "The value is not a valid user", "property": "to"}]
                raise Refusal(
                    400, {"message": "The property, 'to', in the request body is invalid", "details": details}
                )
            full = self.book.quota is not None and len(self.book.messages) >= self.book.quota
            if full or (fault is not None and fault.kind == "monthly"):
                raise Refusal(429, {"message": "You have reached your monthly limit."})
            made = self.book.take_in(to, text, key)
        return {"sentMessages": [{"id": made.id, "quoteToken": secrets.token_hex(4)}]}

    def _read(self, request: Request) -> tuple[str, str]:
        try:
            body = strict(
                request, {"to": str, "messages": list}, {"notificationDisabled": bool, "customAggregationUnits": list}
            )
            need(1 <= len(body["messages"]) <= 5, "messages")
            text = body["messages"][0]
            need(text.get("type") == "text" and 0 < len(text.get("text", "")) <= 5000, "text")
        except (ValueError, AttributeError) as exc:
            raise Refusal(
                400, {"message": "The request body has 1 error(s)", "details": [{"message": str(exc)}]}
            ) from exc
        if not (body["to"].startswith("U") and len(body["to"]) == 33):
            raise Refusal(400, {"message": "The property, 'to', in the request body is invalid"})
        return body["to"], text["text"]

    def webhook(self, events: list[dict[str, Any]]) -> tuple[bytes, dict[str, str]]:
        """A webhook as LINE sends it: body and headers."""
        body = json.dumps({"destination": "U" + "0" * 32, "events": events}).encode()
        return body, {"x-line-signature": line_sign(self.secret, body), "content-type": "application/json"}


class ThaiBulkSmsSandbox(MessageSandbox):
    """``/sms`` with Basic authorization."""

    name = "thaibulksms"

    def __init__(self, key: str = "apikey", secret: str = "apisecret", book: MessageBook | None = None) -> None:  # noqa: S107
        super().__init__(book)
        self.key, self.secret, self.senders = key, secret, {"RUAM"}

    def no(self, status: int, name: str, text: str) -> Refusal:
        """A refusal in the shape of version 2."""
        return Refusal(status, {"error": {"code": status, "name": name, "description": text}})

    def limited(self) -> Refusal:
        return self.no(429, "ERROR_TOO_MANY_REQUEST", "Too many requests")

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:  # noqa: ARG002  theirs
        given = request.authorization
        if given is None or (given.username, given.password) != (self.key, self.secret):
            raise self.no(401, "ERROR_AUTHENTICATION", "Authentication failed")
        if (request.method, request.path) == ("GET", "/credit"):
            return {"remaining_credit": {"standard": 0, "corporate": self.book.credit}}
        if (request.method, request.path) != ("POST", "/sms"):
            raise self.no(404, "ERROR_NOT_FOUND", "Not found")
        form = dict(parse_qsl(request.get_data(as_text=True), keep_blank_values=True))
        if set(form) - {"msisdn", "message", "sender", "force", "ScheduledDelivery", "expire", "shorten_url"}:
            raise self.no(400, "ERROR_PARAMETER", "Unknown parameter")
        if form.get("sender") not in self.senders:
            raise self.no(400, "ERROR_SENDER_NAME", "Sender name is not approved")
        return self._take(form.get("msisdn", ""), form.get("message", ""))

    def _take(self, to: str, text: str) -> dict[str, Any]:
        if not text or not (len(to) == 10 and set(to) <= PHONE):
            raise self.no(400, "ERROR_PARAMETER", "msisdn or message is not valid")
        parts = 1 if len(text) <= 70 else -(-len(text) // 67)
        if self.book.credit < parts:
            raise self.no(400, "ERROR_INSUFFICIENT_CREDIT", "Insufficient credit")
        answer: dict[str, Any] = {"credit_type": "corporate", "phone_number_list": [], "bad_phone_number_list": []}
        if to in self.book.blocked:
            answer["bad_phone_number_list"] = [{"number": to, "message": "Blacklist"}]
            parts = 0
        else:
            made = self.book.take_in(to, text)
            answer["phone_number_list"] = [{"number": to, "message_id": made.id, "used_credit": parts}]
        with self.book.lock:
            self.book.credit -= parts
            return answer | {"remaining_credit": self.book.credit, "total_use_credit": parts}


class SmsMktSandbox(MessageSandbox):
    """``/api/send-message``: HTTP 200 for everything, codes inside."""

    name = "smsmkt"

    def __init__(self, key: str = "mktkey", secret: str = "mktsecret", book: MessageBook | None = None) -> None:  # noqa: S107
        super().__init__(book)
        self.key, self.secret = key, secret

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:  # noqa: ARG002  theirs
        if (request.method, request.path) != ("POST", "/api/send-message"):
            raise Refusal(404, {"code": "404", "detail": "Not found"})
        head = request.environ["sandbox.headers"]
        if (head.get("api_key"), head.get("secret_key")) != (self.key, self.secret):
            return {"code": "1004", "detail": "Wrong API Key or Secret Key.", "result": {}}
        wanted = dict.fromkeys(("message", "phone", "sender", "send_date", "expire", "url", "campaign_name"), str)
        try:
            body = strict(request, wanted)
        except ValueError:
            return {"code": "100", "detail": "Incomplete data.", "result": {}}
        if not body["message"] or not body["phone"]:
            return {"code": "100", "detail": "Incomplete data.", "result": {}}
        if not (len(body["phone"]) == 10 and set(body["phone"]) <= PHONE):
            return {"code": "107", "detail": "Invalid phone number.", "result": {}}
        if body["phone"] in self.book.blocked:
            return {"code": "110", "detail": "Blocked number.", "result": {}}
        if self.book.credit < 1:
            return {"code": "400", "detail": "Not enough credit.", "result": {}}
        made = self.book.take_in(body["phone"], body["message"])
        self.book.credit -= 1
        return {"code": "000", "detail": "OK.", "result": {"transaction_id": made.id}}


class MetaSandbox(MessageSandbox):
    """``/v25.0/{page}/messages`` of a Page; only who wrote within a day (``open_to``) takes messages."""

    name = "meta"

    def __init__(
        self, page: str = "1234567890", token: str = "EAAtoken", secret: str = "metaappsecret",  # noqa: S107
        book: MessageBook | None = None,
    ) -> None:  # fmt: skip
        super().__init__(book)
        self.page, self.token, self.secret = page, token, secret
        self.open_to: set[str] = set()

    def no(self, status: int, code: int, sub: int | None, text: str) -> Refusal:
        """A refusal in Graph's shape."""
        error: dict[str, Any] = {"message": text, "type": "OAuthException", "code": code, "fbtrace_id": "A1"}
        return Refusal(status, {"error": error | ({"error_subcode": sub} if sub else {})})

    def limited(self) -> Refusal:
        return self.no(429, 613, None, "Calls to this api have exceeded the rate limit")

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        if request.args.get("access_token") != self.token:
            raise self.no(400, 190, None, "Invalid OAuth access token")
        given = request.args.get("appsecret_proof")
        if given is not None and given != proof(self.secret, self.token):
            raise self.no(400, 100, None, "Invalid appsecret_proof provided in the API argument")
        if (request.method, request.path) == ("GET", f"/v25.0/{self.page}"):
            return {"name": "เพจทดสอบ", "id": self.page}
        if (request.method, request.path) == ("GET", f"/v25.0/{self.page}/conversations"):
            return self._conversations(request)
        if (request.method, request.path) != ("POST", f"/v25.0/{self.page}/messages"):
            raise self.no(404, 100, None, "Unsupported request")
        try:
            body = strict(request, {"recipient": dict, "messaging_type": str, "message": dict}, {"tag": str})
            to, text = body["recipient"]["id"], body["message"]["text"]
            need(0 < len(text) <= 2000, "length")
        except (ValueError, KeyError):
            raise self.no(400, 100, None, "Invalid parameter") from None
        if to in self.book.blocked:
            raise self.no(400, 551, 1545041, "This person isn't available right now.")
        if to not in self.open_to:
            raise self.no(400, 10, 2018278, "This message is sent outside of allowed window.")
        made = self.book.take_in(to, text)
        if fault is not None and fault.kind == "was_sent":
            raise self.no(500, 1, 1357046, "An error came back")
        return {"recipient_id": to, "message_id": f"m_{made.id}"}

    def _conversations(self, request: Request) -> dict[str, Any]:
        """The conversation with one person; Instagram's people have user names and no link."""
        platform, user = request.args.get("platform", ""), request.args.get("user_id", "")
        if platform not in {"messenger", "instagram"} or set(request.args) - {
            "platform", "user_id", "fields", "access_token", "appsecret_proof",
        }:  # fmt: skip
            raise self.no(400, 100, None, "Invalid parameter")
        if user not in self.book.names:
            return {"data": []}
        name = self.book.names[user]
        them = {"name": name, "id": user} if platform == "messenger" else {"username": name, "id": user}
        found: dict[str, Any] = {"id": f"t_{user}", "participants": {"data": [them, {"name": "เพจ", "id": self.page}]}}
        if platform == "messenger":
            found["link"] = f"/{self.page}/inbox/{user}/"
        return {"data": [found]}

    def webhook(self, messaging: list[dict[str, Any]]) -> tuple[bytes, dict[str, str]]:
        """A webhook as Meta sends it: body and headers."""
        body = json.dumps({"object": "page", "entry": [{"id": self.page, "messaging": messaging}]}).encode()
        sealed = hmac.new(self.secret.encode(), body, "sha256").hexdigest()
        return body, {"X-Hub-Signature-256": f"sha256={sealed}", "content-type": "application/json"}
