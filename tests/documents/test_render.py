"""Papers from HTML: what is written is what is copied, and a paper that would be wrong is refused."""

import base64
import io
import os
import random
import signal
import subprocess
import sys
import unicodedata
from pathlib import Path

import pypdf
import pypdfium2
import pytest
from PIL import Image

from oms.documents.errors import MissingGlyph, Unprintable
from oms.documents.render import Renderer, render_pdf
from oms.errors import InvalidInput

ADDRESS = "คุณปู่น้ำทิพย์ ฟั่นเฟือง 99/123 หมู่บ้านพฤกษาลีลา ซ.รามอินทรา39 แขวงท่าแร้ง เขตบางเขน กรุงเทพมหานคร 10220"


@pytest.fixture(scope="module")
def renderer():
    with Renderer() as renderer:
        yield renderer


def squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).split())


def copied(pdf: bytes) -> str:
    return squeezed("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages))


def seen(pdf: bytes) -> str:
    return squeezed("".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)))


def picture(width: int = 40, height: int = 20, kind: str = "PNG") -> str:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#c33").save(out, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"


def refused(renderer: Renderer, html: str, seconds: float = 20) -> str:
    with pytest.raises(InvalidInput) as refusal:
        renderer.render(html, seconds=seconds)
    return refusal.value.detail_code


def test_copied_text_is_the_text_that_was_written():
    pdf = render_pdf(f"<p>{ADDRESS}</p><p><b>ราคา ๑,๒๓๔.๕๐ บาท ที่นี่ กำไร นี้ ญี่ปุ่น ฐู</b> <i>ป้ำเป๋อ</i></p>")
    for text in (copied(pdf), seen(pdf)):
        assert text == squeezed(ADDRESS + "ราคา ๑,๒๓๔.๕๐ บาท ที่นี่ กำไร นี้ ญี่ปุ่น ฐู ป้ำเป๋อ")


def test_the_text_of_long_papers_goes_through_page_breaks_unchanged(renderer):
    passage = (
        "ผู้ขายตกลงส่งมอบสินค้าตามรายการ<b>ภายในเจ็ดวันทำการ</b>นับแต่วันที่ได้รับชำระเงินครบถ้วนน้ำหนักรวมไม่เกิน 30 กก. "
        "ณ ที่อยู่ 99/123 หมู่บ้านพฤกษาลีลา แขวงท่าแร้ง<i>เขตบางเขน</i> (ใกล้ 7-Eleven) ทั้งนี้ผู้ซื้อต้องตรวจรับที่ป้ำน้ำทันที "
    )
    html = "".join(f"<p style='text-align: {a}'>{passage * 60}</p>" for a in ("left", "justify", "right", "center"))
    plain = passage.replace("<b>", "").replace("</b>", "").replace("<i>", "").replace("</i>", "")
    pdf = renderer.render(html)
    assert len(pypdf.PdfReader(io.BytesIO(pdf)).pages) > 6
    assert seen(pdf) == copied(pdf) == squeezed(plain * 240)


def test_a_table_over_several_pages_repeats_its_head_and_keeps_every_row(renderer):
    rows = "".join(
        f"<tr><td>สินค้าที่ {n} น้ำพริกแม่ป้ำ</td><td style='text-align:right'>{n:,}.50</td></tr>" for n in range(200)
    )
    pdf = renderer.render(f"<table repeat='1'><thead><tr><th>รายการ</th><th>ราคา</th></tr></thead>{rows}</table>")
    pages = len(pypdf.PdfReader(io.BytesIO(pdf)).pages)
    text = seen(pdf)
    assert pages > 3
    assert text.count("รายการราคา") == pages
    assert all(f"สินค้าที่{n}น้ำพริกแม่ป้ำ" in text for n in range(200))


def test_the_same_html_gives_the_same_bytes_in_any_process(renderer):
    html = f"<h1>{ADDRESS}</h1><table><tr><td>{ADDRESS}</td></tr></table><img src='{picture()}'/>"
    program = "import sys; from oms.documents.render import convert; sys.stdout.buffer.write(convert(sys.stdin.buffer.read()))"
    made = {renderer.render("<p>อื่น ๆ ก่อน ฟั่น ผู้</p>") and renderer.render(html), renderer.render(html)}
    for seed in ("1", "2"):
        made.add(
            subprocess.run(
                [sys.executable, "-c", program], input=html.encode(), capture_output=True, check=True,
                env={**os.environ, "PYTHONHASHSEED": seed},
            ).stdout
        )  # fmt: skip
    assert len(made) == 1


def test_the_number_of_pages_is_known_on_papers_of_one_page_and_of_many(renderer):
    page = "<style>@page { size: a4; margin: 2cm; @frame foot { -pdf-frame-content: f; bottom: 1cm; left: 2cm; right: 2cm; height: 1cm } }</style>"
    foot = "<div id='f'>หน้า <pdf:pagenumber/>/<pdf:pagecount/></div>"
    assert "หน้า1/1" in seen(renderer.render(f"{page}<p>ก</p>{foot}"))
    three = seen(renderer.render(f"{page}<p>ก</p><pdf:nextpage/><p>ข</p><pdf:nextpage/><p>ค</p>{foot}"))
    assert [f"หน้า{n}/3" in three for n in (1, 2, 3)] == [True] * 3


def test_emoji_and_what_cannot_be_seen_is_left_out(renderer):
    assert seen(renderer.render("<p>บ้าน🏠👨‍👩‍👧 ☎️ เลขที่&#128512; 1\u200b2\ufeff3 ก\x07ข</p>")) == "บ้านเลขที่123กข"


@pytest.mark.parametrize("text", ["山田さん", "ผู้รับ Владимир ქართული", "ส่งที่ ភ្នំពេញ", "\U000f0000", "&#x5c71;"])
def test_a_character_without_a_glyph_is_named(renderer, text):
    with pytest.raises(MissingGlyph) as refusal:
        renderer.render(f"<p>{text}</p>")
    assert refusal.value.facts["char"]
    assert refusal.value.facts["text"]


HOSTILE = {
    "<img src='http://127.0.0.1:9/x.png'/>": "paper_outside",
    "<img src='file:///etc/passwd'/>": "paper_outside",
    "<img src='/etc/passwd'/>": "paper_outside",
    "<style>@import url('http://127.0.0.1:9/x.css');</style>ก": "paper_outside",
    "<style>@import '/etc/passwd';</style>ก": "paper_outside",
    "<link rel='stylesheet' href='http://127.0.0.1:9/x.css'/>ก": "paper_outside",
    "<style>@font-face { font-family: X; src: url(/etc/passwd.ttf) } p { font-family: X }</style><p>ก</p>": "paper_outside",
    "<style>p { background-image: url(http://127.0.0.1:9/x.png) }</style><p>ก</p>": "paper_outside",
    "<style>@page { background-image: url(/etc/passwd.pdf) }</style>ก": "paper_outside",
    "<style>li { list-style-image: url(file:///etc/passwd) }</style><ul><li>ก</li></ul>": "paper_outside",
    "<img src='data:image/png;base64,AAAA'/>": "paper_picture",
    "<img src=''/>": "paper_outside",
    "<img src='data:image/svg+xml,%3Csvg/%3E'/>": "paper_svg",
    "<svg><image href='file:///etc/passwd'/></svg>": "paper_svg",
    "<pdf:insertpdf src='/etc/passwd'/>": "paper_tag",
    "<script>alert(1)</script>": "paper_tag",
    "<iframe src='http://127.0.0.1:9/'></iframe>": "paper_tag",
    "<input name='x'/>": "paper_tag",
    "<p style='font-family: Angsana New'>ก</p>": "paper_font",
    "<a href='file:///etc/passwd'>ไป</a>": "paper_link",
    "<a href='&#102;ile:///etc/passwd'>ไป</a>": "paper_link",
    "<a href='other.pdf'>ไป</a>": "paper_link",
    "<div style='position: absolute; left: -500pt; top: 0'>ซ่อน</div>": "paper_off_page",
    "<p style='margin-left: 700pt'>นอกกระดาษ</p>": "paper_off_page",
    "<p style='font-size: 90000pt'>ก</p>": "paper_part_size",
    "<table><tr><td colspan='100000000'>ก</td></tr></table>": "paper_too_large",
    "<div>" * 500 + "ก" + "</div>" * 500: "paper_too_large",
    "<table><tr><td>" * 70 + "ก" + "</td></tr></table>" * 70: "paper_too_large",
    "<pdf:nextpage/>ก" * 5000: "paper_too_large",
    "<table><tr><td>" + "น้ำใจ " * 15000 + "</td></tr></table>": "paper_too_small",
    "<pdf:barcode value='ไทย' type='code128'/>": "paper_broken",
    "<p>" + "ก" * 4_000_000 + "</p>": "paper_too_large",
}


@pytest.mark.parametrize(("html", "code"), HOSTILE.items(), ids=[h[:40] for h in HOSTILE])
def test_html_of_strangers_is_refused_with_a_sentence(renderer, html, code):
    assert refused(renderer, html) == code
    assert seen(renderer.render("<p>ใบต่อไป</p>")) == "ใบต่อไป"


def test_a_picture_that_unpacks_to_gigabytes_is_refused(renderer):
    out = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(out, "PNG")
    html = f"<img src='data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}'/>"
    assert refused(renderer, html) in {"paper_outside", "paper_picture"}


def test_pictures_links_and_styles_that_are_fine_are_fine(renderer):
    html = f"<p style='filter: blur(2px); foo: bar'><img src='{picture()}'/><img src='{picture(kind='JPEG')}'/></p>"
    pdf = renderer.render(html + "<a href='https://example.com'>เว็บ</a> <a href='tel:021234567'>โทร</a>")
    page = pypdf.PdfReader(io.BytesIO(pdf)).pages[0]
    assert len(page.images) == 2
    assert len(page["/Annots"]) == 2
    assert (
        "/Annots" not in pypdf.PdfReader(io.BytesIO(renderer.render("<a href='javascript:alert(1)'>ไป</a>"))).pages[0]
    )


def test_nothing_but_the_embedded_fonts_is_in_a_paper(renderer):
    html = (
        "<p>ก <b>ข</b> <i>ค</i> <b><i>ง</i></b> <code>จ</code></p><ul><li>ฉ</li></ul><table><tr><td>ช</td></tr></table>"
    )
    fonts = pypdf.PdfReader(io.BytesIO(renderer.render(html))).pages[0]["/Resources"]["/Font"]
    names = {font.get_object()["/BaseFont"] for font in fonts.values()}
    assert {name.split("+")[1] for name in names} == {
        "Sarabun-Regular", "Sarabun-Bold", "Sarabun-Italic", "Sarabun-BoldItalic",
    }  # fmt: skip
    assert all("/FontFile2" in font.get_object()["/FontDescriptor"] for font in fonts.values())


def test_a_paper_that_takes_too_long_is_given_up_and_the_next_one_is_made():
    with Renderer() as renderer:
        renderer.render("<p>ก</p>")
        os.kill(renderer._process.pid, signal.SIGSTOP)
        assert refused(renderer, "<p>ก</p>", seconds=0.2) == "paper_too_large"
        assert seen(renderer.render("<p>ข</p>")) == "ข"


def test_the_process_sees_nothing_of_its_parent_and_can_open_nothing(renderer, tmp_path):
    renderer.render("<p>ก</p>")
    pid = renderer._process.pid
    assert Path(f"/proc/{pid}/environ").read_bytes().count(b"=") == 0
    probe = (
        "from oms.confined.child import confine, shut_in; import os, socket, subprocess\n"
        "confine(1 << 30); shut_in()\n"
        "for attempt in (lambda: open('/etc/passwd'), lambda: open('/tmp/x', 'w'), lambda: socket.socket(),\n"
        "                lambda: subprocess.Popen(['true']), lambda: os.system('true'), lambda: os.remove('/tmp/x')):\n"
        "    try: attempt()\n"
        "    except PermissionError: print('denied')\n"
        "import json.tool; print('imports')\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["denied"] * 6 + ["imports"]


def test_random_papers_lose_nothing_and_stay_on_the_page(renderer):
    """500 addresses and names of goods in random styles and widths; what leaves the page would be refused."""
    from tests.samples.thai_texts import addresses, goods

    rng = random.Random(20261128)
    texts = addresses(rng, 250) + goods(rng, 250)
    rng.shuffle(texts)
    for start in range(0, 500, 50):
        html, plain = "", ""
        for text in texts[start : start + 50]:
            cut = sorted(rng.sample(range(len(text) + 1), 2))
            marked = f"{text[: cut[0]]}<b>{text[cut[0] : cut[1]]}</b>{text[cut[1] :]}" if rng.random() < 0.5 else text
            align, width = rng.choice(["left", "right", "center", "justify"]), rng.randint(8, 100)
            html += f"<table width='{width}%'><tr><td style='text-align:{align}'>{marked}</td></tr></table>"
            plain += text
        pdf = renderer.render(html)
        assert seen(pdf) == squeezed(plain), start


def test_only_one_module_knows_the_library():
    from tests.architecture.house import modules, text

    assert [str(p) for p in modules() if "import xhtml2pdf" in text(p) or "from xhtml2pdf" in text(p)] == [
        "oms/documents/render.py"
    ]


def test_a_refusal_survives_the_way_out_of_the_process():
    from oms.documents.errors import from_wire, missing_glyph, to_wire

    said = missing_glyph("山", "ชื่อ 山")
    again = from_wire(to_wire(said))
    assert (type(again), again.detail_code, str(again)) == (type(said), said.detail_code, str(said))
    assert isinstance(from_wire(to_wire(Unprintable(said.message, code="paper_tag"))), Unprintable)
