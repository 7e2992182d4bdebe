"""Shops connected to their channels: how each is reached, what may be done there by itself. Keys go in sealed and never
come out."""

from __future__ import annotations

import json
import secrets as randomness
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from oms import audit, clock
from oms.catalog.models import Shop
from oms.channels.models import ChannelConnection, ChannelOrder
from oms.channels.port import ChannelError, ChannelKeys, Grant
from oms.channels.registry import CONNECTORS, ConnectorKind, check_settings
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.net.transport import is_play
from oms.sealing import Sealer
from oms.usecases.channel_hooks import hear_elsewhere
from oms.usecases.channel_lease import GRANT, SETTINGS, get_connection, keep, of_shop
from oms.usecases.channel_trouble import Trouble, raw_of, told_of
from oms.usecases.keeping import Saved, bounded, checked, lock_row, put
from oms.usecases.secret_fields import merged_secrets, opened_secrets, option_checks

FIRST_LOOK: Final = timedelta(days=3)  # how far back a shop that was just connected is read
MARGIN: Final = timedelta(minutes=5)  # a grant is renewed so long before it ends
RENEWING: Final = timedelta(seconds=60)


@dataclass(frozen=True)
class Connect:
    """How a shop is reached. ``version`` None: it was not connected before."""

    shop_id: int
    connector: str
    host: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: int | None = None


@dataclass(frozen=True)
class Switches:
    """What happens by itself: new orders accepted there, shipping told there, stock offered there."""

    accepts: bool = False
    tells_shipping: bool = True
    offers: bool = False
    is_active: bool = True


@dataclass(frozen=True)
class Reached:
    """Everything to reach a shop, without the database. Never shown, never logged. ``grant_mark`` tells one grant from
    the next."""

    id: int
    shop_id: int
    connector: str
    host: str
    settings: Mapping[str, str] = field(repr=False)
    grant: Grant = field(repr=False)
    grant_mark: bytes = field(default=b"", repr=False)


def connect_shop(tx: Tx, cmd: Connect, sealer: Sealer) -> Saved:
    """Say how a shop is reached. Another address or connector needs the keys anew; its grant is forgotten with them."""
    tx.actor.require("shop.edit")
    shop = lock_row(tx, Shop, cmd.shop_id)
    kind = _kind(cmd.connector, shop)
    row = tx.session.scalars(select(ChannelConnection).where(ChannelConnection.shop_id == shop.id)).one_or_none()
    if row is not None:
        row = lock_row(tx, ChannelConnection, row.id, cmd.version)
    fields = _reached(kind, cmd)
    _never_mixed(tx, shop, row, fields["host"])
    moved = row is None or (row.connector, row.host) != (kind.code, fields["host"])
    kept = {} if moved or row is None else opened_secrets(sealer, row.secrets, kind.fields, cmd.secrets)
    secrets = merged_secrets(kind.fields, kept, cmd.secrets)
    check_settings(kind.code, fields["host"])
    if row is None:
        now = clock.now()
        row = ChannelConnection(
            shop_id=shop.id, hook_token=_token(), created_at=now, cursor_at=now - FIRST_LOOK, next_run_at=now, **fields
        )
        tx.session.add(row)
        before: dict[str, Any] = {}
        after = fields
    else:
        before, after = put(row, fields)
    row.secrets = sealer.seal(secrets) if secrets else b""
    if moved:
        row.sealed_grant, row.grant_until, row.grant_refresh_until = b"", None, None
    row.failures, row.closed_until, row.stopped, row.last_error, row.next_run_at = 0, None, "", "", clock.now()
    tx.session.flush()  # the audit row names it
    after = {**after, "secrets": sorted(secrets)}
    audit.record(tx, "channel.connected", "channel_connection", row.id, shop.code, before=before, after=after)
    return Saved(row.id)


def set_switches(tx: Tx, connection_id: int, version: int, switches: Switches) -> Saved:
    """Say what happens by itself in a connected shop."""
    tx.actor.require("shop.edit")
    row = lock_row(tx, ChannelConnection, connection_id, version)
    get_connection(tx, connection_id)
    before, after = put(row, vars(switches))
    if after:
        audit.record(tx, "channel.switched", "channel_connection", row.id, row.shop.code, before=before, after=after)
    return Saved(row.id, changed=bool(after))


def disconnect_shop(tx: Tx, connection_id: int, version: int) -> Saved:
    """Reach it no more; keys and grant are forgotten. What it said stays."""
    tx.actor.require("shop.edit")
    row = lock_row(tx, ChannelConnection, connection_id, version)
    row.secrets, row.sealed_grant, row.is_active, row.offers = b"", b"", False, False
    row.grant_until = row.grant_refresh_until = None
    row.hook_token = _token()
    audit.record(tx, "channel.disconnected", "channel_connection", row.id, row.shop.code)
    return Saved(row.id)


def renew_hook(tx: Tx, connection_id: int) -> str:
    """A new address for the shop's webhooks; the old one is dead at once."""
    tx.actor.require("shop.edit")
    row = lock_row(tx, ChannelConnection, connection_id)
    row.hook_token = _token()
    audit.record(tx, "channel.hook_renewed", "channel_connection", row.id, row.shop.code)
    return row.hook_token


def reach(row: ChannelConnection, sealer: Sealer) -> Reached:
    """How to reach this shop. Raises Refused when no key of this installation opens its secrets."""
    secrets = sealer.open(row.secrets) if row.secrets else {}
    grant = grant_of(sealer.open(row.sealed_grant)) if row.sealed_grant else Grant("")
    return Reached(row.id, row.shop_id, row.connector, row.host, {**row.options, **secrets}, grant, row.sealed_grant)


def is_ready(row: ChannelConnection) -> bool:
    """Whether it can be asked at all: known connector, switched on, let in where a grant is needed."""
    kind = CONNECTORS.get(row.connector)
    if kind is None or not row.is_active or row.stopped:
        return False
    return bool(row.sealed_grant) or not needs_grant(kind)


def needs_grant(kind: ConnectorKind) -> bool:
    """Whether a seller has to let us in by the browser first."""
    return kind.consent is not None


def store_grant(tx: Tx, connection_id: int, grant: Grant, sealer: Sealer, *, by_consent: bool = False) -> None:
    """Keep a new grant before it is used."""
    keep(
        tx, connection_id, sealed_grant=sealer.seal(grant_words(grant)), grant_until=grant.until,
        grant_refresh_until=grant.refresh_until, renewing_until=None,
        **({"stopped": "", "failures": 0, "closed_until": None, "next_run_at": clock.now()} if by_consent else {}),
    )  # fmt: skip
    if by_consent:
        tx.actor.require("shop.edit")
        row = get_connection(tx, connection_id)
        hear_elsewhere(tx, row.connector)
        audit.record(tx, "channel.let_in", "channel_connection", row.id, row.shop.code)


@dataclass(frozen=True)
class Renewal:
    """Who renews: ``mine``, or somebody else just did or does (``reached`` is what is stored now)."""

    mine: bool
    reached: Reached


def claim_renewal(tx: Tx, connection_id: int, used: bytes, sealer: Sealer) -> Renewal:
    """Let one refresher through. ``used``: the mark of the grant that is no longer taken."""
    row = lock_row(tx, ChannelConnection, connection_id)
    reached = reach(row, sealer)
    busy = row.renewing_until is not None and row.renewing_until > clock.now()
    if row.sealed_grant != used or busy:
        return Renewal(mine=False, reached=reached)
    keep(tx, connection_id, renewing_until=clock.now() + RENEWING)
    return Renewal(mine=True, reached=reached)


def renewal_failed(tx: Tx, connection_id: int, error: ChannelError) -> None:
    """The grant was not renewed. A refusal means that it is lost: the shop has to be connected again."""
    lost = not error.retryable
    kept = told_of(error, Trouble.GRANT if lost else None)
    values: dict[str, Any] = {"renewing_until": None, "last_error": kept, "last_error_at": clock.now()}
    if lost:
        values["stopped"] = GRANT
    keep(tx, connection_id, **values)
    if lost:
        row = get_connection(tx, connection_id)
        audit.record(
            tx, "channel.grant_lost", "channel_connection", row.id, row.shop.code, after={"error": raw_of(error)}
        )


def ends_soon(row: ChannelConnection) -> bool:
    """Whether the grant should be renewed before the next question."""
    return row.grant_until is not None and row.grant_until - MARGIN <= clock.now()


def record_trial(tx: Tx, connection_id: int, error: ChannelError | None) -> None:
    """Keep how a person's try of the connection ended. A good one ends every stop."""
    tx.actor.require("shop.edit")
    row, now = get_connection(tx, connection_id), clock.now()
    if error is None:
        keep(tx, connection_id, failures=0, closed_until=None, stopped="", last_ok_at=now, next_run_at=now)
        after: dict[str, Any] = {"works": True}
    else:
        stop = {"stopped": SETTINGS} if isinstance(error, ChannelKeys) else {}
        keep(tx, connection_id, last_error=told_of(error), last_error_at=now, **stop)
        after = {"works": False, "error": raw_of(error)}
    audit.record(tx, "channel.tested", "channel_connection", connection_id, row.shop.code, after=after)


def open_shop(tx: Tx, shop_id: int, sealer: Sealer) -> Reached:
    """For a person who tries the connection or asks the channel for something."""
    tx.actor.require("shop.edit")
    return reach(of_shop(tx, shop_id), sealer)


def grant_words(grant: Grant) -> dict[str, str]:
    """A grant as it is sealed."""
    moments = {n: v.isoformat() for n in ("until", "refresh_until") if (v := getattr(grant, n)) is not None}
    return {"access": grant.access, "refresh": grant.refresh, "facts": json.dumps(dict(grant.facts)), **moments}


def grant_of(said: Mapping[str, str]) -> Grant:
    """The grant again."""
    at = {n: datetime.fromisoformat(said[n]) if n in said else None for n in ("until", "refresh_until")}
    return Grant(said["access"], said.get("refresh", ""), facts=json.loads(said.get("facts", "{}")), **at)


def _token() -> str:
    return randomness.token_urlsafe(32)


def _kind(code: str, shop: Shop) -> ConnectorKind:
    found = CONNECTORS.get(code)
    if found is None:
        raise InvalidInput(say("Choose a connection"), field="connector", code="connector")
    if found.channel is not shop.channel:
        raise Refused(
            say("{connector} brings orders of another channel than {shop}", connector=found.name, shop=shop.code),
            code="connector_channel",
        )
    return found


def _never_mixed(tx: Tx, shop: Shop, row: ChannelConnection | None, host: str) -> None:
    """A shop whose orders were invented stays with the sandbox, one with real orders stays real."""
    if row is None or is_play(host) == row.is_play:
        return
    brought = select(ChannelOrder.external_no).where(ChannelOrder.shop_id == shop.id).limit(1)
    if tx.session.scalar(brought) is not None:
        raise Refused(
            say("{shop} has orders of the other kind already: the sandbox and real shops never mix", shop=shop.code),
            code="sandbox_mixed",
        )


def _reached(kind: ConnectorKind, given: Connect) -> dict[str, Any]:
    checks: dict[str, Callable[[], Any]] = {"host": lambda: bounded(given.host, 200, "host") or kind.host}
    found = checked(**checks, **option_checks(kind.fields, given.options))
    options = {f.name: found[f.name] for f in kind.fields if not f.secret and found[f.name]}
    return {"connector": kind.code, "host": found["host"], "options": options, "is_active": True}


def shop_by_code(tx: Tx, code: str) -> Shop:
    """A shop by its code. Raises NotFound."""
    shop = tx.session.scalars(select(Shop).where(Shop.code == code)).one_or_none()
    if shop is None or not tx.actor.sees_shop(shop.id):
        raise NotFound(say("There is no such shop, or it is not yours to use"), field="shop", code="shop_not_found")
    return shop
