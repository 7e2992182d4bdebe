"""Reads of slips: who may see which, the queue of those that wait, and payments that may be the same money."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from oms import clock
from oms.actor import Actor
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.payments.models import Allocation, PaymentClaim, ReceivingAccount
from oms.payments.slip_models import Slip
from oms.payments.statement_models import StatementLine, StatementMatch
from oms.payments.states import ClaimStatus, LineStatus, PaymentMethod, SlipStatus

OPEN_SLIPS = (SlipStatus.RECEIVED, SlipStatus.WAITING)
OPEN_LINES = (LineStatus.UNMATCHED, LineStatus.SUGGESTED, LineStatus.AMBIGUOUS)
TRANSFERS = (PaymentMethod.TRANSFER, PaymentMethod.PROMPTPAY, PaymentMethod.EWALLET)
SAME_MONEY = timedelta(minutes=30)  # a bank books within minutes of what the slip says
SAME_DAY = timedelta(hours=36)  # when one of both knows only the day


def may_see(actor: Actor) -> ColumnElement[bool]:
    """Slips of orders this actor sees; those of nobody yet for who decides slips, or who sent them."""
    if actor.warehouses is None and actor.shops is None and not actor.own_orders_only:
        return Slip.id > 0
    mine = Slip.order_id.in_(visible(actor).with_only_columns(Order.id))
    if actor.may("payment.verify"):
        return or_(mine, Slip.order_id.is_(None))
    return or_(mine, and_(Slip.order_id.is_(None), Slip.uploaded_by == actor.user_id))


def visible_slips(actor: Actor) -> Select[Slip]:
    """The slips this actor may see."""
    return select(Slip).where(may_see(actor))


def open_slips(actor: Actor) -> Select[Slip]:
    """The queue: slips nobody has decided, the oldest first."""
    return visible_slips(actor).where(Slip.status.in_(OPEN_SLIPS)).order_by(Slip.uploaded_at, Slip.id)


def count_open(actor: Actor) -> Select[int]:
    """How many slips wait for a decision."""
    return open_slips(actor).order_by(None).with_only_columns(func.count(Slip.id))


@dataclass(frozen=True)
class Place:
    """Where a slip stands in the queue: the ``number``-th of ``total``, and its neighbors' ids."""

    number: int
    total: int
    before: int | None
    after: int | None


def place_of(session: Session, actor: Actor, slip: Slip) -> Place:
    """The slip's place in the queue; for a decided one the place it would have."""
    at = tuple_(Slip.uploaded_at, Slip.id)
    mine = (slip.uploaded_at, slip.id)
    queue = visible_slips(actor).where(Slip.status.in_(OPEN_SLIPS))
    row = session.execute(queue.with_only_columns(func.count(Slip.id), func.count(Slip.id).filter(at < mine))).one()
    after = session.scalar(
        queue.with_only_columns(Slip.id).where(at > mine).order_by(Slip.uploaded_at, Slip.id).limit(1)
    )
    before = session.scalar(
        queue.with_only_columns(Slip.id).where(at < mine).order_by(Slip.uploaded_at.desc(), Slip.id.desc()).limit(1)
    )
    return Place(row[1] + 1, row[0], before, after)


def claims_without_slip(session: Session, amounts: Collection[Money], since: datetime) -> list[PaymentClaim]:
    """Verified transfers of these amounts that no slip proves: lines of a statement, notices typed by hand."""
    if not amounts:
        return []
    has_slip = select(Slip.id).where(Slip.claim_id == PaymentClaim.id).exists()
    accounts = select(ReceivingAccount.id)
    found = select(PaymentClaim).where(
        or_(PaymentClaim.account_id.in_(accounts), PaymentClaim.account_id.is_(None)),
        PaymentClaim.amount.in_(sorted(set(amounts))),
        or_(PaymentClaim.paid_at >= since, PaymentClaim.paid_at.is_(None)),
        PaymentClaim.status == ClaimStatus.VERIFIED,
        PaymentClaim.method.in_(TRANSFERS),
        ~has_slip,
    )
    return list(session.scalars(found.order_by(PaymentClaim.id)))


def open_lines(session: Session, amounts: Collection[Money], since: datetime) -> list[StatementLine]:
    """Lines of statements of these amounts that are matched to nothing yet."""
    if not amounts:
        return []
    undone = aliased(StatementMatch)
    taken_back = select(undone.id).where(undone.reverses_id == StatementMatch.id).exists()
    live = StatementMatch.reverses_id.is_(None) & ~taken_back
    found = select(StatementLine).where(
        StatementLine.account_id.in_(select(ReceivingAccount.id)),
        StatementLine.amount.in_(sorted(set(amounts))),
        StatementLine.booked_at >= since,
        StatementLine.status.in_(OPEN_LINES),
        StatementLine.balance_breaks.is_(False),
        ~select(StatementMatch.id).where(StatementMatch.line_id == StatementLine.id, live).exists(),
    )
    return list(session.scalars(found.order_by(StatementLine.id)))


def same_moment(one: datetime, other: datetime) -> bool:
    """Whether two records of money tell the same moment; one that knows only the day may be any hour of it."""
    only_day = any((local := clock.local(at)).hour == local.minute == 0 for at in (one, other))
    return abs(one - other) <= (SAME_DAY if only_day else SAME_MONEY)


def orders_of_claims(session: Session, claim_ids: Collection[int]) -> dict[int, list[tuple[Order, Money]]]:
    """Per claim its orders and how much each gets, in one statement."""
    total = func.sum(Allocation.amount)
    rows = session.execute(
        select(Allocation.claim_id, Order, total)
        .join(Order, Order.id == Allocation.order_id)
        .where(Allocation.claim_id.in_(sorted(set(claim_ids))))
        .group_by(Allocation.claim_id, Order.id)
        .having(total != ZERO)
        .order_by(Order.id)
    )
    found: dict[int, list[tuple[Order, Money]]] = {}
    for claim_id, order, share in rows:
        found.setdefault(claim_id, []).append((order, share if isinstance(share, Money) else Money.satang(int(share))))
    return found
