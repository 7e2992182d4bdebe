"""A table of a file, whatever the file is, and the search for its heading row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from oms.importing.tabular import encoding, guard, textfile, workbook
from oms.importing.tabular.guard import LIMITS, FileKind, Limits

HEADER_WITHIN = 30  # rows; seller centres and banks put notes and totals above the headings


@dataclass(frozen=True)
class Table:
    """Rows of text with their line numbers. ``encoding`` is empty for a workbook; ``cut_off`` marks a torn end."""

    name: str
    encoding: str
    open: Callable[[], Iterator[tuple[int, list[str]]]]
    cut_off: bool = False

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line, cells) from the start; every call reads the file again."""
        return self.open()

    def head(self, count: int) -> list[tuple[int, list[str]]]:
        """The first rows."""
        return list(islice(self.rows(), count))


def open_tables(path: Path, name: str, limits: Limits = LIMITS) -> list[Table]:
    """The tables of a file: one of a text file, one per visible sheet of a workbook. Raises FileRefused."""
    if guard.kind_of(path, name, limits) is FileKind.WORKBOOK:
        book = workbook.open_workbook(path, limits)
        return [Table(s.name, "", _sheet_rows(book, s)) for s in book.sheets]
    codec = encoding.decide(path)
    delimiter = textfile.sniff(path, codec)
    torn = textfile.cut_off(path, codec)
    return [Table(name, codec, lambda: textfile.rows(path, codec, delimiter, limits), cut_off=torn)]


def _sheet_rows(book: workbook.Workbook, sheet: workbook.Sheet) -> Callable[[], Iterator[tuple[int, list[str]]]]:
    return lambda: book.rows(sheet)


def find_header(table: Table, score: Callable[[Sequence[str]], int], least: int) -> tuple[int, list[str]] | None:
    """The row among the first ones that knows the most headings, as (line, cells); None below ``least``."""
    best: tuple[int, list[str]] | None = None
    high = least - 1
    for line, cells in table.head(HEADER_WITHIN):
        points = score(cells)
        if points > high:
            best, high = (line, cells), points
    return best
