"""Look at open lines again: what each may be, where it stands, and the few that tick themselves off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from oms import audit
from oms.db import Tx
from oms.intake.queries import one_of
from oms.payments.matching import Kind, Ranked, standing, ticks_itself
from oms.payments.models import PaymentClaim
from oms.payments.statement_models import StatementLine
from oms.payments.states import ClaimStatus, LineStatus
from oms.usecases.statement_candidates import candidates_of
from oms.usecases.statement_rows import OPEN_LINES, Target, add_match, matched_of

AT_ONCE = 2000  # lines looked at in one transaction


@dataclass(frozen=True)
class Looked:
    """How many lines stand where now."""

    suggested: int
    ambiguous: int
    unmatched: int
    ticked: int


def look_again(tx: Tx, line_ids: Collection[int] | None = None) -> Looked:
    """Find what these open lines (or all of them, the oldest first) may be. A line ticks itself off only when a
    verified payment of exactly its amount bears a reference that the bank's text names, and no other fits."""
    tx.actor.require("payment.statement")
    statement = select(StatementLine).where(StatementLine.status.in_(sorted(OPEN_LINES)))
    if line_ids is not None:
        statement = statement.where(one_of(StatementLine.id, line_ids))
    lines = list(
        tx.session.scalars(
            statement.order_by(StatementLine.booked_at, StatementLine.id)
            .limit(AT_ONCE)
            .with_for_update(of=StatementLine, key_share=True, skip_locked=True)  # who matches one now decides it
            .execution_options(populate_existing=True)
        )
    )
    found = candidates_of(tx.session, lines)
    stands = standings(found)
    ticked = _tick(tx, lines, found)
    counted: Counter[LineStatus] = Counter()
    for line in lines:
        if line.id in ticked:
            continue
        ranked = found.get(line.id, [])
        status = stands.get(line.id, LineStatus.UNMATCHED)
        line.status, line.suggestions = status, [_kept(r) for r in ranked] or None
        counted[status] += 1
    tx.session.flush()  # lists and counts are read by SQL
    return Looked(
        counted[LineStatus.SUGGESTED], counted[LineStatus.AMBIGUOUS], counted[LineStatus.UNMATCHED], len(ticked)
    )


def standings(found: Mapping[int, Sequence[Ranked]]) -> dict[int, LineStatus]:
    """Where each of these lines stands. Two lines that fit one thing are for a person, unless the text names it."""
    wanted = Counter((r.candidate.kind, r.candidate.ids) for ranked in found.values() for r in ranked if r.fits)
    answer = {}
    for line_id, ranked in found.items():
        status = standing(ranked)
        shared = any(wanted[r.candidate.kind, r.candidate.ids] > 1 for r in ranked if r.fits)
        if status is LineStatus.SUGGESTED and shared and not ranked[0].is_named:
            status = LineStatus.AMBIGUOUS
        answer[line_id] = status
    return answer


def _kept(ranked: Ranked) -> dict[str, Any]:
    return {
        "kind": ranked.candidate.kind.value, "ids": list(ranked.candidate.ids), "points": ranked.points,
        "why": [w.value for w in ranked.why], "fits": ranked.fits,
    }  # fmt: skip


def _tick(tx: Tx, lines: Sequence[StatementLine], found: dict[int, list[Ranked]]) -> set[int]:
    """Tick off what says itself that it is counted already: each payment for one line only."""
    wanted = {n.id: r for n in lines if (r := ticks_itself(found.get(n.id, []))) and not n.balance_breaks}
    wanted = {i: r for i, r in wanted.items() if r.candidate.kind is Kind.CLAIM}
    used = Counter(r.candidate.ids for r in wanted.values())
    wanted = {i: r for i, r in wanted.items() if used[r.candidate.ids] == 1}
    if not wanted:
        return set()
    ids = [r.candidate.ids[0] for r in wanted.values()]
    rows = select(PaymentClaim).where(one_of(PaymentClaim.id, ids)).with_for_update(skip_locked=True)
    claims = {c.id: c for c in tx.session.scalars(rows.execution_options(populate_existing=True))}
    matched = matched_of(tx, ids)
    ticked = set()
    for line in lines:
        if line.id not in wanted:
            continue
        claim = claims.get(wanted[line.id].candidate.ids[0])
        if claim is not None and claim.status is ClaimStatus.VERIFIED and not matched[claim.id]:
            add_match(tx, line, Target(claim_id=claim.id), claim.amount, counts=False)
            line.status, line.suggestions = LineStatus.MATCHED, None
            after = {"payments": [claim.id], "by_reference": claim.reference, "amount": line.amount}
            audit.record(tx, "statement.ticked", "statement_line", line.id, line.description[:120], after=after)
            ticked.add(line.id)
    return ticked
