"""Answers to buyers who asked their channel to cancel: yes cancels the order here, no lets work go on."""

from __future__ import annotations

from oms import clock
from oms.channels.port import Ability
from oms.channels.registry import CONNECTORS
from oms.channels.states import DeedKind
from oms.db import Tx
from oms.errors import NotFound, Refused, say
from oms.orders.models import Order
from oms.orders.states import CancelReason, HoldReason
from oms.usecases.channel_deeds import Word, owe_words
from oms.usecases.channel_lease import of_shop
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_holds import ReleaseHold, release_hold


def answer_buyer(tx: Tx, order_id: int, *, agree: bool) -> None:
    """Answer a buyer who asked the channel to cancel. Agreeing cancels the order here; refusing lets work go on."""
    order = tx.session.get(Order, order_id)
    if order is None or not tx.actor.sees_shop(order.shop_id):
        raise NotFound(say("There is no such order, or it is not yours to see"), code="order_not_found")
    row = of_shop(tx, order.shop_id)
    if Ability.ANSWER_CANCEL not in CONNECTORS[row.connector].abilities:
        raise Refused(say("This channel takes the answer only at its own page"), code="no_answer_cancel")
    if agree:
        cancel_order(tx, CancelOrder(order_id, CancelReason.CUSTOMER, ""))
        return
    release_hold(tx, ReleaseHold(order_id, HoldReason.CHANNEL_CANCEL_REQUEST))
    owe_words(tx, [Word(order, DeedKind.REFUSE_CANCEL, mark=str(int(clock.now().timestamp())))])
