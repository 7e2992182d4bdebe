"""Parked orders: what waits for money, why, for how long, how much is missing, and the words to remind the buyer.

One statement reads a section's rows, one their money, one counts everything; all start from the open orders of a few
boards (``ix_orders_open``), so that they cost what waits and not what ever was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select, true
from sqlalchemy.orm import joinedload

from oms import clock
from oms.actor import Actor
from oms.db import Tx
from oms.errors import Say
from oms.money import Money
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.orders.states import Board, PaymentTerm
from oms.payments.models import ReceivingAccount
from oms.payments.reminders import PaymentReminder
from oms.payments.rules import gate
from oms.thai.dates import format_moment
from oms.usecases import derived

SHOWN = 100
BUCKETS: tuple[timedelta, ...] = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24), timedelta(days=3))
BUCKET_LABELS = {0: "0–1 h", 1: "1–6 h", 2: "6–24 h", 3: "1–3 days", 4: "over 3 days"}
SECTION_LABELS: dict[str, str] = {
    "unpaid": "Nothing paid yet",
    "short": "Paid too little",
    "slips": "Slip waits",
    "terms": "COD or credit to approve",
}
_SINCE = func.coalesce(Order.confirmed_at, Order.placed_at)


@dataclass(frozen=True)
class ParkedRow:
    """One parked order. ``reason`` is the gate's own sentence; ``since``: when it was confirmed."""

    order: Order
    reason: Say | None
    missing: Money
    since: datetime
    reminded_at: datetime | None
    reminded_by: str


def _section(key: str) -> list[ColumnElement[bool]]:
    prepaid = Order.payment_term == PaymentTerm.PREPAID
    found: dict[str, list[ColumnElement[bool]]] = {
        "unpaid": [Order.board == Board.WAITING_PAYMENT, prepaid],
        "short": [Order.board == Board.SHORT_PAYMENT],
        "slips": [Order.board == Board.SLIP_WAITING],
        "terms": [Order.board == Board.WAITING_PAYMENT, ~prepaid],
    }
    return [Order.closed_at.is_(None), *found[key]]


def _aged(bucket: int | None) -> list[ColumnElement[bool]]:
    """Orders whose age falls into one bucket."""
    if bucket is None:
        return []
    now = clock.now()
    younger = [now - BUCKETS[bucket] < _SINCE] if bucket < len(BUCKETS) else []
    older = [now - BUCKETS[bucket - 1] >= _SINCE] if bucket else []
    return [*younger, *older]


def parked_rows(tx: Tx, section: str, bucket: int | None = None) -> list[ParkedRow]:
    """The first of a section: those that run out soonest, then the oldest."""
    last = (
        select(PaymentReminder.at, PaymentReminder.by)
        .where(PaymentReminder.order_id == Order.id)
        .order_by(PaymentReminder.id.desc())
        .limit(1)
        .correlate(Order)
        .lateral()
    )
    found = tx.session.execute(
        visible(tx.actor)
        .add_columns(_SINCE, last.c.at, last.c.by)
        .outerjoin(last, true())
        .where(*_section(section), *_aged(bucket))
        .order_by(Order.expires_at.asc().nulls_last(), _SINCE, Order.id)
        .limit(SHOWN)
        .options(joinedload(Order.shop))
    ).all()
    facts = derived.read_facts(tx, [row[0] for row in found])
    return [
        ParkedRow(order, gate(f.status, f.money, f.holds), f.money.missing, since, at, by or "")
        for order, since, at, by in found
        for f in [facts[order.id]]
    ]


def parked_counts(tx: Tx) -> dict[str, list[int]]:
    """How many wait, per section and age, in one statement."""
    age = case(*((clock.now() - limit < _SINCE, i) for i, limit in enumerate(BUCKETS)), else_=len(BUCKETS))
    boards = [Board.WAITING_PAYMENT, Board.SHORT_PAYMENT, Board.SLIP_WAITING]
    prepaid = Order.payment_term == PaymentTerm.PREPAID
    rows = tx.session.execute(
        visible(tx.actor)
        .with_only_columns(Order.board, prepaid, age, func.count())
        .where(Order.closed_at.is_(None), Order.board.in_(boards))
        .group_by(Order.board, prepaid, age)
    )
    found = {key: [0] * (len(BUCKETS) + 1) for key in SECTION_LABELS}
    names = {Board.SHORT_PAYMENT: "short", Board.SLIP_WAITING: "slips"}
    for board, is_prepaid, bucket, n in rows:
        key = names.get(board) or ("unpaid" if is_prepaid else "terms")
        found[key][bucket] += n
    return found


def open_accounts(tx: Tx) -> list[ReceivingAccount]:
    """Where buyers may pay to."""
    return list(
        tx.session.scalars(
            select(ReceivingAccount).where(ReceivingAccount.is_active).order_by(ReceivingAccount.code).limit(3)
        )
    )


def parked_total(actor: Actor, counts: dict[str, list[int]]) -> int:
    """All that is parked; nothing for people who see no amounts."""
    return sum(map(sum, counts.values())) if actor.may("order.price") else 0


def reminder_text(row: ParkedRow, accounts: Sequence[ReceivingAccount]) -> str:
    """What a clerk pastes into the buyer's chat: Thai first, English second, with all that is needed to pay."""
    order, amount = row.order, f"{row.missing.amount:,.2f}"
    ours = [f"{a.bank} {a.account_no} ({a.account_name})" for a in accounts]
    ours += [f"PromptPay {a.promptpay} ({a.account_name})" for a in accounts if a.promptpay]
    thai = [
        f"คำสั่งซื้อ {order.number} ของคุณ{order.ship_name} จากร้าน {order.shop.name}",
        f"ยังขาดยอดชำระ {amount} บาท โอนได้ที่" if ours else f"ยังขาดยอดชำระ {amount} บาท",
        *ours,
        "โอนแล้วรบกวนส่งสลิปกลับมาทางแชตนี้นะคะ ขอบคุณค่ะ",
    ]
    english = [
        f"Order {order.number}, {order.shop.name}: {amount} baht is still to be paid.",
        "Please send the slip here after the transfer. Thank you!",
    ]
    if order.expires_at is not None:
        thai.insert(-1, f"กรุณาโอนภายใน {format_moment(order.expires_at, 'th')} น. เพื่อไม่ให้คำสั่งซื้อถูกยกเลิก")
        english.insert(1, f"Please pay by {format_moment(order.expires_at, 'en')}.")
    return "\n".join([*thai, "", *english])
