"""What has to be entered for a marketplace."""

from __future__ import annotations

from oms.net.settings import Field

MARKET_LABELS: dict[str, str] = {
    "partner_id": "Partner ID",
    "partner_key": "Partner key",
    "push_key": "Key of the push messages, when it is another one",
    "handover": "How parcels leave when both are possible (pickup or dropoff)",
    "app_key": "App key",
    "app_secret": "App secret",
    "auth_host": "Address of the server that gives access",
    "shop_key": "API key of the shop",
    "carriers": "Our own carriers by the platform's number, one a line (name = number)",
}


CARRIERS = "carriers"


def _field(name: str, *, secret: bool = False, required: bool = True, default: str = "", long: bool = False) -> Field:
    return Field(name, MARKET_LABELS[name], secret=secret, required=required, default=default, long=long)


def carriers_of(text: str) -> dict[str, str]:
    """The platform's numbers of carriers by our names, folded: lines of "name = number"."""
    pairs = (line.rpartition("=") for line in text.splitlines())
    return {name.strip().casefold(): number.strip() for name, _, number in pairs if name.strip() and number.strip()}


def with_carrier(text: str, name: str, number: str) -> str:
    """The same with one carrier more, or with another number for it."""
    kept = [line for line in text.splitlines() if line.rpartition("=")[0].strip().casefold() != name.strip().casefold()]
    return "\n".join([*(line for line in kept if line.strip()), f"{name.strip()} = {number}"])


SHOPEE = (
    _field("partner_id"), _field("partner_key", secret=True), _field("push_key", secret=True, required=False),
    _field("handover", required=False, default="pickup"),
)  # fmt: skip
LAZADA = (_field("app_key"), _field("app_secret", secret=True), _field("auth_host", required=False))
TIKTOK = (
    _field("app_key"), _field("app_secret", secret=True), _field("auth_host", required=False),
    _field("handover", required=False, default="pickup"), _field(CARRIERS, required=False, long=True),
)  # fmt: skip
LINE_SHOPPING = (_field("shop_key", secret=True),)
