"""Reads of the intake: runs, what waits, differences, and the days and orders that a file ought to have had."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, any_, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from oms.actor import Actor
from oms.catalog.models import Shop
from oms.intake.models import IntakeConflict, IntakeItem, IntakeRow, IntakeRun
from oms.intake.states import OWN_ACTION, ConflictStatus, IntakeKind, Outcome
from oms.orders.models import Order


def one_of(column: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """``column`` is one of many values, sent as one array: hundreds of parameters cost more than the answer."""
    found: ColumnElement[bool] = column == any_(literal(sorted(values), ARRAY(column.type)))
    return found


def runs(actor: Actor) -> Select[Any]:
    """(run, shop) of files, newest first, of shops this actor may see."""
    files: Any = select(IntakeRun, Shop)
    statement: Select[Any] = files.outerjoin(Shop, Shop.id == IntakeRun.shop_id)
    statement = statement.where(IntakeRun.source == "file")
    statement = statement.order_by(IntakeRun.id.desc())
    statement = statement.where(IntakeRun.kind.in_(_open_kinds(actor)))
    if actor.shops is not None:
        statement = statement.where(IntakeRun.shop_id.is_(None) | IntakeRun.shop_id.in_(sorted(actor.shops)))
    return statement


def _open_kinds(actor: Actor) -> list[IntakeKind]:
    """The kinds of files this actor may see: some by their own action, all others by the common one."""
    return [kind for kind in IntakeKind if actor.may(OWN_ACTION.get(kind, "intake.import"))]


def waiting(actor: Actor) -> Select[Any]:
    """(item, run, shop) of records that wait for a person, the oldest first."""
    records: Any = select(IntakeItem, IntakeRun, Shop)
    statement: Select[Any] = (
        records.join(IntakeRun, IntakeRun.id == IntakeItem.run_id)
        .outerjoin(Shop, Shop.id == IntakeItem.shop_id)
        .where(IntakeItem.outcome == Outcome.QUARANTINED, IntakeItem.closed_at.is_(None))
        .where(IntakeRun.kind.in_(_open_kinds(actor)))
        .order_by(IntakeItem.run_id, IntakeItem.no)
    )
    if actor.shops is not None:
        statement = statement.where(IntakeItem.shop_id.is_(None) | IntakeItem.shop_id.in_(sorted(actor.shops)))
    return statement


def count_conflicts(actor: Actor) -> Select[int]:
    """How many differences wait, for the menu (waiting records are counted with the worklists)."""
    differences = conflicts(actor).with_only_columns(func.count(IntakeConflict.id), maintain_column_froms=True)
    return differences.order_by(None)


@dataclass(frozen=True)
class UnknownSku:
    """A shop's word for a product that nobody has mapped, and how many orders wait for it."""

    shop_id: int
    shop: str
    channel: str
    sku: str
    orders: int


def unknown_skus(session: Session, actor: Actor, limit: int = 100) -> list[UnknownSku]:
    """The words that hold up the most orders first."""
    word = func.jsonb_array_elements_text(IntakeItem.unknown_skus).label("word")
    base = waiting(actor).where(IntakeItem.unknown_skus.is_not(None)).order_by(None)
    inner = base.with_only_columns(IntakeItem.shop_id, word, maintain_column_froms=True).subquery()
    statement = (
        select(inner.c.shop_id, Shop.name, Shop.channel, inner.c.word, func.count().label("orders"))
        .join(Shop, Shop.id == inner.c.shop_id)
        .group_by(inner.c.shop_id, Shop.name, Shop.channel, inner.c.word)
        .order_by(func.count().desc(), inner.c.word)
        .limit(limit)
    )
    return [UnknownSku(r[0], r[1], r[2].value, r[3], r[4]) for r in session.execute(statement)]


def bad_items(session: Session, run_id: int, limit: int) -> Sequence[IntakeItem]:
    """Records of a run with problems, in the order of the file."""
    statement = (
        select(IntakeItem)
        .where(IntakeItem.run_id == run_id, IntakeItem.problems.is_not(None))
        .order_by(IntakeItem.no)
        .limit(limit)
    )
    return list(session.scalars(statement))


def first_rows(session: Session, run_id: int, limit: int) -> list[IntakeRow]:
    """The first lines of a run as they came."""
    statement = select(IntakeRow).where(IntakeRow.run_id == run_id).order_by(IntakeRow.line).limit(limit)
    return list(session.scalars(statement))


def item_rows(session: Session, run_id: int, no: int) -> list[IntakeRow]:
    """The lines of one record as they came."""
    statement = select(IntakeRow).where(IntakeRow.run_id == run_id, IntakeRow.item_no == no).order_by(IntakeRow.line)
    return list(session.scalars(statement))


def conflicts(actor: Actor) -> Select[Any]:
    """(difference, order, shop) that wait for a decision, the oldest first."""
    pairs: Any = select(IntakeConflict, Order, Shop)
    statement: Select[Any] = (
        pairs.join(Order, Order.id == IntakeConflict.order_id)
        .join(Shop, Shop.id == IntakeConflict.shop_id)
        .where(IntakeConflict.status == ConflictStatus.OPEN)
        .order_by(IntakeConflict.id)
    )
    if actor.shops is not None:
        statement = statement.where(IntakeConflict.shop_id.in_(sorted(actor.shops)))
    return statement


@dataclass(frozen=True)
class SilentDay:
    """A day without a single order in a shop that sells on most days."""

    shop: str
    channel: str
    day: date
    usual: float


_SILENT = text("""
WITH days AS (
  SELECT s.id, s.name, s.channel, d::date AS day
  FROM shops s CROSS JOIN generate_series(CAST(:first AS date), CAST(:last AS date), interval '1 day') d
  WHERE s.is_active AND (CAST(:shops AS bigint[]) IS NULL OR s.id = ANY(CAST(:shops AS bigint[])))
), counted AS (
  SELECT shop_id, (placed_at AT TIME ZONE 'Asia/Bangkok')::date AS day, count(*) AS orders
  FROM orders
  WHERE placed_at >= CAST(:first AS date) - interval '1 day' AND placed_at < CAST(:last AS date) + interval '2 days'
  GROUP BY 1, 2
), filled AS (
  SELECT days.*, coalesce(c.orders, 0) AS orders
  FROM days LEFT JOIN counted c ON c.shop_id = days.id AND c.day = days.day
), usual AS (
  SELECT id, avg(orders) AS mean, count(*) FILTER (WHERE orders > 0) AS selling, count(*) AS days,
    min(day) FILTER (WHERE orders > 0) AS opened
  FROM filled GROUP BY id
)
SELECT f.name, f.channel, f.day, u.mean FROM filled f JOIN usual u ON u.id = f.id
WHERE f.orders = 0 AND f.day > u.opened AND u.selling * 2 > (CAST(:last AS date) - u.opened + 1)
ORDER BY f.day DESC, f.name
""")


def silent_days(session: Session, actor: Actor, first: date, last: date) -> list[SilentDay]:
    """Days on which a shop that sells on most days had no order at all: a file may not have been taken in."""
    shops = None if actor.shops is None else sorted(actor.shops)
    found = session.execute(_SILENT, {"first": first, "last": last, "shops": shops})
    return [SilentDay(row[0], row[1], row[2], float(row[3])) for row in found]


@dataclass(frozen=True)
class Missing:
    """An open order that a later file of its shop, covering its day, did not mention."""

    order_id: int
    number: str
    external_no: str
    shop: str
    channel: str
    run_id: int
    file_name: str


_MISSING = text("""
WITH latest AS (
  SELECT DISTINCT ON (shop_id) id, shop_id, file_name, covers_from, covers_to
  FROM intake_runs
  WHERE kind = 'orders' AND source = 'file' AND status = 'done' AND covers_from IS NOT NULL
    AND (CAST(:shops AS bigint[]) IS NULL OR shop_id = ANY(CAST(:shops AS bigint[])))
  ORDER BY shop_id, id DESC
)
SELECT o.id, o.number, i.external_no, s.name, s.channel, l.id, l.file_name
FROM latest l
JOIN imported_orders i ON i.shop_id = l.shop_id AND i.placed_at BETWEEN l.covers_from AND l.covers_to
  AND (i.run_id IS NULL OR i.run_id < l.id)
JOIN orders o ON o.id = i.order_id AND o.closed_at IS NULL
JOIN shops s ON s.id = l.shop_id
WHERE NOT EXISTS (SELECT 1 FROM intake_items t WHERE t.run_id = l.id AND t.key = i.external_no)
ORDER BY i.placed_at LIMIT :most
""")


def missing_orders(session: Session, actor: Actor, most: int = 200) -> list[Missing]:
    """Open orders that the shop's latest file should have mentioned by its dates, and did not."""
    shops = None if actor.shops is None else sorted(actor.shops)
    return [Missing(*row) for row in session.execute(_MISSING, {"shops": shops, "most": most})]
