"""An order entered by hand, on one screen: placed with its notes, its buyer remembered, its twin noticed first."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import select

from oms.db import Tx
from oms.errors import InvalidInput, Refused, say
from oms.orders.models import Order
from oms.orders.queries import get_order
from oms.orders.states import OrderStatus
from oms.usecases.address_book import remember_addresses
from oms.usecases.customers import AddIdentity, IdentityInput, add_identity
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_draft import EditDraft, edit_draft
from oms.usecases.orders_duplicates import Twin, find_duplicates
from oms.usecases.orders_notes import AddNote, add_note
from oms.usecases.orders_place import OrderPlaced, PlaceOrder, place_order


class PossibleDuplicate(Refused):
    """The same phone ordered the same goods shortly before; carries those orders."""

    code = "possible_duplicate"

    def __init__(self, twins: tuple[Twin, ...]) -> None:
        numbers = ", ".join(twin.number for twin in twins)
        super().__init__(
            say("The same phone ordered the same items already: {numbers}. Save it anyway?", numbers=numbers)
        )
        self.twins = twins


@dataclass(frozen=True)
class EnterOrder:
    """``order.content_hash`` tells two posts of one form apart from two forms with one key.

    ``contact``: what the buyer is called on the shop's channel, remembered with the person. ``draft_id`` and
    ``version``: the draft this replaces. ``accept_twin``: the clerk saw the twin and goes on.
    """

    order: PlaceOrder
    note: str = ""
    note_for_customer: str = ""
    contact: IdentityInput | None = None
    accept_twin: bool = False
    draft_id: int | None = None
    version: int | None = None


@dataclass(frozen=True)
class OrderEntered:
    """``created`` False: this very form had been saved before."""

    order_id: int
    number: str
    created: bool = True
    notes: tuple[int, ...] = field(default=())


def enter_order(tx: Tx, cmd: EnterOrder) -> OrderEntered:
    """Save what the entry screen holds, as a draft or confirmed at once.

    Raises PossibleDuplicate before anything is saved, and all that placing, editing and confirming raise.
    """
    if not cmd.accept_twin:
        _notice_twins(tx, cmd)
    placed = _save_draft(tx, cmd, cmd.draft_id) if cmd.draft_id else _place(tx, cmd)
    if not placed.created:
        return OrderEntered(placed.order_id, placed.number, created=False)
    _remember_contact(tx, placed.order_id, cmd.contact)
    bodies = ((cmd.note, False), (cmd.note_for_customer, True))
    notes = tuple(
        add_note(tx, AddNote(placed.order_id, body, for_customer=for_customer)).note_id
        for body, for_customer in bodies
        if body.strip()
    )
    return OrderEntered(placed.order_id, placed.number, notes=notes)


def _notice_twins(tx: Tx, cmd: EnterOrder) -> None:
    order = cmd.order
    twins = find_duplicates(
        tx.session,
        tx.actor,
        phone=order.ship_to.phone,
        items=[(line.sku_id, line.quantity) for line in order.lines],
        exclude=cmd.draft_id,
    )
    key = order.idempotency_key
    same_form = set(tx.session.scalars(select(Order.id).where(Order.idempotency_key == key))) if key else set()
    others = tuple(twin for twin in twins if twin.id not in same_form)
    if others:
        raise PossibleDuplicate(others)


def _place(tx: Tx, cmd: EnterOrder) -> OrderPlaced:
    """Place it; a form posted twice gives the first order, a changed form under the same key is refused."""
    placed = place_order(tx, cmd.order)
    if placed.created:
        return placed
    stored = get_order(tx, placed.order_id)
    if stored.content_hash != cmd.order.content_hash:
        raise InvalidInput(
            say("This form was saved as {number} already; open that order to change it", number=placed.number),
            code="key_reused",
        )
    if cmd.order.confirm and stored.status is OrderStatus.DRAFT:
        confirm_order(tx, ConfirmOrder(placed.order_id))
    return placed


def _save_draft(tx: Tx, cmd: EnterOrder, draft_id: int) -> OrderPlaced:
    """Replace the draft; the second of two equal posts changes nothing."""
    stored = get_order(tx, draft_id)
    again = stored.content_hash == cmd.order.content_hash and stored.version != cmd.version
    confirmed = stored.status is OrderStatus.CONFIRMED
    if again and (confirmed or not cmd.order.confirm):
        return OrderPlaced(stored.id, stored.number, created=False)
    saved = edit_draft(tx, EditDraft(draft_id, None if again else cmd.version, cmd.order))
    remember_addresses(tx, [draft_id])
    if cmd.order.confirm:
        confirm_order(tx, ConfirmOrder(draft_id))
    return OrderPlaced(draft_id, saved.number)


def _remember_contact(tx: Tx, order_id: int, contact: IdentityInput | None) -> None:
    """The chat name belongs to the buyer from this order on."""
    customer_id = get_order(tx, order_id).customer_id
    if contact is not None and customer_id is not None and tx.actor.may("customer.edit"):
        add_identity(tx, AddIdentity(customer_id, contact))
