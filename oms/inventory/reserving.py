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
from oms.asking import Question, ask, write
from oms.db import Tx, insert_rows
from oms.errors import StockShort, say
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

_NAMED = text(
    "(stock_levels.sku_id, stock_levels.warehouse_id) IN"
    " (SELECT * FROM unnest(CAST(:skus AS bigint[]), CAST(:places AS bigint[])))"
)
_KEY_ORDER = (StockLevel.sku_id, StockLevel.warehouse_id)
_LOCK_LEVELS = (
    select(StockLevel).where(_NAMED).order_by(*_KEY_ORDER).with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)  # fmt: skip
_LOCK_FREE = (
    select(*_KEY_ORDER, StockLevel.on_hand - StockLevel.reserved).where(_NAMED).order_by(*_KEY_ORDER)
    .with_for_update(key_share=True)
)  # fmt: skip


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


def _keyed(keys: Iterable[Key]) -> dict[str, list[int]]:
    wanted = sorted(set(keys))
    return {"skus": [sku for sku, _ in wanted], "places": [place for _, place in wanted]}


def lock_levels(tx: Tx, keys: Iterable[Key]) -> dict[Key, StockLevel]:
    """The stock rows, locked in key order and read afresh. A pair that has no row yet is missing from the answer."""
    keyed = _keyed(keys)
    if not keyed["skus"]:
        return {}
    return {(level.sku_id, level.warehouse_id): level for level in tx.session.scalars(_LOCK_LEVELS, keyed)}


def lock_free(tx: Tx, keys: Iterable[Key]) -> dict[Key, int]:
    """The stock rows, locked in key order: how many pieces of each are free. A pair without a row is missing."""
    keyed = _keyed(keys)
    tx.session.flush()  # what was changed before counts
    return ask(
        tx.connection,
        Question(_LOCK_FREE if keyed["skus"] else None, lambda rows: {(r[0], r[1]): r[2] for r in rows}, keyed),
    )


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
    tx.session.flush()  # what was changed before goes before
    facts = {
        **_keyed(keys),
        "hands": [on_hand.get(key, 0) for key in keys],
        "promises": [reserved.get(key, 0) for key in keys],
    }
    write(tx.connection, _ADD_TO_LEVELS, facts)
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


@dataclass(frozen=True)
class Use:
    """Units of an order line that leave a warehouse under a document; of a bundle, whole bundles."""

    document: str
    order_id: int
    order_line_id: int
    warehouse_id: int
    units: int


def _per_unit(promises: Iterable[Reservation], open_units: Mapping[int, int]) -> dict[tuple[int, int], int]:
    """(line, SKU) -> pieces in one unit, told by the promises themselves: a bundle may have changed since."""
    promised: dict[tuple[int, int], int] = defaultdict(int)
    for promise in promises:
        promised[promise.order_line_id, promise.sku_id] += promise.quantity
    broken = {line for (line, _), n in promised.items() if not open_units.get(line) or n % open_units[line]}
    return {(line, sku): n // open_units[line] for (line, sku), n in promised.items() if line not in broken}


def units_held(tx: Tx, order_ids: Collection[int], open_units: Mapping[int, int]) -> dict[int, dict[int, int]]:
    """Per order line: how many whole units are promised in which warehouse. ``open_units``: per line, what is open.

    A line that is short is missing from the answer; parts of a bundle that lie apart make no unit.
    """
    promises = [p for p in _active(tx, order_ids) if open_units.get(p.order_line_id)] if order_ids else []
    per_unit = _per_unit(promises, open_units)
    pieces: dict[tuple[int, int], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for promise in promises:
        pieces[promise.order_line_id, promise.warehouse_id][promise.sku_id] += promise.quantity
    parts: dict[int, set[int]] = defaultdict(set)
    for line, sku in per_unit:
        parts[line].add(sku)
    held: dict[int, dict[int, int]] = defaultdict(dict)
    for (line, place), have in sorted(pieces.items()):
        whole = min((have.get(sku, 0) // per_unit[line, sku] for sku in parts[line]), default=0)
        if whole:
            held[line][place] = whole
    return dict(held)


def consume(tx: Tx, uses: Sequence[Use], open_units: Mapping[int, int], *, reason: str) -> None:
    """Goods leave: exactly their promises are used up, on_hand falls, and a movement says so for each promise.

    A promise of which only a part leaves is split: what stays is promised on. ``open_units`` says what is open of each
    line before this. The orders are locked. Raises StockShort when less is promised there than leaves.
    """
    if not uses:
        return
    promises = _active(tx, {u.order_id for u in uses}, {u.order_line_id for u in uses})
    per_unit = _per_unit(promises, open_units)
    places = {(u.order_line_id, u.warehouse_id) for u in uses}
    here = [p for p in promises if (p.order_line_id, p.warehouse_id) in places]
    lock_levels(tx, ((p.sku_id, p.warehouse_id) for p in here))
    left = {p.id: p.quantity for p in here}
    moves: list[tuple[Use, Reservation, int]] = []
    for use in uses:
        for line, sku in per_unit:
            if line == use.order_line_id:
                moves += _draw(use, [p for p in here if p.sku_id == sku], left, per_unit[line, sku] * use.units)
    used = _use_up(tx, here, left)
    _change_levels(tx, used, used)
    at = clock.now()
    insert_rows(
        tx,
        StockMovement,
        [
            {
                "at": at, "sku_id": p.sku_id, "warehouse_id": p.warehouse_id, "bucket": Bucket.ON_HAND,
                "quantity": -pieces, "kind": MovementKind.SHIP, "document": use.document,
                "order_id": p.order_id, "reason": reason, "actor": tx.actor.label,
            }
            for use, p, pieces in moves
        ],
    )  # fmt: skip


def _draw(
    use: Use, promises: Sequence[Reservation], left: dict[int, int], pieces: int
) -> list[tuple[Use, Reservation, int]]:
    """Take pieces of one SKU from a line's promises in the warehouse of the use; ``left`` is counted down."""
    taken: list[tuple[Use, Reservation, int]] = []
    for promise in promises:
        if (promise.order_line_id, promise.warehouse_id) != (use.order_line_id, use.warehouse_id):
            continue
        if part := min(left[promise.id], pieces):
            left[promise.id] -= part
            pieces -= part
            taken.append((use, promise, part))
    if pieces:
        raise StockShort(say("The pieces of {number} are no longer promised in its warehouse", number=use.document))
    return taken


def _use_up(tx: Tx, promises: Sequence[Reservation], left: Mapping[int, int]) -> dict[Key, int]:
    """Close what was used whole, split what was used in part; answers what each key loses."""
    whole = [p for p in promises if not left[p.id]]
    used = _close(tx, whole, ReservationStatus.CONSUMED)
    parts = [p for p in promises if 0 < left[p.id] < p.quantity]
    at = clock.now()
    rows = [
        {
            "order_id": p.order_id, "order_line_id": p.order_line_id, "sku_id": p.sku_id,
            "warehouse_id": p.warehouse_id, "quantity": p.quantity - left[p.id],
            "status": ReservationStatus.CONSUMED, "created_at": p.created_at, "closed_at": at,
        }
        for p in parts
    ]  # fmt: skip
    for promise in parts:
        used[promise.sku_id, promise.warehouse_id] -= promise.quantity - left[promise.id]
        promise.quantity = left[promise.id]
    insert_rows(tx, Reservation, rows)
    return used


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
