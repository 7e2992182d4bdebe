"""Papers as HTML and PDF: a frozen content, a mark, and a template. The same content and mark give the same bytes.

Templates run in Jinja's sandbox with every fact escaped, and read nothing but the content. Their folder is the layout
version that the content was frozen with, so an old document prints as it always did (docs/adr/0117).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from oms.documents.labels.symbols import square
from oms.documents.render import render_pdf
from oms.documents.rows import baht, day, head_rows, in_lines, runs, sum_rows
from oms.documents.states import PrintMark
from oms.documents.words import METHODS, branch_words, english_baht
from oms.payments.states import PaymentMethod
from oms.thai.bahttext import baht_text
from oms.thai.phone import format_phone
from oms.thai.tax_id import format_tax_id

TEMPLATES = Path(__file__).with_name("templates")
COLOR = "#17456b"
A4, SLIP = "a4", "80mm"
PAPERS = (A4, SLIP)
_TALL = 1200  # millimeters; a slip is measured on it first
_POINTS = 72 / 25.4


OPTIONAL: dict[str, Any] = {
    "replaces": None, "note": None, "money": None, "refund": None, "boxes": [], "payments": [], "remark": "",
    "issued_by": "", "color": COLOR, "logo": "",
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """How one print differs from another of the same document."""

    mark: PrintMark = PrintMark.ORIGINAL
    void: bool = False
    preview: bool = False
    paper: str = A4


def has_slip(content: Mapping[str, Any]) -> bool:
    """Whether the document may be printed on a narrow roll: receipts and abbreviated tax invoices."""
    return bool(content["is_short"]) or content["kind"] == "receipt"


def html_of(content: Mapping[str, Any], checksum: str, look: Look, *, height: int = _TALL) -> str:
    """The paper as HTML."""
    facts = {**OPTIONAL, **content}
    name = "slip" if look.paper == SLIP and has_slip(content) else "paper"
    language = str(content["language"])
    template = _environment(language).get_template(f"v{content['layout']}/{name}.html")
    return template.render(
        d=facts, mark=_mark(facts, look), void=look.void, preview=look.preview, checksum=checksum, height=height,
        qr=_qr(str(facts.get("link", "")), int(content["layout"])), vat=bool(facts.get("sums", {}).get("rate_bp")),
        platform=sum(int(o.get("platform", 0)) for o in facts["orders"]),
    )  # fmt: skip


def page_html(name: str, *, language: str = "th", **facts: object) -> str:
    """Another page of papers (a report) as HTML, by the same templates' rules."""
    return _environment(language).get_template(name).render(**facts)


def pdf_of(content: Mapping[str, Any], checksum: str, look: Look) -> bytes:
    """The paper as PDF. Raises InvalidInput when it cannot be printed as it is."""
    if look.paper == SLIP and has_slip(content):
        tall = render_pdf(html_of(content, checksum, look))
        return render_pdf(html_of(content, checksum, look, height=_height(tall)))
    return render_pdf(html_of(content, checksum, look))


def _height(pdf: bytes) -> int:
    """How long a slip has to be, in millimeters: down to its last text or picture, and a margin."""
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    if len(document) > 1:
        return _TALL
    page = document[0]
    lowest = min(bottom for _, bottom, _, _ in (found.get_bounds() for found in page.get_objects()))
    return int((float(page.get_height()) - float(lowest)) / _POINTS) + 6


def _mark(facts: Mapping[str, Any], look: Look) -> str:
    """The words on a copy are the law's own for tax documents."""
    if look.mark is PrintMark.COPY:
        return f"{facts['copy_mark']} / COPY"
    return "ต้นฉบับ / ORIGINAL" if facts["body"] not in {"goods", "parcels"} else ""


def _qr(link: str, layout: int) -> str:
    """The code that opens the stored original, as a picture inside the page. Layout 1 had another encoder, which took a
    tenth of a paper's time; its codes look different and say the same."""
    if not link:
        return ""
    out = io.BytesIO()
    if layout == 1:
        import segno

        segno.make(link, error="m", micro=False).save(out, kind="png", scale=4, border=1)
    else:
        square(link, scale=4, border=1).convert("L").save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


@cache
def _environment(language: str) -> ImmutableSandboxedEnvironment:
    """Jinja's sandbox with the words of one language."""
    made = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    second = language == "en"

    made.filters.update(
        baht=baht, number=lambda n: f"{n:,}", tax_id=format_tax_id, phone=format_phone,
        day=lambda text, tongue=language: day(text, tongue),
        in_words=lambda satang: english_baht(satang) if second else baht_text(Decimal(satang).scaleb(-2)),
        lines=lambda text: Markup("<br/>").join(escape(line) for line in str(text).splitlines()),
    )  # fmt: skip
    made.globals.update(
        en=second, branch=branch_words, method=lambda code: METHODS[PaymentMethod(code)][second],
        facts=head_rows(language), sums=sum_rows(language), runs=runs, singles=lambda rows: [[row] for row in rows],
        in_lines=lambda rows, label, value: in_lines(rows, label, value, language),
    )  # fmt: skip
    return made
