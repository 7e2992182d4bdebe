"""The glyphs and the lines of Thai, and what they lean on in the libraries below."""

import inspect
import io
import itertools
import random
from importlib.metadata import version

import pypdfium2
import pytest
import uharfbuzz
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFilter
from reportlab.pdfbase import pdfmetrics, ttfonts
from reportlab.pdfgen.canvas import Canvas

from oms.documents.thaipdf import fonts, wrapping
from oms.documents.thaipdf.fonts import BOLD, FACES, FONT_DIR, REGULAR
from oms.documents.thaipdf.tidy import tidy
from oms.thai import words
from tests.samples.thai_texts import addresses, goods

CONSONANTS = [chr(c) for c in range(0x0E01, 0x0E2F)]
UPPER, LOWER, TONES = "ัิีึืํ็", "ุู", "่้๊๋์"
TEXT = "น้ำ ที่ ปู่ ฟั่น ญู ฐุ ฎู ป้ำ ฝีมือ กิ๊ฟ์ ก็ ๆ ฤๅ นี้ ญี่ปุ่น ใต้ แก้ว"


@pytest.fixture(autouse=True)
def loaded():
    return fonts.load()


def drawn(text: str, font: str, size: float = 24) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(800, 60), invariant=1)
    canvas.setFont(font, size)
    canvas.drawString(10, 20, text)
    canvas.save()
    return out.getvalue()


def look(pdf: bytes):
    return pypdfium2.PdfDocument(pdf)[0].render(scale=2, grayscale=True).to_pil()


# ------------------------------------------------------------------ glyphs


@pytest.mark.parametrize("face", FACES)
def test_every_cluster_is_as_wide_as_lines_are_measured(face, loaded):
    font = loaded[face]
    for letter, vowel, tone in itertools.product(CONSONANTS, ["", *UPPER, *LOWER], ["", *TONES]):
        for cluster in (letter + vowel + tone, letter + tone + "ำ" if not vowel else ""):
            if len(cluster) > 1:
                buffer = uharfbuzz.Buffer()
                buffer.add_str(cluster)
                buffer.guess_segment_properties()
                uharfbuzz.shape(font._shaper, buffer, {"kern": False})
                wide = sum(p.x_advance for p in buffer.glyph_positions)
                assert wide == pytest.approx(font.stringWidth(cluster, 1000), abs=1), cluster


@pytest.mark.parametrize("face", FACES)
def test_letters_shaped_one_by_one_stand_as_in_the_whole_text(face, loaded):
    """Nothing outside a cluster moves its parts, which is why a cluster can be one glyph."""
    font = loaded[face]
    for text in [TEXT, *addresses(random.Random(1), 30), *goods(random.Random(2), 30)]:
        whole = uharfbuzz.Buffer()
        whole.add_str(text)
        whole.guess_segment_properties()
        uharfbuzz.shape(font._shaper, whole, {"kern": False, "liga": False})
        placed, x = [], 0
        for glyph, place in zip(whole.glyph_infos, whole.glyph_positions, strict=True):
            placed.append((glyph.codepoint, x + place.x_offset, place.y_offset))
            x += place.x_advance
        x, alone, at = 0, [], 0
        for match in [*fonts._CLUSTER.finditer(text), None]:
            for char in text[at : match.start() if match else len(text)]:
                alone.append((font.face.charToGlyph[ord(char)], x, 0))
                x += round(font.face.charWidths[ord(char)])
            if match:
                parts, wide = font._shape(match.group())
                alone += [(glyph, x + dx, dy) for glyph, dx, dy in parts]
                x, at = x + wide, match.end()
        assert alone == placed, text


def strange(one, other) -> int:
    """How many dark points of one picture have none within two points in the other: letters may stand a point apart."""
    near = other.filter(ImageFilter.MinFilter(5))
    return sum(
        1 for a, b in zip(one.get_flattened_data(), near.get_flattened_data(), strict=True) if a < 80 and b > 180
    )


def drawn_by_others(text: str, *, shaped: bool) -> bytes:
    """By ReportLab's own way of drawing, which shares no code with ours."""
    pdfmetrics._fonts["Other"] = ttfonts.TTFont("Other", str(FONT_DIR / "Sarabun-Regular.ttf"))
    try:
        return drawn(ttfonts.shapeStr(text, "Other", 24) if shaped else text, "Other")
    finally:
        del pdfmetrics._fonts["Other"]


def test_our_glyphs_look_as_harfbuzz_places_them():
    ours, reference = look(drawn(TEXT, REGULAR)), look(drawn_by_others(TEXT, shaped=True))
    assert strange(ours, reference) == strange(reference, ours) == 0


def test_stock_reportlab_still_cannot_write_thai():
    """Should it learn to, most of the package can go."""
    assert strange(look(drawn(TEXT, REGULAR)), look(drawn_by_others(TEXT, shaped=False))) > 20


def test_every_thai_letter_has_a_glyph_in_every_face(loaded):
    every = "".join(chr(c) for c in [*range(0x0E01, 0x0E3B), *range(0x0E3F, 0x0E5C)])
    assert {name: font.missing(every) for name, font in loaded.items()} == dict.fromkeys(FACES, "")


def test_what_is_copied_is_every_cluster_as_it_was_written():
    rng = random.Random(3)
    clusters = [a + b + c for a, b, c in itertools.product(CONSONANTS, ["", *UPPER, *LOWER], ["", *TONES])]
    for _ in range(20):
        text = "".join(rng.sample(clusters, 40)) + "น้ำป่ำ"
        pdf = drawn(text, BOLD, 6)
        assert pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_range() == text


def test_more_clusters_than_one_font_in_the_file_can_hold():
    clusters = [a + b + c for a, b, c in itertools.product(CONSONANTS, [*UPPER, *LOWER], ["", *TONES])][:700]
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(800, 800))
    for n in range(0, 700, 35):
        canvas.setFont(REGULAR, 12)
        canvas.drawString(10, 780 - n, " ".join(clusters[n : n + 35]))
    canvas.save()
    text = pypdfium2.PdfDocument(out.getvalue())[0].get_textpage().get_text_range()
    assert text.split() == clusters


# ------------------------------------------------------------------ lines


def test_the_segmenter_gives_back_the_text_it_was_given_and_falls_back_when_it_does_not(monkeypatch):
    long = "".join(addresses(random.Random(4), 60)).replace(" ", "")
    assert "".join(words.words_of(long)) == long
    monkeypatch.setattr(words.nlpo3, "segment", lambda text, _name: [text[:3], text[4:]])
    assert "".join(words.words_of("ที่อยู่ผู้รับ")) == "ที่อยู่ผู้รับ"
    assert words.words_of("ที่อยู่") == ["ที่", "อ", "ยู่"]


def test_the_safe_mode_of_the_segmenter_is_not_used():
    from tests.architecture.house import modules, text

    assert not [str(p) for p in modules() if "safe=True" in text(p)]


def test_place_names_are_words():
    text = "ตำบลหนองหญ้าลาด อำเภอกันทรลักษ์ แขวงท่าแร้ง เขตบางเขน อำเภอสันทราย"
    turns = [text[:at].rsplit(maxsplit=1)[-1] for at in words.joints(text)]
    assert turns == ["ตำบล", "อำเภอ", "แขวง", "เขต", "อำเภอ"]


def test_no_line_begins_with_a_mark_or_ends_with_an_opening_sign():
    for text in [*addresses(random.Random(5), 60), *goods(random.Random(6), 60), "ต่าง ๆ ไป (มา)ฯลฯ ราคา฿500(บาท)ๆ"]:
        for at in words.joints(text):
            assert text[at] not in "ัิีึืฺุู็่้๊๋์ํะาำๅๆฯ)]}%,.!?:;/ "
            assert text[at - 1] not in "เแโใไ([{ "


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False), st.floats(60, 400), st.sampled_from([5.0, 8.0, 12.5]))
def test_wrapped_lines_are_the_text_and_fit(rng, width, size):
    text = rng.choice([*addresses(rng, 3), *goods(rng, 3)])
    lines = wrapping.wrap(text, REGULAR, size, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(pdfmetrics.stringWidth(line, REGULAR, size) <= width for line in lines)
    assert not any(line.startswith(tuple("ัิีึืฺุู็่้๊๋์ะาำๅ")) for line in lines)


def test_what_does_not_fit_ends_in_dots_and_says_so():
    text = "น้ำพริกเผาตราแม่ป้ำ ขนาด 500 กรัม " * 5
    lines, cut = wrapping.wrap_to(text, REGULAR, 8, 120, 2)
    assert (len(lines), cut, lines[-1][-1]) == (2, True, "…")
    assert all(pdfmetrics.stringWidth(line, REGULAR, 8) <= 120 for line in lines)
    assert wrapping.wrap_to("น้ำ", REGULAR, 8, 120, 2) == (["น้ำ"], False)


def test_what_is_left_out_of_print():
    assert tidy("a\u200bb\u00adc\ufe0f☎✅🏠\U000e0041") == "abc"
    assert tidy("a\tb\u2009c\u3000d\u2011e") == "a b c d-e"
    assert tidy("ที่ ๑๒ ฿ … – “ก” → ×") == "ที่ ๑๒ ฿ … – “ก” → ×"


# ------------------------------------------------------------------ what this leans on


TRIED = {
    "reportlab": "5.1.0", "xhtml2pdf": "0.2.28", "uharfbuzz": "0.57.0", "nlpo3": "1.4.0", "newmm-tokenizer": "0.2.2",
    "fontpkg-sarabun": "1.000",
}  # fmt: skip


def test_the_libraries_are_those_that_papers_were_looked_at_with():
    """After an upgrade: run these tests, look at every paper as an image, then write the new version here."""
    assert {name: version(name) for name in TRIED} == TRIED


def test_the_parts_of_reportlab_that_a_font_of_ours_uses():
    font = ttfonts.TTFont("Pin", str(FONT_DIR / "Sarabun-Regular.ttf"), shapable=False)
    assert font.shapable is False
    assert {"charToGlyph", "charWidths", "hmetrics", "glyphPos", "table", "_ttf_data", "name"} <= set(vars(font.face))
    assert {"offset", "length"} <= set(font.face.table["glyf"])
    assert len(font.face.glyphPos) == len(font.face.hmetrics) + 1
    assert list(inspect.signature(font.splitString).parameters) == ["text", "doc", "encoding"]
    assert "makeToUnicodeCMap(baseFontName, subset)" in inspect.getsource(ttfonts.TTFont.addObjects)
    assert "'toUnicodeCMap:' + baseFontName" in inspect.getsource(ttfonts.TTFont.addObjects)
    assert "font.splitString(text, canv._doc)" in inspect.getsource(Canvas(io.BytesIO()).beginText()._formatText)


def test_the_parts_of_xhtml2pdf_that_are_replaced():
    from oms.documents.render import engine

    engine()
    from xhtml2pdf import default, reportlab_paragraph, tags, xhtml2pdf_reportlab
    from xhtml2pdf.context import PmlParaFrag

    stock = reportlab_paragraph.Paragraph
    assert list(inspect.signature(stock.breakLines).parameters) == ["self", "width"]
    assert list(inspect.signature(reportlab_paragraph._handleBulletWidth).parameters) == [
        "bulletText", "style", "maxWidths", "rtl",
    ]  # fmt: skip
    assert list(inspect.signature(reportlab_paragraph.imgVRange).parameters)[:3] == ["h", "va", "fontSize"]
    assert "self.breakLines(" in inspect.getsource(stock._brokenLines)
    assert "self._get_split_blParaFunc()" in inspect.getsource(stock.split)
    assert issubclass(xhtml2pdf_reportlab.PmlParagraph, stock)
    for name in ("breakLines", "minWidth", "_get_split_blParaFunc"):
        assert name in vars(xhtml2pdf_reportlab.PmlParagraph)
        assert vars(xhtml2pdf_reportlab.PmlParagraph)[name] is not vars(stock)[name]
    assert "whiteSpace" in inspect.getsource(inspect.getmodule(PmlParaFrag))
    assert set(default.DEFAULT_FONT.values()) == {fonts.FAMILY}
    assert tags._list_style_font == {}
