"""Our return follows the channel's as far as our own rules allow: opened, agreed to, sent, called off.

A person's work stays: what has arrived here is counted and settled by people, whatever the channel says. Money that
the channel paid back is never paid by us again; it is taken off what the order owes when the return is settled
(``returns_resolve``).
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from oms.channels.port import ReturnStage
from oms.channels.return_models import ChannelReturn, ReturnWait
from oms.channels.return_reading import ENDED, GOES_ON, LineOut, named_pieces, pieces_of, reason_of, was_sent
from oms.db import Tx
from oms.orders.models import Order
from oms.orders.queries import lock_known
from oms.orders.states import OrderStatus
from oms.returns.models import Return
from oms.returns.queries import lock_returns
from oms.returns.states import Resolution, ReturnKind, ReturnStatus
from oms.usecases.intake_orders import sku_meanings
from oms.usecases.returns import (
    AskedLine,
    DecideReturn,
    RequestReturn,
    SendReturn,
    approve_return,
    call_off_return,
    cancel_return,
    expect_number,
    keep_goods,
    reject_return,
    request_return,
    send_return,
)

S, W, T = ReturnStage, ReturnWait, ReturnStatus
DEAD = (T.REJECTED, T.CANCELED)
BEFORE = (T.REQUESTED, T.APPROVED)
PAID_HERE = (Resolution.REFUND, Resolution.STORE_CREDIT, Resolution.EXCHANGE)
COMING = (*BEFORE, T.IN_TRANSIT)


def follow(tx: Tx, row: ChannelReturn) -> ReturnWait | None:
    """Bring our return to where the channel says it is; answers why that is not possible. Raises OmsError."""
    order = _order(tx, row)
    if order is None:
        return W.NO_ORDER
    row.order_id = order.id
    ret = lock_returns(tx, [row.return_id])[0] if row.return_id else None
    if ret is None or (ret.status in DEAD and _lives_again(row)):
        return _open(tx, row, order)
    return _move(tx, row, order, ret)


def _order(tx: Tx, row: ChannelReturn) -> Order | None:
    """The order, locked; the verbs that follow lock it once more in the same transaction."""
    wanted = select(Order.id).where(Order.shop_id == row.shop_id, Order.external_no == row.order_no)
    order_id = tx.session.scalar(wanted)
    return lock_known(tx, [order_id])[0] if order_id else None


def _lives_again(row: ChannelReturn) -> bool:
    """Whether a dead return of ours is to be followed by another: the channel ended it and goes on after all, or it
    agreed to what was declined here."""
    return row.stage in GOES_ON or (row.ended and row.stage is S.ASKED)


def _open(tx: Tx, row: ChannelReturn, order: Order) -> ReturnWait | None:
    if row.stage in ENDED or order.status in {OrderStatus.CANCELED, OrderStatus.EXPIRED}:
        return None  # nothing is to come, and nothing is owed for it here
    if row.stage is S.UNKNOWN:
        return W.UNKNOWN_STATE
    pieces = _pieces(tx, row, order)
    if isinstance(pieces, ReturnWait):
        return pieces
    row.opened += 1
    note = row.reason or row.status
    done = request_return(tx, RequestReturn(
        order.id, tuple(AskedLine(line_id, n) for line_id, n in sorted(pieces.items())), reason_of(row.reason), note,
        goods_stay=row.goods_stay, tracking_no=row.tracking_no, idempotency_key=f"channel:{row.id}:{row.opened}",
    ))  # fmt: skip
    row.return_id, row.ended = done.return_id, False
    return _move(tx, row, order, lock_returns(tx, [done.return_id])[0])


def _pieces(
    tx: Tx, row: ChannelReturn, order: Order, mine: Mapping[int, int] | None = None
) -> dict[int, int] | ReturnWait:
    """What the channel's return is about, in lines of ours. ``mine``: pieces that are promised to this very return."""
    return pieces_of(_lines(row, order, mine or {}), row.pieces, _meanings(tx, row), row.named)


def _meanings(tx: Tx, row: ChannelReturn) -> dict[str, tuple[int, int]]:
    found = sku_meanings(tx, row.shop_id, set(row.amounts))
    return {word: (meaning.sku_id, meaning.multiplier) for word, meaning in found.items()}


def _lines(row: ChannelReturn, order: Order, own: Mapping[int, int]) -> list[LineOut]:
    return [
        LineOut(
            x.id, x.sku_id, x.shipped,
            x.shipped - x.returned - (0 if row.goods_stay else x.coming_back - own.get(x.id, 0)), x.external_id,
            x.quantity,
        )
        for x in order.lines
    ]  # fmt: skip


def _move(tx: Tx, row: ChannelReturn, order: Order, ret: Return) -> ReturnWait | None:
    """A return of ours that is there already."""
    if row.stage is S.UNKNOWN:
        return W.UNKNOWN_STATE
    if row.stage in ENDED:
        return _end(tx, row, ret)
    if ret.status in DEAD:
        return W.DIFFERS  # declined here, and the channel still asks
    if ret.status not in COMING:  # it is here: people count and settle it
        return W.DIFFERS if row.stage is S.REFUNDED and ret.resolution in PAID_HERE else None
    mine = _promised(ret)
    own = {} if ret.goods_stay else mine
    told = _pieces(tx, row, order, own) if row.amounts else mine
    if isinstance(told, ReturnWait):
        return told
    named = named_pieces(_lines(row, order, own), row.named, _meanings(tx, row)) if row.named else {}
    if _by_sku(order, told) != _by_sku(order, mine) or any(mine.get(line, 0) < n for line, n in named.items()):
        if ret.status not in BEFORE or ret.kind is not ReturnKind.CUSTOMER or not row.opened:
            return W.DIFFERS  # ``opened`` 0: a person attached it
        cancel_return(tx, DecideReturn(ret.id, _said(row)))
        return _open(tx, row, order)
    return _go_on(tx, row, ret)


def _go_on(tx: Tx, row: ChannelReturn, ret: Return) -> ReturnWait | None:
    """As far as the channel is, for goods that are not here yet."""
    if row.goods_stay and not ret.goods_stay and ret.status in BEFORE:
        keep_goods(tx, DecideReturn(ret.id, _said(row)))
    if row.stage in GOES_ON and ret.status is T.REQUESTED:
        approve_return(tx, DecideReturn(ret.id, _said(row)))
    if row.stage in GOES_ON and was_sent(row.heard) and ret.status is T.APPROVED and not ret.goods_stay:
        send_return(tx, SendReturn(ret.id, "", row.tracking_no))
    if row.tracking_no and not ret.tracking_no:
        expect_number(tx, SendReturn(ret.id, "", row.tracking_no))
    return W.DIFFERS if ret.goods_stay != row.goods_stay else None


def _promised(ret: Return) -> dict[int, int]:
    mine: dict[int, int] = {}
    for line in ret.lines:
        mine[line.order_line_id] = mine.get(line.order_line_id, 0) + line.quantity
    return mine


def _by_sku(order: Order, pieces: Mapping[int, int]) -> dict[int, int]:
    """Pieces of each SKU, whichever lines they stand in."""
    skus: dict[int, int] = {line.id: line.sku_id for line in order.lines}
    sums: dict[int, int] = {}
    for line_id, n in pieces.items():
        sums[skus[line_id]] = sums.get(skus[line_id], 0) + n
    return sums


def _end(tx: Tx, row: ChannelReturn, ret: Return) -> ReturnWait | None:
    """Declined or withdrawn there."""
    if ret.status in DEAD:
        return None
    if ret.status not in COMING:
        return None if ret.status is T.RESOLVED else W.DIFFERS  # the goods are here all the same
    verb = call_off_return if ret.status is T.IN_TRANSIT else cancel_return
    if row.stage is S.REFUSED and ret.status is T.REQUESTED:
        verb = reject_return
    verb(tx, DecideReturn(ret.id, _said(row)))
    row.ended = True
    return None


def _said(row: ChannelReturn) -> str:
    return f"{row.external_no}: {row.status}"[:500]
