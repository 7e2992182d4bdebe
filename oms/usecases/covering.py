"""How long stock lasts: warning levels set by people, the pace of sales worked out by the clock (W13)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from oms import audit, clock
from oms.db import Tx
from oms.errors import InvalidInput, say
from oms.inventory import moving
from oms.inventory.cover_models import StockMinimum
from oms.inventory.models import Warehouse
from oms.usecases import stock_checks as checks
from oms.usecases.keeping import Saved, between, lock_row
from oms.usecases.stock_checks import StockLine

# Pieces that left for customers, per SKU and warehouse, and whether too few are left. Rows that say what they said
# are not written again.
_PACE = text(
    """
    INSERT INTO stock_pace (sku_id, warehouse_id, sold_7, sold_30, sold_90, is_low, at)
    SELECT l.sku_id, l.warehouse_id, coalesce(m.sold_7, 0), coalesce(m.sold_30, 0), coalesce(m.sold_90, 0),
      s.is_active AND w.is_active AND (
        l.on_hand - l.reserved < coalesce(n.minimum, 0)
        OR (w.cover_days > 0 AND (l.on_hand - l.reserved) * 30 < coalesce(m.sold_30, 0) * w.cover_days)), :at
    FROM stock_levels l JOIN skus s ON s.id = l.sku_id JOIN warehouses w ON w.id = l.warehouse_id
    LEFT JOIN stock_minimums n ON n.sku_id = l.sku_id AND n.warehouse_id = l.warehouse_id
    LEFT JOIN (
      SELECT sku_id, warehouse_id, greatest(-sum(quantity), 0) AS sold_90,
        greatest(-coalesce(sum(quantity) FILTER (WHERE at >= CAST(:at AS timestamptz) - interval '30 days'), 0), 0)
          AS sold_30,
        greatest(-coalesce(sum(quantity) FILTER (WHERE at >= CAST(:at AS timestamptz) - interval '7 days'), 0), 0)
          AS sold_7
      FROM stock_movements WHERE kind IN ('ship', 'consign_sold') AND bucket = 'on_hand'
        AND at >= CAST(:at AS timestamptz) - interval '90 days' GROUP BY 1, 2) m
      ON m.sku_id = l.sku_id AND m.warehouse_id = l.warehouse_id
    ON CONFLICT (sku_id, warehouse_id) DO UPDATE SET sold_7 = excluded.sold_7, sold_30 = excluded.sold_30,
      sold_90 = excluded.sold_90, is_low = excluded.is_low, at = excluded.at
    WHERE (stock_pace.sold_7, stock_pace.sold_30, stock_pace.sold_90, stock_pace.is_low)
      IS DISTINCT FROM (excluded.sold_7, excluded.sold_30, excluded.sold_90, excluded.is_low)
    """
)


@dataclass(frozen=True)
class SetMinimum:
    """Warn when fewer free pieces than this are in the warehouse; 0 takes the warning away."""

    sku_id: int
    warehouse_id: int
    minimum: int


@dataclass(frozen=True)
class SetCoverDays:
    """Warn when the stock of a warehouse lasts fewer days than this at the pace of the last 30; 0 for never."""

    warehouse_id: int
    days: int
    version: int | None = None


def set_minimum(tx: Tx, cmd: SetMinimum) -> Saved:
    """Set the warning level of a SKU in one warehouse. Raises InvalidInput for sets and numbers beyond belief."""
    tx.actor.require("stock.adjust")
    checks.check_place(tx, cmd.warehouse_id)
    checks.check_lines(tx, [StockLine(cmd.sku_id, 1)], low=1)
    between(cmd.minimum, 0, moving.MOST, "minimum")
    moving.lock(tx, cmd.warehouse_id, [cmd.sku_id])  # the list of what runs low walks along the balances
    row = tx.session.get(StockMinimum, (cmd.sku_id, cmd.warehouse_id))
    was = row.minimum if row else 0
    if was == cmd.minimum:
        return Saved(cmd.sku_id, changed=False)
    if row is None:
        tx.session.add(StockMinimum(sku_id=cmd.sku_id, warehouse_id=cmd.warehouse_id, minimum=cmd.minimum))
    else:
        row.minimum = cmd.minimum
    place = checks.warehouse_code(tx, cmd.warehouse_id)
    audit.record(
        tx, "stock.minimum_set", "sku", cmd.sku_id, checks.sku_codes(tx, [cmd.sku_id])[cmd.sku_id],
        before={"minimum": was}, after={"minimum": cmd.minimum, "warehouse": place},
    )  # fmt: skip
    return Saved(cmd.sku_id)


def set_cover_days(tx: Tx, cmd: SetCoverDays) -> Saved:
    """Set how many days the stock of a warehouse should last."""
    tx.actor.require("stock.adjust")
    if not 0 <= cmd.days <= 365:
        raise InvalidInput(say("Enter 0 to 365 days"), field="days", code="number_range")
    checks.check_place(tx, cmd.warehouse_id)
    row = lock_row(tx, Warehouse, cmd.warehouse_id, cmd.version)
    if row.cover_days == cmd.days:
        return Saved(row.id, changed=False)
    before, row.cover_days = row.cover_days, cmd.days
    audit.record(
        tx, "warehouse.cover_days", "warehouse", row.id, row.code,
        before={"cover_days": before}, after={"cover_days": cmd.days},
    )  # fmt: skip
    return Saved(row.id)


def work_out_pace(tx: Tx) -> None:
    """Write down how fast pieces leave and what runs low. One statement; run by the clock."""
    tx.actor.require("stock.view")
    tx.session.execute(_PACE, {"at": clock.now()})
