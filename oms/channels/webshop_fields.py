"""What a seller enters for each kind of web shop."""

from __future__ import annotations

from oms.net.settings import Field

WEBSHOP_FIELD_LABELS: dict[str, str] = {
    "key": "Consumer key (ck_…)",
    "secret": "Consumer secret (cs_…)",
    "hook_secret": "Secret of the webhooks",
}


def _field(name: str, *, secret: bool = False, required: bool = True, default: str = "") -> Field:
    return Field(name, WEBSHOP_FIELD_LABELS[name], secret=secret, required=required, default=default)


WOOCOMMERCE = (_field("key", secret=True), _field("secret", secret=True),
               _field("hook_secret", secret=True, required=False))  # fmt: skip
