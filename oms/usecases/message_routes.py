"""The ways messages go: set up, changed, tried, switched off. Secrets go in sealed and never come out again."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from oms import audit, clock
from oms.catalog.models import Shop
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Say, say
from oms.net.settings import Field
from oms.net.silence import words_of
from oms.notifications.catalogue import LANGUAGES, Event, Route
from oms.notifications.models import MessageAccount, MessageSettings
from oms.notifications.port import Allowance, SendEmpty, SendError, SendKeys
from oms.notifications.registry import KINDS, check_settings
from oms.sealing import Sealer
from oms.usecases.keeping import Saved, between, bounded, checked, lock_row, put, refuse_taken
from oms.usecases.masters import Edit
from oms.usecases.notices_people import settings_of
from oms.usecases.secret_fields import merged_secrets, opened_secrets, option_checks

LOW = 100  # messages left of a quota
COUNT_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class RouteFacts:
    """What is entered. ``shop_id`` None: for every shop without one of its own. A secret left empty stays."""

    route: str
    name: str
    host: str = ""
    shop_id: int | None = None
    language: str = "th"
    reserve: int = 0
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_active: bool = True


def create_route(tx: Tx, facts: RouteFacts, sealer: Sealer) -> Saved:
    """Set a way up. From then on it is used for what happens next."""
    tx.actor.require("shop.edit")
    route = _route(facts.route)
    listed = _listed(route)
    fields = _fields(tx, route, facts)
    refuse_taken(tx, MessageAccount.name, fields["name"], "name")
    _check_place(tx, route, fields)
    secrets = merged_secrets(listed, {}, facts.secrets)
    check_settings(route, fields["host"], {**fields["options"], **secrets})
    row = MessageAccount(
        route=route, secrets=sealer.seal(secrets) if secrets else b"", hook_token=randomness.token_urlsafe(32), **fields
    )
    tx.session.add(row)
    tx.session.flush()  # the audit row names it
    after = {"route": route, **fields, "secrets": sorted(secrets)}
    audit.record(tx, "message.route_created", "message_route", row.id, row.name, after=after)
    return Saved(row.id)


def edit_route(tx: Tx, edit: Edit, facts: RouteFacts, sealer: Sealer) -> Saved:
    """Change a way. Another address needs the secrets anew: who may edit it must not be able to send stored secrets to
    a server of their choice. What it was stopped for is forgotten, so that it is tried again."""
    tx.actor.require("shop.edit")
    row = lock_row(tx, MessageAccount, edit.id, edit.version)
    listed = _listed(row.route)
    fields = _fields(tx, row.route, facts)
    refuse_taken(tx, MessageAccount.name, fields["name"], "name", row.id)
    _check_place(tx, row.route, fields, row.id)
    moved = fields["host"] != row.host
    kept = {} if moved else opened_secrets(sealer, row.secrets, listed, facts.secrets)
    secrets = merged_secrets(listed, kept, facts.secrets)
    check_settings(row.route, fields["host"], {**fields["options"], **secrets})
    before, after = put(row, fields)
    entered = sorted(f.name for f in listed if f.secret and facts.secrets.get(f.name))
    if entered or moved:
        row.secrets = sealer.seal(secrets) if secrets else b""
        after["secrets"] = entered
    if not after:
        return Saved(row.id, changed=False)
    row.failures, row.closed_until, row.stopped, row.last_error = 0, None, "", ""
    audit.record(tx, "message.route_changed", "message_route", row.id, row.name, before=before, after=after)
    return Saved(row.id)


def _route(code: str) -> Route:
    if code not in {*KINDS, Route.COPY}:
        raise InvalidInput(say("Choose a route"), field="route", code="route")
    return Route(code)


def _listed(route: Route) -> Sequence[Field]:
    return KINDS[route].fields if route in KINDS else ()


def _fields(tx: Tx, route: Route, facts: RouteFacts) -> dict[str, Any]:
    """The plain fields, checked. Raises InvalidInput with every problem."""
    listed = _listed(route)
    checks: dict[str, Callable[[], Any]] = {
        "name": lambda: bounded(facts.name, 80, "name", missing=say("Enter a name")),
        "host": lambda: _host(route, facts.host),
        "shop_id": lambda: _shop(tx, facts.shop_id),
        "language": lambda: _language(facts.language),
        "reserve": lambda: between(facts.reserve, 0, 1_000_000, "reserve"),
    }
    fields = checked(**checks, **option_checks(listed, facts.options))
    options = {e.name: fields.pop(e.name) for e in listed if not e.secret}
    return fields | {"options": {k: v for k, v in options.items() if v}, "is_active": facts.is_active}


def _host(route: Route, given: str) -> str:
    if route is Route.COPY:
        return ""
    missing = say("Enter the address of the mail server") if route is Route.EMAIL else None
    return bounded(given, 200, "host", missing=missing) or KINDS[route].host


def _shop(tx: Tx, shop_id: int | None) -> int | None:
    if shop_id is not None and tx.session.get(Shop, shop_id) is None:
        raise InvalidInput(say("There is no such shop"), field="shop_id", code="shop_unknown")
    return shop_id


def _language(language: str) -> str:
    if language not in LANGUAGES:
        raise InvalidInput(say("Choose a language"), field="language", code="language")
    return language


def _check_place(tx: Tx, route: Route, fields: Mapping[str, Any], own_id: int = 0) -> None:
    """One account of a route for each shop, and one for the rest."""
    if not fields["is_active"]:
        return
    same = select(MessageAccount.name).where(
        MessageAccount.route == route, MessageAccount.is_active, MessageAccount.id != own_id,
        MessageAccount.shop_id.is_not_distinct_from(fields["shop_id"]),
    )  # fmt: skip
    if (other := tx.session.scalar(same.limit(1))) is not None:
        raise InvalidInput(
            say("{name} serves these shops already; switch it off first", name=other), field="shop_id",
            code="route_place",
        )  # fmt: skip


@dataclass(frozen=True)
class OpenedRoute:
    """Everything to reach an account, without the database. Never shown, never logged."""

    id: int
    route: Route
    host: str
    settings: Mapping[str, str] = field(repr=False)


def open_route(tx: Tx, account_id: int, sealer: Sealer, action: str = "shop.edit") -> OpenedRoute:
    """For a try by a person, or a look at the quota. Raises Refused when no key of this installation opens it."""
    tx.actor.require(action)
    row = _get(tx, account_id)
    secrets = sealer.open(row.secrets) if row.secrets else {}
    return OpenedRoute(row.id, row.route, row.host, {**row.options, **secrets})


def _get(tx: Tx, account_id: int) -> MessageAccount:
    row = tx.session.get(MessageAccount, account_id)
    if row is None:
        raise NotFound(say("There is no such record"), code="record_not_found")
    return row


def uncounted(tx: Tx) -> list[int]:
    """Accounts whose quota nobody has looked at for an hour."""
    rows = select(MessageAccount.id).where(
        MessageAccount.is_active, MessageAccount.route.in_([k.route for k in KINDS.values() if k.counted]),
        MessageAccount.stopped != "settings",
        (MessageAccount.counted_at.is_(None)) | (MessageAccount.counted_at < clock.now() - COUNT_EVERY),
    )  # fmt: skip
    return list(tx.session.scalars(rows.order_by(MessageAccount.id)))


def record_trial(tx: Tx, account_id: int, result: Allowance | SendError, *, by_itself: bool = False) -> None:
    """Keep how a try ended. A good one ends every stop. ``by_itself``: nobody asked for it, so only what changed for
    people is written to the audit."""
    tx.actor.require("shop.edit")
    row, now = _get(tx, account_id), clock.now()
    was = row.stopped
    if isinstance(result, Allowance):
        empty = result.quota is not None and result.used >= result.quota
        values: dict[str, Any] = {"failures": 0, "last_ok_at": now, "counted_at": now, "quota": result.quota}
        values |= {"used": result.used, "stopped": "quota" if empty else ""}
        values |= {} if empty else {"closed_until": None}
    else:
        error = f"{result.raw_code} {result.raw_text or result}".strip()[:300]
        values = {"last_error": error, "last_error_at": now, "counted_at": now}
        if isinstance(result, SendKeys | SendEmpty):
            values["stopped"] = "settings" if isinstance(result, SendKeys) else "quota"
    table: Any = MessageAccount.__table__
    tx.session.execute(update(table).where(table.c.id == account_id).values(**values))
    if not by_itself or values.get("stopped", was) != was:
        after = {"works": isinstance(result, Allowance), "error": values.get("last_error", "")}
        audit.record(tx, "message.route_tried", "message_route", row.id, row.name, after=after)
    tx.session.expire(row)


@dataclass(frozen=True)
class Rules:
    """What holds for all messages, as it is entered. ``version`` 0: nothing was saved when the form was made."""

    events: frozenset[Event]
    quiet_from: int = 21
    quiet_to: int = 8
    public_url: str = ""
    platform_buyers: bool = False
    remind_hours: int = 0
    version: int = 0


def save_rules(tx: Tx, rules: Rules) -> Saved:
    """Say who is told of what and when."""
    tx.actor.require("shop.edit")
    fields = checked(
        quiet_from=lambda: between(rules.quiet_from, 0, 23, "quiet_from"),
        quiet_to=lambda: between(rules.quiet_to, 0, 23, "quiet_to"),
        remind_hours=lambda: between(rules.remind_hours, 0, 168, "remind_hours"),
        public_url=lambda: _public(rules.public_url),
    ) | {
        "platform_buyers": rules.platform_buyers,
        "events_off": sorted(event.value for event in Event if event not in rules.events),
    }
    row = tx.session.get(MessageSettings, 1, with_for_update=True)
    if row is None:
        row = settings_of(tx)
        tx.session.add(row)
        before: dict[str, Any] = {}
        for key, value in fields.items():
            setattr(row, key, value)
        after: dict[str, Any] = dict(fields)
    else:
        row = lock_row(tx, MessageSettings, 1, rules.version or -1)
        before, after = put(row, fields)
    if after:
        audit.record(tx, "message.rules_changed", "message_rules", 1, "", before=before, after=after)
    return Saved(1, changed=bool(after))


def _public(text: str) -> str:
    url = bounded(text, 200, "public_url").rstrip("/")
    if url and not url.startswith(("https://", "http://localhost", "http://127.0.0.1")):
        raise InvalidInput(say("The address must begin with https://"), field="public_url", code="public_url")
    return url


@dataclass(frozen=True)
class Health:
    """How a route does: ``tone`` as pills have it, ``line`` in words; ``trouble`` needs a person."""

    tone: str
    line: Say
    trouble: bool = False


def health(row: MessageAccount, now: datetime) -> Health:
    """One line about one route."""
    if not row.is_active:
        return Health("mut", say("Switched off"))
    if row.route is Route.COPY:
        return Health("ok", say("Ready"))
    if row.stopped == "quota":
        return Health("bad", say("Stopped: the quota is used up"), trouble=True)
    if row.stopped:
        return Health("bad", say("Stopped: the service does not accept our settings"), trouble=True)
    if row.closed_until is not None and row.closed_until > now:
        until = f"{clock.local(row.closed_until):%H:%M}"
        return Health("warn", say("Does not answer; asked again at {time}", time=until), trouble=row.failures > 4)
    if row.quota is not None and row.quota - row.used <= max(row.reserve, LOW):
        return Health("warn", say("Only {left} messages left", left=max(row.quota - row.used, 0)), trouble=True)
    if row.failures > 1:
        return Health("warn", say("Failed {times} times in a row", times=row.failures))
    return Health("ok", say("Works")) if row.last_ok_at else Health("mut", say("Not tried yet"))


def last_error(row: MessageAccount) -> Say | str:
    """The last trouble in words."""
    code, _, message = row.last_error.partition(" ")
    return words_of(code, message)


def troubled(session: Session) -> list[tuple[str, Health]]:
    """Routes a person should know about, by name."""
    now = clock.now()
    rows = session.scalars(select(MessageAccount).where(MessageAccount.is_active).order_by(MessageAccount.id))
    return [(row.name, found) for row in rows if (found := health(row, now)).trouble]
