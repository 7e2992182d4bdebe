"""Strict simulator of a Shopify shop: its schema, its points (a bucket that refills), cursors that hold a moment,
stock under a key of its own, sending by fulfillment orders, consent in the browser, webhooks of the older form."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from views.sandbox import graphql as g
from views.sandbox.book import Fault, Refusal, plain
from views.sandbox.channel import ChannelSandbox, Hook
from views.sandbox.market import Market, Order, Stall
from views.sandbox.shopify_orders import ShopifyOrders
from views.sandbox.shopify_schema import SCHEMA

VERSIONS = {"2026-01", "2026-04", "2026-07", "2026-10"}
MOST = 1000  # points of one question
TOPICS = {
    "make": "orders/create", "pay": "orders/paid", "cancel": "orders/cancelled", "ship": "orders/fulfilled",
    "ask_return": "refunds/create",
}  # fmt: skip


class Bucket:
    """Points that come back by and by."""

    def __init__(self, size: float = 2000.0, rate: float = 100.0) -> None:
        self.size, self.rate, self.left, self.at = size, rate, size, time.monotonic()
        self.lock = threading.Lock()

    def status(self) -> dict[str, float]:
        """As it is told beside every answer."""
        now = time.monotonic()
        self.left = min(self.size, self.left + (now - self.at) * self.rate)
        self.at = now
        return {"maximumAvailable": self.size, "currentlyAvailable": int(self.left), "restoreRate": self.rate}


class ShopifySandbox(ChannelSandbox):
    """One shop."""

    name = "shopify"

    def __init__(
        self, stall: Stall | None = None, token: str = "shpat_sandbox", hook_secret: str = "shpss_sandbox",  # noqa: S107
        client_id: str = "ruam-app",
    ) -> None:  # fmt: skip
        super().__init__(stall or Market().open("shopify"))
        self.tokens, self.hook_secret, self.client_id = {token}, hook_secret, client_id
        self.token = token
        self.stall.name_it = lambda serial, _: str(820_982_900_000 + serial)
        self.codes: set[str] = set()
        self.bucket = Bucket()
        self.patient = True
        self.orders = ShopifyOrders(self.stall)

    def keys(self) -> dict[str, str]:
        """What the panel has to know."""
        return {"token": self.token, "hook_secret": self.hook_secret, "client_id": self.client_id}

    def limited(self) -> Refusal:
        """In front of the shop."""
        return Refusal(429, {"errors": "Exceeded 2 calls per second"}, {"Retry-After": "2.0"} if self.patient else {})

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:
        """Consent, a token, or a question."""
        if request.path == "/admin/oauth/authorize":
            return self._authorize(request)
        if request.path == "/admin/oauth/access_token":
            return self._token(request)
        parts = request.path.strip("/").split("/")
        if len(parts) != 4 or parts[:2] != ["admin", "api"] or parts[2] not in VERSIONS or parts[3] != "graphql.json":
            raise Refusal(404, {"errors": "Not Found"})
        wrong = fault is not None and fault.kind in {"expire_tokens", "bad_signature"}
        if wrong or request.headers.get("X-Shopify-Access-Token") not in self.tokens:
            raise Refusal(
                401, {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}
            )
        query, variables = g.asked(request)
        return self._answer_it(query, variables)

    def _answer_it(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        tree, wrongs = g.checked(SCHEMA, query)
        if tree is None or wrongs:
            return {"errors": wrongs}
        asked = g.Cost(SCHEMA, tree, variables).points()
        with self.bucket.lock:
            status = self.bucket.status()
            if asked > MOST:
                text = f"Query cost is {asked}, which exceeds the single query max cost limit ({MOST})."
                return {"errors": [{"message": text, "extensions": {"code": "MAX_COST_EXCEEDED", "cost": asked}}]}
            if asked > status["currentlyAvailable"]:
                cost = {"requestedQueryCost": asked, "actualQueryCost": None, "throttleStatus": status}
                error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
                return {"errors": [error], "extensions": {"cost": cost}}
            self.bucket.left -= asked
        body = g.answered(SCHEMA, tree, self.orders.root(), variables)
        with self.bucket.lock:
            really = min(g.objects(body["data"]), asked)
            self.bucket.left += asked - really
            cost = {"requestedQueryCost": asked, "actualQueryCost": really, "throttleStatus": self.bucket.status()}
        return body | {"extensions": {"cost": cost}}

    # consent

    def _authorize(self, request: Request) -> Response:
        said = request.args
        if said.get("client_id") != self.client_id or not said.get("redirect_uri") or not said.get("state"):
            raise Refusal(400, {"error": "invalid_request"})
        code = secrets.token_hex(16)
        self.codes.add(code)
        back = {
            "code": code,
            "shop": "sandbox.myshopify.com",
            "state": said["state"],
            "timestamp": str(int(time.time())),
        }
        return redirect(f"{said['redirect_uri']}?{urlencode(self.signed(back))}")

    def signed(self, back: Mapping[str, str]) -> dict[str, str]:
        """The query of the way back, signed."""
        text = "&".join(f"{k}={v}" for k, v in sorted(back.items()))
        return {**back, "hmac": hmac.new(self.hook_secret.encode(), text.encode(), hashlib.sha256).hexdigest()}

    def _token(self, request: Request) -> dict[str, Any]:
        body = request.get_json(silent=True) or {}
        if (body.get("client_id"), body.get("client_secret")) != (self.client_id, self.hook_secret):
            raise Refusal(401, {"error": "invalid_client"})
        if body.get("code") not in self.codes:
            raise Refusal(
                400, {"error": "invalid_request", "error_description": "The authorization code was not found"}
            )
        self.codes.discard(body["code"])
        token = f"shpat_{secrets.token_hex(12)}"
        self.tokens.add(token)
        return {"access_token": token, "scope": "read_orders,write_orders"}

    # webhooks

    def hook(self, order: Order, deed: str) -> Hook:
        """In the words of the older interface, signed over every byte; a repeat has the same number."""
        topic = TOPICS.get(deed, "orders/updated")
        told: dict[str, Any] = {
            "id": int(order.number), "name": f"#{order.serial + 1000}", "updated_at": order.updated_at.isoformat(),
            "financial_status": "paid",
        }  # fmt: skip
        if topic == "refunds/create":
            told = {"id": 9_000_000 + order.serial, "order_id": int(order.number)}
        body = json.dumps(told, default=plain).encode()
        made = base64.b64encode(hmac.new(self.hook_secret.encode(), body, hashlib.sha256).digest()).decode()
        return Hook(
            {
                "content-type": "application/json", "X-Shopify-Topic": topic, "X-Shopify-Hmac-SHA256": made,
                "X-Shopify-Shop-Domain": "sandbox.myshopify.com", "X-Shopify-API-Version": "2026-07",
                "X-Shopify-Webhook-Id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{order.number} {deed}")),
                "X-Shopify-Event-Id": str(uuid.uuid4()), "X-Shopify-Triggered-At": order.updated_at.isoformat(),
            },
            body,
        )  # fmt: skip

    def missigned(self, told: Hook) -> Hook:
        """Another body under the same signature."""
        return Hook(told.headers, told.body + b" ", told.query)
