"""How carriers do: the breaker on their rows, trials, and one line for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from oms import audit, clock
from oms.carriers.port import CarrierError, CarrierKeys, CarrierSilent
from oms.db import Tx
from oms.errors import Say, say
from oms.net.breaker import Breaker
from oms.shipping.carrier_models import Carrier
from oms.shipping.carrier_queries import get_carrier
from oms.usecases.bookings import resume_bookings
from oms.usecases.carrier_trouble import told_of

SETTINGS = "settings"  # why a carrier is not asked until a person has looked


def waits(row: Carrier, now: datetime) -> datetime | None:
    """Until when not to ask this carrier; None when asking is fine."""
    return Breaker(row.failures, row.closed_until).waits(now)


def _keep(tx: Tx, carrier_id: int, **values: Any) -> None:
    """Written past the version: what the program counts is no change that somebody's open form would lose."""
    table: Any = Carrier.__table__
    tx.session.execute(update(table).where(table.c.id == carrier_id).values(**values))
    if (row := tx.session.identity_map.get(tx.session.identity_key(Carrier, carrier_id))) is not None:
        tx.session.expire(row)


def note_asking(tx: Tx, row: Carrier) -> None:
    """Somebody asks now: while the breaker is open that is the probe, and others wait for it."""
    breaker = Breaker(row.failures, row.closed_until).asking(clock.now())
    if breaker.closed_until != row.closed_until:
        _keep(tx, row.id, closed_until=breaker.closed_until)


def note_answer(tx: Tx, carrier_id: int, error: CarrierError | None) -> None:
    """A carrier answered, or did not. A refusal of one parcel is an answer: the carrier works."""
    row, now = get_carrier(tx.session, carrier_id), clock.now()
    was = row.stopped
    if error is None or not isinstance(error, CarrierKeys | CarrierSilent):
        _keep(tx, carrier_id, failures=0, closed_until=None, last_ok_at=now)
        return
    told = {"last_error": told_of(error), "last_error_at": now}
    if isinstance(error, CarrierKeys):
        _keep(tx, carrier_id, failures=0, closed_until=None, stopped=SETTINGS, **told)
        if was != SETTINGS:
            audit.record(tx, "carrier.stopped", "carrier", carrier_id, row.name, after={"error": told["last_error"]})
        return
    breaker = Breaker(row.failures, row.closed_until).failed(now, error.retry_after)
    _keep(tx, carrier_id, failures=breaker.failures, closed_until=breaker.closed_until, **told)


def record_trial(tx: Tx, carrier_id: int, error: CarrierError | None) -> None:
    """Keep how a person's try of the connection ended. A good one ends every stop, and what waits is booked."""
    tx.actor.require("carrier.edit")
    row, now = get_carrier(tx.session, carrier_id), clock.now()
    if error is None:
        _keep(tx, carrier_id, failures=0, closed_until=None, stopped="", last_ok_at=now)
        after: dict[str, Any] = {"works": True, "resumed": resume_bookings(tx, carrier_id)}
    else:
        stop = {"stopped": SETTINGS} if isinstance(error, CarrierKeys) else {}
        _keep(tx, carrier_id, last_error=told_of(error), last_error_at=now, **stop)
        after = {"works": False, "error": told_of(error)}
    audit.record(tx, "carrier.tested", "carrier", carrier_id, row.name, after=after)


@dataclass(frozen=True)
class Health:
    """How a carrier's connection does: ``tone`` as pills have it, ``line`` in words; ``trouble`` needs a person."""

    tone: str
    line: Say
    trouble: bool = False


def health(row: Carrier, now: datetime) -> Health:
    """One line about one carrier."""
    if not row.is_active:
        return Health("mut", say("Switched off"))
    if not row.adapter:
        return Health("mut", say("Kept by hand"))
    if row.stopped:
        return Health("bad", say("Stopped: the carrier does not accept our keys"), trouble=True)
    if (until := waits(row, now)) is not None:
        time = f"{clock.local(until):%H:%M}"
        return Health("warn", say("Does not answer; asked again at {time}", time=time), trouble=row.failures > 0)
    if row.failures > 1:
        return Health("warn", say("Failed {times} times in a row", times=row.failures))
    if row.last_error_at is not None and (row.last_ok_at is None or row.last_error_at > row.last_ok_at):
        return Health("warn", say("The last try failed"), trouble=row.last_ok_at is None)
    if row.last_ok_at is not None:
        return Health("ok", say("Works"))
    return Health("mut", say("Not tried yet") if row.secrets else say("No keys yet"))


def troubled(session: Session) -> Sequence[tuple[Carrier, Health]]:
    """Carriers a person should know about."""
    now = clock.now()
    rows = session.scalars(select(Carrier).where(Carrier.is_active, Carrier.adapter != "").order_by(Carrier.id))
    return [(row, found) for row in rows if (found := health(row, now)).trouble]
