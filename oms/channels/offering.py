"""Saying how many there are where a platform wants to hear it item by item."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oms.channels.asking import unknown
from oms.channels.port import ChannelError, ChannelRefused, ChannelSilent, ChannelUnknown, Offer

Answers = dict[str, ChannelError | None]


def ids_of(offer: Offer) -> tuple[str, str]:
    """The two numbers of ``item:model``; empty when it is no such thing."""
    item, _, model = offer.external_id.partition(":")
    return (item, model) if item.isdecimal() and model.isdecimal() else ("", "")


def sorted_out(offers: Sequence[Offer]) -> tuple[list[Offer], Answers]:
    """Offers whose listing can be named, and the answer for the others."""
    good = [offer for offer in offers if ids_of(offer)[0]]
    bad: Answers = {o.external_id: unknown("external_id", o.external_id) for o in offers if not ids_of(o)[0]}
    return good, bad


def by_item(offers: Sequence[Offer], push: Callable[[str, Sequence[Offer]], Answers]) -> Answers:
    """One question an item. When the platform stays silent the rest is not asked. Raises ChannelExpired and
    ChannelKeys: all of it may be said again."""
    good, answers = sorted_out(offers)
    items: dict[str, list[Offer]] = {}
    for offer in good:
        items.setdefault(ids_of(offer)[0], []).append(offer)
    silence: ChannelSilent | None = None
    for item, some in items.items():
        if silence is None:
            try:
                answers |= push(item, some)
                continue
            except ChannelSilent as trouble:
                silence = trouble
            except (ChannelRefused, ChannelUnknown) as no:
                answers |= {o.external_id: no for o in some}
                continue
        answers |= {o.external_id: silence for o in some}
    return answers
