"""What a new shop still needs before its first parcel leaves, in the order in which one does it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, select

from oms.catalog.models import Shop, Sku
from oms.db import Tx
from oms.documents.models import CompanyBranch
from oms.inventory.models import StockLevel, Warehouse
from oms.orders.models import Order
from oms.payments.models import ReceivingAccount
from oms.shipping.models import Shipment

STEP_LABELS: dict[str, str] = {
    "company": "Enter your business",
    "warehouse": "Add a warehouse",
    "shop": "Add a shop",
    "account": "Add an account customers pay into",
    "sku": "Add what you sell",
    "stock": "Receive goods",
    "order": "Enter the first order",
    "sent": "Send the first parcel",
}
WHY_LABELS: dict[str, str] = {
    "company": "Its name and address stand on bills and receipts.",
    "warehouse": "Where the goods lie and parcels leave from; a room at home will do.",
    "shop": "One for each page you sell on: LINE, Facebook, Shopee, Lazada and so on.",
    "account": "Customers see it with the total, and a PromptPay code when you enter one.",
    "sku": "One by one, or all at once from a file.",
    "stock": "How many pieces you have. What is not there cannot be sold.",
    "order": "By hand, pasted from a chat, or from a file of a marketplace.",
    "sent": "Check the money, print the label, pack it and hand it over.",
}
_THERE: dict[str, ColumnElement[bool]] = {
    "company": exists(select(CompanyBranch.id)),
    "warehouse": exists(select(Warehouse.id).where(Warehouse.is_active)),
    "shop": exists(select(Shop.id).where(Shop.is_active)),
    "account": exists(select(ReceivingAccount.id).where(ReceivingAccount.is_active)),
    "sku": exists(select(Sku.id)),
    "stock": exists(select(StockLevel.sku_id).where(StockLevel.on_hand > 0)),
    "order": exists(select(Order.id)),
    "sent": exists(select(Shipment.id).where(Shipment.handed_over_at.is_not(None))),
}


@dataclass(frozen=True)
class FirstStep:
    """One thing to do once. ``is_next``: the first that is still open."""

    key: str
    label: str
    why: str
    done: bool
    is_next: bool = False


def first_steps(tx: Tx) -> tuple[FirstStep, ...]:
    """The steps with what is done of them; nothing to those who do not set the shop up, nor once a parcel has left."""
    if not tx.actor.may("shop.edit") or tx.session.scalar(select(_THERE["sent"])):
        return ()
    row = tx.session.execute(select(*(fact.label(key) for key, fact in _THERE.items()))).one()
    there = dict(zip(_THERE, row, strict=True))
    following = next(key for key in STEP_LABELS if not there[key])
    return tuple(FirstStep(key, STEP_LABELS[key], WHY_LABELS[key], there[key], key == following) for key in STEP_LABELS)
