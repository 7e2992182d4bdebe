"""Short ways to money for tests: amounts, claims, payments, orders under way."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from oms.db import Tx
from oms.money import Money
from oms.orders.models import Order
from oms.payments.states import PaymentMethod
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import SHIPMENT, ShipmentStatus
from oms.usecases import derived
from oms.usecases.gate import GateOverridden, OverrideGate, override_gate
from oms.usecases.orders_place import place_order
from oms.usecases.payments import DecideClaim, SubmitClaim, submit_claim, verify_claim
from oms.usecases.shipping_boxes import draw_numbers
from tests.shop import SmallShop


def baht(amount: str | int) -> Money:
    return Money(Decimal(amount))


def order_of(tx: Tx, order_id: int) -> Order:
    """The order as it is stored now."""
    tx.session.flush()
    tx.session.expire_all()
    return tx.session.get_one(Order, order_id)


def placed(tx: Tx, shop: SmallShop, *lines: tuple[int, int], **facts: object) -> Order:
    """A confirmed order of 100 baht, or of these lines."""
    return order_of(tx, place_order(tx, shop.order(*lines, confirm=True, **facts)).order_id)


def claimed(tx: Tx, *shares: tuple[int, str | int], amount: str | int | None = None, **facts: object) -> int:
    """A claim that waits, shared out to (order id, amount)."""
    whole = baht(amount) if amount is not None else sum((baht(x) for _, x in shares), start=baht(0))
    given = tuple((order_id, baht(x)) for order_id, x in shares)
    return submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, whole, given, **facts)).claim_id


def paid(tx: Tx, *shares: tuple[int, str | int], amount: str | int | None = None, **facts: object) -> int:
    """A verified claim."""
    claim_id = claimed(tx, *shares, amount=amount, **facts)
    verify_claim(tx, DecideClaim(claim_id))
    return claim_id


def answered_for(tx: Tx, order_id: int, reason: str = "old customer") -> GateOverridden:
    """A person with that right lets the order leave without its money."""
    return override_gate(replace(tx, actor=replace(tx.actor, user_id=9)), OverrideGate(order_id, reason))


def box(tx: Tx, stage: ShipmentStatus, *orders: Order) -> Shipment:
    """One box with everything open of these orders, as far as ``stage``."""
    number, shipment_id = draw_numbers(tx, 1)[0]
    made = Shipment(
        id=shipment_id, number=number, warehouse_id=orders[0].warehouse_id, status=ShipmentStatus.PLANNED,
        lines=[ShipmentLine(order_id=o.id, order_line_id=x.id, quantity=x.open) for o in orders for x in o.lines],
    )  # fmt: skip
    tx.session.add(made)
    for move in ("make_ready", "pick", "pack", "label"):
        if made.status is not stage:
            SHIPMENT.fire(made, move)
    derived.refresh(tx, orders)
    return made
