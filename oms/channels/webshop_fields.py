"""What a seller enters for each kind of web shop."""

from __future__ import annotations

from oms.net.settings import Field

WEBSHOP_FIELD_LABELS: dict[str, str] = {
    "key": "Consumer key (ck_…)",
    "secret": "Consumer secret (cs_…)",
    "hook_secret": "Secret of the webhooks",
    "client_id": "Client ID of the app",
    "client_secret": "Client secret of the app; webhooks are signed with it",
    "token": "Access token or API key",
    "channel": "Code of the channel",
    "channel_token": "Token of the channel",
    "handler": "Code of the fulfillment handler",
    "version": "Version of the interface",
    "location": "Number of the place stock is counted at; empty: the first",
    "old_secret": "Former secret, taken too while it is changed",
}


def _field(name: str, *, secret: bool = False, required: bool = True, default: str = "", label: str = "") -> Field:
    return Field(name, WEBSHOP_FIELD_LABELS[label or name], secret=secret, required=required, default=default)


WOOCOMMERCE = (_field("key", secret=True), _field("secret", secret=True),
               _field("hook_secret", secret=True, required=False))  # fmt: skip
_SHOPIFY = (
    _field("old_secret", secret=True, required=False), _field("location", required=False),
    _field("version", required=False, default="2026-07"),
)  # fmt: skip
SHOPIFY = (
    _field("token", secret=True), _field("hook_secret", secret=True, required=False, label="client_secret"), *_SHOPIFY,
)  # fmt: skip
SHOPIFY_APP = (_field("client_id"), _field("hook_secret", secret=True, label="client_secret"), *_SHOPIFY)
VENDURE = (
    _field("token", secret=True), _field("channel", required=False),
    _field("channel_token", secret=True, required=False),
    _field("handler", required=False, default="manual-fulfillment"),
    _field("hook_secret", secret=True, required=False), _field("old_secret", secret=True, required=False),
)  # fmt: skip
MEDUSA = (
    _field("token", secret=True), _field("location", required=False),
    _field("hook_secret", secret=True, required=False), _field("old_secret", secret=True, required=False),
)  # fmt: skip
INBOUND = (_field("hook_secret", secret=True), _field("old_secret", secret=True, required=False))
