"""An order entered by hand, on one screen: placed with its notes, its buyer remembered, its twin noticed first."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlalchemy import func, select

from oms import audit
from oms.catalog.queries import shop_facts
from oms.customers.queries import get_customer
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.inventory.availability import places
from oms.orders.models import Order
from oms.orders.queries import get_order
from oms.orders.states import OrderStatus
from oms.usecases.address_book import remember_addresses
from oms.usecases.customer_groups import with_agreed_prices
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
    if tx.actor.own_orders_only:  # who sees only their own orders enters only such
        cmd = replace(cmd, order=replace(cmd.order, owner_id=tx.actor.user_id, owner=tx.actor.label))
    _take_turn(tx, cmd)
    _check_choices(tx, cmd.order)
    cmd = replace(cmd, order=with_agreed_prices(tx, cmd.order))
    twins = _twins(tx, cmd)
    if twins and not cmd.accept_twin:
        raise PossibleDuplicate(twins)
    placed = _save_draft(tx, cmd, cmd.draft_id) if cmd.draft_id else _place(tx, cmd)
    if not placed.created:
        return OrderEntered(placed.order_id, placed.number, created=False)
    if twins:
        told = {"same_as": [twin.number for twin in twins]}
        audit.record(tx, "order.duplicate_accepted", "order", placed.order_id, placed.number, after=told)
    _remember_contact(tx, placed.order_id, cmd.contact)
    bodies = ((cmd.note, False), (cmd.note_for_customer, True))
    notes = tuple(
        add_note(tx, AddNote(placed.order_id, body, for_customer=for_customer)).note_id
        for body, for_customer in bodies
        if body.strip()
    )
    return OrderEntered(placed.order_id, placed.number, notes=notes)


def _take_turn(tx: Tx, cmd: EnterOrder) -> None:
    """One form at a time: the second click waits, then finds what the first saved instead of racing it for stock."""
    turn = f"draft:{cmd.draft_id}" if cmd.draft_id else cmd.order.idempotency_key
    if turn:
        tx.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(turn, 0))))


def _check_choices(tx: Tx, order: PlaceOrder) -> None:
    """What is chosen from lists must be there: a shop that takes orders, a warehouse, a person."""
    shop = shop_facts(tx.session, {order.shop_id}).get(order.shop_id)
    if shop is not None and not shop.is_active:
        raise Refused(say("This shop takes no orders any more"), field="shop_id", code="shop_inactive")
    if order.warehouse_id is not None and order.warehouse_id not in {p.id for p in places(tx.session, tx.actor)}:
        raise NotFound(
            say("There is no such warehouse, or it is not yours to use"),
            field="warehouse_id",
            code="warehouse_not_found",
        )
    if order.customer_id is not None:
        get_customer(tx.session, order.customer_id)


def _twins(tx: Tx, cmd: EnterOrder) -> tuple[Twin, ...]:
    """Orders that look the same; what this very form saved before is none."""
    order, key = cmd.order, cmd.order.idempotency_key
    items = [(line.sku_id, line.quantity) for line in order.lines]
    found = find_duplicates(tx.session, tx.actor, phone=order.ship_to.phone, items=items, exclude=cmd.draft_id)
    if not found or not key:
        return tuple(found)
    same_form = set(tx.session.scalars(select(Order.id).where(Order.idempotency_key == key)))
    return tuple(twin for twin in found if twin.id not in same_form)


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
    """Replace the draft; the second of two equal posts saves nothing again."""
    stored = get_order(tx, draft_id)
    again = stored.content_hash == cmd.order.content_hash and stored.version != cmd.version
    if not again:
        edit_draft(tx, EditDraft(draft_id, cmd.version, cmd.order))
        remember_addresses(tx, [draft_id])
    if cmd.order.confirm and stored.status is OrderStatus.DRAFT:
        confirm_order(tx, ConfirmOrder(draft_id))
    return OrderPlaced(draft_id, stored.number, created=not again)


def _remember_contact(tx: Tx, order_id: int, contact: IdentityInput | None) -> None:
    """The chat name belongs to the buyer from this order on."""
    customer_id = get_order(tx, order_id).customer_id
    if contact is not None and customer_id is not None and tx.actor.may("customer.edit"):
        add_identity(tx, AddIdentity(customer_id, contact))
