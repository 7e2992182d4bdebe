"""XLSX as a stream of rows of text, in flat memory. Numbers keep every digit the file has; dates become ISO text."""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO
from xml.parsers import expat

from oms.errors import say
from oms.importing.tabular import guard
from oms.importing.tabular.guard import LIMITS, Limits

_CHUNK = 1 << 16
SPOILED = "\u241a"  # put before a whole number of 16 or more digits: the spreadsheet has thrown its last digits away
_EXACT = 10**15  # a spreadsheet keeps 15 digits; a longer whole number has lost its tail
_DATE_IDS = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59), *range(71, 82)])
_NOT_FORMAT = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_DATE_LETTERS = re.compile("[ymdhsYMDHSปดวชน]")
_REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, expat.ExpatError, KeyError, OSError)


class Strings:
    """The shared texts of a workbook in one block of memory instead of a million objects."""

    def __init__(self) -> None:
        self._block = bytearray()
        self._ends = array("Q", [0])

    def add(self, text: str) -> None:
        self._block += text.encode()
        self._ends.append(len(self._block))

    def __getitem__(self, index: int) -> str:
        if index < 0 or index >= len(self._ends) - 1:
            return ""
        return self._block[self._ends[index] : self._ends[index + 1]].decode()


@dataclass(frozen=True)
class Sheet:
    """One visible sheet of a workbook."""

    name: str
    part: str


@dataclass
class Workbook:
    """An opened workbook: sheets, shared texts, and which cell styles mean a date."""

    path: Path
    limits: Limits = LIMITS
    sheets: list[Sheet] = field(default_factory=list)
    strings: Strings = field(default_factory=Strings)
    date_styles: frozenset[str] = frozenset()
    epoch: datetime = datetime(1899, 12, 30)  # noqa: DTZ001  a spreadsheet's wall clock, no moment yet

    def rows(self, sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
        """Yield (row number, cells) of a sheet. Raises FileRefused where the file is damaged."""
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(sheet.part) as part:
                yield from _Rows(self).read(part)
        except _BROKEN as exc:
            raise guard.damaged() from exc


def open_workbook(path: Path, limits: Limits = LIMITS) -> Workbook:
    """Check and open a workbook. Raises FileRefused with what is wrong with it."""
    book = Workbook(path, limits)
    try:
        with zipfile.ZipFile(path) as archive:
            guard.check_archive(archive, limits)
            names = set(archive.namelist())
            if "xl/workbook.xml" not in names:
                raise guard.refuse("file_not_excel", say("This is no Excel workbook; nothing was read"))
            _read_index(book, archive)
            if "xl/styles.xml" in names:
                _read_styles(book, archive)
            shared = next((n for n in names if n.lower() == "xl/sharedstrings.xml"), None)
            if shared:
                if archive.getinfo(shared).file_size > limits.strings_bytes:
                    raise guard.refuse("file_bomb", say("The file holds more text than any order export; not opened"))
                with archive.open(shared) as part:
                    _read_strings(book, part)
    except _BROKEN as exc:
        raise guard.damaged() from exc
    return book


Start = Callable[[str, dict[str, str]], None]


def _walk(source: IO[bytes], start: Start, end: Callable[[str], None] | None = None,
          text: Callable[[str], None] | None = None) -> Iterator[None]:  # fmt: skip
    """Feed XML piece by piece, one step per piece. Document types (the door to entity bombs) are refused."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def no_doctype(*_: object) -> None:
        raise guard.refuse("file_bomb", say("The Excel file holds definitions that no table needs; not opened"))

    parser.StartDoctypeDeclHandler = no_doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    while chunk := source.read(_CHUNK):
        parser.Parse(chunk, False)  # noqa: FBT003  expat takes it by position
        yield
    parser.Parse(b"", True)  # noqa: FBT003
    yield


def _run(steps: Iterator[None]) -> None:
    for _ in steps:
        pass


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _read_index(book: Workbook, archive: zipfile.ZipFile) -> None:
    targets: dict[str, str] = {}
    found: list[tuple[str, str]] = []

    def relation(name: str, attrs: dict[str, str]) -> None:
        if _local(name) == "Relationship":
            target = attrs.get("Target", "")
            targets[attrs.get("Id", "")] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"

    def sheet(name: str, attrs: dict[str, str]) -> None:
        if _local(name) == "sheet" and attrs.get("state", "visible") == "visible":
            found.append((attrs.get("name", ""), next((v for k, v in attrs.items() if _local(k) == "id"), "")))
        elif _local(name) == "workbookPr" and attrs.get("date1904") in {"1", "true"}:
            book.epoch = datetime(1904, 1, 1)  # noqa: DTZ001

    with archive.open("xl/_rels/workbook.xml.rels") as part:
        _run(_walk(part, relation))
    with archive.open("xl/workbook.xml") as part:
        _run(_walk(part, sheet))
    parts = set(archive.namelist())
    for title, ref in found:
        where = posixpath.normpath(targets.get(ref, ""))
        if where in parts and "worksheets" in where:
            book.sheets.append(Sheet(title, where))


def _is_date_format(code: str) -> bool:
    return bool(_DATE_LETTERS.search(_NOT_FORMAT.sub("", code).replace("General", "")))


def _read_styles(book: Workbook, archive: zipfile.ZipFile) -> None:
    custom: dict[str, bool] = {}
    dates: list[str] = []
    state = {"inside": False, "count": 0}

    def start(name: str, attrs: dict[str, str]) -> None:
        tag = _local(name)
        if tag == "numFmt":
            custom[attrs.get("numFmtId", "")] = _is_date_format(attrs.get("formatCode", ""))
        elif tag == "cellXfs":
            state["inside"] = True
        elif tag == "xf" and state["inside"]:
            fmt = attrs.get("numFmtId", "0")
            if custom.get(fmt, fmt.isdigit() and int(fmt) in _DATE_IDS):
                dates.append(str(state["count"]))
            state["count"] += 1

    def end(name: str) -> None:
        if _local(name) == "cellXfs":
            state["inside"] = False

    with archive.open("xl/styles.xml") as part:
        _run(_walk(part, start, end))
    book.date_styles = frozenset(dates)


def _read_strings(book: Workbook, part: IO[bytes]) -> None:
    pieces: list[str] = []
    state = {"text": False, "phonetic": False}

    def start(name: str, _: dict[str, str]) -> None:
        tag = _local(name)
        if tag == "t":
            state["text"] = not state["phonetic"]
        elif tag == "rPh":
            state["phonetic"] = True

    def end(name: str) -> None:
        tag = _local(name)
        if tag == "si":
            book.strings.add("".join(pieces))
            pieces.clear()
        elif tag == "t":
            state["text"] = False
        elif tag == "rPh":
            state["phonetic"] = False

    def text(data: str) -> None:
        if state["text"]:
            pieces.append(data)

    _run(_walk(part, start, end, text))


def number(raw: str) -> str:
    """A number cell as text: whole numbers whole, nothing in scientific notation, rounding dust removed."""
    if raw.isdigit() and len(raw) <= 15:
        return raw
    try:
        value = float(raw)
    except ValueError:
        return raw
    if value.is_integer():
        return f"{SPOILED}{value:.0f}" if abs(value) >= _EXACT else str(int(value))
    if value - value != 0:  # infinite or not a number
        return raw
    return format(Decimal(f"{value:.15g}"), "f")


class _Rows:
    """Turns the events of one sheet into rows."""

    def __init__(self, book: Workbook) -> None:
        self.book = book
        self.strings, self.limits = book.strings, book.limits
        self.done: list[tuple[int, list[str]]] = []
        self.line = 0
        self.cells: list[str] = []
        self.column = -1
        self.kind = "n"
        self.style = ""
        self.collect = False
        self.buffer = ""
        self.columns: dict[str, int] = {}
        self.names: dict[str, str] = {}

    def read(self, part: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
        for _ in _walk(part, self.start, self.end, self.text):
            if self.done:
                yield from self.done
                self.done.clear()

    def start(self, name: str, attrs: dict[str, str]) -> None:
        if name == "c" or _local(name) == "c":
            ref = attrs.get("r")
            self.column = self.column + 1 if ref is None else self._index(ref.rstrip("0123456789"))
            self.kind = attrs.get("t", "n")
            self.style = attrs.get("s", "")
            self.buffer = ""
        elif name in {"v", "t"} or _local(name) in {"v", "t"}:
            self.collect = True
        elif _local(name) == "row":
            ref = attrs.get("r", "")
            self.line = int(ref) if ref.isdigit() and len(ref) < 10 else self.line + 1
            self.cells, self.column = [], -1
            if self.line > self.limits.rows:
                raise guard.refuse("file_too_long", say("The sheet has more than {limit} rows", limit=self.limits.rows))

    def _index(self, letters: str) -> int:
        known = self.columns.get(letters)
        if known is None:
            known = 0
            for letter in letters[:4]:
                known = known * 26 + ord(letter) - 64
            known -= 1
            if not 0 <= known < self.limits.columns:
                raise guard.refuse(
                    "file_too_wide", say("The sheet has more than {limit} columns", limit=self.limits.columns)
                )
            self.columns[letters] = known
        return known

    def text(self, data: str) -> None:
        if self.collect:
            self.buffer += data

    def end(self, name: str) -> None:
        if name in {"v", "t"} or _local(name) in {"v", "t"}:
            self.collect = False
        elif name == "c" or _local(name) == "c":
            if self.buffer:
                self._put(self._value())
        elif _local(name) == "row" and any(self.cells):
            self.done.append((self.line, self.cells))

    def _put(self, value: str) -> None:
        cells, gap = self.cells, self.column - len(self.cells)
        if gap < 0:
            if -gap <= len(cells):
                cells[self.column] = value
            return
        if gap >= self.limits.columns:
            raise guard.refuse(
                "file_too_wide", say("The sheet has more than {limit} columns", limit=self.limits.columns)
            )
        if gap:
            cells.extend([""] * gap)
        cells.append(value)

    def _value(self) -> str:
        kind, raw = self.kind, self.buffer
        if kind == "s":
            text = self.strings[int(raw)] if raw.isdigit() else ""
        elif kind == "n":
            return self._date(raw) if self.style in self.book.date_styles else number(raw)
        elif kind == "b":
            return "TRUE" if raw == "1" else "FALSE"
        elif kind == "d":
            return raw.replace("T", " ").removesuffix("Z")
        else:
            text = raw
        if len(text) > self.limits.cell_chars:
            raise guard.refuse("file_bomb", say("Row {line} has a cell longer than Excel allows", line=self.line))
        return text.strip().replace("\0", "")

    def _date(self, raw: str) -> str:
        try:
            days = float(raw)
            moment = self.book.epoch + timedelta(seconds=round(days * 86400))
        except (ValueError, OverflowError):
            return raw
        return moment.strftime("%Y-%m-%d" if days.is_integer() and days >= 1 else "%Y-%m-%d %H:%M:%S")
