"""The daily control page: every order that came in stands somewhere, every piece of stock is explained, and what must
leave first is known. Figures only; each leads to its rows.

Three parts, each one statement: orders of a period by shop and warehouse, stock movements of it by warehouse, and the
countdown of what has not left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from oms import clock
from oms.actor import Actor
from oms.errors import InvalidInput, say
from oms.orders.states import Board
from oms.usecases.day_sheet import bounds

LONGEST = timedelta(days=92)
UNKNOWN = "unknown"  # a state this page does not know: shown, and the row does not tie

BUCKET_LABELS: dict[str, str] = {
    "shipped": "Shipped",
    "ready": "Ready and in work",
    "parked": "Parked",
    "canceled": "Canceled",
    "quarantined": "Quarantined",
}
B = Board
BUCKETS: Final[Mapping[Board, str]] = {
    **dict.fromkeys((B.READY, B.PICKING, B.PACKED, B.LABELED), "ready"),
    **dict.fromkeys(
        (B.DRAFT, B.ON_HOLD, B.WAITING_PAYMENT, B.SLIP_WAITING, B.SHORT_PAYMENT, B.WAITING_STOCK), "parked"
    ),
    **dict.fromkeys(
        (
            B.HANDED_OVER, B.OUT_FOR_DELIVERY, B.DELIVERY_PROBLEM, B.RETURNING, B.CAME_BACK, B.DELIVERED,
            B.COD_OUTSTANDING, B.COMPLETED,
        ),
        "shipped",
    ),
    **dict.fromkeys((B.CANCELED, B.EXPIRED), "canceled"),
}  # fmt: skip
LATE_LABELS: dict[str, str] = {
    "late": "Late already",
    "2": "Within 2 hours",
    "6": "Within 6 hours",
    "24": "Within 24 hours",
    "later": "Later",
    "open": "Without a deadline",
}

_SCOPE: Final = """
    (CAST(:shops AS bigint[]) IS NULL OR {0}.shop_id = ANY(CAST(:shops AS bigint[])))
    AND (CAST(:places AS bigint[]) IS NULL OR {0}.warehouse_id = ANY(CAST(:places AS bigint[])))
"""
_ORDERS: Final = text(
    f"""
    WITH mine AS (
      SELECT o.id, o.shop_id, o.warehouse_id, o.board FROM orders o
      WHERE o.placed_at >= :start AND o.placed_at < :end AND {_SCOPE.format("o")}
        AND (CAST(:owner AS bigint) IS NULL OR o.owner_id = CAST(:owner AS bigint)))
    SELECT 'file' AS name, shop_id, warehouse_id, count(*) AS n FROM mine
      WHERE EXISTS (SELECT 1 FROM imported_orders i WHERE i.order_id = mine.id) GROUP BY 2, 3
    UNION ALL
    SELECT 'hand', shop_id, warehouse_id, count(*) FROM mine
      WHERE NOT EXISTS (SELECT 1 FROM imported_orders i WHERE i.order_id = mine.id) GROUP BY 2, 3
    UNION ALL
    SELECT board, shop_id, warehouse_id, count(*) FROM mine GROUP BY 1, 2, 3
    UNION ALL
    SELECT 'quarantined', q.shop_id, CAST(NULL AS bigint), count(*) FROM intake_items q
      JOIN intake_runs r ON r.id = q.run_id
      WHERE q.outcome = 'quarantined' AND q.closed_at IS NULL AND r.kind = 'orders'
        AND r.created_at >= :start AND r.created_at < :end AND CAST(:owner AS bigint) IS NULL
        AND (CAST(:shops AS bigint[]) IS NULL OR q.shop_id = ANY(CAST(:shops AS bigint[])))
      GROUP BY 2
    """  # noqa: S608  made of constants
)
_STOCK: Final = text(
    """
    SELECT l.warehouse_id, '' AS kind, 'on_hand' AS bucket, sum(l.on_hand) AS n FROM stock_levels l
      WHERE CAST(:places AS bigint[]) IS NULL OR l.warehouse_id = ANY(CAST(:places AS bigint[])) GROUP BY 1
    UNION ALL
    SELECT l.warehouse_id, '', 'damaged', sum(l.damaged) FROM stock_levels l
      WHERE CAST(:places AS bigint[]) IS NULL OR l.warehouse_id = ANY(CAST(:places AS bigint[])) GROUP BY 1
    UNION ALL
    SELECT m.warehouse_id, CASE WHEN m.at < :end THEN m.kind ELSE 'after' END, m.bucket, sum(m.quantity)
      FROM stock_movements m
      WHERE m.at >= :start AND (CAST(:places AS bigint[]) IS NULL OR m.warehouse_id = ANY(CAST(:places AS bigint[])))
      GROUP BY 1, 2, 3
    """
)
_LATE: Final = text(
    f"""
    SELECT o.shop_id, o.warehouse_id, CASE
        WHEN o.ship_by IS NULL THEN 'open' WHEN o.ship_by < :now THEN 'late'
        WHEN o.ship_by < :now + interval '2 hours' THEN '2' WHEN o.ship_by < :now + interval '6 hours' THEN '6'
        WHEN o.ship_by < :now + interval '24 hours' THEN '24' ELSE 'later' END AS name, count(*) AS n
    FROM orders o
    WHERE o.closed_at IS NULL AND o.board = ANY(CAST(:boards AS varchar[])) AND {_SCOPE.format("o")}
      AND (CAST(:owner AS bigint) IS NULL OR o.owner_id = CAST(:owner AS bigint))
    GROUP BY 1, 2, 3
    """  # noqa: S608  made of constants
)
_PROOF: Final = text(
    """
    SELECT s.code, w.code AS place, l.on_hand, l.damaged, coalesce(m.on_hand, 0) AS moved_on_hand,
      coalesce(m.damaged, 0) AS moved_damaged
    FROM stock_levels l
    JOIN skus s ON s.id = l.sku_id JOIN warehouses w ON w.id = l.warehouse_id
    LEFT JOIN (
      SELECT sku_id, warehouse_id, sum(quantity) FILTER (WHERE bucket = 'on_hand') AS on_hand,
        sum(quantity) FILTER (WHERE bucket = 'damaged') AS damaged
      FROM stock_movements GROUP BY 1, 2) m ON m.sku_id = l.sku_id AND m.warehouse_id = l.warehouse_id
    WHERE (CAST(:places AS bigint[]) IS NULL OR l.warehouse_id = ANY(CAST(:places AS bigint[])))
      AND (l.on_hand <> coalesce(m.on_hand, 0) OR l.damaged <> coalesce(m.damaged, 0))
    ORDER BY 1, 2 LIMIT 100
    """
)


@dataclass(frozen=True)
class Period:
    """Business days in Bangkok, both ends included."""

    first: date
    last: date

    @property
    def moments(self) -> dict[str, datetime]:
        return {"start": bounds(self.first)["start"], "end": bounds(self.last)["end"]}


@dataclass
class OrderRow:
    """Orders of one shop going through one warehouse (None: not yet an order, so no warehouse)."""

    shop_id: int | None
    warehouse_id: int | None
    from_files: int = 0
    by_hand: int = 0
    boards: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0

    @property
    def taken_in(self) -> int:
        return self.from_files + self.by_hand + self.quarantined

    def bucket(self, name: str) -> int:
        """How many of it stand in one bucket."""
        if name == "quarantined":
            return self.quarantined
        return sum(n for board, n in self.boards.items() if bucket_of(board) == name)

    @property
    def difference(self) -> int:
        """Orders that came in and stand nowhere this page knows; 0 when the row ties."""
        return self.taken_in - sum(self.bucket(name) for name in BUCKET_LABELS)

    def add(self, other: OrderRow) -> None:
        """Count another row in."""
        self.from_files += other.from_files
        self.by_hand += other.by_hand
        self.quarantined += other.quarantined
        for board, n in other.boards.items():
            self.boards[board] = self.boards.get(board, 0) + n


@dataclass
class StockRow:
    """Pieces of one balance of one warehouse: what there was, what changed and why, what there is."""

    warehouse_id: int
    bucket: str
    balance: int = 0
    after: int = 0
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def closing(self) -> int:
        """At the end of the period: the balance of this moment without what moved since."""
        return self.balance - self.after

    @property
    def opening(self) -> int:
        return self.closing - sum(self.kinds.values())


def bucket_of(board: str) -> str:
    """Where an order of this board state stands; ``UNKNOWN`` for a state this page does not know."""
    return BUCKETS.get(Board(board), UNKNOWN) if board in set(Board) else UNKNOWN


def read_period(first: str, last: str) -> Period:
    """The days asked for; today when nothing is said. Raises InvalidInput for days that are none, or too many."""
    try:
        begin = date.fromisoformat(first) if first else clock.today()
        end = date.fromisoformat(last) if last else begin
    except ValueError:
        raise InvalidInput(say("That is no day"), field="first", code="day") from None
    if end < begin:
        begin, end = end, begin
    if end - begin > LONGEST:
        raise InvalidInput(say("Ask for at most {days} days", days=LONGEST.days), field="last", code="too_long")
    return Period(begin, end)


def _scope(actor: Actor) -> dict[str, Any]:
    return {
        "shops": None if actor.shops is None else sorted(actor.shops),
        "places": None if actor.warehouses is None else sorted(actor.warehouses),
        "owner": actor.user_id if actor.own_orders_only else None,
    }


def orders_of(session: Session, actor: Actor, period: Period) -> list[OrderRow]:
    """Orders placed in the period, per shop and warehouse, and where each stands now. One statement, so one moment."""
    found: dict[tuple[int | None, int | None], OrderRow] = {}
    for row in session.execute(_ORDERS, {**_scope(actor), **period.moments}):
        key = (row.shop_id, row.warehouse_id)
        line = found.setdefault(key, OrderRow(*key))
        if row.name == "file":
            line.from_files = row.n
        elif row.name == "hand":
            line.by_hand = row.n
        elif row.name == "quarantined":
            line.quarantined = row.n
        else:
            line.boards[row.name] = row.n
    return sorted(found.values(), key=lambda r: (-r.taken_in, r.shop_id or 0, r.warehouse_id or 0))


def total_of(rows: Sequence[OrderRow]) -> OrderRow:
    """All rows in one."""
    whole = OrderRow(None, None)
    for row in rows:
        whole.add(row)
    return whole


def stock_of(session: Session, actor: Actor, period: Period) -> list[StockRow]:
    """Opening, movements by kind and closing of each balance of each warehouse in the period."""
    found: dict[tuple[int, str], StockRow] = {}
    for row in session.execute(_STOCK, {"places": _scope(actor)["places"], **period.moments}):
        line = found.setdefault((row.warehouse_id, row.bucket), StockRow(row.warehouse_id, row.bucket))
        if not row.kind:
            line.balance = int(row.n)
        elif row.kind == "after":
            line.after = int(row.n)
        else:
            line.kinds[row.kind] = int(row.n)
    wanted = [r for r in found.values() if r.balance or r.after or r.kinds]
    return sorted(wanted, key=lambda r: (r.warehouse_id, r.bucket != "on_hand"))


def stock_proof(session: Session, actor: Actor) -> Sequence[Any]:
    """Balances that are not the sum of all their movements ever; empty when the stock books hold. Reads them all."""
    return session.execute(_PROOF, {"places": _scope(actor)["places"]}).all()


def countdown(session: Session, actor: Actor) -> dict[tuple[int, int], dict[str, int]]:
    """(shop, warehouse) -> how many open orders must leave by when."""
    boards = [b.value for b in BUCKETS if BUCKETS[b] in {"ready", "parked"} and b is not Board.DRAFT]
    found: dict[tuple[int, int], dict[str, int]] = {}
    for row in session.execute(_LATE, {**_scope(actor), "now": clock.now(), "boards": boards}):
        found.setdefault((row.shop_id, row.warehouse_id), {})[row.name] = row.n
    return dict(sorted(found.items(), key=lambda item: (-item[1].get("late", 0), -item[1].get("2", 0), item[0])))
