"""People who wrote to our chats, for reading: the list, one of them with their words, and where a chat is opened."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session, joinedload

from oms.actor import Actor
from oms.customers.models import Customer, CustomerIdentity, IdentityKind
from oms.notifications.catalogue import Route
from oms.notifications.meta import WINDOW
from oms.notifications.models import MessageAccount, MessageContact
from oms.notifications.writers import ChatWords, ChatWriter
from oms.thai.phone import find_phones
from oms.usecases.chat_writers import IDENTITY

TOGETHER: Final = timedelta(hours=24)  # words this close to the last ones belong to the same talk
MOST: Final = 60
_WINDOWED: Final = frozenset({Route.MESSENGER, Route.INSTAGRAM})


@dataclass(frozen=True)
class AskedWriters:
    """What the list is asked for; None and "": all."""

    route: Route | None = None
    linked: bool | None = None
    words: str = ""


@dataclass(frozen=True)
class Talk:
    """What belongs to one writer. ``open_until``: until when their platform takes an answer; None: without limit."""

    customer: Customer | None = None
    last: ChatWords | None = None
    gone: bool = False
    open_until: datetime | None = None


def _identity() -> ColumnElement[bool]:
    """Joins a writer's account and row to the identity that links them."""
    return or_(
        *(
            (MessageAccount.route == route)
            & (CustomerIdentity.kind == kind)
            & (CustomerIdentity.external_id == ChatWriter.address)
            for route, kind in IDENTITY.items()
        )
    )


def writers(actor: Actor, asked: AskedWriters) -> Select[ChatWriter]:
    """Who wrote, the latest first, over the accounts this person works for."""
    rows = select(ChatWriter).join(ChatWriter.account).options(joinedload(ChatWriter.account))
    if actor.shops is not None:
        rows = rows.where(MessageAccount.shop_id.is_(None) | MessageAccount.shop_id.in_(sorted(actor.shops)))
    if asked.route is not None:
        rows = rows.where(MessageAccount.route == asked.route)
    if asked.linked is not None:
        known = (
            select(literal(1)).select_from(CustomerIdentity).where(_identity()).correlate(ChatWriter, MessageAccount)
        )
        rows = rows.where(known.exists() if asked.linked else ~known.exists())
    if asked.words:
        called = (
            select(literal(1))
            .select_from(CustomerIdentity)
            .join(Customer, Customer.id == CustomerIdentity.customer_id)
            .where(_identity(), Customer.name.icontains(asked.words, autoescape=True))
            .correlate(ChatWriter, MessageAccount)
        )
        rows = rows.where(ChatWriter.name.icontains(asked.words, autoescape=True) | called.exists())
    return rows.order_by(ChatWriter.last_at.desc(), ChatWriter.id.desc())


def talks(session: Session, found: Sequence[ChatWriter]) -> dict[int, Talk]:
    """What belongs to each of these, in three statements."""
    ids = [row.id for row in found]
    if not ids:
        return {}
    rank = func.row_number().over(partition_by=ChatWords.writer_id, order_by=(ChatWords.at.desc(), ChatWords.id.desc()))
    newest = select(ChatWords.id, rank.label("rank")).where(ChatWords.writer_id.in_(ids)).subquery()
    last = {
        row.writer_id: row
        for row in session.scalars(
            select(ChatWords).join(newest, newest.c.id == ChatWords.id).where(newest.c.rank == 1)
        )
    }  # fmt: skip
    people = customers_of(session, found)
    gone = set(
        session.execute(
            select(MessageContact.route, MessageContact.address).where(
                tuple_(MessageContact.route, MessageContact.address).in_([(w.account.route, w.address) for w in found]),
                MessageContact.unreachable_at.is_not(None),
            )
        )
        .all()
    )  # fmt: skip
    return {
        w.id: Talk(
            people.get(w.id), last.get(w.id), (w.account.route, w.address) in gone,
            w.last_at + WINDOW if w.account.route in _WINDOWED else None,
        )
        for w in found
    }  # fmt: skip


def customers_of(session: Session, found: Sequence[ChatWriter]) -> dict[int, Customer]:
    """The customer each of these writers is, by the writer's id."""
    wanted = {(IDENTITY[w.account.route], w.address): w.id for w in found if w.account.route in IDENTITY}
    if not wanted:
        return {}
    rows = session.execute(
        select(CustomerIdentity.kind, CustomerIdentity.external_id, Customer)
        .join(Customer, Customer.id == CustomerIdentity.customer_id)
        .where(tuple_(CustomerIdentity.kind, CustomerIdentity.external_id).in_(sorted(wanted)))
    )
    by_identity = {(kind, external_id): person for kind, external_id, person in rows}
    return {
        w.id: by_identity[key] for w in found if (key := (IDENTITY[w.account.route], w.address)) in by_identity
    }  # fmt: skip


def words_of(session: Session, writer_id: int, most: int = MOST) -> list[ChatWords]:
    """Their latest words, the oldest of them first."""
    rows = (
        select(ChatWords)
        .where(ChatWords.writer_id == writer_id)
        .order_by(ChatWords.at.desc(), ChatWords.id.desc())
        .limit(most)
    )
    return list(reversed(session.scalars(rows).all()))


def talk_text(words: Sequence[ChatWords]) -> str:
    """The last talk as one text, as the entry screen reads chats."""
    said = [w for w in words if w.body]
    if not said:
        return ""
    since = said[-1].at - TOGETHER
    return "\n".join(w.body for w in said if w.at >= since)


def likely_customers(session: Session, words: Sequence[ChatWords]) -> list[Customer]:
    """Customers whose phone these words name."""
    phones = find_phones(talk_text(words))[:5]
    if not phones:
        return []
    rows = select(Customer).where(
        Customer.phone.in_(phones), Customer.merged_into_id.is_(None), Customer.anonymised_at.is_(None)
    )
    return list(session.scalars(rows.order_by(Customer.id).limit(5)))


def threads_of(session: Session, identities: Collection[CustomerIdentity]) -> dict[tuple[IdentityKind, str], str]:
    """The page of the conversation with each of these who wrote to us; "" where the platform has none."""
    routes = {kind: route for route, kind in IDENTITY.items()}
    wanted = sorted({i.external_id for i in identities if i.kind in routes})
    if not wanted:
        return {}
    rows = session.execute(
        select(MessageAccount.route, ChatWriter.address, ChatWriter.thread)
        .join(MessageAccount, MessageAccount.id == ChatWriter.account_id)
        .where(ChatWriter.address.in_(wanted))
        .order_by(ChatWriter.thread != "", ChatWriter.last_at)
    )
    return {(IDENTITY[row.route], row.address): row.thread for row in rows if row.route in IDENTITY}
