"""A copy of everything that is known of one person, as plain values: for the person, on request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from oms import clock
from oms.customers.models import Customer, CustomerAddress, CustomerIdentity
from oms.customers.people_models import Block, CustomerTaxIdentity
from oms.customers.privacy_models import Consent, PrivacyRequest
from oms.db import Tx
from oms.documents.models import Document
from oms.money import Money
from oms.notifications.writers import ChatWords, ChatWriter
from oms.orders.attachments import OrderAttachment
from oms.orders.models import Order
from oms.payments.models import Allocation, PaymentClaim
from oms.payments.refund_models import Refund
from oms.payments.slip_models import Slip
from oms.returns.models import Return
from oms.shipping.models import Parcel, ShipmentLine
from oms.usecases.chat_writers import IDENTITY
from oms.usecases.privacy import note_copy

PART_LABELS: Final[dict[str, str]] = {
    "card": "Card", "identities": "Known as", "addresses": "Addresses", "tax_identities": "Names for tax invoices",
    "orders": "Orders", "order_notes": "Notes on orders", "parcels": "Parcels", "payments": "Payments",
    "slips": "Slips",
    "refunds": "Refunds", "returns": "Returns", "documents": "Papers", "files": "Files of orders",
    "chats": "Chats", "consents": "Consents", "requests": "Requests about personal data", "blacklist": "Blacklist",
}  # fmt: skip
Rows = list[dict[str, Any]]


def personal_data(tx: Tx, customer_id: int) -> dict[str, Rows]:
    """Every part with its rows, in a fixed number of statements. That a copy was taken is noted."""
    person = note_copy(tx, customer_id)
    own = (Customer.id == person.id) | (Customer.merged_into_id == person.id)
    cards = tx.session.scalars(select(Customer).where(own).order_by(Customer.id)).all()
    ids = [card.id for card in cards]
    orders = tx.session.scalars(
        select(Order)
        .where(Order.customer_id.in_(ids))
        .order_by(Order.id)
        .options(selectinload(Order.lines), selectinload(Order.notes), selectinload(Order.shop))
    ).all()
    numbers = {order.id: order.number for order in orders}
    return {
        "card": [
            _facts(c, "id name phone email group note tax_name tax_id tax_branch tax_address created_at") for c in cards
        ],
        "identities": _all(tx, CustomerIdentity, CustomerIdentity.customer_id, ids, "kind external_id label"),
        "addresses": _all(
            tx, CustomerAddress, CustomerAddress.customer_id, ids,
            "recipient phone line subdistrict district province postcode last_used_at",
        ),
        "tax_identities": _all(
            tx, CustomerTaxIdentity, CustomerTaxIdentity.customer_id, ids, "name tax_id branch address"
        ),
        "orders": [_order(order) for order in orders],
        "order_notes": [
            {"order": order.number, **_facts(note, "body author at for_customer")}
            for order in orders for note in order.notes
        ],
        **_money(tx, numbers),
        **_goods(tx, numbers),
        "documents": _all(
            tx, Document, Document.customer_id, ids, "kind number issued_on buyer_name buyer_tax_id total status"
        ),
        "chats": _chats(tx, ids),
        "consents": _all(tx, Consent, Consent.customer_id, ids, "purpose given source wording at"),
        "requests": _all(
            tx, PrivacyRequest, PrivacyRequest.customer_id, ids, "kind status note received_at due_at decided_at answer"
        ),
        "blacklist": _all(tx, Block, Block.customer_id, ids, "kind shown reason expires_at lifted_at"),
    }  # fmt: skip


def _chats(tx: Tx, ids: Sequence[int]) -> Rows:
    """What they wrote in chats, as long as it is kept."""
    said = tx.session.execute(
        select(ChatWriter.name, ChatWriter.address, ChatWords.at, ChatWords.kind, ChatWords.body)
        .join(ChatWords, ChatWords.writer_id == ChatWriter.id)
        .where(
            ChatWriter.address.in_(
                select(CustomerIdentity.external_id).where(
                    CustomerIdentity.customer_id.in_(ids), CustomerIdentity.kind.in_(IDENTITY.values())
                )
            )
        )
        .order_by(ChatWords.at, ChatWords.id)
    )
    return [_facts(row, "name address at kind body") for row in said]


def _order(order: Order) -> dict[str, Any]:
    facts = _facts(
        order,
        "number external_no placed_at status payment_status ship_name ship_phone ship_line ship_subdistrict"
        " ship_district ship_province ship_postcode total discount shipping_fee buyer_note carrier",
    )
    items = [f"{line.name} × {line.quantity}" for line in order.lines]
    return {**facts, "shop": order.shop.name, "items": items}


def _money(tx: Tx, numbers: dict[int, str]) -> dict[str, Rows]:
    paid = tx.session.execute(
        select(PaymentClaim, Allocation.order_id)
        .join(Allocation, Allocation.claim_id == PaymentClaim.id)
        .where(Allocation.order_id.in_(numbers))
        .order_by(PaymentClaim.id)
    )
    claims = {(claim.id, order): claim for claim, order in paid}
    return {
        "payments": [
            {
                "order": numbers[order],
                **_facts(claim, "status method amount payer_name sending_bank reference paid_at note"),
            }
            for (_, order), claim in claims.items()
        ],
        "slips": _of_orders(
            tx, Slip, numbers, "status uploaded_at said_amount paid_amount payer_name reference source"
        ),
        "refunds": _of_orders(
            tx, Refund, numbers, "number status amount to_bank to_account to_name requested_at paid_at"
        ),
    }


def _goods(tx: Tx, numbers: dict[int, str]) -> dict[str, Rows]:
    boxes = tx.session.execute(
        select(ShipmentLine.order_id, Parcel.carrier, Parcel.tracking_no, Parcel.tracking_status)
        .join(Parcel, Parcel.shipment_id == ShipmentLine.shipment_id)
        .where(ShipmentLine.order_id.in_(numbers), Parcel.tracking_no != "")
        .distinct()
        .order_by(ShipmentLine.order_id)
    )
    return {
        "parcels": [
            {"order": numbers[o], "carrier": carrier, "tracking_no": number, "status": status.value}
            for o, carrier, number, status in boxes
        ],
        "returns": _of_orders(tx, Return, numbers, "number kind status reason note requested_at resolution credit"),
        "files": _of_orders(tx, OrderAttachment, numbers, "kind name note at by removed_at"),
    }


def _all(tx: Tx, model: Any, column: Any, ids: Sequence[int], names: str) -> Rows:
    rows: Iterable[Any] = tx.session.scalars(select(model).where(column.in_(ids)).order_by(model.id))
    return [_facts(row, names) for row in rows]


def _of_orders(tx: Tx, model: Any, numbers: dict[int, str], names: str) -> Rows:
    rows: Iterable[Any] = tx.session.scalars(select(model).where(model.order_id.in_(numbers)).order_by(model.id))
    return [{"order": numbers[row.order_id], **_facts(row, names)} for row in rows]


def _facts(row: Any, names: str) -> dict[str, Any]:
    return {name: _plain(getattr(row, name)) for name in names.split()}


def _plain(value: Any) -> Any:
    """A value that JSON knows: amounts with two decimals, times on the Bangkok clock."""
    if isinstance(value, Money):
        return f"{value.amount:.2f}"
    if isinstance(value, datetime):
        return clock.local(value).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value
