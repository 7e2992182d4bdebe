"""Amend an order before its goods leave: open a change set, propose, see the difference, apply or discard.

One change set is open at a time. Applying moves lines, totals, address and stock promises in one transaction. A line
taken out stays on the order, canceled in full and at no charge.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from oms import audit, clock
from oms.catalog.queries import SkuFacts, sku_facts
from oms.db import Tx
from oms.errors import Conflict, InvalidInput, NeedsApproval, NotFound, Refused, Say, say
from oms.money import ZERO, Money
from oms.orders import amending, rules
from oms.orders.amending import Priced, Proposal
from oms.orders.models import Order, OrderChange
from oms.orders.queries import lock_order
from oms.orders.states import CHANGE, ChangeStatus, OrderStatus, StockState
from oms.shipping.queries import label_in_the_way
from oms.usecases import derived, orders_confirm, routing
from oms.usecases.orders_amend_boxes import boxes_to_repack, repack
from oms.usecases.orders_amend_write import amended_facts, write_amendment
from oms.usecases.orders_cancel import announce_freed


@dataclass(frozen=True)
class OpenChange:
    order_id: int
    reason: str
    version: int | None = None


@dataclass(frozen=True)
class ProposeChange:
    """``difference`` in the answer is what the buyer would owe more (or, negative, less)."""

    order_id: int
    proposal: Proposal
    version: int | None = None


@dataclass(frozen=True)
class CloseChange:
    order_id: int
    version: int | None = None


@dataclass(frozen=True)
class ChangeState:
    """A change set after a verb: its id, the price difference, and the order's revision."""

    change_id: int
    order_id: int
    difference: Money
    revision: int


def amend_refusal(tx: Tx, order: Order) -> Say | None:
    """None when the order may be amended, else the sentence why not."""
    if order.status not in {OrderStatus.DRAFT, OrderStatus.CONFIRMED}:
        return say("The order is closed; it cannot be amended")
    if order.left_before or any(line.shipped for line in order.lines):
        return say("Goods have left already; take them back as a return")
    return label_in_the_way(tx.session, order.id)


def _lock(tx: Tx, order_id: int, version: int | None) -> Order:
    tx.actor.require("order.amend")
    order = lock_order(tx, order_id, version)
    if reason := amend_refusal(tx, order):
        raise Refused(reason, code="amend_refused")
    return order


def find_open_change(tx: Tx, order_id: int) -> OrderChange | None:
    """The change set that is open on an order."""
    return tx.session.scalars(
        select(OrderChange).where(OrderChange.order_id == order_id, OrderChange.status == ChangeStatus.OPEN)
    ).one_or_none()


def open_change(tx: Tx, cmd: OpenChange) -> ChangeState:
    """Start an amendment. Raises Refused while another is open, InvalidInput without a reason."""
    if not cmd.reason.strip():
        raise InvalidInput(say("Say in a few words why"), field="reason", code="reason_missing")
    order = _lock(tx, cmd.order_id, cmd.version)
    if earlier := find_open_change(tx, order.id):
        raise Refused(
            say("{who} is amending this order already; apply or discard that change first", who=earlier.opened_by),
            code="change_open",
        )
    change = OrderChange(
        order_id=order.id, status=ChangeStatus.OPEN, base_revision=order.revision, difference=ZERO,
        proposal=_stored(order, amending.as_it_is(order)), reason=cmd.reason.strip()[:500], opened_by=tx.actor.label,
    )  # fmt: skip
    tx.session.add(change)
    tx.session.flush()  # the answer names the change set
    audit.record(
        tx, "order.change_opened", "order", order.id, order.number, after={"change": change.id}, reason=cmd.reason
    )
    return ChangeState(change.id, order.id, ZERO, order.revision)


def _stored(order: Order, proposal: Proposal) -> dict[str, object]:
    """The proposal with what it was made from, so that a change of the order in between is noticed."""
    return {**proposal.to_json(), "base": amending.as_it_is(order).to_json()}


def _open_change(tx: Tx, order: Order) -> OrderChange:
    change = find_open_change(tx, order.id)
    if change is None:
        raise NotFound(say("No amendment is open on this order"), code="change_not_found")
    return change


def propose_change(tx: Tx, cmd: ProposeChange) -> ChangeState:
    """Put the wanted order on the open change set and answer the price difference; nothing else changes."""
    order = _lock(tx, cmd.order_id, cmd.version)
    change = _open_change(tx, order)
    proposal = amending.cleaned(cmd.proposal)
    priced, _ = _price(tx, order, proposal)
    change.proposal, change.difference = _stored(order, proposal), priced.total - order.total
    change.base_revision = order.revision
    audit.record(
        tx, "order.change_proposed", "order", order.id, order.number,
        before={"total": order.total}, after={"change": change.id, "total": priced.total},
    )  # fmt: skip
    return ChangeState(change.id, order.id, change.difference, order.revision)


def _price(tx: Tx, order: Order, proposal: Proposal) -> tuple[Priced, dict[int, SkuFacts]]:
    """Check figures, then rights: hand-made prices and discounts deeper than the order has already."""
    skus = sku_facts(tx.session, {x.sku_id for x in proposal.lines} | {x.sku_id for x in order.lines})
    priced = amending.price(order, proposal, {sku.id: sku.price for sku in skus.values()})
    stored = {line.id: line.unit_price for line in order.lines}
    by_hand = any(
        line.unit_price != (stored[line.line_id] if line.line_id else line.list_price) for line in priced.lines
    )
    if by_hand:
        tx.actor.require("order.override_price")
    percent = rules.discount_percent(priced.listed, priced.goods_total - proposal.discount)
    if percent > tx.actor.discount_limit and percent > orders_confirm.order_discount_percent(order):
        raise NeedsApproval(
            say(
                "This is {percent}% off; your limit is {limit}%. Ask for approval first",
                percent=f"{percent:.1f}",
                limit=tx.actor.discount_limit,
            ),
            field="discount",
            code="discount_over_limit",
        )
    return priced, skus


def apply_change(tx: Tx, cmd: CloseChange) -> ChangeState:
    """Make the proposal the order. Raises Conflict when the order changed meanwhile, StockShort when stock lacks."""
    order = _lock(tx, cmd.order_id, cmd.version)
    change = _open_change(tx, order)
    if change.proposal["base"] != amending.as_it_is(order).to_json():
        raise Conflict(say("The order changed since this amendment was made; look at it again"), code="change_outdated")
    proposal = amending.from_json(change.proposal)
    if proposal == amending.as_it_is(order):
        raise InvalidInput(say("Nothing is changed yet"), field="lines", code="change_empty")
    priced, skus = _price(tx, order, proposal)
    before = amended_facts(order)
    # line by line: promises and boxes belong to lines, and two lines may be of one SKU
    goods = {line.id: line.open for line in order.lines if line.open} != {x.line_id: x.quantity for x in priced.lines}
    address = any(before[name] != proposal.address[name] for name in amending.ADDRESS)
    outdated = boxes_to_repack(tx, order, goods=goods, address=address)
    write_amendment(tx, order, proposal, priced, skus)
    if order.status is OrderStatus.CONFIRMED and goods:
        _move_promises(tx, order, skus)
    repack(tx, order, outdated)
    CHANGE.fire(change, "apply")
    change.difference = priced.total - before["total"]
    _close(tx, change)
    derived.refresh(tx, [order])
    was, now = audit.changes(before, amended_facts(order))
    audit.record(
        tx, "order.amended", "order", order.id, order.number,
        before=was, after={**now, "revision": order.revision, "difference": change.difference}, reason=change.reason,
    )  # fmt: skip
    return ChangeState(change.id, order.id, change.difference, order.revision)


def _move_promises(tx: Tx, order: Order, skus: dict[int, SkuFacts]) -> None:
    """Give back what was promised and promise anew, in one step."""
    was_reserved = order.stock_state is StockState.RESERVED
    plan = routing.plan_anew(tx, order)
    if plan.short and was_reserved:
        raise routing.short_refusal(plan.short, routing.holder_name(plan.short[0].sku_id, skus.values()))
    freed = routing.promise_as(tx, order, plan)
    announce_freed(tx, freed, f"{order.number}:r{order.revision}")


def _close(tx: Tx, change: OrderChange) -> None:
    change.closed_by, change.closed_at = tx.actor.label, clock.now()


def discard_change(tx: Tx, cmd: CloseChange) -> ChangeState:
    """Drop the open change set; the order stays as it is."""
    tx.actor.require("order.amend")
    order = lock_order(tx, cmd.order_id, cmd.version)
    change = _open_change(tx, order)
    CHANGE.fire(change, "discard")
    _close(tx, change)
    audit.record(tx, "order.change_discarded", "order", order.id, order.number, after={"change": change.id})
    return ChangeState(change.id, order.id, change.difference, order.revision)
