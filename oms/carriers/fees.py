"""What sending costs by a shop's own rate table: zone, weight or pieces in steps, remote places, COD. Pure.

A table is data: ``as_data`` and ``read_table`` are the form it is stored and edited in. A fee says how it came about,
line by line, so that nobody has to believe it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from enum import StrEnum
from itertools import pairwise
from typing import Any

from oms.carriers.port import Size
from oms.carriers.zones import NEAR, REMOTE, ZONE_LABELS, Zone, is_remote, zone_of
from oms.errors import InvalidInput, Problem, Say, say
from oms.money import ZERO, Money

KILO = 1000
MOST_STEPS, MOST_PLACES = 60, 2000


class By(StrEnum):
    """What the steps count. Values are stored."""

    WEIGHT = "weight"  # grams
    PIECES = "pieces"


BY_LABELS: dict[str, str] = {By.WEIGHT: "Weight", By.PIECES: "Pieces"}


@dataclass(frozen=True)
class Step:
    """Up to this many grams or pieces it costs this much."""

    up_to: int
    price: Money


@dataclass(frozen=True)
class Rates:
    """The steps of one zone, rising. ``further``: what each started kilogram or each piece above the last step costs
    on top of it; None: more is not taken."""

    steps: tuple[Step, ...]
    further: Money | None = None


@dataclass(frozen=True)
class RateTable:
    """What one carrier's service costs, or what a shop asks for it. A zone without rates is priced as the provinces.

    ``divisor``: cubic centimetres that count as a kilogram (5000 or 6000 usually); None: size does not count.
    ``cod_percent`` of the amount collected, at least ``cod_minimum``. ``remote_extra`` on top for ``remote`` places.
    ``whole_baht``: the sum is rounded up to baht."""

    zones: Mapping[Zone, Rates]
    by: By = By.WEIGHT
    divisor: int | None = None
    cod_percent: Decimal = Decimal(0)
    cod_minimum: Money = ZERO
    remote_extra: Money = ZERO
    near: tuple[str, ...] = NEAR
    remote: tuple[str, ...] = REMOTE
    whole_baht: bool = False


@dataclass(frozen=True)
class ToSend:
    """What is to be sent: to where, how heavy, how large, how many pieces, how much cash to collect. Several equal
    ``parcels`` are priced one by one; the cash is collected once."""

    postcode: str
    weight_grams: int = 0
    size: Size | None = None
    pieces: int = 1
    cod: Money = ZERO
    parcels: int = 1


@dataclass(frozen=True)
class FeeLine:
    """One part of a fee and why."""

    why: Say
    amount: Money


@dataclass(frozen=True)
class Fee:
    """The sum and what it is made of."""

    total: Money
    zone: Zone
    lines: tuple[FeeLine, ...] = field(default_factory=tuple)


def fee(table: RateTable, asked: ToSend) -> Fee:
    """What sending costs. Raises InvalidInput when the table does not say: too heavy, no weight."""
    if not asked.postcode:
        raise InvalidInput(say("The postcode is not known"), field="postcode", code="fee_unknown")
    zone = zone_of(asked.postcode, table.near)
    rates = table.zones.get(zone) or table.zones[Zone.PROVINCE]
    base, why = _base(table, rates, asked, say(ZONE_LABELS[zone]))
    lines = [FeeLine(why, base * asked.parcels)]
    if asked.parcels > 1:
        lines = [FeeLine(say("{what}, {n} parcels", what=why, n=asked.parcels), base * asked.parcels)]
    if table.remote_extra and is_remote(asked.postcode, table.remote):
        extra = say("Remote place {postcode}", postcode=asked.postcode)
        lines.append(FeeLine(extra, table.remote_extra * asked.parcels))
    if asked.cod and (table.cod_percent or table.cod_minimum):
        lines.append(_cod(table, asked.cod))
    total = sum((line.amount for line in lines), ZERO)
    if table.whole_baht and (over := total.in_satang % 100):
        up = Money.satang(100 - over)
        lines.append(FeeLine(say("Rounded up to baht"), up))
        total += up
    return Fee(total, zone, tuple(lines))


def billed_grams(table: RateTable, weight_grams: int, size: Size | None) -> int:
    """The weight that is paid for: the scale's, or that of the size when it is more."""
    if size is None or not table.divisor:
        return weight_grams
    volume = Decimal(size.width * size.length * size.height * KILO) / table.divisor
    return max(weight_grams, int(volume.to_integral_value(ROUND_CEILING)))


def _base(table: RateTable, rates: Rates, asked: ToSend, zone: Say) -> tuple[Money, Say]:
    by_weight = table.by is By.WEIGHT
    amount = billed_grams(table, asked.weight_grams, asked.size) if by_weight else asked.pieces
    if amount <= 0:
        raise InvalidInput(
            say("The weight is not known") if by_weight else say("Enter how many pieces"),
            field="weight_grams" if by_weight else "pieces", code="fee_unknown",
        )  # fmt: skip
    shown = say("{kg} kg", kg=_kilos(amount)) if by_weight else say("{n} pieces", n=amount)
    if by_weight and amount > asked.weight_grams:
        shown = say("{kg} kg by size", kg=_kilos(amount))
    for step in rates.steps:
        if amount <= step.up_to:
            return step.price, say("{zone}, {amount}", zone=zone, amount=shown)
    last = rates.steps[-1]
    if rates.further is None:
        raise InvalidInput(
            say("{amount} is more than the rate table says", amount=shown),
            field="weight_grams" if by_weight else "pieces", code="fee_above",
        )  # fmt: skip
    over = amount - last.up_to
    units = -(-over // KILO) if by_weight else over
    return last.price + rates.further * units, say("{zone}, {amount}", zone=zone, amount=shown)


def _cod(table: RateTable, cod: Money) -> FeeLine:
    by_percent = cod * (table.cod_percent / 100)
    if by_percent >= table.cod_minimum:
        return FeeLine(say("COD {percent}% of {amount}", percent=f"{table.cod_percent:f}", amount=cod), by_percent)
    return FeeLine(say("COD, at least {amount}", amount=table.cod_minimum), table.cod_minimum)


def _kilos(grams: int) -> str:
    return f"{Decimal(grams) / KILO:f}"


def as_data(table: RateTable) -> dict[str, Any]:
    """The table as it is stored: plain, exact, satang as integers. Lists of places as they usually are are left out, so
    that a better list reaches tables that never had one of their own."""
    data: dict[str, Any] = {
        "by": table.by.value,
        "zones": {
            zone.value: {
                "steps": [[s.up_to, s.price.in_satang] for s in rates.steps],
                "further": rates.further.in_satang if rates.further is not None else None,
            }
            for zone, rates in table.zones.items()
        },
        "divisor": table.divisor, "cod_percent": f"{table.cod_percent:f}", "cod_minimum": table.cod_minimum.in_satang,
        "remote_extra": table.remote_extra.in_satang, "whole_baht": table.whole_baht,
    }  # fmt: skip
    if table.near != NEAR:
        data["near"] = list(table.near)
    if table.remote != REMOTE:
        data["remote"] = list(table.remote)
    return data


def read_table(data: Mapping[str, Any]) -> RateTable:
    """A table from such data. Raises InvalidInput with every problem."""
    problems: list[Problem] = []

    def take(name: str, read: Callable[[Any], Any], usual: Any) -> Any:
        if data.get(name) is None:
            return usual
        try:
            return read(data[name])
        except (ValueError, TypeError, KeyError, AttributeError, InvalidOperation):
            problems.append(Problem("rate_table", say("This part of the rate table cannot be read"), name))
            return usual

    unknown = sorted(set(data) - _KNOWN)
    problems += [Problem("rate_table", say("The rate table has no such part"), name) for name in unknown]
    zones = take("zones", _zones, None)
    if zones is None and not problems:
        problems.append(Problem("rate_table", say("Enter the rates of the provinces"), "zones"))
    made = RateTable(
        zones or {Zone.PROVINCE: Rates(())}, take("by", By, By.WEIGHT), take("divisor", _positive, None),
        take("cod_percent", _percent, Decimal(0)), take("cod_minimum", _money, ZERO),
        take("remote_extra", _money, ZERO), take("near", _places, NEAR), take("remote", _places, REMOTE),
        whole_baht=take("whole_baht", _flag, usual=False),
    )  # fmt: skip
    if problems:
        first, *others = problems
        raise InvalidInput(first.message, field=first.field, code=first.code, others=tuple(others))
    return made


_KNOWN = frozenset({
    "by", "zones", "divisor", "cod_percent", "cod_minimum", "remote_extra", "near", "remote", "whole_baht",
})  # fmt: skip


def _zones(found: Mapping[str, Any]) -> dict[Zone, Rates]:
    zones = {Zone(name): _rates(rates) for name, rates in found.items()}
    if Zone.PROVINCE not in zones:
        raise ValueError("the provinces have no rates")
    return zones


def _rates(found: Mapping[str, Any]) -> Rates:
    steps = tuple(Step(_positive(up_to), _money(price)) for up_to, price in found["steps"])
    rising = all(a.up_to < b.up_to for a, b in pairwise(steps))
    if not steps or not rising or len(steps) > MOST_STEPS:
        raise ValueError("steps must rise")
    further = found.get("further")
    return Rates(steps, None if further is None else _money(further))


def _positive(value: Any) -> int:
    if type(value) is not int or not 0 < value <= 10**9:
        raise ValueError(value)
    return value


def _money(value: Any) -> Money:
    if type(value) is not int or not 0 <= value <= 10**9:
        raise ValueError(value)
    return Money.satang(value)


def _percent(value: Any) -> Decimal:
    number = Decimal(str(value))
    if not number.is_finite() or not 0 <= number <= 100:
        raise ValueError(value)
    return number


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _places(found: Sequence[Any]) -> tuple[str, ...]:
    places = tuple(str(place).strip() for place in found)
    good = all(p.isascii() and p.isdecimal() and 2 <= len(p) <= 5 for p in places)
    if isinstance(found, str) or not good or len(places) > MOST_PLACES:
        raise ValueError("places are postcodes or their beginnings")
    return places
