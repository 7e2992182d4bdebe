"""What must hold before stock moves: the place, the lines, and that no promise is broken, told in words."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from oms.catalog.models import Sku
from oms.db import Tx
from oms.errors import Forbidden, InvalidInput, Refused, StockShort, say
from oms.inventory import moving
from oms.inventory.models import (
    Bucket,
    Reservation,
    ReservationStatus,
    StockLevel,
    StockPaper,
    Warehouse,
    WarehouseKind,
)
from oms.inventory.moving import Move
from oms.orders.models import Order
from oms.usecases.keeping import bounded, names

MAX_LINES = 2000


@dataclass(frozen=True)
class StockLine:
    """So many pieces of one SKU."""

    sku_id: int
    quantity: int


def take_turn(tx: Tx, key: str) -> str:
    """Calls with the same key wait for one another; answers the cleaned key."""
    wanted = bounded(key, 120, "idempotency_key", missing=say("The form has no key; open it again"))
    lock = int.from_bytes(hashlib.sha256(wanted.encode()).digest()[:8], signed=True)
    tx.session.execute(select(func.pg_advisory_xact_lock(lock)))
    return wanted


def paper_by_key(tx: Tx, key: str) -> StockPaper | None:
    """The paper posted with this key, if any. Calls with the same key wait for one another."""
    wanted = take_turn(tx, key)
    return tx.session.scalars(select(StockPaper).where(StockPaper.idempotency_key == wanted)).one_or_none()


def check_place(tx: Tx, warehouse_id: int) -> None:
    """Raise unless the warehouse is open and one of the actor's."""
    row = tx.session.get(Warehouse, warehouse_id)
    if row is None or not row.is_active:
        raise InvalidInput(say("Choose an open warehouse"), field="warehouse_id", code="warehouse_closed")
    if not tx.actor.sees_warehouse(row.id):
        raise Forbidden(
            say("{warehouse} is not one of your warehouses", warehouse=row.code),
            field="warehouse_id",
            code="warehouse_scope",
        )


def check_sender(tx: Tx, warehouse_id: int) -> None:
    """``check_place``, and orders are sent from it: it is no partner's place."""
    check_place(tx, warehouse_id)
    if tx.session.get_one(Warehouse, warehouse_id).kind is not WarehouseKind.OWN:
        raise InvalidInput(
            say(
                "{warehouse} is a partner's place; orders are not sent from it",
                warehouse=warehouse_code(tx, warehouse_id),
            ),
            field="warehouse_id",
            code="warehouse_partner",
        )


def refuse_stock(tx: Tx, warehouse: Warehouse) -> None:
    """Raise Refused while pieces are in a warehouse, or on their way to it."""
    pieces = tx.session.scalar(
        select(func.coalesce(func.sum(StockLevel.on_hand + StockLevel.damaged + StockLevel.incoming), 0)).where(
            StockLevel.warehouse_id == warehouse.id
        )
    )
    if pieces:
        raise Refused(
            say("{pieces} pieces are still in this warehouse; move or adjust them first", pieces=f"{pieces:,}"),
            field="is_active",
            code="warehouse_holds_stock",
        )


def check_lines(tx: Tx, lines: Sequence[StockLine], *, low: int, zero: bool = False) -> None:
    """Raise InvalidInput for lines that cannot be used: none, twice the same SKU, a set, a number beyond belief."""
    if not lines:
        raise InvalidInput(say("Add at least one product"), field="lines", code="lines_missing")
    if len(lines) > MAX_LINES:
        raise InvalidInput(say("At most {most} lines at once", most=MAX_LINES), field="lines", code="lines_many")
    skus = {row.id: row for row in tx.session.scalars(select(Sku).where(Sku.id.in_({x.sku_id for x in lines})))}
    for line in lines:
        sku = skus.get(line.sku_id)
        if sku is None:
            raise InvalidInput(say("This product does not exist"), field="lines", code="sku_unknown")
        if sku.is_bundle:
            raise InvalidInput(
                say("{sku} is a set; its stock is that of its parts", sku=sku.code), field="lines", code="sku_is_bundle"
            )
        if not low <= line.quantity <= moving.MOST or (line.quantity == 0 and not zero):
            raise InvalidInput(
                say(
                    "The number for {sku} must be from {low} to {high}, and not zero",
                    sku=sku.code, low=f"{low:,}", high=f"{moving.MOST:,}",
                ),
                field="lines",
                code="quantity_range",
            )  # fmt: skip
    doubled = [skus[sku_id].code for sku_id, count in Counter(line.sku_id for line in lines).items() if count > 1]
    if doubled:
        raise InvalidInput(
            say("{skus} is entered twice; put it on one line", skus=names(doubled)), field="lines", code="sku_twice"
        )


def refuse_impossible(tx: Tx, warehouse_id: int, levels: Mapping[int, StockLevel], moves: Sequence[Move]) -> None:
    """Raise for the first balance that would break a promise or go below zero, and say who holds the promise."""
    for move in moving.impossible(levels, moves):
        level, code = levels[move.sku_id], sku_codes(tx, [move.sku_id])[move.sku_id]
        if move.quantity > 0:
            raise InvalidInput(
                say("{sku} would have more than {most} pieces there", sku=code, most=f"{moving.MOST:,}"),
                field="lines",
                code="quantity_range",
            )
        if move.bucket is Bucket.DAMAGED:
            raise Refused(
                say("Only {count} damaged pieces of {sku} are there", count=level.damaged, sku=code),
                field="lines",
                code="damaged_short",
            )
        raise _promised(tx, warehouse_id, level, code, -move.quantity)


def _promised(tx: Tx, warehouse_id: int, level: StockLevel, code: str, wanted: int) -> StockShort:
    orders = tx.session.scalars(
        select(Order.number)
        .join(Reservation, Reservation.order_id == Order.id)
        .where(
            Reservation.sku_id == level.sku_id,
            Reservation.warehouse_id == warehouse_id,
            Reservation.status == ReservationStatus.ACTIVE,
        )
        .group_by(Order.number)
        .order_by(Order.number)
        .limit(20)
    ).all()
    if not orders:
        return StockShort(
            say("Only {count} of {sku} are there; {wanted} cannot leave", count=level.on_hand, sku=code, wanted=wanted),
            field="lines",
        )
    return StockShort(
        say(
            "Only {free} of {sku} are free, {wanted} cannot leave: {reserved} are promised to {orders}",
            free=level.available, sku=code, wanted=wanted, reserved=level.reserved, orders=names(orders),
        ),
        field="lines",
    )  # fmt: skip


def sku_codes(tx: Tx, sku_ids: Collection[int]) -> dict[int, str]:
    """Codes by id."""
    rows = tx.session.execute(select(Sku.id, Sku.code).where(Sku.id.in_(set(sku_ids))))
    return {row[0]: row[1] for row in rows}


def warehouse_code(tx: Tx, warehouse_id: int) -> str:
    """The code of a warehouse."""
    return tx.session.get_one(Warehouse, warehouse_id).code
