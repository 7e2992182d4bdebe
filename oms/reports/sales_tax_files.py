"""The sales-tax report as a table and as a paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from oms import clock
from oms.documents.kinds import KINDS
from oms.documents.paper import page_html
from oms.documents.queries import find_seller
from oms.documents.render import render_pdf
from oms.documents.words import branch_words
from oms.money import Money
from oms.reports.sales_tax import TaxReport, TaxRow
from oms.thai.dates import format_date
from oms.thai.tax_id import HEAD_OFFICE, format_tax_id

HEADINGS: tuple[str, ...] = (
    "No.", "Date", "Number", "Kind of document", "Buyer", "Tax id", "Branch", "Value", "VAT", "Exempt", "Total",
    "State", "Refers to",
)  # fmt: skip
STATE_LABELS = {"issued": "Issued", "voided": "Voided"}


def table(report: TaxReport, translate: Callable[[str], str]) -> tuple[list[str], list[list[Any]]]:
    """Headings and rows for a spreadsheet; the last row is the sum."""
    rows = [
        [
            no, r.day.isoformat(), r.number, translate(KINDS[r.kind].label), r.buyer, r.tax_id, r.branch, r.net, r.vat,
            r.exempt, r.total, translate(STATE_LABELS["voided" if r.is_voided else "issued"]), r.refers_to,
        ]
        for no, r in enumerate(report.rows, 1)
    ]  # fmt: skip
    total = ["", "", translate("Total"), "", "", "", "", report.net, report.vat, report.exempt, report.total, "", ""]
    return [translate(h) for h in HEADINGS], [*rows, total]


def _baht(amount: Money) -> str:
    return f"{amount.amount:,.2f}"


def _line(r: TaxRow) -> dict[str, Any]:
    return {
        "day": f"{r.day.day:02d}/{r.day.month:02d}/{r.day.year + 543}", "number": r.number,
        "buyer": r.buyer or "ลูกค้าเงินสด",
        "tax_id": format_tax_id(r.tax_id) if r.tax_id else "", "void": r.is_voided, "refers": r.refers_to,
        "title": KINDS[r.kind].thai, "net": _baht(r.net + r.exempt), "vat": _baht(r.vat), "total": _baht(r.total),
        "place": ("สนญ." if r.branch == HEAD_OFFICE else r.branch) if r.tax_id else "",
    }  # fmt: skip


def month_words(report: TaxReport) -> str:
    """The tax month in Thai: พฤศจิกายน 2569."""
    return format_date(report.month.first, long=True).split(" ", 1)[1]


def paper(session: Session, report: TaxReport) -> bytes:
    """The report as PDF, A4 across, as s.87 and the Director-General's form want it."""
    seller = find_seller(session)
    html = page_html(
        "v1/sales_tax.html", month=month_words(report), seller=seller,
        branch_name=branch_words(report.branch or seller.branch)[0] if report.branch else "ทุกสถานประกอบการ",
        printed=format_date(clock.today()), rows=[_line(r) for r in report.rows], voided=report.voided,
        net=_baht(report.net + report.exempt), vat=_baht(report.vat), total=_baht(report.total),
        exempt=_baht(report.exempt) if report.exempt.amount else "",
    )  # fmt: skip
    return render_pdf(html)
