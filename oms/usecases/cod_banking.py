"""A round in the bank: one verified claim of its gross, shared out to the orders; the fees stay with the carrier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import aliased

from oms import audit, clock
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import lock_orders
from oms.payments.cod_models import CodEntry, CodRound, CodRoundLine
from oms.payments.cod_rules import SETTLES
from oms.payments.statement_models import StatementLine, StatementMatch
from oms.payments.states import LineStatus, PaymentMethod, RoundLineOutcome
from oms.usecases import derived
from oms.usecases.payments import (
    DecideClaim,
    SubmitClaim,
    lock_claim,
    need_reason,
    put_shares,
    record_payment,
    reverse_claim,
    shares_of,
)

OPEN_LINES = frozenset({LineStatus.UNMATCHED, LineStatus.SUGGESTED, LineStatus.AMBIGUOUS})


@dataclass(frozen=True)
class BankRound:
    """The net of a round is on an account of ours: by a statement line of exactly that amount, or by a person's word,
    which needs a reason."""

    round_id: int
    account_id: int | None = None
    paid_at: datetime | None = None
    line_id: int | None = None
    line_version: int | None = None
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class UnbankRound:
    round_id: int
    note: str
    version: int | None = None


@dataclass(frozen=True)
class SetRoundFee:
    """What the carrier kept of the whole round: transfer fee, clawback of an earlier payment."""

    round_id: int
    fee: Money
    note: str
    version: int | None = None


@dataclass(frozen=True)
class Banked:
    round_id: int
    claim_id: int | None
    order_ids: tuple[int, ...]


def get_round(tx: Tx, round_id: int, *, lock: bool = False, version: int | None = None) -> CodRound:
    """A round. Raises NotFound, or Refused "stale" when ``version`` is not the one stored."""
    tx.actor.require("payment.cod")
    found = tx.session.get(CodRound, min(round_id, 2**63 - 1), with_for_update=lock or None, populate_existing=lock)
    if found is None:
        raise NotFound(say("There is no such round"), code="round_not_found")
    if version is not None and found.version != version:
        raise Refused(say("Someone else changed this round; reload and look again"), code="stale")
    return found


def bank_round(tx: Tx, cmd: BankRound) -> Banked:
    """Book a round's money: its orders become paid. Raises Refused when the amounts do not tie to the satang."""
    tx.actor.require("payment.cod")
    tx.actor.require("payment.verify")
    orders = lock_orders(tx, round_shares(tx, cmd.round_id))
    here = get_round(tx, cmd.round_id, lock=True, version=cmd.version)
    shares = round_shares(tx, here.id)
    if set(shares) != {o.id for o in orders}:
        raise Refused(say("Someone else changed this round; reload and look again"), code="stale")
    if here.banked_at is not None:
        raise Refused(say("This round is in the bank already"), code="round_banked")
    if here.gross <= ZERO or here.net < ZERO:
        raise Refused(say("This round has no money to bank"), code="round_empty")
    line = _check_line(tx, here, cmd)
    if line is None:
        need_reason(cmd.note)
        if cmd.account_id is None:
            raise InvalidInput(say("Choose one of our accounts"), field="account_id", code="account_unknown")
    claim = SubmitClaim(
        PaymentMethod.COD, here.gross, tuple(sorted(shares.items())),
        account_id=line.account_id if line else cmd.account_id,
        paid_at=line.booked_at if line else cmd.paid_at or clock.now(),
        note=f"COD {here.carrier} {here.reference}"[:500], payer_name=here.carrier,
    )  # fmt: skip
    made = record_payment(tx, claim, proven=line is not None)
    here.claim_id, here.banked_at, here.banked_by = made.claim_id, clock.now(), tx.actor.label[:120]
    if line is not None:
        tx.session.add(StatementMatch(line_id=line.id, round_id=here.id, amount=here.net, by=tx.actor.label[:120]))
        line.status, line.suggestions = LineStatus.MATCHED, None
    after = {"claim": made.claim_id, "net": here.net, "gross": here.gross, "line": line.id if line else None}
    audit.record(tx, "cod.banked", "cod_round", here.id, _title(here), after=after, reason=cmd.note)
    tx.session.flush()
    return Banked(here.id, made.claim_id, made.order_ids)


def unbank_round(tx: Tx, cmd: UnbankRound) -> Banked:
    """The round is not in the bank after all: its claim is reversed, its statement line is open again."""
    tx.actor.require("payment.cod")
    tx.actor.require("payment.verify")
    need_reason(cmd.note)
    lock_orders(tx, round_shares(tx, cmd.round_id))
    here = get_round(tx, cmd.round_id, lock=True, version=cmd.version)
    if here.claim_id is None:
        raise Refused(say("This round is not in the bank yet"), code="round_not_banked")
    claim_id = here.claim_id
    back = reverse_claim(tx, DecideClaim(claim_id, note=cmd.note))
    here.claim_id, here.banked_at, here.banked_by = None, None, ""
    for match in _live_matches(tx, here.id):
        undone = StatementMatch(
            line_id=match.line_id, round_id=here.id, amount=-match.amount, reverses_id=match.id, by=tx.actor.label[:120]
        )
        tx.session.add(undone)
        line = tx.session.get_one(StatementLine, match.line_id, with_for_update=True)
        line.status, line.suggestions = LineStatus.UNMATCHED, None
    audit.record(
        tx, "cod.unbanked", "cod_round", here.id, _title(here), before={"claim": claim_id}, reason=cmd.note.strip()
    )
    tx.session.flush()
    return Banked(here.id, None, back.order_ids)


def set_round_fee(tx: Tx, cmd: SetRoundFee) -> None:
    """What the carrier kept of a round as a whole, with a reason, so that its net ties with the bank."""
    tx.actor.require("payment.cod")
    need_reason(cmd.note)
    here = get_round(tx, cmd.round_id, lock=True, version=cmd.version)
    if here.banked_at is not None:
        raise Refused(say("This round is in the bank already"), code="round_banked")
    if not ZERO <= cmd.fee <= here.gross - here.fees:
        raise InvalidInput(
            say("The fee must be from 0 to {most}", most=here.gross - here.fees), field="fee", code="fee_range"
        )
    before = here.round_fee
    here.round_fee, here.net, here.note = cmd.fee, here.gross - here.fees - cmd.fee, cmd.note.strip()[:500]
    audit.record(
        tx, "cod.round_fee", "cod_round", here.id, _title(here), before={"round_fee": before},
        after={"round_fee": cmd.fee, "net": here.net}, reason=cmd.note.strip(),
    )  # fmt: skip


def round_shares(tx: Tx, round_id: int) -> dict[int, Money]:
    """How much of a round's gross belongs to which order. What a carrier paid over, twice, or for parcels that came
    back or are unknown belongs to no order."""
    rows = tx.session.execute(
        select(CodRoundLine.amount, CodRoundLine.outcome, CodEntry)
        .join(CodEntry, CodEntry.id == CodRoundLine.entry_id)
        .where(CodRoundLine.round_id == round_id, CodRoundLine.outcome.in_(sorted(SETTLES)))
        .order_by(CodRoundLine.id)
    )
    shares: dict[int, Money] = {}
    for amount, outcome, entry in rows:
        shares[entry.order_id] = shares.get(entry.order_id, ZERO) + _counts(entry, amount, outcome)
    return {order_id: amount for order_id, amount in shares.items() if amount > ZERO}


def give_share(tx: Tx, here: CodRound, order: Order, entry: CodEntry, amount: Money, finding: RoundLineOutcome) -> None:
    """A line of a round that is in the bank was understood later: its order gets its part of the claim."""
    if here.claim_id is None:
        return
    claim, _ = lock_claim(tx, here.claim_id, [order.id])
    shares = shares_of(claim)
    left = claim.amount - sum(shares.values(), start=ZERO)  # a person may have moved it by hand meanwhile
    put_shares(tx, claim, shares | {order.id: shares.get(order.id, ZERO) + min(left, _counts(entry, amount, finding))})
    derived.refresh(tx, [order])


def _counts(entry: CodEntry, amount: Money, outcome: RoundLineOutcome) -> Money:
    over = entry.remitted - entry.expected if outcome is RoundLineOutcome.OVER else ZERO
    return amount - over


def _check_line(tx: Tx, here: CodRound, cmd: BankRound) -> StatementLine | None:
    """The statement line, if it is free and brings exactly the net."""
    if cmd.line_id is None:
        return None
    line = tx.session.get(StatementLine, cmd.line_id, with_for_update=True, populate_existing=True)
    if line is None:
        raise NotFound(say("There is no such statement line"), code="line_not_found")
    if cmd.line_version is not None and line.version != cmd.line_version:
        raise Refused(say("Someone else has matched this line; reload and look again"), code="stale")
    used = tx.session.scalar(select(func.count()).where(StatementMatch.line_id == line.id).having(_live_sum()))
    if line.status not in OPEN_LINES or used:
        raise Refused(say("This statement line is used already"), code="line_used")
    if line.balance_breaks:
        need_reason(cmd.note)
    if line.amount != here.net:
        raise Refused(
            say("The line brings {amount}, the round {net}", amount=line.amount, net=here.net), code="round_differs"
        )
    return line


def _live_sum() -> ColumnElement[bool]:
    """Whether some of a line is matched."""
    return func.sum(StatementMatch.amount) != ZERO


def _live_matches(tx: Tx, round_id: int) -> list[StatementMatch]:
    undone = aliased(StatementMatch)
    back = select(undone.id).where(undone.reverses_id == StatementMatch.id).exists()
    live = select(StatementMatch).where(
        StatementMatch.round_id == round_id, StatementMatch.reverses_id.is_(None), ~back
    )
    return list(tx.session.scalars(live.order_by(StatementMatch.id)))


def _title(here: CodRound) -> str:
    return f"{here.carrier} · {here.reference}"
