"""What the lines of a statement pay. A line verifies a slip, ticks off money that counts already, or makes a payment of
its own; the same money never pays twice, whichever of slip and line comes first (docs/adr/0078)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from oms import audit
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.intake.queries import one_of
from oms.money import ZERO, Money
from oms.orders.queries import lock_orders
from oms.payments.matching import Kind, Why, shared_out
from oms.payments.models import Allocation, PaymentClaim, ReceivingAccount
from oms.payments.refund_models import Refund
from oms.payments.statement_models import StatementLine, StatementMatch
from oms.payments.states import ClaimStatus, LineStatus, PaymentMethod, RefundStatus
from oms.usecases.cod_banking import BankRound, UnbankRound, bank_round, unbank_round
from oms.usecases.payments import (
    DecideClaim,
    Shares,
    SubmitClaim,
    lock_claim,
    record_payment,
    reverse_claim,
    verify_claim,
)
from oms.usecases.statement_candidates import candidates_of, money_of, rests
from oms.usecases.statement_counted import check_other_proof, check_twins
from oms.usecases.statement_rows import (
    OPEN_LINES,
    Target,
    add_match,
    check_open,
    live_matches,
    lock_lines,
    matched_of,
    matches_ever,
    take_back,
)
from oms.usecases.statement_suggest import look_again


@dataclass(frozen=True)
class ConfirmMatch:
    """These lines are this money: orders with their shares, payments (a waiting slip is verified, a verified one ticked
    off), or a refund. ``versions`` are those the person saw. ``rest_is_credit``: what is left over is the customer's.
    ``is_another``: it is another transfer than the slip that looks like it. ``note`` is needed where the balance
    breaks."""

    line_ids: tuple[int, ...]
    orders: Shares = ()
    claim_ids: tuple[int, ...] = ()
    refund_id: int | None = None
    round_id: int | None = None
    versions: tuple[tuple[int, int], ...] = ()
    rest_is_credit: bool = False
    is_another: bool = False
    note: str = ""


@dataclass(frozen=True)
class Matched:
    """What was made of the lines. ``left``: what none of it explains yet."""

    line_ids: tuple[int, ...]
    claim_ids: tuple[int, ...]
    left: Money


@dataclass(frozen=True)
class SetAside:
    """A line that pays nothing, and why; or a matched one to be opened again."""

    line_id: int
    reason: str = ""
    version: int | None = None


def confirm_match(tx: Tx, cmd: ConfirmMatch) -> Matched:
    """Match lines. Raises Refused when a line is taken, when more is given out than came in, and when the same money
    may be counted or waiting as a slip."""
    tx.actor.require("payment.statement")
    if cmd.round_id is not None:
        return _bank(tx, cmd, cmd.round_id)
    if not cmd.orders and not cmd.claim_ids and cmd.refund_id is None:
        raise InvalidInput(say("Choose what this line is"), field="choice", code="choice_missing")
    claims = _lock_money(tx, cmd)
    lines = lock_lines(tx, cmd.line_ids, dict(cmd.versions))
    check_open(lines)
    _check_lines(lines, cmd)
    left = rests(tx.session, lines)
    if cmd.refund_id is not None:
        return _tick_refund(tx, cmd, lines, left)
    _check_sum(tx, cmd, claims, sum(left.values(), start=ZERO))
    if cmd.orders and not cmd.is_another:
        check_other_proof(tx, cmd.orders, lines)
    if not cmd.is_another and (cmd.orders or any(c.status is ClaimStatus.SUBMITTED for c in claims)):
        check_twins(tx, lines)
    made = [claim.id for claim in claims]
    for claim in claims:
        _match_claim(tx, cmd, claim, lines, left)
    if cmd.orders:
        made += _pay_orders(tx, cmd, lines, left)
    return _settle(tx, cmd, lines, left, made)


def _lock_money(tx: Tx, cmd: ConfirmMatch) -> list[PaymentClaim]:
    """Orders first, then claims, then (by the caller) lines: the one lock order of money."""
    ids = {order_id for order_id, _ in cmd.orders}
    ids |= set(tx.session.scalars(select(Allocation.order_id).where(Allocation.claim_id.in_(cmd.claim_ids))))
    orders = lock_orders(tx, ids) if ids else []
    if len(orders) != len(ids):
        raise NotFound(say("There is no such order, or it is not yours to see"), code="order_not_found")
    claims = [lock_claim(tx, claim_id)[0] for claim_id in sorted(set(cmd.claim_ids))]
    for claim in claims:
        if claim.status not in {ClaimStatus.SUBMITTED, ClaimStatus.VERIFIED}:
            raise Refused(say("This payment was rejected or reversed meanwhile; look again"), code="claim_closed")
    return claims


def _check_lines(lines: Sequence[StatementLine], cmd: ConfirmMatch) -> None:
    ways = {line.amount > ZERO for line in lines}
    if len(ways) > 1 or len({line.account_id for line in lines}) > 1:
        raise InvalidInput(
            say("Lines matched together are of one account and go one way"), field="lines", code="lines_mixed"
        )
    if ways == {False} and cmd.refund_id is None:
        raise Refused(say("Money that went out can only be a refund"), code="line_goes_out")
    if ways == {True} and cmd.refund_id is not None:
        raise Refused(say("Money that came in cannot be a refund"), code="line_comes_in")
    _check_break(lines, cmd.note)


def _check_break(lines: Sequence[StatementLine], note: str) -> None:
    """Raise InvalidInput for a line where the balance breaks, unless somebody says why it is trusted."""
    if any(line.balance_breaks for line in lines) and not note.strip():
        raise InvalidInput(
            say("The running balance breaks at this line; say why you trust it"), field="note", code="balance_break"
        )


def _check_sum(tx: Tx, cmd: ConfirmMatch, claims: Sequence[PaymentClaim], came_in: Money) -> None:
    if any(share <= ZERO for _, share in cmd.orders):
        raise InvalidInput(say("The amount must be more than 0"), field="amount", code="amount_range")
    ticked = matched_of(tx, [c.id for c in claims])
    wanted = sum((c.amount - ticked[c.id] for c in claims), start=ZERO)
    wanted += sum((share for _, share in cmd.orders), start=ZERO)
    only_slip = len(claims) == 1 and not cmd.orders and claims[0].status is ClaimStatus.SUBMITTED
    if wanted > came_in and not only_slip:
        raise Refused(
            say("{wanted} is chosen, but only {amount} came in", wanted=wanted, amount=came_in), code="more_than_line"
        )


def _match_claim(
    tx: Tx, cmd: ConfirmMatch, claim: PaymentClaim, lines: Sequence[StatementLine], left: dict[int, Money]
) -> None:
    """Verify a waiting slip by what the bank says came in, or tick a verified payment off."""
    ticked = matched_of(tx, [claim.id])[claim.id]
    counts = claim.status is ClaimStatus.SUBMITTED
    wanted = min(claim.amount - ticked, sum(left.values(), start=ZERO))
    if wanted <= ZERO:
        raise Refused(say("This payment is ticked off already"), code="claim_ticked")
    if counts:
        first = lines[0]
        verify_claim(
            tx,
            DecideClaim(
                claim.id, note=cmd.note, amount=wanted, account_id=first.account_id, paid_at=first.booked_at,
                payer_name=first.payer_name,
            ),
            by_bank=True,
        )  # fmt: skip
    elif claim.account_id not in {None, lines[0].account_id}:
        raise Refused(say("That payment came into another account"), code="other_account")
    for line in lines:
        part = min(wanted, left[line.id])
        if part > ZERO:
            add_match(tx, line, Target(claim_id=claim.id), part, counts=counts)
            wanted, left[line.id] = wanted - part, left[line.id] - part


def _pay_orders(tx: Tx, cmd: ConfirmMatch, lines: Sequence[StatementLine], left: dict[int, Money]) -> list[int]:
    """Each line is a payment of its own; the orders are filled from the lines one after the other."""
    made = []
    parts = shared_out([left[line.id] for line in lines], [share for _, share in cmd.orders])
    for line, row in zip(lines, parts, strict=True):
        shares = tuple((i, part) for (i, _), part in zip(cmd.orders, row, strict=True) if part > ZERO)
        amount = left[line.id] if cmd.rest_is_credit else sum((part for _, part in shares), start=ZERO)
        if not shares or amount <= ZERO:
            continue
        account = tx.session.get_one(ReceivingAccount, line.account_id)
        once = f"statement:{line.id}:{matches_ever(tx, line.id)}"
        paid = record_payment(
            tx,
            SubmitClaim(
                method=PaymentMethod.EWALLET if account.bank_code == "wallet" else PaymentMethod.TRANSFER,
                amount=amount, allocations=shares, account_id=line.account_id, paid_at=line.booked_at,
                payer_name=line.payer_name, note=cmd.note, idempotency_key=once,
            ),
        )  # fmt: skip
        add_match(tx, line, Target(claim_id=paid.claim_id), amount, counts=True)
        left[line.id] -= amount
        made.append(paid.claim_id)
    return made


def _bank(tx: Tx, cmd: ConfirmMatch, round_id: int) -> Matched:
    """The line is a carrier's round: one line, the whole of it."""
    if len(cmd.line_ids) != 1 or cmd.orders or cmd.claim_ids or cmd.refund_id is not None:
        raise InvalidInput(say("A carrier's round is one line and nothing else"), field="choice", code="round_alone")
    _check_break(list(tx.session.scalars(select(StatementLine).where(StatementLine.id == cmd.line_ids[0]))), cmd.note)
    banked = bank_round(
        tx, BankRound(round_id, line_id=cmd.line_ids[0], line_version=dict(cmd.versions).get(cmd.line_ids[0]),
                      note=cmd.note)
    )  # fmt: skip
    [line] = lock_lines(tx, cmd.line_ids)
    _audit(tx, "statement.matched", line, {"status": line.status, "round": round_id}, cmd.note)
    return Matched(cmd.line_ids, (banked.claim_id,) if banked.claim_id else (), ZERO)


def _tick_refund(tx: Tx, cmd: ConfirmMatch, lines: Sequence[StatementLine], left: dict[int, Money]) -> Matched:
    """The money of a refund has left the account."""
    refund = tx.session.get(Refund, cmd.refund_id, with_for_update=True, populate_existing=True)
    if refund is None:
        raise NotFound(say("There is no such refund"), code="refund_not_found")
    if refund.status is not RefundStatus.PAID:
        raise Refused(say("Mark refund {number} as paid first", number=refund.number), code="refund_not_paid")
    rows = select(func.sum(StatementMatch.amount)).where(StatementMatch.refund_id == refund.id)
    wanted = refund.amount - money_of(tx.session.scalar(rows))
    if wanted <= ZERO or wanted < sum(left.values(), start=ZERO):
        raise Refused(say("This refund is of another amount, or is ticked off already"), code="refund_ticked")
    for line in lines:
        add_match(tx, line, Target(refund_id=refund.id), left[line.id], counts=False)
        left[line.id] = ZERO
    return _settle(tx, cmd, lines, left, [])


def _settle(
    tx: Tx, cmd: ConfirmMatch, lines: Sequence[StatementLine], left: dict[int, Money], claim_ids: Sequence[int]
) -> Matched:
    """Say where the lines stand now, and look again at others of the same amount."""
    open_ids = []
    for line in lines:
        line.status = LineStatus.MATCHED if left[line.id] <= ZERO else LineStatus.UNMATCHED
        line.note = cmd.note.strip()[:500] or line.note
        if line.status is LineStatus.MATCHED:
            line.suggestions = None
        else:
            open_ids.append(line.id)
        after = {"status": line.status, "left": left[line.id], "payments": list(claim_ids), "refund": cmd.refund_id}
        _audit(tx, "statement.matched", line, after, cmd.note)
    tx.session.flush()  # sums are made by SQL
    if open_ids:
        look_again(tx, open_ids)
    return Matched(tuple(n.id for n in lines), tuple(claim_ids), sum(left.values(), start=ZERO))


def tick_counted(tx: Tx, line_ids: Collection[int]) -> int:
    """Tick off those of these lines that fit exactly one payment, of the same time, that counts already. Nothing
    counts by it. Answers how many."""
    tx.actor.require("payment.statement")
    wanted = select(StatementLine).where(one_of(StatementLine.id, line_ids), StatementLine.status.in_(OPEN_LINES))
    lines = [n for n in tx.session.scalars(wanted.order_by(StatementLine.id)) if not n.balance_breaks]
    found = candidates_of(tx.session, lines)
    fits = {i: [r for r in ranked if r.fits] for i, ranked in found.items()}
    used = Counter(r.candidate.ids for several in fits.values() for r in several if r.candidate.kind is Kind.CLAIM)
    done = 0
    for line in lines:
        mine = fits.get(line.id, [])
        if len(mine) != 1 or not mine[0].candidate.counted or mine[0].candidate.kind is not Kind.CLAIM:
            continue
        if Why.MOMENT in mine[0].why and used[mine[0].candidate.ids] == 1:
            confirm_match(tx, ConfirmMatch((line.id,), claim_ids=mine[0].candidate.ids))
            done += 1
    return done


def unmatch_line(tx: Tx, cmd: SetAside) -> None:
    """Take a line's matches back by rows of their own. A payment that the line had made count is reversed with it; a
    payment that a slip had made count stays and is only not ticked off any more. Needs a reason."""
    tx.actor.require("payment.statement")
    if not cmd.reason.strip():
        raise InvalidInput(say("Say in a few words why"), field="reason", code="reason_missing")
    matches = live_matches(tx, [cmd.line_id])
    if banked := next((m.round_id for m in matches if m.round_id), None):
        unbank_round(tx, UnbankRound(banked, cmd.reason))
        [line] = lock_lines(tx, [cmd.line_id])
        _audit(tx, "statement.unmatched", line, {"round": banked}, cmd.reason)
        look_again(tx, [line.id])
        return
    made = sorted({m.claim_id for m in matches if m.counts and m.claim_id})
    seen = sorted({m.claim_id for m in matches if m.claim_id})
    orders = set(tx.session.scalars(select(Allocation.order_id).where(Allocation.claim_id.in_(seen))))
    if orders:
        lock_orders(tx, orders)
    for claim_id in seen:
        lock_claim(tx, claim_id)
    [line] = lock_lines(tx, [cmd.line_id], {cmd.line_id: cmd.version} if cmd.version is not None else None)
    if not matches or line.status in {LineStatus.IGNORED, LineStatus.DUPLICATE}:
        raise Refused(say("This line is not matched"), code="line_not_matched")
    still = {m.id for m in live_matches(tx, [cmd.line_id])}
    if still != {m.id for m in matches}:
        raise Refused(say("Someone else has matched this line; reload and look again"), code="stale")
    freed = {line.id}
    for claim_id in made:
        freed |= {m.line_id for m in live_matches(tx, claim_ids=[claim_id])}
        reverse_claim(tx, DecideClaim(claim_id, note=cmd.reason))
    freed |= set(take_back(tx, live_matches(tx, [line.id])))
    _audit(tx, "statement.unmatched", line, {"payments_reversed": made}, cmd.reason)
    look_again(tx, sorted(freed))


def ignore_line(tx: Tx, cmd: SetAside) -> None:
    """The line is no customer's money (a fee, interest, our own transfer). Needs a reason; nothing may be matched."""
    tx.actor.require("payment.statement")
    if not cmd.reason.strip():
        raise InvalidInput(say("Say in a few words why"), field="reason", code="reason_missing")
    [line] = lock_lines(tx, [cmd.line_id], {cmd.line_id: cmd.version} if cmd.version is not None else None)
    check_open([line])
    if live_matches(tx, [line.id]):
        raise Refused(say("A part of this line is matched; undo that first"), code="line_partly_matched")
    line.status, line.note, line.suggestions = LineStatus.IGNORED, cmd.reason.strip()[:500], None
    _audit(tx, "statement.ignored", line, {"status": line.status}, cmd.reason)


def reopen_line(tx: Tx, cmd: SetAside) -> None:
    """An ignored line, or one called a duplicate, is looked at again."""
    tx.actor.require("payment.statement")
    [line] = lock_lines(tx, [cmd.line_id], {cmd.line_id: cmd.version} if cmd.version is not None else None)
    if line.status not in {LineStatus.IGNORED, LineStatus.DUPLICATE}:
        raise Refused(say("This line is not set aside"), code="line_open")
    before = line.status
    line.status = LineStatus.UNMATCHED
    tx.session.flush()  # sums are made by SQL
    _audit(tx, "statement.reopened", line, {"status": line.status, "was": before}, cmd.reason)
    look_again(tx, [line.id])


def _audit(tx: Tx, action: str, line: StatementLine, after: dict[str, object], note: str) -> None:
    facts = {"amount": line.amount, "booked_at": line.booked_at, **after}
    audit.record(tx, action, "statement_line", line.id, line.description[:120], after=facts, reason=note)
