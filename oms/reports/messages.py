"""What was said to customers, for reading: the log, one notice with all its ways, texts that wait to be copied."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from oms import clock
from oms.actor import Actor
from oms.errors import NotFound, say
from oms.notifications.catalogue import Event, Route
from oms.notifications.models import Message, MessageConsent, Notice
from oms.notifications.states import MessageState, NoticeStatus
from oms.orders.models import Order
from oms.orders.queries import visible

LAST = timedelta(days=30)


@dataclass(frozen=True)
class Asked:
    """What the log is asked for; None: all."""

    status: NoticeStatus | None = None
    event: Event | None = None
    route: Route | None = None
    words: str = ""


def _own(actor: Actor) -> ColumnElement[bool] | None:
    """Notices of the orders this person may see; None: all."""
    if not _is_limited(actor):
        return None
    return Notice.order_id.in_(visible(actor).with_only_columns(Order.id))


def log(actor: Actor, asked: Asked) -> Select[Notice]:
    """The log, newest first: in three statements whatever the number of rows."""
    rows = select(Notice).options(
        joinedload(Notice.order).joinedload(Order.shop), selectinload(Notice.messages).joinedload(Message.account)
    )
    if (own := _own(actor)) is not None:
        rows = rows.where(own)
    if asked.status is not None:
        rows = rows.where(Notice.status == asked.status)
    if asked.event is not None:
        rows = rows.where(Notice.event == asked.event)
    if asked.route is not None:
        rows = rows.where(Notice.id.in_(select(Message.notice_id).where(Message.route == asked.route)))
    if asked.words:
        named = select(Order.id).where((Order.number == asked.words.upper()) | (Order.external_no == asked.words))
        reached = select(Message.notice_id).where(Message.recipient == asked.words)
        rows = rows.where(Notice.order_id.in_(named) | Notice.id.in_(reached))
    return rows.order_by(Notice.at.desc(), Notice.id.desc())


def of_order(session: Session, order_id: int) -> Sequence[Notice]:
    """What the buyer of an order was told, newest first."""
    rows = (
        select(Notice)
        .where(Notice.order_id == order_id)
        .options(selectinload(Notice.messages).joinedload(Message.account))
        .order_by(Notice.at.desc(), Notice.id.desc())
        .limit(100)
    )
    return session.scalars(rows).all()


def notice_page(session: Session, actor: Actor, notice_id: int) -> Notice:
    """One notice with its order and every way it was tried. Raises NotFound."""
    found = session.scalars(log(actor, Asked()).where(Notice.id == notice_id)).one_or_none()
    if found is None:
        raise NotFound(say("There is no such message, or it is not yours to see"), code="message_not_found")
    return found


def count_of(actor: Actor, state: MessageState) -> Select[int]:
    """How many messages of this person's orders are in a state; for the menu."""
    rows = select(func.count()).select_from(Message).where(Message.state == state)
    if _is_limited(actor):
        rows = rows.where(Message.order_id.in_(visible(actor).with_only_columns(Order.id)))
    return rows


def _is_limited(actor: Actor) -> bool:
    return actor.shops is not None or actor.warehouses is not None or actor.own_orders_only


def to_copy(actor: Actor) -> Select[Message]:
    """Texts that wait to be copied into a chat, the oldest first."""
    rows = (
        select(Message)
        .where(Message.state == MessageState.TO_COPY)
        .options(joinedload(Message.order).joinedload(Order.shop), joinedload(Message.notice))
        .order_by(Message.id)
    )
    if _is_limited(actor):
        rows = rows.where(Message.order_id.in_(visible(actor).with_only_columns(Order.id)))
    return rows


def status_counts(session: Session, actor: Actor) -> dict[NoticeStatus, int]:
    """How many are on their way and how many need a person; what is done is not counted."""
    rows = select(Notice.status, func.count()).where(Notice.status.in_([NoticeStatus.OPEN, NoticeStatus.TROUBLE]))
    if (own := _own(actor)) is not None:
        rows = rows.where(own)
    return {status: int(count) for status, count in session.execute(rows.group_by(Notice.status))}


def spent(session: Session) -> list[tuple[Route, int, int]]:
    """Per route, what was sent in the last month: messages and parts."""
    rows = session.execute(
        select(Message.route, func.count(), func.coalesce(func.sum(Message.parts), 0))
        .where(
            Message.created_at > clock.now() - LAST, Message.state.in_([MessageState.SENT, MessageState.COPIED])
        )
        .group_by(Message.route)
        .order_by(func.count().desc())
    )  # fmt: skip
    return [(route, int(count), int(parts)) for route, count, parts in rows]


def consents(session: Session, customer_ids: Collection[int]) -> Sequence[MessageConsent]:
    """What these customers said about being told, newest first."""
    rows = select(MessageConsent).where(MessageConsent.customer_id.in_(sorted(customer_ids)))
    return session.scalars(rows.order_by(MessageConsent.id.desc()).limit(50)).all()
