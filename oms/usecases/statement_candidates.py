"""What open statement lines may be, for many lines in a handful of statements: slips and verified payments, unpaid
orders and sums of them, pay-outs of carriers, refunds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

from sqlalchemy import ColumnElement, Row, ScalarSelect, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import BigInteger, String

from oms.banks.statements.payer import name_key
from oms.intake.queries import one_of
from oms.money import ZERO, Money
from oms.payments.cod_models import CodRound
from oms.payments.matching import Candidate, Kind, LineFacts, Ranked, rank, tokens_of
from oms.payments.models import Allocation, PaymentClaim
from oms.payments.refund_models import Refund
from oms.payments.statement_models import StatementLine, StatementMatch
from oms.payments.states import ClaimStatus, PaymentMethod, RefundStatus

ORDERS_BACK = timedelta(days=120)  # older unpaid orders are found by hand only
CLAIMS_AROUND = timedelta(days=14)  # a slip may be sent days after, or wait days
SUM_OF = 4  # at most so many orders of one customer are added up by themselves
MANY = 8  # customers with more open orders are not added up

_STILL_DUE = """o.total - o.verified_amount
          - coalesce((SELECT sum(l.total * l.canceled / l.quantity) FROM order_lines l
                      WHERE l.order_id = o.id AND l.canceled > 0), 0)
          + coalesce((SELECT sum(r.amount) FROM refunds r WHERE r.order_id = o.id AND r.status = 'paid'), 0)"""
_MISSING = text(f"""
    SELECT o.id, CASE WHEN o.status = 'confirmed' OR o.status = 'completed' THEN greatest(0, {_STILL_DUE}) ELSE 0 END
    FROM orders o WHERE o.id = ANY(:ids)
""").bindparams(bindparam("ids", type_=ARRAY(BigInteger)))  # put together from constants
_OPEN_ORDERS = text(f"""
    WITH open AS (
      SELECT o.id, o.number, o.external_no, o.customer_id, o.ship_phone, o.ship_name, o.placed_at,
        {_STILL_DUE} AS missing,
        count(*) OVER (PARTITION BY o.customer_id) AS together
      FROM orders o
      WHERE o.closed_at IS NULL AND o.status = 'confirmed' AND o.payment_term <> 'marketplace'
        AND o.payment_status IN ('unpaid', 'pending_review', 'partial', 'credit') AND o.placed_at >= :since)
    SELECT * FROM open WHERE missing > 0 AND (missing = ANY(:amounts)
      OR (customer_id IS NOT NULL AND together BETWEEN 2 AND :many)
      OR number = ANY(:words) OR external_no = ANY(:words) OR replace(number, '-', '') = ANY(:words))
    ORDER BY id
""").bindparams(bindparam("amounts", type_=ARRAY(BigInteger)), bindparam("words", type_=ARRAY(String)))


def facts_of(session: Session, lines: Sequence[StatementLine]) -> list[LineFacts]:
    """Lines as matching sees them, with what is left of each."""
    left = rests(session, lines)
    return [
        LineFacts(
            line_id=line.id, account_id=line.account_id, money_in=line.amount > ZERO, rest=left[line.id],
            at=line.booked_at, has_time=line.has_time, text=line.description, payer_key=name_key(line.payer_name),
            payer_digits=line.payer_account[-4:], tokens=tokens_of(line.description),
        )
        for line in lines
    ]  # fmt: skip


def rests(session: Session, lines: Iterable[StatementLine]) -> dict[int, Money]:
    """What is not matched yet of each line, without its sign."""
    whole = {line.id: line.amount if line.amount > ZERO else -line.amount for line in lines}
    rows = session.execute(
        select(StatementMatch.line_id, func.sum(StatementMatch.amount))
        .where(one_of(StatementMatch.line_id, whole))
        .group_by(StatementMatch.line_id)
    )
    used = {line_id: money_of(total) for line_id, total in rows}
    return {line_id: amount - used.get(line_id, ZERO) for line_id, amount in whole.items()}


def money_of(total: object) -> Money:
    """A sum as the database gives it."""
    return total if isinstance(total, Money) else Money.satang(int(str(total or 0)))


def candidates_of(session: Session, lines: Sequence[StatementLine]) -> dict[int, list[Ranked]]:
    """Line id -> its candidates, best first. Six statements, however many lines."""
    facts = [f for f in facts_of(session, lines) if f.rest > ZERO]
    if not facts:
        return {}
    known = _known_payers(session, lines)
    into, out = [f for f in facts if f.money_in], [f for f in facts if not f.money_in]
    by_amount: dict[Money, list[Candidate]] = defaultdict(list)
    by_word: dict[str, list[Candidate]] = defaultdict(list)
    if into:
        amounts = {f.rest for f in into}
        words = {w for f in into for w in f.tokens}
        found = [*_claims(session, into, amounts), *_orders(session, into, amounts, words), *_rounds(session, amounts)]
        for candidate in found:
            by_amount[candidate.amount].append(candidate)
            for word in candidate.words:
                by_word[word.upper()].append(candidate)
    refunds = _refunds(session, {f.rest for f in out}) if out else {}
    names = {line.id: line.payer_name for line in lines}
    answer = {}
    for f in facts:
        near = refunds.get(f.rest, []) if not f.money_in else _near(f, by_amount, by_word)
        answer[f.line_id] = rank(f, near, known.get(names[f.line_id], set()))
    return answer


def _near(
    facts: LineFacts, by_amount: dict[Money, list[Candidate]], by_word: dict[str, list[Candidate]]
) -> list[Candidate]:
    """Candidates of the line's amount, and those its text names."""
    found = {(c.kind, c.ids): c for c in by_amount.get(facts.rest, [])}
    found |= {(c.kind, c.ids): c for word in facts.tokens for c in by_word.get(word, [])}
    return list(found.values())


def ticked_amount() -> ScalarSelect[Money]:
    """How much of a claim lines vouch for; NULL when none ever did."""
    found = select(func.sum(StatementMatch.amount)).where(StatementMatch.claim_id == PaymentClaim.id)
    return found.correlate(PaymentClaim).scalar_subquery()


def unticked() -> ColumnElement[bool]:
    """Claims that no line vouches for."""
    matched = ticked_amount()
    return matched.is_(None) | (matched == ZERO)


def _claims(session: Session, facts: Sequence[LineFacts], amounts: Collection[Money]) -> list[Candidate]:
    """Slips that wait, and verified transfers no line has ticked off yet."""
    at = func.coalesce(PaymentClaim.paid_at, PaymentClaim.submitted_at)
    orders = (
        select(func.array_agg(Allocation.order_id.distinct()))
        .where(Allocation.claim_id == PaymentClaim.id)
        .correlate(PaymentClaim)
        .scalar_subquery()
    )
    rows = session.execute(
        select(PaymentClaim, at, orders).where(
            PaymentClaim.status.in_([ClaimStatus.SUBMITTED, ClaimStatus.VERIFIED]),
            PaymentClaim.method.in_([PaymentMethod.TRANSFER, PaymentMethod.PROMPTPAY, PaymentMethod.EWALLET]),
            one_of(PaymentClaim.amount, amounts),
            at.between(min(f.at for f in facts) - CLAIMS_AROUND, max(f.at for f in facts) + CLAIMS_AROUND),
            unticked(),
        )
    )
    return [
        Candidate(
            kind=Kind.CLAIM, ids=(claim.id,), amount=claim.amount, at=moment, account_id=claim.account_id,
            words=(claim.reference,) if claim.reference else (), names=(name_key(claim.payer_name),),
            customer_id=claim.customer_id, order_ids=tuple(order_ids or ()),
            counted=claim.status is ClaimStatus.VERIFIED, timed=claim.paid_at is not None,
        )
        for claim, moment, order_ids in rows
    ]  # fmt: skip


def _orders(
    session: Session, facts: Sequence[LineFacts], amounts: Collection[Money], words: set[str]
) -> list[Candidate]:
    """Unpaid orders of one of the amounts, named in a text, or adding up with others of their customer."""
    since: datetime = min(f.at for f in facts) - ORDERS_BACK
    wanted = {a.in_satang for a in amounts}
    found = session.execute(
        _OPEN_ORDERS, {"amounts": sorted(wanted), "words": sorted(words), "since": since, "many": MANY}
    ).all()
    mine: dict[int, list[tuple[int, Row[Any]]]] = defaultdict(list)
    single: list[Candidate] = []
    for row in found:
        missing = int(row.missing)
        if missing in wanted or not words.isdisjoint(_names(row)):
            single.append(_of_orders([row]))
        if row.customer_id is not None and 1 < row.together <= MANY:
            mine[row.customer_id].append((missing, row))
    return single + [s for orders in mine.values() for s in _sums(orders, wanted)]


def _names(row: Row[Any]) -> list[str]:
    """What a bank's text may call an order."""
    return [n.upper() for n in (row.number, row.number.replace("-", ""), row.external_no) if n]


def _sums(orders: Sequence[tuple[int, Row[Any]]], wanted: Collection[int]) -> list[Candidate]:
    """Two to four orders of one customer that together are one of the amounts, in whole satang: there may be a hundred
    thousand sums."""
    found = []
    for count in range(2, min(SUM_OF, len(orders)) + 1):
        for several in combinations(orders, count):
            if sum(missing for missing, _ in several) in wanted:
                found.append(_of_orders([row for _, row in several]))  # noqa: PERF401  a sum is rare
    return found


def _of_orders(rows: Sequence[Row[Any]]) -> Candidate:
    """One or several orders of one customer as a candidate."""
    ids = tuple(row.id for row in rows)
    return Candidate(
        kind=Kind.ORDERS, ids=ids, amount=Money.satang(sum(int(row.missing) for row in rows)),
        at=max(row.placed_at for row in rows), words=tuple(n for row in rows for n in _names(row)),
        names=tuple(name_key(row.ship_name) for row in rows),
        phones=(rows[0].ship_phone,) if rows[0].ship_phone else (),
        customer_id=rows[0].customer_id, order_ids=ids,
    )  # fmt: skip


def _rounds(session: Session, amounts: Collection[Money]) -> list[Candidate]:
    """Pay-outs of carriers that no line has banked yet."""
    rows = session.scalars(select(CodRound).where(CodRound.banked_at.is_(None), one_of(CodRound.net, amounts)))
    return [
        Candidate(
            kind=Kind.ROUND, ids=(r.id,), amount=r.net, at=r.created_at, words=(r.reference,),
            names=(name_key(r.carrier),),
        )
        for r in rows
    ]  # fmt: skip


def _refunds(session: Session, amounts: Collection[Money]) -> dict[Money, list[Candidate]]:
    """Refunds that were paid or are to be paid, and that no line shows yet."""
    matched = select(StatementMatch.refund_id).where(StatementMatch.refund_id.is_not(None))
    ticked = matched.group_by(StatementMatch.refund_id).having(func.sum(StatementMatch.amount) > ZERO)
    rows = session.scalars(
        select(Refund).where(
            Refund.status.in_([RefundStatus.APPROVED, RefundStatus.PAID]), one_of(Refund.amount, amounts),
            Refund.id.not_in(ticked),
        )
    )  # fmt: skip
    found: dict[Money, list[Candidate]] = defaultdict(list)
    for r in rows:
        words = tuple(w for w in (r.number, r.reference) if w)
        found[r.amount].append(
            Candidate(
                kind=Kind.REFUND, ids=(r.id,), amount=r.amount, at=r.paid_at or r.decided_at, account_id=r.account_id,
                words=words, names=(name_key(r.to_name),), order_ids=(r.order_id,),
                counted=r.status is RefundStatus.PAID,
            )
        )  # fmt: skip
    return found


def _known_payers(session: Session, lines: Sequence[StatementLine]) -> dict[str, set[int]]:
    """Payer name -> customers their earlier lines were confirmed for: learned, never typed in."""
    names = {line.payer_name for line in lines if line.payer_name}
    if not names:
        return {}
    rows = session.execute(
        select(StatementLine.payer_name, PaymentClaim.customer_id)
        .join(StatementMatch, StatementMatch.line_id == StatementLine.id)
        .join(PaymentClaim, PaymentClaim.id == StatementMatch.claim_id)
        .where(
            one_of(StatementLine.payer_name, names), StatementLine.payer_name != "",
            PaymentClaim.status == ClaimStatus.VERIFIED, PaymentClaim.customer_id.is_not(None),
        )
        .distinct()
    )  # fmt: skip
    known: dict[str, set[int]] = defaultdict(set)
    for name, customer_id in rows:
        known[name].add(int(customer_id or 0))
    return known


def missing_of_orders(session: Session, order_ids: Collection[int]) -> dict[int, Money]:
    """What each of these orders still misses, for showing; verbs ask ``derived`` under a lock."""
    if not order_ids:
        return {}
    rows = session.execute(_MISSING, {"ids": sorted(set(order_ids))})
    return {order_id: Money.satang(int(missing)) for order_id, missing in rows}
