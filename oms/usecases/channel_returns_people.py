"""What a person does with a channel's return that found no way in by itself: attach it, try it again, put it aside."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from oms import audit, clock
from oms.channels.return_models import ChannelReturn
from oms.db import Tx
from oms.errors import Conflict, InvalidInput, NotFound, Refused, say
from oms.orders.models import Order
from oms.orders.queries import NO_ID
from oms.returns.models import Return
from oms.returns.queries import visible_returns
from oms.usecases.channel_lease import keep_lease
from oms.usecases.channel_returns import follow_one
from oms.usecases.keeping import bounded


@dataclass(frozen=True)
class AttachReturn:
    """The channel's return is this one of ours, by its number."""

    channel_return_id: int
    number: str
    version: int | None = None


@dataclass(frozen=True)
class PutAside:
    """Nothing is to become of it here, with a word why."""

    channel_return_id: int
    note: str
    version: int | None = None


def attach_return(tx: Tx, cmd: AttachReturn) -> ChannelReturn:
    """Say which return of ours a channel's return is: one opened by hand, or one that came without a word. Raises
    InvalidInput for a number that is none of this shop's, Refused when it is another one's already."""
    tx.actor.require("return.approve")
    number = bounded(cmd.number, 40, "number", missing=say("Type the number of a return"))
    row = _lock(tx, cmd.channel_return_id, cmd.version)
    ret = tx.session.scalars(
        visible_returns(tx.actor).where(Return.number == number.upper(), Return.order.has(Order.shop_id == row.shop_id))
    ).one_or_none()
    if ret is None or (row.order_id is not None and row.order_id != ret.order_id):
        raise InvalidInput(
            say("“{number}” is no return of this order", number=number), field="number", code="return_not_found"
        )
    taken = select(ChannelReturn.external_no).where(ChannelReturn.return_id == ret.id, ChannelReturn.id != row.id)
    if (other := tx.session.scalar(taken)) is not None:
        raise Refused(
            say("{number} is return {other} of the channel already", number=ret.number, other=other),
            code="return_taken",
        )
    row.order_id, row.return_id, row.opened, row.ended = ret.order_id, ret.id, 0, False
    row.closed_at, row.closed_label, row.close_note = None, "", ""
    audit.record(tx, "channel.return_attached", "channel_return", row.id, row.external_no, after={"return": ret.number})
    tx.session.flush()  # what follows reads it
    follow_one(tx, row)
    return row


def try_return(tx: Tx, channel_return_id: int) -> ChannelReturn:
    """Try once more to let a return here follow it."""
    tx.actor.require("return.approve")
    row = _lock(tx, channel_return_id, None)
    row.closed_at, row.closed_label, row.close_note = None, "", ""
    follow_one(tx, row)
    return row


def put_aside(tx: Tx, cmd: PutAside) -> None:
    """It waits no more. Later words of the channel are kept, and follow nothing until somebody tries it again."""
    tx.actor.require("return.approve")
    note = bounded(cmd.note, 500, "note", missing=say("Say in a few words why"))
    row = _lock(tx, cmd.channel_return_id, cmd.version)
    if row.closed_at is not None or row.wait is None:
        raise Refused(say("It does not wait any more"), code="return_not_waiting")
    row.closed_at, row.closed_label, row.close_note = clock.now(), tx.actor.label[:120], note
    after = {"wait": row.wait, "channel_status": row.status}
    audit.record(tx, "channel.return_aside", "channel_return", row.id, row.external_no, after=after, reason=note)


def _lock(tx: Tx, channel_return_id: int, version: int | None) -> ChannelReturn:
    """A channel's return of a shop one sees, locked: the shop's connection first, as its readings do it."""
    wanted = select(ChannelReturn.shop_id).where(ChannelReturn.id == min(channel_return_id, NO_ID))
    shop_id = tx.session.scalar(wanted)
    if shop_id is None or not tx.actor.sees_shop(shop_id):
        raise NotFound(say("There is no such return, or it is not yours to see"), code="return_not_found")
    keep_lease(tx, shop_id, "", None)
    row = tx.session.get_one(ChannelReturn, channel_return_id, with_for_update=True, populate_existing=True)
    if version is not None and row.version != version:
        raise Conflict(say("Someone else worked on this return; reload and look again"), code="stale")
    return row
