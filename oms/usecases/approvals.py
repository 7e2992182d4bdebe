"""A second person's agreement: asked for by who may not do it alone, given or declined by who may."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Select, select

from oms import audit, clock
from oms.actor import Actor
from oms.approvals import Approval
from oms.db import Tx
from oms.errors import Conflict, InvalidInput, NotFound, Refused, say
from oms.orders.models import Order
from oms.orders.queries import lock_order, visible
from oms.orders.states import OrderStatus
from oms.thai.text import clean_lines
from oms.usecases.orders_confirm import DISCOUNT_APPROVAL, order_discount_percent

DISCOUNT_ACTION = "order.approve_discount"
MAX_REASON = 500


@dataclass(frozen=True)
class RequestDiscount:
    """Ask that this draft may be confirmed with the discount it has."""

    order_id: int
    reason: str


@dataclass(frozen=True)
class DecideApproval:
    """``version`` is what the reader's screen was made from."""

    approval_id: int
    agree: bool
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class ApprovalSaved:
    approval_id: int
    status: str


def request_discount(tx: Tx, cmd: RequestDiscount) -> ApprovalSaved:
    """Ask for a draft's discount to be allowed. Asking again replaces what was asked before."""
    tx.actor.require("order.create")
    order = lock_order(tx, cmd.order_id)
    if order.status is not OrderStatus.DRAFT:
        raise Refused(say("Only a draft waits for an approval of its discount"), code="not_a_draft")
    reason = _reason(cmd.reason)
    percent = order_discount_percent(order)
    if percent <= tx.actor.discount_limit:
        raise Refused(say("This discount is within your limit; confirm the order"), code="no_approval_needed")
    waiting = tx.session.scalars(
        select(Approval)
        .where(Approval.kind == DISCOUNT_APPROVAL, Approval.subject_id == order.id, Approval.status == "open")
        .with_for_update()
    ).one_or_none()
    request = waiting or Approval(
        kind=DISCOUNT_APPROVAL, action=DISCOUNT_ACTION, subject_type="order", subject_id=order.id, status="open"
    )
    asked = {"percent": f"{percent:.4f}", "total": audit.plain(order.total), "discount": audit.plain(order.discount)}
    request.subject, request.payload, request.reason = order.number, asked, reason
    request.requested_by, request.requested_label = tx.actor.user_id, tx.actor.label[:120]
    request.requested_at = clock.now()
    tx.session.add(request)
    tx.session.flush()  # the answer names the request
    audit.record(tx, "approval.requested", "order", order.id, order.number, after=asked, reason=reason)
    return ApprovalSaved(request.id, request.status)


def decide_approval(tx: Tx, cmd: DecideApproval) -> ApprovalSaved:
    """Agree or decline. Nobody decides what they asked for themselves, nor above their own limit."""
    request = tx.session.get(Approval, cmd.approval_id, with_for_update=True, populate_existing=True)
    if request is None:
        raise NotFound(say("There is no such request"), code="approval_not_found")
    tx.actor.require(request.action)
    order = lock_order(tx, request.subject_id)
    _check_decider(tx, request, order, cmd)
    if not cmd.agree and not cmd.note.strip():
        raise InvalidInput(say("Say why it is declined"), field="note", code="reason_missing")
    request.status = "approved" if cmd.agree else "declined"
    request.decided_by, request.decided_label = tx.actor.user_id, tx.actor.label[:120]
    request.decided_at, request.decision_note = clock.now(), _bounded(cmd.note)
    audit.record(
        tx, f"approval.{request.status}", "order", order.id, order.number,
        before={"status": "open"}, after={"status": request.status, **request.payload}, reason=request.decision_note,
    )  # fmt: skip
    tx.session.flush()  # a lost race shows here and not at the end
    return ApprovalSaved(request.id, request.status)


def _check_decider(tx: Tx, request: Approval, order: Order, cmd: DecideApproval) -> None:
    if request.status != "open":
        raise Refused(say("This request was decided already by {name}", name=request.decided_label), code="decided")
    if cmd.version is not None and cmd.version != request.version:
        raise Conflict(say("What is asked for has changed; look again before you decide"), code="stale")
    if cmd.agree and request.requested_by is not None and request.requested_by == tx.actor.user_id:
        raise Refused(say("You asked for this yourself; another person has to agree"), code="own_request")
    if cmd.agree and order.status is not OrderStatus.DRAFT:
        raise Refused(say("{number} is no draft any more", number=order.number), code="not_a_draft")
    percent = Decimal(str(request.payload.get("percent", 0)))
    if cmd.agree and percent > tx.actor.discount_limit:
        raise Refused(
            say(
                "This is {percent}% off; your own limit is {limit}%",
                percent=f"{percent:.1f}",
                limit=tx.actor.discount_limit,
            ),
            code="over_own_limit",
        )


def open_requests(actor: Actor) -> Select[Approval, Order]:
    """What waits for a decision and concerns orders this actor may see, the oldest first."""
    mine = visible(actor).subquery()
    return (
        select(Approval, Order)
        .join(Order, Order.id == Approval.subject_id)
        .where(Approval.subject_type == "order", Approval.status == "open", Order.id.in_(select(mine.c.id)))
        .order_by(Approval.requested_at)
    )


def latest_request(tx: Tx, order_id: int) -> Approval | None:
    """The last request about an order's discount, decided or not."""
    statement = (
        select(Approval)
        .where(Approval.kind == DISCOUNT_APPROVAL, Approval.subject_type == "order", Approval.subject_id == order_id)
        .order_by(Approval.id.desc())
        .limit(1)
    )
    return tx.session.scalars(statement).one_or_none()


def _bounded(text: str) -> str:
    return clean_lines(text)[:MAX_REASON]


def _reason(text: str) -> str:
    reason = _bounded(text)
    if not reason:
        raise InvalidInput(say("Say why the customer should get this discount"), field="reason", code="reason_missing")
    return reason
