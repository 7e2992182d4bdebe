"""Where the provinces of Thailand lie, and how far apart they are.

Each province is the place of its capital, in degrees rounded to a hundredth (about a kilometre): parcels go from town
to town, and the middle of a long province may lie in the hills. The coordinates are common geographic facts, as any
atlas gives them. Distances are straight lines: good enough to tell near from far (docs/adr/0105).
"""

from __future__ import annotations

from functools import cache, lru_cache
from math import asin, cos, radians, sin, sqrt
from typing import Final

from oms.thai.addresses import by_postcode, find_province

_EARTH_KM: Final = 6371.0

REGIONS: Final[dict[str, dict[str, tuple[float, float]]]] = {
    "Central region": {
        "กรุงเทพมหานคร": (13.75, 100.50), "สมุทรปราการ": (13.60, 100.60), "นนทบุรี": (13.86, 100.51),
        "ปทุมธานี": (14.02, 100.53), "พระนครศรีอยุธยา": (14.35, 100.57), "อ่างทอง": (14.59, 100.46),
        "ลพบุรี": (14.80, 100.65), "สิงห์บุรี": (14.89, 100.40), "ชัยนาท": (15.19, 100.13),
        "สระบุรี": (14.53, 100.91), "นครนายก": (14.20, 101.21), "นครสวรรค์": (15.70, 100.14),
        "อุทัยธานี": (15.38, 100.02), "กำแพงเพชร": (16.48, 99.52), "สุโขทัย": (17.01, 99.82),
        "พิษณุโลก": (16.82, 100.26), "พิจิตร": (16.44, 100.35), "เพชรบูรณ์": (16.42, 101.16),
        "สุพรรณบุรี": (14.47, 100.12), "นครปฐม": (13.82, 100.06), "สมุทรสาคร": (13.55, 100.27),
        "สมุทรสงคราม": (13.41, 100.00),
    },
    "Northern region": {
        "เชียงใหม่": (18.79, 98.99), "ลำพูน": (18.58, 99.01), "ลำปาง": (18.29, 99.49), "อุตรดิตถ์": (17.62, 100.10),
        "แพร่": (18.14, 100.14), "น่าน": (18.78, 100.78), "พะเยา": (19.17, 99.90), "เชียงราย": (19.91, 99.83),
        "แม่ฮ่องสอน": (19.30, 97.97),
    },
    "Northeastern region": {
        "นครราชสีมา": (14.97, 102.10), "บุรีรัมย์": (14.99, 103.10), "สุรินทร์": (14.88, 103.49),
        "ศรีสะเกษ": (15.12, 104.32), "อุบลราชธานี": (15.23, 104.86), "ยโสธร": (15.79, 104.15),
        "ชัยภูมิ": (15.81, 102.03), "อำนาจเจริญ": (15.86, 104.63), "บึงกาฬ": (18.36, 103.65),
        "หนองบัวลำภู": (17.20, 102.44), "ขอนแก่น": (16.44, 102.83), "อุดรธานี": (17.41, 102.79),
        "เลย": (17.49, 101.72), "หนองคาย": (17.88, 102.74), "มหาสารคาม": (16.18, 103.30),
        "ร้อยเอ็ด": (16.05, 103.65), "กาฬสินธุ์": (16.43, 103.51), "สกลนคร": (17.16, 104.15),
        "นครพนม": (17.41, 104.78), "มุกดาหาร": (16.54, 104.72),
    },
    "Eastern region": {
        "ชลบุรี": (13.36, 100.98), "ระยอง": (12.68, 101.28), "จันทบุรี": (12.61, 102.10), "ตราด": (12.24, 102.52),
        "ฉะเชิงเทรา": (13.69, 101.08), "ปราจีนบุรี": (14.05, 101.37), "สระแก้ว": (13.82, 102.06),
    },
    "Western region": {
        "ตาก": (16.88, 99.13), "ราชบุรี": (13.54, 99.82), "กาญจนบุรี": (14.02, 99.53), "เพชรบุรี": (13.11, 99.94),
        "ประจวบคีรีขันธ์": (11.81, 99.80),
    },
    "Southern region": {
        "ชุมพร": (10.49, 99.18), "ระนอง": (9.96, 98.63), "สุราษฎร์ธานี": (9.14, 99.33), "พังงา": (8.45, 98.53),
        "กระบี่": (8.09, 98.91), "ภูเก็ต": (7.88, 98.39), "นครศรีธรรมราช": (8.43, 99.96), "ตรัง": (7.56, 99.61),
        "พัทลุง": (7.62, 100.08), "สงขลา": (7.20, 100.60), "สตูล": (6.62, 100.07), "ปัตตานี": (6.87, 101.25),
        "ยะลา": (6.54, 101.28), "นราธิวาส": (6.43, 101.82),
    },
}  # fmt: skip
REGION_LABELS: Final[dict[str, str]] = {name: name for name in REGIONS}
PLACES: Final[dict[str, tuple[float, float]]] = {
    name: place for provinces in REGIONS.values() for name, place in provinces.items()
}


@lru_cache(4096)
def province_of(text: str, postcode: str = "") -> str:
    """The Thai name of a province however it was written; else the one the postcode lies in; else empty."""
    if text in PLACES:
        return text
    if text and (found := find_province(text)):
        return found
    homes = {area.province for area in by_postcode(postcode)} if postcode else set()
    return homes.pop() if len(homes) == 1 else ""


@cache
def distance_km(one: str, other: str) -> int | None:
    """Kilometres between two provinces by their Thai names, None when one of them is not known. 0 within a province."""
    if one not in PLACES or other not in PLACES:
        return None
    (lat1, lon1), (lat2, lon2) = ((radians(a), radians(b)) for a, b in (PLACES[one], PLACES[other]))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return round(2 * _EARTH_KM * asin(sqrt(half)))
