"""The demo shop's company and its documents: bills, receipts, tax invoices, one of each way they end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from oms import clock
from oms.actor import Actor
from oms.catalog.models import MARKETPLACES
from oms.customers.models import Customer
from oms.db import Tx, transaction
from oms.demo.goods import Goods
from oms.documents.models import Document
from oms.documents.states import CreditReason, VoidReason
from oms.documents.states import DocumentKind as K
from oms.errors import OmsError
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import FulfillmentStatus, OrderStatus, PaymentStatus
from oms.payments.refund_models import Refund
from oms.payments.states import RefundStatus
from oms.usecases.documents import IssueDocument, issue_document
from oms.usecases.documents_notes import IssueNote, issue_note
from oms.usecases.documents_setup import SaveBranch, SaveCompany, save_branch, save_company
from oms.usecases.documents_void import ReplaceDocument, VoidDocument, replace_document, void_document

BILLED: Final = 90  # of the newest orders that have left
OPEN: Final = 12  # of the newest that wait


def papers(actors: Mapping[str, Actor], goods: Goods, end: datetime) -> None:
    """The company and its documents, once, however often the load was interrupted."""
    with clock.at(end - timedelta(minutes=40)), transaction(actors["owner"]) as tx:
        if tx.session.scalar(select(Document.id).limit(1)) is None:
            _company(tx, goods)
            _documents(tx, actors)


def _company(tx: Tx, goods: Goods) -> None:
    save_company(
        tx,
        SaveCompany(
            "บริษัท รวมตัวอย่าง จำกัด", "Ruam Demo Co., Ltd.", "0003560000025", is_vat_registered=True,
            phone="02-000-1111", email="bill@example.test", footer="ขอบคุณที่อุดหนุนร้านรวม สินค้าเปลี่ยนคืนได้ภายใน 7 วัน",
        ),
    )  # fmt: skip
    save_branch(tx, SaveBranch("00000", "99/9 ถนนรัชดาภิเษก แขวงดินแดง เขตดินแดง กรุงเทพมหานคร 10400"))
    north = tuple(place for code, place in goods.warehouses.items() if code == "CNX")
    save_branch(
        tx, SaveBranch("1", "12 ถนนนิมมานเหมินท์ ตำบลสุเทพ อำเภอเมืองเชียงใหม่ เชียงใหม่ 50200", "เชียงใหม่", warehouse_ids=north)
    )  # fmt: skip


def _documents(tx: Tx, actors: Mapping[str, Actor]) -> None:
    sales, manager = (tx.acting(actors[role]) for role in ("sales", "manager"))
    left, waiting = _orders(tx, left=True), _orders(tx, left=False)
    made = [done for order in left if (done := _issue(sales, _kind(tx, order), order)) is not None]
    for order in waiting:
        _issue(sales, K.ORDER_BILL, order)
    for order in left[:6]:
        _issue(sales, K.DELIVERY_NOTE, order)
    full = [d for d in map(tx.session.get_one, [Document] * len(made), made) if d.kind is K.TAX_INVOICE]
    if len(full) > 2:
        void_document(manager, VoidDocument(full[0].id, VoidReason.MISTAKE, "ออกซ้ำกับใบที่เขียนมือ"))
        replace_document(manager, ReplaceDocument(full[1].id, VoidReason.WRONG_ADDRESS))
        some = Money.satang(min(full[2].total.in_satang, 10_000))
        issue_note(manager, IssueNote(full[2].id, K.CREDIT_NOTE, CreditReason.PRICE_CUT, "สินค้ามีตำหนิ ลดราคาให้", some))
    for refund in tx.session.scalars(select(Refund).where(Refund.status == RefundStatus.PAID).limit(2)):
        issue_document(manager, IssueDocument(K.REFUND_VOUCHER, (refund.order_id,), refund_id=refund.id))


def _orders(tx: Tx, *, left: bool) -> Sequence[Order]:
    gone = (FulfillmentStatus.SHIPPED, FulfillmentStatus.DELIVERED)
    alive = Order.status.in_([OrderStatus.CONFIRMED, OrderStatus.COMPLETED])
    where = Order.fulfillment_status.in_(gone) if left else Order.fulfillment_status == FulfillmentStatus.OPEN
    newest = select(Order).where(alive, where).order_by(Order.id.desc()).limit(BILLED if left else OPEN)
    return tx.session.scalars(newest).all()


def _kind(tx: Tx, order: Order) -> K:
    """Full invoices for those who gave a tax id, abbreviated ones for the marketplaces' buyers, receipts as well where
    the money is in."""
    customer = tx.session.get(Customer, order.customer_id) if order.customer_id else None
    paid = order.payment_status is PaymentStatus.PAID
    if customer is not None and customer.tax_id:
        return K.RECEIPT_TAX_INVOICE if paid else K.DELIVERY_TAX_INVOICE
    if order.channel in MARKETPLACES:
        return K.TAX_INVOICE_SHORT
    return K.RECEIPT_SHORT if paid and order.id % 3 else K.TAX_INVOICE


def _issue(tx: Tx, kind: K, order: Order) -> int | None:
    """One document; what the rules turn down is left out, as in real life."""
    try:
        with tx.session.begin_nested():
            return issue_document(tx, IssueDocument(kind, (order.id,))).document_id
    except OmsError:
        return None
