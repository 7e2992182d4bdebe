"""People who write in chats: taken in from webhooks, named, and linked to the customer they are.

A link is an identity of the customer, so that messages about orders find it, merging cards moves it, and one person of
a chat is one customer only (docs/adr/0196).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import joinedload

from oms import clock, outbox
from oms.customers.models import CustomerIdentity, IdentityKind
from oms.customers.queries import find_by_identity
from oms.db import Tx
from oms.errors import NotFound, Refused, say
from oms.notifications.catalogue import Route
from oms.notifications.hearing import UNSENT, Heard
from oms.notifications.models import MessageAccount
from oms.notifications.port import Profile
from oms.notifications.writers import ChatWords, ChatWriter
from oms.orders.queries import NO_ID
from oms.thai.text import clean
from oms.usecases.customers import AddIdentity, IdentityInput, add_identity, remove_identity
from oms.usecases.message_answers import heard, mark_gone

ASK = "chat.ask_names"  # outbox: writers whose name nobody knows
ASK_AT_ONCE: Final = 100
IDENTITY: Final[Mapping[Route, IdentityKind]] = {
    Route.LINE: IdentityKind.LINE, Route.MESSENGER: IdentityKind.FACEBOOK, Route.INSTAGRAM: IdentityKind.INSTAGRAM,
}  # fmt: skip
_QUIET: Final = {"synchronize_session": False}


@dataclass(frozen=True)
class Taken:
    """How many people are new and how many messages were not known."""

    writers: int = 0
    words: int = 0


@dataclass(frozen=True)
class Linked:
    """``changed`` False: it was so before."""

    writer_id: int
    customer_id: int
    changed: bool = True


def take_chat(tx: Tx, account_id: int, route: Route, said: Sequence[Heard]) -> Taken:
    """Keep what a webhook said of people. The same webhook again, or an older one later, changes nothing of it."""
    for item in sorted(said, key=lambda h: (h.address, h.at)):
        if item.gone:
            mark_gone(tx, route, item.address, item.gone, item.at)
        else:
            heard(tx, route, item.address, item.at)
    wrote = [h for h in said if h.alone and not h.gone]
    if not wrote:
        return Taken()
    ids, fresh = _writers(tx, account_id, wrote)
    words = _words(tx, ids, [h for h in wrote if h.told_id])
    if fresh:
        outbox.add(tx, ASK, f"{ASK}:{min(fresh)}")
    return Taken(len(fresh), words)


def _writers(tx: Tx, account_id: int, wrote: Sequence[Heard]) -> tuple[dict[str, int], list[int]]:
    """The rows of these people, by address, and which of them are new."""
    rows: dict[str, dict[str, Any]] = {}
    for item in sorted(wrote, key=lambda h: (h.address, h.at)):
        row = rows.setdefault(
            item.address, {"account_id": account_id, "address": item.address, "first_at": item.at, "thread": ""}
        )
        row["last_at"], row["thread"] = item.at, item.thread or row["thread"]
    made = insert(ChatWriter).values(list(rows.values()))
    same = {
        "first_at": func.least(ChatWriter.first_at, made.excluded.first_at),
        "last_at": func.greatest(ChatWriter.last_at, made.excluded.last_at),
        "thread": func.coalesce(func.nullif(made.excluded.thread, ""), ChatWriter.thread),
    }
    before = set(
        tx.session.scalars(
            select(ChatWriter.address).where(ChatWriter.account_id == account_id, ChatWriter.address.in_(sorted(rows)))
        )
    )
    kept = tx.session.execute(
        made.on_conflict_do_update(index_elements=["account_id", "address"], set_=same).returning(
            ChatWriter.address, ChatWriter.id
        )
    )
    ids = {row.address: row.id for row in kept}
    return ids, [number for address, number in ids.items() if address not in before]


def _words(tx: Tx, ids: Mapping[str, int], said: Sequence[Heard]) -> int:
    """Messages not known yet; what was taken back loses its words, whichever of the two comes first."""
    rows = {(ids[h.address], h.told_id): h for h in said if h.kind != UNSENT}
    back = {(ids[h.address], h.told_id): h for h in said if h.kind == UNSENT}
    new = [_row(key, h) for key, h in sorted(rows.items()) if key not in back]
    count = 0
    if new:
        made = insert(ChatWords).on_conflict_do_nothing().returning(ChatWords.id)
        count = len(tx.session.scalars(made, new).all())
    if back:
        gone = insert(ChatWords).values([_row(key, h) for key, h in sorted(back.items())])
        tx.session.execute(
            gone.on_conflict_do_update(index_elements=["writer_id", "told_id"], set_={"kind": UNSENT, "body": ""})
        )
    return count


def _row(key: tuple[int, str], item: Heard) -> dict[str, Any]:
    return {"writer_id": key[0], "told_id": key[1], "at": item.at, "kind": item.kind, "body": item.body}


def owe_names(tx: Tx) -> None:
    """Owe asking for names that could not be asked before."""
    if waiting := unnamed_writers(tx):
        first = min(person.writer_id for people in waiting.values() for person in people)
        outbox.add(tx, ASK, f"{ASK}:{first}:{clock.now():%Y%m%d%H}")


@dataclass(frozen=True)
class Unnamed:
    """Somebody whose name a platform is to be asked."""

    writer_id: int
    address: str


def unnamed_writers(tx: Tx) -> dict[int, list[Unnamed]]:
    """People nobody has asked the name of, by account, some at a time."""
    rows = tx.session.execute(
        select(ChatWriter.id, ChatWriter.address, ChatWriter.account_id)
        .join(MessageAccount, MessageAccount.id == ChatWriter.account_id)
        .where(ChatWriter.asked_at.is_(None), MessageAccount.is_active, MessageAccount.stopped == "")
        .where((MessageAccount.closed_until.is_(None)) | (MessageAccount.closed_until < clock.now()))
        .order_by(ChatWriter.id)
        .limit(ASK_AT_ONCE)
    )
    found: dict[int, list[Unnamed]] = {}
    for row in rows:
        found.setdefault(row.account_id, []).append(Unnamed(row.id, row.address))
    return found


def record_profiles(tx: Tx, told: Mapping[int, Profile]) -> int:
    """Keep what platforms told of people; nobody is asked twice. Answers how many got a name."""
    named = 0
    for writer_id, profile in sorted(told.items()):
        values: dict[str, Any] = {"asked_at": clock.now()}
        if name := clean(profile.name)[:200]:
            values["name"], named = name, named + 1
        if profile.thread.startswith("https://") and len(profile.thread) <= 400:
            values["thread"] = profile.thread
        tx.session.execute(
            update(ChatWriter).where(ChatWriter.id == writer_id).values(values).execution_options(**_QUIET)
        )
    return named


def get_writer(tx: Tx, writer_id: int) -> ChatWriter:
    """One person of a chat this actor works for. Raises NotFound."""
    row = tx.session.scalars(
        select(ChatWriter).where(ChatWriter.id == min(writer_id, NO_ID)).options(joinedload(ChatWriter.account))
    ).one_or_none()
    if row is None or not (row.account.shop_id is None or tx.actor.sees_shop(row.account.shop_id)):
        raise NotFound(say("There is no such chat, or it is not yours to see"), code="writer_not_found")
    return row


def link_writer(tx: Tx, writer_id: int, customer_id: int) -> Linked:
    """This person of a chat is that customer: messages about their orders go there from now on. Raises Refused when
    they are linked to somebody else."""
    tx.actor.require("customer.edit")
    writer = get_writer(tx, writer_id)
    kind = IDENTITY[writer.account.route]
    owner = find_by_identity(tx.session, kind, writer.address)
    if owner is not None and owner.id != customer_id:
        raise Refused(say("This chat belongs to {name}; unlink it first", name=owner.name), code="writer_linked")
    done = add_identity(tx, AddIdentity(customer_id, IdentityInput(kind, writer.address, writer.name)))
    return Linked(writer.id, customer_id, done.changed)


def unlink_writer(tx: Tx, writer_id: int) -> Linked:
    """This person of a chat is not that customer. Raises Refused when they are linked to nobody."""
    tx.actor.require("customer.edit")
    writer = get_writer(tx, writer_id)
    identity = tx.session.scalars(
        select(CustomerIdentity).where(
            CustomerIdentity.kind == IDENTITY[writer.account.route], CustomerIdentity.external_id == writer.address
        )
    ).one_or_none()
    if identity is None:
        raise Refused(say("This chat is linked to no customer"), code="writer_unlinked")
    done = remove_identity(tx, identity.id)
    return Linked(writer.id, done.customer_id)


def forget_writers(tx: Tx, addresses: Sequence[str]) -> int:
    """Drop people of chats with all they wrote, by their ids there. Answers how many."""
    mine = select(ChatWriter.id).where(ChatWriter.address.in_(addresses))
    tx.session.execute(delete(ChatWords).where(ChatWords.writer_id.in_(mine)).execution_options(**_QUIET))
    gone = delete(ChatWriter).where(ChatWriter.address.in_(addresses)).returning(ChatWriter.id)
    return len(tx.session.scalars(gone.execution_options(**_QUIET)).all())


def old_writers(before: datetime) -> ColumnElement[bool]:
    """People who wrote long ago, of whom no words are left and who are no customers."""
    theirs = select(ChatWords.id).where(ChatWords.writer_id == ChatWriter.id)
    known = select(CustomerIdentity.id).where(
        CustomerIdentity.external_id == ChatWriter.address, CustomerIdentity.kind.in_(IDENTITY.values())
    )
    return (ChatWriter.last_at < before) & ~theirs.exists() & ~known.exists()
