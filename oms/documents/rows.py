"""The rows of a paper's two small tables: facts beside the buyer, sums under the goods. (Thai, English, value)"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

from oms.documents.words import METHODS, TERMS
from oms.orders.states import PaymentTerm
from oms.payments.states import PaymentMethod
from oms.thai.dates import format_date

Content = Mapping[str, Any]
Row = tuple[str, str, str]
SumRow = tuple[str, str, str, bool]
SIZE = 9.5  # points, of the text of papers


def baht(satang: int) -> str:
    """1,234.50"""
    return f"{Decimal(satang).scaleb(-2):,.2f}"


def rate(basis_points: int) -> str:
    """7%"""
    return f"{Decimal(basis_points) / 100:g}%"


def day(text: str, language: str) -> str:
    """A date as frozen, for the reader: in the Buddhist era in Thai."""
    return format_date(date.fromisoformat(text), language, long=True)


def in_lines(rows: Sequence[Any], label: float, value: float, language: str) -> bool:
    """Whether labels and values stand on a line each in columns of this width, so that they may share a cell."""
    from oms.documents.thaipdf.fonts import BOLD, REGULAR
    from oms.documents.thaipdf.wrapping import width_of

    return all(
        width_of(" / ".join((row[1], row[0]) if language == "en" else (row[0], row[1])), REGULAR, SIZE) <= label
        and width_of(row[2], BOLD, SIZE) <= value
        for row in rows
        if len(row) < 4 or not row[3]
    )


def runs(rows: Sequence[SumRow]) -> list[list[SumRow]]:
    """Sums in groups: what stands together, and the one that counts by itself."""
    found: list[list[SumRow]] = []
    for counts, run in groupby(rows, itemgetter(3)):
        group = list(run)
        found += [[row] for row in group] if counts else [group]
    return found


def head_rows(language: str) -> Callable[[Content], list[Row]]:
    """Number, dates and references of a paper."""
    second = language == "en"

    def rows(d: Content) -> list[Row]:
        found = [("เลขที่", "No.", d["number"] or "–"), ("วันที่", "Date", day(d["issued_on"], language))]
        if d["is_tax"] and d["tax_point"] != d["issued_on"]:
            found.append(("วันที่รับผิด", "Tax point", day(d["tax_point"], language)))
        if note := d["note"]:
            found.append(("ใบกำกับภาษีเดิม", "Invoice", note["number"]))
            found.append(("ลงวันที่", "Dated", day(note["on"], language)))
        orders = d["orders"]
        if len(orders) != 1:
            found.append(("คำสั่งซื้อ", "Orders", f"{len(orders):,}"))
            return found
        order = orders[0]
        found.append(("คำสั่งซื้อ", "Order", order["number"]))
        if order["external_no"]:
            found.append(("อ้างอิง", "Reference", order["external_no"]))
        if d["body"] in {"bill", "money"} and not d["is_short"]:
            found.append(("การชำระเงิน", "Terms", TERMS[PaymentTerm(order["term"])][second]))
        if d["boxes"] and d["body"] == "bill":
            found.append(("ขนส่ง", "Carrier", d["boxes"][0]["carrier"] or "–"))
            if number := d["boxes"][0]["tracking_no"]:
                found.append(("เลขพัสดุ", "Tracking no.", number))
        return found

    return rows


def sum_rows(language: str) -> Callable[[Content], list[SumRow]]:
    """The sums of a paper; the last word is whether it is the one that counts."""
    bodies = {
        "receipt": _received, "money": _owed, "note": _difference, "goods": _pieces, "parcels": _cash,
    }  # fmt: skip

    def rows(d: Content) -> list[SumRow]:
        if d["body"] == "voucher":
            return [(*row, False) for row in _paid_back(d, language)]
        return bodies.get(d["body"], _billed)(d)

    return rows


def _billed(d: Content, *, last: bool = True) -> list[SumRow]:
    s, found = d["sums"], []
    if s["discount"] or s["exempt"] or s["zero"]:
        found.append(("รวมเป็นเงิน", "Subtotal", baht(s["goods"] + s["shipping"]), False))
    if s["discount"]:
        found.append(("หักส่วนลด", "Discount", baht(-s["discount"]), False))
    if not d["is_short"]:
        for key, thai, english in (
            ("exempt", "มูลค่ายกเว้นภาษี", "Exempt"),
            ("zero", "มูลค่าภาษีอัตราศูนย์", "VAT 0%"),
        ):
            if s[key]:
                found.append((thai, english, baht(s[key]), False))
        if s["rate_bp"]:
            found.append(("มูลค่าก่อนภาษี", "Before VAT", baht(s["base"]), False))
            found.append((f"ภาษีมูลค่าเพิ่ม {rate(s['rate_bp'])}", "VAT", baht(s["vat"]), False))
    found.append(("รวมทั้งสิ้น", "Grand total", baht(s["total"]), last))
    return found


def _owed(d: Content) -> list[SumRow]:
    money = d["money"]
    return [
        *_billed(d, last=False), ("ชำระแล้ว", "Paid", baht(money["paid"]), False),
        ("คงค้าง", "Outstanding", baht(money["outstanding"]), True),
    ]  # fmt: skip


def _received(d: Content) -> list[SumRow]:
    money = d["money"]
    if not (money["before"] or money["left"]):
        return _billed(d)
    found = _billed(d, last=False)
    if money["before"]:
        found.append(("ออกใบเสร็จไปแล้ว", "Receipts before", baht(money["before"]), False))
    return [
        *found, ("รับเงินครั้งนี้", "Received", baht(money["received"]), True),
        ("คงค้าง", "Outstanding", baht(money["left"]), False),
    ]  # fmt: skip


def _difference(d: Content) -> list[SumRow]:
    note, s = d["note"], d["sums"]
    found = [("มูลค่าตามใบเดิม", "Original value", baht(note["original"]), False)]
    if note["before"] != note["original"]:
        found.append(("หลังปรับครั้งก่อน", "After earlier notes", baht(note["before"]), False))
    return [
        *found, ("มูลค่าที่ถูกต้อง", "Right value", baht(note["right"]), False),
        ("ผลต่าง", "Difference", baht(note["difference"]), False),
        (f"ภาษีมูลค่าเพิ่ม {rate(s['rate_bp'])}", "VAT", baht(s["vat"]), False),
        ("รวมทั้งสิ้น", "Total", baht(s["total"]), True),
    ]  # fmt: skip


def _pieces(d: Content) -> list[SumRow]:
    return [("รวมจำนวนชิ้น", "Pieces", f"{d['pieces']:,}", True)]


def _cash(d: Content) -> list[SumRow]:
    return [
        ("จำนวนพัสดุ", "Parcels", f"{len(d['boxes']):,}", False), ("ยอดเก็บปลายทาง", "COD", baht(d["cash"]), True)
    ]  # fmt: skip


def _paid_back(d: Content, language: str) -> list[Row]:
    refund = d["refund"]
    found = [("จ่ายโดย", "Paid by", METHODS[PaymentMethod(refund["method"])][language == "en"])]
    if refund["account"]:
        found.append(("เข้าบัญชี", "Account", f"{refund['bank']} {refund['account']}".strip()))
    if refund["name"]:
        found.append(("ชื่อบัญชี", "Name", refund["name"]))
    found.append(("วันที่จ่าย", "Paid on", day(refund["on"], language)))
    if refund["reference"]:
        found.append(("เลขอ้างอิง", "Reference", refund["reference"]))
    for key, thai, english in (
        ("asked_by", "ผู้ขอ", "Asked by"),
        ("approved_by", "ผู้อนุมัติ", "Approved by"),
        ("paid_by", "ผู้จ่าย", "Paid by"),
    ):
        if refund[key]:
            found.append((thai, english, refund[key]))
    return found
