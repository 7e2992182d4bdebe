"""A queue of the test's own, and topics that only tests have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

import pytest
import redis
from sqlalchemy import select

from jobs import handlers
from jobs.context import CHANNELS, Handler, effect
from jobs.queue import connect
from oms import outbox
from oms.actor import system
from oms.db import Tx, db, transaction
from oms.errors import External, Refused, say
from oms.numbering import allot
from oms.outbox import Outbox
from oms.settings import Settings

GREET, SHY, AWAY, BROKEN, SHARED = "test.greet", "test.shy", "test.away", "test.broken", "test.shared"


def greet(tx: Tx, *, name: str) -> None:
    """An effect that can be counted."""
    allot(tx, f"greeted {name}")


def shy(tx: Tx) -> None:
    allot(tx, "shy")
    raise Refused(say("Not now"))


def away(tx: Tx) -> None:
    allot(tx, "away")
    raise External(say("Nobody answers"))


def broken(tx: Tx) -> None:
    allot(tx, "broken")
    raise ZeroDivisionError("a bug")


def look(tx: Tx, *, shop: int) -> None:
    allot(tx, f"shop {shop}")


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> None:
    extra: dict[str, Handler] = {
        GREET: effect(greet), SHY: effect(shy), AWAY: effect(away), BROKEN: effect(broken),
        SHARED: replace(effect(look, queue=CHANNELS), shared=True),
    }  # fmt: skip
    monkeypatch.setattr(handlers, "TOPICS", MappingProxyType({**handlers.TOPICS, **extra}))


@pytest.fixture
def connection(settings: Settings) -> Iterator[redis.Redis]:
    made = connect(settings.redis_url)
    made.flushdb()
    yield made
    made.close()


def owe(topic: str, key: str, **payload: int | str) -> int:
    """Write one side effect; returns its row's id."""
    with transaction(system("test")) as tx:
        outbox.add(tx, topic, key, **payload)
        return tx.session.scalar(select(Outbox.id).where(Outbox.key == key))


def row(outbox_id: int) -> Outbox:
    """The row as it is now."""
    db.session.rollback()
    return db.session.get(Outbox, outbox_id, populate_existing=True)


def counted(series: str) -> int:
    """How often an effect happened."""
    db.session.rollback()
    from oms.numbering import NumberSeries

    return db.session.scalar(select(NumberSeries.last).where(NumberSeries.series == series)) or 0


__all__ = ["AWAY", "BROKEN", "GREET", "SHY", "counted", "owe", "row"]
