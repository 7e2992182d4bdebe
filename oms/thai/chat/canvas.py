"""A text being read: what is understood is painted over, so that what is left can be told apart by its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from oms.thai.text import arabic_digits, clean


class Mark(StrEnum):
    """What a painted piece was. Each is one character that no message holds."""

    GONE = "\ue000"  # read and done with: greetings, labels, emoji
    PHONE = "\ue001"
    AREA = "\ue002"
    PAID = "\ue003"
    TAX = "\ue004"
    NAME = "\ue005"  # the label before a name
    PLACE = "\ue006"  # the label before an address
    ITEMS = "\ue007"  # the label before items
    NOTE = "\ue008"  # the label before a note


MARKS = "".join(Mark)
_PICTURES = re.compile(
    "[\U0001f000-\U0001faff\u2190-\u21ff\u2300-\u23ff\u2500-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\ufe0f\u20e3\u200d]+"
)
_TELLING = (
    (re.compile("[\u260e\u2706\U0001f4de\U0001f4f1\U0001f4f2\U0001f919]\ufe0f?"), " โทร "),
    (re.compile("[\U0001f4cd\U0001f3e0\U0001f3e1\U0001f4ec\U0001f4eb\U0001f4ee\U0001f69a\U0001f4e6]\ufe0f?"), " ที่อยู่ "),
    (re.compile("[\U0001f464\U0001f9d1\U0001f469\U0001f468\U0001f64b]\ufe0f?"), " ชื่อ "),
    (re.compile("[\U0001f6d2\U0001f6cd]\ufe0f?"), " สินค้า "),
)  # fmt: skip
_NO_NUMBER = re.compile(r"\d{25,}")  # no phone, no amount and no tax id
_MENTION = re.compile(r"(?<!\S)@[A-Za-zก-๙][\w.ก-๙]*")


def prepare(text: str) -> str:
    """The message in the form it is read in: clean, Arabic digits, one space, no pictures; lines and tabs stay."""
    told = _NO_NUMBER.sub(" ", text).replace("\r\n", "\n").replace("\r", "\n").translate({ord(m): " " for m in MARKS})
    for picture, word in _TELLING:
        told = picture.sub(word, told)
    lines = []
    for line in told.split("\n"):
        cells = (clean(cell) for cell in line.split("\t"))
        lines.append(arabic_digits("\t".join(cells)))
    return _MENTION.sub(Mark.GONE.value, _PICTURES.sub(Mark.GONE.value, "\n".join(lines)))


@dataclass(frozen=True, slots=True)
class Segment:
    """An unread piece between marks, tabs and line ends. ``before`` and ``after``: the marks next to it, if any.

    ``label``: the role its label gives it, only on the same line or the line after a label that stands alone.
    """

    start: int
    end: int
    text: str
    line: int
    before: str
    after: str
    label: str


class Canvas:
    """The text, and the marks painted over what was understood."""

    def __init__(self, prepared: str) -> None:
        self.text = prepared

    def paint(self, start: int, end: int, mark: Mark) -> None:
        self.text = self.text[:start] + mark.value * (end - start) + self.text[end:]

    def paint_all(self, pattern: re.Pattern[str], mark: Mark) -> list[str]:
        """Paint every match; what was there, in order. A group named ``it`` narrows what is painted."""
        found = []
        for match in list(pattern.finditer(self.text)):
            group = "it" if "it" in pattern.groupindex and match["it"] is not None else 0
            if match.end(group) > match.start(group):
                found.append(match[0])
                self.paint(match.start(group), match.end(group), mark)
        return found

    def first(self, mark: Mark) -> int:
        """Where the first such mark stands, -1 when there is none."""
        return self.text.find(mark.value)

    def segments(self) -> Iterator[Segment]:
        """The unread pieces in order, without empty ones."""
        label, line, pending = "", 0, ""
        labels = (Mark.NAME, Mark.PLACE, Mark.ITEMS, Mark.NOTE)
        for match in re.finditer(rf"[\n\t]|[{MARKS}]+|[^\n\t{MARKS}]+", self.text):
            piece = match[0]
            if piece == "\n":
                line += 1
                label, pending = pending, ""
            elif piece[0] in MARKS:
                found = [m for m in labels if m.value in piece]
                if found:
                    label = pending = found[-1].value
                elif Mark.PHONE.value in piece or Mark.AREA.value in piece:
                    label = pending = ""
            elif piece.strip():
                text = self.text
                before = text[match.start() - 1] if match.start() else ""
                after = text[match.end()] if match.end() < len(text) else ""
                yield Segment(match.start(), match.end(), piece, line, before, after, label)
                pending = ""
