"""CSV and TSV as a stream of rows: delimiter found by trying, quotes checked, true line numbers kept."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from oms.errors import say
from oms.importing.tabular.guard import LIMITS, Limits, refuse

DELIMITERS = (",", "\t", ";", "|")
SAMPLE_ROWS = 30
_ENDS = frozenset({b"\n", b"\r", b"\x1a", b""})
_GUARDED = ("=", "+", "-", "@", "\t", "\r")


def plain(cell: str) -> str:
    """The value a cell means: without ``="..."`` or a leading apostrophe that only kept a spreadsheet from guessing."""
    if not cell:
        return cell
    first = cell[0]
    if first == "=" and cell.startswith('="') and cell.endswith('"') and len(cell) > 2:
        cell = cell[2:-1].replace('""', '"')
    elif first == "'" and cell[1:2] in _GUARDED:
        cell = cell[1:]
    if "\0" in cell:
        cell = cell.replace("\0", "")
    return cell.strip()


def _limit(limits: Limits) -> None:
    csv.field_size_limit(limits.cell_chars * 4)


def sniff(path: Path, encoding: str) -> str:
    """The delimiter that cuts the first rows into the most columns; an Excel ``sep=`` line is believed."""
    with path.open(encoding=encoding, newline="") as source:
        lines = list(islice(source, SAMPLE_ROWS))
    if lines and lines[0].lower().startswith("sep="):
        return lines[0][4:5]
    best, width = ",", 0
    for delimiter in DELIMITERS:
        rows = list(csv.reader(lines, delimiter=delimiter))
        widest = max((sum(1 for cell in row if cell) for row in rows), default=0)
        if widest > width:
            best, width = delimiter, widest
    return best


def cut_off(path: Path, encoding: str) -> bool:
    """Whether the last line has no line end; with too few cells as well, the file was cut."""
    with path.open("rb") as source:
        if encoding.startswith("utf-16"):
            source.seek(-2, os.SEEK_END)
            return source.read(2).strip(b"\0") not in _ENDS
        source.seek(-1, os.SEEK_END)
        return source.read(1) not in _ENDS


def rows(path: Path, encoding: str, delimiter: str, limits: Limits = LIMITS) -> Iterator[tuple[int, list[str]]]:
    """Yield (line the row starts on, cells). Raises FileRefused at a quotation mark that never closes."""
    _limit(limits)
    with path.open(encoding=encoding, newline="") as source:
        reader = csv.reader(source, delimiter=delimiter, strict=True)
        line = 1
        try:
            for cells in reader:
                if len(cells) > limits.columns:
                    raise refuse(
                        "file_too_wide",
                        say("Line {line} has {count} columns; at most {limit}", line=line, count=len(cells),
                            limit=limits.columns),
                    )  # fmt: skip
                if not (line == 1 and cells and cells[0].lower().startswith("sep=")):
                    yield line, [plain(cell) for cell in cells]
                line = reader.line_num + 1
        except csv.Error as exc:
            raise refuse(
                "file_quotes",
                say(
                    "From line {line} a quotation mark is not closed, or the file is cut off there; "
                    "nothing was taken in",
                    line=line,
                ),
            ) from exc
