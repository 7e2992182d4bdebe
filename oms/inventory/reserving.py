"""Promises of stock: taken, given back, used up. Every change locks stock rows in (sku, warehouse) order first.

Locks are ``FOR NO KEY UPDATE``: rows that refer to a SKU by foreign key do not block them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert

from oms import clock
from oms.db import Tx, insert_rows
from oms.inventory.models import (
    Bucket,
    MovementKind,
    Reservation,
    ReservationStatus,
    StockLevel,
    StockMovement,
)

Key = tuple[int, int]  # (sku id, warehouse id)

_ADD_TO_LEVELS = text(
    "UPDATE stock_levels l SET on_hand = l.on_hand + d.hand, reserved = l.reserved + d.promise"
    " FROM unnest(CAST(:skus AS bigint[]), CAST(:places AS bigint[]), CAST(:hands AS int[]), CAST(:promises AS int[]))"
    " AS d(sku, place, hand, promise) WHERE l.sku_id = d.sku AND l.warehouse_id = d.place"
)

_LOCK_LEVELS = (
    select(StockLevel)
    .where(
        text(
            "(stock_levels.sku_id, stock_levels.warehouse_id) IN"
            " (SELECT * FROM unnest(CAST(:skus AS bigint[]), CAST(:places AS bigint[])))"
        )
    )
    .order_by(StockLevel.sku_id, StockLevel.warehouse_id)
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True)
class Want:
    """Pieces of one plain SKU for one order line; bundles come as their parts."""

    order_id: int
    order_line_id: int
    sku_id: int
    warehouse_id: int
    quantity: int


@dataclass(frozen=True)
class Shortage:
    """What an order could not get: how many were wanted and how many are left."""

    sku_id: int
    warehouse_id: int
    wanted: int
    left: int


def lock_levels(tx: Tx, keys: Iterable[Key]) -> dict[Key, StockLevel]:
    """The stock rows, locked in key order and read afresh. A pair that has no row yet is missing from the answer."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    keyed = {"skus": [sku for sku, _ in wanted], "places": [place for _, place in wanted]}
    return {(level.sku_id, level.warehouse_id): level for level in tx.session.scalars(_LOCK_LEVELS, keyed)}


def lock_or_make_levels(tx: Tx, keys: Iterable[Key]) -> dict[Key, StockLevel]:
    """Like ``lock_levels``; pairs without a row get one at zero first."""
    wanted = sorted(set(keys))
    if wanted:
        zero = {"on_hand": 0, "reserved": 0, "damaged": 0, "incoming": 0}
        rows = [{"sku_id": sku, "warehouse_id": place, **zero} for sku, place in wanted]
        tx.session.execute(insert(StockLevel).on_conflict_do_nothing(), rows)
    return lock_levels(tx, wanted)


def _change_levels(tx: Tx, on_hand: Mapping[Key, int], reserved: Mapping[Key, int]) -> None:
    """Add to the balances of locked rows, in one statement."""
    keys = sorted(set(on_hand) | set(reserved))
    if not keys:
        return
    tx.session.execute(
        _ADD_TO_LEVELS,
        {
            "skus": [sku for sku, _ in keys],
            "places": [place for _, place in keys],
            "hands": [on_hand.get(key, 0) for key in keys],
            "promises": [reserved.get(key, 0) for key in keys],
        },
    )
    changed = set(keys)
    for level in list(tx.session.identity_map.values()):
        if isinstance(level, StockLevel) and (level.sku_id, level.warehouse_id) in changed:
            tx.session.expire(level)


def take(tx: Tx, wants: Sequence[Want]) -> None:
    """Promise pieces whose rows are locked and known to be free."""
    if not wants:
        return
    reserved: dict[Key, int] = defaultdict(int)
    for want in wants:
        reserved[want.sku_id, want.warehouse_id] += want.quantity
    _change_levels(tx, {}, reserved)
    at = clock.now()
    insert_rows(
        tx,
        Reservation,
        [
            {
                "order_id": w.order_id, "order_line_id": w.order_line_id, "sku_id": w.sku_id,
                "warehouse_id": w.warehouse_id, "quantity": w.quantity, "status": ReservationStatus.ACTIVE,
                "created_at": at,
            }
            for w in wants
        ],
    )  # fmt: skip


def _active(tx: Tx, order_ids: Collection[int], line_ids: Collection[int] | None = None) -> list[Reservation]:
    statement = (
        select(Reservation)
        .where(Reservation.order_id.in_(sorted(order_ids)), Reservation.status == ReservationStatus.ACTIVE)
        .order_by(Reservation.sku_id, Reservation.warehouse_id, Reservation.id)
    )
    if line_ids is not None:
        statement = statement.where(Reservation.order_line_id.in_(sorted(line_ids)))
    return list(tx.session.scalars(statement))


def _close(tx: Tx, promises: Sequence[Reservation], status: ReservationStatus) -> dict[Key, int]:
    """Close promises and tell how many pieces each key loses from ``reserved``."""
    given: dict[Key, int] = defaultdict(int)
    for promise in promises:
        given[promise.sku_id, promise.warehouse_id] -= promise.quantity
    if promises:
        tx.session.execute(
            update(Reservation)
            .where(Reservation.id.in_([p.id for p in promises]))
            .values(status=status, closed_at=clock.now())
        )
    return given


def release(tx: Tx, order_ids: Collection[int], line_ids: Collection[int] | None = None) -> set[Key]:
    """Give back what orders (or some of their lines) were promised; the caller has the orders locked.

    Returns the keys that became freer, for ``stock.freed``.
    """
    promises = _active(tx, order_ids, line_ids)
    lock_levels(tx, ((p.sku_id, p.warehouse_id) for p in promises))
    freed = _close(tx, promises, ReservationStatus.RELEASED)
    _change_levels(tx, {}, freed)
    return set(freed)


def consume(tx: Tx, documents: Mapping[int, str], line_ids: Collection[int], *, reason: str) -> None:
    """Goods of these lines leave: promises are used up, on_hand falls, one movement per promise is written.

    ``documents`` says for every order id under which shipment number its goods leave; the orders are locked.
    """
    promises = _active(tx, documents, line_ids)
    lock_levels(tx, ((p.sku_id, p.warehouse_id) for p in promises))
    used = _close(tx, promises, ReservationStatus.CONSUMED)
    _change_levels(tx, used, used)
    at = clock.now()
    insert_rows(
        tx,
        StockMovement,
        [
            {
                "at": at, "sku_id": p.sku_id, "warehouse_id": p.warehouse_id, "bucket": Bucket.ON_HAND,
                "quantity": -p.quantity, "kind": MovementKind.SHIP, "document": documents[p.order_id],
                "order_id": p.order_id, "reason": reason, "actor": tx.actor.label,
            }
            for p in promises
        ],
    )  # fmt: skip


def set_aside(tx: Tx, order_id: int, *, document: str, reason: str) -> set[Key]:
    """Promised pieces turn out broken or missing: they leave on_hand for damaged, and the promise ends.

    Nothing becomes free, so the answer is empty.
    """
    promises = _active(tx, [order_id])
    levels = lock_levels(tx, ((p.sku_id, p.warehouse_id) for p in promises))
    gone = _close(tx, promises, ReservationStatus.RELEASED)
    for key, quantity in gone.items():
        level = levels[key]
        level.on_hand += quantity
        level.reserved += quantity
        level.damaged -= quantity
    tx.session.flush()  # the movements below describe balances that must already hold
    at = clock.now()
    insert_rows(
        tx,
        StockMovement,
        [
            {
                "at": at, "sku_id": p.sku_id, "warehouse_id": p.warehouse_id, "bucket": bucket,
                "quantity": sign * p.quantity, "kind": MovementKind.DAMAGE, "document": document,
                "order_id": order_id, "reason": reason, "actor": tx.actor.label,
            }
            for p in promises
            for bucket, sign in ((Bucket.ON_HAND, -1), (Bucket.DAMAGED, 1))
        ],
    )  # fmt: skip
    return set()
