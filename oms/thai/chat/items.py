"""What is ordered: pieces of text with quantities, and the buyer's size and color apart from the name."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from oms.thai.chat.each import one_of_each
from oms.thai.chat.facts import ChatItem, Sure
from oms.thai.chat.words import (
    CLASSIFIERS,
    GLUED_SIZE,
    GOODS,
    MEASURE,
    NOTE_CUE,
    NUMBER_WORDS,
    ONLY_POLITE,
    OPTION,
    OPTION_HEAD,
    ORDER_LEAD,
    PARTICLES,
    PICKUP,
    PLACE_CUE,
    POLITE,
    QUESTION,
    SENTENCE_END,
    WEIGHTS,
)

MOST = 9_999
_CLAIM = re.compile(r"^\W*(?:cf|c\.f\.|ซีเอฟ)\W*\d", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:\d{1,2}[.)]\s*(?!\d)|[-•*–—+>▪●]\s*)+")
_SEPARATOR = re.compile(
    SENTENCE_END + r"|\s*[,;，]\s*|\s+/\s+|\s+\+\s*|\s*\+\s+|\s+(?:และ|กับ|&|แล้วก็)\s*|(?<=[ก-๙a-zA-Z])\s*\n+\s*"
)
_ENDS = rf"(?:(?![ก-๙a-z])|(?={POLITE}))"
_CLASS = rf"(?:{CLASSIFIERS}){_ENDS}"
_LAST = rf"(?=(?:\s*{POLITE})*+\s*$)"
_WORDS = "|".join(NUMBER_WORDS)
_QTY = re.compile(
    rf"(?:\s*(?:[x×*✕]|จำนวน|อีก|=|:\s)\s*(?P<times>\d{{1,4}})(?!\d|[./]\d)\s*(?:{_CLASS})?"
    rf"|(?<![\d.A-Za-z])(?P<count>\d{{1,4}})\s?{_CLASS}"
    rf"|(?P<word>{_WORDS})\s?{_CLASS}|\b{_CLASS}\s?(?P<late>\d{{1,3}})(?=\s|$)|(?<=\s)(?P<bare>\d{{1,3}}){_LAST}|(?<=\s)(?P<mid>\d{{1,2}})(?=\s+(?:สี|{GOODS.pattern[1:]})))(?:\s*(?:ละ|@)\s*\d+)?",
    re.IGNORECASE,
)
_WEIGHED = re.compile(rf"(?<![\d.A-Za-z])(?P<count>\d{{1,3}})\s?(?:{WEIGHTS}){_ENDS}", re.IGNORECASE)
_FIRST = re.compile(
    rf"^\s*(?:(?P<n>\d{{1,3}})\s*(?:[x×*]\s*|{_CLASS}\s*)|(?P<x>[x×]\s?\d{{1,3}})\s+)(?P<name>[^\d\s].*)$",
    re.IGNORECASE,
)
_ONLY_COUNT = re.compile(rf"^\s*(?:เอา|รับ|สั่ง|ขอ)\s?(?P<n>\d{{1,3}})\s?{_CLASS}(?:\s*{POLITE})*+\s*$")
_EACH = re.compile(
    rf"\s*(?:อย่างละ|สีละ|ไซส์ละ|แบบละ|รสละ|กลิ่นละ)(?:\s*(?P<n>\d{{1,3}})\s*(?:{_CLASS})?|\s?{_CLASS})", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Found:
    """The items of a piece of text, and what of it is none."""

    items: tuple[ChatItem, ...]
    rest: str


def split_variant(text: str) -> tuple[str, str | None]:
    """The name, and the size, color and the like that end it. What is glued to the name stays with it."""
    text = GLUED_SIZE.sub(r" \1", text)
    words = text.split()
    units: list[str] = []
    i = 0
    while i < len(words):
        pair = " ".join(words[i : i + 2])
        if (i + 1 < len(words) and words[i].replace(".", "").isdigit() and MEASURE.match(words[i + 1])) or (
            i + 1 < len(words) and (OPTION_HEAD.match(words[i]) or pair.lower() in ("free size", "ฟรี ไซส์"))
        ):
            units.append(pair)
            i += 2
        else:
            units.append(words[i])
            i += 1
    cut = len(units)
    while cut > 1 and OPTION.match(units[cut - 1].strip("()")):
        cut -= 1
    if cut == len(units):
        return " ".join(units), None
    return " ".join(units[:cut]), " ".join(unit.strip("()") for unit in units[cut:])


def _item(text: str, qty: int, sure: Sure, whole: str) -> ChatItem | None:
    """An item of its words, None when they name nothing."""
    bare = PARTICLES.sub("", ORDER_LEAD.sub("", _BULLET.sub("", text).strip(" ,:;-–—=()"))).strip(" ,:;-–—=")
    if not re.search(r"(?:กก|มล|ซม)\.$", bare):
        bare = bare.strip(" .")
    named = re.search(r"[ก-ฮA-Za-z]", bare) or _CLAIM.match(text)  # a piece shown live may have a number for a name
    if not bare or ONLY_POLITE.match(bare) or not named or not 0 < qty <= MOST:
        return None
    if re.fullmatch(rf"\d+\s?{_CLASS}", bare) or re.match(r"จาก|เมื่อ|ตาม", bare):
        return None
    if QUESTION.search(bare) or "เดิม" in bare or len(bare) > 120:
        return None
    name, variant = split_variant(bare)
    return ChatItem(name, qty, variant, sure, " ".join(whole.split()))


def _quantity(match: re.Match[str]) -> int:
    figures = match["times"] or match["count"] or match["late"] or match["bare"] or match["mid"]
    return int(figures or NUMBER_WORDS.get(match["word"], 0))


def _piece(text: str, *, expected: bool) -> Found:
    """The items of one piece between separators."""
    if first := _FIRST.match(_BULLET.sub("", text)):
        count = int(re.sub(r"\D", "", first["n"] or first["x"]))
        if not _QTY.search(first["name"]) and (item := _item(first["name"], count, Sure.HIGH, text)):
            return Found((item,), "")
    body = _BULLET.sub(lambda m: " " * len(m[0]), text)
    items, at = _counted(body)
    if not items and (weighed := _WEIGHED.search(body)) and not NOTE_CUE.search(body[: weighed.start()]):
        item = _item(body[: weighed.start()], int(weighed["count"]), Sure.CHECK, text)
        if item is not None:
            return Found((item,), body[weighed.end() :].strip())
    return _behind(items, body[at:].strip(), expected=expected)


def _counted(body: str) -> tuple[list[ChatItem], int]:
    """The items that have a number of their own, and where the last of them ends."""
    items: list[ChatItem] = []
    at = 0
    for match in _QTY.finditer(body):
        words = body[at : match.start()]
        last = (words.split() or [""])[-1]
        if NOTE_CUE.search(words) and not ORDER_LEAD.match(words.strip()):
            continue
        unsized = OPTION_HEAD.match(last) and not words.rstrip().lower().endswith("free size")
        if (match["mid"] or match["bare"]) and (unsized or last.endswith("ที่")):
            continue  # a size or a place in the row, not a number of pieces
        sure = Sure.CHECK if match["bare"] or match["mid"] else Sure.HIGH
        if (item := _item(words, _quantity(match), sure, body[at : match.end()])) is not None:
            items.append(item)
            at = match.end()
    return items, at


def _behind(items: list[ChatItem], rest: str, *, expected: bool) -> Found:
    """What stands behind the counted items: their size, one more thing without a number, or words for a person."""
    if items and rest and (said := PARTICLES.sub("", rest)) and split_variant(f"x {said}")[0] == "x":
        variant = " ".join(filter(None, (items[-1].variant, said)))
        return Found((*items[:-1], replace(items[-1], variant=variant)), "")
    named = bool(GOODS.match(rest)) and not NOTE_CUE.search(rest) if items else _counts_alone(rest, expected=expected)
    if rest and named and (item := _item(rest, 1, Sure.CHECK, rest)):
        return Found((*items, item), "")
    return Found(tuple(items), rest)


def _counts_alone(text: str, *, expected: bool) -> bool:
    """Whether words without a number name goods: a label or an "I take" before them, a size, or a word for goods."""
    bare = ORDER_LEAD.sub("", text)
    if QUESTION.search(text) or PICKUP.search(text) or PLACE_CUE.match(text.strip()):
        return False
    if NOTE_CUE.search(bare) or "แล้ว" in bare:
        return False
    words = PARTICLES.sub("", bare).strip(" .,:;-")
    asked = bare != text and len(words) >= 2
    return expected or asked or bool(GOODS.match(words)) or (split_variant(words)[1] is not None and len(words) < 60)


def read_items(text: str, *, expected: bool = False) -> Found:
    """The items a piece of text names. ``expected``: a label said that items follow."""
    if (each := _EACH.search(text)) and each.start():
        count, before = int(each["n"] or 1), text[: each.start()].strip()
        names = re.split(r"\s*,\s*|\s+และ\s*|\s+กับ\s*|\s+/\s+|\s*\+\s*", before)
        if len(names) == 1 and (several := one_of_each(before)):
            name, variants = several
            if not name:
                names = variants
            elif (made := _item(name, count, Sure.CHECK, text)) is not None:
                each_of = tuple(replace(made, variant=variant) for variant in variants)
                return Found(each_of, text[each.end() :].strip())
        every = [_item(name, count, Sure.CHECK, text) for name in names]
        return Found(_inherit([item for item in every if item]), text[each.end() :].strip())
    items: list[ChatItem] = []
    rest = []
    ahead = 0  # "three pots, please" before the name of what is in them
    for piece in _SEPARATOR.split(text):
        if not piece or not piece.strip():
            continue
        if counted := _ONLY_COUNT.match(piece):
            ahead = int(counted["n"])
            continue
        found = _piece(piece, expected=expected or bool(ahead))
        items += found.items
        if found.rest and not ONLY_POLITE.match(found.rest):
            rest.append(found.rest)
    if ahead and len(items) == 1 and items[0].qty == 1:
        items = [replace(items[0], qty=ahead, sure=Sure.CHECK)]
    return Found(_inherit(items), " ".join(rest))


def _inherit(items: list[ChatItem]) -> tuple[ChatItem, ...]:
    """A piece that is only a size or a color means the goods named before it."""
    answer: list[ChatItem] = []
    for item in items:
        if answer and OPTION.match(answer[-1].name):
            answer.append(item)
        elif answer and item.variant is None and OPTION.match(item.name):
            answer.append(replace(item, name=answer[-1].name, variant=item.name, sure=Sure.CHECK))
        elif answer and item.variant and OPTION.match(item.name):
            answer.append(replace(item, name=answer[-1].name, variant=f"{item.name} {item.variant}", sure=Sure.CHECK))
        else:
            answer.append(item)
    return tuple(answer)
