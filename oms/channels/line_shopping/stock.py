"""What is on sale at LINE SHOPPING, and how many of it.

There is no question that says a number of pieces for sure: what "adjust" means is told in two ways. So what is there is
read and the difference is added or taken away (adr/0171). A repeat reads again, so nothing is moved twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oms.channels.asking import unknown, unreadable
from oms.channels.line_shopping.calls import Calls
from oms.channels.offering import Answers
from oms.channels.port import ChannelError, ChannelRefused, ChannelSilent, ChannelUnknown, Listing, ListingPage, Offer
from oms.channels.reading import rows
from oms.net.reading import words

PAGE = 50
MOST = 99_999
Row = Mapping[str, Any]


def listings(calls: Calls, cursor: str) -> ListingPage:
    """Some products with their variants."""
    page = int(cursor or 1)
    answer = calls.get("/products", {"page": str(page), "perPage": str(PAGE)})
    if not isinstance(answer.get("data"), list):
        raise unreadable()
    pages = words(answer.get("totalPage"))
    more = bool(answer["data"]) and pages.isdecimal() and page < int(pages)
    return ListingPage(tuple(_listing(p, v) for p, v in _variants(answer)), str(page + 1) if more else "")


def _variants(answer: Row) -> list[tuple[Row, Row]]:
    found = [(p, v) for p in rows(answer.get("data")) for v in rows(p.get("variants"))]
    return [(p, v) for p, v in found if words(v.get("inventoryId"))]


def _listing(product: Row, variant: Row) -> Listing:
    options = [words(option.get("value")) for option in rows(variant.get("options"))]
    shown = words(variant.get("availableNumber"))
    return Listing(
        external_sku=words(variant.get("sku")),
        external_id=words(variant.get("inventoryId")),
        name=" ".join(filter(None, (words(product.get("name"), 300), *options)))[:300],
        quantity=int(shown) if shown.isdecimal() else None,
    )


def push(calls: Calls, offers: Sequence[Offer]) -> Answers:
    """What is there, then the difference. One that is sold meanwhile is read once more. Raises ChannelKeys."""
    answers = _round(calls, offers)
    again = [o for o in offers if isinstance(answers[o.external_id], ChannelRefused)]
    return answers | (_round(calls, again) if again else {})


def _round(calls: Calls, offers: Sequence[Offer]) -> Answers:
    try:
        there = _there(calls, offers)
    except (ChannelSilent, ChannelRefused, ChannelUnknown) as no:
        return dict.fromkeys((o.external_id for o in offers), no)
    answers: Answers = {}
    silence: ChannelSilent | None = None
    for offer in offers:
        if silence is not None:
            answers[offer.external_id] = silence
            continue
        try:
            answers[offer.external_id] = _move(calls, offer, there)
        except ChannelSilent as trouble:
            silence = answers[offer.external_id] = trouble
        except (ChannelRefused, ChannelUnknown) as no:
            answers[offer.external_id] = no
    return answers


def _there(calls: Calls, offers: Sequence[Offer]) -> dict[str, int]:
    """How many each shows, by the number of its inventory."""
    skus = sorted({o.external_sku for o in offers})
    answer = calls.get("/products", {"skus": skus, "page": "1", "perPage": "100"})
    if not isinstance(answer.get("data"), list):
        raise unreadable()
    found: dict[str, int] = {}
    for _, variant in _variants(answer):
        shown = words(variant.get("availableNumber"))
        if shown.removeprefix("-").isdecimal():
            found[words(variant.get("inventoryId"))] = int(shown)
    return found


def _move(calls: Calls, offer: Offer, there: Mapping[str, int]) -> ChannelError | None:
    if offer.external_id not in there:
        return unknown("inventoryId", offer.external_id)
    more = min(max(offer.quantity, 0), MOST) - there[offer.external_id]
    if more:
        deed = "increase" if more > 0 else "decrease"
        calls.tell("PUT", f"/inventory/{offer.external_id}/{deed}", {"amount": abs(more)})
    return None
