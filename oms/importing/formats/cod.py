"""Pay files of carriers: headings per field. No carrier publishes a sample; these are the words of their portals and
help pages in Thai and English, own words of a carrier first. What is not found is said by a saved column map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.carriers.names import CARRIER_LABELS, carrier_code
from oms.importing.formats.columns import Format

COD_FIELDS = ("tracking", "amount", "fee", "vat", "freight", "net", "reference", "paid_on")
_COMMON: dict[str, tuple[str, ...]] = {
    "tracking": (
        "Tracking No.", "Tracking Number", "Tracking", "Tracking ID", "Tracking Code", "AWB", "AWB No", "Waybill",
        "Waybill No", "Waybill Number", "Consignment No", "Con No", "Parcel No", "Parcel ID", "Shipment ID", "Barcode",
        "เลขพัสดุ", "หมายเลขพัสดุ", "เลขที่พัสดุ", "รหัสพัสดุ", "เลขติดตามพัสดุ", "หมายเลขติดตามพัสดุ", "เลขแทรค", "เลขแทร็ค",
        "เลขที่ใบส่งของ",
    ),
    "amount": (
        "COD Amount", "COD", "COD Value", "COD Collected", "Collected Amount", "COD Amt", "Amount Collected",
        "ยอด COD", "ยอดเงิน COD", "จำนวนเงิน COD", "จำนวน COD", "ยอดเก็บเงินปลายทาง", "เก็บเงินปลายทาง", "จำนวนเงินเก็บปลายทาง",
        "ยอดเก็บเงิน", "ยอดเรียกเก็บ", "จำนวนเงินที่เรียกเก็บ", "เงินปลายทาง", "Amount", "จำนวนเงิน",
    ),
    "fee": (
        "COD Fee", "COD Service Fee", "COD Charge", "COD Handling Fee", "Service Fee", "Fee", "ค่าธรรมเนียม COD",
        "ค่าบริการ COD", "ค่าธรรมเนียมเก็บเงินปลายทาง", "ค่าธรรมเนียม", "ค่าบริการ",
    ),
    "vat": ("VAT", "VAT 7%", "COD Fee VAT", "COD VAT", "Fee VAT", "Tax", "ภาษีมูลค่าเพิ่ม", "ภาษี", "VAT ค่าธรรมเนียม"),
    "freight": ("Freight", "Shipping Fee", "Delivery Fee", "Freight Charge", "ค่าขนส่ง", "ค่าจัดส่ง", "ค่าส่ง"),
    "net": (
        "Net Amount", "Net COD", "Net", "Net Payment", "Remit Amount", "Transfer Amount", "Payable",
        "Settlement Amount",
        "ยอดสุทธิ", "ยอดโอนสุทธิ", "ยอดโอน", "จำนวนเงินสุทธิ", "จำนวนเงินที่โอน", "ยอดจ่าย", "คงเหลือสุทธิ",
    ),
    "reference": (
        "Reference", "Reference No", "Remittance No", "Settlement No", "Settlement ID", "Payment No",
        "Payment Reference",
        "Transfer No", "Batch No", "Round", "Statement No", "เลขที่อ้างอิง", "เลขที่การโอน", "เลขที่โอน", "เลขที่รอบ", "รอบโอน",
        "รอบการโอน", "เลขที่ใบสรุป", "เลขที่ใบโอน",
    ),
    "paid_on": (
        "Paid Date", "Payment Date", "Transfer Date", "Remittance Date", "Settlement Date", "Remit Date", "วันที่โอน",
        "วันที่โอนเงิน", "วันโอน", "วันที่จ่าย", "วันที่จ่ายเงิน", "วันที่ชำระ",
    ),
}  # fmt: skip
_OWN: dict[str, dict[str, tuple[str, ...]]] = {
    "flash": {"tracking": ("PNO", "pno", "หมายเลขพัสดุ"), "reference": ("เลขที่บิล", "Bill No")},
    "jt": {"tracking": ("Billcode", "Bill code", "เลขบิล", "Mailno"), "amount": ("COD ที่เก็บได้", "Items Value")},
    "kex": {"tracking": ("Consignment No.", "เลขที่พัสดุ", "CN No"), "reference": ("Remittance ID", "COD Report No")},
    "thaipost": {
        "tracking": ("หมายเลขสิ่งของ", "เลขที่สิ่งของ", "หมายเลขสิ่งของฝากส่ง", "Item No"),
        "amount": ("จำนวนเงิน พกง.", "เงินเรียกเก็บ", "ยอดเงินเรียกเก็บ"),
        "reference": ("เลขที่ธนาณัติ", "เลขที่ใบนำจ่าย"),
    },
    "spx": {"tracking": ("SPX Tracking Number", "SPX TN", "SLS TN"), "reference": ("Remittance Batch",)},
    "ninjavan": {"tracking": ("Tracking ID", "NV Tracking ID"), "reference": ("Remittance Reference",)},
    "best": {"tracking": ("Waybill No.", "เลขที่ใบปะหน้า"), "reference": ("Payment Batch",)},
    "dhl": {"tracking": ("Shipment ID", "DHL Shipment ID"), "reference": ("Remittance Number",)},
    "lalamove": {"tracking": ("Order Ref", "เลขที่งาน")},
}
_TOTALS = ("รวม", "ยอดรวม", "รวมทั้งสิ้น", "รวมทั้งหมด", "total", "grand total", "sum", "ผลรวม")


def _form(code: str, label: str, own: Mapping[str, tuple[str, ...]]) -> Format:
    columns = {name: tuple(dict.fromkeys((*own.get(name, ()), *words))) for name, words in _COMMON.items()}
    return Format(
        code=code, label=label, columns=columns, required=frozenset({"tracking", "amount"}), stages={}, era="auto"
    )


GENERIC = _form("generic", "Other file", {})
FORMS: dict[str, Format] = {code: _form(code, label, _OWN[code]) for code, label in CARRIER_LABELS.items()} | {
    GENERIC.code: GENERIC
}


def form_of(carrier: str, column_map: Mapping[str, Any] | None) -> Format:
    """How files of a carrier are read: by a saved map, by its own words, or by the common ones."""
    columns = (column_map or {}).get("columns")
    if not columns:
        return FORMS.get(carrier_code(carrier), GENERIC)
    own = {name: (heading,) for name, heading in columns.items() if heading and name in COD_FIELDS}
    options = (column_map or {}).get("options") or {}
    return Format(
        code="map", label="Other file", columns=own, required=frozenset({"tracking", "amount"}), stages={},
        era=str(options.get("era") or "auto"),
    )  # fmt: skip


def is_total(word: str) -> bool:
    """Whether a cell is the word before a sum."""
    return word.strip().rstrip(":").casefold() in _TOTALS
