"""What is on sale at Lazada, and how many of it may be sold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from oms.channels.asking import refused
from oms.channels.lazada.calls import Calls, inner
from oms.channels.lazada.words import GOOD, problem
from oms.channels.offering import Answers, ids_of, sorted_out
from oms.channels.port import ChannelRefused, ChannelSilent, ChannelUnknown, Listing, ListingPage, Offer
from oms.channels.reading import rows
from oms.net.reading import part, words
from oms.net.transport import Reply

PAGE = 50
ASIDE = frozenset({"501", "500", "E501", "E500"})  # with details: some were taken and some not
SAYS_WHICH = ("seller_sku", "SellerSku", "sku_id", "SkuId", "field")


def listings(calls: Calls, cursor: str) -> ListingPage:
    """Some products with their SKUs."""
    at = int(cursor or 0)
    answer = inner(calls.get("/products/get", filter="live", offset=str(at), limit=str(PAGE)))
    products = rows(answer.get("products"))
    found = tuple(_listing(product, sku) for product in products for sku in rows(product.get("skus")))
    total = words(answer.get("total_products"))
    more = bool(products) and total.isdecimal() and at + len(products) < int(total)
    return ListingPage(found, str(at + len(products)) if more else "")


def _listing(product: Mapping[str, Any], sku: Mapping[str, Any]) -> Listing:
    shown = words(sku.get("Available")) or words(sku.get("quantity"))
    return Listing(
        external_sku=words(sku.get("SellerSku")),
        external_id=f"{words(product.get('item_id'))}:{words(sku.get('SkuId'))}",
        name=words(part(product, "attributes").get("name"), 300),
        quantity=int(shown) if shown.isdecimal() else None,
    )


def push(calls: Calls, offers: Sequence[Offer]) -> Answers:
    """All in one: how many may be sold, whatever waits for its buyers' money. Raises ChannelExpired and ChannelKeys."""
    good, answers = sorted_out(offers)
    if not good:
        return answers
    payload = {"Request": {"Product": {"Skus": {"Sku": [_told(o) for o in good]}}}}
    try:
        reply = calls.send("POST", "/product/stock/sellable/update", payload=json.dumps(payload, ensure_ascii=False))
        return answers | _answers(reply, good)
    except (ChannelSilent, ChannelRefused, ChannelUnknown) as no:
        return answers | {o.external_id: no for o in good}


def _told(offer: Offer) -> dict[str, Any]:
    item, sku = ids_of(offer)
    return {
        "ItemId": int(item), "SkuId": int(sku), "SellerSku": offer.external_sku,
        "SellableQuantity": max(offer.quantity, 0),
    }  # fmt: skip


def _answers(reply: Reply, offers: Sequence[Offer]) -> Answers:
    """Which were not taken stands in the details of an error, by one of several names."""
    details = rows((reply.body or {}).get("detail"))
    code = reply.text("code")
    if code != GOOD and not (details and code in ASIDE):
        trouble = problem(reply)
        if trouble is not None:
            raise trouble
    found: Answers = {o.external_id: None for o in offers}
    for row in details:
        marks = {words(row.get(name)) for name in SAYS_WHICH} - {""}
        text = words(row.get("message"), 300)
        for offer in offers:
            if {offer.external_sku, ids_of(offer)[1]} & marks or (not marks and offer.external_sku in text.split()):
                found[offer.external_id] = refused(words(row.get("code")) or code, text)
    if code != GOOD and not any(found.values()):
        raise problem(reply) or refused(code, reply.text("message"))
    return found
