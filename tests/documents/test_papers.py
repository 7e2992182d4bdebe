"""Papers: what was frozen is what is printed and copied, escaped, twice the same, nothing off the page."""

from __future__ import annotations

import hashlib
import io
import json
import unicodedata
from pathlib import Path

import pypdf
import pytest

from oms.documents.binding import bind
from oms.documents.content import LAYOUT_VERSION
from oms.documents.kinds import KINDS
from oms.documents.models import checksum
from oms.documents.paper import SLIP, TEMPLATES, Look, has_slip, html_of, pdf_of
from oms.documents.parties import Buyer, Seller
from oms.documents.pictures import pictures
from oms.documents.rows import in_lines, runs
from oms.documents.states import DocumentKind as K
from oms.documents.states import PrintMark
from oms.errors import InvalidInput
from tests.samples.papers import BUYER, SELLER, content

GOLDEN = Path(__file__).with_name("tax_invoice.json")
COPY = Look(PrintMark.COPY)
PINNED = {
    "v1": "e777f6118d838185d41a1b03f5080d22eaac41d00733edb33fdf9a2fc4289762",
    "v2": "6dbe09dabc43e3821eb67da2013310d8758daebc44ee5966292bcebf46c7cba6",
}


def squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).split())


def copied(pdf: bytes) -> str:
    """The text a reader copies out, without spaces."""
    return squeezed("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages))


def codes(pdf: bytes) -> list[str]:
    """What a reader of codes finds on a print of a label printer's fineness."""
    import zxingcpp
    from PIL import Image

    picture = Image.open(io.BytesIO(pictures(pdf, 203 / 72)[0]))
    return [found.text for found in zxingcpp.read_barcodes(picture)]


def paper(kept: dict, look: Look = Look()) -> bytes:  # noqa: B008  frozen
    return pdf_of(kept, checksum(kept), look)


@pytest.mark.parametrize("language", ["th", "en"])
@pytest.mark.parametrize("kind", sorted(K))
def test_every_paper_says_what_was_frozen(kind, language):
    kept = content(kind, 3, language=language, mixed=KINDS[kind].has_prices)
    text = copied(paper(kept))
    wanted = [kept["title"][0], kept["number"], kept["seller"]["name"], kept["orders"][0]["number"]]
    if KINDS[kind].has_buyer and kind is not K.REFUND_VOUCHER:
        wanted += [BUYER.name, BUYER.address, "0-0055-60000-01-9"]
    for row in (*kept.get("lines", ()), *kept.get("goods", ())):
        wanted += [row["name"], row["code"]] if row.get("kind", "goods") != "discount" else []
    if KINDS[kind].is_tax and not KINDS[kind].is_short:
        wanted.append(f"{kept['sums']['vat'] / 100:,.2f}")
        wanted += ["0-0035-60000-02-5", "สำนักงานใหญ่" if language == "th" else "Head office"]
    if "sums" in kept:
        wanted.append(f"{kept['sums']['total'] / 100:,.2f}")
    wanted += [box["tracking_no"] for box in kept.get("boxes", ())] if kind is K.HAND_OVER_SHEET else []
    wanted.append("14 พฤศจิกายน 2569" if language == "th" else "14 November 2026")
    missing = [word for word in wanted if squeezed(word) not in text]
    assert not missing, text


@pytest.mark.parametrize("kind", sorted(K))
def test_a_reprint_is_byte_for_byte_the_same_but_for_its_mark(kind):
    kept = content(kind)
    assert paper(kept, COPY) == paper(kept, COPY)
    mark = html_of(kept, "x", COPY)
    first = html_of(kept, "x", Look())
    assert "สำเนา" in mark
    words = f"{kept['copy_mark']} / COPY"
    own = "ต้นฉบับ / ORIGINAL"
    assert mark.replace(words, own) == first or mark.replace(f'<p class="mark">{words}</p>', "") == first


def test_tax_documents_bear_the_words_of_the_law():
    kept = content(K.TAX_INVOICE)
    assert "สำเนาใบกำกับภาษี" in copied(paper(kept, COPY))
    for kind in (K.RECEIPT_TAX_INVOICE, K.DELIVERY_TAX_INVOICE):
        assert "เอกสารออกเป็นชุด" in copied(paper(content(kind)))
    assert "เอกสารออกเป็นชุด" not in copied(paper(kept))
    short = copied(paper(content(K.TAX_INVOICE_SHORT, buyer=Buyer(""))))
    assert "ราคารวมภาษีมูลค่าเพิ่มแล้ว" in short
    assert "มูลค่าก่อนภาษี" not in short


def test_a_seller_without_vat_prints_no_tax_words():
    plain = Seller("ร้านป้าน้อย", "", "3990000000031", False, None, "00000", "", "12 ถนนช้างเผือก เชียงใหม่ 50200")
    text = copied(paper(content(K.RECEIPT, seller=plain, buyer=Buyer("คุณสมชาย"))))
    for word in ("ใบกำกับภาษี", "ภาษีมูลค่าเพิ่ม", "VAT"):
        assert word not in text
    assert "3-9900-00000-03-1" in text


def test_hostile_names_are_printed_and_not_obeyed():
    bad = (
        '<script>alert(1)</script><img src="file:///etc/passwd">',
        "{{ 7 * 7 }}{% for x in y %}",
        "</td></tr></table>A&B",
    )
    buyer = Buyer("<b>บริษัท</b> & เพื่อน", "", "", '"><h1>ที่อยู่</h1>\n<pdf:nextpage>')
    kept = content(K.TAX_INVOICE, names=bad, buyer=buyer, ship_name="<i>x</i>")
    html = html_of(kept, "x", Look())
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    pdf = paper(kept)
    assert len(pypdf.PdfReader(io.BytesIO(pdf)).pages) == 1
    text = copied(pdf)
    for word in (*bad, buyer.name, *buyer.address.splitlines()):
        assert squeezed(word) in text


def test_many_lines_turn_the_page_with_their_head_and_keep_the_sums_together():
    kept = content(K.TAX_INVOICE, 60)
    pages = [squeezed(p.extract_text()) for p in pypdf.PdfReader(io.BytesIO(paper(kept))).pages]
    assert len(pages) >= 3
    for i, page in enumerate(pages[:-1], 1):
        assert "รายการ" in page
        assert f"หน้า{i}/{len(pages)}" in page
    last = pages[-1]
    assert "รวมทั้งสิ้น" in last
    assert "ผู้มีอำนาจลงนาม" in last
    assert kept["number"] in last


def test_signs_the_font_lacks_are_left_out_of_names_and_refused_in_the_buyers():
    kept = content(K.TAX_INVOICE, names=("🔥เสื้อ🔥 日本 ของแท้", "山田"))
    assert [line["name"] for line in kept["lines"][:2]] == ["🔥เสื้อ🔥 ของแท้", "RU-0002"]
    text = copied(paper(kept))
    assert "เสื้อของแท้" in text
    assert "🔥" not in text
    with pytest.raises(InvalidInput) as refused:
        content(K.TAX_INVOICE, buyer=Buyer("山田さん", address="1"))
    assert (refused.value.field, refused.value.facts["char"]) == ("buyer_name", "山")


def test_narrow_papers_are_as_long_as_what_is_on_them():
    sizes = []
    for lines in (1, 30):
        kept = content(K.TAX_INVOICE_SHORT, lines, buyer=Buyer(""))
        assert has_slip(kept)
        page = pypdf.PdfReader(io.BytesIO(paper(kept, Look(paper=SLIP)))).pages
        assert len(page) == 1
        sizes.append((round(float(page[0].mediabox.width) / 72 * 25.4), float(page[0].mediabox.height)))
        assert kept["number"] in squeezed(page[0].extract_text())
    assert [width for width, _ in sizes] == [80, 80]
    assert sizes[0][1] * 2 < sizes[1][1]
    assert not has_slip(content(K.TAX_INVOICE))


def test_void_and_preview_are_written_over_the_paper():
    kept = content(K.TAX_INVOICE)
    assert "ยกเลิก/VOID" in copied(paper(kept, Look(PrintMark.COPY, void=True)))
    assert "PREVIEW" in copied(paper(kept, Look(preview=True)))


def test_a_replacement_names_the_old_one():
    why = {"number": "IV69-000120", "on": "2026-11-02", "title": ["ใบกำกับภาษี", "TAX INVOICE"], "code": "TIVC01",
           "reason": "ชื่อผู้ซื้อไม่ถูกต้อง", "note": ""}  # fmt: skip
    text = copied(paper({**content(K.TAX_INVOICE), "replaces": why}))
    assert "ออกแทนใบกำกับภาษีฉบับเดิมเลขที่IV69-000120ลงวันที่2พฤศจิกายน2569" in text
    assert "TIVC01" in text


def test_several_papers_in_one_file_keep_their_own_page_numbers():
    files = [paper(content(K.TAX_INVOICE, n)) for n in (2, 60)]
    bound = bind(files)
    assert bound == bind(files)
    pages = [squeezed(p.extract_text()) for p in pypdf.PdfReader(io.BytesIO(bound)).pages]
    assert "หน้า1/1" in pages[0]
    assert f"หน้า1/{len(pages) - 1}" in pages[1]


def test_the_code_on_the_paper_can_be_read_from_a_print():
    kept = content(K.TAX_INVOICE)
    assert codes(paper(kept)) == [kept["link"]]
    assert pictures(paper(content(K.TAX_INVOICE, seller=SELLER)))


def test_the_content_of_a_tax_invoice_is_as_it_was():
    kept = content(K.TAX_INVOICE, 2)
    assert kept == json.loads(GOLDEN.read_text(encoding="utf-8")), "a new shape of contents is a new layout version"


def test_templates_that_documents_were_issued_with_do_not_change():
    assert len(PINNED) == LAYOUT_VERSION
    for name, pinned in PINNED.items():
        found = hashlib.sha256()
        for path in sorted((TEMPLATES / name).glob("*.html")):
            found.update(path.name.encode() + path.read_bytes())
        assert found.hexdigest() == pinned, "make a folder with the next number, count LAYOUT_VERSION up, change that"


def test_a_document_of_an_earlier_layout_prints_by_it():
    kept = content(K.TAX_INVOICE, 3)
    old = {**kept, "layout": 1}
    one, other = (html_of(k, checksum(kept), Look()) for k in (old, kept))
    assert 'class="pen"' in one
    assert 'class="pen"' not in other
    assert codes(paper(old)) == codes(paper(kept)) == [kept["link"]]
    assert sorted(copied(paper(old)).replace(checksum(old), "")) == sorted(
        copied(paper(kept)).replace(checksum(kept), "")
    )


def test_facts_and_sums_share_a_cell_only_when_each_stands_on_a_line():
    kept = content(K.TAX_INVOICE, 3)
    assert 'class="k kk"' in html_of(kept, "x", Look())
    long = {**kept, "orders": [{**kept["orders"][0], "external_no": "WEB-2026-11-14-000000123456789"}]}
    html = html_of(long, "x", Look())
    assert 'class="k kk"' not in html
    assert html.count('<td class="k"') == 6
    assert "WEB-2026-11-14-000000123456789" in copied(paper(long))
    rows = [("ก", "A", "1", False), ("ข", "B", "2", False), ("ค", "C", "3", True), ("ง", "D", "4", False)]
    assert runs(rows) == [rows[:2], rows[2:3], rows[3:]]
    assert in_lines(rows, 140, 76, "th")
    assert not in_lines([("ยาว" * 30, "Long", "1", False)], 140, 76, "th")
    assert not in_lines([("ก", "A", "1" * 30, False)], 140, 76, "en")
