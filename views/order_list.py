"""Lists of orders: one worklist, all orders with filters, and what a bulk action on "all of these" means."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from sqlalchemy import ColumnElement

from oms.catalog.models import CHANNEL_LABELS
from oms.db import db
from oms.orders import listing
from oms.orders.listing import COUNT_CAP, OrderFilter
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.reports import worklists
from oms.reports.worklists import WORKLISTS, Worklist
from oms.usecases.orders_bulk import BULK_ACTIONS, MOST
from oms.usecases.orders_views import list_views
from views import nav
from views.base import current_actor
from views.filters import number, tr
from views.order_parts import Chip, channel_groups, people, shops, warehouses


@dataclass(frozen=True)
class Pager:
    """What the pager of the frame needs."""

    first: int
    last: int
    total_text: str
    previous: str = ""
    next: str = ""


def wanted_conditions(worklist: Worklist | None, wanted: OrderFilter) -> list[ColumnElement[bool]]:
    """A worklist narrowed by a filter."""
    base = worklists.conditions(worklist, current_actor()) if worklist else []
    return base + listing.filter_conditions(wanted)


def sort_of(worklist: Worklist | None, wanted: OrderFilter) -> str:
    """The asked order, else the worklist's own, else the newest first."""
    return wanted.sort or (worklist.sort if worklist else "newest")


def matching_ids(worklist: Worklist | None, wanted: OrderFilter) -> list[int]:
    """Ids of all orders of a list, as many as a bulk action takes."""
    statement = (
        visible(current_actor())
        .with_only_columns(Order.id)
        .where(*wanted_conditions(worklist, wanted))
        .order_by(Order.id)
        .limit(MOST)
    )
    return list(db.session.scalars(statement))


def list_url(worklist: Worklist | None, query: Mapping[str, Any]) -> str:
    """The address of a list with a filter."""
    if worklist:
        return url_for("DeskView.worklist", key=worklist.key, **query)
    return url_for("OrderView.list", **query)


def _chips(worklist: Worklist, wanted: OrderFilter, counts: worklists.Counts, known: Mapping[int, Any]) -> list[Chip]:
    """All, then each channel with its count; a channel with several shops shows them too when chosen."""
    by_shop = counts.shops(worklist.key)
    free = wanted.with_(channel="", shop=0)
    chips = [
        Chip(tr("All"), list_url(worklist, free.to_query()), on=not wanted.channel and not wanted.shop,
             count=counts[worklist.key])
    ]  # fmt: skip
    for channel, n in channel_groups(by_shop, known):
        url = list_url(worklist, free.with_(channel=channel.value).to_query())
        chips.append(Chip(tr(CHANNEL_LABELS[channel]), url, on=wanted.channel == channel.value, count=n))
        same = [shop for shop in known.values() if shop.channel is channel and shop.id in by_shop]
        if wanted.channel == channel.value and len(same) > 1:
            for shop in same:
                url = list_url(worklist, wanted.with_(shop=shop.id).to_query())
                chips.append(Chip(shop.name, url, on=wanted.shop == shop.id, count=by_shop[shop.id]))
    return chips


def _total(worklist: Worklist | None, wanted: OrderFilter, counts: worklists.Counts | None) -> tuple[int, str]:
    """How many there are, exactly for a bare worklist, capped otherwise."""
    if worklist and counts and wanted.is_empty():
        n = counts[worklist.key]
        return n, number(n)
    n = listing.capped_count(db.session, current_actor(), wanted_conditions(worklist, wanted))
    return n, f"{number(COUNT_CAP)}+" if n > COUNT_CAP else number(n)


def _pager(worklist: Worklist | None, wanted: OrderFilter, page: listing.Page, total_text: str) -> Pager:
    start = max(request.args.get("from", 1, type=int), 1)
    query = wanted.to_query()
    last = start + len(page.rows) - 1 if page.rows else 0
    following = list_url(worklist, {**query, "after": page.after, "from": last + 1}) if page.after else ""
    return Pager(start, last, total_text, list_url(worklist, query) if start > 1 else "", following)


def bulk_choices() -> Sequence[tuple[str, str]]:
    """The bulk actions this person may start."""
    actor = current_actor()
    return [
        (name, action.label) for name, action in BULK_ACTIONS.items() if action.everywhere and actor.may(action.needs)
    ]


def _export_query(worklist: Worklist | None, wanted: OrderFilter) -> dict[str, str]:
    """The list as the exporter's filter; empty for those who may not export."""
    if not current_actor().may("export.run"):
        return {}
    base = worklists.as_filter(worklist, current_actor()).to_query() if worklist else {}
    return {**base, **wanted.to_query()} or {"sort": "newest"}


def list_facts(worklist: Worklist | None) -> dict[str, Any]:
    """Everything a list page shows, in a fixed number of statements."""
    actor = current_actor()
    wanted = listing.read_filter(request.args)
    sort = sort_of(worklist, wanted)
    page = listing.page(
        db.session, actor, wanted_conditions(worklist, wanted), sort=sort, after=request.args.get("after", "")
    )
    counts = nav.counts()
    known = shops()
    total, total_text = _total(worklist, wanted, counts if isinstance(counts, worklists.Counts) else None)
    own = isinstance(counts, worklists.Counts) and worklist is not None
    return {
        "worklist": worklist,
        "wanted": wanted,
        "sort": sort,
        "rows": page.rows,
        "total": total,
        "total_text": total_text,
        "pager": _pager(worklist, wanted, page, total_text),
        "shops": known,
        "warehouses": warehouses(),
        "people": people(),
        "chips": _chips(worklist, wanted, counts, known) if own else [],
        "views": list_views(db.session, actor),
        "bulk": bulk_choices(),
        "export_query": _export_query(worklist, wanted),
        "bulk_key": secrets.token_hex(16),
        "list_url": list_url,
        "most": MOST,
    }


def urgent_orders(most: int = 8) -> Sequence[Any]:
    """The orders that must leave first, for the start page; none for people who see no orders."""
    actor = current_actor()
    return worklists.first_to_leave(db.session, actor, most) if actor.may("order.view") else ()


def find_worklist(key: str) -> Worklist | None:
    """A worklist this person works, or None."""
    found = WORKLISTS.get(key)
    return found if found and current_actor().may(found.needs) else None
