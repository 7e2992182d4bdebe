"""The list of refunds as a file."""

from __future__ import annotations

from sqlalchemy import select

from oms.catalog.models import Shop
from oms.exporting.shape import PHONE, Column, ExportList, own_orders
from oms.orders.models import Order
from oms.payments.models import ReceivingAccount
from oms.payments.refund_models import Refund

REFUNDS = ExportList(
    "refunds", "Refunds", "order.price",
    {
        "number": Column("Number", Refund.number),
        "order": Column("Order", Order.number),
        "shop": Column("Shop", Shop.code),
        "status": Column("Status", Refund.status),
        "amount": Column("Amount", Refund.amount),
        "reason": Column("Reason", Refund.reason),
        "method": Column("Method", Refund.method),
        "to_bank": Column("Bank", Refund.to_bank),
        "to_account": Column("Account number", Refund.to_account, PHONE),
        "to_name": Column("Account name", Refund.to_name),
        "requested_at": Column("Asked for on", Refund.requested_at),
        "requested_label": Column("Asked by", Refund.requested_label),
        "decided_at": Column("Decided on", Refund.decided_at),
        "decided_label": Column("Decided by", Refund.decided_label),
        "account": Column("From our account", ReceivingAccount.code),
        "reference": Column("Reference", Refund.reference),
        "paid_at": Column("Paid on", Refund.paid_at),
        "paid_label": Column("Paid by", Refund.paid_label),
        "failure": Column("What went wrong", Refund.failure),
    },
    lambda actor: own_orders(
        actor,
        select().select_from(Refund).join(Order, Order.id == Refund.order_id).join(Shop, Shop.id == Order.shop_id)
        .outerjoin(ReceivingAccount, ReceivingAccount.id == Refund.account_id).order_by(Refund.id.desc()),
    ),
    find=(Refund.number, Refund.reference, Refund.reason),
    more={"order_id": Refund.order_id, "account_id": Refund.account_id},
)  # fmt: skip
