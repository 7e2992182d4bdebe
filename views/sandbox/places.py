"""Places of Thailand as the simulated carriers know them; shares nothing with the program's own lists."""

from __future__ import annotations

from functools import lru_cache

import geothai


@lru_cache(maxsize=1)
def districts() -> frozenset[tuple[str, str]]:
    """Every (province, district), districts of Bangkok without the word in front."""
    return frozenset(
        (province.name_th, district.name_th.removeprefix("เขต"))
        for province in geothai.provinces()
        for district in geothai.districts(province.code)
    )


def is_place(province: str, district: str) -> bool:
    """Whether there is such a district in such a province."""
    return (province, district) in districts()
