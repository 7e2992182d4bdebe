"""What we tell a channel about an order: accepted, sent, canceled, an answer to who wants to cancel, a label asked for.

Each word is a row, written in the transaction of what happened here. It is told when its turn comes; after a silence
the channel is looked at before the word is repeated; what it refuses goes to a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import or_, select, text

from oms import audit, clock, outbox
from oms.channels.models import ChannelConnection, ChannelDeed, ChannelOrder
from oms.channels.port import (
    Ability,
    ChannelCannot,
    ChannelChoice,
    ChannelError,
    ChannelKeys,
    ChannelNotReady,
    ChannelSilent,
    OrderNews,
    Shipping,
)
from oms.channels.registry import CONNECTORS
from oms.channels.states import DEED, DeedKind, DeedStatus
from oms.db import Tx, insert_rows
from oms.errors import NotFound, say
from oms.intake.records import PROGRESS, Stage
from oms.orders.models import Order
from oms.outbox import Owed
from oms.usecases.channel_lease import waits
from oms.usecases.channel_trouble import raw_of, told_of
from oms.usecases.channels import is_ready

TELL = "channel.tell"
CHOICES = "choices"  # of a word's facts: the channel's own names, by its numbers, when it did not know ours
NEEDS: Mapping[DeedKind, Ability] = {
    DeedKind.ACCEPT: Ability.ACCEPT, DeedKind.SHIP: Ability.SHIP, DeedKind.CANCEL: Ability.CANCEL,
    DeedKind.AGREE_CANCEL: Ability.ANSWER_CANCEL, DeedKind.REFUSE_CANCEL: Ability.ANSWER_CANCEL,
    DeedKind.LABEL: Ability.LABEL,
}  # fmt: skip
TURN: Final = 2  # seconds: words of that long are told together
ASKING: Final = timedelta(seconds=90)  # whoever asks and does not come back by then is gone
PAUSES: Final = (5, 20, 60, 300, 900, 1800, 3600, 7200)  # seconds between tries
D = DeedStatus
OPEN = (D.WAITING, D.UNSURE, D.ASKED)


@dataclass(frozen=True)
class Word:
    """Something to tell of one order. ``facts``: tracking_no, carrier, reason."""

    order: Order
    kind: DeedKind
    facts: Mapping[str, str] = field(default_factory=dict)
    mark: str = ""


def owe_words(tx: Tx, words: Sequence[Word], *, switch: str = "") -> int:
    """Owe words about orders of connected shops whose channel can hear them; returns how many. ``switch`` names the
    connection's switch that must be on. A word is owed once."""
    mine = [w for w in words if w.order.external_no]
    if not mine:
        return 0
    rows = tx.session.scalars(
        select(ChannelConnection).where(ChannelConnection.shop_id.in_(sorted({w.order.shop_id for w in mine})))
    )
    able = {row.shop_id: CONNECTORS[row.connector].abilities for row in rows if _hears(row, switch)}
    owed = [w for w in mine if NEEDS[w.kind] in able.get(w.order.shop_id, frozenset())]
    if not owed:
        return 0
    keys = {_key(w): w for w in owed}
    known = set(tx.session.scalars(select(ChannelDeed.key).where(ChannelDeed.key.in_(sorted(keys)))))
    at = clock.now()
    fresh = [
        {
            "shop_id": w.order.shop_id, "order_id": w.order.id, "external_no": w.order.external_no, "kind": w.kind,
            "key": key, "status": D.WAITING, "facts": dict(w.facts), "attempts": 0, "raw_code": "", "reason": "",
            "created_at": at, "created_by": tx.actor.label[:120], "next_try_at": at, "version": 1,
        }
        for key, w in keys.items()
        if key not in known
    ]  # fmt: skip
    insert_rows(tx, ChannelDeed, fresh)
    return len(fresh)


def _hears(row: ChannelConnection, switch: str) -> bool:
    return row.is_active and row.connector in CONNECTORS and (not switch or bool(getattr(row, switch)))


def _key(word: Word) -> str:
    return f"{word.order.id}:{word.kind}" + (f":{word.mark}" if word.mark else "")


def owe_shipped(tx: Tx, orders: Iterable[Order], told: Mapping[int, Mapping[str, object]]) -> None:
    """Goods left our hands: the channel is told, with the number of the parcel."""
    words = [
        Word(
            order, DeedKind.SHIP,
            {"tracking_no": str(told[order.id]["tracking_no"]), "carrier": str(told[order.id]["carrier"])},
            str(told[order.id]["shipment"])[:40],
        )
        for order in orders
    ]  # fmt: skip
    owe_words(tx, words, switch="tells_shipping")


def owe_canceled(tx: Tx, order: Order, reason: str) -> None:
    """We canceled: the channel is told; a buyer who asked for it there is told yes."""
    if not order.external_no:
        return
    asked = tx.session.scalar(
        select(ChannelOrder.cancel_asked).where(
            ChannelOrder.shop_id == order.shop_id, ChannelOrder.external_no == order.external_no
        )
    )
    if asked and owe_words(tx, [Word(order, DeedKind.AGREE_CANCEL)]):
        return
    owe_words(tx, [Word(order, DeedKind.CANCEL, {"reason": reason})])


_NEW = text("""
SELECT o.id FROM channel_orders c JOIN orders o ON o.id = c.order_id
WHERE c.shop_id = :shop AND c.is_open AND NOT c.cancel_asked AND o.board = 'ready'
  AND NOT EXISTS (SELECT 1 FROM channel_deeds d WHERE d.order_id = o.id AND d.kind IN ('accept', 'ship'))
ORDER BY o.id LIMIT :most
""")


def owe_accepts(tx: Tx, connection: ChannelConnection, most: int = 200) -> int:
    """Orders that are ready to be sent are accepted at the channel, when the shop is switched to it."""
    if not connection.accepts:
        return 0
    ids = list(tx.session.scalars(_NEW, {"shop": connection.shop_id, "most": most}))
    orders = tx.session.scalars(select(Order).where(Order.id.in_(ids))).all() if ids else []
    return owe_words(tx, [Word(order, DeedKind.ACCEPT) for order in orders], switch="accepts")


def owe_turns(tx: Tx) -> int:
    """Ring for shops that have words to be told now; returns how many."""
    now = clock.now()
    due = or_(ChannelDeed.status != D.ASKED, ChannelDeed.asked_at < now - ASKING)
    shops = tx.session.scalars(
        select(ChannelDeed.shop_id)
        .where(ChannelDeed.status.in_(OPEN), ChannelDeed.next_try_at <= now, due)
        .distinct()
    ).all()  # fmt: skip
    if not shops:
        return 0
    rows = tx.session.scalars(select(ChannelConnection).where(ChannelConnection.shop_id.in_(shops))).all()
    turn = int(now.timestamp()) // TURN
    ready = [row.id for row in rows if is_ready(row) and waits(row) is None]
    outbox.add_many(tx, [Owed(TELL, f"{TELL}:{i}:{turn}", {"connection_id": i}) for i in ready])
    return len(ready)


@dataclass(frozen=True)
class Asked:
    """A word that is being told. ``look_first``: it was told before and nobody knows what became of it."""

    id: int
    kind: DeedKind
    external_no: str
    facts: Mapping[str, Any]
    look_first: bool


def begin_word(tx: Tx, connection_id: int) -> Asked | None:
    """The next word of a shop, taken; None when nothing is due."""
    now = clock.now()
    shop = select(ChannelConnection.shop_id).where(ChannelConnection.id == connection_id).scalar_subquery()
    gone = or_(ChannelDeed.status != D.ASKED, ChannelDeed.asked_at < now - ASKING)
    row = tx.session.scalars(
        select(ChannelDeed)
        .where(ChannelDeed.shop_id == shop, ChannelDeed.status.in_(OPEN), ChannelDeed.next_try_at <= now, gone)
        .order_by(ChannelDeed.next_try_at, ChannelDeed.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    unsure = row.status is not D.WAITING
    DEED.fire(row, "ask")
    row.attempts += 1
    row.asked_at = now
    return Asked(row.id, row.kind, row.external_no, dict(row.facts), unsure)


def is_done(kind: DeedKind, news: OrderNews | None) -> bool:
    """Whether the channel's word about the order shows that ours arrived."""
    if news is None or news.order is None:
        return False
    stage = news.order.stage
    if kind in {DeedKind.CANCEL, DeedKind.AGREE_CANCEL}:
        return stage is Stage.CANCELED
    if kind is DeedKind.REFUSE_CANCEL:
        return not news.order.cancel_requested and stage is not Stage.CANCELED
    gone = stage is not Stage.CANCELED and PROGRESS[stage] >= PROGRESS[Stage.SHIPPED]
    if kind is DeedKind.ACCEPT:
        return gone or (stage is Stage.TO_SHIP and bool(news.order.tracking))
    return gone


def word_told(tx: Tx, deed_id: int, answer: Shipping | None = None) -> ChannelDeed:
    """The channel took it."""
    row = _lock(tx, deed_id)
    if row.status is D.DONE:
        return row
    DEED.fire(row, "done")
    row.done_at, row.reason, row.raw_code = clock.now(), "", ""
    if answer is not None:
        row.facts = {**row.facts, **{k: v for k, v in vars(answer).items() if v}}
    if row.kind is DeedKind.ACCEPT:
        order = tx.session.get_one(Order, row.order_id)
        owe_words(tx, [Word(order, DeedKind.LABEL)], switch="accepts")
    after = {"kind": row.kind.value, "facts": row.facts}
    audit.record(tx, "channel.told", "order", row.order_id, row.external_no, after=after)
    return row


def word_failed(tx: Tx, deed_id: int, error: ChannelError) -> None:
    """It was not taken: told again later when that may help, looked at first when nobody knows, else for a person."""
    row = _lock(tx, deed_id)
    row.raw_code = error.raw_code
    row.reason = str(error)[:500] if isinstance(error, ChannelChoice) else told_of(error)
    if isinstance(error, ChannelChoice):
        row.facts = {**row.facts, CHOICES: error.choices}
    pause = timedelta(seconds=PAUSES[min(row.attempts, len(PAUSES)) - 1])
    if isinstance(error, ChannelNotReady):
        pause = max(pause, error.retry_after or pause)
    row.next_try_at = clock.now() + pause
    again = isinstance(error, ChannelSilent) and row.attempts <= len(PAUSES)
    if again and getattr(error, "reached", True) and row.kind is not DeedKind.LABEL:
        DEED.fire(row, "silence")
    elif again or isinstance(error, ChannelKeys):
        DEED.fire(row, "wait")
    else:
        DEED.fire(row, "refuse")
        after = {"kind": row.kind.value, "error": raw_of(error)}
        audit.record(tx, "channel.refused", "order", row.order_id, row.external_no, after=after)


def word_put_off(tx: Tx, deed_id: int, why: str) -> None:
    """The channel is left alone at the moment."""
    row = _lock(tx, deed_id)
    row.attempts -= 1
    row.reason, row.next_try_at = why[:500], clock.now() + timedelta(minutes=1)
    DEED.fire(row, "wait")


def tell_again(tx: Tx, deed_id: int) -> None:
    """A person has looked: tell it once more."""
    tx.actor.require("intake.resolve")
    row = _mine(tx, deed_id)
    DEED.fire(row, "retry")
    row.attempts, row.next_try_at = 0, clock.now()
    audit.record(tx, "channel.retold", "order", row.order_id, row.external_no, after={"kind": row.kind.value})


def drop_word(tx: Tx, deed_id: int, reason: str) -> None:
    """It need not be told: done by hand at the channel, or not wanted any more."""
    tx.actor.require("intake.resolve")
    row = _mine(tx, deed_id)
    DEED.fire(row, "drop")
    row.reason = reason.strip()[:500] or row.reason
    after = {"kind": row.kind.value}
    audit.record(tx, "channel.dropped", "order", row.order_id, row.external_no, after=after, reason=reason)


def _lock(tx: Tx, deed_id: int) -> ChannelDeed:
    return tx.session.get_one(ChannelDeed, deed_id, with_for_update=True, populate_existing=True)


def _mine(tx: Tx, deed_id: int) -> ChannelDeed:
    row = tx.session.get(ChannelDeed, deed_id, with_for_update=True, populate_existing=True)
    if row is None or not tx.actor.sees_shop(row.shop_id):
        raise NotFound(say("There is no such record"), code="record_not_found")
    return row


def cannot(kind: DeedKind) -> ChannelCannot:
    """The connector lost the ability since the word was owed."""
    return ChannelCannot(say("This channel does not offer that by its interface"), raw_code=kind.value)
