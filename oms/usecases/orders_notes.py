"""Notes, tags and the person in charge of an order."""

from __future__ import annotations

from dataclasses import dataclass

from oms import audit
from oms.db import Tx
from oms.errors import InvalidInput, say
from oms.orders.models import OrderNote
from oms.orders.queries import lock_order
from oms.thai.text import clean, clean_lines

MAX_NOTE = 2000
MAX_TAG = 40
MAX_TAGS = 20


@dataclass(frozen=True)
class AddNote:
    """A remark on an order; ``for_customer`` ones are meant to be read by the buyer."""

    order_id: int
    body: str
    for_customer: bool = False


@dataclass(frozen=True)
class NoteAdded:
    note_id: int


def add_note(tx: Tx, cmd: AddNote) -> NoteAdded:
    """Write a note. Raises InvalidInput when there is nothing to write or too much."""
    tx.actor.require("order.note")
    body = clean_lines(cmd.body)
    if not body:
        raise InvalidInput(say("Write something first"), field="body", code="note_empty")
    if len(body) > MAX_NOTE:
        raise InvalidInput(
            say("A note may have {most} characters; this one has {n}", most=MAX_NOTE, n=len(body)),
            field="body",
            code="note_long",
        )
    order = lock_order(tx, cmd.order_id)
    note = OrderNote(order_id=order.id, for_customer=cmd.for_customer, body=body, author=tx.actor.label)
    tx.session.add(note)
    tx.session.flush()  # the answer names the note
    audit.record(
        tx, "order.note_added", "order", order.id, order.number,
        after={"note": body[:200], "for_customer": cmd.for_customer},
    )  # fmt: skip
    return NoteAdded(note.id)


@dataclass(frozen=True)
class TagOrder:
    """Put a tag on an order, or take it off."""

    order_id: int
    tag: str
    remove: bool = False


@dataclass(frozen=True)
class OrderTagged:
    changed: bool


def read_tag(raw: str) -> str:
    """A tag in its stored form. Raises InvalidInput when it is empty or too long."""
    tag = clean(raw).lstrip("#").strip()
    if not tag or len(tag) > MAX_TAG:
        raise InvalidInput(say("A tag has 1 to {most} characters", most=MAX_TAG), field="tag", code="tag_length")
    return tag


def tag_order(tx: Tx, cmd: TagOrder) -> OrderTagged:
    """Tag or untag. Doing it twice changes nothing."""
    tx.actor.require("order.note")
    tag = read_tag(cmd.tag)
    order = lock_order(tx, cmd.order_id)
    before = list(order.tags)
    if (tag in before) != cmd.remove:
        return OrderTagged(changed=False)
    after = [t for t in before if t != tag] if cmd.remove else [*before, tag]
    if len(after) > MAX_TAGS:
        raise InvalidInput(say("An order may have {most} tags", most=MAX_TAGS), field="tag", code="tag_many")
    order.tags = after
    action = "order.untagged" if cmd.remove else "order.tagged"
    audit.record(
        tx, action, "order", order.id, order.number, before={"tags": before}, after={"tags": after, "tag": tag}
    )
    return OrderTagged(changed=True)


@dataclass(frozen=True)
class AssignOrder:
    """Give an order to a person; no ``user_id`` takes it from everybody. ``label`` is the person's name."""

    order_id: int
    user_id: int | None
    label: str = ""


@dataclass(frozen=True)
class OrderAssigned:
    changed: bool


def assign_order(tx: Tx, cmd: AssignOrder) -> OrderAssigned:
    """Name the person in charge. Raises InvalidInput for a person without a name."""
    tx.actor.require("order.assign")
    label = clean(cmd.label)[:120] if cmd.user_id is not None else ""
    if cmd.user_id is not None and not label:
        raise InvalidInput(say("Choose a person"), field="user_id", code="assignee")
    order = lock_order(tx, cmd.order_id)
    if order.owner_id == cmd.user_id:
        return OrderAssigned(changed=False)
    before = {"owner_id": order.owner_id, "owner": order.owner}
    order.owner_id, order.owner = cmd.user_id, label
    audit.record(
        tx, "order.assigned", "order", order.id, order.number,
        before=before, after={"owner_id": cmd.user_id, "owner": label},
    )  # fmt: skip
    return OrderAssigned(changed=True)
