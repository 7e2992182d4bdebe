"""Webhooks of channels read: what was signed is taken in, what was only hinted at is asked for."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from jobs.carriers import sealer
from jobs.channel_line import ALIVE, LeftAlone, Line, opened
from jobs.channels import Reader
from jobs.context import program
from oms import outbox
from oms.channels.port import Ability, ChannelError, HintKind, OrderNews, WebhookNews
from oms.channels.registry import CONNECTORS
from oms.channels.states import Source
from oms.db import transaction
from oms.outbox import Work
from oms.usecases.channel_hook_shops import pass_on
from oms.usecases.channel_hooks import HEAR, Raw, hear_what_waits, mark_heard, not_heard, waiting_hooks
from oms.usecases.channel_intake import end_run
from oms.usecases.channel_lease import get_connection
from oms.usecases.channel_sync import wake_sync
from oms.usecases.channels import Reached, is_ready, reach

__all__ = ["HEAR", "hear"]
PAGE = 100
TURN_SECONDS = 10.0
log = logging.getLogger(__name__)


def hear(work: Work) -> None:
    """Read the waiting webhooks of one shop, for a while. They wait when the channel cannot be asked."""
    connection_id, after, more = int(work.payload["connection_id"]), 0, False
    end = time.monotonic() + TURN_SECONDS
    with transaction(program(work)) as tx:
        row = get_connection(tx, connection_id)
        reached = reach(row, sealer()) if row.connector in CONNECTORS and is_ready(row) else None
        label = f"{row.shop.code} · {row.connector}"
    while reached is not None:
        with transaction(program(work)) as tx:
            outbox.extend(tx, work.id, ALIVE)
            raws = waiting_hooks(tx, connection_id, after)
        if not raws:
            break
        after = raws[-1].id
        more = _heard(work, reached, label, raws)
        if not more or time.monotonic() > end:
            break
    with transaction(program(work)) as tx:
        outbox.settle(tx, work.id)
        if more:
            hear_what_waits(tx, connection_id)  # others have their turn first


def _heard(work: Work, reached: Reached, label: str, raws: Sequence[Raw]) -> bool:
    """Read some. False when the channel does not answer: the rest is not tried now."""
    news, refused = _read(reached, raws)
    elsewhere = [(raw, news.pop(raw.id).shop) for raw in raws if raw.id in news and news[raw.id].shop]
    if elsewhere:
        with transaction(program(work)) as tx:
            pass_on(tx, reached.id, elsewhere, sealer())
    whole: dict[str, OrderNews] = {}
    for found in news.values():
        if found.trusted:
            whole |= {told.external_no: told for told in found.news if _is_later(told, whole.get(told.external_no))}
    hints = [hint for found in news.values() for hint in found.hints]
    orders = dict.fromkeys(h.number for h in hints if h.kind is HintKind.ORDER and h.number)
    asked = [number for number in orders if number not in whole]
    try:
        _take(work, reached, label, list(whole.values()), asked)
    except (ChannelError, LeftAlone) as error:
        with transaction(program(work)) as tx:
            mark_heard(tx, (), refused)
            not_heard(tx, list(news), str(error))
        return False
    with transaction(program(work)) as tx:
        mark_heard(tx, list(news), refused)
        if any(h.kind is not HintKind.ORDER for h in hints):
            wake_sync(tx, reached.id)
    return True


def _is_later(told: OrderNews, known: OrderNews | None) -> bool:
    """Of two words about an order the later change counts, whichever came last."""
    if known is None or told.updated_at is None or known.updated_at is None:
        return True
    return told.updated_at >= known.updated_at


def _read(reached: Reached, raws: Sequence[Raw]) -> tuple[dict[int, WebhookNews], dict[int, str]]:
    news: dict[int, WebhookNews] = {}
    refused: dict[int, str] = {}
    for raw in raws:
        try:
            news[raw.id] = opened(reached).read_webhook(raw.called)
        except ChannelError as error:
            refused[raw.id] = str(error)
    return news, refused


def _take(work: Work, reached: Reached, label: str, whole: Sequence[OrderNews], asked: Sequence[str]) -> None:
    line = Line(lambda: transaction(program(work)), reached.id, lambda tx: outbox.extend(tx, work.id, ALIVE))
    reader = Reader(line.unit, line, reached.shop_id, label, "")
    kind = CONNECTORS[reached.connector].kind
    try:
        for start in range(0, len(whole), PAGE):
            reader.take(Source.WEBHOOK, whole[start : start + PAGE])
        if asked and Ability.REFRESH in kind.abilities:
            reader.look(asked, kind.refresh_limit, Source.WEBHOOK)
        elif asked:
            with line.unit() as tx:
                wake_sync(tx, reached.id)
    finally:
        with line.unit() as tx:
            end_run(tx, reader.ledger.run_id)
