"""Paragraphs and cells of tables laid out once for a width.

A cell is measured when its row is, when its table is placed and when it is drawn, each time for a room that differs
from the last by a rounding. ReportLab takes the difference for an overflow and shrinks the cell by a ten-millionth,
breaking its lines over and over. Text stays as it was laid out unless the room has changed by more than a rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import Any

ROUNDING = 1e-4  # points
_NOTHING = 1e-6  # points; the library leaves out what is no higher


_OF_A_CELL = {
    "LEFTPADDING": "leftPadding", "RIGHTPADDING": "rightPadding", "TOPPADDING": "topPadding",
    "BOTTOMPADDING": "bottomPadding", "VALIGN": "valign",
}  # fmt: skip


def install_tables(tables: Any, table: Any) -> None:
    """Teach the tables. ``tables``: the module of xhtml2pdf that makes them; ``table``: its class of them."""
    tables.TableData.add_style = _add_style(tables.TableData.add_style)
    tables.BoxStyle, tables.roundedBox = _box(tables.BoxStyle, tables.NO_RADIUS), _rounded(tables.roundedBox)
    table._addCommand = _command(table._addCommand)  # noqa: SLF001


def _add_style(stock: Any) -> Any:
    @wraps(stock)
    def add_style(self: Any, command: Any) -> None:
        if type(command) is tuple:
            self.styles.append(command)  # a copy of it is itself
        else:
            stock(self, command)

    return add_style


def _box(stock: Any, square: Any) -> Any:
    """A cell's box is asked for nothing but its round corners: None when it has none."""
    corners = tuple(f"border{corner}Radius" for corner in ("TopLeft", "TopRight", "BottomRight", "BottomLeft"))

    def box(frag: Any, **given: Any) -> Any:
        for name in corners:
            radius = getattr(frag, name, None)
            if radius is not None and radius is not square:
                return stock(frag, **given)
        return None

    return box


def _rounded(stock: Any) -> Any:
    def rounded(style: Any, *sizes: float) -> Any:
        return None if style is None else stock(style, *sizes)

    return rounded


def _command(stock: Any) -> Any:
    """``_addCommand``: padding and place of one cell."""

    @wraps(stock)
    def add_command(self: Any, command: Any) -> None:
        name = _OF_A_CELL.get(command[0])
        if name is not None and command[1] == command[2]:
            column, row = command[1]
            if type(row) is int and 0 <= row < self._nrows and 0 <= column < self._ncols:
                setattr(self._cellStyles[row][column], name, command[3])
                return
        stock(self, command)

    return add_command


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
    cell.drawOn = _draw_cell(cell.drawOn, paragraph)


def _draw_cell(stock: Any, paragraph: Any) -> Any:
    """``drawOn`` of a cell: one paragraph that was laid out stands at the top of it."""

    @wraps(stock)
    def draw_on(self: Any, canvas: Any, x: float, y: float, _sW: float = 0) -> None:  # noqa: N803
        own = self.__dict__
        if (
            own.get("laid_out") is None or self.mode != "shrink" or len(self._content) != 1 or "_scale" in own
            or own.get("_frame") is not None or not _holds_text(self, paragraph)
        ):  # fmt: skip
            stock(self, canvas, x, y, _sW)
            return
        (text,) = self._content
        width, height = text.wrapOn(canvas, self.width, 0xFFFFFFF)
        if height >= _NOTHING:
            text.drawOn(canvas, self._hAlignAdjust(x, _sW), y + self.height - height, _sW=self.width - width)

    return draw_on


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
