"""Papers from HTML: what is written is what is copied, and a paper that would be wrong is refused."""

import io
import unicodedata

import pypdf
import pypdfium2
import pytest

from oms.documents.render import Unprintable, render_pdf
from oms.documents.thaipdf.fonts import MissingGlyph


def copied(pdf: bytes) -> str:
    """The text a reader copies out, without line ends and spaces."""
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return "".join(unicodedata.normalize("NFC", "".join(page.extract_text() for page in pages)).split())


def seen(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    text = "".join(page.get_textpage().get_text_range() for page in document)
    return "".join(unicodedata.normalize("NFC", text).split())


ADDRESS = "คุณปู่น้ำทิพย์ ฟั่นเฟือง 99/123 หมู่บ้านพฤกษาลีลา ซ.รามอินทรา39 แขวงท่าแร้ง เขตบางเขน กรุงเทพมหานคร 10220"


def test_copied_text_is_the_text_that_was_written():
    pdf = render_pdf(f"<p>{ADDRESS}</p><p><b>ราคา ๑,๒๓๔.๕๐ บาท ที่นี่ กำไร นี้ ญี่ปุ่น ฐู</b></p>")
    for text in (copied(pdf), seen(pdf)):
        assert text == "".join((ADDRESS + "ราคา ๑,๒๓๔.๕๐ บาท ที่นี่ กำไร นี้ ญี่ปุ่น ฐู").split())


def test_the_same_html_gives_the_same_bytes():
    assert render_pdf(f"<h1>{ADDRESS}</h1>") == render_pdf(f"<h1>{ADDRESS}</h1>")


def test_a_character_without_a_glyph_is_named():
    with pytest.raises(MissingGlyph) as refusal:
        render_pdf("<p>ผู้รับ 山田さん</p>")
    assert refusal.value.facts["char"] == "山"


def test_a_font_that_is_not_there_is_an_error():
    with pytest.raises(Unprintable):
        render_pdf('<p style="font-family: Angsana New">ที่อยู่</p>')
