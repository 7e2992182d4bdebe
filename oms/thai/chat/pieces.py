"""The unread pieces of a message sorted out: name, address line, items, note, and what nobody can place."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from oms.thai.chat.canvas import Canvas, Mark, Segment
from oms.thai.chat.facts import ChatItem, Sure
from oms.thai.chat.items import read_items, split_variant
from oms.thai.chat.words import (
    COMPANY,
    GOODS,
    HOUSE,
    HOUSE_LABEL,
    LEAD_IN,
    NAME_TAIL,
    NOTE_CUE,
    ONLY_POLITE,
    ORDER_LEAD,
    PARTICLES,
    PICKUP,
    PLACE_CUE,
    QUESTION,
    TITLES,
)

_EDGES = " \t,.;:：|/\\-–—=*#_>•~"
_NAME = re.compile(r"^[ก-๙A-Za-z.'’()\-\s&]{2,60}$")
_ITEM_LINE = re.compile(r"^\s*(?:\d{1,2}[.)]\s*(?!\d)|[-•*–]\s+)\s*(?=[ก-๙A-Za-z])")
_COUNT = re.compile(r"(?P<n>\d{1,3})\s?[ก-๙a-z]{0,6}", re.IGNORECASE)
_AMOUNT_LINE = re.compile(r"(?:จำนวน|qty|quantity)\s*[:：=]?\s*(?P<n>\d{1,3})\s?[ก-๙a-z]{0,8}", re.IGNORECASE)
_OPTION_LINE = re.compile(r"(?P<head>ไซส์|ไซซ์|size|สี|ขนาด|รุ่น|เบอร์)\s*[:：]\s*(?P<value>\S.{0,20})", re.IGNORECASE)
_LATIN_NOISE = re.compile(r"^(?:cf|line|fb|ig|inbox|order|new|ok|cod)$", re.IGNORECASE)


@dataclass
class Sorted:
    """What the pieces say."""

    name: str = ""
    name_sure: Sure = Sure.CHECK
    address: list[str] = field(default_factory=list)
    items: list[ChatItem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def tidy(text: str) -> str:
    """One line, without stray punctuation at its ends."""
    joined = re.sub(r"\s+", " ", text).strip(_EDGES + "\n")
    if joined.count("(") < joined.count(")"):
        joined = joined.rstrip(")").rstrip()
    return joined + ")" if joined.count("(") > joined.count(")") else joined


def person(text: str, *, labeled: bool = False) -> str:
    """A name without titles and polite words; empty when the text is none. ``labeled``: it stood behind "name"."""
    text = re.sub(r"^\s*(?:จัด)?ส่ง(?:ให้|ถึง|หา)?\s*[:：]?\s*(?=คุณ|$)|^\s*ส่ง\s+(?=\S)", "", text)
    bare = NAME_TAIL.sub("", tidy(text))
    initial = re.search(r"\s[A-Z]\.$", text.strip()) is not None
    bare = tidy(TITLES.sub("", bare)) + ("." if initial else "")
    if not bare or not _NAME.match(bare) or _LATIN_NOISE.match(bare):
        return ""
    company = COMPANY.match(bare) is not None
    if (
        len(bare.split()) > (8 if company else 5)
        or QUESTION.search(bare)
        or ONLY_POLITE.match(bare)
        or PICKUP.search(bare)
    ):
        return ""
    if company or labeled:
        return bare
    if NOTE_CUE.search(bare) or GOODS.match(bare) or PLACE_CUE.match(bare):
        return ""
    return bare


def sort(canvas: Canvas, *, has_area: bool) -> Sorted:
    """Read every piece that is left, in order."""
    pieces = list(canvas.segments())
    out = Sorted()
    area_line = canvas.text.count("\n", 0, max(0, canvas.first(Mark.AREA))) if has_area else -1
    taken = _labeled(pieces, out)
    for index, piece in enumerate(pieces):
        if index not in taken and not _address_piece(piece, out, pieces, index, area_line=area_line, has_area=has_area):
            _other(piece, out, pieces, index)
    return out


def _labeled(pieces: list[Segment], out: Sorted) -> set[int]:
    """Pieces behind a label of their own."""
    taken = set()
    for i, piece in enumerate(pieces):
        if piece.label == Mark.NOTE.value:
            out.notes.append(tidy(piece.text))
            taken.add(i)
        elif piece.label == Mark.ITEMS.value and piece.before in ("", "\n", Mark.ITEMS.value, "\t"):
            found = read_items(piece.text, expected=True)
            out.items += found.items
            _leftover(found.rest, out)
            taken.add(i)
        elif piece.label == Mark.NAME.value and not out.name:
            head, rest = _name_and_rest(piece.text)
            if head:
                out.name, out.name_sure = head, Sure.HIGH
                taken.add(i)
                if rest:
                    _after_name(rest, piece, out)
    return taken


def _name_and_rest(text: str) -> tuple[str, str]:
    """The name at the beginning, and what follows it: an address, an order."""
    company = COMPANY.match(TITLES.sub("", text.strip()))
    cuts = [m.start() for m in (HOUSE.search(text), None if company else PLACE_CUE.search(text)) if m and m.start() > 0]
    cuts += [m.start() for m in re.finditer(r"\s(?=(?:เอา|สั่ง|ขอ|รับ|สนใจ|ที่อยู่|ส่ง)[ก-๙]?)", text)]
    cut = min(cuts, default=len(text))
    return person(text[:cut], labeled=True), tidy(text[cut:])


def _after_name(rest: str, piece: Segment, out: Sorted) -> None:
    if (
        (piece.after == Mark.AREA.value and HOUSE.match(rest))
        or PLACE_CUE.match(rest)
        or (HOUSE.match(rest) and "/" in rest.split(maxsplit=1)[0])
    ):
        out.address.append(_line(rest))
    else:
        _goods(rest, out)


def _line(text: str) -> str:
    """A piece of the address line; the label before the house number goes."""
    stripped = HOUSE_LABEL.sub("", text) if HOUSE_LABEL.match(text) else text
    line = re.sub(r"(?<=\s)บ้านเลขที่\s*(?=\d)", "", tidy(stripped))
    return f"{line}." if re.search(r"\b(?:Rd|St|Ave|Bldg)$", line) and f"{line}." in text else line


def _begins_address(text: str) -> int:
    """Where the address begins in a piece, -1 when nowhere."""
    house, cue = HOUSE.search(text), PLACE_CUE.search(text)
    starts = [m.start() for m in (house, cue) if m]
    return min(starts, default=-1)


def _address_piece(
    piece: Segment, out: Sorted, pieces: list[Segment], index: int, *, area_line: int, has_area: bool
) -> bool:
    """Take a piece as part of the address, with the name that may stand before it."""
    text = piece.text
    beside = piece.after == Mark.AREA.value or (
        piece.line == area_line - 1 and piece.after == "\n" and not _is_goods(text)
    )
    labeled = piece.label == Mark.PLACE.value
    start = _begins_address(text)
    cue = PLACE_CUE.search(text)
    strong = cue is not None and (bool(re.search(r"\d", text)) or piece.line < area_line)
    slash = re.search(r"(?:^|\s)\d{1,5}/\d{1,5}(?!\d)", text) is not None
    if PICKUP.search(text) and not slash:
        return False
    after_area = has_area and (piece.line > area_line or (piece.line == area_line and piece.before == Mark.AREA.value))
    if piece.after == Mark.PLACE.value and QUESTION.search(text):
        return True
    if labeled and start < 0 and not out.name and person(text):
        return False
    if labeled and not _is_goods(text) and (start >= 0 or not has_area or beside):
        head, rest = (text[:start], text[start:]) if start > 0 else ("", text)
    elif start < 0:
        if beside and piece.after == Mark.AREA.value and (out.name or _named_later(pieces, index)) and not person(text):
            head, rest = "", text
        else:
            return False
    elif _ITEM_LINE.match(text) and not (beside and not _is_goods(text)):
        return False
    elif beside or ((strong or slash) and not _is_goods(text) and not (after_area and out.address and not strong)):
        head, rest = text[:start], text[start:]
    else:
        return False
    if piece.after != Mark.AREA.value and (goods := _goods_begin(rest)):
        _goods(rest[goods:], out)
        rest = rest[:goods]
    _head(head, rest, out)
    return True


def _goods_begin(text: str) -> int:
    """Where an order begins behind an address, 0 when it does not."""
    for word in re.finditer(r"\s+", text):
        rest = text[word.end() :]
        if (GOODS.match(rest) or ORDER_LEAD.match(rest)) and read_items(rest).items:
            return word.end()
    return 0


def _head(head: str, rest: str, out: Sorted) -> None:
    """What stands before the house number: a name when there is none, else words of the order."""
    company = COMPANY.match(rest.strip())
    before = _after_lead_in(head, out)
    if before:
        name = person(before)
        if name and not out.name:
            out.name = name
        elif not name and not out.name and (last := _last_words(before)):
            out.name = last
            _goods(before[: before.rfind(last.split()[0])], out)
        else:
            _goods(before, out)
    if company and not out.name:
        house = HOUSE.search(rest, company.end())
        split = house.start() if house else company.end()
        out.name = person(rest[:split]) or tidy(rest[:split])
        rest = rest[split:]
    if line := _line(rest):
        out.address.append(line)


def _after_lead_in(head: str, out: Sorted) -> str:
    """What follows the last "send it to"; what stands before it may still order something."""
    text = head
    leads = list(LEAD_IN.finditer(text))
    if leads and tidy(text[leads[-1].end() :]):
        before = text[: leads[0].start()]
        if tidy(before) and not QUESTION.search(before) and not NOTE_CUE.search(before):
            _goods(before, out)
        text = text[leads[-1].end() :]
    elif leads:
        text = text[: leads[-1].start()]
    return tidy(text)


def _last_words(text: str) -> str:
    """The two last words, or the last, when they can be a name: "... คุณสมชาย ใจดี"."""
    titled = list(re.finditer(r"(?:^|\s)(?=คุณ|นาย|นาง|น\.ส\.)", text))
    if titled:
        return person(text[titled[-1].start() :])
    return ""


def _named_later(pieces: list[Segment], index: int) -> bool:
    return any(piece.label == Mark.NAME.value for piece in pieces[index:])


def _is_goods(text: str) -> bool:
    """Whether a piece orders something rather than naming a place."""
    if _ITEM_LINE.match(text) and not re.search(r"\d/\d", text):
        return True
    bare = text.strip()
    if PLACE_CUE.match(bare) or re.match(r"(?:เลขที่\s*)?\d+/\d+", bare):
        return False
    return bool(GOODS.match(ORDER_LEAD.sub("", bare))) or (
        bool(ORDER_LEAD.match(bare)) and bool(read_items(bare).items)
    )


def _other(piece: Segment, out: Sorted, pieces: list[Segment], index: int) -> None:
    """A piece that is no address: a name when one is missing, else the order's words."""
    text = tidy(piece.text)
    if not text or ONLY_POLITE.match(text) or _about_last(piece, text, out):
        return
    if re.fullmatch(r"\d+", text):
        out.unread.append(text)
    elif out.name or not _names_somebody(piece, text, out, pieces, index):
        _cell_or_goods(piece, text, out, pieces, index)


def _names_somebody(piece: Segment, text: str, out: Sorted, pieces: list[Segment], index: int) -> bool:
    """Take a piece as the name that is missing, when it can be one and stands where names stand."""
    beside = _beside_phone(piece, pieces, index)
    if _named_later(pieces, index):
        return False
    if index == 0 and beside and " " not in text and person(text, labeled=True) == text:
        out.name = text
        return True
    leads = list(LEAD_IN.finditer(text))
    if (not out.items or beside or _before_place(pieces, index)) and not _is_goods(text):
        out.name = person(_after_lead_in(piece.text, Sorted()) if leads else text)
        if not out.name and index == 0 and (split := _name_then_goods(text)):
            out.name = split[0]
            _goods(split[1], out)
    if not out.name and beside and leads and (name := person(text[leads[-1].end() :])):
        out.name = name
        _goods(text[: leads[-1].start()], out)
    return bool(out.name)


def _cell_or_goods(piece: Segment, text: str, out: Sorted, pieces: list[Segment], index: int) -> None:
    """Words of the order; a cell of a sheet may have its number in the next one."""
    following = pieces[index + 1] if index + 1 < len(pieces) else None
    counted = (
        following is not None and piece.after == following.before == "\t" and _COUNT.fullmatch(following.text.strip())
    )
    if out.name and counted:
        name, variant = split_variant(text)
        out.items.append(ChatItem(name, 1, variant, Sure.HIGH, text))
    elif "\t" in (piece.before, piece.after):
        found = read_items(text, expected=bool(out.name))
        out.items += found.items
        _leftover(found.rest, out)
    else:
        told = len(out.unread)
        _goods(piece.text, out)
        if not out.name and piece.after == Mark.PHONE.value and len(out.unread) == told + 1:
            out.name = person(out.unread[-1])  # "2 shirts, Nida, 095..."
            out.unread = out.unread[: told if out.name else told + 1]


def _about_last(piece: Segment, text: str, out: Sorted) -> bool:
    """A cell or a labeled line that says how many, which size or which color the goods before it are."""
    if not out.items:
        return False
    last = out.items[-1]
    count = _COUNT.fullmatch(text) if piece.before == "\t" else _AMOUNT_LINE.fullmatch(text)
    if count and int(count["n"]) and not (piece.before == "\t" and last.qty > 1):
        out.items[-1] = replace(last, qty=int(count["n"]), sure=Sure.HIGH)
        return True
    if option := _OPTION_LINE.fullmatch(text):
        said = " ".join(part for part in (last.variant, option["head"] + option["value"]) if part)
        out.items[-1] = replace(last, variant=said)
        return True
    return False


def _beside_phone(piece: Segment, pieces: list[Segment], index: int) -> bool:
    """Whether a phone stands next to the piece, or alone on the next line."""
    if Mark.PHONE.value in (piece.before, piece.after):
        return True
    following = pieces[index + 1] if index + 1 < len(pieces) else None
    return piece.after == "\n" and (
        (following is None) or (following.line >= piece.line + 2) or following.before == Mark.PHONE.value
    )


def _before_place(pieces: list[Segment], index: int) -> bool:
    """Whether the next line begins an address."""
    following = pieces[index + 1] if index + 1 < len(pieces) else None
    return (
        following is not None
        and following.line == pieces[index].line + 1
        and _begins_address(following.text) >= 0
        and not _is_goods(following.text)
    )


def _name_then_goods(text: str) -> tuple[str, str] | None:
    """A name and an order on one line: "ฝน เอาชุดนอน M 1"."""
    for word in re.finditer(r"\s+", text):
        rest = text[word.end() :]
        if ORDER_LEAD.match(rest) or GOODS.match(rest):
            name = person(text[: word.start()])
            return (name, rest) if name else None
    return None


def _goods(text: str, out: Sorted) -> None:
    """Items, notes and what is neither."""
    if not tidy(text) or ONLY_POLITE.match(text):
        return
    if pickup := PICKUP.search(text):
        glued = re.match(r"\S*", text[pickup.end() :])[0]  # type: ignore[index]  # it matches nothing too
        out.notes.append(PARTICLES.sub("", pickup[0] + glued))
        for part in (text[: pickup.start()], text[pickup.end() + len(glued) :]):
            _goods(part, out)
        return
    found = read_items(text)
    out.items += found.items
    _leftover(found.rest, out)


def _leftover(rest: str, out: Sorted) -> None:
    """Words that order nothing: a wish or a question is a note, the rest stays visible for a person."""
    words = re.sub(r"\s+", " ", rest).strip(" ,.;:|/-–—=*#")
    if not words or ONLY_POLITE.match(words):
        return
    wish = NOTE_CUE.search(words) is not None
    asks = QUESTION.search(words) is not None
    if wish or asks:
        out.notes.append(words)
    else:
        out.unread.append(words)
