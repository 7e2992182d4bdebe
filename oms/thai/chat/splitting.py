"""Several recipients in one message: where one ends and the next begins."""

from __future__ import annotations

import re

from oms.thai.chat.canvas import Canvas, Mark
from oms.thai.chat.phones import paint_phones
from oms.thai.chat.pieces import person

_NUMBERED = re.compile(
    r"^\s*(?:#?\s*\d{1,2}\s*[.)]|\(\d{1,2}\)|(?:คนที่|ที่อยู่ที่|ออเดอร์(?:ที่)?|กล่อง(?:ที่)?|order|ลูกค้า(?:ที่)?|ที่)\s*\d{1,2}\s*[.):：]?)\s*",
    re.IGNORECASE,
)
_RULE = re.compile(r"^\s*(?:[-=_*~.•—–]{3,}|ส่งอีกที่|อีกที่(?:นึง|หนึ่ง)?|อีกออเดอร์|และ(?:อีก)?(?:กล่อง|ที่)|ที่สอง)\s*[:：]?.{0,12}$")
_POSTCODE = re.compile(r"(?<![\d/,.-])[1-9]\d{4}(?![\d/,-]|\.\d|\s*(?:บาท|ชิ้น|ตัว|[.]-))")
_LABELS = re.compile(r"(?:ตำบล|แขวง|อำเภอ|เขต|จังหวัด|(?<![ก-๙])[ตอจ]\.)")


def _is_addressed(text: str) -> bool:
    """Whether a block holds an address of its own: a postcode, or two labels of places."""
    canvas = Canvas(text)
    paint_phones(canvas)
    bare = re.sub(f"[{Mark.PHONE.value}]+", " ", canvas.text)
    return bool(_POSTCODE.search(bare)) or len({m[0][0] for m in _LABELS.finditer(bare)}) >= 2


def _has_phone(text: str) -> bool:
    return bool(paint_phones(Canvas(text))[0])


def _cut(lines: list[str], starts: list[int]) -> list[str]:
    return ["\n".join(lines[a:b]) for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)]


def _whole(blocks: list[str]) -> list[str]:
    """Blocks joined until each has an address: a heading goes to the block below it, items to the one above."""
    whole: list[str] = []
    carried = ""
    for block in blocks:
        if _is_addressed(block):
            whole.append(f"{carried}\n{block}" if carried else block)
            carried = ""
        elif whole and not carried:
            whole[-1] += f"\n{block}"
        else:
            carried = f"{carried}\n{block}" if carried else block
    if carried and whole:
        whole[-1] += f"\n{carried}"
    return whole


def split_recipients(text: str) -> list[str]:
    """The message in blocks, one per recipient; one block when there is one recipient or nobody can tell."""
    canvas = Canvas(text)
    phones = paint_phones(canvas)[0]
    codes = _POSTCODE.findall(re.sub(f"[{Mark.PHONE.value}]+", " ", canvas.text))
    labels = [m[0] for m in _LABELS.finditer(text)]
    several = len(codes) >= 2 or sum(label in ("ต.", "ตำบล", "แขวง") for label in labels) >= 2
    if not several or "\n" not in text:
        return [text]
    lines = text.split("\n")
    numbered = [i for i, line in enumerate(lines) if _NUMBERED.match(line)]
    if len(numbered) >= 2:
        head = "\n".join(lines[: numbered[0]])
        blocks = _cut(lines, numbered)
        if all(_is_addressed(b) for b in blocks) and not _is_addressed(head):
            return [_NUMBERED.sub("", b, count=1) for b in blocks]
    ruled = [0, *(i for i, line in enumerate(lines) if not line.strip() or _RULE.match(line))]
    found = _whole(
        [
            re.sub(_RULE, "", b.split("\n", 1)[0]) + "\n" + b.split("\n", 1)[-1]
            if "\n" in b and _RULE.match(b.split("\n", 1)[0])
            else b
            for b in _cut(lines, sorted(set(ruled)))
        ]
    )
    if len(found) >= 2 and len(phones) >= len(found) - 1:
        return [block for part in found for block in split_by_names(part)]
    return split_by_names(text)


def split_by_names(text: str) -> list[str]:
    """A new recipient begins at a name after a finished address and a phone, when another address follows."""
    lines = text.split("\n")
    starts, at = [0], 0
    for i in range(1, len(lines)):
        done, rest = "\n".join(lines[at:i]), "\n".join(lines[i:])
        if not (_is_addressed(done) and _has_phone(done) and _is_addressed(rest) and _has_phone(rest)):
            continue
        line = lines[i].strip()
        if person(re.split(r"[\d\t]", line)[0]) or re.match(r"(?:ชื่อ|ผู้รับ|คุณ)", line):
            starts.append(i)
            at = i
    return _cut(lines, starts) if len(starts) > 1 else [text]
