"""Keys of the HTTP API: made by a person who may not give away more than they have, shown once, revoked for good."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update

from oms import audit, clock
from oms.actor import Actor
from oms.api.models import ApiKey
from oms.api.scopes import KEY_SHOWN, KEY_START, LARGEST_RATE, SCOPES
from oms.catalog.models import Shop
from oms.db import Tx
from oms.errors import Forbidden, InvalidInput, say
from oms.inventory.models import Warehouse
from oms.usecases.keeping import Saved, between, bounded, checked, lock_row

USED_EVERY: Final = timedelta(minutes=1)  # how exact "last used" is


@dataclass(frozen=True)
class NewKey:
    """What is entered of a key. ``shops`` and ``warehouses`` None: all that its maker sees."""

    name: str
    actions: frozenset[str]
    shops: frozenset[int] | None = None
    warehouses: frozenset[int] | None = None
    per_minute: int = 600


@dataclass(frozen=True)
class KeyMade:
    """``token`` is shown once and stored nowhere."""

    key_id: int
    token: str


@dataclass(frozen=True)
class Caller:
    """A key as it acts: what every request needs of it, without a row that outlives its session."""

    id: int
    name: str
    actions: frozenset[str]
    shops: frozenset[int] | None
    warehouses: frozenset[int] | None
    per_minute: int
    last_used_at: datetime | None

    def actor(self, request_id: str = "", ip: str = "") -> Actor:
        """Who a verb is asked by. A key gives no discount of its own unless it may approve them."""
        limit = 100 if "order.approve_discount" in self.actions else 0
        return Actor(
            "api", f"API {self.name}", role="api", actions=self.actions, shops=self.shops, warehouses=self.warehouses,
            source="api", request_id=request_id, ip=ip, discount_limit=limit,
        )  # fmt: skip


def token_mark(token: str) -> str:
    """What a key is found by. A key is 256 random bits, so a plain hash cannot be turned round."""
    return hashlib.sha256(token.encode()).hexdigest()


def create_key(tx: Tx, new: NewKey) -> KeyMade:
    """Make a key. Raises Forbidden for rights or rows its maker does not have, InvalidInput for what is no key."""
    tx.actor.require("api.manage")
    fields = checked(
        name=lambda: bounded(new.name, 80, "name", missing=say("Give the key a name, so that people know whose it is")),
        actions=lambda: _actions(tx.actor, new.actions),
        per_minute=lambda: between(new.per_minute, 1, LARGEST_RATE, "per_minute"),
    )
    fields["shops"] = _rows(tx, new.shops, tx.actor.shops, Shop, "shops")
    fields["warehouses"] = _rows(tx, new.warehouses, tx.actor.warehouses, Warehouse, "warehouses")
    token = KEY_START + secrets.token_urlsafe(32)
    row = ApiKey(
        **fields, start=token[:KEY_SHOWN], token_sha256=token_mark(token), created_at=clock.now(),
        created_by=tx.actor.label[:120], created_by_id=tx.actor.user_id,
    )  # fmt: skip
    tx.session.add(row)
    tx.session.flush()  # the audit row names it
    audit.record(tx, "api_key.created", "api_key", row.id, row.name, after=fields | {"start": row.start})
    return KeyMade(row.id, token)


def revoke_key(tx: Tx, key_id: int) -> Saved:
    """A key opens nothing any more. Web processes notice within seconds; it cannot be undone."""
    tx.actor.require("api.manage")
    row = lock_row(tx, ApiKey, key_id)
    if row.revoked_at is not None:
        return Saved(row.id, changed=False)
    row.revoked_at, row.revoked_by = clock.now(), tx.actor.label[:120]
    audit.record(tx, "api_key.revoked", "api_key", row.id, row.name, after={"start": row.start})
    return Saved(row.id)


def find_caller(tx: Tx, token: str) -> Caller | None:
    """The live key with this token, or None. One statement."""
    columns = (
        ApiKey.id, ApiKey.name, ApiKey.actions, ApiKey.shops, ApiKey.warehouses, ApiKey.per_minute,
        ApiKey.last_used_at,
    )  # fmt: skip
    row = tx.session.execute(
        select(*columns).where(ApiKey.token_sha256 == token_mark(token), ApiKey.revoked_at.is_(None))
    ).one_or_none()
    if row is None:
        return None
    return Caller(
        row.id, row.name, frozenset(row.actions), None if row.shops is None else frozenset(row.shops),
        None if row.warehouses is None else frozenset(row.warehouses), row.per_minute, row.last_used_at,
    )  # fmt: skip


def note_use(tx: Tx, caller: Caller, ip: str) -> None:
    """Remember when a key was last used, to the minute: a write at most once a minute, whatever it calls."""
    now = clock.now()
    if caller.last_used_at is None or now - caller.last_used_at >= USED_EVERY:
        tx.session.execute(update(ApiKey).where(ApiKey.id == caller.id).values(last_used_at=now, last_ip=ip[:64]))


def _actions(actor: Actor, wanted: frozenset[str]) -> list[str]:
    if not wanted:
        raise InvalidInput(say("Choose at least one thing the key may do"), field="actions", code="actions_missing")
    if unknown := sorted(wanted - set(SCOPES)):
        raise InvalidInput(say("No key may do this: {action}", action=unknown[0]), field="actions", code="scope")
    for action in sorted(wanted):
        if not actor.may(action):
            raise Forbidden(
                say("You may not do this yourself ({action}), so no key of yours may", action=action),
                field="actions",
                code="more_than_own",
            )
    return sorted(wanted)


def _rows(
    tx: Tx, wanted: frozenset[int] | None, own: frozenset[int] | None, model: type[Shop | Warehouse], field: str
) -> list[int] | None:
    """The rows a key is limited to: those chosen, else its maker's own limits."""
    if wanted is None:
        return None if own is None else sorted(own)
    if not wanted:
        raise InvalidInput(say("Choose at least one, or all"), field=field, code="rows_missing")
    table: type[Shop | Warehouse] = model
    known = set(tx.session.scalars(select(table.id).where(table.id.in_(sorted(wanted)))))
    if known != wanted or (own is not None and not wanted <= own):
        raise Forbidden(say("One of these is not yours to give away"), field=field, code="more_than_own")
    return sorted(wanted)
