"""Where the parcel goes: the area by the address tables, its words painted over, so that the rest is the address line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from oms.thai.addresses import Area, by_postcode, find_district, find_province, nicknames, table
from oms.thai.chat.canvas import MARKS, Canvas, Mark
from oms.thai.chat.facts import Sure
from oms.thai.chat.words import POSTCODE_LABEL
from oms.thai.reading import read_areas

_EDGE = rf"(?:^|(?<=[\s,;:/(\[{MARKS}0-9]))"
_END = rf"(?=[\s,.;:/()\[\]{MARKS}0-9]|$)"
_LABELS = (
    r"(?:ตำบล|แขวง|ต\.|(?<![ก-๙])ต(?=\s|(?=[ก-ฮ]))|tambon|khwaeng|t\.)",
    r"(?:กิ่งอำเภอ|อำเภอ|เขต|อ\.|(?<![ก-๙])อ(?=\s|(?=[ก-ฮ]))|amphoe|amphur|khet|a\.)",
    r"(?:จังหวัด|จ\.|(?<![ก-๙])จ(?=\s|(?=[ก-ฮ]))|changwat|province|จว\.)",
)
_POSTCODE = re.compile(r"(?<![\d/,.-])[1-9]\d{4}(?![\d/,-]|\.\d|\s*(?:บาท|ชิ้น|ตัว))")
_LABELED = tuple(
    re.compile(label + r"\s*([ก-๙]{2,30})")
    for label in (r"(?:ตำบล|แขวง|(?<![ก-๙])ต\.)", r"(?:อำเภอ|เขต|(?<![ก-๙])อ\.)", r"(?:จังหวัด|(?<![ก-๙])จ\.)")
)
_COUNTRY = re.compile(rf"{_EDGE}(?:ประเทศไทย|thailand){_END}", re.IGNORECASE)
_UNSURE_ALONE = {"เลย", "ตาก", "แพร่", "น่าน"}  # provinces that are everyday words too


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of the place. ``areas``: all it can mean when that is more than one."""

    subdistrict: str | None = None
    district: str | None = None
    province: str | None = None
    postcode: str | None = None
    code: str | None = None
    areas: tuple[Area, ...] = ()
    typed_postcode: str | None = None
    sure: dict[str, Sure] = field(default_factory=dict)


def _spaced(name: str) -> str:
    return r"[\s.'’-]*".join(re.escape(part) for part in re.split(r"[\s.'’-]+", name))


def _names(area: Area, level: int) -> list[str]:
    if level == 0:
        names = [area.subdistrict, area.subdistrict_en]
    elif level == 1:
        names = [area.district, area.district_en, area.district_en.removeprefix("Mueang ")]
        if area.code[2:4] == "01" and not area.in_bangkok:
            names += ["เมือง", "Mueang", "Muang", area.district.replace("เมือง", "เมือง ")]
    else:
        names = [area.province, area.province_en, *nicknames(area.province)]
    return sorted(set(names), key=len, reverse=True)


def _paint_level(canvas: Canvas, names: list[str], label: str) -> bool:
    """Paint the name behind its label wherever it stands so, else its last bare appearance."""
    called = "|".join(_spaced(name) for name in names if name)
    labeled = re.compile(
        rf"(?<!เข){label}\s*(?:{called})[.ฯ]?(?=[^ก-๙]|$|ต\.|อ\.|จ\.|อำเภอ|จังหวัด|เขต|แขวง|ตำบล|กทม|กรุงเทพ|โทร|รหัส)",
        re.IGNORECASE,
    )
    found = bool(canvas.paint_all(labeled, Mark.AREA))
    bare = list(re.finditer(rf"{_EDGE}(?:{called})[.ฯ]*{_END}", canvas.text, re.IGNORECASE))
    if bare and not found:
        canvas.paint(bare[-1].start(), bare[-1].end(), Mark.AREA)
        return True
    return found


def _paint_area(canvas: Canvas, area: Area) -> list[str]:
    """Paint the words of an area; the postcodes that stand in the text."""
    postcodes = []
    for match in list(_POSTCODE.finditer(canvas.text)):
        if match[0] in area.all_postcodes or by_postcode(match[0]) or match[0][:2] == area.postcodes[0][:2]:
            postcodes.append(match[0])
            canvas.paint(match.start(), match.end(), Mark.AREA)
    for level in (2, 1, 0):  # the province last written first: its name often ends the district's
        names = _names(area, level)
        if level == 2:
            _paint_level(canvas, names, _LABELS[2])
        else:
            _paint_level(canvas, names, _LABELS[level])
    return postcodes


def _finish(canvas: Canvas) -> None:
    """Labels that lost their names."""
    canvas.paint_all(_COUNTRY, Mark.AREA)
    canvas.paint_all(
        re.compile(POSTCODE_LABEL.pattern.replace("$", rf"(?=\s*[{Mark.AREA.value}])"), re.IGNORECASE), Mark.AREA
    )
    for label in _LABELS:
        canvas.paint_all(re.compile(rf"{_EDGE}{label}\s*(?=[{Mark.AREA.value}])", re.IGNORECASE), Mark.AREA)
    canvas.paint_all(re.compile(rf"(?<=[{Mark.AREA.value}])[\s,./()-]+(?=[{Mark.AREA.value}])"), Mark.AREA)


def read_place(canvas: Canvas, written: str) -> Place:
    """Find the place in what is left of the message. ``written``: the text it is looked for in, without other numbers.

    A place the tables do not know, or several, is not decided: only what all of them share is given.
    """
    areas = read_areas(written)
    if len(areas) > 1 and (named := [a for a in areas if a.province in written]) and len(named) == 1:
        areas = named
    slipped = False
    if not areas and (area := _mistyped(written)):
        areas, slipped = [area], True
    if len(areas) == 1:
        return _one(canvas, areas[0], slipped=slipped, written=written)
    if areas:
        return _several(canvas, tuple(areas))
    return _part(canvas, written)


def _one(canvas: Canvas, area: Area, *, slipped: bool, written: str) -> Place:
    postcodes = _paint_slips(canvas, area) if slipped else _paint_area(canvas, area)
    _finish(canvas)
    fitting = [code for code in postcodes if code in area.all_postcodes]
    typed = next((code for code in postcodes if code not in area.all_postcodes), None) if not fitting else None
    postcode = fitting[0] if fitting else area.postcodes[0] if len(area.all_postcodes) == 1 else None
    said = Sure.CHECK if slipped else Sure.HIGH
    sure = dict.fromkeys(("subdistrict", "district"), said)
    sure["province"] = said if slipped or _says(written, _names(area, 2)) else Sure.CHECK
    if postcode:
        sure["postcode"] = Sure.HIGH if fitting else Sure.LOW if typed else Sure.CHECK
    if typed:
        sure |= dict.fromkeys(("subdistrict", "district", "province"), Sure.CHECK)
    return Place(area.subdistrict, area.district, area.province, postcode, area.code, (), typed, sure)


def _says(written: str, names: list[str]) -> bool:
    lowered = written.lower()
    return any(name.lower() in lowered for name in names)


def _several(canvas: Canvas, areas: tuple[Area, ...]) -> Place:
    """What all candidates share is known; which of them it is, a person says."""
    shared = {
        name: values.pop()
        for name in ("subdistrict", "district", "province")
        if len(values := {getattr(a, name) for a in areas}) == 1
    }
    for area in areas:
        _paint_area(canvas, area)
    _finish(canvas)
    codes = {code for area in areas for code in area.all_postcodes}
    postcode = codes.pop() if len(codes) == 1 else None
    return Place(**shared, postcode=postcode, areas=areas, sure=dict.fromkeys([*shared, "postcode"], Sure.CHECK))


def _mistyped(written: str) -> Area | None:
    """The only place whose names are nearly those behind the labels; its postcode or its province must be right."""
    said = [match[1] if (match := pattern.search(written)) else "" for pattern in _LABELED]
    codes = _POSTCODE.findall(written)
    if not said[0] or not (said[1] or codes):
        return None
    known = table()
    home = find_province(said[2]) if said[2] else None
    pool = [a for a in known.areas if (a.province == home if home else any(c in a.all_postcodes for c in codes))]
    fits = []
    for area in pool:
        near = [_alike(said[0], area.subdistrict)]
        if said[1]:
            near.append(
                1.0 if find_district(said[1], area.province) == area.district else _alike(said[1], area.district)
            )
        if all(near):
            fits.append((sum(near), area))
    fits.sort(key=lambda fit: -fit[0])
    if len(fits) > 1 and fits[0][0] - fits[1][0] < 0.05:
        return None
    return fits[0][1] if fits else None


def _alike(one: str, other: str) -> float:
    """How alike two names are, 0 when more than a slip of the finger parts them: one sign, two in a long name."""
    ratio = SequenceMatcher(None, one, other, autojunk=False).ratio()
    slips = max(1, len(other) // 7)
    return ratio if len(other) >= 4 and ratio >= 1 - slips / len(other) - 0.001 else 0.0


def _paint_slips(canvas: Canvas, area: Area) -> list[str]:
    postcodes = _paint_area(canvas, area)
    for pattern in _LABELED:
        canvas.paint_all(pattern, Mark.AREA)
    return postcodes


def _part(canvas: Canvas, written: str) -> Place:
    """A place told only in part: the province, and the district when it is one of that province."""
    codes = [code for code in _POSTCODE.findall(written) if by_postcode(code)]
    province = _province_told(written, codes)
    if province is None:
        return Place()
    label = _LABELED[1].search(written)
    district = find_district(label[1], province) if label else None
    sample = next((a for a in table().areas if a.province == province and district in (None, a.district)), None)
    if sample:
        _paint_level(canvas, _names(sample, 2), _LABELS[2])
        if district:
            _paint_level(canvas, _names(sample, 1), _LABELS[1])
    postcode = codes[0] if codes and any(a.province == province for a in by_postcode(codes[0])) else None
    if postcode:
        canvas.paint_all(re.compile(rf"(?<!\d){postcode}(?!\d)"), Mark.AREA)
    _finish(canvas)
    named = {"province": province, "district": district, "postcode": postcode}
    sure = {name: Sure.CHECK for name, value in named.items() if value}
    return Place(None, district, province, postcode, sure=sure)


def _province_told(written: str, codes: list[str]) -> str | None:
    """The province behind its label, or by its bare name, or the one of a district and a postcode together."""
    label = _LABELED[2].search(written)
    if label and (home := find_province(label[1])):
        return home
    words = re.findall(rf"{_EDGE}([^\s,;:/()\[\]{MARKS}0-9]{{3,30}})", written)
    named = [home for word in words if word not in _UNSURE_ALONE and (home := find_province(word))]
    if named:
        return named[-1]
    told = _LABELED[1].search(written)
    homes = {a.province for a in by_postcode(codes[0])} if len(codes) == 1 else set()
    home = homes.pop() if len(homes) == 1 else None
    return home if home and told and find_district(told[1], home) else None
