"""Everything an order's page shows, read in a fixed number of statements however long the order is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from oms.customers.models import Customer, CustomerIdentity, IdentityKind
from oms.db import Tx
from oms.errors import NotFound, Say, say
from oms.inventory.models import Reservation, ReservationStatus, Warehouse
from oms.notifications.line import USER_ID
from oms.orders.models import Order, OrderChange, OrderHold, OrderLine
from oms.orders.queries import NO_ID, visible
from oms.orders.states import CLOSED_BOARDS, ChangeStatus, HoldStatus, OrderStatus, PaymentTerm
from oms.payments.rules import gate
from oms.reports.chat_writers import threads_of
from oms.reports.order_money import OrderMoney, order_money
from oms.reports.order_shipments import OrderShipments, order_shipments
from oms.usecases import derived
from oms.usecases import gate as gates
from oms.usecases.orders_duplicates import Twin, duplicates_of

CHAT_LABELS: dict[IdentityKind, str] = {
    IdentityKind.PHONE: "Call",
    IdentityKind.LINE: "Open LINE",
    IdentityKind.FACEBOOK: "Open Messenger",
    IdentityKind.INSTAGRAM: "Open Instagram",
    IdentityKind.WEB: "Open the shop's inbox",
}
CHAT_URLS: dict[IdentityKind, str] = {
    IdentityKind.LINE: "https://line.me/R/ti/p/{id}",
    IdentityKind.FACEBOOK: "https://m.me/{id}",
    IdentityKind.INSTAGRAM: "https://ig.me/m/{id}",
}


@dataclass(frozen=True)
class Contact:
    """A way to talk to the buyer. ``label`` is a template to translate."""

    label: str
    url: str


@dataclass(frozen=True)
class OrderPage:
    """One order and what belongs to it, as its reader may see it."""

    order: Order
    gate: Say | None
    money: Any
    holds: Sequence[OrderHold]
    reserved: dict[int, list[tuple[str, int]]]
    pay: OrderMoney
    shipments: OrderShipments
    change: OrderChange | None
    twins: Sequence[Twin]
    contacts: Sequence[Contact]
    others: int


def find_order(tx: Tx, order_id: int) -> Order:
    """The order with its parts, or NotFound when it is not there or out of the reader's rows."""
    statement = (
        visible(tx.actor)
        .where(Order.id == min(order_id, NO_ID))
        .options(
            joinedload(Order.shop),
            joinedload(Order.warehouse),
            joinedload(Order.customer),
            selectinload(Order.lines),
            selectinload(Order.holds),
            selectinload(Order.notes),
        )
    )
    order = tx.session.scalars(statement).one_or_none()
    if order is None:
        raise NotFound(say("There is no such order, or it is not yours to see"), code="order_not_found")
    return order


def _reserved(tx: Tx, order: Order) -> dict[int, list[tuple[str, int]]]:
    """Per line id: (warehouse code, pieces promised); bundles count their parts."""
    rows = tx.session.execute(
        select(Reservation.order_line_id, Warehouse.code, Reservation.quantity)
        .join(Warehouse, Warehouse.id == Reservation.warehouse_id)
        .where(Reservation.order_id == order.id, Reservation.status == ReservationStatus.ACTIVE)
        .order_by(Reservation.id)
    )
    found: dict[int, list[tuple[str, int]]] = {}
    for line_id, code, quantity in rows:
        found.setdefault(line_id, []).append((code, quantity))
    return found


def contacts(
    order: Order,
    identities: Sequence[CustomerIdentity],
    *,
    phones: bool,
    threads: Mapping[tuple[IdentityKind, str], str] | None = None,
) -> list[Contact]:
    """Call, chat, or the shop's own inbox. ``threads``: the page of each conversation we hear; "" when
    its platform has none."""
    known = threads or {}
    found = (
        [Contact(CHAT_LABELS[IdentityKind.PHONE], f"tel:{order.ship_phone}")]
        if phones and order.ship_phone[:1] in {"0", "+"}
        else []
    )
    for identity in identities:
        pattern = CHAT_URLS.get(identity.kind)
        thread = known.get((identity.kind, identity.external_id))
        if thread is not None or USER_ID.fullmatch(identity.external_id):  # the platform's own number opens nothing
            found += [Contact(CHAT_LABELS[identity.kind], thread)] if thread else []
        elif pattern and identity.external_id.startswith("https://"):
            found.append(Contact(CHAT_LABELS[identity.kind], identity.external_id))
        elif pattern:
            url = pattern.format(id=quote(identity.external_id, safe="@"))
            found.append(Contact(CHAT_LABELS[identity.kind], url))
    if order.shop.contact_url.startswith("https://"):
        url = order.shop.contact_url.replace("{external_no}", order.external_no or "")
        found.append(Contact(CHAT_LABELS[IdentityKind.WEB], url))
    return found


def _identities(tx: Tx, customer: Customer | None) -> list[CustomerIdentity]:
    if customer is None:
        return []
    return list(
        tx.session.scalars(
            select(CustomerIdentity).where(CustomerIdentity.customer_id == customer.id).order_by(CustomerIdentity.id)
        )
    )


def _other_orders(tx: Tx, order: Order) -> int:
    """How many more orders of this customer the reader may see, counted up to 100."""
    if order.customer_id is None:
        return 0
    statement = (
        visible(tx.actor)
        .with_only_columns(Order.id)
        .where(Order.customer_id == order.customer_id, Order.id != order.id)
        .limit(100)
    )
    return len(tx.session.scalars(statement).all())


def order_page(tx: Tx, order_id: int, *, phones: bool = False) -> OrderPage:
    """Read the page. ``phones``: the reader asked for the whole number. Raises NotFound."""
    tx.actor.require("order.view")
    order = find_order(tx, order_id)
    facts = derived.read_facts(tx, [order])[order.id]
    identities, calls = _identities(tx, order.customer), phones and tx.actor.may("customer.phone")
    change = tx.session.scalars(
        select(OrderChange).where(OrderChange.order_id == order.id, OrderChange.status == ChangeStatus.OPEN)
    ).one_or_none()
    shut = gates.told_to(tx.actor, gate(facts.status, facts.money, facts.holds))
    return OrderPage(
        order=order,
        gate=shut,
        money=facts.money,
        holds=[h for h in order.holds if h.status is HoldStatus.ACTIVE],
        reserved=_reserved(tx, order),
        pay=order_money(tx, order, facts.money)
        if tx.actor.may("order.price")
        else OrderMoney(override=gates.override_note(tx.session, order.id)),
        shipments=order_shipments(tx, order, shut),
        change=change,
        twins=[] if order.board in CLOSED_BOARDS else duplicates_of(tx.session, tx.actor, order),
        contacts=contacts(order, identities, phones=calls, threads=threads_of(tx.session, identities)),
        others=_other_orders(tx, order),
    )


def line_stock(order: Order, line: OrderLine, reserved: dict[int, list[tuple[str, int]]]) -> Say:
    """Where the pieces of a line stand, in words."""
    if order.status in {OrderStatus.CANCELED, OrderStatus.EXPIRED}:
        return say("Given back")
    if line.canceled == line.quantity:
        return say("Taken out")
    if line.returned:
        return say("{n} left, {m} came back", n=line.shipped, m=line.returned)
    if line.shipped:
        return say("Left") if not line.open else say("{n} left, {m} to go", n=line.shipped, m=line.open)
    if held := reserved.get(line.id):
        return say("Reserved in {place}", place=", ".join(sorted({code for code, _ in held})))
    if order.status is OrderStatus.CONFIRMED:
        return say("Waiting for stock")
    return say("Not reserved yet")


def is_prepaid(order: Order) -> bool:
    """Whether the buyer pays by transfer, so that a payment notice makes sense."""
    return order.payment_term is PaymentTerm.PREPAID
