"""The door of the simulated Lazada: every parameter signed, tokens that end, which questions there are."""

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
from views.sandbox.grants import Grants
from views.sandbox.market import Market, No, Stall
from views.sandbox.parcels import answered

SKEW = 2 * 3600
SYSTEM_FIELDS = {"app_key", "timestamp", "sign_method", "access_token", "sign", "partner_id"}
Params = Mapping[str, str]


def no(code: str, message: str = "", kind: str = "ISV", **more: Any) -> Refusal:
    """How Lazada refuses: HTTP 200, a code and a sentence."""
    return Refusal(200, {"code": code, "type": kind, "message": message or code, "request_id": "0", **more})


class Operation:
    """A path: which parameters it takes, where its answer stands, and what its refusals are called."""

    def __init__(
        self, do: Callable[[Any, Params], Any], params: str = "", optional: str = "", *, under: str = "data",
        **refuses: tuple[str, str],
    ) -> None:  # fmt: skip
        self.do, self.under, self.needed = do, under, frozenset(params.split())
        self.params = self.needed | set(optional.split())
        usual = {"unknown": ("16", "E016: Invalid Order ID"), "wrong": ("InvalidParameter", "wrong")}
        self.refuses = usual | {k: v for k, v in refuses.items() if isinstance(v, tuple)}


class LazadaDoor(ChannelSandbox):
    """One shop, connected by one program. Answers with and without ``/rest`` before its paths."""

    name: ClassVar[str] = "lazada"
    operations: ClassVar[Mapping[tuple[str, str], Operation]] = {}

    def __init__(self, stall: Stall | None, key: str, secret: str, seller: str) -> None:
        super().__init__(stall or Market().open("lazada"))
        self.key, self.secret, self.seller = key, secret, seller
        self.grants = Grants(life=30 * 86_400)
        self.retry_after = "7"

    def keys(self) -> dict[str, str]:
        """For the panel; access comes from the consent page."""
        return {"app_key": self.key, "app_secret": self.secret}

    def limited(self) -> Refusal:
        """Too many: the seconds stand in the words."""
        ban = f" This ban will last {self.retry_after} seconds" if self.retry_after else ""
        return no("ApiCallLimit", f"Api access frequency exceeds the limit.{ban}")

    def sign(self, path: str, params: Params) -> str:
        """Over everything but itself."""
        said = path + "".join(f"{k}{v}" for k, v in sorted(params.items()) if k != "sign")
        return hmac.new(self.secret.encode(), said.encode(), hashlib.sha256).hexdigest().upper()

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        """One operation."""
        path = request.path.removeprefix("/rest")
        if path == "/oauth/authorize":
            return self._consent(request.args.to_dict())
        params = request.args.to_dict() | request.form.to_dict()
        self._signed(path, params, fault)
        told = {k: v for k, v in params.items() if k not in SYSTEM_FIELDS}
        if path.startswith("/auth/token/"):
            return self._token(path, told)
        if answered(fault, "expire_tokens"):
            self.grants.expire()
        if not self.grants.holds(params.get("access_token", "")):
            raise no("IllegalAccessToken", "The specified access token is invalid or expired")
        found = self.operations.get((request.method, path))
        if found is None:
            raise no("InvalidApiPath", "The specified API path is invalid")
        if request.method == "POST" and request.args:
            raise no("InvalidParameter", "a deed comes as a form")
        if not found.needed <= set(told) <= found.params or any(not v for v in told.values()):
            raise no("MissingParameter", f"{sorted(set(told) ^ found.needed)}")
        try:
            answer = found.do(self, told)
        except No as refusal:
            raise no(*found.refuses.get(refusal.code, ("InvalidParameter", str(refusal))), kind="ISP") from refusal
        return {"code": "0", "request_id": "0", found.under: answer}

    def _signed(self, path: str, params: Params, fault: Fault | None) -> None:
        if params.get("app_key") != self.key:
            raise no("InvalidAppKey", "The specified App Key is invalid")
        stamp = params.get("timestamp", "")
        if params.get("sign_method") != "sha256" or not stamp.isdecimal() or len(stamp) != 13:
            raise no("MissingParameter", "sign_method or timestamp")
        if abs(clock.now().timestamp() - int(stamp) / 1000) > SKEW:
            raise no("IllegalTimestamp", "The specified timestamp is expired")
        fits = hmac.compare_digest(params.get("sign", ""), self.sign(path, params))
        if not fits or answered(fault, "bad_signature"):
            raise no("IncompleteSignature", "The request signature does not conform to platform standards")

    def _consent(self, params: Params) -> Response:
        """The page where a seller would say yes."""
        if params.get("client_id") != self.key or params.get("response_type") != "code":
            raise no("InvalidAppKey")
        back = params["redirect_uri"]
        query = urlencode({"code": self.grants.code(), "state": params.get("state", "")})
        return redirect(f"{back}{'&' if '?' in back else '?'}{query}")

    def _token(self, path: str, told: Params) -> dict[str, Any]:
        pair = None
        if path == "/auth/token/create" and set(told) == {"code"}:
            pair = self.grants.by_code(told["code"])
        elif path == "/auth/token/refresh" and set(told) == {"refresh_token"}:
            pair = self.grants.by_refresh(told["refresh_token"])
            if pair is None:
                raise no("IllegalRefreshToken", "The specified refresh token is invalid or expired")
        if pair is None:
            raise no("InvalidCode", "The specified code is invalid")
        user = {"country": "th", "user_id": "1", "seller_id": self.seller, "short_code": "TH1"}
        return {
            "code": "0", "request_id": "0", "access_token": pair.access, "refresh_token": pair.refresh,
            "expires_in": int(self.grants.life), "refresh_expires_in": 180 * 86_400, "country": "th",
            "account": "shop@example.com", "account_platform": "seller_center", "country_user_info": [user],
        }  # fmt: skip
