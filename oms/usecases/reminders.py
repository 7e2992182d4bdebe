"""Reminding buyers of a payment: by a clerk's click, and by the clock before an order expires."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from oms import audit, clock
from oms.db import Tx
from oms.errors import Refused, say
from oms.notifications.catalogue import Event
from oms.notifications.models import MessageAccount
from oms.orders.models import Order
from oms.orders.states import Board, OrderStatus, PaymentTerm
from oms.payments.reminders import PaymentReminder
from oms.usecases import derived, notices
from oms.usecases.notices_people import settings_of
from oms.usecases.parked import RemindBuyer, last_reminder, remind_buyer

AT_ONCE = 500
NOT_AGAIN = timedelta(hours=12)  # who was reminded by a clerk is left alone by the clock


def send_reminder(tx: Tx, order_id: int) -> None:
    """Remind the buyer by message. Raises Refused when somebody just did, when nothing is missing, or when no route is
    switched on."""
    tx.actor.require("message.send")
    if tx.session.scalar(select(MessageAccount.id).where(MessageAccount.is_active).limit(1)) is None:
        raise Refused(say("No route is switched on; set one up first"), code="no_route")
    remind_buyer(tx, RemindBuyer(order_id))
    tx.session.flush()  # the reminder names itself
    last = last_reminder(tx, tx.session.get_one(Order, order_id))
    mark = last.id if last else 0
    notices.tell(tx, Event.REMINDER, [(order_id, notices.of_reminder(mark))], urgent=True)


def remind_expiring(tx: Tx) -> int:
    """Remind buyers whose orders are about to expire, each once; returns how many. Nothing when it is switched off."""
    hours = settings_of(tx).remind_hours
    if not hours:
        return 0
    now = clock.now()
    since = select(PaymentReminder.id).where(
        PaymentReminder.order_id == Order.id, PaymentReminder.at > now - timedelta(hours=hours) - NOT_AGAIN
    )
    orders: Sequence[Order] = tx.session.scalars(
        select(Order)
        .where(
            Order.board == Board.WAITING_PAYMENT, Order.status == OrderStatus.CONFIRMED,
            Order.payment_term == PaymentTerm.PREPAID, Order.expires_at > now,
            Order.expires_at < now + timedelta(hours=hours), ~since.exists(),
        )
        .order_by(Order.expires_at)
        .limit(AT_ONCE)
        .with_for_update(of=Order, skip_locked=True)
    ).all()  # fmt: skip
    facts = derived.read_facts(tx, orders)
    rows = [
        PaymentReminder(order_id=o.id, missing=facts[o.id].money.missing, at=now, by=tx.actor.label) for o in orders
    ]
    tx.session.add_all(rows)
    tx.session.flush()  # what is told names them
    audit.record_many(
        tx,
        [
            audit.Entry("payment.reminded", "order", o.id, o.number, after={"amount": facts[o.id].money.missing})
            for o in orders
        ],
    )
    notices.tell(tx, Event.REMINDER, [(r.order_id, notices.of_reminder(r.id)) for r in rows])
    return len(orders)
