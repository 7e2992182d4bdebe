"""Provinces, districts, subdistricts and postcodes: found by any of them, checked against each other.

The names and codes come from geothai (data CC-BY-4.0, see NOTICE). Nothing is loaded before the first look-up.
What a buyer wrote is never changed here: a mismatch is a warning for a person to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import geothai
from geothai.abolished import match_abolished

from oms.errors import Problem, Say, say
from oms.thai.postcodes import ALSO_USED
from oms.thai.text import clean, normalize

BANGKOK = "กรุงเทพมหานคร"
POSTCODE = re.compile(r"[1-9][0-9]{4}")
_BANGKOK_CODE = "10"
_RANKED = 300  # rows worth ranking; more means that too little was typed
_LONG_LABEL = re.compile(
    r"^(?:จังหวัด|กิ่งอำเภอ|อำเภอ|เขต|ตำบล|แขวง|[จอตข]\.|(?:changwat|amphoe|khet|tambon|khwaeng)\b)\s*"
)
_MARKS = re.compile(r"[\s.'’-]")
_NICKNAMES = {
    "กทม": BANGKOK, "กรุงเทพ": BANGKOK, "กรุงเทพฯ": BANGKOK, "bkk": BANGKOK, "krungthep": BANGKOK,
    "โคราช": "นครราชสีมา", "korat": "นครราชสีมา", "อยุธยา": "พระนครศรีอยุธยา", "ayutthaya": "พระนครศรีอยุธยา",
    "สุราษ": "สุราษฎร์ธานี", "สุราษฎร์": "สุราษฎร์ธานี", "สุราด": "สุราษฎร์ธานี", "อุบล": "อุบลราชธานี",
    "อุดร": "อุดรธานี", "ประจวบ": "ประจวบคีรีขันธ์", "พิดโลก": "พิษณุโลก",
    "นครศรีฯ": "นครศรีธรรมราช", "นครศรี": "นครศรีธรรมราช", "แปดริ้ว": "ฉะเชิงเทรา", "เมืองกาญ": "กาญจนบุรี",
    "กาญ": "กาญจนบุรี", "ปากน้ำ": "สมุทรปราการ",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Area:
    """A subdistrict with its district and province, in Thai and English, without labels such as ตำบล or เขต.

    ``postcodes`` are those of the main table, ``also`` those other tables give.
    """

    code: str
    subdistrict: str
    district: str
    province: str
    subdistrict_en: str
    district_en: str
    province_en: str
    postcodes: tuple[str, ...]
    also: tuple[str, ...]

    @property
    def in_bangkok(self) -> bool:
        return self.code.startswith(_BANGKOK_CODE)

    @property
    def all_postcodes(self) -> tuple[str, ...]:
        return self.postcodes + self.also

    def label(self, language: str = "th") -> str:
        """One line for a list: แขวง/เขต in Bangkok, ต./อ./จ. upcountry, then the postcodes."""
        codes = "/".join(self.postcodes)
        if language != "th":
            return f"{self.subdistrict_en}, {self.district_en}, {self.province_en} {codes}"
        return f"{area_line(self.subdistrict, self.district, self.province)} {codes}"


def key(name: str) -> str:
    """The form two place names are compared in: no label, no marks, lower case."""
    text = normalize(name)
    while (stripped := _LONG_LABEL.sub("", text)) != text and stripped:
        text = stripped
    return _MARKS.sub("", text)


def is_bangkok(province: str) -> bool:
    """Whether the text means Bangkok, in any of its spellings."""
    return key(province) in (BANGKOK, "bangkok", "กรุงเทพมหานครฯ") or _NICKNAMES.get(key(province)) == BANGKOK


def area_line(subdistrict: str, district: str, province: str, postcode: str = "") -> str:
    """The end of a Thai address with the labels its province uses. Names that carry a label keep it."""
    bangkok = is_bangkok(province)
    labels = ("แขวง", "เขต", "") if bangkok else ("ต.", "อ.", "จ.")
    names = [clean(name) for name in (subdistrict, district, province)]
    parts = [n if _LONG_LABEL.match(n) else f"{label}{n}" for label, n in zip(labels, names, strict=True) if n]
    return " ".join([*parts, postcode] if postcode else parts)


@dataclass(frozen=True, slots=True)
class Table:
    areas: tuple[Area, ...]
    haystacks: tuple[str, ...]
    provinces: dict[str, str]  # key -> Thai name
    districts: dict[tuple[str, str], str]  # (province, key) -> Thai name
    by_district: dict[tuple[str, str], tuple[Area, ...]]
    by_postcode: dict[str, tuple[Area, ...]]


def _areas() -> list[Area]:
    also: dict[str, list[str]] = {}
    for postcode, codes in ALSO_USED.items():
        for code in codes.split():
            also.setdefault(code, []).append(postcode)
    return [
        Area(
            s.code, s.name_th, d.name_th.removeprefix("เขต") if p.code == _BANGKOK_CODE else d.name_th, p.name_th,
            s.name_en, d.name_en, p.name_en, tuple(s.postal_codes), tuple(also.get(s.code, ())),
        )
        for p in geothai.provinces()
        for d in geothai.districts(p.code)
        for s in geothai.subdistricts(d.code)
    ]  # fmt: skip


@cache
def table() -> Table:
    """Everything, read once per process: about 0.2 s and 8 MB."""
    areas = _areas()
    provinces: dict[str, str] = {}
    districts: dict[tuple[str, str], str] = {}
    by_district: dict[tuple[str, str], list[Area]] = {}
    by_postcode: dict[str, list[Area]] = {}
    haystacks = []
    for a in areas:
        names = [a.subdistrict, a.district, a.province, a.subdistrict_en, a.district_en, a.province_en]
        keys = [key(n) for n in names]
        haystacks.append("|" + "|".join([*keys, *a.all_postcodes]) + "|")
        provinces[keys[2]] = provinces[keys[5]] = a.province
        districts[a.province, keys[1]] = districts[a.province, keys[4]] = a.district
        by_district.setdefault((a.province, a.district), []).append(a)
        for postcode in a.all_postcodes:
            by_postcode.setdefault(postcode, []).append(a)
        if a.code[2:4] == "01" and not a.in_bangkok:
            districts[a.province, "เมือง"] = districts[a.province, "mueang"] = a.district
            districts[a.province, "muang"] = a.district
    provinces |= {_MARKS.sub("", k): v for k, v in _NICKNAMES.items()}
    return Table(
        tuple(areas), tuple(haystacks), provinces, districts,
        {k: tuple(v) for k, v in by_district.items()}, {k: tuple(v) for k, v in by_postcode.items()},
    )  # fmt: skip


def find_province(name: str) -> str | None:
    """The Thai name of a province written in Thai, English or as people shorten it."""
    return table().provinces.get(key(name))


def find_district(name: str, province: str) -> str | None:
    """The Thai name of a district of a province given by its Thai name; เมือง is its capital district."""
    return table().districts.get((province, key(name)))


@cache
def nicknames(province: str) -> tuple[str, ...]:
    """What people call a province beside its name."""
    return tuple(nickname for nickname, name in _NICKNAMES.items() if name == province)


def by_postcode(postcode: str) -> tuple[Area, ...]:
    """Every subdistrict any table gives this postcode to."""
    return table().by_postcode.get(postcode.strip(), ())


def resolve(subdistrict: str, district: str = "", province: str = "", postcode: str = "") -> list[Area]:
    """Subdistricts whose whole names fit everything given; one means the address is clear.

    Empty arguments are ignored. A postcode no table gives to the place fits none.
    """
    known, wanted = table(), key(subdistrict)
    if not wanted:
        return []
    home = find_province(province) if province else None
    if province and not home:
        return []
    found = []
    for area, haystack in zip(known.areas, known.haystacks, strict=True):
        if f"|{wanted}|" not in haystack or wanted not in (key(area.subdistrict), key(area.subdistrict_en)):
            continue
        if home and area.province != home:
            continue
        if district and find_district(district, area.province) != area.district:
            continue
        if postcode and postcode.strip() not in area.all_postcodes:
            continue
        found.append(area)
    return found


def _rank(haystack: str, tokens: list[str]) -> int:
    """Smaller is nearer: whole names before beginnings before parts, small places before large ones."""
    _, *names = haystack.split("|", 7)[:7]
    whole = "".join(tokens)
    score = 0 if whole in (names[0], names[3]) else 9 * len(tokens)
    for token in tokens:
        exact = [level % 3 for level, name in enumerate(names) if name == token]
        begins = [3 + level % 3 for level, name in enumerate(names) if name.startswith(token)]
        score += min([8, *exact, *begins])
    return score


def _hits(known: Table, tokens: list[str]) -> list[int]:
    needles = [f"|{t}" if t.isdecimal() else t for t in tokens]
    return [i for i, haystack in enumerate(known.haystacks) if all(needle in haystack for needle in needles)]


def suggest(query: str, limit: int = 12) -> list[Area]:
    """Subdistricts for what is being typed: parts of names in Thai or English and postcodes, in any order."""
    tokens = [t for t in (key(word) for word in query.split()) if t]
    if not tokens or (len(tokens) == 1 and len(tokens[0]) < 2):
        return []
    known = table()
    hits = _hits(known, tokens)
    if not hits:
        tokens = [key(_NICKNAMES.get(t, t)) for t in tokens]
        hits = _hits(known, tokens)
    if len(hits) > _RANKED:
        begins = [i for i in hits if f"|{tokens[0]}" in known.haystacks[i]]
        hits = sorted(begins or hits, key=lambda i: not known.haystacks[i].startswith(f"|{tokens[0]}"))[:_RANKED]
    hits.sort(key=lambda i: (_rank(known.haystacks[i], tokens), i))
    return [known.areas[i] for i in hits[:limit]]


def _codes(areas: Iterable[Area]) -> list[str]:
    return sorted({code for area in areas for code in area.all_postcodes})


def _postcode_problem(postcode: str, place: str, areas: tuple[Area, ...]) -> Problem | None:
    known = _codes(areas)
    if not postcode:
        few = ", ".join(known) if len(known) <= 4 else f"{known[0]} - {known[-1]}"
        missing = say("The postcode is missing; {place} uses {codes}", place=place, codes=few)
        return Problem("postcode_missing", missing, "postcode")
    if postcode in known:
        return None
    few = ", ".join(known[:6])
    wrong = say(
        "Postcode {postcode} does not fit {place}; known there: {codes}", postcode=postcode, place=place, codes=few
    )
    return Problem("postcode_mismatch", wrong, "postcode")


def _subdistrict_problem(subdistrict: str, district: str, province: str) -> Problem:
    """Why no such subdistrict is known; an abolished one is named with what took its place."""
    old = match_abolished(subdistrict, district=district, province=province)
    heirs = [a.subdistrict.name_th for o in old for code in o.successors if (a := geothai.address(code))]
    if heirs:
        merged = say(
            "“{subdistrict}” is an old name; the subdistrict is called {heirs} today",
            subdistrict=subdistrict, heirs=", ".join(dict.fromkeys(heirs)),
        )  # fmt: skip
        return Problem("subdistrict_abolished", merged, "subdistrict")
    unknown = say("“{subdistrict}” is not a subdistrict of {district}", subdistrict=subdistrict, district=district)
    return Problem("subdistrict_unknown", unknown, "subdistrict")


def _missing(subdistrict: str, district: str, province: str) -> list[Problem]:
    return [
        Problem(f"{field}_missing", sentence, field)
        for field, value, sentence in (
            ("subdistrict", subdistrict, say("The subdistrict is missing")),
            ("district", district, say("The district is missing")),
            ("province", province, say("The province is missing")),
        )
        if not value
    ]


def _check_province(province: str) -> tuple[str | None, list[Problem]]:
    home = find_province(province)
    if province and not home:
        unknown = say("“{province}” is not a province of Thailand", province=province)
        return None, [Problem("province_unknown", unknown, "province")]
    return home, []


def address_problems(subdistrict: str, district: str, province: str, postcode: str) -> list[Problem]:
    """What does not fit together in an address, for a person to judge; nothing is corrected.

    A postcode is taken when any known table gives it to the place.
    """
    subdistrict, district, province, postcode = map(clean, (subdistrict, district, province, postcode))
    problems = _missing(subdistrict, district, province)
    if postcode and not POSTCODE.fullmatch(postcode):
        wrong = say("A postcode has five digits; “{postcode}” has not", postcode=postcode)
        return [*problems, Problem("postcode_digits", wrong, "postcode")]
    home, unknown = _check_province(province)
    problems += unknown
    areas: tuple[Area, ...] = tuple(a for a in table().areas if a.province == home) if home else ()
    place = home or ""
    if home and district:
        found = find_district(district, home)
        if not found:
            stray = say("“{district}” is not a district of {province}", district=district, province=home)
            return [*problems, Problem("district_unknown", stray, "district")]
        areas, place = table().by_district[home, found], found
        if subdistrict:
            wanted = key(subdistrict)
            exact = tuple(a for a in areas if wanted in (key(a.subdistrict), key(a.subdistrict_en)))
            if not exact:
                return [*problems, _subdistrict_problem(subdistrict, found, home)]
            areas, place = exact, area_line(exact[0].subdistrict, found, home)
    if areas and (trouble := _postcode_problem(postcode, place, areas)):
        problems.append(trouble)
    elif not areas and postcode and not by_postcode(postcode):
        problems.append(
            Problem("postcode_unknown", say("No place uses postcode {postcode}", postcode=postcode), "postcode")
        )
    return problems


def check_address(subdistrict: str, district: str, province: str, postcode: str) -> list[Say]:
    """The warnings of ``address_problems`` as sentences; empty when everything agrees."""
    return [problem.message for problem in address_problems(subdistrict, district, province, postcode)]
