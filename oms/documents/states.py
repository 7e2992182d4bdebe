"""The machine of documents, their kinds, and the reasons the law knows for voiding, crediting and debiting."""

from __future__ import annotations

from enum import StrEnum

from oms.states import Machine, Transition, states


class DocumentStatus(StrEnum):
    """A draft is what a preview shows; it has no number and is not kept."""

    DRAFT = "draft"
    ISSUED = "issued"
    VOIDED = "voided"


D = DocumentStatus

DOCUMENT = Machine(
    "Document",
    initial=D.DRAFT,
    labels={D.DRAFT: "Draft", D.ISSUED: "Issued", D.VOIDED: "Voided"},
    transitions=[
        Transition("issue", states(D.DRAFT), D.ISSUED, "Issue"),
        Transition("void", states(D.ISSUED), D.VOIDED, "Void"),
    ],
)


class DocumentKind(StrEnum):
    """Every paper of an order. What each is, says ``kinds.KINDS``."""

    ORDER_BILL = "order_bill"
    QUOTATION = "quotation"
    INVOICE = "invoice"
    PAYMENT_DETAIL = "payment_detail"
    RECEIPT = "receipt"
    TAX_INVOICE = "tax_invoice"
    TAX_INVOICE_SHORT = "tax_invoice_short"
    RECEIPT_TAX_INVOICE = "receipt_tax_invoice"
    RECEIPT_SHORT = "receipt_short"
    DELIVERY_TAX_INVOICE = "delivery_tax_invoice"
    CREDIT_NOTE = "credit_note"
    DEBIT_NOTE = "debit_note"
    DELIVERY_NOTE = "delivery_note"
    PICKING_LIST = "picking_list"
    PACKING_SLIP = "packing_slip"
    HAND_OVER_SHEET = "hand_over_sheet"
    RETURN_RECEIPT = "return_receipt"
    REFUND_VOUCHER = "refund_voucher"


class VoidReason(StrEnum):
    """Why a document is voided or replaced."""

    WRONG_NAME = "wrong_name"
    WRONG_ADDRESS = "wrong_address"
    WRONG_GOODS = "wrong_goods"
    FULL_WANTED = "full_wanted"
    ORDER_CANCELED = "order_canceled"
    MISTAKE = "mistake"
    OTHER = "other"


VOID_LABELS: dict[VoidReason, str] = {
    VoidReason.WRONG_NAME: "The buyer's name or tax id was wrong",
    VoidReason.WRONG_ADDRESS: "The buyer's address was wrong",
    VoidReason.WRONG_GOODS: "Goods, quantity or price were wrong",
    VoidReason.FULL_WANTED: "The buyer asked for a full tax invoice",
    VoidReason.ORDER_CANCELED: "The sale was called off",
    VoidReason.MISTAKE: "Issued by mistake",
    VoidReason.OTHER: "Another reason",
}
VOID_THAI: dict[VoidReason, str] = {  # as the replacing document prints it
    VoidReason.WRONG_NAME: "ชื่อหรือเลขประจำตัวผู้เสียภาษีของผู้ซื้อไม่ถูกต้อง",
    VoidReason.WRONG_ADDRESS: "ที่อยู่ของผู้ซื้อไม่ถูกต้อง",
    VoidReason.WRONG_GOODS: "รายการสินค้า จำนวน หรือราคาไม่ถูกต้อง",
    VoidReason.FULL_WANTED: "ผู้ซื้อขอใบกำกับภาษีแบบเต็มรูป",
    VoidReason.ORDER_CANCELED: "ยกเลิกการขาย",
    VoidReason.MISTAKE: "ออกเอกสารผิดพลาด",
    VoidReason.OTHER: "เหตุอื่น",
}
VOID_CODES: dict[VoidReason, str] = {  # the purpose codes of electronic tax invoices; anything else is TIVC99
    VoidReason.WRONG_NAME: "TIVC01",
    VoidReason.WRONG_ADDRESS: "TIVC02",
}
OTHER_CODE = "TIVC99"


class CreditReason(StrEnum):
    """The reasons of a credit note of goods (s.82/10), by the codes of electronic tax invoices."""

    PRICE_CUT = "CDNG01"
    DAMAGED = "CDNG02"
    SHORT = "CDNG03"
    PRICE_TOO_HIGH = "CDNG04"
    RETURNED = "CDNG05"
    OTHER = "CDNG99"


CREDIT_LABELS: dict[CreditReason, str] = {
    CreditReason.PRICE_CUT: "Price reduced: not as agreed",
    CreditReason.DAMAGED: "Goods damaged",
    CreditReason.SHORT: "Fewer goods than agreed",
    CreditReason.PRICE_TOO_HIGH: "Price counted too high",
    CreditReason.RETURNED: "Goods returned",
    CreditReason.OTHER: "Another reason",
}
CREDIT_THAI: dict[CreditReason, str] = {
    CreditReason.PRICE_CUT: "ลดราคาสินค้าเนื่องจากไม่ตรงตามข้อตกลง",
    CreditReason.DAMAGED: "สินค้าชำรุดเสียหาย",
    CreditReason.SHORT: "สินค้าขาดจำนวนตามที่ตกลง",
    CreditReason.PRICE_TOO_HIGH: "คำนวณราคาสินค้าสูงกว่าที่เป็นจริง",
    CreditReason.RETURNED: "รับคืนสินค้า",
    CreditReason.OTHER: "เหตุอื่น",
}


class DebitReason(StrEnum):
    """The reasons of a debit note of goods (s.82/9)."""

    MORE_GOODS = "DBNG01"
    PRICE_TOO_LOW = "DBNG02"
    OTHER = "DBNG99"


DEBIT_LABELS: dict[DebitReason, str] = {
    DebitReason.MORE_GOODS: "More goods than agreed",
    DebitReason.PRICE_TOO_LOW: "Price counted too low",
    DebitReason.OTHER: "Another reason",
}
DEBIT_THAI: dict[DebitReason, str] = {
    DebitReason.MORE_GOODS: "ส่งสินค้าเกินจำนวนที่ตกลง",
    DebitReason.PRICE_TOO_LOW: "คำนวณราคาสินค้าต่ำกว่าที่เป็นจริง",
    DebitReason.OTHER: "เหตุอื่น",
}


class SeriesEra(StrEnum):
    """How the year stands in numbers: 69 (Buddhist) or 26 (Gregorian)."""

    BE = "be"
    CE = "ce"


ERA_LABELS: dict[SeriesEra, str] = {SeriesEra.BE: "Buddhist era", SeriesEra.CE: "Gregorian"}


class PrintMark(StrEnum):
    """What a print bears: the first one is the original, every later one a copy."""

    ORIGINAL = "original"
    COPY = "copy"


MARK_LABELS: dict[PrintMark, str] = {PrintMark.ORIGINAL: "Original", PrintMark.COPY: "Copy"}
