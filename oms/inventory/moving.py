"""Balances changed, each change with its movement. Stock rows are locked in key order first, by ``reserving``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oms import clock
from oms.db import Tx, insert_rows
from oms.inventory.models import Bucket, MovementKind, StockLevel, StockMovement
from oms.inventory.reserving import Key, lock_or_make_levels

MOST = 10_000_000  # pieces of one SKU in one place; more is a typing error


@dataclass(frozen=True)
class Move:
    """So many pieces more (or fewer) in one balance of one SKU."""

    sku_id: int
    quantity: int
    bucket: Bucket = Bucket.ON_HAND


@dataclass(frozen=True)
class Why:
    """What every movement of one paper says."""

    kind: MovementKind
    document: str
    reason: str = ""
    order_id: int | None = None


def lock(tx: Tx, warehouse_id: int, sku_ids: Sequence[int]) -> dict[int, StockLevel]:
    """The balances of some SKUs in one warehouse, locked; those without a row get one at zero."""
    keys: list[Key] = [(sku_id, warehouse_id) for sku_id in sku_ids]
    return {sku_id: level for (sku_id, _), level in lock_or_make_levels(tx, keys).items()}


def impossible(levels: Mapping[int, StockLevel], moves: Sequence[Move]) -> list[Move]:
    """The first move of each SKU after which a balance would be below its promises, below zero, or beyond belief."""
    deltas: dict[tuple[int, Bucket], int] = defaultdict(int)
    for move in moves:
        deltas[move.sku_id, move.bucket] += move.quantity
    wrong = []
    for (sku_id, bucket), delta in deltas.items():
        level = levels[sku_id]
        low, old = (level.reserved, level.on_hand) if bucket is Bucket.ON_HAND else (0, level.damaged)
        if not low <= old + delta <= MOST:
            wrong.append(Move(sku_id, delta, bucket))
    return wrong


def post(tx: Tx, warehouse_id: int, levels: Mapping[int, StockLevel], moves: Sequence[Move], why: Why) -> set[Key]:
    """Change locked balances and write the movements. Returns the keys of which more pieces are free than before."""
    free = {sku_id: level.available for sku_id, level in levels.items()}
    for move in moves:
        level = levels[move.sku_id]
        if move.bucket is Bucket.ON_HAND:
            level.on_hand += move.quantity
        else:
            level.damaged += move.quantity
    tx.session.flush()  # the movements describe balances that must already hold
    at = clock.now()
    insert_rows(
        tx,
        StockMovement,
        [
            {
                "at": at, "sku_id": m.sku_id, "warehouse_id": warehouse_id, "bucket": m.bucket, "quantity": m.quantity,
                "kind": why.kind, "document": why.document, "order_id": why.order_id, "reason": why.reason[:500],
                "actor": tx.actor.label[:120],
            }
            for m in moves
        ],
    )  # fmt: skip
    return {(sku_id, warehouse_id) for sku_id, level in levels.items() if level.available > free[sku_id]}
