"""Reading the returns of shops: those that changed, window by window, and what waits for its order."""

from __future__ import annotations

import logging
from functools import partial

from jobs.channel_line import Line
from oms import clock
from oms.channels.port import Ability, Channel, ChannelCannot, ChannelKeys, ChannelRefused, ReturnPage
from oms.channels.registry import CONNECTORS
from oms.usecases.channel_lease import get_connection
from oms.usecases.channel_returns import ReturnsTaken, TakeReturns, retry_returns, returns_unreadable, take_returns
from oms.usecases.channel_sync import Span, spans_between
from oms.usecases.channel_trouble import told_of

WINDOWS = 10  # read in one turn
PAGES = 200  # of one window; more are read at the next turn
log = logging.getLogger(__name__)


def read_returns(line: Line, lease: str) -> ReturnsTaken:
    """Take in what changed since the last time, then what waits. A channel that refuses returns alone (a permission of
    its own) stops nothing else. Raises ChannelSilent, ChannelExpired or LeftAlone."""
    done = ReturnsTaken()
    with line.unit() as tx:
        row = get_connection(tx, line.connection_id)
        kind, shop_id, begin = CONNECTORS[row.connector].kind, row.shop_id, row.returns_at
    if Ability.RETURNS not in kind.abilities:
        return done
    now = clock.now()
    since = (begin or now - kind.window) - kind.overlap
    try:
        for span in spans_between(since, now, kind.window)[:WINDOWS]:
            _window(line, shop_id, lease, span, done)
    except (ChannelKeys, ChannelRefused, ChannelCannot) as error:
        log.warning("returns of connection %s cannot be read: %s", line.connection_id, error)
        with line.unit() as tx:
            returns_unreadable(tx, line.connection_id, told_of(error))
    with line.unit() as tx:
        retry_returns(tx, line.connection_id, lease)
    return done


def _window(line: Line, shop_id: int, lease: str, span: Span, done: ReturnsTaken) -> None:
    """All pages of a span; it is in only with its last page."""
    cursor = ""
    for _ in range(PAGES):
        page = line.ask(partial(_changed, span=span, cursor=cursor), aside=True)
        until = None if page.cursor else span.until
        with line.unit() as tx:
            done.add(take_returns(tx, TakeReturns(shop_id, page.news, lease, until)))
        cursor = page.cursor
        if not cursor:
            return


def _changed(channel: Channel, span: Span, cursor: str) -> ReturnPage:
    return channel.list_returns(span.since, span.until, cursor)
