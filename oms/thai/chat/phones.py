"""Phone numbers in a message, with their labels, extensions and remarks painted over."""

from __future__ import annotations

import re

from oms.thai.chat.canvas import MARKS, Canvas, Mark
from oms.thai.phone import read_phone

_GAP = r"[ .\-–()]{0,2}"
_D = r"[\doO]"
_MOBILE = rf"[0oO]{_GAP}[689](?:{_GAP}{_D}){{8}}"
_LANDLINE = rf"[0oO]{_GAP}[2-57](?:{_GAP}{_D}){{7}}"
_ABROAD = rf"\(?\+{_GAP}66\)?{_GAP}(?:\(?[0oO]\)?{_GAP})?(?:[689](?:{_GAP}{_D}){{8}}|[2-57](?:{_GAP}{_D}){{7}})|(?<![\d/])(?:00)?66{_GAP}[689](?:{_GAP}{_D}){{8}}"
_FOREIGN = r"\+(?!66)[1-9]\d{0,2}(?:[ \-]?\d){6,12}"
_SHORT = r"0[689]\d{6,7}|0[689]\d{9,10}|0[689]\d-\d{3}-\d{2,3}|0[689]\d-\d{2}-\d{4}"  # one digit too few or too many
_LABEL = (
    r"(?:(?:เบอร์[ ]*+(?:โทรศัพท์|โทร|มือถือ|ติดต่อ|ผู้รับ|บ้าน|สำรอง)?|หมายเลข(?:โทรศัพท์)?|โทรศัพท์(?:มือถือ)?|โทร(?:ฯ|กลับ|ติดต่อ)?|มือถือ|ติดต่อ|"
    r"tel(?:ephone)?|phone|mobile|mob|call|hp|ต\.?\s?ท\.|t|m|p)\s*+[.:：;=)]*+\s*+)++"
)
_AFTER = (
    r"(?P<after>(?:\s*\((?:[^)\n]{0,12}(?:เลข|ศูนย์|โอ\b|หลัก|เบอร์|ตัว)[^)\n]{0,20})\))?"
    r"(?:\s*(?:ต่อ|กด|ext\.?|#)\s*\d{1,5})?(?:\s*\((?:แม่|พ่อ|แฟน|พี่|น้อง|บ้าน|มือถือ|สำรอง|ที่ทำงาน|สามี|ภรรยา|ลูก|พี่สาว|พี่ชาย)[^)\n]{0,12}\))?)"
)
_NUMBER = re.compile(
    rf"(?P<label>(?:(?<=[\s{MARKS},/:(])|^|(?<=[ก-๙])(?=โทร|เบอร์|มือถือ)){_LABEL})?(?<![\d+])(?P<number>{_ABROAD}|{_FOREIGN}|{_MOBILE}|{_LANDLINE})(?![\d])(?P<tail>{_AFTER})",
    re.IGNORECASE | re.MULTILINE,
)
_WRONG = re.compile(
    rf"(?P<label>(?:(?<=[\s{MARKS},/:(])|^){_LABEL})?(?<![\d+/-])(?P<number>{_SHORT})(?![\d/])",
    re.IGNORECASE | re.MULTILINE,
)
_LONE_LABEL = re.compile(
    rf"(?:(?<=[\s{MARKS}])|^)(?:เบอร์(?:โทรศัพท์|โทร|มือถือ|ติดต่อ)?|โทรศัพท์|โทร|มือถือ|tel|phone)\s*[.:：]*\s*(?=\s*(?:{Mark.PHONE.value}|\n\s*{Mark.PHONE.value}|/\s*{Mark.PHONE.value}))",
    re.IGNORECASE | re.MULTILINE,
)
_EMPTY = re.compile(
    r"(?:เบอร์โทร|เบอร์|โทร|tel)\s*[.:：]+\s*$|(?:และ|หรือ|,|/|&)\s*(?=\ue001)", re.IGNORECASE | re.MULTILINE
)


def _plausible(number: str) -> bool:
    """Whether the gaps group the digits as people do: the last group is no house number that happens to follow."""
    groups = [g for g in re.split(r"[ .\-–()]+", number) if g]
    return len(groups) == 1 or (len(groups[-1]) >= 2 and len(groups[0]) >= 2) or groups[0] == "+"


def paint_phones(canvas: Canvas) -> tuple[list[str], list[str]]:
    """The numbers in house form, in order, and those that are no numbers: a digit short or over."""
    phones: list[str] = []
    wrong: list[str] = []
    at = 0
    while match := _NUMBER.search(canvas.text, at):
        number = match["number"]
        phone = read_phone(number) if _plausible(number) else None
        if phone is None:
            at = match.start("number") + 1
            continue
        if phone not in phones:
            phones.append(phone)
        canvas.paint(match.start(), match.end(), Mark.PHONE)
        at = match.end()
    for match in list(_WRONG.finditer(canvas.text)):
        wrong.append(match["number"])
        canvas.paint(match.start(), match.end(), Mark.PHONE)
    canvas.paint_all(_LONE_LABEL, Mark.PHONE)
    canvas.paint_all(_EMPTY, Mark.GONE)
    return phones, wrong
