"""What orders of web shops have in common: addresses as buyers type them, prices with their tax beside them, and a
JSON list where other systems answer with an object."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from oms.channels.asking import unreadable
from oms.channels.reading import Reading
from oms.errors import say
from oms.intake.records import LineIn, RecipientIn
from oms.money import CURRENCY, Money
from oms.net.reading import words
from oms.net.transport import Reply
from oms.thai.addresses import find_district, find_province, table

SECOND = timedelta(seconds=1)
_CODE = re.compile(r"(?:TH-?)?(\d\d)$", re.IGNORECASE)


@cache
def _provinces() -> dict[str, str]:
    return {area.code[:2]: area.province for area in table().areas}


def province(*told: Any) -> str:
    """A province by its code (TH-50) or its name in any language; the last word as it came when nobody knows it."""
    texts = [text for value in told if (text := words(value))]
    for text in texts:
        code = _CODE.match(text)
        if found := (_provinces().get(code[1]) if code else find_province(text)):
            return found
    return texts[-1] if texts else ""


def recipient(
    reading: Reading, *, name: Any, phone: Any, street: tuple[Any, ...], city: Any, state: tuple[Any, ...],
    postcode: Any, subdistrict: Any = "",
) -> RecipientIn:  # fmt: skip
    """Where the goods go. ``city`` is the district where it is one of the province; else it stays as it was typed."""
    where, town = province(*state), words(city)
    return reading.recipient(
        name=name, phone=phone, address=" ".join(text for part in street if (text := words(part))),
        subdistrict=subdistrict, district=find_district(town, where) or town, province=where, postcode=postcode,
    )  # fmt: skip


def line(
    *, sku: str, name: str, quantity: int, before: Money, after: Money, external_id: str, number: int,
    variation: str = "", returned: int = 0,
) -> LineIn:  # fmt: skip
    """Pieces that cost ``before`` together and ``after`` less what the seller took off, tax included in both. Unit
    price times pieces less the discount is exactly ``after``."""
    whole = max(before, after).in_satang
    unit = Money.satang(-(-whole // quantity) if quantity else whole)
    return LineIn(
        sku=sku, name=name[:300], variation=variation[:200], quantity=quantity, unit_price=unit,
        seller_discount=unit * quantity - after, returned=returned, external_id=external_id[:120], line=number,
    )  # fmt: skip


def only_baht(reading: Reading, currency: Any) -> None:
    """An order in other money waits for a person."""
    if (told := words(currency).upper()) != CURRENCY:
        reading.bad("currency", "currency", say("This order is in {currency}, not in baht", currency=told or "?"))


def signed_money(reading: Reading, field: str, value: Any, number: int = 0) -> Money:
    """An amount that may be below zero: a fee of a web shop may be a discount."""
    below = words(value).startswith("-") or (isinstance(value, int | float | Decimal) and value < 0)
    found = reading.discount(field, value, number)
    return -found if below else found


def count(row: Mapping[str, Any], name: str) -> int:
    """A whole number of a field; 0 for anything else."""
    value = row.get(name)
    return value if type(value) is int else 0


def data_of(reply: Reply) -> Any:
    """The JSON of an answer, lists too. Raises ChannelSilent."""
    if reply.body is not None:
        return reply.body
    if reply.kind != "application/json":
        raise unreadable(reply.kind)
    try:
        return json.loads(reply.data, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise unreadable() from None


def utc(moment: datetime) -> str:
    """A moment in whole seconds of UTC, as ``2026-01-31T09:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
