"""What is known when a document is made: the orders, their money, what went before, who sells, who buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from oms import clock
from oms.catalog.models import VatClass
from oms.customers.models import Customer
from oms.documents.kinds import RECEIPTS, TAX_INVOICES
from oms.documents.models import Document
from oms.documents.parties import Buyer, Seller
from oms.documents.states import DocumentStatus
from oms.documents.sums import Line, LineKind, class_of, spread
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.payments.refund_models import Refund

SHIPPING, DISCOUNT = "ค่าจัดส่ง / Shipping fee", "ส่วนลด / Discount"


@dataclass(frozen=True)
class Override:
    """Somebody let the goods leave before the money was in."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True)
class Paid:
    """One payment of an order: how, when, how much, and whether it is verified."""

    order_id: int
    method: str
    amount: Money
    at: datetime
    verified: bool
    account: str = ""


@dataclass(frozen=True)
class Box:
    """One parcel, or one shipment whose parcels have no numbers yet. ``contents``: pieces by order line."""

    order_ids: tuple[int, ...]
    shipment: str
    carrier: str
    tracking_no: str
    left_at: datetime | None
    cod: Money = ZERO
    weight_grams: int | None = None


@dataclass(frozen=True)
class OrderFacts:
    """One order as documents see it. ``paid`` is verified money less what went back."""

    order: Order
    classes: Mapping[int, VatClass]
    places: Mapping[int, str] = field(default_factory=dict)
    paid: Money = ZERO
    first_paid: datetime | None = None
    first_left: datetime | None = None
    documents: Sequence[Document] = ()
    override: Override | None = None

    def lines(self) -> list[Line]:
        """What is billed: what was not canceled, the shipping fee, and the discount of the whole order."""
        order, found = self.order, []
        for row in order.lines:
            pieces = row.quantity - row.canceled
            if pieces <= 0:
                continue
            total = row.total.in_satang
            amount = total - total * row.canceled // row.quantity  # as the order's due counts it
            price = row.unit_price.in_satang
            found.append(
                Line(
                    LineKind.GOODS, row.name, amount, self.classes.get(row.sku_id, VatClass.STANDARD), row.sku_code,
                    pieces, price, price * pieces - amount, line_id=row.id, order=order.number,
                )
            )  # fmt: skip
        discount = spread(-order.discount.in_satang, found, DISCOUNT, LineKind.DISCOUNT, order.number)
        if fee := order.shipping_fee.in_satang:
            found.append(Line(LineKind.SHIPPING, SHIPPING, fee, class_of(found), price=fee, order=order.number))
        return found + discount

    @property
    def due(self) -> Money:
        """What the order comes to."""
        return Money.satang(sum(line.amount for line in self.lines()))

    @property
    def live(self) -> list[Document]:
        """Its documents that are not voided."""
        return [d for d in self.documents if d.status is DocumentStatus.ISSUED]

    @property
    def tax_invoice(self) -> Document | None:
        """The live tax invoice of its goods."""
        return next((d for d in self.live if d.kind in TAX_INVOICES), None)

    @property
    def receipted(self) -> Money:
        """How much live receipts have acknowledged."""
        own = [part.amount for d in self.live if d.kind in RECEIPTS for part in d.orders if part.order_id == self.id]
        return sum(own, start=ZERO)

    @property
    def receivable(self) -> Money:
        """How much a receipt may still acknowledge."""
        return max(min(self.paid, self.due) - self.receipted, ZERO)

    @property
    def id(self) -> int:
        return self.order.id


@dataclass(frozen=True)
class Facts:
    """Everything a document is made of."""

    seller: Seller
    orders: Sequence[OrderFacts]
    customer: Customer | None = None
    payments: Sequence[Paid] = ()
    boxes: Sequence[Box] = ()
    refund: Refund | None = None

    @property
    def first(self) -> Order:
        return self.orders[0].order

    @property
    def receivable(self) -> Money:
        return sum((o.receivable for o in self.orders), start=ZERO)

    @property
    def override(self) -> Override | None:
        return next((o.override for o in self.orders if o.override), None)

    def default_buyer(self) -> Buyer:
        """Whom it is made out to when nothing else is said: the customer's tax identity, else the recipient."""
        known, order = self.customer, self.first
        if known is not None and known.tax_name and (known.tax_id or known.tax_address):
            return Buyer(
                known.tax_name, known.tax_id, known.tax_branch, known.tax_address or order.ship_address, known.phone
            )
        return Buyer(order.ship_name, address=order.ship_address, phone=order.ship_phone)

    def default_tax_point(self) -> date:
        """The day the VAT is due by: delivery or payment, whichever came first, at the latest today."""
        found = [at for o in self.orders for at in (o.first_left, o.first_paid) if at is not None]
        return min([clock.today(), *(clock.local(at).date() for at in found)])
