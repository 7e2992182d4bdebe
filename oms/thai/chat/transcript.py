"""Pasted or exported chats: times, senders, quotes and notices of the app taken away, one text per buyer and day."""

from __future__ import annotations

import re

from oms.thai.text import clean

_HEADER = re.compile(r"^\s*(?:\[LINE\]|.*ประวัติการแชท|บันทึกเมื่อ|Chat history|Saved on|Saved time)", re.IGNORECASE)
_DAY = re.compile(
    r"^\s*(?:(?:จ|อ|พ|พฤ|ศ|ส|อา)\.?,?\s*|(?:วัน\S+\s*)?(?:ที่)?\s*|(?:mon|tue|wed|thu|fri|sat|sun)\w*,?\s*)?\d{1,4}[/.\-]\d{1,2}[/.\-]\d{1,4}\s*(?:\(?[ก-๙A-Za-z.]{1,12}\)?|วัน\S+)?\s*$",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"^(?P<at>\d{1,2}[:.]\d{2})(?:\s?(?:น\.|AM|PM))?\s*(?:\t|\s{1,4})(?P<who>[^\t]{1,40}?)(?:\t|\s{2,}|[:：]\s)(?P<text>.*)$",
    re.IGNORECASE,
)
_SAID_SPACE = re.compile(r"^(?P<at>\d{1,2}:\d{2}) (?P<who>\S{1,30}) (?P<text>.+)$")
_MESSENGER = re.compile(
    r"^\s*\[?\d{1,4}[/.\-]\d{1,2}[/.\-]\d{1,4},?\s+\d{1,2}:\d{2}(?::\d{2})?\s*(?:AM|PM)?\]?\s*(?:-\s*)?(?P<who>[^:：\n]{1,40})[:：]\s*(?P<text>.*)$",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r"^\s*[\[(<]?\s*(?:สติกเกอร์|สติ๊กเกอร์|รูปภาพ|รูป|วิดีโอ|sticker|photo|image|video|ข้อความเสียง|ไฟล์|โทรไม่ติด|☎.*|ยกเลิกข้อความ.*|unsent.*)\s*[\])>]?\s*$",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"^\s*(?:[-—=>*\s]*(?:forwarded(?: message)?|fwd|ส่งต่อ(?:ข้อความ)?(?:จาก.*)?|ข้อความที่ส่งต่อ.*|ข้อความส่งต่อ.*)[-—=:\s]*|(?:from|จาก|ผู้ส่ง|sent|วันที่|date|เวลา|subject|เรื่อง)\s*[:：].*|.{1,40}(?:เขียนว่า|wrote)\s*[:：])\s*$",
    re.IGNORECASE,
)
_QUOTE = re.compile(r"^\s*(?:>+\s?|\|\s|❝\s?|「|“)")


def _plain(text: str) -> str:
    """Without marks of quoting and lines of forwarding; blank lines stay, they part orders."""
    lines = []
    for line in text.splitlines():
        bare = _QUOTE.sub("", line)
        if _FORWARDED.match(bare) or _NOTICE.match(bare) or _HEADER.match(bare):
            continue
        lines.append(bare)
    return "\n".join(lines).strip("\n")


def messages_of(text: str) -> list[str]:
    """The texts in what was pasted. An exported chat gives one per buyer and day; anything else is one text."""
    lines = text.splitlines()
    said = [_said(line) for line in lines]
    if sum(match is not None for match in said) < 2:
        plain = _plain(text)
        return [plain] if clean(plain) else []
    day, who = "", ""
    talks: dict[tuple[str, str], list[str]] = {}
    for line, match in zip(lines, said, strict=True):
        if _DAY.match(line):
            day, who = line.strip(), ""
        elif match is not None:
            who = match["who"].strip()
            talks.setdefault((day, who), []).append(match["text"].strip().strip('"'))
        elif who and not _HEADER.match(line):
            talks[day, who].append(line.strip().strip('"'))
    texts = [_plain("\n".join(talk)) for talk in talks.values()]
    return [text for text in texts if clean(text)]


def _said(line: str) -> re.Match[str] | None:
    if _DAY.match(line):
        return None
    return _MESSENGER.match(line) or _SAID.match(line) or _SAID_SPACE.match(line)
