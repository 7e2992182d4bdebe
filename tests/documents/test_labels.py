"""Labels as paper: every code decoded from what a printer sees, every word copied back, nothing off the page."""

from __future__ import annotations

import io
import random
import unicodedata

import pypdfium2
import pytest
import zxingcpp
from PIL import Image
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from oms.documents.errors import MissingGlyph, Unprintable
from oms.documents.foreign import ForeignReader, Place
from oms.documents.labels.facts import Cover, CoverLine, Failed, LabelFacts
from oms.documents.labels.layout import plan
from oms.documents.labels.papers import FORMS, MM, Paper, label_size
from oms.documents.labels.sheet import Sheet, draw_labels
from oms.documents.labels.symbols import code128
from oms.documents.proof import check_fonts, check_pages
from tests.samples.thai_texts import addresses, goods


def facts(n: int = 1, **changed: object) -> LabelFacts:
    base: dict[str, object] = {
        "code": f"TH0123456{n:06d}B", "is_own": False, "carrier": "Flash Express", "service": "ส่งด่วน",
        "sort_code": "BKK-04", "channel": "LINE", "orders": (f"R2569-{n:06d}",), "shipment": f"SH2569-{n:06d}",
        "box": 1, "boxes": 2, "name": "คุณปู่น้ำทิพย์ ฟั่นเฟือง", "phone": "081xxxxx78",
        "line": "99/123 หมู่บ้านพฤกษาลีลา ซอยรามอินทรา 39 (ใกล้เซเว่น)", "area": "แขวงท่าแร้ง เขตบางเขน",
        "province": "กรุงเทพมหานคร", "postcode": "10220", "sender": "ร้านป้าแจ๋ว",
        "sender_address": "88/8 หมู่ 4 ต.บางพลีใหญ่ อ.บางพลี สมุทรปราการ 10540", "sender_phone": "02-123-4567",
        "cod": "1,290.00", "items": ("2 × น้ำพริกเผาป้าน้ำ", "1 × กระเป๋าผ้า"), "remark": "ห้ามโยน",
    }  # fmt: skip
    return LabelFacts(**(base | changed))


def squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).split())


def text_of(pdf: bytes) -> str:
    return squeezed("".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)))


def codes(pdf: bytes, dpi: int = 203) -> list[tuple[str, str]]:
    """(kind, text) of every code on every page, as a label printer puts it on paper."""
    found = []
    for page in pypdfium2.PdfDocument(pdf):
        seen = page.render(scale=dpi / 72, grayscale=True).to_pil().point(lambda p: 255 * (p > 127))
        found += [(str(c.format), c.text) for c in zxingcpp.read_barcodes(seen)]
    return found


@pytest.mark.parametrize("paper", Paper)
@pytest.mark.parametrize("dpi", [203, 300])
def test_both_codes_of_every_label_are_read_from_a_label_printers_dots(paper, dpi):
    made = [facts(n) for n in range(5)]
    found = codes(draw_labels(made, paper), dpi)
    for f in made:
        assert sorted("QR" in kind for kind, text in found if text == f.code) == [False, True], f.code


@pytest.mark.parametrize("paper", Paper)
@pytest.mark.parametrize(
    "code", ["A", "SH2569-000123", "820123456789", "TH47014F8VXK3A0", "SPXTH012345678901", "JNT-000/1 A+B", "X" * 38]
)
def test_numbers_of_every_length_are_read(paper, code):
    """A number too long for bars that a printer can print stands in the QR code alone."""
    drawn = draw_labels([facts(code=code)], paper)
    found = codes(drawn)
    assert code.replace(" ", "") in text_of(drawn)
    assert {text for _, text in found} == {code}
    assert any("QR" in kind for kind, _ in found)


@pytest.mark.parametrize("paper", Paper)
def test_everything_on_a_label_is_copied_as_it_was_written(paper):
    f = facts(copy=2, is_own=True)
    text = text_of(draw_labels([f], paper))
    for part in (
        f.name, f.phone, f.line, f.area, f.province, f.postcode, f.sender, f.sender_address, f.sender_phone, f.cod,
        f.carrier, f.sort_code, f.service, f.channel, f.code, f.orders[0], f.shipment, f.remark, *f.items,
        "สำเนา 2 / COPY 2", "กล่อง 1/2", "ยังไม่มีเลขพัสดุ", "เก็บเงินปลายทาง",
    ):  # fmt: skip
        assert squeezed(part) in text, part
    assert "ไม่เก็บเงิน" not in text


def test_a_label_without_cod_says_that_nothing_is_collected():
    text = text_of(draw_labels([facts(cod="")], Paper.TALL))
    assert "ไม่เก็บเงิน" in text
    assert "COD" not in text


def test_500_addresses_stay_on_every_paper_and_lose_nothing():
    rng = random.Random(20261128)
    lines = addresses(rng, 500)
    for paper in Paper:
        form, refused = FORMS[paper], 0
        kept: list[LabelFacts] = []
        for n, line in enumerate(lines):
            f = facts(
                n, name=line.split()[0][:60], line=line[: rng.randint(20, 160)], items=tuple(goods(rng, rng.randint(0, 9))),
                remark=rng.choice(["", goods(rng, 1)[0]]), cod=rng.choice(["", "12,345,678.00"]),
                orders=tuple(f"2402{rng.randint(10**9, 10**10)}" for _ in range(rng.randint(1, 4))),
            )  # fmt: skip
            try:
                ready = plan(f, form)
            except Unprintable as too_long:
                assert too_long.detail_code == "label_address_long"  # noqa: PT017
                refused += 1
                continue
            wide, high = label_size(paper)
            for t in ready.texts:
                assert t.x >= form.margin * MM - 0.1
                assert t.x + stringWidth(t.text, t.font, t.size) <= wide - form.margin * MM + 0.1
                assert form.margin * MM - 0.5 <= t.y <= high
            kept.append(f)
        assert refused <= 5, paper
        pdf = draw_labels(kept, paper)
        check_pages(pdf)
        check_fonts(pdf)
        text = text_of(pdf)
        assert all(squeezed(f.line) in text and squeezed(f.name) in text for f in kept)


def test_lines_of_text_never_lie_on_one_another():
    rng = random.Random(3)
    for paper in Paper:
        for n, line in enumerate(addresses(rng, 25)):
            ready = plan(facts(n, line=line, items=tuple(goods(rng, 6)), copy=n % 2), FORMS[paper])
            boxes = [(t.x, t.y - t.size * 0.2, t.y + t.size * 0.7, t) for t in ready.texts]
            for i, (x, low, high, a) in enumerate(boxes):
                for x2, low2, high2, b in boxes[i + 1 :]:
                    apart = (
                        x + stringWidth(a.text, a.font, a.size) <= x2 + 0.1
                        or x2 + stringWidth(b.text, b.font, b.size) <= x + 0.1
                    )
                    assert apart or low >= high2 - 0.8 or low2 >= high - 0.8, (paper, a, b)


def test_what_cannot_be_printed_is_refused_before_anything_is_drawn():
    sheet = Sheet(Paper.TALL)
    for bad, kind, code in (
        (facts(name="山田太郎"), MissingGlyph, "missing_glyph"),
        (facts(code="เลขไทย"), Unprintable, "label_number"),
        (facts(line="บ้านเลขที่ยาวมาก " * 60), Unprintable, "label_address_long"),
        (facts(sender_address="ที่อยู่ผู้ส่งยาวมาก " * 40), Unprintable, "label_sender_long"),
    ):
        with pytest.raises(kind) as refusal:
            sheet.put(bad)
        assert refusal.value.detail_code == code
    sheet.put(facts(5))
    text = text_of(sheet.finish())
    assert facts(5).code in text
    assert "ยาวมาก" not in text


def test_a_foreign_letter_in_a_remark_or_in_goods_is_no_reason_to_print_nothing():
    text = text_of(draw_labels([facts(items=("2 × 化粧水 ครีม 🧴",), remark="请快点 ด่วน")], Paper.TALL))
    assert "2×(?)ครีม" in text
    assert "หมายเหตุ(?)ด่วน" in text


def test_goods_that_do_not_fit_are_counted():
    many = tuple(f"{n} × สินค้าชื่อหนึ่ง" for n in range(101, 141))
    text = text_of(draw_labels([facts(items=many, remark="")], Paper.SQUARE))
    shown = sum(1 for item in many if squeezed(item) in text)
    assert f"และอีก{40 - shown}รายการ" in text
    assert shown >= 1


def test_the_same_labels_give_the_same_bytes():
    made = [facts(n) for n in range(3)]
    assert draw_labels(made, Paper.A6) == draw_labels(made, Paper.A6)


def test_a_logo_is_drawn_once_for_all_labels():
    out = io.BytesIO()
    Image.new("RGB", (300, 100), "#063").save(out, "PNG")
    plain, logo = draw_labels([facts(n) for n in range(20)], Paper.TALL), out.getvalue()
    pdf = draw_labels([facts(n) for n in range(20)], Paper.TALL, logo=logo)
    assert pdf.count(b"/Subtype /Image") <= 2
    assert len(pdf) - len(plain) < 20_000


def cover(failed: int = 0) -> Cover:
    lines = (CoverLine("Flash Express", 10, 0, 4, "5,000.00"), CoverLine("Thailand Post", 2, 1, 0, "0.00"))
    return Cover(
        "ใบปะหน้าชุดที่ 12", "สมหญิง", "28 พ.ย. 2569 09:12", "100 × 150 มม.", lines,
        CoverLine("รวม 2 ขนส่ง", 12, 1, 4, "5,000.00"),
        tuple(Failed(f"SH2569-{n:06d}", f"R{n:06d}", "ด่านก่อนส่งปิด") for n in range(failed)), 2, "กระดาษติด",
    )  # fmt: skip


@pytest.mark.parametrize("paper", Paper)
def test_the_cover_sheet_counts_and_names_what_failed_on_as_many_pages_as_it_takes(paper):
    sheet = Sheet(paper)
    sheet.cover(cover(failed=150))
    sheet.put(facts())
    pdf = sheet.finish()
    check_pages(pdf)
    text = text_of(pdf)
    for part in ("FlashExpress", "5,000.00", "ไม่ได้พิมพ์150รายการ", "SH2569-000149", "กระดาษติด", "ยกเลิกก่อนพิมพ์2"):
        assert part in text
    assert facts().code in text


# ------------------------------------------------------------------ waybills of others


def waybill(code: str, *, size=(298, 420), turn: int = 0, crop: tuple[float, ...] = (), extra=None) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=size)
    canvas._code.append(code128(code, 270).path(15, size[1] - 90, 50))
    canvas.drawString(15, size[1] - 110, f"Tracking {code}")
    if extra:
        extra(canvas)
    canvas.showPage()
    canvas.save()
    document = pypdfium2.PdfDocument(out.getvalue())
    if turn:
        document[0].set_rotation(turn)
    if crop:
        document[0].set_cropbox(*crop)
    again = io.BytesIO()
    document.save(again)
    return again.getvalue()


@pytest.fixture(scope="module")
def reader():
    with ForeignReader() as reader:
        yield reader


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [(), (5, 250, 295, 415)])
def test_a_waybill_is_put_in_its_place_upright_and_its_code_still_reads(reader, turn, crop):
    theirs = waybill("SPXTH0987654321", turn=turn, crop=crop)
    (page,) = reader.look_at(theirs)
    assert "SPXTH0987654321" in page.numbers
    sheet = Sheet(Paper.A4_4)
    sheet.put(facts(1))
    at, x, y = sheet.leave_room("สำเนา 1 / COPY 1")
    wide, high = label_size(Paper.A4_4)
    pdf = reader.put_in(sheet.finish(), [theirs], [Place(at, x, y + 15, wide, high - 15, 0, 0)])
    check_pages(pdf)
    found = codes(pdf)
    assert {text for _, text in found} == {facts(1).code, "SPXTH0987654321"}
    assert lies(pdf, "SPXTH0987654321") == lies(theirs, "SPXTH0987654321")


def lies(pdf: bytes, code: str) -> int:
    """How the bar code lies on the page as it is seen, in degrees."""
    seen = pypdfium2.PdfDocument(pdf)[0].render(scale=203 / 72, grayscale=True).to_pil()
    return next(round(c.orientation / 90) * 90 % 360 for c in zxingcpp.read_barcodes(seen) if c.text == code)


def test_pdf_files_that_are_none_to_print_are_refused(reader):
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

    locked = PdfWriter(clone_from=PdfReader(io.BytesIO(waybill("A1234567"))))
    locked.encrypt("secret", algorithm="RC4-128")
    scripted = PdfWriter(clone_from=PdfReader(io.BytesIO(waybill("A1234567"))))
    script = DictionaryObject({NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("x()")})
    tree = DictionaryObject({NameObject("/Names"): ArrayObject([TextStringObject("a"), script])})
    scripted._root_object[NameObject("/Names")] = DictionaryObject({NameObject("/JavaScript"): tree})
    attached = PdfWriter(clone_from=PdfReader(io.BytesIO(waybill("A1234567"))))
    attached.add_attachment("evil.exe", b"MZ")
    long = PdfWriter()
    for _ in range(301):
        long.add_blank_page(300, 400)

    def written(writer) -> bytes:
        out = io.BytesIO()
        writer.write(out)
        return out.getvalue()

    for data, code in (
        (b"", "pdf_kind"),
        (b"GIF89a", "pdf_kind"),
        (b"%PDF-1.7 rubbish", "pdf_damaged"),
        (waybill("A1234567")[:300], "pdf_damaged"),
        (b"%PDF-" + bytes(31 * 1024 * 1024), "pdf_too_large"),
        (written(locked), "pdf_locked"),
        (written(scripted), "pdf_script"),
        (written(attached), "pdf_script"),
        (written(long), "pdf_pages"),
        (waybill("A1234567", size=(5000, 5000)), "pdf_page_size"),
    ):
        with pytest.raises(Unprintable) as refusal:
            reader.look_at(data)
        assert refusal.value.detail_code == code, code
    assert reader.look_at(waybill("GOOD123456"))[0].numbers[0] == "GOOD123456"


def test_random_damage_ends_in_pages_or_a_refusal(reader):
    rng, good = random.Random(9), bytearray(waybill("TH0123456789AB"))
    for _ in range(60):
        bad = bytearray(good)
        for _ in range(rng.randint(1, 40)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        try:
            reader.look_at(bytes(bad))
        except Unprintable as refusal:
            assert refusal.detail_code.startswith("pdf_")  # noqa: PT017


def test_scripts_and_links_of_a_waybill_do_not_come_along(reader):
    theirs = waybill("TH0123456789AB", extra=lambda c: c.linkURL("https://evil.example", (10, 10, 200, 200)))
    sheet = Sheet(Paper.TALL)
    at, x, y = sheet.leave_room()
    pdf = reader.put_in(sheet.finish(), [theirs], [Place(at, x, y, *label_size(Paper.TALL), 0, 0)])
    assert b"evil.example" not in pdf
    assert b"/JavaScript" not in pdf
