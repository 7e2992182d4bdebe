"""Reading shops: changes by windows, open orders by number, webhooks; no transaction is open while anybody answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.exc import DBAPIError

from jobs.channel_line import ALIVE, LeftAlone, Line, Unit
from jobs.channel_returns import read_returns
from jobs.context import program
from jobs.offers import look_at_listings
from oms import clock, outbox
from oms.channels.port import Ability, Channel, ChannelError, ChannelRefused, OrderNews, OrderPage
from oms.channels.registry import CONNECTORS
from oms.channels.states import Source
from oms.db import Tx, transaction
from oms.errors import Conflict, OmsError, say
from oms.intake.records import CellProblem
from oms.outbox import Work
from oms.usecases.channel_deeds import owe_accepts
from oms.usecases.channel_hooks import hear_what_waits
from oms.usecases.channel_intake import Ledger, TakePage, end_run, looked_in_vain, take_page
from oms.usecases.channel_lease import Move, begin, end, extend_lease, get_connection
from oms.usecases.channel_sync import BACKFILL, SYNC, Span, close_left_runs, next_span, spans_between, to_look_at
from oms.usecases.channels import is_ready

__all__ = ["BACKFILL", "SYNC", "backfill", "run", "sync"]
ROUNDS = 40  # windows in one turn; a shop that lags goes on at its next turn
LOOKS = 200  # open orders looked at in one turn
POISON = (OmsError, DBAPIError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
log = logging.getLogger(__name__)


class Reader:
    """One run of one shop under its lease."""

    def __init__(self, unit: Unit, line: Line, shop_id: int, label: str, lease: str) -> None:
        self.unit, self.line, self.shop_id, self.label, self.lease = unit, line, shop_id, label, lease
        self.ledger = Ledger()

    def take(self, source: Source, news: Sequence[OrderNews], move: Move | None = None) -> None:
        """Take a page in, the cursor with it. One that breaks is taken order by order, so that only the order it
        breaks on waits."""
        page = TakePage(self.shop_id, source, news, self.label, self.ledger.run_id, lease=self.lease, move=move)
        try:
            self._commit(page)
        except Conflict:
            raise
        except POISON as bad:
            log.warning("a page of shop %s is taken order by order: %s", self.shop_id, bad)
            for one in news:
                self._take_one(source, one)
            with self.unit() as tx:
                take_page(tx, TakePage(self.shop_id, source, (), self.label, lease=self.lease, move=move))

    def _take_one(self, source: Source, news: OrderNews) -> None:
        page = TakePage(self.shop_id, source, (news,), self.label, self.ledger.run_id, lease=self.lease)
        try:
            self._commit(page)
        except Conflict:
            raise
        except POISON as bad:
            log.exception("order %s of shop %s waits for a person", news.external_no, self.shop_id)
            told = say("This order cannot be taken in: {why}", why=f"{type(bad).__name__}: {bad}"[:300])
            poison = CellProblem(0, "", "poison", told)
            self._commit(replace(page, poison=poison))

    def _commit(self, page: TakePage) -> None:
        """One page in one commit; it counts when the commit stands."""
        with self.unit() as tx:
            done = take_page(tx, page)
        self.ledger.add(done)

    def window(self, source: Source, span: Span, *, moves: bool) -> None:
        """Read one window page by page. A page mark that is no longer taken starts the window anew, once."""
        page, again = span.page, bool(span.page)
        while True:
            try:
                found = self.line.ask(partial(_changed, span=span, page=page))
            except ChannelRefused:
                if not again:
                    raise
                page, again = "", False
                continue
            move = None
            if moves:
                move = Move(window_until=span.until, page=found.cursor) if found.cursor else Move(until=span.until)
            self.take(source, found.news, move)
            if not found.cursor:
                return
            page = found.cursor

    def look(self, numbers: Sequence[str], limit: int, source: Source = Source.REFRESH) -> None:
        """Ask for orders by number. Those the channel does not know are left as they are."""
        for start in range(0, len(numbers), limit):
            some = list(numbers[start : start + limit])
            found = self.line.ask(partial(_refreshed, numbers=some))
            self.take(source, found)
            told = {news.external_no for news in found}
            with self.unit() as tx:
                looked_in_vain(tx, self.shop_id, [n for n in some if n not in told])


def _changed(channel: Channel, span: Span, page: str) -> OrderPage:
    return channel.list_changed(span.since, span.until, page)


def _refreshed(channel: Channel, numbers: Sequence[str]) -> tuple[OrderNews, ...]:
    return channel.refresh(numbers)


def sync(
    unit: Unit, connection_id: int, *, since: datetime | None = None, until: datetime | None = None,
    beat: Callable[[Tx], None] = lambda _: None, told: Ledger | None = None,
) -> Ledger | None:  # fmt: skip
    """Read what changed in a shop. None when somebody reads it at this moment. Raises ChannelError or LeftAlone; what
    was taken in until then stays in, and ``told`` has it. ``since``: read that span, whatever the cursor says."""
    with unit() as tx:
        lease = begin(tx, connection_id)
        if not lease:
            return None
        row = get_connection(tx, connection_id)
        if not is_ready(row):
            end(tx, connection_id, lease)
            raise LeftAlone(say("{shop} is not asked now", shop=row.shop.code))
        close_left_runs(tx, row.shop_id)
        kind, shop_id, label = CONNECTORS[row.connector], row.shop_id, f"{row.shop.code} · {row.connector}"

    def alive(tx: Tx) -> None:
        beat(tx)
        extend_lease(tx, connection_id, lease)

    line = Line(unit, connection_id, alive)
    reader = Reader(unit, line, shop_id, label, lease)
    reader.ledger = told if told is not None else reader.ledger
    try:
        if since is not None:
            for span in spans_between(since, until or clock.now(), kind.kind.window):
                reader.window(Source.BACKFILL, span, moves=False)
        elif Ability.LIST in kind.abilities:
            _follow(unit, reader, connection_id, kind.kind.overlap, kind.kind.window)
        if since is None:
            with unit() as tx:
                numbers = to_look_at(tx, connection_id, LOOKS)
            reader.look(numbers, kind.kind.refresh_limit)
            look_at_listings(line)
        with unit() as tx:
            hear_what_waits(tx, connection_id)
            owe_accepts(tx, get_connection(tx, connection_id))
        if since is None:
            read_returns(line, lease)
    finally:
        with unit() as tx:
            end_run(tx, reader.ledger.run_id)
            end(tx, connection_id, lease)
    return reader.ledger


def _follow(unit: Unit, reader: Reader, connection_id: int, overlap: timedelta, window: timedelta) -> None:
    """Window after window up to the moment this began."""
    now = clock.now()
    for _ in range(ROUNDS):
        with unit() as tx:
            span = next_span(tx, connection_id, overlap, window, now)
        if span is None:
            return
        reader.window(Source.POLL, span, moves=True)


def run(work: Work) -> None:
    """One turn of one shop, as the clock or a person asked for it. Trouble is kept on the connection; the next turn
    tries again."""
    _carry_out(work, None, None)


def backfill(work: Work) -> None:
    """Read a span again."""
    since, until = (datetime.fromisoformat(str(work.payload[n])) for n in ("since", "until"))
    _carry_out(work, since, until)


def _carry_out(work: Work, since: datetime | None, until: datetime | None) -> None:
    def beat(tx: Tx) -> None:
        outbox.extend(tx, work.id, ALIVE)

    connection_id = int(work.payload["connection_id"])
    try:
        ledger = sync(lambda: transaction(program(work)), connection_id, since=since, until=until, beat=beat)
    except (ChannelError, LeftAlone) as error:
        if since is not None:
            raise  # a person asked for these days: the row tells what became of it
        log.warning("sync of connection %s ends early: %s", connection_id, error)
    else:
        if ledger is None and since is not None:
            raise LeftAlone(say("Somebody else reads this shop by now"))
    with transaction(program(work)) as tx:
        outbox.settle(tx, work.id)
