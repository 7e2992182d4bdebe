"""All order formats, and which one a row of headings belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from oms.errors import say
from oms.importing.formats.columns import Format, likeness, resolve, score
from oms.importing.formats.generic import GENERIC
from oms.importing.formats.lazada import LAZADA
from oms.importing.formats.line_shopping import LINE_SHOPPING
from oms.importing.formats.shopee import SHOPEE
from oms.importing.formats.tiktok import TIKTOK
from oms.importing.tabular import FileRefused, Table, find_header

FORMATS: dict[str, Format] = {f.code: f for f in (SHOPEE, LAZADA, TIKTOK, LINE_SHOPPING, GENERIC)}


def detect(tables: Sequence[Table], channel: str = "") -> Format | None:
    """The format that knows the most headings of the file; the shop's own channel wins a tie, the generic one last."""
    best: tuple[int, bool, Format] | None = None
    for form in FORMATS.values():
        if form is GENERIC:
            continue
        for table in tables:
            found = find_header(table, lambda cells, form=form: score(form, cells), 4)  # type: ignore[misc]
            points = score(form, found[1]) if found else 0
            rank = (points, channel in form.channels)
            if points and (best is None or rank > best[:2]):
                best = (*rank, form)
    if best:
        return best[2]
    generic = any(find_header(table, lambda cells: score(GENERIC, cells), 3) for table in tables)
    return GENERIC if generic else None


def locate(tables: Sequence[Table], form: Format) -> tuple[Table, int, list[str]]:
    """The table, heading line and headings that fit a format. Raises FileRefused, naming what is missing."""
    closest: tuple[int, list[str]] = (0, [])
    for table in tables:
        found = find_header(table, lambda cells: score(form, cells), 1)
        if found:
            return table, found[0], found[1]
        near = find_header(table, lambda cells: likeness(form, cells), 1)
        if near and likeness(form, near[1]) > closest[0]:
            closest = (likeness(form, near[1]), near[1])
    missing = [form.columns[name][0] if form.columns.get(name) else name
               for name in (resolve(form, closest[1]).missing or sorted(form.required))]  # fmt: skip
    raise FileRefused(
        say(
            "These columns were not found in the first 30 rows: {columns}. Is this a {format} order file?",
            columns=", ".join(missing),
            format=form.label,
        ),
        field="file",
        code="file_columns",
    )
