"""The area named in a pasted address: labels, nicknames, missing parts and any order allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from oms.thai.addresses import Area, nicknames, table
from oms.thai.phone import find_phones
from oms.thai.text import clean, normalize

_MARKS = re.compile(r"[\s.'’-]")
_POSTCODE = re.compile(r"(?<![\d/])[1-9]\d{4}(?![\d/])")
_PHONE_LIKE = re.compile(r"(?:\+66|0)\d(?:[ -]?\d){7,8}(?!\d)")
_SHORT = 2  # a name of this length or less counts only behind its label


def _has_label(compact: str, labels: tuple[str, ...], name: str) -> bool:
    """Whether the name stands behind one of its labels; the ต that ends เขต is none."""
    for label in labels:
        at = compact.find(label + name)
        while at >= 0:
            if label != "ต" or compact[max(0, at - 2) : at] != "เข":
                return True
            at = compact.find(label + name, at + 1)
    return False


def _district_score(area: Area, keys: list[str], compact: str, *, in_province: bool) -> int:
    if _has_label(compact, ("เขต",) if area.in_bangkok else ("อำเภอ", "อ"), keys[1]):
        return 4
    is_capital = area.code[2:4] == "01" and not area.in_bangkok
    if is_capital and in_province and ("เมือง" in compact or "mueang" in compact):
        return 3
    return 3 if keys[1] in compact or keys[4] in compact else 0


def _subdistrict_score(area: Area, keys: list[str], compact: str) -> int:
    """3 behind its label, 1 bare, 0 when the name is only part of the district's or province's."""
    if _has_label(compact, ("แขวง",) if area.in_bangkok else ("ตำบล", "ต"), keys[0]):
        return 3
    for name, larger in ((keys[0], keys[1:3]), (keys[3], keys[4:6])):
        spoken_for = sum(name in other and other in compact for other in larger)
        if len(name) > _SHORT and compact.count(name) > spoken_for:
            return 1
    return 0


def read_areas(text: str, limit: int = 3) -> list[Area]:
    """The subdistricts a pasted address can mean, surest first; empty when nothing anchors a guess.

    A subdistrict's name alone occurs in too many streets and villages: its district, its postcode, or its label
    and province must stand in the text too. Several results mean that a person must choose.
    """
    written = _PHONE_LIKE.sub(" ", normalize(text))
    postcodes = set(_POSTCODE.findall(written))
    compact = _MARKS.sub("", written)
    known, scored = table(), []
    for area, haystack in zip(known.areas, known.haystacks, strict=True):
        keys = haystack.split("|", 7)[1:7]
        if keys[0] not in compact and keys[3] not in compact:
            continue
        place = _subdistrict_score(area, keys, compact)
        in_province = keys[2] in compact or keys[5] in compact or any(n in compact for n in nicknames(area.province))
        district = _district_score(area, keys, compact, in_province=in_province)
        by_code = not postcodes.isdisjoint(area.all_postcodes)
        anchored = district or by_code or (in_province and place == 3)
        if place and anchored:
            scored.append((-(place + district + 3 * by_code + 2 * in_province), -len(keys[0]), area.code, area))
    scored.sort(key=lambda row: row[:3])
    return [row[3] for row in scored if row[0] == scored[0][0]][:limit]


@dataclass(frozen=True)
class Pasted:
    """A pasted address taken apart: the possible areas, the phones, and what is left for the address line."""

    areas: tuple[Area, ...]
    phones: tuple[str, ...]
    rest: str


def take_apart(text: str) -> Pasted:
    """Split a pasted address. With no area or several, ``rest`` is the whole text: nothing is thrown away."""
    areas, phones = read_areas(text), find_phones(text)
    whole = clean(text)
    if len(areas) != 1:
        return Pasted(tuple(areas), tuple(phones), whole)
    area = areas[0]
    rest = _PHONE_LIKE.sub(" ", whole)
    rest = _POSTCODE.sub(lambda m: " " if m[0] in area.all_postcodes else m[0], rest)
    districts = [area.district, "เมือง"] if area.code[2:4] == "01" else [area.district]
    provinces = [area.province, *nicknames(area.province)]
    levels = (("แขวง|ตำบล|ต", [area.subdistrict]), ("เขต|อำเภอ|อ", districts), ("จังหวัด|จ", provinces))
    for labels, names in levels:
        called = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        labeled, alone = rf"(?:{labels})\.?\s*(?:{called})[.ฯ]?(?=\s|$)", rf"(?<!\S)(?:{called})[.ฯ]?(?=\s|$)"
        rest, cut = re.subn(labeled, " ", rest)
        if not cut:
            rest = re.sub(alone, " ", rest)
    rest = re.sub(r"(?<!\S)(?:ที่อยู่|โทร|เบอร์|tel)[.:]*(?=\s|$)", " ", rest, flags=re.IGNORECASE)
    return Pasted((area,), tuple(phones), clean(rest).strip(" ,;:-"))
