"""What is done once instead of over and over: papers come out as without it, and what it leans on is still there."""

from __future__ import annotations

import base64
import inspect
import io
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pypdfium2
import pytest
from PIL import Image, ImageChops

from oms.documents.models import checksum
from oms.documents.pace import styles
from oms.documents.paper import Look, html_of, page_html
from oms.documents.render import Renderer, engine
from oms.documents.source import read
from oms.documents.states import DocumentKind as K
from tests.samples.papers import SELLER, content

MANY = """
import pickle, sys
from oms.documents.render import convert
papers = pickle.load(sys.stdin.buffer)
pickle.dump([convert(paper) for paper in papers], sys.stdout.buffer)
"""
STOCK = (
    """
from oms.documents.pace import cells, drawing, elements, styles
for module in (cells, drawing, elements, styles):
    module.install = lambda *_: None
cells.install_tables = lambda *_: None
"""
    + MANY
)
WORD_BY_WORD = (
    """
from oms.documents.thaipdf import paragraphs
paragraphs._whole = lambda *_: None
"""
    + MANY
)
ALONE = """
import sys
from oms.documents.render import convert
sys.stdout.buffer.write(convert(sys.stdin.buffer.read()))
"""
SHEET = "<style>@page {{ size: a5; margin: 1cm; }} p {{ color: {0}; }} .x b {{ font-size: 20pt; }}</style>"
ODD = (
    SHEET.format("#ff0000") + "<p>แดง <b>หนา</b></p><div class='x'><p>ก <b>ข</b></p></div>",
    SHEET.format("#0000ff") + "<p>น้ำเงิน <b>หนา</b></p><div><p>ก <b>ข</b></p></div>",
    "<style>p { color: #00aa00; } td { border: 1pt solid red; }</style><table><tr><td bgcolor='#eee'>1</td><td>2</td></tr></table>",
    "<style>p { color: #00aa00; } td { border: 1pt solid red; }</style><table><tr><td>1</td><td bgcolor='#eee'>2</td></tr></table>",
    "<style>li:nth-child(2) { color: red; } tr:first-child td { color: blue; }</style><ul><li>ก</li><li>ข</li></ul>",
    "<style>tr:first-child td { color: blue; } [lang=en] { color: red; }</style><table><tr><td>1</td></tr></table>",
    "<style>.a { color: #c00; } .b { color: inherit; }</style><div class='a'><p class='b'>ข</p></div><p class='b'>ค</p>",
    "<style>.a { color: #c00; } .b { color: inherit; }</style><p class='b' style='font-weight: bold'>ก</p>",
    "<style>.n::before { content: 'ก่อน '; } p::after { content: ' หลัง'; }</style><p class='n'>ก</p><p>ข</p>",
    "<style>html { font-size: 9pt; } p { font-size: 2rem; margin-left: 1rem; }</style><p>ก</p><p>ข</p>",
    "<style>:root { --c: #0a0; } p { color: var(--c); }</style><p>ก</p>",
    "<style>div { border: 1pt solid #00f; border-radius: 6pt; padding: 4pt; width: 50%; }</style><div><p>ก</p></div>",
    "<p>ไม่มีแบบ</p><table width='30%'><tr><td>" + "ยาวมากเกินช่อง" * 30 + "</td><td>สั้น</td></tr></table>",
)


def papers() -> list[bytes]:
    kinds = (K.TAX_INVOICE, K.CREDIT_NOTE, K.DELIVERY_NOTE, K.HAND_OVER_SHEET, K.REFUND_VOUCHER, K.RECEIPT)
    made = [content(kind, 4, mixed=kind is K.TAX_INVOICE) for kind in kinds]
    made += [content(K.TAX_INVOICE, 60), content(K.PICKING_LIST, 4, 3), {**content(K.RECEIPT), "layout": 1}]
    rows = [
        {"day": "1/11/2569", "number": f"IV{i}", "buyer": "บริษัท ตัวอย่าง จำกัด", "tax_id": "", "place": "", "net": "1.00",
         "vat": "0.07", "total": "1.07", "void": i % 9 == 0, "refers": "", "title": ""}
        for i in range(50)
    ]  # fmt: skip
    report = page_html(
        "v1/sales_tax.html", rows=rows, seller=SELLER, branch_name="", month="11/2569", printed="", voided=6, net="",
        vat="", total="", exempt="",
    )  # fmt: skip
    return [read(html) for html in (*(html_of(kept, checksum(kept), Look()) for kept in made), report, *ODD)]


def process(program: str, sent: bytes) -> bytes:
    return subprocess.run(
        [sys.executable, "-c", program], input=sent, capture_output=True, check=True, env=dict(os.environ)
    ).stdout


def drawn(program: str, sources: list[bytes]) -> list[bytes]:
    """The papers, one after the other, by a process that draws nothing else: as in the one that draws."""
    answer: list[bytes] = pickle.loads(process(program, pickle.dumps(sources)))
    return answer


def test_papers_look_and_read_as_the_library_makes_them_without_it():
    sources = papers()
    for source, without, made in zip(sources, drawn(STOCK, sources), drawn(MANY, sources), strict=True):
        before, after = pypdfium2.PdfDocument(without), pypdfium2.PdfDocument(made)
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            assert one.get_textpage().get_text_range() == other.get_textpage().get_text_range()
            pictures = (page.render(scale=1.5, grayscale=True).to_pil() for page in (one, other))
            strong = sum(ImageChops.difference(*pictures).histogram()[64:])
            assert strong == 0, source.decode()[:200]


def test_lines_that_fit_as_they_are_are_those_filled_word_by_word():
    spaces = "<p> ก <b> ข </b>  ค<br/><br/>  ง  <br/>ยาว&#160;ไม่ ขาด </p><p style='white-space: pre'>ก  ข\n  ค</p><p>ก<br/></p>"
    sources = [*papers()[:9], read(spaces)]
    assert drawn(WORD_BY_WORD, sources) == drawn(MANY, sources)


def test_what_is_kept_of_one_paper_changes_nothing_on_another():
    sources = [*(read(html) for html in ODD), *papers()[:3]]
    twice = [*sources, *reversed(sources)]
    made = drawn(MANY, twice)
    forth = dict(zip(sources, made[: len(sources)], strict=True))
    assert made[len(sources) :] == [forth[source] for source in reversed(sources)]
    for source in (sources[1], sources[3], sources[5]):
        assert process(ALONE, source) == forth[source]


def test_a_sheet_with_something_to_remark_on_is_refused_every_time():
    html = "<style>p {{ color: red; background-image: url({}) }}</style><p>ก</p>"
    with Renderer() as renderer:
        for _ in range(2):
            with pytest.raises(Exception, match="outside") as refused:
                renderer.render(html.format("http://127.0.0.1:9/x.png"))
            assert refused.value.detail_code == "paper_outside"
        renderer.render("<style>p { color: red; }</style><p>ก</p>")


@pytest.mark.parametrize(
    ("sheet", "plain"),
    {
        "p { color: red; }": True, ".a, #b > td b { margin: 0 } * { padding: 1pt }": True, "": True,
        "p:first-child { color: red }": False, "[lang] { color: red }": False, "h1 + p { margin: 0 }": False,
        "p { background-image: url(x.png) }": False, "@media print { p { margin: 0 } }": False,
        "html { --a: 1pt }": False, "p { color: \\72 ed }": False, "p { margin: 0": False, "} p { margin: 0 }": False,
        "/* a */ p { margin: 0 }": False, "@import 'x.css';": False,
    }.items(),
)  # fmt: skip
def test_only_plain_rules_are_kept(sheet, plain):
    assert styles._is_plain(sheet) is plain


def test_long_and_hostile_sheets_are_told_apart_at_once():
    import time

    began = time.process_time()
    for sheet in ("a " * 9000 + "(", "a{b}" * 5000 + "(", "@page{" * 5000, " " * 20_000 + "@", "@page{{}" * 3000):
        pages, rules = styles._apart(sheet)
        styles._is_plain(rules)
        assert pages == "" or pages.startswith("@page")
    assert time.process_time() - began < 1


def test_pages_are_read_anew_and_rules_apart_from_them():
    pages = "@page { size: a4; margin: 12mm; @frame foot { left: 1mm; height: 18mm; } }"
    assert styles._apart(f"\n{pages}\nhtml {{ color: red; }}\n") == (pages, "html { color: red; }")
    assert styles._apart("p { margin: 0 }") == ("", "p { margin: 0 }")


def test_no_place_has_the_number_of_another_after_places_were_forgotten(monkeypatch):
    monkeypatch.setattr(styles, "_MOST_PLACES", 3)
    places = styles.Places()
    numbers = [places.number(("p", n)) for n in range(20)]
    assert len(set(numbers)) == 20
    assert len(places.numbers) <= 4


# ------------------------------------------------------------------ what it leans on


def library() -> SimpleNamespace:
    engine()
    from reportlab.pdfbase import pdfdoc
    from reportlab.pdfgen import canvas
    from reportlab.platypus import flowables
    from xhtml2pdf import context, document, parser, properties, tables, util, xhtml2pdf_reportlab
    from xhtml2pdf.builders import flex

    return SimpleNamespace(
        canvas=canvas, context=context, document=document, flex=flex, flowables=flowables, parser=parser, pdfdoc=pdfdoc,
        properties=properties, tables=tables, util=util, xhtml2pdf_reportlab=xhtml2pdf_reportlab,
    )  # fmt: skip


def test_each_function_gives_what_the_one_it_replaces_gives():
    lib = library()
    from oms.documents.pace import elements

    frag = lib.context.pisaContext("").frag
    for change in ({}, {"fontSize": 8.0, "cbDefn": 1, "link": "x", "spaceBefore": 0.0, "leading": -0.0, "bold": True}):
        frags = []
        for reset, compact in (
            (lib.properties.reset_non_inherited, lib.properties.compact_frag),
            (lib.parser.reset_non_inherited, lib.parser.compact_frag),
        ):
            one = frag.clone()
            vars(one).update(change)
            compact(one)
            kept = dict(vars(one))
            reset(one)
            attrs = {"border-top-width": "2pt", "margin-left": "1em", "padding-left": "3pt", "width": "50%"}
            apply = elements.apply_groups if reset is not lib.properties.reset_non_inherited else None
            for groups in (lib.properties.FRAG_BLOCK_GROUPS, lib.properties.LOOP_GROUPS):
                (apply or lib.properties.apply_uniform_groups)(one, attrs, groups)
            frags.append((repr(sorted(kept.items())), repr(sorted(vars(one).items()))))
        assert frags[0] == frags[1]
    for groups in (lib.properties.FRAG_BLOCK_GROUPS, lib.properties.LOOP_GROUPS, lib.parser._INLINE_BOX_GROUPS):
        written = [attribute for group in groups for attribute, _ in group.pairs]
        assert len(written) == len(set(written)), "what is written twice depends on the order"
    mine, stock = SimpleNamespace(), SimpleNamespace()
    source = SimpleNamespace(a=1, b=None)
    elements.copy_attributes(mine, source, ("a", "b", "c"))
    lib.util.copy_attrs(stock, source, ("a", "b", "c"))
    assert vars(mine) == vars(stock)
    for text in ("/Type /Font", "(a\x18b)", "ก", b"x"):
        try:
            wanted = text.encode("extpdfdoc") if isinstance(text, str) else text
        except UnicodeEncodeError:
            continue
        assert elements.encode(text) == wanted


def logo(color: str, *, mode: str = "RGB", kind: str = "PNG") -> str:
    out = io.BytesIO()
    Image.new(mode, (40, 20), color).save(out, kind)
    return f"<p><img src='data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode()}'/> ก</p>"


def test_a_picture_kept_from_another_paper_is_drawn_as_one_opened_anew():
    sources = [
        read(html)
        for html in (
            logo("#c00"), logo("#0c0"), logo("#00c8", mode="RGBA"), logo("#00c", kind="JPEG"),
            logo("#00c8", mode="RGBA") + logo("#c00"), logo("#00c8", mode="RGBA"),
        )
    ]  # fmt: skip
    made = drawn(MANY, sources * 2)
    assert made[: len(sources)] == made[len(sources) :]
    assert made[0] == process(ALONE, sources[0])
    assert made[2] == made[5] == process(ALONE, sources[2])
    assert made[4] == process(ALONE, sources[4])
    assert len(set(made)) == len(sources) - 1


def test_a_picture_that_does_not_open_is_refused_every_time():
    torn = logo("#c00")[:-60] + "'/> ก</p>"
    with Renderer() as renderer:
        for _ in range(2):
            with pytest.raises(Exception, match="picture"):
                renderer.render(torn)
            renderer.render(logo("#c00"))


def test_places_in_the_sheet_and_boxes_are_found_as_the_library_finds_them():
    from xml.dom.minidom import parseString

    lib = library()
    stock = inspect.unwrap(lib.parser.getCSSAttrCacheKey)
    node = parseString("<x><div class='a' style='b'>1</div><p id='c' type='d'/><p/></x>").documentElement
    for child in node.childNodes:
        for tags in (frozenset(), frozenset({"div"}), frozenset({"*"})):
            for names in (frozenset(), frozenset({"type"}), frozenset({"lang", "dir"})):
                made = lib.parser.getCSSAttrCacheKey(child, tags, names)
                assert made == stock(child, tags, names)
                assert type(made) is lib.parser.CSSAttrCacheKey
    for value in ("block", "none", " Table ", ["block"], "", "odd"):
        assert lib.parser.getDisplay(value) == inspect.unwrap(lib.parser.getDisplay)(value)
    for styles_ in ({}, {"page-break-before": "Always"}, {"break-inside": "avoid-page"}, {"break-after": "page"}):
        for side in ("before", "after", "inside"):
            assert lib.parser.pageBreakValue(styles_, side) == inspect.unwrap(lib.parser.pageBreakValue)(styles_, side)
    for styles_ in ({}, {"color": 1}, {"padding-left": 1}, {"background-color": 1}):
        for tag in ("b", "img"):
            asked = SimpleNamespace(cssAttr=styles_)
            assert lib.parser.declaresInlineBox(asked, tag) == inspect.unwrap(lib.parser.declaresInlineBox)(asked, tag)


def test_cells_take_padding_and_place_as_the_library_gives_them():
    lib = library()
    table = lib.xhtml2pdf_reportlab.PmlTable
    stock = inspect.unwrap(table._addCommand)
    made = []
    for add in (table._addCommand, stock):
        grid = table([["a", "b"], ["c", "d"]])
        for command in (
            ("LEFTPADDING", (0, 0), (0, 0), 1), ("RIGHTPADDING", (1, 0), (1, 0), 2), ("TOPPADDING", (0, 1), (1, 1), 3),
            ("BOTTOMPADDING", (-1, -1), (-1, -1), 4), ("VALIGN", (1, 1), (1, 1), "TOP"), ("FONTSIZE", (0, 0), (0, 0), 7),
            ("LEFTPADDING", (9, 0), (9, 0), 5), ("BACKGROUND", (0, 0), (0, 0), "red"), ("SPAN", (0, 0), (1, 0)),
        ):  # fmt: skip
            add(grid, command)
        made.append(([[vars(cell) for cell in row] for row in grid._cellStyles], grid._bkgrndcmds, grid._spanCmds))
    assert repr(made[0]) == repr(made[1])


def test_text_is_written_in_the_letters_of_the_file_as_the_library_writes_it():
    from reportlab.pdfbase.pdfdoc import PDFDocument
    from reportlab.pdfbase.ttfonts import TTFont

    from oms.documents.thaipdf.fonts import REGULAR, load

    font, many = load()[REGULAR], "".join(chr(n) for n in range(0x21, 0x17F) if n != 0x7F and not 0x80 <= n < 0xA0)
    texts = ["ใบกำกับภาษี", "IV-1", "", " ", "ก\xa0ข", "IV-1 ใบกำกับ", many, many[::-1], "ใบกำกับภาษี ·", "ก"]
    texts = [text for text in texts if not font.missing(text)] + [c for c in many if not font.missing(c)]
    mine, stock = PDFDocument(), PDFDocument()
    for text in texts * 2:
        assert font.splitString(text, mine) == TTFont.splitString(font, font.encode(text), stock), text
    font.getSubsetInternalName(0, mine)
    subset = list(font.state[mine].subsets[0])
    font.addObjects(mine)
    drawn = next(value for name, value in mine.idToObject["BasicFonts"].dict.items() if name.endswith("+0"))
    widths = [float(width) for width in drawn.Widths.strip("[] ").split()]
    assert widths == pytest.approx([font.face.getCharWidth(code) for code in subset], abs=1e-5)


def test_the_parts_of_the_libraries_that_are_replaced():
    lib = library()
    source = inspect.getsource
    shape = {
        lib.properties.apply_uniform_groups: ["frag", "css_attrs", "groups"],
        lib.properties.compact_frag: ["frag"],
        lib.properties.reset_non_inherited: ["frag"],
        lib.util.copy_attrs: ["obj1", "obj2", "attrs"],
        lib.util.drawBoxBorders: ["canvas", "x", "y", "w", "h", "style", "sides"],
        lib.flowables.KeepInFrame.wrap: ["self", "availWidth", "availHeight"],
        lib.parser.getCSSAttrCacheKey: ["node", "positional_tags", "attribute_names"],
    }
    for function, names in shape.items():
        assert list(inspect.signature(function).parameters) == names, function
    assert "apply_uniform_groups(context.frag" in source(lib.parser.pisaLoop)
    assert "compact_frag(context.frag)" in source(lib.parser.pisaLoop)
    assert "reset_non_inherited(context.frag)" in source(lib.parser.pisaLoop)
    assert 'emitPseudo(node, context, "before", kw)' in source(lib.parser.pisaLoop)
    assert "not c.cssCascade.hasPseudoRules(pseudo):\n        return None" in source(lib.parser.CSSCollectPseudo)
    assert "attrs = CSSCollectPseudo(node, context, pseudo)\n    if attrs is None:\n        return" in Path(
        lib.parser.__file__
    ).read_text(encoding="utf-8")
    collect = source(lib.parser.CSSCollect)
    assert "node.cssAttrs = resolveRootEm(cached, c)" in collect
    assert "c.cssAttrCache.get(key)" in collect
    assert "c.cssAttrCache[key] = node.cssAttrs" in collect
    assert lib.parser.CSSAttrCacheKey._fields == (
        "parent", "tag", "css_class", "css_id", "style", "position", "attributes",
    )  # fmt: skip
    stock = Path(lib.context.__file__).read_text(encoding="utf-8")
    assert "self._parseCSSSource, self.cssSources" in stock
    assert "self.cssDefaultText, parser.DEFAULT_CSS_SOURCE" in stock
    assert "copy_attrs(\n            style,\n            first," in stock
    assert "reset_caches()" in source(lib.document.pisaDocument)
    unwrapped = {
        lib.xhtml2pdf_reportlab.PmlImage.getImage: "return PmlImageReader(imgdata, label=self.src)",
        lib.pdfdoc.PDFImageXObject.loadImageFromSRC: "self._checkTransparency(im)",
        lib.canvas.Canvas.push_state_stack: "self._extgstate = self._extgstate.pushCopy()",
        lib.tables.TableData.add_style: "self.styles.append(copy.copy(data))",
        lib.xhtml2pdf_reportlab.PmlTable._addCommand: "_setCellStyle(self._cellStyles, i, j, op, values)",
        lib.xhtml2pdf_reportlab.PmlParagraph.drawOn: "canvas.translate(x, y)\n        self._drawOn(canvas)",
        lib.xhtml2pdf_reportlab.PmlKeepInFrame.drawOn: "_Container.drawOn(self, canv, x, y, _sW=_sW, scale=scale)",
    }
    for function, said in unwrapped.items():
        assert function.__module__.startswith("oms.documents.pace") or hasattr(function, "__wrapped__")
        assert said in source(inspect.unwrap(function)), said
    assert "self._smask = PDFImageXObject(" in source(lib.pdfdoc.PDFImageXObject._checkTransparency)
    assert "del imgObj._smask" in source(lib.canvas.Canvas.drawImage)
    container = source(lib.flowables._Container.drawOn)
    assert "w, h = c.wrapOn(canv,aW,0xfffffff)\n            if h<_FUZZ and not" in container
    assert "c.drawOn(canv,x,y,_sW=aW-w)" in container
    written = source(lib.xhtml2pdf_reportlab.PmlParagraph.draw)
    assert "Paragraph.draw(self)\n        canvas.restoreState()" in written
    assert written.count("drawBox") == 2
    assert written.count("canvas.translate") == 1
    assert "style = BoxStyle(c.frag, textColor=None, backgroundImage=None)\n            if roundedBox(style" in source(
        lib.tables.TableData.add_cell_styles
    )
    frames = source(lib.flowables.KeepInFrame.wrap)
    assert "W<=maxWidth+_FUZZ and H<=maxHeight+_FUZZ" in frames
    assert frames.count("self._scale =") == 3
    assert "cframe = getattr(doct,'frame',None)" in source(lib.flowables._listWrapOn)
    assert "drawBoxBorders(canvas, x, y, w, h, style)" in source(lib.xhtml2pdf_reportlab.PmlParagraph.draw)
    replaced = {
        lib.context.PmlParaFrag.clone, lib.context.pisaContext._parseCSSSource, lib.context.pisaContext.parseCSS,
        lib.context.copy_attrs, lib.parser.apply_uniform_groups, lib.parser.compact_frag, lib.document.reset_caches,
        lib.xhtml2pdf_reportlab.PmlParagraph.wrap, lib.xhtml2pdf_reportlab.PmlKeepInFrame.wrap,
        lib.flex.BoxStyle.__init__, lib.util.Memoized.__call__, lib.xhtml2pdf_reportlab.drawBoxBorders,
    }  # fmt: skip
    assert {function.__module__.rsplit(".", 1)[0] for function in replaced} == {"oms.documents.pace"}
