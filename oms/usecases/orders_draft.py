"""Change a draft: nothing is promised yet, so its lines and words may be replaced as a whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete

from oms import audit
from oms.asking import ask
from oms.catalog.queries import shop_facts, sku_facts
from oms.customers.finding import Buyer, find_or_create
from oms.db import Tx, insert_rows
from oms.errors import Refused, say
from oms.orders.models import Order, OrderLine, OrderSearch
from oms.orders.queries import lock_order
from oms.orders.states import OrderStatus
from oms.thai.text import grams
from oms.usecases import derived, orders_write
from oms.usecases.orders_place import PlaceOrder, price
from oms.usecases.orders_words import Priced

_KEPT = frozenset({
    "id", "number", "status", "board", "payment_status", "fulfillment_status", "stock_state", "hold_reasons",
    "verified_amount", "staff_edits", "left_before", "idempotency_key", "copied_from", "placed_at", "created_at",
    "carrier", "buyer_note", "confirmed_at", "term_approved_at", "expires_at", "closed_at", "cancel_reason",
    "revision", "version", "external_no", "channel_status", "channel_discount", "channel_fee",
})  # fmt: skip


@dataclass(frozen=True)
class EditDraft:
    """The draft as it shall be, over the version the editor saw. ``order.confirm`` is not looked at here."""

    order_id: int
    version: int | None
    order: PlaceOrder


@dataclass(frozen=True)
class DraftEdited:
    order_id: int
    number: str


def edit_draft(tx: Tx, cmd: EditDraft) -> DraftEdited:
    """Replace what a draft says. Raises Refused once it is no draft any more, Conflict over a stale version."""
    tx.actor.require("order.create")
    order = lock_order(tx, cmd.order_id, cmd.version)
    if order.status is not OrderStatus.DRAFT:
        raise Refused(say("{number} is no draft any more; amend it instead", number=order.number), code="not_a_draft")
    asked = replace(cmd.order, confirm=False, term_approved=False, placed_at=order.placed_at)
    shops = shop_facts(tx.session, {asked.shop_id})
    skus = sku_facts(tx.session, {line.sku_id for line in asked.lines})
    priced = price(tx, asked, shops, skus, kept={(line.sku_id, line.unit_price) for line in order.lines})
    before = _told(order)
    drawn = ask(tx.connection, orders_write.about_ids({0: len(cmd.order.lines)}))[0]
    row = orders_write.row_of(priced, orders_write.Drawn(order.id, drawn.line_ids))
    _replace(tx, order, row, priced)
    derived.refresh(tx, [order])
    audit.record(tx, "order.draft_edited", "order", order.id, order.number, before=before, after=_told(order))
    return DraftEdited(order.id, order.number)


def _customer(tx: Tx, priced: Priced) -> int | None:
    cmd = priced.cmd
    buyer = cmd.buyer or Buyer(cmd.ship_to.name, cmd.ship_to.phone)
    return cmd.customer_id or find_or_create(tx, [buyer])[0]


def _replace(tx: Tx, order: Order, row: orders_write.Row, priced: Priced) -> None:
    for column, value in row.order.items():
        if column not in _KEPT:
            setattr(order, column, value)
    order.customer_id = _customer(tx, priced)
    tx.session.execute(delete(OrderLine).where(OrderLine.order_id == order.id))
    insert_rows(tx, OrderLine, row.lines)
    haystack = orders_write.search_text(order.number, priced.cmd, [line["sku_code"] for line in row.lines])
    search = tx.session.get_one(OrderSearch, order.id)
    search.haystack, search.grams = haystack, grams(haystack)
    tx.session.expire(order, ["lines"])


def _told(order: Order) -> dict[str, Any]:
    """What the audit log keeps of a draft."""
    return {
        "total": order.total,
        "discount": order.discount,
        "ship_to": f"{order.ship_name} {order.ship_phone} {order.ship_address}",
        "lines": [[line.sku_code, line.quantity, line.unit_price, line.discount] for line in order.lines],
    }
