"""How connected shops do: one line for people, what waits, and who needs a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from oms import clock
from oms.actor import Actor
from oms.channels.models import ChannelConnection, ChannelDeed, ChannelHook
from oms.channels.registry import CONNECTORS
from oms.channels.states import DeedStatus, HookStatus
from oms.errors import Say, say
from oms.intake.models import IntakeItem
from oms.intake.states import Outcome
from oms.usecases.channel_lease import GRANT, waits
from oms.usecases.channels import needs_grant

ENDS_SOON: Final = timedelta(days=5)
LATE_TURNS: Final = 5  # turns missed before a lag is trouble
SETTLED = (HookStatus.DONE, HookStatus.ELSEWHERE)  # webhooks nobody has to look at


@dataclass(frozen=True)
class Health:
    """How a shop's connection does: ``tone`` as pills have it, ``line`` in words; ``trouble`` needs a person."""

    tone: str
    line: Say
    trouble: bool = False


@dataclass(frozen=True)
class Backlog:
    """What waits in one shop: webhooks unread, webhooks given up or refused, orders in quarantine, words to tell, words
    that need a person."""

    hooks: int = 0
    dead: int = 0
    quarantined: int = 0
    deeds: int = 0
    stuck: int = 0

    @property
    def waiting(self) -> int:
        """What the program works on."""
        return self.hooks + self.deeds

    @property
    def for_people(self) -> int:
        """What waits for a person."""
        return self.dead + self.quarantined + self.stuck


NOTHING = Backlog()


@dataclass(frozen=True)
class Shown:
    """A connection with what is said of it."""

    row: ChannelConnection
    health: Health
    backlog: Backlog = field(default=NOTHING)
    connector: str = ""


def lag(row: ChannelConnection, now: datetime) -> timedelta | None:
    """How old the newest moment is up to which everything was read; None before the first time."""
    return now - row.cursor_at if row.cursor_at is not None and row.last_ok_at is not None else None


def health(row: ChannelConnection, now: datetime) -> Health:
    """One line about one shop."""
    kind = CONNECTORS.get(row.connector)
    if not row.is_active:
        return Health("mut", say("Switched off"))
    if kind is None:
        return Health("bad", say("This connector is not known any more"), trouble=True)
    if row.stopped == GRANT or (needs_grant(kind) and not row.sealed_grant):
        return Health("bad", say("The shop has to let us in: connect again"), trouble=True)
    if row.stopped:
        return Health("bad", say("Stopped: the channel does not accept our keys"), trouble=True)
    if (until := waits(row)) is not None:
        time = f"{clock.local(until):%H:%M}"
        return Health("warn", say("Does not answer; asked again at {time}", time=time), trouble=row.failures > 0)
    if row.failures > 1:
        return Health("warn", say("Failed {n} times in a row", n=row.failures))
    if row.last_ok_at is None:
        return Health("info", say("Not read yet"))
    late = timedelta(seconds=max(kind.cadence, 60) * LATE_TURNS)
    if now - row.last_ok_at > late:
        return Health(
            "warn", say("Late: last read at {time}", time=f"{clock.local(row.last_ok_at):%H:%M}"), trouble=True
        )
    if row.grant_refresh_until is not None and row.grant_refresh_until - now < ENDS_SOON:
        return Health("warn", say("The access ends soon: connect again"), trouble=True)
    return Health("ok", say("Works"))


def connections(session: Session, actor: Actor) -> Sequence[ChannelConnection]:
    """Connected shops this actor may see."""
    statement = select(ChannelConnection).options(joinedload(ChannelConnection.shop)).order_by(ChannelConnection.id)
    if actor.shops is not None:
        statement = statement.where(ChannelConnection.shop_id.in_(sorted(actor.shops)))
    return list(session.scalars(statement))


def backlogs(session: Session, rows: Sequence[ChannelConnection]) -> dict[int, Backlog]:
    """What waits, by shop. Three statements however many shops."""
    shops = {row.id: row.shop_id for row in rows}
    found: dict[int, dict[str, int]] = {shop: {} for shop in shops.values()}
    hooks = (
        select(ChannelHook.connection_id, ChannelHook.status, func.count())
        .where(ChannelHook.connection_id.in_(sorted(shops)), ChannelHook.status.not_in(SETTLED))
        .group_by(ChannelHook.connection_id, ChannelHook.status)
    )
    for connection_id, status, n in session.execute(hooks):
        name = "hooks" if status is HookStatus.WAITING else "dead"
        mine = found[shops[connection_id]]
        mine[name] = mine.get(name, 0) + n
    deeds = (
        select(ChannelDeed.shop_id, ChannelDeed.status, func.count())
        .where(
            ChannelDeed.shop_id.in_(sorted(found)), ChannelDeed.status.not_in([DeedStatus.DONE, DeedStatus.DROPPED])
        )
        .group_by(ChannelDeed.shop_id, ChannelDeed.status)
    )  # fmt: skip
    for shop_id, state, n in session.execute(deeds):
        name = "stuck" if state is DeedStatus.NEEDS_PERSON else "deeds"
        found[shop_id][name] = found[shop_id].get(name, 0) + n
    items: Any = (
        select(IntakeItem.shop_id, func.count())
        .where(IntakeItem.shop_id.in_(sorted(found)), IntakeItem.outcome == Outcome.QUARANTINED)
        .where(IntakeItem.closed_at.is_(None))
        .group_by(IntakeItem.shop_id)
    )
    for shop_id, n in session.execute(items):
        found[shop_id]["quarantined"] = n
    return {shop: Backlog(**counts) for shop, counts in found.items()}


def shown(session: Session, actor: Actor) -> list[Shown]:
    """Every connected shop with its health and what waits in it."""
    rows, now = connections(session, actor), clock.now()
    waiting = backlogs(session, rows)
    return [Shown(row, health(row, now), waiting.get(row.shop_id, NOTHING), name_of(row)) for row in rows]


def name_of(row: ChannelConnection) -> str:
    """What the connector is called."""
    kind = CONNECTORS.get(row.connector)
    return kind.name if kind else row.connector


def count_troubled(session: Session, actor: Actor) -> int:
    """How many shops need somebody, for the menu."""
    now = clock.now()
    return sum(1 for row in connections(session, actor) if health(row, now).trouble)
