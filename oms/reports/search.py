"""The one search box: numbers exactly, then any fragment of what an order is known by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, select, union
from sqlalchemy.orm import Session

from oms.actor import Actor
from oms.catalog.models import Shop
from oms.orders.listing import COLUMNS
from oms.orders.models import Order, OrderSearch
from oms.orders.queries import visible
from oms.returns.models import Return
from oms.shipping.models import Parcel, ShipmentLine
from oms.thai.phone import phone_fragment
from oms.thai.text import GRAM, clean, normalize, query_grams

FOUND = 50  # the newest so many are shown; more means: type more
SHORTEST = 2
RECENT = 20_000  # orders looked through one by one before the index is asked


@dataclass(frozen=True)
class Found:
    """What a search found. ``exact``: the one order the text names beyond doubt."""

    rows: Sequence[Row[Any]]
    exact: int | None = None
    more: bool = False


def _exact_ids(text: str) -> Any:
    """Ids of orders whose number, channel number, tracking number or return is exactly this."""
    shops = select(Shop.id).scalar_subquery()
    by_number = select(Order.id).where(Order.number == text.upper())
    by_external = select(Order.id).where(Order.shop_id.in_(shops), Order.external_no == text)
    by_tracking = (
        select(ShipmentLine.order_id)
        .join(Parcel, Parcel.shipment_id == ShipmentLine.shipment_id)
        .where(Parcel.tracking_no.in_(sorted({text, text.upper()})))
    )
    by_return = select(Return.order_id).where(Return.number == text.upper())
    by_way_back = select(Return.order_id).where(
        Return.tracking_no != "", Return.tracking_no.in_(sorted({text, text.upper()}))
    )
    return union(by_number, by_external, by_tracking, by_return, by_way_back)


def _like(fragment: str) -> str:
    escaped = fragment.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def fragment_conditions(words: Sequence[str]) -> list[ColumnElement[bool]]:
    """The words as conditions on ``order_search``: the index narrows by pieces, LIKE decides."""
    found: list[ColumnElement[bool]] = [OrderSearch.grams.contains(query_grams(" ".join(words)))]
    return found + [OrderSearch.haystack.like(_like(word)) for word in words]


def recent_statement(actor: Actor, words: Sequence[str]) -> Any:
    """The newest orders that hold every word, looked for in the last ``RECENT`` orders, newest first.

    A common word fills the page at once this way; the index would first gather every order there ever was with it.
    """
    recent = (
        select(OrderSearch.order_id, OrderSearch.haystack)
        .order_by(OrderSearch.order_id.desc())
        .limit(RECENT)
        .subquery()
    )
    return (
        visible(actor)
        .with_only_columns(*COLUMNS)
        .join(recent, recent.c.order_id == Order.id)
        .where(*(recent.c.haystack.like(_like(word)) for word in words))
        .order_by(recent.c.order_id.desc())
        .limit(FOUND + 1)
    )


def fragment_statement(actor: Actor, words: Sequence[str]) -> Any:
    """The newest orders that hold every word, of all time, by the index."""
    return (
        visible(actor)
        .with_only_columns(*COLUMNS)
        .join(OrderSearch, OrderSearch.order_id == Order.id)
        .where(*fragment_conditions(words))
        .order_by(OrderSearch.order_id.desc())
        .limit(FOUND + 1)
    )


def _find(session: Session, actor: Actor, words: Sequence[str]) -> Any:
    """Recent orders when they fill the page; else all, unless every word is too short for the index."""
    rows = session.execute(recent_statement(actor, words)).all()
    if len(rows) > FOUND or all(len(word) < GRAM for word in words):
        return rows
    return session.execute(fragment_statement(actor, words)).all()


def search_orders(session: Session, actor: Actor, raw: str) -> Found:
    """Orders a clerk may mean: exactly named ones, else a phone number in any spelling, else words."""
    text = clean(raw)[:100]
    if len(text) < SHORTEST:
        return Found([])
    exact: Any = session.execute(
        visible(actor).with_only_columns(*COLUMNS).where(Order.id.in_(_exact_ids(text))).limit(FOUND)
    ).all()
    if exact:
        return Found(exact, exact=exact[0].id if len(exact) == 1 else None)
    digits, words = phone_fragment(text), normalize(text).split()
    ways = [way for way in ([digits] if digits else [], words) if way]
    rows: Any = []
    for way in ways:
        rows = _find(session, actor, way)
        if rows or way == words:
            break
    return Found(rows[:FOUND], more=len(rows) > FOUND)
