"""Work on orders that wait for their money: reminding the buyer, giving more time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from oms import audit, clock
from oms.db import Tx
from oms.errors import InvalidInput, Refused, say
from oms.orders.models import Order
from oms.orders.queries import lock_order
from oms.orders.states import OrderStatus, PaymentTerm
from oms.payments.reminders import PaymentReminder
from oms.payments.rules import spell_age
from oms.usecases import derived

AGAIN_AFTER = timedelta(hours=2)  # before that another reminder is nagging
MOST_HOURS = 7 * 24


@dataclass(frozen=True)
class RemindBuyer:
    """The buyer was told what is missing, by whatever chat the clerk used."""

    order_id: int


@dataclass(frozen=True)
class ExtendExpiry:
    """Give the buyer so many hours more, counted from the end of the time they have, or from now when it is over."""

    order_id: int
    hours: int


@dataclass(frozen=True)
class Extended:
    expires_at: datetime


def remind_buyer(tx: Tx, cmd: RemindBuyer) -> None:
    """Write down that a buyer was reminded. Raises Refused when somebody just did, or nothing is missing."""
    tx.actor.require("payment.claim")
    order = lock_order(tx, cmd.order_id)
    missing = derived.read_facts(tx, [order])[order.id].money.missing
    if order.status is not OrderStatus.CONFIRMED or order.payment_term is not PaymentTerm.PREPAID or not missing:
        raise Refused(say("No transfer is waited for"), code="nothing_missing")
    last = last_reminder(tx, order)
    if last and clock.now() - last.at < AGAIN_AFTER:
        raise Refused(
            say("{who} reminded them {age} ago", who=last.by, age=spell_age(clock.now() - last.at)), code="reminded"
        )
    tx.session.add(
        PaymentReminder(order_id=order.id, missing=missing, at=clock.now(), by_id=tx.actor.user_id, by=tx.actor.label)
    )
    audit.record(tx, "payment.reminded", "order", order.id, order.number, after={"amount": missing})


def last_reminder(tx: Tx, order: Order) -> PaymentReminder | None:
    """The latest reminder of an order."""
    return tx.session.scalars(
        select(PaymentReminder).where(PaymentReminder.order_id == order.id).order_by(PaymentReminder.id.desc()).limit(1)
    ).one_or_none()


def extend_expiry(tx: Tx, cmd: ExtendExpiry) -> Extended:
    """Let an unpaid order live longer; its stock stays promised. Raises Refused when it does not expire."""
    tx.actor.require("payment.claim")
    check_hours(cmd.hours)
    order = lock_order(tx, cmd.order_id)
    if order.status is not OrderStatus.CONFIRMED or order.expires_at is None:
        raise Refused(say("This order does not expire"), code="no_expiry")
    before, now = order.expires_at, clock.now()
    wanted = max(before, now) + timedelta(hours=cmd.hours)
    if wanted > now + timedelta(hours=MOST_HOURS):
        raise Refused(say("At most {n} days from now", n=MOST_HOURS // 24), code="expiry_far")
    order.expires_at = wanted
    audit.record(
        tx, "order.expiry_extended", "order", order.id, order.number,
        before={"expires_at": before}, after={"expires_at": wanted},
    )  # fmt: skip
    return Extended(wanted)


def check_hours(hours: int) -> None:
    """Raise InvalidInput for a time nobody means."""
    if not 1 <= hours <= MOST_HOURS:
        raise InvalidInput(say("From 1 to {most} hours", most=MOST_HOURS), field="hours", code="hours_range")
