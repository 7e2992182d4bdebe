"""The menu: sections and items, each opened by a named action, some with a count. Screens bring their own items.

A module of ``views`` lists ``NAV = (Item(...), ...)``; an item whose endpoint is not registered is left out. The
counts of one request come from one call of the provider that ``set_counts`` was given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, current_app, g, request, url_for
from sqlalchemy import Select, select

from oms import clock
from oms.actor import Actor
from oms.db import db
from views.access import current_actor, current_staff, may

Counts = Callable[[Actor], Mapping[str, int]]
Waiting = Mapping[str, int | Select[int]]  # a number, or the statement that gives it
MoreCounts = Callable[[Actor], Waiting]
MOST_KEPT = 200  # people whose counts are written down at a time

SECTIONS: dict[str, str] = {
    "home": "",
    "work": "Worklists",
    "ship": "Packing and shipping",
    "data": "Records",
    "stock": "Stock",
    "setup": "Shop setup",
    "watch": "Oversight",
}


@dataclass(frozen=True)
class Item:
    """One line of the menu. ``count`` names a number of the counts provider; ``hot`` shows it in red when not zero.
    ``action`` is the named action that opens it; the empty name asks only for a login."""

    section: str
    label: str
    endpoint: str
    action: str = ""
    icon: str = ""
    order: int = 100
    count: str = ""
    hot: bool = False
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """An item as this person sees it in this request."""

    label: str
    url: str
    icon: str
    count: int | None
    hot: bool
    here: bool


def add_items(app: Flask, items: tuple[Item, ...]) -> None:
    """Put items into the menu of an app."""
    app.extensions.setdefault("oms.nav", []).extend(items)


def set_counts(app: Flask, provider: Counts) -> None:
    """Name the function that gives all counts of the menu for an actor, in one query."""
    app.extensions["oms.counts"] = provider


def add_counts(app: Flask, provider: MoreCounts, *, asked: bool = True) -> None:
    """Name a function that gives further counts of the menu, of work that is no worklist of orders. Counts given as
    statements are all asked in one; they are written for a person once a minute, for writing them costs more than
    asking. ``asked`` False: it gives numbers it looked up itself, anew for each page. Numbers of one name add up."""
    app.extensions.setdefault("oms.more_counts", []).append((provider, asked))


def counts() -> Mapping[str, int]:
    """The counts of this request, asked once."""
    if "oms_counts" not in g:
        provider: Counts | None = current_app.extensions.get("oms.counts")
        g.oms_counts = {} if provider is None or current_staff() is None else provider(current_actor())
    return g.oms_counts


def _written(actor: Actor) -> tuple[tuple[str, ...], Select[Any] | None]:
    """The counts of this person that are statements, as one."""
    minute = int(clock.now().timestamp() // 60)
    key = (minute, actor.user_id, actor.actions, actor.warehouses, actor.shops, actor.own_orders_only)
    kept: dict[object, tuple[tuple[str, ...], Select[Any] | None]]
    kept = current_app.extensions.setdefault("oms.written_counts", {})
    if key not in kept:
        if len(kept) > MOST_KEPT:
            kept.clear()
        given: dict[str, Select[int]] = {}
        for more, asked in current_app.extensions.get("oms.more_counts", ()):
            given.update(more(actor) if asked else {})
        columns = [value.scalar_subquery().label(name) for name, value in given.items()]
        kept[key] = tuple(given), select(*columns) if columns else None
    return kept[key]


def _more_counts() -> Mapping[str, int]:
    """The further counts, those that are statements in one round trip."""
    actor = current_actor()
    found: Counter[str] = Counter()
    for more, asked in current_app.extensions.get("oms.more_counts", ()):
        found.update({} if asked else more(actor))
    names, statement = _written(actor)
    if statement is not None:
        found.update({name: value or 0 for name, value in zip(names, db.session.execute(statement).one(), strict=True)})
    return found


def _is_here(item: Item, url: str) -> bool:
    if item.args:
        return url in {request.full_path.rstrip("?"), request.path}
    return request.endpoint == item.endpoint or (request.path == url and url != "/")


def _line(item: Item, numbers: Mapping[str, int]) -> Line:
    url = url_for(item.endpoint, **item.args)
    count = numbers.get(item.count) if item.count else None
    return Line(item.label, url, item.icon, count, hot=item.hot and bool(count), here=_is_here(item, url))


def sections() -> list[tuple[str, list[Line]]]:
    """What this person sees: (label, lines) in order, empty sections left out."""
    if current_staff() is None:
        return []
    open_items = [
        item for item in current_app.extensions.get("oms.nav", [])
        if item.endpoint in current_app.view_functions and may(item.action)
    ]  # fmt: skip
    numbers = {**counts(), **_more_counts()}
    answer = []
    for key, label in SECTIONS.items():
        mine = sorted((i for i in open_items if i.section == key), key=lambda i: i.order)
        if mine:
            answer.append((label, [_line(i, numbers) for i in mine]))
    return answer


def shortcut(endpoint: str, action: str) -> str | None:
    """The address of a screen for a button, or None when it is not there or not for this person."""
    if endpoint not in current_app.view_functions or not may(action):
        return None
    return url_for(endpoint)


def install(app: Flask) -> None:
    """Give the templates the menu."""
    app.jinja_env.globals.update(nav_sections=sections, nav_counts=counts, shortcut=shortcut)
