"""What is known about slips, side by side with their orders: one verdict per check, for the screen and for deciding.

Read in a fixed number of statements, however many slips are asked about. Only a verifier's or the bank's own facts give
a match; what the customer typed never does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import literal, select

from oms import clock
from oms.approvals import needs_second_person
from oms.banks.checking import Check, Topic, amount_check
from oms.columns import MoneyAmount
from oms.db import Tx
from oms.errors import Say, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.orders.states import Board
from oms.payments.models import PaymentClaim, TransferKey
from oms.payments.slip_models import Slip
from oms.payments.slip_queries import (
    OPEN_SLIPS,
    claims_without_slip,
    open_lines,
    orders_of_claims,
    same_moment,
)
from oms.payments.statement_models import StatementLine
from oms.payments.states import SlipKind, SlipStatus, Verdict
from oms.usecases import derived
from oms.usecases.payments import OWN_WORK
from oms.usecases.references import Use
from oms.usecases.slips_verdicts import SlipVerdicts, verdicts

UNPAID_BOARDS = (Board.DRAFT, Board.WAITING_PAYMENT, Board.SLIP_WAITING, Board.SHORT_PAYMENT, Board.ON_HOLD)
LOOK_BACK = timedelta(days=10)  # older money is not the money of a slip that came today
ORDER = (Topic.AMOUNT, Topic.RECEIVER, Topic.TIME, Topic.REFERENCE, Topic.PICTURE, Topic.TRANSFER, Topic.COUNTED)


@dataclass(frozen=True)
class Share:
    """An order a slip pays: how much of it, and what the order misses."""

    order: Order
    amount: Money
    missing: Money


@dataclass(frozen=True)
class SlipCase:
    """One slip and everything a person needs to decide it. ``stated`` is what came in as far as anybody knows;
    ``proven`` says that a verifier told it. ``blocked``: why it cannot be confirmed at all; ``loose``: why it is not
    exact, None when it is."""

    slip: Slip
    shares: tuple[Share, ...]
    stated: Money | None
    proven: bool
    missing: Money | None
    account_id: int | None
    paid_at: datetime | None
    checks: tuple[Check, ...]
    first_use: Use | None
    counted: tuple[PaymentClaim, ...]
    line: StatementLine | None
    blocked: Say | None
    loose: Say | None

    @property
    def exact(self) -> bool:
        return self.loose is None

    def of(self, topic: Topic) -> Check:
        """The check of one topic."""
        return next(c for c in self.checks if c.topic is topic)


@dataclass(frozen=True)
class _Known:
    """What was read once for all slips asked about."""

    shares: Mapping[int, list[tuple[Order, Money]]]
    orders: Mapping[int, Order]
    missing: Mapping[int, Money]
    verdicts: Mapping[int, SlipVerdicts]
    claims: Mapping[int, PaymentClaim]
    uses: Mapping[int, Use]
    counted: Sequence[PaymentClaim]
    given: Mapping[int, list[tuple[Order, Money]]]
    lines: Sequence[StatementLine]
    second_person: bool
    me: int | None


def slip_cases(tx: Tx, slips: Sequence[Slip]) -> list[SlipCase]:
    """The cases of these slips, in their order."""
    known = _read(tx, slips)
    return [_case(slip, known) for slip in slips]


def slip_case(tx: Tx, slip: Slip) -> SlipCase:
    """The case of one slip."""
    return slip_cases(tx, [slip])[0]


def _read(tx: Tx, slips: Sequence[Slip]) -> _Known:
    tx.session.flush()  # facts are read by SQL
    claim_ids = {s.claim_id for s in slips if s.claim_id is not None}
    shares = orders_of_claims(tx.session, claim_ids) if claim_ids else {}
    orders = {order.id: order for parts in shares.values() for order, _ in parts}
    if lone := {s.order_id for s in slips if s.order_id is not None} - set(orders):
        orders |= {o.id: o for o in tx.session.scalars(select(Order).where(Order.id.in_(sorted(lone))))}
    facts = derived.read_facts(tx, list(orders.values()))
    claims = {
        c.id: c for c in tx.session.scalars(select(PaymentClaim).where(PaymentClaim.id.in_(sorted(claim_ids))))
    } if claim_ids else {}  # fmt: skip
    missing = {i: f.money.missing for i, f in facts.items()}
    amounts = {a for s in slips if (a := _stated(s, shares, missing)) is not None}
    since = min((s.uploaded_at for s in slips), default=clock.now()) - LOOK_BACK
    counted = claims_without_slip(tx.session, amounts, since)
    return _Known(
        shares, orders, missing, verdicts(tx.session, slips, missing), claims, _uses(tx, slips), counted,
        orders_of_claims(tx.session, [c.id for c in counted]) if counted else {},
        open_lines(tx.session, amounts, since), needs_second_person(tx.session, OWN_WORK), tx.actor.user_id,
    )  # fmt: skip


def _uses(tx: Tx, slips: Sequence[Slip]) -> dict[int, Use]:
    if not (ids := [s.first_use_id for s in slips if s.first_use_id is not None]):
        return {}
    rows = tx.session.scalars(select(TransferKey).where(TransferKey.id.in_(ids)))
    return {k.id: Use(k.id, k.slip_id, k.claim_id, k.taken_label, k.taken_at) for k in rows}


def _stated(slip: Slip, shares: Mapping[int, Any], missing: Mapping[int, Money]) -> Money | None:
    said = slip.paid_amount if slip.paid_amount is not None else slip.said_amount
    if said is not None:
        return said
    ids = [o.id for o, _ in shares.get(slip.claim_id or 0, [])] or [i for i in (slip.order_id,) if i is not None]
    total = sum((missing.get(i, ZERO) for i in ids), start=ZERO)
    return total or sum((share for _, share in shares.get(slip.claim_id or 0, [])), start=ZERO) or None


def _case(slip: Slip, known: _Known) -> SlipCase:
    parts = known.shares.get(slip.claim_id or 0, [])
    if not parts and slip.order_id in known.orders:
        parts = [(known.orders[slip.order_id or 0], ZERO)]
    shares = tuple(Share(o, amount, known.missing.get(o.id, ZERO)) for o, amount in parts)
    missing = sum((s.missing for s in shares), start=ZERO) if shares else None
    told = known.verdicts[slip.id].verdicts
    stated = _stated(slip, known.shares, known.missing)
    account_id = told.account_id or slip.account_id
    paid_at = slip.paid_at or slip.said_at
    counted = tuple(_counted(slip, stated, account_id, paid_at, shares, known))
    line = _line(stated, account_id, paid_at, slip, known)
    use = known.uses.get(slip.first_use_id or 0)
    rows: dict[Topic, Check] = {c.topic: c for c in told.checks}
    rows[Topic.REFERENCE] = _reference(slip, rows[Topic.REFERENCE])
    rows[Topic.PICTURE] = _picture(slip)
    rows[Topic.COUNTED] = _counted_check(counted)
    if line is not None and slip.paid_amount is None and rows[Topic.TRANSFER].verdict is Verdict.NOT_CHECKED:
        rows |= _by_line(line, missing)
    checks = tuple(rows[topic] for topic in ORDER)
    blocked = _blocked(slip, use, rows)
    loose = blocked or _loose(slip, rows, shares, known)
    proven = slip.paid_amount is not None
    return SlipCase(
        slip, shares, stated, proven, missing, account_id, paid_at, checks, use, counted, line, blocked, loose
    )


def _reference(slip: Slip, check: Check) -> Check:
    if slip.kind is SlipKind.PAYMENT_QR:
        return _check(Topic.REFERENCE, Verdict.MISMATCH, say("This QR is for paying; it is no slip"))
    if check.verdict is Verdict.MATCH and not slip.crc_ok:
        return _check(Topic.REFERENCE, Verdict.NOT_CHECKED, say("Never used, but the QR has no valid checksum"))
    return check


def _picture(slip: Slip) -> Check:
    if slip.alike_id is not None:
        return _check(Topic.PICTURE, Verdict.MISMATCH, say("Looks like a slip that came before"))
    if slip.status is SlipStatus.RECEIVED:
        return _check(Topic.PICTURE, Verdict.NOT_CHECKED, say("Being read"))
    return _check(Topic.PICTURE, Verdict.MATCH, say("Like no other"))


def _counted(
    slip: Slip, stated: Money | None, account_id: int | None, paid_at: datetime | None, shares: Sequence[Share],
    known: _Known,
) -> list[PaymentClaim]:  # fmt: skip
    """Payments already verified that may be this very money. Without a known time only those of the same orders, or
    of nobody."""
    mine = {s.order.id for s in shares}
    found = []
    for claim in known.counted if slip.status in OPEN_SLIPS else ():
        if claim.amount != stated or claim.id == slip.claim_id:
            continue
        if claim.reference and slip.reference and claim.reference.upper() != slip.reference.upper():
            continue  # another transfer for certain
        if None not in {account_id, claim.account_id} and claim.account_id != account_id:
            continue
        theirs = {o.id for o, _ in known.given.get(claim.id, [])}
        near = paid_at is not None and claim.paid_at is not None and same_moment(paid_at, claim.paid_at)
        if near or ((paid_at is None or claim.paid_at is None) and (not theirs or mine & theirs)):
            found.append(claim)
    return found


def _line(
    stated: Money | None, account_id: int | None, paid_at: datetime | None, slip: Slip, known: _Known
) -> StatementLine | None:
    """The one open statement line that fits amount, account and time; none when several do."""
    if stated is None or slip.status not in OPEN_SLIPS:
        return None
    latest = slip.uploaded_at + timedelta(hours=1)
    fitting = [
        line for line in known.lines
        if line.amount == stated and account_id in {None, line.account_id}
        and (same_moment(line.booked_at, paid_at) if paid_at else line.booked_at <= latest)
    ]  # fmt: skip
    return fitting[0] if len(fitting) == 1 else None


def _counted_check(counted: Sequence[PaymentClaim]) -> Check:
    if counted:
        return _check(Topic.COUNTED, Verdict.MISMATCH, say("{n} verified payments may be this money", n=len(counted)))
    return _check(Topic.COUNTED, Verdict.MATCH, say("Not counted yet"))


def _blocked(slip: Slip, use: Use | None, rows: Mapping[Topic, Check]) -> Say | None:
    """Why nobody may confirm this slip."""
    if use is not None and use.slip_id != slip.id and slip.status in OPEN_SLIPS:
        return say("This transfer was used before, by {who} on {day}", who=use.who, day=clock.local(use.at).date())
    if rows[Topic.RECEIVER].verdict is Verdict.MISMATCH:
        return rows[Topic.RECEIVER].why
    return None


def _by_line(line: StatementLine, missing: Money | None) -> dict[Topic, Check]:
    """What a line of our own statement proves: that the money is in, how much, where and when."""
    why = say("One line of the statement fits")
    proven = {t: Check(t, Verdict.MATCH, why) for t in (Topic.TRANSFER, Topic.RECEIVER, Topic.TIME)}
    return proven | {Topic.AMOUNT: amount_check(line.amount, missing)}


def _loose(slip: Slip, rows: Mapping[Topic, Check], shares: Sequence[Share], known: _Known) -> Say | None:
    """Why a slip may not be confirmed unseen, or None when every single check matches."""
    if slip.status is not SlipStatus.WAITING:
        return say("Being read")
    if not shares:
        return say("No order is named yet")
    for topic in ORDER:
        if rows[topic].verdict is not Verdict.MATCH:
            return rows[topic].why
    claim = known.claims.get(slip.claim_id or 0)
    mine = claim is not None and claim.submitted_by == known.me
    if known.second_person and known.me and (mine or any(s.order.entered_by == known.me for s in shares)):
        return say("You entered this yourself")
    return None


def _check(topic: Topic, verdict: Verdict, why: Say) -> Check:
    return Check(topic, verdict, why)


def likely_orders(tx: Tx, case: SlipCase, limit: int = 5) -> list[Order]:
    """Orders that may be meant by a slip: exactly this amount missing, the payer's name first, then the newest."""
    if case.stated is None or case.slip.status not in OPEN_SLIPS:
        return []
    mine = {s.order.id for s in case.shares}
    statement = (
        visible(tx.actor)
        .where(
            Order.closed_at.is_(None),
            Order.board.in_(UNPAID_BOARDS),
            Order.total - Order.verified_amount == literal(case.stated, MoneyAmount()),
        )
        .order_by(Order.placed_at.desc())
        .limit(50)
    )
    found = [order for order in tx.session.scalars(statement) if order.id not in mine]
    words = {w for w in case.slip.payer_name.split() if len(w) > 2}
    waiting = Board.WAITING_PAYMENT
    return sorted(found, key=lambda o: (-len(words & set(o.ship_name.split())), o.board is not waiting))[:limit]
