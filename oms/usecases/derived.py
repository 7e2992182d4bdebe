"""The one writer of what is derived: payment status, fulfillment status, stock state, holds and board of orders.

Verbs change facts, then call ``refresh``; recomputing without a change of facts changes nothing (invariant 1).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, text

from oms import audit, clock
from oms.db import Tx
from oms.errors import Say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.rules import BoardFacts, board, fulfillment_status, stock_state
from oms.orders.states import (
    CLOSED_BOARDS,
    Board,
    FulfillmentStatus,
    HoldReason,
    OrderStatus,
    PaymentStatus,
    StockState,
)
from oms.payments.rules import MoneyFacts, cod_state, gate, payment_status
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import SHIPMENT


@dataclass(frozen=True)
class Facts:
    """Everything the derived columns of one order follow from."""

    status: OrderStatus
    money: MoneyFacts
    quantities: tuple[tuple[int, int, int], ...]
    open_lines: int
    unreserved_lines: int
    holds: tuple[HoldReason, ...] = ()
    stages: tuple[str, ...] = ()
    tracking: tuple[str, ...] = ()


@dataclass(frozen=True)
class Derived:
    """The derived columns of one order."""

    payment_status: PaymentStatus
    fulfillment_status: FulfillmentStatus
    stock_state: StockState
    board: Board
    hold_reasons: list[str]
    verified_amount: Money

    @property
    def is_closed(self) -> bool:
        return self.board in CLOSED_BOARDS


def derive(facts: Facts) -> Derived:
    """Pure: the same facts always give the same columns."""
    money = payment_status(facts.money)
    stock = (
        stock_state(open_lines=facts.open_lines, unreserved_lines=facts.unreserved_lines)
        if facts.status is OrderStatus.CONFIRMED
        else StockState.NONE
    )
    delivered = bool(facts.stages) and all(stage == "delivered" for stage in facts.stages)
    place = board(
        BoardFacts(
            status=facts.status,
            on_hold=bool(facts.holds),
            payment_status=money,
            stock_state=stock,
            has_open=facts.open_lines > 0,
            overridden=facts.money.overridden,
            stages=facts.stages,
            tracking=facts.tracking,
        )
    )
    return Derived(
        payment_status=money,
        fulfillment_status=fulfillment_status(facts.quantities, all_delivered=delivered),
        stock_state=stock,
        board=place,
        hold_reasons=sorted(h.value for h in facts.holds),
        verified_amount=facts.money.verified,
    )


_UNDER_WAY = frozenset({"ready", "picking", "packed", "labeled"})

_FACTS = text(
    """
    SELECT o.id,
      (SELECT coalesce(json_agg(json_build_array(l.quantity, l.canceled, l.shipped, l.total,
          NOT EXISTS (SELECT 1 FROM reservations r WHERE r.order_line_id = l.id AND r.order_id = o.id
                      AND r.status = 'active'))), '[]')
         FROM order_lines l WHERE l.order_id = o.id) AS lines,
      (SELECT coalesce(array_agg(DISTINCT h.reason), '{}') FROM order_holds h
         WHERE h.order_id = o.id AND h.status = 'active') AS holds,
      (SELECT coalesce(sum(a.amount), 0) FROM allocations a JOIN payment_claims c ON c.id = a.claim_id
         WHERE a.order_id = o.id AND c.status = 'verified') AS verified,
      EXISTS (SELECT 1 FROM allocations a JOIN payment_claims c ON c.id = a.claim_id
         WHERE a.order_id = o.id AND c.status = 'submitted' GROUP BY a.claim_id HAVING sum(a.amount) > 0)
         AS claim_waiting,
      (SELECT coalesce(sum(r.amount), 0) FROM refunds r WHERE r.order_id = o.id AND r.status = 'paid') AS refunded,
      (SELECT coalesce(sum(g.covers), 0) FROM gate_overrides g
         WHERE g.order_id = o.id AND g.revoked_at IS NULL) AS override,
      (SELECT coalesce(array_agg(DISTINCT e.status), '{}') FROM cod_entries e
         WHERE e.order_id = o.id AND e.status <> 'refused') AS cash,
      (SELECT coalesce(array_agg(DISTINCT s.status), '{}') FROM shipment_lines sl
         JOIN shipments s ON s.id = sl.shipment_id WHERE sl.order_id = o.id AND s.status <> 'canceled') AS stages,
      (SELECT coalesce(array_agg(DISTINCT p.tracking_status), '{}') FROM shipment_lines sl
         JOIN parcels p ON p.shipment_id = sl.shipment_id AND p.is_live WHERE sl.order_id = o.id) AS tracking
    FROM orders o WHERE o.id IN :ids
    """
).bindparams(bindparam("ids", expanding=True))


def money_facts(order: Order, row: Any) -> MoneyFacts:
    """The money side of one order; an order canceled or expired owes nothing."""
    dead = order.status in {OrderStatus.CANCELED, OrderStatus.EXPIRED}
    canceled = sum((line[3] * line[1] // line[0] for line in row.lines), start=0)
    due = ZERO if dead else order.total - Money.satang(canceled)
    return MoneyFacts(
        total=order.total,
        due=max(due, ZERO),
        verified=Money.satang(int(row.verified)),
        refunded=Money.satang(int(row.refunded)),
        claim_waiting=row.claim_waiting,
        term=order.payment_term,
        term_approved=order.term_approved_at is not None,
        cod=cod_state(row.cash),
        override=Money.satang(int(row.override)),
    )


def read_facts(tx: Tx, orders: Sequence[Order]) -> dict[int, Facts]:
    """The facts of these orders, in one statement. The caller has flushed what it changed."""
    if not orders:
        return {}
    by_id = {order.id: order for order in orders}
    rows = tx.session.execute(_FACTS, {"ids": sorted(by_id)})
    answer: dict[int, Facts] = {}
    for row in rows:
        order = by_id[row.id]
        open_lines = [line for line in row.lines if line[0] - line[1] - line[2] > 0]
        answer[row.id] = Facts(
            status=order.status,
            money=money_facts(order, row),
            quantities=tuple((line[0], line[1], line[2]) for line in row.lines),
            open_lines=len(open_lines),
            unreserved_lines=sum(1 for line in open_lines if line[4]),
            holds=tuple(sorted(HoldReason(h) for h in row.holds)),
            stages=tuple(sorted(row.stages)),
            tracking=tuple(sorted(row.tracking)),
        )
    return answer


def refresh(tx: Tx, orders: Collection[Order]) -> None:
    """Recompute the derived columns of orders the caller has locked and changed; pull goods back that may no longer
    leave, in the same transaction."""
    tx.session.flush()  # the facts are read by SQL
    listed = list(orders)
    facts = read_facts(tx, listed)
    for order in listed:
        write(order, derive(facts[order.id]))
    shut = {
        order_id: reason
        for order_id, f in facts.items()
        if _UNDER_WAY & set(f.stages) and (reason := gate(f.status, f.money, f.holds))
    }
    if shut:
        _pull_back(tx, shut)


def _pull_back(tx: Tx, shut: Mapping[int, Say]) -> None:
    """Shipments being picked, packed or labeled for orders whose gate has closed go back to planned (DESIGN 6)."""
    rows = tx.session.execute(
        select(Shipment, ShipmentLine.order_id)
        .join(ShipmentLine, ShipmentLine.shipment_id == Shipment.id)
        .where(ShipmentLine.order_id.in_(sorted(shut)), Shipment.status.in_(sorted(_UNDER_WAY)))
        .order_by(Shipment.id)
        .with_for_update(of=Shipment)
    )
    stopped: dict[int, tuple[Shipment, int]] = {}
    for shipment, order_id in rows:
        stopped.setdefault(shipment.id, (shipment, order_id))
    for shipment, order_id in stopped.values():
        before = shipment.status
        SHIPMENT.fire(shipment, "pull_back")
        audit.record(
            tx, "shipment.pulled_back", "shipment", shipment.id, shipment.number,
            before={"status": before}, after={"status": shipment.status, "order": order_id}, reason=str(shut[order_id]),
        )  # fmt: skip
    tx.session.flush()  # whoever reads facts next sees where the goods are


def write(order: Order, derived: Derived) -> None:
    """Put derived columns on a row, touching only what differs, so that nothing changed saves nothing."""
    for column in ("payment_status", "fulfillment_status", "stock_state", "board", "hold_reasons", "verified_amount"):
        value = getattr(derived, column)
        if getattr(order, column) != value:
            setattr(order, column, value)
    if derived.is_closed != (order.closed_at is not None):
        order.closed_at = clock.now() if derived.is_closed else None


def gate_reasons(tx: Tx, orders: Sequence[Order]) -> dict[int, Say | None]:
    """For each order: None when its goods may leave, else the sentence why not."""
    return gates(read_facts(tx, orders))


def gates(facts: Mapping[int, Facts]) -> dict[int, Say | None]:
    """The same of facts that were read already."""
    return {order_id: gate(f.status, f.money, f.holds) for order_id, f in facts.items()}
