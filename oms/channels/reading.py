"""One order as a channel's interface tells it: money to the satang, moments, masked words. What is wrong is collected,
so that an order that cannot be read waits for a person with every reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from oms.channels.port import OrderNews
from oms.errors import Say, say
from oms.intake.records import PROGRESS, CellProblem, LineIn, OrderIn, RecipientIn, Stage
from oms.money import MAX_SATANG, ZERO, Money
from oms.net.reading import moment, words
from oms.thai.addresses import key
from oms.thai.phone import read_phone
from oms.thai.text import clean

MAX_QUANTITY = 100_000
COD = ("ปลายทาง", "cod", "cash on delivery")
_SPACED_ZONE = re.compile(r"\s+(?=[+-]\d\d:?\d\d$)")
_EARLY = datetime(2000, 1, 1, tzinfo=UTC)


def is_masked(text: str) -> bool:
    """Whether the channel hid the value behind stars."""
    return "*" in text


def is_cod(payment: str) -> bool:
    """Whether the buyer pays at the door, by the channel's word for the way of paying."""
    return any(word in payment.lower() for word in COD)


def rows(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; everything else is passed over."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def street(full: str, *places: str) -> str:
    """An address in one line without the places at its ends that are told apart."""
    known = {key(place) for place in places if place}
    parts = [part.strip() for part in full.split(",")]
    while len(parts) > 1 and (not parts[-1] or key(parts[-1]) in known):
        parts.pop()
    while len(parts) > 1 and (not parts[0] or key(parts[0]) in known):
        parts.pop(0)
    return ", ".join(parts)


class Reading:
    """Reads the fields of one order. ``problems`` is what could not be read; ``line`` is the position of an item."""

    def __init__(self) -> None:
        self.problems: list[CellProblem] = []

    def bad(self, field: str, code: str, sentence: Say, line: int = 0) -> None:
        """Something is wrong with a field."""
        self.problems.append(CellProblem(line, field, code, sentence))

    def text(self, field: str, value: Any, most: int, line: int = 0) -> str:
        """A text to keep; longer than we can keep is a problem, never cut."""
        tidy = clean(words(value, 100_000))
        if len(tidy) > most:
            sentence = say("This has {count} characters; at most {limit} can be kept", count=len(tidy), limit=most)
            self.bad(field, "too_long", sentence, line)
            return ""
        return tidy

    def money(self, field: str, value: Any, line: int = 0) -> Money | None:
        """An amount of zero or more, rounded to the satang; None when there is none."""
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        try:
            if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
                raise InvalidOperation  # noqa: TRY301  one answer for all that cannot be read
            number = Decimal(value.strip().replace(",", "") if isinstance(value, str) else str(value))
            if not number.is_finite() or not 0 <= number < MAX_SATANG // 100:
                raise InvalidOperation  # noqa: TRY301
        except InvalidOperation:
            self.bad(field, "money_text", say("“{text}” is not an amount", text=str(value)[:40]), line)
            return None
        return Money(number)

    def amount(self, field: str, value: Any, line: int = 0) -> Money:
        """The same, zero when there is none."""
        return self.money(field, value, line) or ZERO

    def discount(self, field: str, value: Any, line: int = 0) -> Money:
        """A discount, with or without a minus sign."""
        if isinstance(value, str):
            return self.amount(field, value.strip().removeprefix("-"), line)
        return self.amount(field, abs(value) if isinstance(value, int | float | Decimal) else value, line)

    def whole(self, field: str, value: Any, line: int = 0, low: int = 0) -> int:
        """A number of pieces."""
        text = words(value) or (str(int(value)) if isinstance(value, Decimal) and value == int(value) else "")
        if not text.isascii() or not text.isdigit() or not low <= int(text[:18]) <= MAX_QUANTITY:
            self.bad(field, "quantity_text", say("“{text}” is not a whole number", text=str(value)[:40]), line)
            return 0
        return int(text)

    def seconds(self, field: str, value: Any) -> datetime | None:
        """A moment as seconds since 1970; 0 is none."""
        text = words(value)
        if text in {"", "0"}:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 11):
            return self._sensible(field, value, None)
        return self._sensible(field, value, datetime.fromtimestamp(int(text), UTC))

    def moment(self, field: str, value: Any) -> datetime | None:
        """A moment as ISO text that names its zone, a space before the zone allowed."""
        text = words(value)
        if not text:
            return None
        return self._sensible(field, value, moment(_SPACED_ZONE.sub("", text)))

    def _sensible(self, field: str, value: Any, found: datetime | None) -> datetime | None:
        if found is not None and found >= _EARLY:
            return found
        self.bad(field, "date_range", say("“{text}” is not a moment with its zone", text=str(value)[:40]))
        return None

    def sku(self, field: str, value: Any, line: int = 0) -> str:
        """The seller's own word for what was sold."""
        code = self.text(field, value, 200, line)
        if not code and not any(p.line == line and p.column == field for p in self.problems):
            self.bad(field, "sku_missing", say("This row names no SKU; give the product a SKU on the channel"), line)
        return code

    def recipient(
        self, *, name: Any = "", phone: Any = "", address: Any = "", subdistrict: Any = "", district: Any = "",
        province: Any = "", postcode: Any = "",
    ) -> RecipientIn:  # fmt: skip
        """Where the goods go. What is hidden by stars says nothing: a masked name and street are kept for showing, the
        rest is left out."""
        said = {
            "name": self.text("name", name, 200), "phone": self.text("phone", phone, 60),
            "address": self.text("address", address, 1000),
            "subdistrict": self.text("subdistrict", subdistrict, 100),
            "district": self.text("district", district, 100), "province": self.text("province", province, 100),
            "postcode": self.text("postcode", postcode, 10),
        }  # fmt: skip
        masked = any(is_masked(value) for value in said.values())
        places = [said[k] for k in ("subdistrict", "district", "province", "postcode")]
        said["address"] = street(said["address"], *places, "Thailand", "TH", "ประเทศไทย")
        kept = {k: v for k, v in said.items() if k in {"name", "address"} or not is_masked(v)}
        if kept.get("phone"):
            kept["phone"] = self._phone(kept["phone"])
        return RecipientIn(**kept, masked=masked)

    def _phone(self, text: str) -> str:
        found = read_phone(text)
        if found is None:
            self.bad("phone", "phone", say("“{text}” is not a phone number", text=text[:40]))
        return found or ""


def news(
    external_no: str, raw: Mapping[str, Any], order: OrderIn, reading: Reading, updated_at: datetime | None = None
) -> OrderNews:
    """What is told of an order: with any problem it is not taken."""
    if not order.lines and not reading.problems:
        reading.bad("items", "lines_missing", say("The channel names nothing that was bought"))
    found = tuple(reading.problems)
    return OrderNews(external_no, raw, None if found else order, updated_at, found, order if found else None)


def broken(external_no: str, raw: Mapping[str, Any], what: str) -> OrderNews:
    """An order of which nothing but its number can be read."""
    sentence = say("This part of the channel's answer cannot be read: {what}", what=what)
    return OrderNews(external_no, raw, None, None, (CellProblem(0, what, "unreadable", sentence),))


def grouped(pieces: Sequence[LineIn]) -> tuple[LineIn, ...]:
    """Pieces told one by one as lines: those of one SKU at one price and discount stand together under the first
    one's number."""
    found: dict[tuple[object, ...], LineIn] = {}
    for piece in pieces:
        alike = (piece.sku, piece.unit_price, piece.seller_discount, piece.platform_discount)
        known = found.get(alike)
        found[alike] = piece if known is None else replace(
            known,
            quantity=known.quantity + piece.quantity,
            seller_discount=known.seller_discount + piece.seller_discount,
            platform_discount=known.platform_discount + piece.platform_discount,
            returned=known.returned + piece.returned,
        )  # fmt: skip
    return tuple(found.values())


class GivenBack:
    """Pieces of a return as they are read, one row after the other: by SKU word, and by the order's line where the
    channel names it."""

    def __init__(self) -> None:
        self.amounts: dict[str, int] = {}
        self.lines: dict[str, dict[str, int]] = {}

    def add(self, sku: str, pieces: int, line: str = "") -> None:
        """Some more pieces; without a word, or none of them, nothing."""
        if not sku or pieces <= 0:
            return
        self.amounts[sku] = self.amounts.get(sku, 0) + pieces
        if line:
            mine = self.lines.setdefault(sku, {})
            mine[line[:120]] = mine.get(line[:120], 0) + pieces


def least(stages: Sequence[Stage]) -> Stage:
    """How far an order is whose pieces stand at these stages: the least advanced counts, canceled ones only when all
    are; a word nobody knows makes the whole unknown."""
    if not stages or Stage.UNKNOWN in stages:
        return Stage.UNKNOWN
    alive = [s for s in stages if s is not Stage.CANCELED]
    return min(alive, key=PROGRESS.__getitem__, default=Stage.CANCELED)
