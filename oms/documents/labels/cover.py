"""The first page of a batch: how many labels for which carrier, what is collected, and what was not printed and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reportlab.pdfgen.canvas import Canvas

from oms.documents.labels.facts import Cover, CoverLine
from oms.documents.labels.papers import MM, Paper, page_size
from oms.documents.thaipdf.fonts import BOLD, REGULAR
from oms.documents.thaipdf.wrapping import fit, width_of, wrap

_LEADING = 1.35
_COLUMNS = ("ขนส่ง", "ใบปะหน้า", "แพลตฟอร์ม", "COD", "ยอด COD (บาท)")
_WIDTHS = (0.36, 0.15, 0.17, 0.1, 0.22)


@dataclass(frozen=True)
class _Row:
    """One line: cells over the columns, or one text over the whole width."""

    cells: tuple[str, ...]
    bold: bool = False
    ruled: bool = False
    indent: float = 0.0


def _rows(cover: Cover) -> Iterator[_Row]:
    yield _Row((cover.title,), bold=True)
    yield _Row((f"พิมพ์โดย {cover.by} · {cover.at} · กระดาษ {cover.paper}",))
    if cover.reason:
        yield _Row((f"พิมพ์ซ้ำเพราะ {cover.reason}",))
    yield _Row(_COLUMNS, bold=True, ruled=True)
    for line in cover.lines:
        yield _Row(_cells(line))
    yield _Row(_cells(cover.total), bold=True, ruled=True)
    if cover.canceled:
        yield _Row((f"ยกเลิกก่อนพิมพ์ {cover.canceled} รายการ",))
    if cover.failed:
        yield _Row((f"ไม่ได้พิมพ์ {len(cover.failed)} รายการ",), bold=True, ruled=True)
        for failed in cover.failed:
            yield _Row((f"{failed.number} · {failed.orders} · {failed.reason}",), indent=1.0)


def _cells(line: CoverLine) -> tuple[str, ...]:
    return (line.carrier, f"{line.labels:,}", f"{line.waybills:,}", f"{line.cod_count:,}", line.cod)


def draw_cover(canvas: Canvas, cover: Cover, paper: Paper) -> int:
    """Draw it, on as many pages as it needs; answers how many."""
    width, height = page_size(paper)
    large = paper in {Paper.A4_4, Paper.A5}
    size, margin = (10.0 if large else 7.0), (15 if large else 4) * MM
    room = width - 2 * margin
    y, pages = height - margin, 1
    for n, row in enumerate(_rows(cover)):
        letters = size * 1.5 if n == 0 else size
        font = BOLD if row.bold else REGULAR
        lines = [row.cells] if len(row.cells) > 1 else [(t,) for t in wrap(row.cells[0], font, letters, room - 3 * MM)]
        if y - len(lines) * letters * _LEADING < margin and y < height - margin:
            canvas.showPage()
            y, pages = height - margin, pages + 1
        if row.ruled:
            y -= size * 0.4
            canvas.setLineWidth(0.5)
            canvas.line(margin, y, width - margin, y)
        for cells in lines:
            y -= letters * _LEADING
            canvas.setFont(font, letters)
            _draw(canvas, cells, margin + row.indent * 2 * MM, y, room, font, letters)
    canvas.showPage()
    return pages


def _draw(canvas: Canvas, cells: tuple[str, ...], x: float, y: float, room: float, font: str, size: float) -> None:
    if len(cells) == 1:
        canvas.drawString(x, y, cells[0])
        return
    left = x
    for n, (cell, share) in enumerate(zip(cells, _WIDTHS, strict=True)):
        text = fit(cell, font, size, room * share - MM)
        canvas.drawString(left if n == 0 else left + room * share - width_of(text, font, size), y, text)
        left += room * share
