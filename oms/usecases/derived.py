"""The one writer of what is derived: payment status, fulfillment status, stock state, holds and board of orders.

Verbs change facts, then call ``refresh``; recomputing without a change of facts changes nothing (invariant 1).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.orm import aliased

from oms import audit, clock
from oms.db import Tx
from oms.errors import Say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import lock_known
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
from oms.payments.models import GateOverride
from oms.payments.rules import MoneyFacts, allowance, cod_state, gate, payment_status, without_amounts
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.rules import live_parcels, void
from oms.shipping.states import BEFORE_HAND_OVER, SHIPMENT, ShipmentStatus


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
    coming_back: bool = False


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
    ended = bool(facts.stages) and all(stage in {"delivered", SETTLED} for stage in facts.stages)
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
            coming_back=facts.coming_back,
        )
    )
    return Derived(
        payment_status=money,
        fulfillment_status=fulfillment_status(
            facts.quantities, all_delivered=ended, all_back=ended and "delivered" not in facts.stages
        ),
        stock_state=stock,
        board=place,
        hold_reasons=sorted(h.value for h in facts.holds),
        verified_amount=facts.money.verified,
    )


SETTLED = "settled"  # the stage of a shipment that came back or was lost, and whose return is settled
_WAITING = BEFORE_HAND_OVER
_UNDER_WAY = BEFORE_HAND_OVER - {ShipmentStatus.PLANNED}
_DEAD = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED})

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
      (SELECT min(c.submitted_at) FROM payment_claims c WHERE c.status = 'submitted' AND c.id IN (
         SELECT a.claim_id FROM allocations a WHERE a.order_id = o.id GROUP BY a.claim_id HAVING sum(a.amount) > 0))
         AS waiting_since,
      (SELECT coalesce(sum(r.amount), 0) FROM refunds r WHERE r.order_id = o.id AND r.status = 'paid') AS refunded,
      (SELECT coalesce(sum(g.covers), 0) FROM gate_overrides g
         WHERE g.order_id = o.id AND g.revoked_at IS NULL) AS override,
      (SELECT coalesce(array_agg(DISTINCT e.status), '{}') FROM cod_entries e
         WHERE e.order_id = o.id AND e.status <> 'refused') AS cash,
      CASE WHEN o.payment_term = 'cod' AND o.term_approved_at IS NULL AND o.ship_phone <> '' THEN
        (SELECT count(*) FROM cod_entries e WHERE e.phone = o.ship_phone AND e.status = 'refused') ELSE 0 END
        AS refusals,
      (SELECT coalesce(array_agg(DISTINCT CASE WHEN s.status IN ('returning', 'returned', 'lost') AND EXISTS (
           SELECT 1 FROM returns r WHERE r.order_id = o.id AND r.shipment_id = s.id AND r.status = 'resolved'
           AND r.kind IN ('rto', 'lost')) THEN 'settled' ELSE s.status END), '{}') FROM shipment_lines sl
         JOIN shipments s ON s.id = sl.shipment_id WHERE sl.order_id = o.id AND s.status <> 'canceled') AS stages,
      EXISTS (SELECT 1 FROM returns r WHERE r.order_id = o.id AND NOT r.goods_stay
        AND r.status IN ('approved', 'in_transit', 'received', 'inspected')) AS coming_back,
      (SELECT coalesce(sum(r.credit), 0) FROM returns r WHERE r.order_id = o.id AND r.status = 'resolved') AS credited,
      (SELECT coalesce(array_agg(DISTINCT p.tracking_status), '{}') FROM shipment_lines sl
         JOIN parcels p ON p.shipment_id = sl.shipment_id AND p.is_live WHERE sl.order_id = o.id) AS tracking
    FROM orders o WHERE o.id IN :ids
    """
).bindparams(bindparam("ids", expanding=True))


def money_facts(order: Order, row: Any) -> MoneyFacts:
    """The money side of one order; an order canceled or expired owes nothing."""
    dead = order.status in _DEAD
    canceled = sum((line[3] * line[1] // line[0] for line in row.lines), start=0)
    credited = Money.satang(int(row.credited))
    due = ZERO if dead else max(order.total - Money.satang(canceled) - credited, ZERO)
    verified, refunded = Money.satang(int(row.verified)), Money.satang(int(row.refunded))
    gone = any(line[2] for line in row.lines) and not any(line[0] - line[1] - line[2] for line in row.lines)
    allowed = allowance(due, verified, refunded) if gone and refunded else ZERO
    return MoneyFacts(
        total=order.total,
        due=due - allowed,
        verified=verified,
        refunded=refunded,
        claim_waiting=row.waiting_since is not None,
        waited=clock.now() - row.waiting_since if row.waiting_since else None,
        term=order.payment_term,
        term_approved=order.term_approved_at is not None,
        cod=cod_state(row.cash),
        override=Money.satang(int(row.override)),
        cod_refusals=row.refusals,
        credited=credited,
        allowed=allowed,
        all_left=gone,
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
            coming_back=row.coming_back,
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
    if settled := [o for o in listed if facts[o.id].money.override and not facts[o.id].money.missing]:
        _lapse(tx, settled)
    shut = {order_id: reason for order_id, f in facts.items() if (reason := _stops(f))}
    if shut:
        _pull_back(tx, {order.id: order for order in listed}, shut)


def _lapse(tx: Tx, orders: Sequence[Order]) -> None:
    """The money came in, so nobody needs to answer for it any more: what is missing later is another matter."""
    by_id = {order.id: order for order in orders}
    gone = tx.session.scalars(
        update(GateOverride)
        .where(
            GateOverride.order_id.in_(sorted(by_id)), GateOverride.revoked_at.is_(None), GateOverride.used_at.is_(None)
        )
        .values(revoked_at=clock.now(), revoked_by=tx.actor.label[:120])
        .returning(GateOverride.order_id)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    audit.record_many(
        tx,
        [
            audit.Entry("gate.override_revoked", "order", i, by_id[i].number, reason="The money came in")
            for i in sorted(gone)
        ],
    )


def _stops(facts: Facts) -> Say | None:
    """Why goods of this order that are on their way out have to stop, or None."""
    dead = facts.status in _DEAD
    if not (_WAITING if dead else _UNDER_WAY) & set(facts.stages):
        return None
    return gate(facts.status, facts.money, facts.holds)


def _pull_back(tx: Tx, orders: Mapping[int, Order], shut: Mapping[int, Say]) -> None:
    """Shipments being picked, packed or labeled for orders whose gate has closed go back to planned; those of nobody
    but dead orders are canceled (DESIGN 6). Orders that share a box are brought up to date with it."""
    mates = lock_mates(tx, shut, orders)
    rows = tx.session.execute(
        select(Shipment, ShipmentLine.order_id)
        .join(ShipmentLine, ShipmentLine.shipment_id == Shipment.id)
        .where(
            Shipment.id.in_(select(ShipmentLine.shipment_id).where(ShipmentLine.order_id.in_(sorted(shut)))),
            Shipment.status.in_(sorted(_WAITING)),
        )
        .order_by(Shipment.id, ShipmentLine.id)
        .with_for_update(of=Shipment)
        .execution_options(populate_existing=True)
    )
    boxes: dict[Shipment, set[int]] = {}
    for shipment, order_id in rows:
        boxes.setdefault(shipment, set()).add(order_id)
    known = {**orders, **mates}
    for shipment, inside in boxes.items():
        dead = all(known[i].status in _DEAD for i in inside)
        if dead or shipment.status in _UNDER_WAY:
            _stop(tx, shipment, "cancel" if dead else "pull_back", known[min(inside & set(shut))], shut)
    tx.session.flush()  # whoever reads facts next sees where the goods are
    stale = [order for i, order in known.items() if i in shut or i in mates]
    facts = read_facts(tx, stale)
    for order in stale:
        write(order, derive(facts[order.id]))


def _stop(tx: Tx, shipment: Shipment, move: str, order: Order, shut: Mapping[int, Say]) -> None:
    before, reason = shipment.status, str(without_amounts(shut[order.id]))
    SHIPMENT.fire(shipment, move)
    if move == "cancel":
        for parcel in live_parcels(shipment):
            void(parcel, reason, clock.now())
    audit.record_many(
        tx,
        [
            audit.Entry(
                f"shipment.{'canceled' if move == 'cancel' else 'pulled_back'}", kind, key, number,
                before={"status": before}, after={"status": shipment.status, "shipment": shipment.number},
                reason=reason,
            )
            for kind, key, number in (
                ("shipment", shipment.id, shipment.number), ("order", order.id, order.number),
            )
        ],
    )  # fmt: skip


def lock_mates(tx: Tx, order_ids: Collection[int], held: Mapping[int, Order]) -> dict[int, Order]:
    """The other orders in the boxes of these that have not left, locked before the boxes are, whoever may see them.
    Two that wait for each other's orders are told apart by the database; one is told to try again (ADR 0084)."""
    box = aliased(ShipmentLine)
    wanted = set(
        tx.session.scalars(
            select(ShipmentLine.order_id)
            .join(box, box.shipment_id == ShipmentLine.shipment_id)
            .join(Shipment, Shipment.id == box.shipment_id)
            .where(box.order_id.in_(sorted(order_ids)), Shipment.status.in_(sorted(_WAITING)))
        )
    ) - set(held)
    return {order.id: order for order in lock_known(tx, wanted)}


def write(order: Order, derived: Derived) -> None:
    """Put derived columns on a row, touching only what differs, so that nothing changed saves nothing."""
    for column in ("payment_status", "fulfillment_status", "stock_state", "board", "hold_reasons", "verified_amount"):
        value = getattr(derived, column)
        if getattr(order, column) != value:
            setattr(order, column, value)
    if derived.is_closed != (order.closed_at is not None):
        order.closed_at = clock.now() if derived.is_closed else None
