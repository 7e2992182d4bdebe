"""The running balance: each line must lead from the balance before it to its own. A line that does not is named.

Files come oldest first, newest first, or sorted anew by somebody, so lines of one moment are put in the order in which
their balances follow one another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from oms.banks.statements.reader import LineRead
from oms.money import Money


def in_order(lines: Sequence[LineRead]) -> list[LineRead]:
    """The lines oldest first; those of one moment as the file has them, turned round when it is newest first."""
    given = list(lines)
    falls = sum(1 for a, b in pairwise(given) if b.booked_at < a.booked_at)
    rises = sum(1 for a, b in pairwise(given) if b.booked_at > a.booked_at)
    turned = falls > rises or (falls == rises and _fit(given[::-1]) > _fit(given))
    if turned:
        given.reverse()
    return sorted(given, key=lambda n: n.booked_at)


def _fit(lines: Sequence[LineRead]) -> int:
    """How many lines follow from the one before."""
    return sum(
        1
        for a, b in pairwise(lines)
        if a.balance is not None and b.balance is not None and a.balance + b.amount == b.balance
    )


def breaks(lines: Sequence[LineRead], opening: Money | None = None) -> dict[int, Money]:
    """File line -> how far its balance is from the one that should be there. Empty where the bank gives no balances."""
    groups: dict[datetime, list[LineRead]] = defaultdict(list)
    for line in in_order(lines):
        groups[line.booked_at].append(line)
    found: dict[int, Money] = {}
    at = opening
    for group in groups.values():
        at = _chain(group, at, found)
    return found


def _chain(group: list[LineRead], at: Money | None, found: dict[int, Money]) -> Money | None:
    """Walk the lines of one moment from balance to balance; answers the last one."""
    waiting: dict[Money, list[int]] = defaultdict(list)
    for place in range(len(group) - 1, -1, -1):
        line = group[place]
        if line.balance is not None:
            waiting[line.balance - line.amount].append(place)
    left = dict.fromkeys(range(len(group)))
    if at is None:
        at = _start(group)
    while left:
        first = next(iter(left))
        place = first
        if at is not None and group[first].balance is not None:
            while waiting[at] and waiting[at][-1] not in left:
                waiting[at].pop()
            place = waiting[at].pop() if waiting[at] else first
        del left[place]
        line = group[place]
        if line.balance is None:
            at = at + line.amount if at is not None else None
            continue
        if at is not None and at + line.amount != line.balance:
            found[line.line] = line.balance - (at + line.amount)
        at = line.balance
    return at


def _start(group: Sequence[LineRead]) -> Money | None:
    """The balance before the first lines of a file: the one that no other line of that moment leads to."""
    after = {n.balance for n in group if n.balance is not None}
    before = [n.balance - n.amount for n in group if n.balance is not None]
    return next((b for b in before if b not in after), before[0] if before else None)
