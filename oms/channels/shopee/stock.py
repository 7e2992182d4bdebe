"""What is on sale at Shopee, and how many of it: an item has models, or is its only one (0)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oms.channels.asking import refused
from oms.channels.offering import Answers, by_item, ids_of
from oms.channels.port import ChannelError, Listing, ListingPage, Offer
from oms.channels.reading import rows
from oms.channels.shopee.calls import Calls
from oms.net.reading import part, words

PAGE = 20  # items with models take a question each


def listings(calls: Calls, cursor: str) -> ListingPage:
    """Some items with their models."""
    answer = calls.get("/product/get_item_list", offset=cursor or "0", page_size=str(PAGE), item_status="NORMAL")
    ids = [words(row.get("item_id")) for row in rows(answer.get("item"))]
    more = words(answer.get("next_offset")) if answer.get("has_next_page") is True else ""
    if not ids:
        return ListingPage((), more)
    told = calls.get("/product/get_item_base_info", item_id_list=",".join(ids))
    found: list[Listing] = []
    for item in rows(told.get("item_list")):
        found += _models(calls, item) if item.get("has_model") is True else [_listing(item, item, "0")]
    return ListingPage(tuple(found), more)


def _models(calls: Calls, item: Mapping[str, Any]) -> list[Listing]:
    answer = calls.get("/product/get_model_list", item_id=words(item.get("item_id")))
    return [_listing(item, model, words(model.get("model_id"))) for model in rows(answer.get("model"))]


def _listing(item: Mapping[str, Any], row: Mapping[str, Any], model: str) -> Listing:
    stock = part(part(row, "stock_info_v2"), "summary_info").get("total_available_stock")
    name = " ".join(filter(None, (words(item.get("item_name"), 300), words(row.get("model_name"), 100))))
    return Listing(
        external_sku=words(row.get("model_sku")) or words(item.get("item_sku")),
        external_id=f"{words(item.get('item_id'))}:{model}",
        name=name[:300],
        quantity=int(text) if (text := words(stock)).isdecimal() else None,
    )


def push(calls: Calls, offers: Sequence[Offer]) -> Answers:
    """Item by item."""
    return by_item(offers, lambda item, some: _push(calls, item, some))


def _push(calls: Calls, item: str, offers: Sequence[Offer]) -> Answers:
    """Some models may be taken and some not."""
    told = [{"model_id": _model(o), "seller_stock": [{"stock": max(o.quantity, 0)}]} for o in offers]
    answer = calls.post("/product/update_stock", {"item_id": int(item), "stock_list": told})
    failed = {
        words(row.get("model_id")): words(row.get("failed_reason"), 300) for row in rows(answer.get("failure_list"))
    }
    return {o.external_id: _no(failed.get(str(_model(o)))) for o in offers}


def _model(offer: Offer) -> int:
    return int(ids_of(offer)[1])


def _no(reason: str | None) -> ChannelError | None:
    return None if reason is None else refused("failed_reason", reason)
