"""The door of the simulated Shopee: signatures over path and moment, tokens that end, which questions there are."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from oms import clock
from views.sandbox.book import Fault, Refusal
from views.sandbox.channel import ChannelSandbox
from views.sandbox.grants import Grants, Pair
from views.sandbox.market import Market, No, Stall
from views.sandbox.parcels import answered

ROOT = "/api/v2"
SKEW = 300
COMMON = {"partner_id", "timestamp", "sign"}
Params = Mapping[str, str]


def no(error: str, message: str = "", status: int = 200) -> Refusal:
    """How Shopee refuses: HTTP 200, a word and a sentence."""
    return Refusal(status, {"request_id": "0", "error": error, "message": message or error})


class Operation:
    """A path: which parameters it takes, and what its refusals are called."""

    def __init__(
        self, do: Callable[[Any, Any], Any], params: str = "", optional: str = "", body: str = "",
        **refuses: tuple[str, str],
    ) -> None:  # fmt: skip
        self.do, self.needed = do, frozenset(params.split())
        self.params, self.body = self.needed | set(optional.split()), frozenset(body.split())
        usual = {"unknown": ("error_not_found", "The order is not found."), "wrong": ("error_param", "wrong")}
        self.refuses = usual | refuses


class ShopeeDoor(ChannelSandbox):
    """One shop, connected by one program."""

    name: ClassVar[str] = "shopee"
    operations: ClassVar[Mapping[tuple[str, str], Operation]] = {}

    def __init__(self, stall: Stall | None, partner: str, key: str, shop: str) -> None:
        super().__init__(stall or Market().open("shopee"))
        self.partner, self.key, self.shop = partner, key, shop
        self.grants = Grants(life=14_400)
        self.retry_after = "7"
        self.quota_spent = False

    def keys(self) -> dict[str, str]:
        """For the panel; access comes from the consent page."""
        return {"partner_id": self.partner, "partner_key": self.key}

    def limited(self) -> Refusal:
        """Too many."""
        refusal = no("error_rate_limit", "too many requests", 429)
        refusal.headers = {"Retry-After": self.retry_after} if self.retry_after else {}
        return refusal

    def sign(self, *parts: str) -> str:
        """Over the parts as they are."""
        return hmac.new(self.key.encode(), "".join(parts).encode(), hashlib.sha256).hexdigest()

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        """One operation."""
        path, params = request.path, request.args.to_dict()
        if path == f"{ROOT}/shop/auth_partner":
            return self._consent(params)
        public = path.startswith(f"{ROOT}/auth/")
        self._signed(path, params, fault, public=public)
        told = {k: v for k, v in params.items() if k not in COMMON | {"access_token", "shop_id"}}
        if public:
            return self._token(path, request)
        if self.quota_spent:
            raise no("error_limit", "daily limit reached")
        found = self.operations.get((request.method, path.removeprefix(ROOT)))
        if found is None:
            raise no("error_not_found", "no such path", 404)
        self._only(told, found.params, found.needed)
        body = self._body(request, found.body) if request.method == "POST" else {}
        try:
            answer = found.do(self, told if request.method == "GET" else body)
        except No as refusal:
            raise no(*found.refuses.get(refusal.code, ("error_param", str(refusal)))) from refusal
        if isinstance(answer, Response):
            return answer
        return {"request_id": "0", "error": "", "message": "", "response": answer}

    def _signed(self, path: str, params: Params, fault: Fault | None, *, public: bool) -> None:
        stamp, access, shop = (params.get(k, "") for k in ("timestamp", "access_token", "shop_id"))
        if params.get("partner_id") != self.partner or not stamp.isdecimal():
            raise no("error_param", "partner_id or timestamp")
        if abs(clock.now().timestamp() - int(stamp)) > SKEW:
            raise no("error_param", "timestamp is expired")
        parts = (self.partner, path, stamp) if public else (self.partner, path, stamp, access, shop)
        if not hmac.compare_digest(params.get("sign", ""), self.sign(*parts)) or answered(fault, "bad_signature"):
            raise no("error_sign", "Wrong sign.", 403)
        if answered(fault, "expire_tokens"):
            self.grants.expire()
        if not public and (shop != self.shop or not self.grants.holds(access)):
            raise no("invalid_acceess_token", "Invalid access_token.", 403)

    def _only(self, told: Params, known: frozenset[str], needed: frozenset[str]) -> None:
        if not needed <= set(told) <= known or any(not v and k != "cursor" for k, v in told.items()):
            raise no("error_param", f"parameters {sorted(set(told) ^ needed)}")

    def _body(self, request: Request, known: frozenset[str]) -> dict[str, Any]:
        body = request.get_json(silent=True)
        if request.mimetype != "application/json" or not isinstance(body, dict) or not set(body) <= known:
            raise no("error_param", "body")
        return body

    def _consent(self, params: Params) -> Response:
        """The page where a seller would say yes."""
        path = f"{ROOT}/shop/auth_partner"
        if params.get("sign") != self.sign(self.partner, path, params.get("timestamp", "")):
            raise no("error_sign", "Wrong sign.", 403)
        back = params["redirect"]
        query = urlencode({"code": self.grants.code(), "shop_id": self.shop})
        return redirect(f"{back}{'&' if '?' in back else '?'}{query}")

    def _token(self, path: str, request: Request) -> dict[str, Any]:
        body = request.get_json(silent=True) or {}
        if (
            request.method != "POST"
            or body.get("partner_id") != int(self.partner)
            or body.get("shop_id") != int(self.shop)
        ):
            raise no("error_param", "partner_id or shop_id")
        pair: Pair | None = None
        if path == f"{ROOT}/auth/token/get" and set(body) == {"code", "partner_id", "shop_id"}:
            pair = self.grants.by_code(str(body["code"]))
        elif path == f"{ROOT}/auth/access_token/get" and set(body) == {"refresh_token", "partner_id", "shop_id"}:
            pair = self.grants.by_refresh(str(body["refresh_token"]))
        if pair is None:
            raise no("error_auth", "Invalid code or refresh_token.", 403)
        return {
            "request_id": "0", "error": "", "message": "", "access_token": pair.access, "refresh_token": pair.refresh,
            "expire_in": int(self.grants.life), "shop_id_list": [int(self.shop)], "merchant_id_list": [],
        }  # fmt: skip
