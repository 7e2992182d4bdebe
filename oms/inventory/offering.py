"""How many pieces each shop may show of what is free. Pure: figures in, figures out.

A share of what is free, less a buffer, at most so many; fewer than the least is none. Unless over-offering is switched
on for a product, all shops together never show more than there is: what is too much is divided by their shares, bundles
counted by their parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rule:
    """What one shop shows of one product."""

    percent: int = 100
    buffer: int = 0
    least: int = 0
    most: int | None = None


@dataclass(frozen=True)
class Policy:
    """How shops share one product. ``last_shop``: it alone shows the last ``last_pieces``."""

    over_offer: bool = False
    last_pieces: int = 0
    last_shop: int | None = None


ALL = Rule()
SHARED = Policy()


@dataclass(frozen=True)
class Place:
    """One thing on sale in one shop: ``parts`` are the pieces of ours in one sold there, by SKU."""

    key: int
    shop: int
    sku: int
    parts: Mapping[int, int]
    rule: Rule = ALL
    policy: Policy = SHARED


def sets_of(parts: Mapping[int, int], free: Mapping[int, int]) -> int:
    """How many whole ones the free pieces make."""
    return max(0, min((free.get(sku, 0) // n for sku, n in parts.items()), default=0))


def wanted(place: Place, free: Mapping[int, int]) -> int:
    """What a shop shows by its own rule alone."""
    whole = sets_of(place.parts, free)
    policy = place.policy
    if policy.last_shop is not None and policy.last_shop != place.shop and whole <= policy.last_pieces:
        return 0
    shown = whole * place.rule.percent // 100 - place.rule.buffer
    return _within(place.rule, shown)


def _within(rule: Rule, shown: int) -> int:
    if rule.most is not None:
        shown = min(shown, rule.most)
    return shown if shown >= max(rule.least, 1) else 0


def offers(places: Sequence[Place], free: Mapping[int, int]) -> dict[int, int]:
    """What every place shows, by key. ``free`` holds every part of every place."""
    shown = {place.key: wanted(place, free) for place in places}
    sharing = [place for place in places if not place.policy.over_offer and shown[place.key]]
    for sku in sorted({part for place in sharing for part in place.parts}):
        users = [place for place in sharing if sku in place.parts and shown[place.key]]
        used = sum(shown[place.key] * place.parts[sku] for place in users)
        if used > free.get(sku, 0):
            _divide(users, sku, free.get(sku, 0), shown)
    return shown


def _divide(users: Sequence[Place], sku: int, free: int, shown: dict[int, int]) -> None:
    """Give each its share of the free pieces, whole ones only; what is left goes to the largest remainders, a shop
    that is the last one to sell first."""
    weights = {place.key: shown[place.key] * place.parts[sku] for place in users}
    total = sum(weights.values())
    given = {place.key: free * weights[place.key] // total // place.parts[sku] for place in users}
    left = free - sum(given[place.key] * place.parts[sku] for place in users)
    order = sorted(
        users,
        key=lambda p: (p.policy.last_shop != p.shop, -(free * weights[p.key] / total - given[p.key]), p.key),
    )
    for place in order:
        if left >= place.parts[sku] and given[place.key] < shown[place.key]:
            given[place.key] += 1
            left -= place.parts[sku]
    for place in users:
        shown[place.key] = _within(place.rule, min(shown[place.key], given[place.key]))


@dataclass
class Book:
    """Rules and policies by the closest one: for a shop's product, a shop, a product, all."""

    rules: Mapping[tuple[int, int | None], Rule] = field(default_factory=dict)
    policies: Mapping[int | None, Policy] = field(default_factory=dict)

    def rule(self, shop: int, sku: int) -> Rule:
        """What a shop shows of a product."""
        return self.rules.get((shop, sku)) or self.rules.get((shop, None)) or ALL

    def policy(self, sku: int) -> Policy:
        """How shops share a product."""
        return self.policies.get(sku) or self.policies.get(None) or SHARED
