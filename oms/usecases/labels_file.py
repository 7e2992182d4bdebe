"""The file of a batch, drawn from what was put on record: cover sheet, labels and waybills in pick order.

Nothing is decided here, so it can be drawn again when a worker died over it. No transaction is open meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from oms import clock
from oms.documents.foreign import ForeignReader, Place
from oms.documents.labels.facts import Cover, CoverLine, Failed, LabelFacts
from oms.documents.labels.models import LabelBatch, RowStatus
from oms.documents.labels.papers import MM, ON_PAPER, Paper, label_size
from oms.documents.labels.sheet import Sheet
from oms.documents.labels.words import reason
from oms.errors import NotFound
from oms.intake import files
from oms.money import ZERO, Money
from oms.thai.dates import format_moment
from oms.usecases.labels import batch_rows
from oms.usecases.labels_facts import Page
from oms.usecases.labels_setup import Look

_STRIP = 5 * MM  # below a waybill that is printed again, for its stamp
_TOGETHER = 64 * 1024 * 1024  # bytes of foreign files put in at once


@dataclass(frozen=True)
class Drawing:
    """Everything a file needs, read beforehand."""

    paper: Paper
    pages: tuple[Mapping[str, Any], ...]
    cover: Cover | None
    logo_key: str
    title: str


def drawing_of(session: Session, batch: LabelBatch) -> Drawing:
    """What the file of a batch holds."""
    rows = batch_rows(session, batch.id)
    pages = tuple(page for row in rows if row.status is RowStatus.PRINTED for page in row.facts or ())
    failed = tuple(
        Failed(row.number or "–", ", ".join(row.orders), reason(row.code))
        for row in rows
        if row.status is RowStatus.REFUSED
    )
    look = Look.from_json(batch.paper, batch.options)
    lines = _by_carrier(pages)
    cover = Cover(
        f"ใบปะหน้าชุดที่ {batch.id}", batch.user_label, format_moment(batch.created_at), ON_PAPER[batch.paper],
        lines, _total(lines, pages), failed, batch.canceled, batch.reason,
    )  # fmt: skip
    wants_cover = look.cover and (len(pages) > 1 or bool(failed))
    return Drawing(batch.paper, pages, cover if wants_cover else None, look.logo_key, f"Labels {batch.id}")


def _by_carrier(pages: Sequence[Mapping[str, Any]]) -> tuple[CoverLine, ...]:
    names = dict.fromkeys(str(p["carrier"]) for p in pages)
    return tuple(_line(name or "ยังไม่ระบุขนส่ง", [p for p in pages if p["carrier"] == name]) for name in sorted(names))


def _line(name: str, pages: Sequence[Mapping[str, Any]]) -> CoverLine:
    cash = [Money.satang(int(p["cod"])) for p in pages if p["cod"]]
    own = sum(1 for p in pages if p["label"])
    return CoverLine(name, own, len(pages) - own, len(cash), f"{sum(cash, ZERO).amount:,.2f}")


def _total(lines: Sequence[CoverLine], pages: Sequence[Mapping[str, Any]]) -> CoverLine:
    return _line(f"รวม {len(lines)} ขนส่ง", pages)


def draw(drawing: Drawing, root: Path, told: Callable[[int], None] = lambda _: None) -> bytes:
    """The PDF. ``told`` hears how many pages are drawn, now and then. Raises InvalidInput for a waybill that does not
    open any more."""
    sheet = Sheet(drawing.paper, title=drawing.title, logo=_read(root, drawing.logo_key))
    if drawing.cover is not None:
        sheet.cover(drawing.cover)
    wanted: list[tuple[str, int, tuple[int, float, float], bool]] = []
    for n, page in enumerate(drawing.pages, 1):
        if page["label"]:
            sheet.put(LabelFacts.from_json(page["label"]))
        else:
            again = int(page["copy"]) > 0
            place = sheet.leave_room(f"สำเนา {page['copy']} / COPY {page['copy']}" if again else "")
            wanted.append((str(page["file"]), int(page["page"]), place, again))
        if n % 100 == 0:
            told(n)
    return _with_waybills(sheet.finish(), drawing.paper, wanted, root)


def _with_waybills(
    pdf: bytes, paper: Paper, wanted: Sequence[tuple[str, int, tuple[int, float, float], bool]], root: Path
) -> bytes:
    """The waybills in the room kept for them, some files at a time."""
    if not wanted:
        return pdf
    width, height = label_size(paper)
    with ForeignReader() as reader:
        for group in _groups(wanted, root):
            keys = list(dict.fromkeys(w[0] for w in group))
            places = [
                Place(page, x, y + strip, width, height - strip, keys.index(key), source_page)
                for key, source_page, (page, x, y), again in group
                for strip in (_STRIP if again else 0.0,)
            ]
            pdf = reader.put_in(pdf, [files.path_of(root, key).read_bytes() for key in keys], places)
    return pdf


def _groups(wanted: Sequence[Any], root: Path) -> Iterable[list[Any]]:
    group: list[Any] = []
    seen: set[str] = set()
    size = 0
    for one in wanted:
        more = 0 if one[0] in seen else files.path_of(root, one[0]).stat().st_size
        if group and size + more > _TOGETHER:
            yield group
            group, seen, size = [], set(), 0
            more = files.path_of(root, one[0]).stat().st_size
        group.append(one)
        seen.add(one[0])
        size += more
    yield group


def _read(root: Path, key: str) -> bytes | None:
    """A kept picture; a label is printed without one that is gone."""
    if not key:
        return None
    try:
        return files.path_of(root, key).read_bytes()
    except (NotFound, FileNotFoundError):
        return None


def draw_now(pages: Sequence[Page], look: Look, root: Path) -> bytes:
    """The labels of one shipment, for the printer at the packing table."""
    kept = tuple(page.to_json() for page in pages)
    return draw(Drawing(look.paper, kept, None, look.logo_key, f"Label {clock.today():%Y%m%d}"), root)
