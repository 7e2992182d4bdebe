"""What a person does about messages: sends one again, says what became of it, copies a text, asks to be left alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from oms import audit, clock
from oms.customers.models import Customer
from oms.db import Tx
from oms.errors import Conflict, InvalidInput, NotFound, Refused, say
from oms.notifications.catalogue import Event, Route
from oms.notifications.models import Message, MessageConsent, Notice
from oms.notifications.states import MESSAGE, MessageState, NoticeStatus
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.usecases.keeping import bounded
from oms.usecases.message_ends import move_on
from oms.usecases.notices_expand import expand, ring, route_them
from oms.usecases.notices_people import people, settings_of, ways

_AGAIN = re.compile(r"~(\d+)$")


@dataclass(frozen=True)
class Worked:
    """The message and where it stands now."""

    message_id: int
    state: MessageState


def _lock(tx: Tx, message_id: int) -> Message:
    """A message of an order this person may see, locked."""
    tx.actor.require("message.send")
    message = tx.session.scalars(
        select(Message)
        .where(Message.id == message_id, Message.order_id.in_(visible(tx.actor).with_only_columns(Order.id)))
        .with_for_update(of=Message)
        .options(joinedload(Message.notice))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if message is None:
        raise NotFound(say("There is no such message, or it is not yours to see"), code="message_not_found")
    return message


def _tell(tx: Tx, action: str, message: Message, reason: str = "") -> Worked:
    number = tx.session.scalar(select(Order.number).where(Order.id == message.order_id)) or ""
    after = {"message": message.id, "event": message.event, "route": message.route, "state": message.state}
    audit.record(tx, action, "order", message.order_id, number, after=after, reason=reason)
    return Worked(message.id, message.state)


def _ended(tx: Tx, message: Message, status: NoticeStatus) -> None:
    message.ended_at, message.ended_by = clock.now(), tx.actor.label[:120]
    message.notice.status, message.notice.ended_at = status, clock.now()


def mark_copied(tx: Tx, message_id: int) -> Worked:
    """The text was pasted into the customer's chat. Raises TransitionRefused when it waits no more."""
    message = _lock(tx, message_id)
    MESSAGE.fire(message, "copied")
    _ended(tx, message, NoticeStatus.TOLD)
    return _tell(tx, "message.copied", message)


def skip_copy(tx: Tx, message_id: int) -> Worked:
    """This text is not needed."""
    message = _lock(tx, message_id)
    MESSAGE.fire(message, "skip")
    _ended(tx, message, NoticeStatus.SKIPPED)
    return _tell(tx, "message.skipped", message)


def mark_arrived(tx: Tx, message_id: int) -> Worked:
    """Somebody asked: it did arrive."""
    message = _lock(tx, message_id)
    MESSAGE.fire(message, "arrived")
    _ended(tx, message, NoticeStatus.TOLD)
    return _tell(tx, "message.arrived", message)


def close_message(tx: Tx, message_id: int, reason: str) -> Worked:
    """Leave it as it is, and say why."""
    why = bounded(reason, 300, "reason", missing=say("Say in a few words why"))
    message = _lock(tx, message_id)
    MESSAGE.fire(message, "close")
    _ended(tx, message, NoticeStatus.SKIPPED)
    return _tell(tx, "message.closed", message, why)


def send_again(tx: Tx, message_id: int) -> Worked:
    """It did not arrive: this very message once more, the same way. A new key, because the old one may be spent."""
    message = _lock(tx, message_id)
    if message.notice.status is NoticeStatus.TOLD:
        raise Refused(say("The customer was told another way"), code="told_already")
    MESSAGE.fire(message, "again")
    message.unsure, message.retry_key, message.first_try_at = False, "", None
    message.error, message.error_code, message.ended_at = None, "", None
    message.created_at = message.next_try_at = clock.now()
    message.notice.status, message.notice.at, message.notice.ended_at = NoticeStatus.OPEN, clock.now(), None
    tx.session.flush()  # the sender finds it
    row = {"next_try_at": message.next_try_at, "state": message.state, "notice_id": message.notice_id}
    ring(tx, [row], clock.now())
    return _tell(tx, "message.again", message)


def next_route(tx: Tx, message_id: int) -> Worked:
    """It does not go this way: try the next one at once."""
    message = _lock(tx, message_id)
    if message.state is MessageState.FAILED:
        _retry_elsewhere(tx, message)
    else:
        MESSAGE.check(message, "fail")
        if message.state is MessageState.SENDING:
            raise Conflict(say("It is being sent at this moment; wait a little"), code="being_sent")
        move_on(tx, [message], say("A person chose another route"))
    return _tell(tx, "message.other_route", message)


def _retry_elsewhere(tx: Tx, message: Message) -> None:
    behind = set(tx.session.scalars(select(Message.route).where(Message.notice_id == message.notice_id)))
    found = people(tx, {message.order_id})
    message.notice.status, message.notice.ended_at = NoticeStatus.OPEN, None
    route_them(tx, [(message.notice, found[message.order_id], behind)], ways(tx), settings_of(tx))
    if message.notice.status is not NoticeStatus.OPEN:
        raise Refused(say("No other route reaches this customer"), code="no_route")


@dataclass(frozen=True)
class Resent:
    notice_id: int


def resend(tx: Tx, notice_id: int) -> Resent:
    """Tell it once more, with what holds at this moment, by the route that is best now. Raises Refused while it is
    still on its way."""
    tx.actor.require("message.send")
    notice = tx.session.scalars(
        select(Notice)
        .where(Notice.id == notice_id, Notice.order_id.in_(visible(tx.actor).with_only_columns(Order.id)))
        .with_for_update(of=Notice)
    ).one_or_none()
    if notice is None:
        raise NotFound(say("There is no such message, or it is not yours to see"), code="message_not_found")
    if notice.status is NoticeStatus.OPEN:
        raise Refused(say("It is still on its way"), code="still_open")
    plain = notice.revision.partition("~")[0]
    return _once_more(tx, notice.order_id, notice.event, plain)


def tell_again(tx: Tx, order_id: int, event: Event, revision: str) -> Resent:
    """Tell a customer of something by hand. Raises NotFound for an order that is not theirs to see."""
    tx.actor.require("message.send")
    if tx.session.scalar(visible(tx.actor).with_only_columns(Order.id).where(Order.id == order_id)) is None:
        raise NotFound(say("There is no such order, or it is not yours to see"), code="order_not_found")
    return _once_more(tx, order_id, event, revision)


def _once_more(tx: Tx, order_id: int, event: Event, plain: str) -> Resent:
    said = tx.session.scalars(
        select(Notice.revision).where(
            Notice.order_id == order_id, Notice.event == event,
            (Notice.revision == plain) | Notice.revision.like(f"{plain}~%"),
        )
    ).all()  # fmt: skip
    turns = [int(found.group(1)) if (found := _AGAIN.search(r)) else 1 for r in said]
    revision = f"{plain}~{max(turns) + 1}" if turns else plain
    if not expand(tx, event, [(order_id, revision)], urgent=True).notices:
        raise Refused(
            say("Nothing can be sent: this kind of message or every route is switched off"), code="nothing_sent"
        )
    made = tx.session.scalars(
        select(Notice).where(Notice.order_id == order_id, Notice.event == event, Notice.revision == revision)
    ).one()
    number = tx.session.scalar(select(Order.number).where(Order.id == order_id)) or ""
    audit.record(tx, "message.resent", "order", order_id, number, after={"event": event, "revision": revision})
    return Resent(made.id)


@dataclass(frozen=True)
class SetConsent:
    """What a customer said. ``route`` None: about every route. ``how``: by chat, on the phone, by the link."""

    customer_id: int
    allowed: bool
    route: Route | None = None
    how: str = ""


def set_consent(tx: Tx, cmd: SetConsent) -> None:
    """Write down that a customer does not want messages, or wants them again. Repeating the same adds nothing."""
    tx.actor.require("customer.edit")
    how = bounded(cmd.how, 200, "how", missing=say("Say how the customer told you"))
    customer = tx.session.get(Customer, cmd.customer_id)
    if customer is None:
        raise NotFound(say("There is no such customer"), code="customer_not_found")
    if cmd.route is Route.COPY:
        raise InvalidInput(say("Choose a route"), field="route", code="route")
    last = tx.session.scalar(
        select(MessageConsent.allowed)
        .where(MessageConsent.customer_id == customer.id, MessageConsent.route.is_not_distinct_from(cmd.route))
        .order_by(MessageConsent.id.desc())
        .limit(1)
    )
    if (True if last is None else last) == cmd.allowed:
        return
    tx.session.add(
        MessageConsent(
            customer_id=customer.id, route=cmd.route, allowed=cmd.allowed, how=how, by=tx.actor.label[:120],
            at=clock.now(),
        )
    )  # fmt: skip
    after = {"route": cmd.route.value if cmd.route else "all", "allowed": cmd.allowed}
    audit.record(tx, "customer.message_consent", "customer", customer.id, customer.name, after=after, reason=how)
