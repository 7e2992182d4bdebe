"""Payments over the API: announced, and read. Whether the money came in is decided by people and bank statements."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from oms.actor import Actor
from oms.db import Tx
from oms.errors import NotFound, say
from oms.orders.models import Order
from oms.orders.queries import scoped
from oms.payments.models import Allocation, PaymentClaim
from oms.payments.states import ClaimStatus, PaymentMethod
from oms.usecases.payments import SubmitClaim, shares_of, submit_claim
from views.api import shapes
from views.api.guard import Call, Endpoint
from views.api.paging import page, place_of
from views.api.schemas import Amount, Choice, Moment, Page, Whole, Words

ANNOUNCED = (PaymentMethod.TRANSFER, PaymentMethod.PROMPTPAY, PaymentMethod.EWALLET, PaymentMethod.CARD,
             PaymentMethod.CASH)  # fmt: skip
PLAIN = tuple(name for name in shapes.PaymentOut().fields if name != "orders")


class ShareIn(Schema):
    """How much of it belongs to an order."""

    order_id = Whole(required=True)
    amount = Amount(required=True)


class PaymentIn(Schema):
    """What a buyer says to have paid."""

    method = Choice(PaymentMethod, only=ANNOUNCED, required=True)
    amount = Amount(required=True)
    orders = fields.List(fields.Nested(ShareIn), required=True, validate=validate.Length(min=1, max=50))
    account_id = Whole()
    sending_bank = Words(10, load_default="")
    reference = Words(80, load_default="")
    payer_name = Words(200, load_default="")
    paid_at = Moment()
    note = Words(500, load_default="")


class PaymentQuery(Page):
    """Which payments."""

    order_id = Whole(from_text=True)
    status = Choice(ClaimStatus)


def visible_payments(actor: Actor) -> Select[PaymentClaim]:
    """Payments whose orders are all this actor's to see. Money without an order is for those who see all."""
    statement = select(PaymentClaim).options(selectinload(PaymentClaim.allocations))
    if actor.shops is None and actor.warehouses is None:
        return statement
    mine = scoped(actor, select(Order.id))
    of_claim = select(Allocation.id).where(Allocation.claim_id == PaymentClaim.id)
    return statement.where(of_claim.exists(), ~of_claim.where(Allocation.order_id.not_in(mine)).exists())


def shown(claim: PaymentClaim) -> dict[str, Any]:
    """A payment with what each order has of it."""
    said = {name: getattr(claim, name) for name in PLAIN}
    said["orders"] = [{"order_id": order, "amount": amount} for order, amount in sorted(shares_of(claim).items())]
    return said


def listed(tx: Tx, call: Call) -> tuple[int, Any]:
    """Payments, the newest first."""
    asked = call.query
    statement = visible_payments(tx.actor)
    if "status" in asked:
        statement = statement.where(PaymentClaim.status == asked["status"])
    if "order_id" in asked:
        statement = statement.where(
            PaymentClaim.id.in_(select(Allocation.claim_id).where(Allocation.order_id == asked["order_id"]))
        )
    if begins := place_of(asked, (int,)):
        statement = statement.where(PaymentClaim.id < begins[0])
    rows = tx.session.scalars(statement.order_by(PaymentClaim.id.desc()).limit(asked["limit"] + 1)).all()
    kept, cursor = page(rows, asked["limit"], lambda p: (p.id,))
    return 200, {"data": [shown(claim) for claim in kept], "next": cursor}


def read(tx: Tx, call: Call) -> tuple[int, Any]:
    """One payment."""
    wanted = visible_payments(tx.actor).where(PaymentClaim.id == call.ids["payment_id"])
    found = tx.session.scalars(wanted).one_or_none()
    if found is None:
        raise NotFound(say("There is no such payment, or it is not yours to see"), code="claim_not_found")
    return 200, shown(found)


def announce(tx: Tx, call: Call) -> tuple[int, Any]:
    """Record a buyer's payment notice."""
    given = call.body
    made = submit_claim(
        tx,
        SubmitClaim(
            given["method"], given["amount"], tuple((s["order_id"], s["amount"]) for s in given["orders"]),
            account_id=given.get("account_id"), sending_bank=given["sending_bank"],
            reference=given["reference"] or None, paid_at=given.get("paid_at"), note=given["note"],
            payer_name=given["payer_name"],
        ),
    )  # fmt: skip
    return 201, {"id": made.claim_id, "status": made.status, "order_ids": list(made.order_ids)}


ENDPOINTS = (
    Endpoint("create_payment", "POST", "/payments", "payment.claim", "Record a payment notice", announce,
             shapes.ClaimOut(), PaymentIn(), statuses=(201,), tag="Payments"),
    Endpoint("list_payments", "GET", "/payments", "order.price", "Payments, the newest first", listed,
             shapes.page_of(shapes.PaymentOut), query=PaymentQuery(), tag="Payments"),
    Endpoint("get_payment", "GET", "/payments/<int:payment_id>", "order.price", "One payment", read,
             shapes.PaymentOut(), tag="Payments"),
)  # fmt: skip
