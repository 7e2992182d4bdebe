"""Paragraphs and cells of tables laid out once for a width.

A cell is measured when its row is, when its table is placed and when it is drawn, each time for a room that differs
from the last by a rounding. ReportLab takes the difference for an overflow and shrinks the cell by a ten-millionth,
breaking its lines over and over. Text stays as it was laid out unless the room has changed by more than a rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ROUNDING = 1e-4  # points


def install(paragraph: Any, cell: Any, container: Any) -> None:
    """Teach the classes of xhtml2pdf. ``container``: the class of ReportLab that ``cell`` is one of."""
    lay_out, stock = paragraph.wrap, cell.wrap

    def wrap_paragraph(self: Any, width: float, height: float) -> tuple[float, float]:
        known = self.__dict__.get("laid_out")
        if known is not None and abs(known[0] - width) < ROUNDING and known[1] is self.frags and "blPara" in vars(self):
            self.setMaxHeight(height)
            return float(self.width), float(self.height)
        size: tuple[float, float] = lay_out(self, width, height)
        if _is_text(self.frags):
            self.laid_out = (width, self.frags)
        return size

    def wrap_cell(self: Any, width: float, height: float) -> tuple[float, float]:
        if self.mode != "shrink" or not _holds_text(self, paragraph):
            size: tuple[float, float] = stock(self, width, height)
            return size
        width, height = max(width, 1.0), max(height, 1.0)
        self.maxWidth, self.maxHeight = width, self.setMaxHeight(height)
        known = self.__dict__.get("laid_out")
        if known is None or abs(known[0] - width) >= ROUNDING or known[2] > height + ROUNDING:
            document = getattr(getattr(self, "canv", None), "_doctemplate", None)
            frame = getattr(document, "frame", None)
            if document is not None:
                document.frame = None  # text adds nothing to it, so no copy of it need be made for each measuring
            try:
                size = container.wrap(self, width, height + ROUNDING)
            finally:
                if document is not None:
                    document.frame = frame
            if hasattr(self, "_scale"):
                self.laid_out = None
                return float(size[0]), float(size[1])
            self.laid_out = (width, *size)
        _, self.width, self.height = self.laid_out
        return float(self.width), float(self.height)

    paragraph.wrap, cell.wrap = wrap_paragraph, wrap_cell


def _is_text(frags: Sequence[Any]) -> bool:
    """Whether there is nothing in it but text that is known: no picture, no box, no number of a page."""
    return not any(
        hasattr(f, "cbDefn") or f.pageNumber or f.pageCount or not isinstance(getattr(f, "text", ""), str)
        for f in frags
    )


def _holds_text(cell: Any, paragraph: Any) -> bool:
    known: bool | None = cell.__dict__.get("holds_text")
    if known is None:
        known = cell.holds_text = all(type(f) is paragraph and _is_text(f.frags) for f in cell._content)  # noqa: SLF001
    return known
