"""Payments as a file: one row per payment and order it pays, also for money that no order has."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select

from oms.actor import Actor
from oms.catalog.models import Shop
from oms.exporting.shape import Column, ExportList, own_orders
from oms.money import ZERO
from oms.orders.models import Order
from oms.payments.models import Allocation, PaymentClaim, ReceivingAccount
from oms.payments.queries import narrow_claims

_GIVEN = (
    select(Allocation.claim_id, Allocation.order_id, func.sum(Allocation.amount).label("amount"))
    .group_by(Allocation.claim_id, Allocation.order_id)
    .having(func.sum(Allocation.amount) != ZERO)
    .subquery()
)


def _rows(actor: Actor) -> Select[Any]:
    statement = (
        select()
        .select_from(PaymentClaim)
        .outerjoin(_GIVEN, _GIVEN.c.claim_id == PaymentClaim.id)
        .outerjoin(Order, Order.id == _GIVEN.c.order_id)
        .outerjoin(Shop, Shop.id == Order.shop_id)
        .outerjoin(ReceivingAccount, ReceivingAccount.id == PaymentClaim.account_id)
        .order_by(PaymentClaim.id, _GIVEN.c.order_id)
    )
    return own_orders(actor, statement)


PAYMENTS = ExportList(
    "payments", "Payments", "order.price",
    {
        "id": Column("Payment", PaymentClaim.id),
        "number": Column("Order", Order.number),
        "shop": Column("Shop", Shop.code),
        "given": Column("For this order", _GIVEN.c.amount),
        "amount": Column("Amount", PaymentClaim.amount),
        "said_amount": Column("Amount said", PaymentClaim.said_amount),
        "method": Column("Method", PaymentClaim.method),
        "status": Column("Status", PaymentClaim.status),
        "account": Column("Into", ReceivingAccount.code),
        "sending_bank": Column("Sending bank", PaymentClaim.sending_bank),
        "reference": Column("Reference", PaymentClaim.reference),
        "payer_name": Column("Payer", PaymentClaim.payer_name),
        "paid_at": Column("Paid on", PaymentClaim.paid_at),
        "submitted_at": Column("Announced on", PaymentClaim.submitted_at),
        "submitted_label": Column("Announced by", PaymentClaim.submitted_label),
        "decided_at": Column("Decided on", PaymentClaim.decided_at),
        "decided_label": Column("Decided by", PaymentClaim.decided_label),
        "decision_note": Column("Note", PaymentClaim.decision_note),
    },
    _rows,
    search=narrow_claims,
    more={"account_id": PaymentClaim.account_id, "customer_id": PaymentClaim.customer_id},
)  # fmt: skip
