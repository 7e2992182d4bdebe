"""The door of the simulated TikTok Shop: path, query and body signed, tokens that end, which questions there are."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from oms import clock
from views.sandbox.book import Fault, Refusal
from views.sandbox.channel import ChannelSandbox
from views.sandbox.grants import Grants
from views.sandbox.market import Market, No, Stall
from views.sandbox.parcels import answered

SKEW = 300
COMMON = {"app_key", "timestamp", "sign", "shop_cipher"}
Params = Mapping[str, str]
Body = Mapping[str, Any]


def no(status: int, code: int, message: str) -> Refusal:
    """How TikTok Shop refuses."""
    return Refusal(status, {"code": code, "message": message, "request_id": "0", "data": {}})


class Operation:
    """A path (a pattern), which parameters and fields it takes, and what its refusals are called."""

    def __init__(
        self, method: str, path: str, do: Callable[..., Any], query: str = "", body: str | None = None,
        **refuses: tuple[int, str],
    ) -> None:  # fmt: skip
        self.method, self.path, self.do = method, re.compile(path), do
        self.query = frozenset(query.split())
        self.body = None if body is None else frozenset(body.split())
        usual = {"unknown": (21008001, "not found"), "wrong": (36009004, "invalid parameter")}
        self.refuses = usual | refuses


class TikTokDoor(ChannelSandbox):
    """One shop, connected by one program."""

    name: ClassVar[str] = "tiktok"
    operations: ClassVar[tuple[Operation, ...]] = ()

    def __init__(self, stall: Stall | None, key: str, secret: str, shop: str, cipher: str) -> None:
        super().__init__(stall or Market().open("tiktok"))
        self.key, self.secret, self.shop, self.cipher = key, secret, shop, cipher
        self.grants = Grants(life=7 * 86_400)
        self.retry_after = "7"
        self.more_shops: list[dict[str, str]] = []

    def keys(self) -> dict[str, str]:
        """For the panel; access comes from the consent page."""
        return {"app_key": self.key, "app_secret": self.secret}

    def limited(self) -> Refusal:
        """Too many."""
        refusal = no(429, 36009002, "Too many requests.")
        refusal.headers = {"Retry-After": self.retry_after} if self.retry_after else {}
        return refusal

    def sign(self, path: str, query: Params, body: str = "") -> str:
        """Over path, query and body, wrapped."""
        said = "".join(f"{k}{v}" for k, v in sorted(query.items()) if k not in {"sign", "access_token"})
        text = f"{self.secret}{path}{said}{body}{self.secret}"
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        """One operation."""
        path, query = request.path, request.args.to_dict()
        if path == "/oauth/authorize":
            return self._consent(query)
        if path.startswith("/api/v2/token/"):
            return self._good(self._token(path, query))
        self._signed(request, path, query, fault)
        if path == "/authorization/202309/shops":
            return self._good({"shops": [self._own_shop(), *self.more_shops]})
        if query.get("shop_cipher") != self.cipher:
            raise no(400, 36009004, "invalid parameter: shop_cipher")
        for operation in self.operations:
            if operation.method == request.method and (found := operation.path.fullmatch(path)):
                return self._good(self._do(operation, found.groups(), request, query))
        raise no(404, 36009009, "invalid path")

    def _do(self, operation: Operation, parts: tuple[str, ...], request: Request, query: Params) -> Any:
        told = {k: v for k, v in query.items() if k not in COMMON}
        if not set(told) <= operation.query or any(not v for v in told.values()):
            raise no(400, 36009004, f"invalid parameter {sorted(set(told) - operation.query)}")
        given: list[Any] = [*parts, told]
        if operation.body is not None:
            body = request.get_json(silent=True)
            if request.mimetype != "application/json" or not isinstance(body, dict) or not set(body) <= operation.body:
                raise no(400, 36009022, "invalid format")
            given.append(body)
        try:
            return operation.do(self, *given)
        except No as refusal:
            code, text = operation.refuses.get(refusal.code, (36009004, str(refusal)))
            raise no(200, code, text) from refusal

    def _good(self, data: Any) -> dict[str, Any]:
        return {"code": 0, "message": "Success", "request_id": "0", "data": data}

    def _own_shop(self) -> dict[str, str]:
        return {"id": self.shop, "name": "ร้านรวม", "region": "TH", "seller_type": "LOCAL", "cipher": self.cipher,
                "code": "THLC1"}  # fmt: skip

    def _signed(self, request: Request, path: str, query: Params, fault: Fault | None) -> None:
        stamp = query.get("timestamp", "")
        if query.get("app_key") != self.key or not stamp.isdecimal():
            raise no(400, 36009004, "invalid parameter: app_key")
        if abs(clock.now().timestamp() - int(stamp)) > SKEW:
            raise no(400, 36009004, "Invalid timestamp")
        body = request.get_data(as_text=True) if request.method != "GET" else ""
        fits = hmac.compare_digest(query.get("sign", ""), self.sign(path, query, body))
        if not fits or answered(fault, "bad_signature"):
            raise no(401, 106001, "Signature verification failed.")
        if answered(fault, "expire_tokens"):
            self.grants.expire()
        if not self.grants.holds(request.headers.get("x-tts-access-token", "")):
            raise no(401, 105002, "Expired credentials. The access_token has expired.")

    def _consent(self, query: Params) -> Response:
        """The page where a seller would say yes."""
        if query.get("app_key") != self.key:
            raise no(400, 36009004, "app_key")
        back = query.get("redirect_uri", "")
        told = urlencode({"code": self.grants.code(), "state": query.get("state", "")})
        return redirect(f"{back}{'&' if '?' in back else '?'}{told}")

    def _token(self, path: str, query: Params) -> dict[str, Any]:
        if query.get("app_key") != self.key or query.get("app_secret") != self.secret:
            raise no(200, 36004003, "app secret is invalid")
        pair = None
        if path == "/api/v2/token/get" and query.get("grant_type") == "authorized_code":
            pair = self.grants.by_code(query.get("auth_code", ""))
        elif path == "/api/v2/token/refresh" and query.get("grant_type") == "refresh_token":
            pair = self.grants.by_refresh(query.get("refresh_token", ""))
        if pair is None:
            raise no(200, 36004004, "auth code or refresh token is invalid")
        now = int(time.time())
        return {
            "access_token": pair.access, "access_token_expire_in": now + int(self.grants.life),
            "refresh_token": pair.refresh, "refresh_token_expire_in": now + 60 * 86_400, "open_id": "o",
            "seller_name": "ร้านรวม", "seller_base_region": "TH", "user_type": 0,
        }  # fmt: skip
