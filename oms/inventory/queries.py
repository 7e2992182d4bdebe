"""Reads of stock: what is where, what runs low, the story of one SKU."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, joinedload

from oms.actor import Actor
from oms.catalog.finding import narrow
from oms.catalog.models import Sku
from oms.inventory.availability import Place, available, places
from oms.inventory.consignment_models import Settlement
from oms.inventory.count_models import StockCount
from oms.inventory.models import Bucket, StockLevel, StockMovement, StockPaper
from oms.inventory.transfer_models import Transfer

MOVEMENTS = 50
DOCUMENT = re.compile(r"^[A-Za-z]{2}\d{2}-\d{6,}$")


def visible_levels(actor: Actor) -> Select[StockLevel]:
    """Balances of the warehouses this actor works with."""
    statement = select(StockLevel).join(Sku, Sku.id == StockLevel.sku_id)
    return statement if actor.warehouses is None else statement.where(_mine(StockLevel, actor))


def visible_movements(actor: Actor) -> Select[StockMovement]:
    """Movements of the warehouses this actor works with."""
    statement = select(StockMovement).join(Sku, Sku.id == StockMovement.sku_id)
    return statement if actor.warehouses is None else statement.where(_mine(StockMovement, actor))


def visible_papers(actor: Actor) -> Select[StockPaper]:
    """Stock papers of the warehouses this actor works with."""
    statement = select(StockPaper)
    return statement if actor.warehouses is None else statement.where(_mine(StockPaper, actor))


def visible_transfers(actor: Actor) -> Select[Transfer]:
    """Transfers from or to the warehouses this actor works with."""
    return transfers_of(actor, select(Transfer))


def transfers_of(actor: Actor, statement: Select[Any]) -> Select[Any]:
    """A statement about transfers, narrowed to those this actor may see."""
    if actor.warehouses is None:
        return statement
    mine = sorted(actor.warehouses)
    return statement.where(or_(Transfer.from_id.in_(mine), Transfer.to_id.in_(mine)))


def visible_counts(actor: Actor) -> Select[StockCount]:
    """Counts of the warehouses this actor works with."""
    statement = select(StockCount)
    return statement if actor.warehouses is None else statement.where(_mine(StockCount, actor))


def visible_settlements(actor: Actor) -> Select[Settlement]:
    """Settlements of the places this actor works with."""
    statement = select(Settlement)
    return statement if actor.warehouses is None else statement.where(_mine(Settlement, actor))


def narrow_movements(statement: Select[Any], text: str) -> Select[Any]:
    """By document number (``RC69-000012``), or else by SKU, name or barcode."""
    wanted = text.replace("\x00", "").strip()[:40]
    if DOCUMENT.match(wanted):
        return statement.where(StockMovement.document == wanted.upper())
    return narrow(statement, text)


def _mine(model: Any, actor: Actor) -> Any:
    return model.warehouse_id.in_(sorted(actor.warehouses or ()))


@dataclass(frozen=True)
class Balance:
    """One SKU in one warehouse, as the stock card shows it. ``free`` of a set counts whole sets."""

    place: Place
    on_hand: int
    reserved: int
    free: int
    damaged: int
    incoming: int
    location: str = ""


def balances(session: Session, actor: Actor, sku: Sku) -> list[Balance]:
    """One SKU in every warehouse of the actor; a set has only what its parts make."""
    here = places(session, actor, partners=True)
    rows = {row.warehouse_id: row for row in session.scalars(visible_levels(actor).where(StockLevel.sku_id == sku.id))}
    free = available(session, [sku.id], [place.id for place in here])[sku.id]
    return [_balance(place, rows.get(place.id), free.get(place.id, 0)) for place in here]


def _balance(place: Place, row: StockLevel | None, free: int) -> Balance:
    if row is None:
        return Balance(place, 0, 0, free, 0, 0)
    return Balance(place, row.on_hand, row.reserved, free, row.damaged, row.incoming, row.location)


@dataclass(frozen=True)
class Step:
    """A movement with the balance (of its bucket) after it."""

    movement: StockMovement
    balance: int


def steps(
    session: Session, sku_id: int, warehouse_id: int, before: int | None = None, limit: int = MOVEMENTS
) -> Sequence[Step]:
    """The latest movements of one SKU in one warehouse with the running balance, newest first; one statement for both
    balances and rows, however long the story is. ``before`` pages on from a movement id."""
    running = func.sum(StockMovement.quantity).over(
        partition_by=StockMovement.bucket, order_by=StockMovement.id, rows=(None, 0)
    )
    story = (
        select(StockMovement.id, running.label("balance"))
        .where(StockMovement.sku_id == sku_id, StockMovement.warehouse_id == warehouse_id)
        .subquery()
    )
    statement = (
        select(StockMovement, story.c.balance)
        .join(story, story.c.id == StockMovement.id)
        .options(joinedload(StockMovement.warehouse))
        .order_by(StockMovement.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(StockMovement.id < before)
    return [Step(movement, int(balance)) for movement, balance in session.execute(statement)]


def low_stock(actor: Actor) -> Select[Any]:
    """SKUs on sale of which fewer pieces are free than their warning level, over the actor's warehouses, the most
    urgent first. Rows of (Sku, on hand, reserved, free, incoming)."""
    levels = visible_levels(actor).subquery()
    totals = (
        select(
            levels.c.sku_id,
            func.sum(levels.c.on_hand).label("on_hand"),
            func.sum(levels.c.reserved).label("reserved"),
            func.sum(levels.c.incoming).label("incoming"),
        )
        .group_by(levels.c.sku_id)
        .subquery()
    )
    on_hand, reserved, incoming = (func.coalesce(totals.c[n], 0) for n in ("on_hand", "reserved", "incoming"))
    free = on_hand - reserved
    return (
        select(Sku, on_hand, reserved, free.label("free"), incoming)
        .outerjoin(totals, totals.c.sku_id == Sku.id)
        .where(Sku.is_active, Sku.is_bundle.is_(False), Sku.low_stock > 0, free < Sku.low_stock)
        .order_by((free - Sku.low_stock), Sku.code)
    )


def movements_of(session: Session, document: str) -> Sequence[StockMovement]:
    """What one paper did."""
    statement = (
        select(StockMovement)
        .where(StockMovement.document == document)
        .options(joinedload(StockMovement.sku))
        .order_by(StockMovement.id)
        .limit(4000)
    )
    return session.scalars(statement).all()


BUCKET_LABELS: dict[Bucket, str] = {Bucket.ON_HAND: "On hand", Bucket.DAMAGED: "Damaged"}
