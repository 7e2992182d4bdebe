"""Which encoding a text file has, decided on the whole file: short Thai words in CP874 are valid UTF-8 by accident."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from oms.errors import say
from oms.importing.tabular.guard import refuse, utf16_without_mark

_CHUNK = 1 << 20
_THAI = re.compile("[\u0e01-\u0e5b]")
_WORD = 3  # Thai letters in a row of valid UTF-8 that cannot be there by accident
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class _Reading:
    """One way to read the bytes: still possible or not, and whether it shows Thai letters."""

    def __init__(self, encoding: str) -> None:
        self.decoder = codecs.getincrementaldecoder(encoding)("strict")
        self.broken_at_line: int | None = None
        self.thai = False
        self._lines = 1

    def feed(self, chunk: bytes, *, final: bool) -> None:
        if self.broken_at_line is not None:
            return
        try:
            text = self.decoder.decode(chunk, final)
        except UnicodeDecodeError as exc:
            self.broken_at_line = self._lines + exc.object[: exc.start].count(b"\n")
            return
        self._lines += chunk.count(b"\n")
        self.thai = self.thai or bool(_THAI.search(text))


def decide(path: Path) -> str:
    """The Python codec to read the file with. Raises FileRefused, naming the line, when parts disagree."""
    with path.open("rb") as source:
        start = source.read(65536)
        marked = next((codec for mark, codec in _MARKS if start.startswith(mark)), None)
        codec = marked or utf16_without_mark(start)
        readings = [_Reading(codec)] if codec else [_Reading("utf-8"), _Reading("cp874")]
        chunk = start
        while chunk:
            ahead = source.read(_CHUNK)
            for reading in readings:
                reading.feed(chunk, final=not ahead)
            chunk = ahead
    if codec:
        _insist(readings[0])
        return codec
    utf8, thai = readings
    if utf8.broken_at_line is None and (utf8.thai or thai.broken_at_line is not None or not thai.thai):
        return "utf-8"
    if thai.broken_at_line is None and not _has_utf8_lines(path):
        return "cp874"
    _insist(utf8)
    return "utf-8"


def _has_utf8_lines(path: Path) -> bool:
    """Whether some lines are Thai in UTF-8 although the file is not: read as CP874 they would turn to เธ and เน."""
    with path.open("rb") as source:
        for line in source:
            if line.isascii():
                continue
            try:
                if len(_THAI.findall(line.decode())) >= _WORD:
                    return True
            except UnicodeDecodeError:
                continue
    return False


def _insist(reading: _Reading) -> None:
    if reading.broken_at_line is None:
        return
    raise refuse(
        "file_encoding",
        say(
            "Line {line} is written in another encoding than the rest, or the file is cut off there. "
            "Open it, save it as CSV UTF-8 and try again",
            line=reading.broken_at_line,
        ),
    )
