"""Labels in one PDF, in the order they are given, on the paper that was chosen."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from oms.documents.labels.cover import draw_cover
from oms.documents.labels.facts import Cover, LabelFacts
from oms.documents.labels.layout import Plan, plan
from oms.documents.labels.papers import FORMS, MM, Paper, page_size, places
from oms.documents.thaipdf import fonts
from oms.documents.thaipdf.wrapping import width_of


class Sheet:
    """A PDF being filled, label by label. ``logo`` is a PNG or JPEG of ours."""

    def __init__(self, paper: Paper, *, title: str = "Labels", logo: bytes | None = None) -> None:
        fonts.load()
        self.paper, self.form = paper, FORMS[paper]
        self.out = io.BytesIO()
        self.canvas = Canvas(
            self.out, pagesize=page_size(paper), invariant=1, pageCompression=1, initialFontName=fonts.REGULAR
        )
        self.canvas.setTitle(title)
        self.canvas.setCreator("Ruam")
        self.logo, self.logo_shape = self._logo(logo)
        self.places, self.used, self.pages = places(paper), 0, 0

    @staticmethod
    def _logo(logo: bytes | None) -> tuple[ImageReader | None, float]:
        if not logo:
            return None, 0.0
        with Image.open(io.BytesIO(logo)) as picture:
            shape = picture.width / picture.height
        return ImageReader(io.BytesIO(logo)), min(shape, 3.0)

    def cover(self, cover: Cover) -> None:
        """The page before all labels."""
        self.pages += draw_cover(self.canvas, cover, self.paper)

    def check(self, facts: LabelFacts) -> Plan:
        """The label laid out. Raises InvalidInput when it cannot be printed as it is."""
        return plan(facts, self.form, logo=self.logo_shape)

    def put(self, facts: LabelFacts) -> None:
        """Draw one label at the next place. Raises InvalidInput before anything of it is drawn."""
        ready = self.check(facts)
        self._draw(ready, *self._place())

    def leave_room(self, stamp: str = "") -> tuple[int, float, float]:
        """Keep the next place free for a waybill: (page from 0, left, low). ``stamp`` stands at its lower edge."""
        x, y = self._place()
        if stamp:
            canvas, size = self.canvas, 9
            wide = width_of(stamp, fonts.BOLD, size) + 2 * MM
            canvas.setFillGray(0)
            canvas.rect(x + 3 * MM, y + MM, wide, 3.8 * MM, stroke=0, fill=1)
            canvas.setFillGray(1)
            canvas.setFont(fonts.BOLD, size)
            canvas.drawString(x + 4 * MM, y + 1.9 * MM, stamp)
            canvas.setFillGray(0)
        return self.pages, x, y

    def finish(self) -> bytes:
        """The PDF."""
        if self.used:
            self._turn()
        self.canvas.save()
        return self.out.getvalue()

    def _place(self) -> tuple[float, float]:
        if self.used == len(self.places):
            self._turn()
        self.used += 1
        return self.places[self.used - 1]

    def _turn(self) -> None:
        self.canvas.showPage()
        self.pages, self.used = self.pages + 1, 0

    def _draw(self, ready: Plan, x: float, y: float) -> None:
        canvas = self.canvas
        canvas._code.append(f"q 1 0 0 1 {x:.3f} {y:.3f} cm 0 g 0 G")  # noqa: SLF001
        if ready.logo and self.logo:
            canvas.drawImage(self.logo, *ready.logo, mask="auto")
        canvas._code += ready.shapes  # noqa: SLF001
        for white in (False, True):
            texts = [t for t in ready.texts if t.white is white]
            if not texts:
                continue
            pen = canvas.beginText(0, 0)
            pen.setFillGray(1 if white else 0)
            for t in texts:
                pen.setFont(t.font, t.size)
                pen.setTextOrigin(t.x, t.y)
                pen._textOut(t.text)  # noqa: SLF001
            canvas.drawText(pen)
        canvas._code.append("Q")  # noqa: SLF001


def draw_labels(labels: Sequence[LabelFacts], paper: Paper, *, logo: bytes | None = None) -> bytes:
    """These labels in one PDF. Raises InvalidInput for the first that cannot be printed."""
    sheet = Sheet(paper, logo=logo)
    for facts in labels:
        sheet.put(facts)
    return sheet.finish()
