"""What each kind of document is: its title, its series, the facts the law wants on it. A new kind is a row here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from oms.documents.states import DocumentKind as K


class Layout(StrEnum):
    """How the body is laid out; one template and one builder each."""

    BILL = "bill"  # goods with prices, sums, amount in words
    MONEY = "money"  # a bill with what was paid when and how
    RECEIPT = "receipt"  # goods with prices, and the money received
    NOTE = "note"  # credit and debit: original value, right value, difference
    GOODS = "goods"  # goods without prices, to pick, pack, take back
    PARCELS = "parcels"  # boxes handed over to a carrier
    VOUCHER = "voucher"  # money paid back


class Need(StrEnum):
    """A fact without which a kind is not issued."""

    SELLER_NAME = "seller_name"
    SELLER_TAX_ID = "seller_tax_id"
    SELLER_ADDRESS = "seller_address"
    BUYER_NAME = "buyer_name"
    BUYER_ADDRESS = "buyer_address"


class Group(StrEnum):
    """Where a kind stands on the order's page."""

    SALE = "sale"
    TAX = "tax"
    GOODS = "goods"
    BACK = "back"


GROUP_LABELS: Final[dict[Group, str]] = {
    Group.SALE: "Bills and receipts",
    Group.TAX: "Tax documents",
    Group.GOODS: "Goods",
    Group.BACK: "Going back",
}

_PLAIN = frozenset({Need.SELLER_NAME})
_RECEIPT = frozenset({Need.SELLER_NAME, Need.SELLER_TAX_ID})
_SELLER = frozenset({Need.SELLER_NAME, Need.SELLER_TAX_ID, Need.SELLER_ADDRESS})
_FULL = _SELLER | {Need.BUYER_NAME, Need.BUYER_ADDRESS}
_GOODS = _RECEIPT | {Need.BUYER_NAME}

_SELLER_SIGNS = (("ผู้รับเงิน", "Collector"), ("ผู้มีอำนาจลงนาม", "Authorized signature"))
_BUYER_SIGNS = (("ผู้รับสินค้า", "Received by"), ("ผู้ส่งสินค้า", "Delivered by"), ("ผู้มีอำนาจลงนาม", "Authorized signature"))


@dataclass(frozen=True)
class Kind:
    """One kind of document.

    ``is_tax``: a document of the VAT law, for VAT sellers alone. ``bills_goods``: it is the tax invoice of an order's
    goods, of which only one may be alive. ``takes_money``: it is a receipt, for verified money alone. ``sign``: what it
    does to an invoice, +1 for a debit note, -1 for a credit note. ``in_set``: it is one form of several documents, so
    the law wants "เอกสารออกเป็นชุด" on it. ``etda``: its code in electronic tax invoices.
    """

    kind: K
    thai: str
    english: str
    label: str
    prefix: str
    layout: Layout
    group: Group
    needs: frozenset[Need] = _PLAIN
    is_tax: bool = False
    is_short: bool = False
    bills_goods: bool = False
    takes_money: bool = False
    sign: int = 0
    in_set: bool = False
    of_drafts: bool = False
    many_orders: bool = True
    signs: tuple[tuple[str, str], ...] = (("ผู้จัดทำ", "Prepared by"), ("ผู้มีอำนาจลงนาม", "Authorized signature"))
    etda: str = ""

    @property
    def has_prices(self) -> bool:
        """Whether it tells what things cost."""
        return self.layout not in {Layout.GOODS, Layout.PARCELS}

    @property
    def has_buyer(self) -> bool:
        """Whether it is made out to somebody."""
        return self.kind not in {K.PICKING_LIST, K.HAND_OVER_SHEET}

    @property
    def is_internal(self) -> bool:
        """Whether it stays in the house or goes to the carrier, so that it may say why."""
        return self.kind in {K.PICKING_LIST, K.PACKING_SLIP, K.HAND_OVER_SHEET, K.REFUND_VOUCHER}

    @property
    def copy_mark(self) -> str:
        """The words on a copy, as the law wants them for tax invoices."""
        return "สำเนาใบกำกับภาษี" if self.bills_goods else f"สำเนา{self.thai}" if self.is_tax else "สำเนา"


_ALL: Final = (
    Kind(K.ORDER_BILL, "ใบสั่งซื้อ", "ORDER BILL", "Order bill", "OB", Layout.BILL, Group.SALE, of_drafts=True),
    Kind(K.QUOTATION, "ใบเสนอราคา", "QUOTATION", "Quotation", "QT", Layout.BILL, Group.SALE, of_drafts=True,
         signs=(("ผู้เสนอราคา", "Quoted by"), ("ผู้อนุมัติสั่งซื้อ", "Accepted by"))),
    Kind(K.INVOICE, "ใบแจ้งหนี้/ใบวางบิล", "INVOICE / BILLING NOTE", "Invoice", "BL", Layout.BILL, Group.SALE,
         needs=_PLAIN | {Need.BUYER_NAME}, signs=(("ผู้วางบิล", "Billed by"), ("ผู้รับวางบิล", "Received by")),
         etda="380"),
    Kind(K.PAYMENT_DETAIL, "ใบแจ้งรายละเอียดการชำระเงิน", "PAYMENT DETAILS", "Payment details", "PD", Layout.MONEY,
         Group.SALE),
    Kind(K.RECEIPT, "ใบเสร็จรับเงิน", "RECEIPT", "Receipt", "RE", Layout.RECEIPT, Group.SALE, needs=_RECEIPT,
         takes_money=True, signs=_SELLER_SIGNS, etda="T01"),
    Kind(K.TAX_INVOICE, "ใบกำกับภาษี", "TAX INVOICE", "Tax invoice", "IV", Layout.BILL, Group.TAX, needs=_FULL,
         is_tax=True, bills_goods=True, signs=_BUYER_SIGNS, etda="388"),
    Kind(K.RECEIPT_TAX_INVOICE, "ใบเสร็จรับเงิน/ใบกำกับภาษี", "RECEIPT / TAX INVOICE", "Receipt and tax invoice", "TR",
         Layout.RECEIPT, Group.TAX, needs=_FULL, is_tax=True, bills_goods=True, takes_money=True, in_set=True,
         signs=_SELLER_SIGNS, etda="T03"),
    Kind(K.DELIVERY_TAX_INVOICE, "ใบส่งของ/ใบกำกับภาษี", "DELIVERY NOTE / TAX INVOICE", "Delivery note and tax invoice",
         "DT", Layout.BILL, Group.TAX, needs=_FULL, is_tax=True, bills_goods=True, in_set=True, signs=_BUYER_SIGNS,
         etda="T04"),
    Kind(K.TAX_INVOICE_SHORT, "ใบกำกับภาษีอย่างย่อ", "ABBREVIATED TAX INVOICE", "Abbreviated tax invoice", "AB",
         Layout.BILL, Group.TAX, needs=_RECEIPT, is_tax=True, is_short=True, bills_goods=True, signs=(), etda="T05"),
    Kind(K.RECEIPT_SHORT, "ใบเสร็จรับเงิน/ใบกำกับภาษีอย่างย่อ", "RECEIPT / ABBREVIATED TAX INVOICE",
         "Receipt and abbreviated tax invoice", "RA", Layout.RECEIPT, Group.TAX, needs=_RECEIPT, is_tax=True,
         is_short=True, bills_goods=True, takes_money=True, in_set=True, signs=(), etda="T06"),
    Kind(K.CREDIT_NOTE, "ใบลดหนี้", "CREDIT NOTE", "Credit note", "CN", Layout.NOTE, Group.BACK, needs=_FULL,
         is_tax=True, sign=-1, signs=_SELLER_SIGNS[1:], etda="81"),
    Kind(K.DEBIT_NOTE, "ใบเพิ่มหนี้", "DEBIT NOTE", "Debit note", "DN", Layout.NOTE, Group.TAX, needs=_FULL,
         is_tax=True, sign=1, signs=_SELLER_SIGNS[1:], etda="80"),
    Kind(K.DELIVERY_NOTE, "ใบส่งของ", "DELIVERY NOTE", "Delivery note", "DO", Layout.BILL, Group.GOODS, needs=_GOODS,
         signs=_BUYER_SIGNS),
    Kind(K.PICKING_LIST, "ใบหยิบสินค้า", "PICKING LIST", "Picking list", "PK", Layout.GOODS, Group.GOODS,
         signs=(("ผู้หยิบ", "Picked by"), ("ผู้ตรวจ", "Checked by"))),
    Kind(K.PACKING_SLIP, "ใบจัดของ", "PACKING SLIP", "Packing slip", "PS", Layout.GOODS, Group.GOODS, many_orders=False,
         signs=(("ผู้จัดของ", "Packed by"), ("ผู้ตรวจ", "Checked by"))),
    Kind(K.HAND_OVER_SHEET, "ใบนำส่ง", "HAND-OVER SHEET", "Hand-over sheet", "HO", Layout.PARCELS, Group.GOODS,
         signs=(("ผู้ส่งมอบ", "Handed over by"), ("ผู้รับ (ขนส่ง)", "Received by the carrier"))),
    Kind(K.RETURN_RECEIPT, "ใบรับคืนสินค้า", "RETURN RECEIPT", "Return receipt", "RR", Layout.GOODS, Group.BACK,
         many_orders=False, signs=(("ผู้คืนสินค้า", "Returned by"), ("ผู้รับคืน", "Received by"))),
    Kind(K.REFUND_VOUCHER, "ใบสำคัญจ่ายคืนเงิน", "REFUND VOUCHER", "Refund voucher", "PV", Layout.VOUCHER, Group.BACK,
         many_orders=False, signs=(("ผู้รับเงิน", "Received by"), ("ผู้จ่ายเงิน", "Paid by"), ("ผู้อนุมัติ", "Approved by"))),
)  # fmt: skip

KINDS: Final[dict[K, Kind]] = {row.kind: row for row in _ALL}
KIND_LABELS: Final[dict[K, str]] = {row.kind: row.label for row in _ALL}
TAX_INVOICES: Final = frozenset(row.kind for row in _ALL if row.bills_goods)
RECEIPTS: Final = frozenset(row.kind for row in _ALL if row.takes_money)
NOTES: Final = frozenset(row.kind for row in _ALL if row.sign)
FULL_OF: Final[dict[K, K]] = {  # what replaces an abbreviated one when the buyer asks for a full one
    K.TAX_INVOICE_SHORT: K.TAX_INVOICE,
    K.RECEIPT_SHORT: K.RECEIPT_TAX_INVOICE,
}
