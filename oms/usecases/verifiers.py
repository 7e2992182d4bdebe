"""Accounts at slip verifiers: set up, changed, tried, switched off. Secrets go in sealed and never come out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from oms import audit, clock
from oms.banks.verifiers.port import Answer, Quota
from oms.banks.verifiers.registry import PROVIDERS, Provider
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Say, say
from oms.net.silence import words_of
from oms.net.transport import check_host, secure
from oms.payments.models import ReceivingAccount
from oms.payments.slip_models import VerifierAccount
from oms.payments.states import CheckOutcome
from oms.sealing import Sealer
from oms.usecases.keeping import Saved, bounded, checked, lock_row, put, refuse_taken
from oms.usecases.masters import Edit
from oms.usecases.secret_fields import merged_secrets, opened_secrets, option_checks
from oms.usecases.slips_verify import STOPS, resume_waiting

LOW_QUOTA = 50


@dataclass(frozen=True)
class VerifierFacts:
    """What is entered. ``account_id`` None: for slips to any of our accounts. A secret left empty stays as it is."""

    provider: str
    name: str
    host: str = ""
    account_id: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_active: bool = True


def create_verifier(tx: Tx, facts: VerifierFacts, sealer: Sealer) -> Saved:
    """Set a verifier up; slips that wait are asked about at once."""
    tx.actor.require("shop.edit")
    provider = _provider(facts.provider)
    fields = _fields(tx, facts, provider)
    refuse_taken(tx, VerifierAccount.name, fields["name"], "name")
    secrets = merged_secrets(provider.fields, {}, facts.secrets)
    _check_tls({**fields["options"], **secrets})
    row = VerifierAccount(provider=provider.code, secrets=sealer.seal(secrets), **fields)
    tx.session.add(row)
    tx.session.flush()  # the audit row and the questions name it
    after = {"provider": provider.code, **fields, "secrets": sorted(secrets)}
    audit.record(tx, "verifier.created", "verifier", row.id, row.name, after=after)
    resume_waiting(tx, f"{row.id}.1")
    return Saved(row.id)


def edit_verifier(tx: Tx, edit: Edit, facts: VerifierFacts, sealer: Sealer) -> Saved:
    """Change a verifier. Another address needs the secrets anew: who may edit it must not be able to send stored
    secrets to a server of their choice. What it was stopped for is forgotten, so that it is tried again."""
    tx.actor.require("shop.edit")
    row = lock_row(tx, VerifierAccount, edit.id, edit.version)
    provider = _provider(row.provider)
    fields = _fields(tx, facts, provider)
    refuse_taken(tx, VerifierAccount.name, fields["name"], "name", row.id)
    moved = fields["host"] != row.host
    kept = {} if moved else opened_secrets(sealer, row.secrets, provider.fields, facts.secrets)
    secrets = merged_secrets(provider.fields, kept, facts.secrets)
    _check_tls({**fields["options"], **secrets})
    before, after = put(row, fields)
    entered = sorted(name for name in provider.secret_names if facts.secrets.get(name))
    if entered or moved:
        row.secrets = sealer.seal(secrets)
        after["secrets"] = entered
    if not after:
        return Saved(row.id, changed=False)
    row.failures, row.closed_until, row.stopped = 0, None, ""
    tx.session.flush()  # the mark of this change is its version
    audit.record(tx, "verifier.changed", "verifier", row.id, row.name, before=before, after=after)
    if row.is_active:
        resume_waiting(tx, f"{row.id}.{row.version}")
    return Saved(row.id)


def _provider(code: str) -> Provider:
    found = PROVIDERS.get(code)
    if found is None:
        raise InvalidInput(say("Choose a provider"), field="provider", code="verifier_provider")
    return found


def _fields(tx: Tx, facts: VerifierFacts, provider: Provider) -> dict[str, Any]:
    """The plain fields, checked. Raises InvalidInput with every problem."""
    known = set(tx.session.scalars(select(ReceivingAccount.id)))
    parts: dict[str, Any] = {
        "name": lambda: bounded(facts.name, 80, "name", missing=say("Enter a name")),
        "host": lambda: check_host(bounded(facts.host, 200, "host") or provider.host),
        "account_id": lambda: _account(facts.account_id, known),
    }
    fields = checked(**parts, **option_checks(provider.fields, facts.options))
    options = {e.name: fields.pop(e.name) for e in provider.fields if not e.secret}
    return fields | {"options": {k: v for k, v in options.items() if v}, "is_active": facts.is_active}


def _account(account_id: int | None, known: set[int]) -> int | None:
    if account_id is not None and account_id not in known:
        raise InvalidInput(say("Choose one of our accounts"), field="account_id", code="account_unknown")
    return account_id


def _check_tls(settings: Mapping[str, str]) -> None:
    if settings.get("certificate") or settings.get("authority"):
        secure(settings.get("certificate", ""), settings.get("certificate_key", ""), settings.get("authority", ""))


@dataclass(frozen=True)
class Opened:
    """Everything to reach a verifier, without the database. Never shown, never logged."""

    id: int
    provider: str
    host: str
    settings: Mapping[str, str] = field(repr=False)


def open_settings(tx: Tx, verifier_id: int, sealer: Sealer) -> Opened:
    """For a try of the connection. Raises Refused when no key of this installation opens the secrets."""
    tx.actor.require("shop.edit")
    row = _get(tx, verifier_id)
    return Opened(row.id, row.provider, row.host, {**row.options, **sealer.open(row.secrets)})


def _get(tx: Tx, verifier_id: int) -> VerifierAccount:
    row = tx.session.get(VerifierAccount, verifier_id)
    if row is None:
        raise NotFound(say("There is no such record"), code="record_not_found")
    return row


def open_for_counting(tx: Tx) -> list[int]:
    """Verifiers whose checks are counted, for a look at what is left; what needs other settings is left alone."""
    tx.actor.require("shop.edit")
    rows = select(VerifierAccount.id).where(
        VerifierAccount.is_active, VerifierAccount.stopped != "settings",
        or_(VerifierAccount.quota_left.is_not(None), VerifierAccount.stopped == "quota"),
    )  # fmt: skip
    return list(tx.session.scalars(rows.order_by(VerifierAccount.id)))


def record_trial(tx: Tx, verifier_id: int, result: Quota | Answer, *, by_itself: bool = False) -> None:
    """Keep how a try of the connection ended. A good one ends every stop, and slips that wait are asked about.
    ``by_itself``: nobody asked for it, so only what changed for people is written to the audit."""
    tx.actor.require("shop.edit")
    row, now = _get(tx, verifier_id), clock.now()
    was = row.stopped
    if isinstance(result, Quota):
        empty = result.left is not None and result.left <= 0
        values: dict[str, Any] = {
            "failures": 0, "closed_until": None, "last_ok_at": now, "quota_left": result.left,
            "stopped": "quota" if empty else "",
        }  # fmt: skip
        after: dict[str, Any] = {"works": True, "quota_left": result.left}
        if not empty and row.is_active and (was or not by_itself):
            resume_waiting(tx, f"{row.id}.trial.{now.isoformat(timespec='seconds')}")
    else:
        error = f"{result.code} {result.message}".strip()[:300]
        values = {"last_error": error, "last_error_at": now}
        if result.outcome in STOPS:
            values["stopped"] = STOPS[result.outcome]
        after = {"works": False, "outcome": result.outcome, "error": error}
    table: Any = VerifierAccount.__table__  # past the version, like all that the program counts
    tx.session.execute(update(table).where(table.c.id == verifier_id).values(**values))
    if not by_itself or values.get("stopped", was) != was:
        audit.record(tx, "verifier.tested", "verifier", row.id, row.name, after=after)
    tx.session.expire(row)


@dataclass(frozen=True)
class Health:
    """How a verifier does: ``tone`` as pills have it, ``line`` in words; ``trouble`` needs a person."""

    tone: str
    line: Say
    trouble: bool = False


def health(row: VerifierAccount, now: datetime) -> Health:
    """One line about one verifier."""
    if not row.is_active:
        return Health("mut", say("Switched off"))
    if row.stopped == STOPS[CheckOutcome.QUOTA]:
        return Health("bad", say("Stopped: no checks left in the package"), trouble=True)
    if row.stopped:
        return Health("bad", say("Stopped: the service does not accept our settings"), trouble=True)
    if row.closed_until is not None and row.closed_until > now:
        until = f"{clock.local(row.closed_until):%H:%M}"
        return Health("warn", say("Does not answer; asked again at {time}", time=until), trouble=True)
    if row.failures > 1:
        return Health("warn", say("Failed {times} times in a row", times=row.failures))
    if row.last_error_at is not None and (row.last_ok_at is None or row.last_error_at > row.last_ok_at):
        return Health("warn", say("The last try failed"), trouble=row.last_ok_at is None)
    if row.quota_left is not None and row.quota_left <= LOW_QUOTA:
        return Health("warn", say("Only {left} checks left", left=row.quota_left), trouble=True)
    return Health("ok", say("Works")) if row.last_ok_at else Health("mut", say("Not tried yet"))


def last_error(row: VerifierAccount) -> Say | str:
    """The last trouble in words."""
    code, _, message = row.last_error.partition(" ")
    return words_of(code, message)


def troubled(session: Session) -> Sequence[tuple[str, Health]]:
    """Verifiers a person should know about, by name: for the cashier's screens."""
    now = clock.now()
    rows = session.scalars(select(VerifierAccount).where(VerifierAccount.is_active).order_by(VerifierAccount.id))
    return [(row.name, found) for row in rows if (found := health(row, now)).trouble]
