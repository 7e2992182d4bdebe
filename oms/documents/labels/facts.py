"""What stands on a label: plain text, decided before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class LabelFacts:
    """One box. ``code`` is what the bar code says: the carrier's number, or the shipment's own (``is_own``) until
    there is one. ``phone`` is masked already where it shall be. ``cod`` is the amount as it is written, "" when nothing
    is collected. ``copy`` counts prints before this one: 0 for the first label."""

    code: str
    is_own: bool
    carrier: str
    service: str
    sort_code: str
    channel: str
    orders: tuple[str, ...]
    shipment: str
    box: int
    boxes: int
    name: str
    phone: str
    line: str
    area: str
    province: str
    postcode: str
    sender: str
    sender_address: str
    sender_phone: str
    cod: str
    items: tuple[str, ...]
    remark: str
    copy: int = 0

    def to_json(self) -> dict[str, Any]:
        """As a row keeps it between deciding and drawing."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> LabelFacts:
        facts: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in kept.items()}
        return cls(**facts)


@dataclass(frozen=True)
class CoverLine:
    """One carrier on the cover sheet. ``cod`` is the sum as it is written."""

    carrier: str
    labels: int
    waybills: int
    cod_count: int
    cod: str


@dataclass(frozen=True)
class Failed:
    """A shipment whose label was not printed, and why."""

    number: str
    orders: str
    reason: str


@dataclass(frozen=True)
class Cover:
    """The first page of a batch."""

    title: str
    by: str
    at: str
    paper: str
    lines: tuple[CoverLine, ...]
    total: CoverLine
    failed: tuple[Failed, ...]
    canceled: int = 0
    reason: str = ""
