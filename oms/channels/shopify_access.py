"""How a Shopify shop lets us in, and how its messages prove where they come from."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from oms import clock
from oms.channels.asking import asking, by_status, forged, header, mark_of, same
from oms.channels.port import Called, ChannelKeys, Grant, Hint, HintKind, WebhookNews
from oms.channels.shopify_orders import digits
from oms.errors import say
from oms.net.reading import words
from oms.net.transport import Transport

SCOPES = (
    "read_orders", "write_orders", "read_products", "read_inventory", "write_inventory", "read_locations",
    "read_merchant_managed_fulfillment_orders", "write_merchant_managed_fulfillment_orders", "read_returns",
)  # fmt: skip
FRESH = 90  # seconds a redirect of the shop is good for
HEADERS = ("x-shopify-hmac-sha256", "shopify-hmac-sha256")


def hook_signature(secret: str, body: bytes) -> str:
    """What a webhook carries."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def callback_signature(secret: str, query: Mapping[str, str]) -> str:
    """What the redirect back to us carries."""
    said = "&".join(f"{k}={v}" for k, v in sorted(query.items()) if k not in {"hmac", "signature"})
    return hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest()


def consent_address(host: str, settings: Mapping[str, str], callback: str, state: str) -> str:
    """Where the seller says yes."""
    said = {
        "client_id": settings.get("client_id", ""), "scope": ",".join(SCOPES), "redirect_uri": callback, "state": state,
    }  # fmt: skip
    return f"{host}/admin/oauth/authorize?{urlencode(said)}"


def exchange(transport: Transport, settings: Mapping[str, str], back: Mapping[str, str]) -> Grant:
    """The token for the code the seller brought back. It does not end by itself."""
    secret = settings.get("hook_secret", "")
    at, shop = back.get("timestamp", ""), back.get("shop", "")
    fresh = at.isascii() and at.isdigit() and abs(clock.now().timestamp() - int(at[:12])) <= FRESH
    if not secret or not same(callback_signature(secret, back), back.get("hmac", "")) or not fresh:
        raise ChannelKeys(say("What came back from the shop is not signed by it, or is too old: begin again"))
    ours = urlsplit(transport.base_url).hostname or ""
    if ours.endswith(".myshopify.com") and shop != ours:
        raise ChannelKeys(say("Another shop answered: {shop}", shop=shop))
    body = {"client_id": settings.get("client_id", ""), "client_secret": secret, "code": back.get("code", "")}
    with asking():
        reply = transport.send("POST", "/admin/oauth/access_token", body=body)
    token = reply.text("access_token") if reply.status < 400 else ""
    if not token:
        if reply.status == 400:
            raise ChannelKeys(say("The shop gave no access: {why}", why=reply.text("error") or "400"))
        raise by_status(reply, reply.text("error"))
    return Grant(token, facts={"scope": reply.text("scope")})


def read_webhook(called: Called, secrets: Sequence[str]) -> WebhookNews:
    """Where to look. The text may be hours old, so nothing in it is believed."""
    given = next((found for name in HEADERS if (found := header(called.headers, name))), "")
    fits = [same(hook_signature(secret, called.body), given) for secret in secrets if secret]
    if not any(fits):
        raise forged()
    try:
        row = json.loads(called.body)
    except ValueError:
        raise forged() from None
    topic = header(called.headers, "x-shopify-topic") or header(called.headers, "shopify-topic")
    delivery = header(called.headers, "x-shopify-webhook-id") or header(called.headers, "shopify-webhook-id")
    key = mark_of(f"{topic} {delivery}".encode() if delivery else called.body)
    return WebhookNews(_hints(topic, row if isinstance(row, dict) else {}), trusted=True, key=key)


def _hints(topic: str, row: Mapping[str, Any]) -> tuple[Hint, ...]:
    about, number = topic.partition("/")[0], digits(row.get("id"))
    order = number if about == "orders" else digits(row.get("order_id"))
    if topic == "app/uninstalled":
        return (Hint(HintKind.ACCESS),)
    if about == "inventory_levels":
        return (Hint(HintKind.STOCK, words(row.get("inventory_item_id"))),)
    if about in {"refunds", "returns"} and order:
        return (Hint(HintKind.ORDER, order), Hint(HintKind.RETURN, number))
    return (Hint(HintKind.ORDER, order),) if order else (Hint(HintKind.OTHER),)
