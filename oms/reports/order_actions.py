"""What can be done with an order now, and for the rest the reason why not. Buttons, API fields and tests read this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from oms.db import Tx
from oms.errors import Say, say
from oms.orders.models import Order
from oms.orders.states import CLOSED_BOARDS, ORDER, HoldStatus, OrderStatus, PaymentTerm
from oms.reports.choices import Choice, lacks
from oms.reports.order_page import OrderPage
from oms.usecases.gate import override_refusal
from oms.usecases.orders_amend import amend_refusal


@dataclass(frozen=True)
class _Rule:
    name: str
    label: str
    needs: str
    refusal: Callable[[Tx, OrderPage], Say | None]
    primary: bool = False
    danger: bool = False


def _closed(order: Order) -> Say | None:
    return say("The order is closed") if order.board in CLOSED_BOARDS else None


def _hold(_: Tx, page: OrderPage) -> Say | None:
    return _closed(page.order)


def _release(_: Tx, page: OrderPage) -> Say | None:
    held = any(h.status is HoldStatus.ACTIVE for h in page.order.holds)
    return None if held else say("It is not on hold")


def _claim(_: Tx, page: OrderPage) -> Say | None:
    if reason := _closed(page.order):
        return reason
    if page.order.payment_term is PaymentTerm.MARKETPLACE:
        return say("The platform takes the money for this order")
    if page.money.net >= page.money.due:
        return say("Nothing is due")
    return None


def _ship(_: Tx, page: OrderPage) -> Say | None:
    if page.gate:
        return page.gate
    return None if any(line.open for line in page.order.lines) else say("Nothing is open to ship")


def _approve(_: Tx, page: OrderPage) -> Say | None:
    if reason := _closed(page.order):
        return reason
    if page.order.payment_term not in {PaymentTerm.COD, PaymentTerm.CREDIT} or page.money.term_approved:
        return say("There is nothing to approve on this order")
    return None


def _override(_: Tx, page: OrderPage) -> Say | None:
    return override_refusal(page.order, page.money, has_open=any(line.open for line in page.order.lines))


def _amend(tx: Tx, page: OrderPage) -> Say | None:
    return amend_refusal(tx, page.order)


def _confirm(_: Tx, page: OrderPage) -> Say | None:
    return ORDER.refusal(page.order, "confirm")


def _cancel(_: Tx, page: OrderPage) -> Say | None:
    return ORDER.refusal(page.order, "cancel")


RULES: tuple[_Rule, ...] = (
    _Rule("confirm", "Confirm", "order.confirm", _confirm, primary=True),
    _Rule("ship", "Hand over", "shipment.hand_over", _ship, primary=True),
    _Rule("approve", "Approve COD or credit", "payment.approve_cod", _approve, primary=True),
    _Rule("override", "Ship before payment", "gate.override", _override, danger=True),
    _Rule("claim", "Record a payment", "payment.claim", _claim),
    _Rule("amend", "Amend", "order.amend", _amend),
    _Rule("hold", "Put on hold", "order.hold", _hold),
    _Rule("release", "Release", "order.release_hold", _release),
    _Rule("cancel", "Cancel the order", "order.cancel", _cancel, danger=True),
)


def choices(tx: Tx, page: OrderPage) -> list[Choice]:
    """Every action in the order of the page, with the reason against it: the order's first, then the role's."""
    found = []
    for rule in RULES:
        why_not = rule.refusal(tx, page) or lacks(tx.actor, rule.needs)
        is_first = rule.primary and why_not is None and page.order.status in {OrderStatus.DRAFT, OrderStatus.CONFIRMED}
        found.append(Choice(rule.name, rule.label, why_not, primary=is_first, danger=rule.danger))
    return found
