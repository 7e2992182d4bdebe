"""What a remote site is, and what becomes of what it says."""

from __future__ import annotations

from enum import StrEnum


class SiteMode(StrEnum):
    """How packages travel: the site calls us, or somebody carries files."""

    API = "api"
    FILE = "file"


MODE_LABELS: dict[SiteMode, str] = {SiteMode.API: "By line (the site calls Ruam)", SiteMode.FILE: "By file"}


class MessageState(StrEnum):
    """Outgoing: waiting, packed into a numbered package, taken by the site. Incoming: applied, parked for a person, and
    how the person decided."""

    WAITING = "waiting"
    PACKED = "packed"
    TAKEN = "taken"
    APPLIED = "applied"
    PARKED = "parked"
    REFUSED = "refused"
    CLOSED = "closed"


MESSAGE_LABELS: dict[MessageState, str] = {
    MessageState.WAITING: "Waiting to be sent",
    MessageState.PACKED: "Sent, not acknowledged",
    MessageState.TAKEN: "Acknowledged",
    MessageState.APPLIED: "Applied",
    MessageState.PARKED: "Parked for a person",
    MessageState.REFUSED: "Refused, the site was told",
    MessageState.CLOSED: "Closed by hand",
}


class PackageState(StrEnum):
    """A package of the site that came too early waits for the one before it."""

    SENT = "sent"
    EARLY = "early"
    APPLIED = "applied"
    CONFLICT = "conflict"


PACKAGE_LABELS: dict[PackageState, str] = {
    PackageState.SENT: "Waits for the site to take it",
    PackageState.EARLY: "Came early, waits for the one before",
    PackageState.APPLIED: "Applied",
    PackageState.CONFLICT: "Contradicts an earlier one",
}


class OrderState(StrEnum):
    """What the site was told of a shipment."""

    TOLD = "told"
    WITHDRAWN = "withdrawn"
    DONE = "done"


KIND_LABELS: dict[str, str] = {
    "pick_order": "Goods to send",
    "cancel_order": "Do not send",
    "transfer_notice": "Goods on their way to you",
    "skus": "Products",
    "picked": "Picked",
    "packed": "Packed",
    "shipped": "Shipped",
    "receipt": "Goods received",
    "count": "Counted",
    "damage": "Damaged",
    "snapshot": "Stock of the site",
    "refused": "Cannot be done",
    "package": "A package that contradicts an earlier one",
}
