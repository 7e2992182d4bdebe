"""Take in what channels say of returns: each once by (shop, the channel's number), whatever the order of the news.

The word is kept first. Then our own return follows it (``channel_returns_follow``), where the order is here and its
goods have left; what cannot follow waits, is tried again with every reading of the shop, and is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import exists, or_, select

from oms import audit, clock
from oms.channels.port import ReturnNews
from oms.channels.return_models import ChannelReturn, ReturnWait
from oms.channels.return_reading import KEPT, Known, hear, is_later, kept_amounts, mark_of
from oms.channels.stored import flat
from oms.db import Tx
from oms.errors import OmsError
from oms.intake.queries import one_of
from oms.money import ZERO
from oms.orders.models import Order
from oms.usecases.channel_lease import get_connection, keep, keep_lease
from oms.usecases.channel_returns_follow import follow

AGAIN: Final = timedelta(minutes=10)  # what waits for another reason than its order is tried again so often
AT_ONCE: Final = 100


@dataclass(frozen=True)
class TakeReturns:
    """A page of returns. ``until``: all that changed up to here is in with it."""

    shop_id: int
    news: Sequence[ReturnNews]
    lease: str = ""
    until: datetime | None = None


@dataclass
class ReturnsTaken:
    """What became of a page: all that was received is new, changed or unchanged; ``waiting`` of them wait."""

    received: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    waiting: int = 0

    def add(self, other: ReturnsTaken) -> None:
        """One more page."""
        for term, value in vars(other).items():
            setattr(self, term, getattr(self, term) + value)


def take_returns(tx: Tx, cmd: TakeReturns) -> ReturnsTaken:
    """Take a page in. Raises Conflict when the lease of the reading is somebody else's by now."""
    tx.actor.require("intake.import")
    connection = keep_lease(tx, cmd.shop_id, cmd.lease, None)
    done, now = ReturnsTaken(received=len(cmd.news)), clock.now()
    known = _known(tx, cmd.shop_id, {news.external_no for news in cmd.news})
    fresh: dict[str, ChannelReturn] = {}
    for news in cmd.news:
        row, mark = known.get(news.external_no), mark_of(news)
        if row is None:
            row = ChannelReturn(
                shop_id=cmd.shop_id, external_no=news.external_no, seen_at=now, tried_at=now, heard={}, tracking_no=""
            )
            tx.session.add(row)
            known[news.external_no] = row
            done.new += 1
        elif not is_later(news, mark, Known(row.said_at, row.stage, row.mark)):
            done.unchanged += 1
            if _overheard(row, news):
                fresh[news.external_no] = row
            continue
        elif row.mark == mark:  # the same again, later
            row.said_at, row.heard = news.updated_at, hear(row.heard, news.stage, news.updated_at or now)
            done.unchanged += 1
            continue
        else:
            done.changed += 1
        fresh[news.external_no] = row
        _write(row, news, mark, now)
    tx.session.flush()  # what follows names their ids
    for number in sorted(fresh):
        if fresh[number].closed_at is None:
            follow_one(tx, fresh[number])
    done.waiting = sum(row.wait is not None for row in fresh.values())
    if cmd.until is not None:
        keep(tx, connection.id, returns_at=cmd.until, returns_error="")
    return done


def _known(tx: Tx, shop_id: int, numbers: set[str]) -> dict[str, ChannelReturn]:
    if not numbers:
        return {}
    rows = tx.session.scalars(
        select(ChannelReturn)
        .where(ChannelReturn.shop_id == shop_id, one_of(ChannelReturn.external_no, numbers))
        .order_by(ChannelReturn.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.external_no: row for row in rows}


def _overheard(row: ChannelReturn, news: ReturnNews) -> bool:
    """An older word that came late tells one thing the later ones may not: that the goods were sent, and how."""
    if news.updated_at is None or news.stage not in KEPT:
        return False
    heard, number = hear(row.heard, news.stage, news.updated_at), row.tracking_no or news.tracking_no.strip()[:80]
    changed = (heard, number) != (row.heard, row.tracking_no)
    row.heard, row.tracking_no = heard, number
    return changed


def _write(row: ChannelReturn, news: ReturnNews, mark: str, now: datetime) -> None:
    row.order_no, row.status, row.stage = news.order_no[:120], news.status[:120], news.stage
    row.reason, row.amounts, row.refund = news.reason.strip()[:500], kept_amounts(news), max(news.refund, ZERO)
    row.goods_stay, row.tracking_no = news.goods_stay, news.tracking_no.strip()[:80] or row.tracking_no
    row.heard = hear(row.heard, news.stage, news.updated_at or now)
    row.mark, row.raw, row.said_at, row.changed_at = mark, flat(news.raw), news.updated_at or row.said_at, now


def follow_one(tx: Tx, row: ChannelReturn) -> None:
    """Let our return follow the channel's; a refusal of a rule waits with its sentence and changes nothing else."""
    before = (row.wait, row.wait_note, row.return_id)
    try:
        with tx.session.begin_nested():
            row.wait, row.wait_note = follow(tx, row), ""
    except OmsError as refusal:
        tx.session.refresh(row)
        row.wait, row.wait_note = ReturnWait.REFUSED, str(refusal)[:300]
    row.tried_at = clock.now()
    if before != (row.wait, row.wait_note, row.return_id):
        audit.record(
            tx, "channel.return_followed", "channel_return", row.id, row.external_no,
            before={"wait": before[0]}, after={"wait": row.wait, "channel_status": row.status, "return": row.return_id},
            reason=row.wait_note,
        )  # fmt: skip


def retry_returns(tx: Tx, connection_id: int, lease: str = "") -> int:
    """Try again what waits in a shop: at once where its order is here by now, else now and then. Answers how many were
    tried."""
    tx.actor.require("intake.import")
    shop_id = get_connection(tx, connection_id).shop_id
    keep_lease(tx, shop_id, lease, None)
    arrived = exists().where(Order.shop_id == ChannelReturn.shop_id, Order.external_no == ChannelReturn.order_no)
    lost = ChannelReturn.wait == ReturnWait.NO_ORDER
    rows = tx.session.scalars(
        select(ChannelReturn)
        .where(
            ChannelReturn.shop_id == shop_id, ChannelReturn.wait.is_not(None), ChannelReturn.closed_at.is_(None),
            or_(lost & arrived, ~lost & (ChannelReturn.tried_at < clock.now() - AGAIN)),
        )
        .order_by(ChannelReturn.tried_at, ChannelReturn.id)
        .limit(AT_ONCE)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()  # fmt: skip
    for row in rows:
        follow_one(tx, row)
    return len(rows)


def returns_unreadable(tx: Tx, connection_id: int, why: str) -> None:
    """The channel does not let us read returns (a permission of its own): its orders go on, and it is shown."""
    keep(tx, connection_id, returns_error=why[:300])
