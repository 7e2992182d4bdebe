"""Which places one order's pieces come from: one place when one has everything, else the fewest. Pure arithmetic.

A set is taken whole from one place; a line of several pieces or sets may be shared. With sets the question is a small
puzzle, tried out within a fixed number of steps, so that the answer comes quickly while stock is locked
(docs/adr/0106).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

MOST_PARCELS = 4  # places one order is shared over at most; beyond that a person decides
MOST_PLACES = 12  # places that are tried in combinations, the preferred ones
_STEPS = 20_000  # tries for one order before it is told to wait

Free = Mapping[tuple[int, int], int]  # (sku id, warehouse id) -> pieces nobody was promised


@dataclass(frozen=True)
class Need:
    """An order line: how many units, and the (SKU, pieces) of one unit; a plain SKU is its own only part."""

    line_id: int
    units: int
    parts: tuple[tuple[int, int], ...]

    @property
    def is_set(self) -> bool:
        return len(self.parts) > 1 or self.parts[0][1] > 1


@dataclass(frozen=True)
class Share:
    """Units of one line from one place."""

    line_id: int
    warehouse_id: int
    units: int


def demand(needs: Sequence[Need]) -> dict[int, int]:
    """Pieces of each SKU over all lines."""
    wanted: dict[int, int] = defaultdict(int)
    for need in needs:
        for sku, pieces in need.parts:
            wanted[sku] += pieces * need.units
    return wanted


def missing(needs: Sequence[Need], place: int, free: Free) -> dict[int, tuple[int, int]]:
    """SKU -> (wanted, free) of what one place lacks."""
    return {
        sku: (wanted, max(free.get((sku, place), 0), 0))
        for sku, wanted in sorted(demand(needs).items())
        if free.get((sku, place), 0) < wanted
    }


def all_from(needs: Sequence[Need], place: int) -> tuple[Share, ...]:
    """Everything from one place."""
    return tuple(Share(need.line_id, place, need.units) for need in needs)


def share_out(needs: Sequence[Need], places: Sequence[int], free: Free, *, split: bool) -> tuple[Share, ...] | None:
    """Everything from the first place that has it; else, if it may be split, from the fewest places, the preferred
    ones among equals. None when that cannot be done. ``places``: the preferred first."""
    for place in places:
        if not missing(needs, place, free):
            return all_from(needs, place)
    useful = [p for p in places if any(_units_at(need, p, free) for need in needs)][:MOST_PLACES] if split else []
    wanted = demand(needs)
    if any(sum(max(free.get((sku, p), 0), 0) for p in useful) < n for sku, n in wanted.items()):
        return None
    steps = _Steps(_STEPS)
    for count in range(2, min(len(useful), MOST_PARCELS) + 1):
        for chosen in combinations(useful, count):
            if all(sum(max(free.get((sku, p), 0), 0) for p in chosen) >= n for sku, n in wanted.items()) and (
                found := _fill(needs, chosen, free, steps)
            ):
                return found
    return None


def _units_at(need: Need, place: int, free: Free) -> int:
    """How many units of a line one place could give."""
    return max(0, min(free.get((sku, place), 0) // pieces for sku, pieces in need.parts))


class _Steps:
    """How many tries are left."""

    def __init__(self, left: int) -> None:
        self.left = left

    def spent(self) -> bool:
        self.left -= 1
        return self.left < 0


def _fill(needs: Sequence[Need], places: Sequence[int], free: Free, steps: _Steps) -> tuple[Share, ...] | None:
    """Share the lines over exactly these places, or None. Sets are placed first: they are what may not fit."""
    wanted = demand(needs)
    left = {(sku, p): max(free.get((sku, p), 0), 0) for sku in wanted for p in places}
    sets = sorted((need for need in needs if need.is_set), key=lambda need: -len(need.parts))
    plain = [need for need in needs if not need.is_set]
    shares: list[Share] = []
    if not _place_sets(sets, places, left, demand(plain), shares, steps):
        return None
    for need in plain:
        shares += _spread(need, places, left)
    order = {need.line_id: i for i, need in enumerate(needs)}
    rank = {place: i for i, place in enumerate(places)}
    return tuple(sorted(shares, key=lambda s: (order[s.line_id], rank[s.warehouse_id])))


def _place_sets(
    sets: Sequence[Need],
    places: Sequence[int],
    left: dict[tuple[int, int], int],
    rest: Mapping[int, int],
    shares: list[Share],
    steps: _Steps,
) -> bool:
    """Try every way to share the sets until what is left also serves the plain lines (``rest``)."""
    if not sets:
        return all(sum(left[sku, p] for p in places) >= n for sku, n in rest.items())
    need, *others = sets
    for units in _ways(need, places, left):
        if steps.spent():
            return False
        _move(need, places, units, left, -1)
        taken = [Share(need.line_id, p, n) for p, n in zip(places, units, strict=True) if n]
        if _place_sets(others, places, left, rest, shares, steps):
            shares += taken
            return True
        _move(need, places, units, left, 1)
    return False


def _move(need: Need, places: Sequence[int], units: Sequence[int], left: dict[tuple[int, int], int], sign: int) -> None:
    for place, n in zip(places, units, strict=True):
        for sku, pieces in need.parts:
            left[sku, place] += sign * n * pieces


def _ways(need: Need, places: Sequence[int], left: Free) -> Iterator[tuple[int, ...]]:
    """Every way to take the units of one line from these places, as many as possible from the first ones first."""
    rooms = [_units_at(need, p, left) for p in places]

    def fill(at: int, units: int) -> Iterator[tuple[int, ...]]:
        if at == len(rooms) - 1:
            if units <= rooms[at]:
                yield (units,)
            return
        behind = sum(rooms[at + 1 :])
        for here in range(min(units, rooms[at]), max(units - behind, 0) - 1, -1):
            for tail in fill(at + 1, units - here):
                yield (here, *tail)

    return fill(0, need.units)


def _spread(need: Need, places: Sequence[int], left: dict[tuple[int, int], int]) -> list[Share]:
    """A plain line whole from the first place that has it, else what each has in turn."""
    sku = need.parts[0][0]
    whole = next((p for p in places if left[sku, p] >= need.units), None)
    shares, open_units = [], need.units
    for place in (whole,) if whole is not None else places:
        taken = min(open_units, left[sku, place])
        if taken:
            left[sku, place] -= taken
            open_units -= taken
            shares.append(Share(need.line_id, place, taken))
    return shares
