"""Who is told: what is known of the buyers of some orders, in as many statements for one as for a thousand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, select, text, tuple_

from oms.catalog.models import Channel
from oms.customers.models import IdentityKind
from oms.db import Tx
from oms.notifications.catalogue import KINDS, Route
from oms.notifications.choosing import Person, Way
from oms.notifications.models import MessageAccount, MessageConsent, MessageContact, MessageSettings

_KINDS: Final = {
    Route.LINE: IdentityKind.LINE, Route.MESSENGER: IdentityKind.FACEBOOK, Route.INSTAGRAM: IdentityKind.INSTAGRAM,
}  # fmt: skip
_PEOPLE = text(
    """
    SELECT o.id, o.shop_id, o.channel, o.ship_phone, o.customer_id, coalesce(c.phone, '') AS phone,
      coalesce(c.email, '') AS email,
      (SELECT json_agg(json_build_array(i.kind, i.external_id) ORDER BY i.id DESC) FROM customer_identities i
         WHERE i.customer_id = o.customer_id AND i.kind IN ('line', 'facebook', 'instagram', 'email')) AS identities
    FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE o.id IN :ids
    """
).bindparams(bindparam("ids", expanding=True))


def settings_of(tx: Tx) -> MessageSettings:
    """What holds for all messages; the usual, unsaved, when nobody has set anything."""
    found = tx.session.get(MessageSettings, 1)
    return found or MessageSettings(
        id=1, events_off=usually_off(), quiet_from=21, quiet_to=8, public_url="", platform_buyers=False, remind_hours=0
    )


def usually_off() -> list[str]:
    """Events a new installation does not send."""

    return [event.value for event, kind in KINDS.items() if not kind.on]


def ways(tx: Tx) -> list[Way]:
    """Every account in use."""
    rows = tx.session.execute(
        select(MessageAccount.id, MessageAccount.route, MessageAccount.shop_id, MessageAccount.stopped)
        .where(MessageAccount.is_active)
        .order_by(MessageAccount.id)
    )
    return [Way(row.id, row.route, row.shop_id, stopped=bool(row.stopped)) for row in rows]


def people(tx: Tx, order_ids: Collection[int]) -> dict[int, Person]:
    """The buyer of each of these orders."""
    if not order_ids:
        return {}
    rows = tx.session.execute(_PEOPLE, {"ids": sorted(order_ids)}).all()
    known = {row.id: _addresses(row) for row in rows}
    wanted = {(route, a) for found in known.values() for route, addresses in found.items() for a in addresses}
    heard, gone = _contacts(tx, wanted)
    barred = barred_routes(tx, {row.customer_id for row in rows if row.customer_id})
    return {
        row.id: Person(
            row.shop_id, Channel(row.channel), phones=tuple(p for p in (row.phone, row.ship_phone) if p),
            emails=tuple(known[row.id].get(Route.EMAIL, ())), addresses=known[row.id], heard=heard, gone=gone,
            barred=barred.get(row.customer_id, frozenset()),
        )
        for row in rows
    }  # fmt: skip


def _addresses(row: Any) -> dict[Route, list[str]]:
    found: dict[Route, list[str]] = defaultdict(list)
    for kind, external_id in row.identities or ():
        for route, wanted in _KINDS.items():
            if kind == wanted.value:
                found[route].append(external_id)
        if kind == IdentityKind.EMAIL.value:
            found[Route.EMAIL].append(external_id)
    if row.email:
        found[Route.EMAIL].insert(0, row.email)
    phones = [p for p in (row.phone, row.ship_phone) if p]
    return dict(found) | {Route.THAIBULKSMS: phones, Route.SMSMKT: phones}


def _contacts(tx: Tx, wanted: Iterable[tuple[Route, str]]) -> tuple[dict[str, datetime], frozenset[tuple[Route, str]]]:
    """When these addresses last wrote, and which of them cannot be reached."""
    listed = sorted(wanted)
    if not listed:
        return {}, frozenset()
    rows = tx.session.scalars(
        select(MessageContact).where(tuple_(MessageContact.route, MessageContact.address).in_(listed))
    ).all()
    heard = {row.address: row.heard_at for row in rows if row.heard_at is not None}
    return heard, frozenset((row.route, row.address) for row in rows if row.unreachable_at is not None)


def barred_routes(tx: Tx, customer_ids: Collection[int]) -> dict[int, frozenset[Route | None]]:
    """What these customers do not want: the newest word about each route counts."""
    if not customer_ids:
        return {}
    rows = tx.session.execute(
        select(MessageConsent.customer_id, MessageConsent.route, MessageConsent.allowed)
        .where(MessageConsent.customer_id.in_(sorted(customer_ids)))
        .order_by(MessageConsent.id)
    )
    found: dict[int, set[Route | None]] = defaultdict(set)
    for row in rows:
        (found[row.customer_id].discard if row.allowed else found[row.customer_id].add)(row.route)
    return {customer_id: frozenset(routes) for customer_id, routes in found.items()}
