"""Which warehouses an order may be sent from, the best first, and why: rules, then distance, then rank. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from oms.catalog.models import Channel
from oms.errors import Say, say
from oms.inventory.routing_models import RoutingRule, RuleAction
from oms.inventory.sharing import Free, Need, Share, demand, missing, share_out
from oms.thai.provinces import distance_km


@dataclass(frozen=True)
class Case:
    """What rules look at. ``province`` is a Thai name, empty when it is not known."""

    channel: Channel
    shop_id: int
    province: str = ""
    sku_ids: frozenset[int] = frozenset()
    product_ids: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Site:
    """A warehouse that takes part. ``province`` is a Thai name, empty when it is not known."""

    id: int
    code: str
    name: str
    province: str
    rank: int


@dataclass(frozen=True)
class Rule:
    """A rule as it is judged."""

    id: int
    name: str
    action: RuleAction
    warehouse_id: int
    channels: frozenset[str] = frozenset()
    shop_ids: frozenset[int] = frozenset()
    provinces: frozenset[str] = frozenset()
    sku_ids: frozenset[int] = frozenset()
    product_ids: frozenset[int] = frozenset()
    starts_on: date | None = None
    ends_on: date | None = None

    def fits(self, case: Case, today: date) -> bool:
        """Whether every condition of the rule fits the order on this day."""
        goods = self.sku_ids or self.product_ids
        return (
            (self.starts_on is None or self.starts_on <= today)
            and (self.ends_on is None or today <= self.ends_on)
            and (not self.channels or case.channel.value in self.channels)
            and (not self.shop_ids or case.shop_id in self.shop_ids)
            and (not self.provinces or case.province in self.provinces)
            and (not goods or bool(self.sku_ids & case.sku_ids or self.product_ids & case.product_ids))
        )


def judged(row: RoutingRule) -> Rule:
    """A stored rule as it is judged."""
    return Rule(
        row.id, row.name, row.action, row.warehouse_id, frozenset(row.channels), frozenset(row.shop_ids),
        frozenset(row.provinces), frozenset(row.sku_ids), frozenset(row.product_ids), row.starts_on, row.ends_on,
    )  # fmt: skip


@dataclass(frozen=True)
class Ranked:
    """A warehouse in its turn. ``rule`` put it first or, when ``is_out``, keeps the order out of it."""

    site: Site
    km: int | None
    rule: Rule | None = None
    is_out: bool = False


def ranked(case: Case, sites: Sequence[Site], rules: Sequence[Rule], today: date) -> list[Ranked]:
    """Every warehouse, the best first, those that are out last. Of several rules that name one warehouse the first
    that fits counts; preferred ones come in the order of their rules, the others by distance, rank and code."""
    first: dict[int, tuple[int, Rule]] = {}
    for turn, rule in enumerate(rules):
        if rule.warehouse_id not in first and rule.fits(case, today):
            first[rule.warehouse_id] = (turn, rule)
    found = []
    for site in sites:
        turn, said = first.get(site.id, (len(rules), None))
        km = distance_km(site.province, case.province)
        is_out = said is not None and said.action is RuleAction.EXCLUDE
        key = (is_out, turn, km is None, km or 0, site.rank, site.code)
        found.append((key, Ranked(site, km, said, is_out=is_out)))
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


@dataclass(frozen=True)
class Choice:
    """What was decided. ``shares`` None: no place, or places, have everything; the order waits in ``main``.

    ``short`` is then SKU -> (wanted, left) of what is missing; as many left as wanted: they are there, but not
    together, or in more places than one order is sent from.
    """

    main: int
    reason: Say
    shares: tuple[Share, ...] | None = None
    short: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def others(self) -> list[int]:
        """The places beside the main one."""
        return sorted({s.warehouse_id for s in self.shares or ()} - {self.main})


def choose(case: Case, turn: Sequence[Ranked], needs: Sequence[Need], free: Free, *, split: bool) -> Choice | None:
    """Decide for one order; None when every warehouse is out."""
    allowed = [one for one in turn if not one.is_out]
    if not allowed:
        return None
    ids = [one.site.id for one in allowed]
    shares = share_out(needs, ids, free, split=split)
    if shares is None:
        return Choice(ids[0], _waits(case, allowed), short=_lacking(needs, ids, free, split=split))
    used = [one for one in allowed if one.site.id in {s.warehouse_id for s in shares}]
    if len(used) > 1:
        names = " + ".join(one.site.name for one in used)
        reason = say("Sent from {n} warehouses, {names}: no single one has everything", n=len(used), names=names)
        return Choice(used[0].site.id, reason, shares)
    return Choice(used[0].site.id, _single(case, allowed, used[0]), shares)


def _single(case: Case, allowed: Sequence[Ranked], chosen: Ranked) -> Say:
    passed = [one.site.name for one in allowed[: allowed.index(chosen)]]
    stock: Say = say("everything is there")
    if passed:
        stock = say("{names} cannot serve it alone", names=", ".join(passed[:3]))
    return say("{warehouse}: {why}, {stock}", warehouse=chosen.site.name, why=_why(case, allowed, chosen), stock=stock)


def _why(case: Case, allowed: Sequence[Ranked], chosen: Ranked) -> Say:
    if chosen.rule is not None:
        return say("rule “{rule}”", rule=chosen.rule.name)
    if len(allowed) == 1:
        return say("the only warehouse that may send it")
    if chosen.km is None:
        return say("first in rank, the distance is not known") if not case.province else say("first in rank")
    if any(one.km is not None and one.km < chosen.km for one in allowed):
        return say("the nearest to {province} that has it ({km} km)", province=case.province, km=chosen.km)
    if chosen.km == 0:
        return say("in the customer's province {province}", province=case.province)
    return say("nearest to the customer in {province} ({km} km)", province=case.province, km=chosen.km)


def _waits(case: Case, allowed: Sequence[Ranked]) -> Say:
    first = allowed[0]
    return say("{warehouse}: {why}; pieces are missing", warehouse=first.site.name, why=_why(case, allowed, first))


def _lacking(needs: Sequence[Need], places: Sequence[int], free: Free, *, split: bool) -> dict[int, tuple[int, int]]:
    """What is missing: in the place that lacks least, or over all places when the order may be shared."""
    if not split or len(places) == 1:
        return min((missing(needs, place, free) for place in places), key=_pieces)
    wanted = demand(needs)
    left = {sku: sum(max(free.get((sku, p), 0), 0) for p in places) for sku in sorted(wanted)}
    lacking = {sku: (wanted[sku], n) for sku, n in left.items() if n < wanted[sku]}
    return lacking or {sku: (wanted[sku], n) for sku, n in left.items()}


def _pieces(short: Mapping[int, tuple[int, int]]) -> int:
    return sum(wanted - left for wanted, left in short.values())
