"""Worklists: orders waiting for one kind of work, and how many wait in each.

A worklist is a row of ``WORKLISTS``. The counts of all of them come from one statement over the partial index
``ix_orders_open``, so they cost the number of open orders, never the number of orders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, String, and_, func, literal, select, true, type_coerce, union_all
from sqlalchemy.orm import Session

from oms import clock
from oms.actor import Actor
from oms.intake.models import IntakeItem
from oms.intake.states import Outcome
from oms.orders.listing import DUE_SOON, OrderFilter, page_statement
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.orders.states import Board

B = Board
BEFORE_HAND_OVER: tuple[Board, ...] = (
    B.ON_HOLD, B.WAITING_PAYMENT, B.SLIP_WAITING, B.SHORT_PAYMENT, B.WAITING_STOCK, B.READY, B.PICKING, B.PACKED,
    B.LABELED,
)  # fmt: skip
UNPAID: tuple[Board, ...] = (B.WAITING_PAYMENT, B.SHORT_PAYMENT)


@dataclass(frozen=True)
class Worklist:
    """One queue. ``needs`` is the named action whose people work it; ``sort`` is a key of ``orders.listing.SORTS``;
    ``hot`` paints its count as urgent."""

    key: str
    label: str
    hint: str
    needs: str
    boards: tuple[Board, ...] = ()
    sort: str = "ship_by"
    hot: bool = False
    due_soon: bool = False
    mine: bool = False


WORKLISTS: dict[str, Worklist] = {
    w.key: w
    for w in (
        Worklist("slips", "Orders with a slip to check", "A customer said “I paid”; somebody has to look at it.",
                 "payment.verify", (B.SLIP_WAITING,), sort="oldest", hot=True),
        Worklist("unpaid", "Waiting for payment", "No money yet, or not enough. The oldest come first.",
                 "order.price", UNPAID, sort="oldest"),
        Worklist("held", "On hold", "Somebody or a rule stopped these. Each says why.",
                 "order.view", (B.ON_HOLD,), sort="oldest"),
        Worklist("drafts", "Drafts", "Entered but not confirmed; no stock is reserved for them.",
                 "order.create", (B.DRAFT,), sort="oldest"),
        Worklist("short", "Waiting for stock", "Paid or promised, but not every piece is reserved.",
                 "stock.view", (B.WAITING_STOCK,)),
        Worklist("ready", "Ready to ship", "Money settled and stock reserved, in order of ship-by time.",
                 "order.view", (B.READY,)),
        Worklist("packing", "Picking and packing", "In the warehouse's hands.",
                 "shipment.hand_over", (B.PICKING, B.PACKED, B.LABELED)),
        Worklist("late", "Late or due soon", "To be handed over within 24 hours, or already late.",
                 "order.view", BEFORE_HAND_OVER, hot=True, due_soon=True),
        Worklist("shipped", "On the way", "Handed over to the carrier.",
                 "order.view", (B.HANDED_OVER, B.OUT_FOR_DELIVERY), sort="newest"),
        Worklist("trouble", "Delivery problems and returns", "Not delivered, or on the way back.",
                 "order.view", (B.DELIVERY_PROBLEM, B.RETURNING), sort="oldest", hot=True),
        Worklist("cod", "COD outstanding", "Delivered; the carrier still owes the money.",
                 "order.price", (B.COD_OUTSTANDING,), sort="oldest"),
        Worklist("delivered", "Delivered, to close", "Delivered or back again; the money is not settled yet.",
                 "order.price", (B.DELIVERED, B.CAME_BACK), sort="oldest"),
        Worklist("mine", "My orders", "Open orders assigned to you.", "order.create", sort="oldest", mine=True),
    )
}  # fmt: skip
QUARANTINE = "quarantine"  # counted here, worked on the intake screens


def due_before() -> Any:
    """Ship-by moments before this are late or due soon."""
    return clock.now() + DUE_SOON


def conditions(worklist: Worklist, actor: Actor) -> list[ColumnElement[bool]]:
    """What makes an open order belong to this worklist."""
    found: list[ColumnElement[bool]] = [Order.closed_at.is_(None)]
    if worklist.boards:
        found.append(Order.board.in_(worklist.boards))
    if worklist.due_soon:
        found.append(Order.ship_by < due_before())
    if worklist.mine:
        found.append(Order.owner_id == actor.user_id)
    return found


def as_filter(worklist: Worklist, actor: Actor) -> OrderFilter:
    """The worklist as a filter, for addresses and exports."""
    return OrderFilter(
        boards=",".join(b.value for b in worklist.boards),
        due=worklist.due_soon,
        open=True,
        owner=actor.user_id or 0 if worklist.mine else 0,
        sort=worklist.sort,
    )


@dataclass(frozen=True)
class Counts(Mapping[str, int]):
    """How many orders wait, per worklist; and, within one, per shop id."""

    by_shop: Mapping[str, Mapping[int, int]]

    def __getitem__(self, key: str) -> int:
        return sum(self.by_shop[key].values())

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_shop)

    def __len__(self) -> int:
        return len(self.by_shop)

    def shops(self, key: str) -> dict[int, int]:
        """Orders of a worklist per shop id, the fullest first."""
        return dict(sorted(self.by_shop.get(key, {}).items(), key=lambda item: -item[1]))


def _quarantined(actor: Actor) -> Any:
    scope = true() if actor.shops is None else IntakeItem.shop_id.in_(sorted(actor.shops))
    return (
        select(literal(QUARANTINE, String), func.coalesce(IntakeItem.shop_id, 0), func.count())
        .where(and_(IntakeItem.outcome == Outcome.QUARANTINED, IntakeItem.closed_at.is_(None), scope))
        .group_by(IntakeItem.shop_id)
    )


def counts_statement(actor: Actor) -> Any:
    """The one statement behind all counts: (name, shop id, n). A plain board stands under ``board:<name>``."""
    seen = visible(actor)
    boards = (
        seen.with_only_columns(type_coerce(Order.board, String).label("name"), Order.shop_id, func.count())
        .where(Order.closed_at.is_(None))
        .group_by(Order.board, Order.shop_id)
    )
    special = [
        seen.with_only_columns(literal(f"*{w.key}", String), Order.shop_id, func.count())
        .where(*conditions(w, actor))
        .group_by(Order.shop_id)
        for w in WORKLISTS.values()
        if w.due_soon or w.mine
    ]
    return union_all(boards, *special, _quarantined(actor))


def counts(session: Session, actor: Actor) -> Counts:
    """All worklist counts as this actor sees them, in one statement."""
    raw: dict[str, dict[int, int]] = {}
    for name, shop_id, n in session.execute(counts_statement(actor)):
        raw.setdefault(name, {})[int(shop_id)] = n
    found = {QUARANTINE: raw.get(QUARANTINE, {})}
    for worklist in WORKLISTS.values():
        special = worklist.due_soon or worklist.mine
        names: Iterable[str] = [f"*{worklist.key}"] if special else [b.value for b in worklist.boards]
        merged: dict[int, int] = {}
        for name in names:
            for shop_id, n in raw.get(name, {}).items():
                merged[shop_id] = merged.get(shop_id, 0) + n
        found[worklist.key] = merged
    return Counts(found)


def open_to(actor: Actor) -> list[Worklist]:
    """The worklists this actor works."""
    return [w for w in WORKLISTS.values() if actor.may("order.view") and actor.may(w.needs)]


def first_to_leave(session: Session, actor: Actor, most: int) -> Sequence[Any]:
    """The orders that must be handed over first. Each board gives its own first few by index; only those are sorted,
    so that 10,000 late orders cost no more than ten."""
    late = WORKLISTS["late"]
    shared = [Order.closed_at.is_(None), Order.ship_by < due_before()]
    firsts = [
        visible(actor)
        .with_only_columns(Order.id)
        .where(Order.board == place, *shared)
        .order_by(Order.ship_by, Order.id)
        .limit(most)
        .subquery()
        for place in late.boards
    ]
    ids = union_all(*(select(first.c.id) for first in firsts)).subquery()
    statement = page_statement(actor, [Order.id.in_(select(ids.c.id))], late.sort)
    return session.execute(statement.limit(most)).all()
