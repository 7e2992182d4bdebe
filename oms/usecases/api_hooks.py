"""Outgoing webhooks kept: which address is told of which events, with which secret."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select

from oms import audit, clock
from oms.api.models import ApiHook
from oms.catalog.models import Shop
from oms.db import Tx
from oms.errors import Forbidden, InvalidInput, NotFound, say
from oms.net.outside import check_url
from oms.notifications.catalogue import EVENT_LABELS, Event
from oms.sealing import Sealer
from oms.usecases.keeping import Saved, bounded, checked, lock_row, put, refuse_taken
from oms.usecases.masters import Edit

CANCELED: Final = "canceled"
PING: Final = "ping"
HOOK_EVENTS: Final[dict[str, str]] = {
    **{event.value: label for event, label in EVENT_LABELS.items() if event is not Event.REMINDER},
    CANCELED: "Order canceled",
}
MOST_HOOKS: Final = 50


@dataclass(frozen=True)
class HookFacts:
    """What is entered of a subscription. ``shops`` None: of all shops that its maker sees."""

    name: str
    url: str
    events: frozenset[str]
    shops: frozenset[int] | None = None


@dataclass(frozen=True)
class HookMade:
    """``secret`` signs what is sent; shown once."""

    hook_id: int
    secret: str


def create_hook(tx: Tx, facts: HookFacts, sealer: Sealer, inside: Collection[str] = ()) -> HookMade:
    """Subscribe an address. Raises InvalidInput for an address inside a private network."""
    tx.actor.require("api.manage")
    if (tx.session.scalar(select(func.count()).select_from(ApiHook)) or 0) >= MOST_HOOKS:
        raise InvalidInput(say("There are {most} webhooks already", most=MOST_HOOKS), code="too_many")
    fields = _fields(tx, facts, None, inside)
    secret = "whsec_" + secrets.token_urlsafe(32)
    row = ApiHook(
        **fields, secrets=sealer.seal({"secret": secret}), is_active=True, created_at=clock.now(),
        created_by=tx.actor.label[:120], version=1,
    )  # fmt: skip
    tx.session.add(row)
    tx.session.flush()  # the audit row names it
    audit.record(tx, "api_hook.created", "api_hook", row.id, row.name, after=fields)
    return HookMade(row.id, secret)


def edit_hook(tx: Tx, edit: Edit, facts: HookFacts, inside: Collection[str] = ()) -> Saved:
    """Change a subscription. What is under way goes to the new address."""
    row = own_hook(tx, edit.id, edit.version)
    before, after = put(row, _fields(tx, facts, row, inside))
    if after:
        audit.record(tx, "api_hook.changed", "api_hook", row.id, row.name, before=before, after=after)
    return Saved(row.id, changed=bool(after))


def switch_hook(tx: Tx, hook_id: int, *, is_active: bool) -> Saved:
    """Switch a subscription off, or on again with a clean slate."""
    row = own_hook(tx, hook_id)
    before, after = put(row, {"is_active": is_active, "stopped": ""})
    row.failing_since = None
    if after:
        audit.record(tx, "api_hook.switched", "api_hook", row.id, row.name, before=before, after=after)
    return Saved(row.id, changed=bool(after))


def renew_secret(tx: Tx, hook_id: int, sealer: Sealer) -> HookMade:
    """Another secret; the old one signs nothing from now on."""
    row = own_hook(tx, hook_id)
    secret = "whsec_" + secrets.token_urlsafe(32)
    row.secrets = sealer.seal({"secret": secret})
    audit.record(tx, "api_hook.secret_renewed", "api_hook", row.id, row.name)
    return HookMade(row.id, secret)


def own_hook(tx: Tx, hook_id: int, version: int | None = None) -> ApiHook:
    """A subscription, locked, of whoever may keep it. Raises NotFound for one that tells of shops this person does not
    see."""
    tx.actor.require("api.manage")
    row = lock_row(tx, ApiHook, hook_id, version)
    mine = tx.actor.shops
    if mine is not None and (row.shops is None or not set(row.shops) <= mine):
        raise NotFound(say("There is no such record"), code="record_not_found")
    return row


def _fields(tx: Tx, facts: HookFacts, row: ApiHook | None, inside: Collection[str]) -> dict[str, Any]:
    fields = checked(
        name=lambda: bounded(facts.name, 80, "name", missing=say("Enter a name")),
        url=lambda: check_url(bounded(facts.url, 500, "url", missing=say("Enter the address of the receiver")), inside),
        events=lambda: _events(facts.events),
    )
    refuse_taken(tx, ApiHook.name, fields["name"], "name", row.id if row else None)
    return fields | {"shops": _shops(tx, facts.shops)}


def _events(wanted: frozenset[str]) -> list[str]:
    if not wanted or not wanted <= set(HOOK_EVENTS):
        raise InvalidInput(say("Choose at least one event"), field="events", code="events")
    return sorted(wanted)


def _shops(tx: Tx, wanted: frozenset[int] | None) -> list[int] | None:
    own = tx.actor.shops
    if wanted is None:
        return None if own is None else sorted(own)
    known = set(tx.session.scalars(select(Shop.id).where(Shop.id.in_(sorted(wanted)))))
    if not wanted or known != wanted or (own is not None and not wanted <= own):
        raise Forbidden(say("One of these is not yours to give away"), field="shops", code="more_than_own")
    return sorted(wanted)
