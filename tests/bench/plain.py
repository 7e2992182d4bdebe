"""The floor of P9: xhtml2pdf as it comes, asked for the same papers in the same way. No shaping, no pace of ours, none of
our checks; our fonts are registered, or it would draw boxes."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from pathlib import Path

from oms.confined.child import serve
from oms.confined.parent import Confined

ROOT = Path(__file__).resolve().parents[2]
FACES = (
    ("", "Regular", 0, 0),
    ("-Bold", "Bold", 1, 0),
    ("-Italic", "Italic", 0, 1),
    ("-BoldItalic", "BoldItalic", 1, 1),
)


class Plain(Confined):
    """A process that draws papers by the library alone."""

    def __init__(self) -> None:
        super().__init__("tests.bench.plain", environment={"PYTHONPATH": str(ROOT)})
        self.command = (sys.executable, "-B", "-m", "tests.bench.plain")  # not isolated: it is no part of the program

    def render(self, html: str) -> bytes:
        """The paper as PDF."""
        (pdf,) = self.ask([html.encode()], 120)
        return pdf


def register() -> None:
    """Our fonts, as the library's manual says."""
    import fontpkg_sarabun
    from reportlab.lib.fonts import addMapping
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from xhtml2pdf import default

    for end, file, bold, italic in FACES:
        path = Path(fontpkg_sarabun.__file__).with_name("files") / f"Sarabun-{file}.ttf"
        pdfmetrics.registerFont(TTFont(f"Sarabun{end}", str(path), shapable=False))
        addMapping("Sarabun", bold, italic, f"Sarabun{end}")
    default.DEFAULT_FONT["sarabun"] = "Sarabun"


def take(question: list[bytes]) -> Iterable[bytes]:
    """Make one paper."""
    from xhtml2pdf.document import pisaDocument

    out = io.BytesIO()
    pisaDocument(question[0], out, encoding="utf-8")
    return [out.getvalue()]


if __name__ == "__main__":
    register()
    serve(take, 600)
