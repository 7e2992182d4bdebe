"""What is on sale at TikTok Shop, and how many of it: by product, SKU and warehouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from oms.channels.asking import refused, unknown, unreadable
from oms.channels.port import ChannelError, ChannelRefused, ChannelSilent, ChannelUnknown, Listing, ListingPage, Offer
from oms.channels.reading import rows
from oms.channels.tiktok.calls import Calls
from oms.net.reading import part, words

PAGE = 100


def listings(calls: Calls, cursor: str) -> ListingPage:
    """Some products with their SKUs."""
    query = {"page_size": str(PAGE)} | ({"page_token": cursor} if cursor else {})
    answer = calls.post("/product/202309/products/search", {"status": "ACTIVATE"}, query)
    found = [_listing(p, s) for p in rows(answer.get("products")) for s in rows(p.get("skus"))]
    return ListingPage(tuple(found), words(answer.get("next_page_token"), 2000))


def _listing(product: Mapping[str, Any], sku: Mapping[str, Any]) -> Listing:
    there = [row.get("quantity") for row in rows(sku.get("inventory"))]
    numbers = [int(n) for n in there if isinstance(n, int | Decimal) and not isinstance(n, bool)]
    return Listing(
        external_sku=words(sku.get("seller_sku")),
        external_id=f"{words(product.get('id'))}:{words(sku.get('id'))}",
        name=words(product.get("title"), 300),
        quantity=sum(numbers) if numbers else None,
    )


def main_warehouse(calls: Calls) -> str:
    """Where the shop sells from when nothing else is said."""
    known = rows(calls.get("/logistics/202309/warehouses").get("warehouses"))
    sales = [w for w in known if words(w.get("type")) in {"SALES_WAREHOUSE", ""}] or known
    chosen = next((w for w in sales if w.get("is_default") is True), sales[0] if sales else {})
    if not (found := words(chosen.get("id"))):
        raise unreadable()
    return found


def push(calls: Calls, offers: Sequence[Offer], warehouse: str) -> dict[str, ChannelError | None]:
    """One question a product. When TikTok stays silent the rest is not asked. Raises ChannelExpired and
    ChannelKeys."""
    answers: dict[str, ChannelError | None] = {}
    products: dict[str, list[Offer]] = {}
    for offer in offers:
        product, _, sku = offer.external_id.partition(":")
        if product.isdecimal() and sku.isdecimal():
            products.setdefault(product, []).append(offer)
        else:
            answers[offer.external_id] = unknown("external_id", offer.external_id)
    silence: ChannelSilent | None = None
    for product, some in products.items():
        if silence is None:
            try:
                answers |= _push(calls, product, some, warehouse)
                continue
            except ChannelSilent as trouble:
                silence = trouble
            except (ChannelRefused, ChannelUnknown) as no:
                answers |= {o.external_id: no for o in some}
                continue
        answers |= {o.external_id: silence for o in some}
    return answers


def _push(calls: Calls, product: str, offers: Sequence[Offer], warehouse: str) -> dict[str, ChannelError | None]:
    """Some SKUs may be taken and some not."""
    told = [{"id": _sku(o), "inventory": [{"warehouse_id": warehouse, "quantity": max(o.quantity, 0)}]} for o in offers]
    answer = calls.post(f"/product/202309/products/{product}/inventory/update", {"skus": told})
    failed = {
        words(part(row, "detail").get("sku_id")): refused(words(row.get("code")), words(row.get("message"), 300))
        for row in rows(answer.get("errors"))
    }
    return {o.external_id: failed.get(_sku(o)) for o in offers}


def _sku(offer: Offer) -> str:
    return offer.external_id.partition(":")[2]
