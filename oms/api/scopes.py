"""What a key of the API may be given: a part of the named actions, none that keeps the panel itself."""

from __future__ import annotations

from typing import Final

SCOPES: Final[tuple[str, ...]] = (
    "order.view",
    "order.price",
    "order.create",
    "order.confirm",
    "order.cancel",
    "order.note",
    "order.override_price",
    "order.approve_discount",
    "order.backdate",
    "customer.view",
    "customer.phone",
    "customer.edit",
    "stock.view",
    "shipment.track",
    "payment.claim",
)
LARGEST_RATE: Final = 60_000  # requests a minute that one key may be allowed
KEY_START: Final = "ruam_"
KEY_SHOWN: Final = 11  # letters of a key that are kept readable, so that people can tell keys apart
