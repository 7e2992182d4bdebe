"""Days proven and missing orders fetched: the channel is asked for its numbers, then for what nothing here knows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime
from functools import partial

from jobs.channel_line import Line
from jobs.channels import Reader
from jobs.context import program
from oms import outbox
from oms.channels.port import Ability, Channel, NumberPage
from oms.channels.registry import CONNECTORS
from oms.channels.states import Source
from oms.db import Tx, transaction
from oms.outbox import Work
from oms.usecases.channel_days import FETCH_AT_ONCE, PROVE, PROVE_ALL, bounds, prove_all, record_day, unknown_numbers
from oms.usecases.channel_intake import end_run
from oms.usecases.channel_lease import get_connection
from oms.usecases.channel_sync import FETCH

__all__ = ["FETCH", "PROVE", "PROVE_ALL", "fetch", "prove", "prove_all"]


def _reader(work: Work) -> tuple[Callable[[], AbstractContextManager[Tx]], Reader, int, frozenset[Ability]]:
    def unit() -> AbstractContextManager[Tx]:
        return transaction(program(work))

    connection_id = int(work.payload["connection_id"])
    with unit() as tx:
        row = get_connection(tx, connection_id)
        kind = CONNECTORS[row.connector].kind
        label, shop_id = f"{row.shop.code} · {row.connector}", row.shop_id
    line = Line(unit, connection_id, lambda tx: outbox.extend(tx, work.id))
    return unit, Reader(unit, line, shop_id, label, ""), kind.refresh_limit, kind.abilities


def fetch(work: Work) -> None:
    """Ask for orders by number and take them in."""
    unit, reader, limit, _ = _reader(work)
    try:
        reader.look([str(n) for n in work.payload["numbers"]], limit, Source(str(work.payload["source"])))
    finally:
        with unit() as tx:
            end_run(tx, reader.ledger.run_id)
    with unit() as tx:
        outbox.settle(tx, work.id)


def _numbers(channel: Channel, start: datetime, end: datetime, cursor: str) -> NumberPage:
    return channel.list_numbers(start, end, cursor)


def prove(work: Work) -> None:
    """Ask for the numbers of a day; what is missing here is fetched at once, and the day is counted again."""
    unit, reader, limit, abilities = _reader(work)
    day = date.fromisoformat(str(work.payload["day"]))
    start, end = bounds(day)
    numbers: set[str] = set()
    cursor = ""
    while True:
        page = reader.line.ask(partial(_numbers, start=start, end=end, cursor=cursor))
        numbers |= set(page.numbers)
        cursor = page.cursor
        if not cursor:
            break
    with unit() as tx:
        missing = unknown_numbers(tx, reader.shop_id, numbers)[:FETCH_AT_ONCE]
    try:
        if missing and Ability.REFRESH in abilities:
            reader.look(missing, limit, Source.GAP)
    finally:
        with unit() as tx:
            end_run(tx, reader.ledger.run_id)
    with unit() as tx:
        record_day(tx, reader.shop_id, day, numbers, reader.ledger.created)
        outbox.settle(tx, work.id)
