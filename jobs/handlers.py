"""Which function carries out which outbox topic: the one table a new kind of background work is added to."""

from __future__ import annotations

from collections.abc import Mapping

from jobs import (
    api_hooks,
    carriers,
    channel_days,
    channel_hooks,
    channel_tell,
    channels,
    chats,
    customers,
    exports,
    intake,
    labels,
    messages,
    orders,
    papers,
    privacy,
    slips,
    slips_verify,
    stock,
    tracking,
)
from jobs.context import BULK, CHANNELS, QUICK, Handler, effect, steps
from jobs.schedule import CLEAN, COUNT_CHECKS, EXPIRE, MESSAGES, PACE, RETENTION, TRACK, clean
from oms.usecases.covering import work_out_pace
from oms.usecases.privacy_erase import DROP_FILES

TOPICS: Mapping[str, Handler] = {
    CLEAN: effect(clean),
    api_hooks.TELL: effect(api_hooks.tell),
    api_hooks.TOPIC: steps(api_hooks.deliver, queue=CHANNELS),
    carriers.BOOK: steps(carriers.book),
    carriers.CANCEL: steps(carriers.cancel),
    channels.SYNC: steps(channels.run, queue=CHANNELS, shared=True),
    channel_hooks.HEAR: steps(channel_hooks.hear, queue=CHANNELS, shared=True),
    channel_days.FETCH: steps(channel_days.fetch, queue=CHANNELS),
    channel_days.PROVE: steps(channel_days.prove, queue=CHANNELS),
    channel_days.PROVE_ALL: effect(channel_days.prove_all),
    channel_tell.TELL: steps(channel_tell.tell, queue=CHANNELS, shared=True),
    channels.BACKFILL: steps(channels.backfill, queue=CHANNELS),
    chats.ASK: steps(chats.ask),
    customers.TOPIC: effect(customers.remember),
    exports.TOPIC: steps(exports.walk),
    intake.TOPIC: steps(intake.walk),
    labels.TOPIC: steps(labels.walk),
    messages.TELL: effect(messages.tell),
    messages.SEND: steps(messages.send),
    MESSAGES: steps(messages.sweep),
    orders.TOPIC: steps(orders.bulk),
    papers.TOPIC: steps(papers.walk),
    slips.READ: steps(slips.walk, queue=QUICK),
    slips_verify.TOPIC: steps(slips_verify.walk),
    stock.TOPIC: effect(stock.allocate),
    COUNT_CHECKS: steps(slips_verify.count_left),
    EXPIRE: steps(orders.expire, queue=QUICK),
    TRACK: steps(tracking.poll),
    PACE: effect(work_out_pace),
    RETENTION: effect(privacy.purge, queue=BULK),
    DROP_FILES: effect(privacy.drop_files),
    tracking.HEAR: steps(tracking.hear),
}


def topics_of(queue: str) -> list[str]:
    """The topics whose work waits in a queue."""
    return [topic for topic, handler in TOPICS.items() if handler.queue == queue]


def shared() -> list[str]:
    """The topics of which several rows may ring for one piece of work."""
    return [topic for topic, handler in TOPICS.items() if handler.shared]
