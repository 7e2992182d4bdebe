"""What is on sale at TikTok Shop, and how many of it: by product, SKU and warehouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from oms.channels.asking import refused, unreadable
from oms.channels.offering import Answers, by_item, ids_of
from oms.channels.port import Listing, ListingPage, Offer
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


def push(calls: Calls, offers: Sequence[Offer], warehouse: str) -> Answers:
    """Product by product."""
    return by_item(offers, lambda product, some: _push(calls, product, some, warehouse))


def _push(calls: Calls, product: str, offers: Sequence[Offer], warehouse: str) -> Answers:
    """Some SKUs may be taken and some not."""
    told = [{"id": _sku(o), "inventory": [{"warehouse_id": warehouse, "quantity": max(o.quantity, 0)}]} for o in offers]
    answer = calls.post(f"/product/202309/products/{product}/inventory/update", {"skus": told})
    failed = {
        words(part(row, "detail").get("sku_id")): refused(words(row.get("code")), words(row.get("message"), 300))
        for row in rows(answer.get("errors"))
    }
    return {o.external_id: failed.get(_sku(o)) for o in offers}


def _sku(offer: Offer) -> str:
    return ids_of(offer)[1]
