"""Who buys in the demo shop: invented names, numbers of no real block, addresses that agree with themselves."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from random import Random

from oms.demo import words
from oms.thai.addresses import Area, table
from oms.usecases.orders_place import ShipTo


@dataclass(frozen=True)
class Person:
    """A buyer. ``home`` is where parcels go; ``company`` is the name on a tax invoice, mostly empty."""

    name: str
    phone: str
    home: ShipTo
    handle: str
    group: str = ""
    company: str = ""
    tax_id: str = ""


def phone(number: int) -> str:
    """A number of the invented blocks 06x-000, 08x-000 and 09x-000, each used once."""
    block, rest = divmod(number, 10_000)
    return f"0{'689'[block % 3]}{block // 3 % 10}000{rest:04d}"


def tax_id(number: int) -> str:
    """A juristic tax id with a true check digit, starting where no company is registered (099 9...)."""
    digits = f"0999{number:08d}"
    total = sum(int(d) * (13 - i) for i, d in enumerate(digits))
    return digits + str((11 - total % 11) % 10)


def _areas() -> dict[str, list[Area]]:
    wanted = {province for province, _ in words.PROVINCE_WEIGHTS}
    found: dict[str, list[Area]] = defaultdict(list)
    for area in table().areas:
        if area.province in wanted and area.postcodes:
            found[area.province].append(area)
    return found


def _home(random: Random, areas: dict[str, list[Area]], name: str, number: str) -> ShipTo:
    provinces, weights = zip(*words.PROVINCE_WEIGHTS, strict=True)
    area = random.choice(areas[random.choices(provinces, weights)[0]])
    house = random.choice(words.HOUSES).format(
        n=random.randint(1, 299), m=random.randint(1, 99), k=random.randint(1, 24), s=random.randint(1, 12)
    )
    return ShipTo(name, number, house, area.subdistrict, area.district, area.province, area.postcodes[0])


def people(random: Random, count: int) -> list[Person]:
    """Buyers, none twice."""
    areas = _areas()
    pairs = random.sample([(g, f) for g in words.GIVEN for f in words.FAMILY], count)
    made = []
    for i, (given, family) in enumerate(pairs):
        name, number = f"{given} {family}", phone(i * 37 % 10_000 + i // 10_000 * 10_000)
        is_company = i % 40 == 7
        made.append(
            Person(
                name, number, _home(random, areas, name, number), f"buyer{i:04d}",
                "ขายส่ง" if is_company else random.choice(words.GROUPS),
                f"{words.COMPANIES[i % len(words.COMPANIES)]} ({i:03d})" if is_company else "",
                tax_id(i) if is_company else "",
            )
        )  # fmt: skip
    return made
