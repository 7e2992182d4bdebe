"""Which way a message goes: pure rules of what is known of the customer, our accounts and the moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from oms import clock
from oms.catalog.models import Channel
from oms.errors import Say, say
from oms.notifications.catalogue import FORMS, PREFERENCE, Form, Route
from oms.notifications.chat import can_chat
from oms.notifications.line import USER_ID
from oms.notifications.meta import MARGIN, WINDOW
from oms.thai.phone import is_mobile, read_phone


@dataclass(frozen=True)
class Way:
    """One account of ours, as far as choosing goes."""

    id: int
    route: Route
    shop_id: int | None = None
    stopped: bool = False


@dataclass(frozen=True)
class Person:
    """What is known of whoever is told. ``addresses``: ids at LINE, Messenger and Instagram, the newest first;
    ``heard``: when one of them last wrote; ``gone``: those that cannot be reached; ``barred``: routes they do not want
    (None: any)."""

    shop_id: int
    channel: Channel
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    addresses: Mapping[Route, Sequence[str]] = field(default_factory=dict)
    heard: Mapping[str, datetime] = field(default_factory=dict)
    gone: Collection[tuple[Route, str]] = ()
    barred: Collection[Route | None] = ()


@dataclass(frozen=True)
class Choice:
    """The route taken, or why there is none."""

    way: Way | None = None
    recipient: str = ""
    why: Say | None = None


def choose(person: Person, ways: Sequence[Way], tried: Collection[Route], now: datetime) -> Choice:
    """The first route that can reach this person and was not tried. Copying by staff comes last."""
    if None in person.barred:
        return Choice(why=say("The customer does not want messages"))
    own = _own(ways, person.shop_id)
    for route in PREFERENCE:
        way = own.get(route)
        if way is None or way.stopped or route in tried or _barred(route, person.barred):
            continue
        if recipient := _recipient(route, person, now):
            return Choice(way, recipient)
    return Choice(why=say("No route reaches this customer"))


def _own(ways: Sequence[Way], shop_id: int) -> dict[Route, Way]:
    """The account of each route that serves a shop: its own before the one of all."""
    found = {w.route: w for w in ways if w.shop_id is None}
    return found | {w.route: w for w in ways if w.shop_id == shop_id}


def _barred(route: Route, barred: Collection[Route | None]) -> bool:
    """Who does not want SMS wants none of any provider."""
    if FORMS[route] is Form.SMS:
        return any(r is not None and FORMS[r] is Form.SMS for r in barred)
    return route in barred


def _recipient(route: Route, person: Person, now: datetime) -> str:
    """Their address on a route; "" when there is none."""
    if route is Route.CHAT:
        return "chat" if can_chat(person.channel) else ""
    if route is Route.COPY:
        return "copy"
    return next((a for a in _addresses(route, person, now) if (route, a) not in person.gone), "")


def _addresses(route: Route, person: Person, now: datetime) -> Sequence[str]:
    if FORMS[route] is Form.SMS:
        read = [read_phone(p) or "" for p in person.phones]
        return [p for p in dict.fromkeys(read) if is_mobile(p)]
    if route is Route.EMAIL:
        return [e for e in dict.fromkeys(person.emails) if "@" in e]
    known = person.addresses.get(route, ())
    if route is Route.LINE:
        return [a for a in known if USER_ID.fullmatch(a)]
    return [a for a in known if in_window(person.heard.get(a), now)]


def in_window(heard: datetime | None, now: datetime) -> bool:
    """Whether Messenger and Instagram still take a message to who wrote then."""
    return heard is not None and now - heard < WINDOW - MARGIN


def after_quiet(now: datetime, quiet_from: int, quiet_to: int) -> datetime:
    """The moment a message may leave: now, or when the quiet hours (Bangkok) are over."""
    if quiet_from == quiet_to:
        return now
    local = clock.local(now)
    quiet = (
        quiet_from <= local.hour < quiet_to
        if quiet_from < quiet_to
        else local.hour >= quiet_from or local.hour < quiet_to
    )
    if not quiet:
        return now
    ends = local.replace(hour=quiet_to, minute=0, second=0, microsecond=0)
    return (ends if ends > local else ends + timedelta(days=1)).astimezone(now.tzinfo)
