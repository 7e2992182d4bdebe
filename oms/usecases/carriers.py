"""Carriers kept in the panel: what they offer and allow, how they are reached. Keys go in sealed and never come out."""

from __future__ import annotations

import re
import secrets as randomness
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oms import audit
from oms.carriers.names import carrier_name
from oms.carriers.registry import ADAPTERS, AdapterKind, check_settings
from oms.db import Tx
from oms.errors import InvalidInput, Refused, say
from oms.money import Money
from oms.sealing import Sealer
from oms.shipping.carrier_models import Carrier
from oms.shipping.carrier_queries import get_carrier
from oms.usecases.keeping import Saved, between, bounded, checked, lock_row, put, refuse_taken
from oms.usecases.masters import Edit
from oms.usecases.secret_fields import merged_secrets, opened_secrets, option_checks

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_CODE = re.compile(r"[a-z][a-z0-9_]{1,23}")
_RUNAWAY = re.compile(r"\)(\+|\*|\{\d+,\})")  # a repeated group may take for ever on a number that does not fit
MAX_SERVICES = 40


@dataclass(frozen=True)
class CarrierFacts:
    """What is kept of a carrier. ``code`` and ``name`` count when it is made and never change; None: no limit."""

    code: str = ""
    name: str = ""
    services: tuple[tuple[str, str], ...] = ()
    tracking_url: str = ""
    number_pattern: str = ""
    cod_allowed: bool = False
    cod_limit: Money | None = None
    max_weight_grams: int | None = None
    max_side_cm: int | None = None
    max_girth_cm: int | None = None
    cut_off: str = ""
    phone: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class Connection:
    """How a carrier is reached. ``adapter`` "": not at all, and its keys are forgotten."""

    adapter: str
    host: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def create_carrier(tx: Tx, facts: CarrierFacts) -> Saved:
    """A carrier of the shop's own."""
    tx.actor.require("carrier.edit")
    named = checked(code=lambda: _code(facts.code), name=lambda: _name(facts.name))
    fields = _fields(facts)
    refuse_taken(tx, Carrier.code, named["code"], "code")
    refuse_taken(tx, Carrier.name, named["name"], "name")
    row = Carrier(hook_token=_token(), **named, **fields)
    tx.session.add(row)
    tx.session.flush()  # the audit row names it
    audit.record(tx, "carrier.created", "carrier", row.id, row.name, after={**named, **fields})
    return Saved(row.id)


def edit_carrier(tx: Tx, edit: Edit, facts: CarrierFacts) -> Saved:
    """Change what a carrier offers and allows. Its name stands on parcels and stays."""
    tx.actor.require("carrier.edit")
    row = lock_row(tx, Carrier, edit.id, edit.version)
    before, after = put(row, _fields(facts))
    if not after:
        return Saved(row.id, changed=False)
    audit.record(tx, "carrier.changed", "carrier", row.id, row.name, before=before, after=after)
    return Saved(row.id)


def connect_carrier(tx: Tx, edit: Edit, given: Connection, sealer: Sealer) -> Saved:
    """Say how a carrier is reached. Another address or another adapter needs the keys anew: who may edit it must not
    be able to send stored keys to a server of their choice. What it was stopped for is forgotten."""
    tx.actor.require("carrier.edit")
    row = lock_row(tx, Carrier, edit.id, edit.version)
    if not given.adapter:
        fields: dict[str, Any] = {"adapter": "", "host": "", "options": {}}
        secrets: dict[str, str] = {}
        entered = bool(row.secrets)
    else:
        kind = _kind(given.adapter)
        fields = _reached(kind, given)
        moved = (kind.code, _places(fields)) != (row.adapter, _places(vars(row)))
        kept = {} if moved else opened_secrets(sealer, row.secrets, kind.fields, given.secrets)
        secrets = merged_secrets(kind.fields, kept, given.secrets)
        check_settings(kind.code, fields["host"], fields["options"])
        entered = moved or any(given.secrets.get(name) for name in kind.secret_names)
    before, after = put(row, fields)
    if entered:
        row.secrets = sealer.seal(secrets) if secrets else b""
        after["secrets"] = sorted(secrets)
    if not after:
        return Saved(row.id, changed=False)
    row.failures, row.closed_until, row.stopped, row.last_error = 0, None, "", ""
    audit.record(tx, "carrier.connected", "carrier", row.id, row.name, before=before, after=after)
    return Saved(row.id)


def renew_hook(tx: Tx, carrier_id: int) -> str:
    """A new address for the carrier's webhooks; the old one is dead at once."""
    tx.actor.require("carrier.edit")
    row = lock_row(tx, Carrier, carrier_id)
    row.hook_token = _token()
    audit.record(tx, "carrier.hook_renewed", "carrier", row.id, row.name)
    return row.hook_token


@dataclass(frozen=True)
class Reached:
    """Everything to reach a carrier, without the database. Never shown, never logged."""

    id: int
    adapter: str
    host: str
    settings: Mapping[str, str] = field(repr=False)


def reach(row: Carrier, sealer: Sealer) -> Reached:
    """How to reach this carrier. Raises Refused when it has no adapter, or no key of this installation opens its
    secrets."""
    if not row.adapter:
        raise Refused(say("{carrier} has no connection; enter its keys first", carrier=row.name), code="not_connected")
    opened = sealer.open(row.secrets) if row.secrets else {}
    return Reached(row.id, row.adapter, row.host, {**row.options, **opened})


def open_connection(tx: Tx, carrier_id: int, sealer: Sealer) -> Reached:
    """For a try of the connection by a person."""
    tx.actor.require("carrier.edit")
    return reach(get_carrier(tx.session, carrier_id), sealer)


def _token() -> str:
    return randomness.token_urlsafe(32)


def _places(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Where keys are sent to."""
    return facts["host"], facts["options"].get("hook_host", "")


def _kind(code: str) -> AdapterKind:
    found = ADAPTERS.get(code)
    if found is None:
        raise InvalidInput(say("Choose a connection"), field="adapter", code="carrier_adapter")
    return found


def _reached(kind: AdapterKind, given: Connection) -> dict[str, Any]:
    checks: dict[str, Callable[[], Any]] = {"host": lambda: bounded(given.host, 200, "host") or kind.host}
    found = checked(**checks, **option_checks(kind.fields, given.options))
    options = {f.name: found[f.name] for f in kind.fields if not f.secret and found[f.name]}
    return {"adapter": kind.code, "host": found["host"], "options": options}


def _code(text: str) -> str:
    code = text.strip().lower()
    if not _CODE.fullmatch(code):
        raise InvalidInput(
            say("Use 2 to 24 small letters and digits, a letter first"), field="code", code="carrier_code"
        )
    return code


def _name(text: str) -> str:
    return carrier_name(bounded(text, 80, "name", missing=say("Enter a name")))


def _fields(facts: CarrierFacts) -> dict[str, Any]:
    """The columns, checked. Raises InvalidInput with every problem."""
    return checked(
        services=lambda: _services(facts.services),
        tracking_url=lambda: _url(facts.tracking_url),
        number_pattern=lambda: _pattern(facts.number_pattern),
        cod_limit=lambda: _limit(facts.cod_limit),
        max_weight_grams=lambda: _most(facts.max_weight_grams, 2_000_000, "max_weight_grams"),
        max_side_cm=lambda: _most(facts.max_side_cm, 2_000, "max_side_cm"),
        max_girth_cm=lambda: _most(facts.max_girth_cm, 6_000, "max_girth_cm"),
        cut_off=lambda: _time(facts.cut_off),
        phone=lambda: bounded(facts.phone, 40, "phone"),
    ) | {"cod_allowed": facts.cod_allowed, "is_active": facts.is_active}


def _services(given: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    found: dict[str, str] = {}
    for code, name in given:
        key = bounded(code, 40, "services", missing=say("Every service needs a code"))
        if key in found:
            raise InvalidInput(say("“{code}” is there twice", code=key), field="services", code="service_twice")
        found[key] = bounded(name, 80, "services") or key
    if len(found) > MAX_SERVICES:
        raise InvalidInput(say("At most {n} services", n=MAX_SERVICES), field="services", code="services_many")
    return [{"code": code, "name": name} for code, name in found.items()]


def _url(text: str) -> str:
    url = bounded(text, 300, "tracking_url")
    if url and not (url.startswith("https://") and "{number}" in url):
        raise InvalidInput(
            say("The link must begin with https:// and hold {mark} where the number goes", mark="{number}"),
            field="tracking_url",
            code="tracking_url",
        )
    return url


def _pattern(text: str) -> str:
    pattern = bounded(text, 200, "number_pattern")
    try:
        re.compile(pattern)
    except re.error:
        wrong = True
    else:
        wrong = bool(_RUNAWAY.search(pattern))
    if wrong:
        raise InvalidInput(
            say("This is no pattern that can be used"), field="number_pattern", code="number_pattern"
        )  # fmt: skip
    return pattern


def _limit(amount: Money | None) -> Money | None:
    if amount is not None and amount.amount <= 0:
        raise InvalidInput(say("Enter an amount above zero, or leave it empty"), field="cod_limit", code="cod_limit")
    return amount


def _most(value: int | None, most: int, name: str) -> int | None:
    return None if value is None else between(value, 1, most, name)


def _time(text: str) -> str:
    found = text.strip().replace(".", ":")
    if found and not _TIME.fullmatch(found):
        raise InvalidInput(say("Enter a time such as 16:30, or leave it empty"), field="cut_off", code="cut_off")
    return found
