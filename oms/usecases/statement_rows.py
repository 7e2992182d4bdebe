"""Statement lines and their matches as rows: locked, added up, added to, taken back. What they mean is
``statement_match``."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import func, select

from oms import clock
from oms.db import Tx
from oms.errors import NotFound, Refused, say
from oms.intake.queries import one_of
from oms.money import ZERO, Money
from oms.payments.statement_models import StatementLine, StatementMatch
from oms.payments.states import LineStatus
from oms.usecases.statement_candidates import money_of

OPEN_LINES = frozenset({LineStatus.UNMATCHED, LineStatus.SUGGESTED, LineStatus.AMBIGUOUS})


@dataclass(frozen=True)
class Target:
    """What a line is matched to: exactly one of the three."""

    claim_id: int | None = None
    round_id: int | None = None
    refund_id: int | None = None


def lock_lines(tx: Tx, line_ids: Iterable[int], versions: dict[int, int] | None = None) -> list[StatementLine]:
    """These lines, locked in id order after the orders and claims they touch. Raises NotFound, or Refused "stale"."""
    wanted = sorted(set(line_ids))
    lines = list(
        tx.session.scalars(
            select(StatementLine)
            .where(one_of(StatementLine.id, wanted))
            .order_by(StatementLine.id)
            .with_for_update(of=StatementLine, key_share=True)
            .execution_options(populate_existing=True)
        )
    )
    if len(lines) != len(wanted) or not wanted:
        raise NotFound(say("There is no such line on a statement"), code="line_not_found")
    for line in lines:
        if versions and line.id in versions and line.version != versions[line.id]:
            raise Refused(say("Someone else has matched this line; reload and look again"), code="stale")
    return lines


def check_open(lines: Iterable[StatementLine]) -> None:
    """Raise Refused for a line that is matched, a duplicate or ignored."""
    for line in lines:
        if line.status not in OPEN_LINES:
            raise Refused(say("This line is matched or set aside already; reload and look again"), code="line_taken")


def live_matches(tx: Tx, line_ids: Collection[int] = (), claim_ids: Collection[int] = ()) -> list[StatementMatch]:
    """Matches of these lines or claims that were not taken back, in id order."""
    undone = select(StatementMatch.reverses_id).where(StatementMatch.reverses_id.is_not(None))
    statement = (
        select(StatementMatch)
        .where(
            one_of(StatementMatch.line_id, line_ids) | one_of(StatementMatch.claim_id, claim_ids),
            StatementMatch.reverses_id.is_(None),
            StatementMatch.id.not_in(undone),
        )
        .order_by(StatementMatch.id)
    )
    return list(tx.session.scalars(statement))


def matches_ever(tx: Tx, line_id: int) -> int:
    """How many rows of matches a locked line has, taken back ones included: it grows with each."""
    tx.session.flush()  # counted by SQL
    rows = select(func.count()).select_from(StatementMatch).where(StatementMatch.line_id == line_id)
    return tx.session.scalar(rows) or 0


def matched_of(tx: Tx, claim_ids: Collection[int]) -> dict[int, Money]:
    """How much of each claim lines of statements vouch for."""
    rows = tx.session.execute(
        select(StatementMatch.claim_id, func.sum(StatementMatch.amount))
        .where(one_of(StatementMatch.claim_id, claim_ids))
        .group_by(StatementMatch.claim_id)
    )
    return dict.fromkeys(claim_ids, ZERO) | {claim_id: money_of(total) for claim_id, total in rows if claim_id}


def add_match(tx: Tx, line: StatementLine, target: Target, amount: Money, *, counts: bool) -> None:
    """Write down that this much of a line is that."""
    tx.session.add(
        StatementMatch(
            line_id=line.id, claim_id=target.claim_id, round_id=target.round_id, refund_id=target.refund_id,
            amount=amount, counts=counts, at=clock.now(), by=tx.actor.label[:120],
        )
    )  # fmt: skip


def take_back(tx: Tx, matches: Collection[StatementMatch]) -> list[int]:
    """Reverse matches by rows of their own and open their lines again; answers the lines' ids."""
    for match in matches:
        tx.session.add(
            StatementMatch(
                line_id=match.line_id, claim_id=match.claim_id, round_id=match.round_id, refund_id=match.refund_id,
                amount=-match.amount, counts=match.counts, reverses_id=match.id, at=clock.now(),
                by=tx.actor.label[:120],
            )
        )  # fmt: skip
    ids = sorted({m.line_id for m in matches})
    for line in lock_lines(tx, ids) if ids else []:
        line.status, line.suggestions = LineStatus.UNMATCHED, None
    tx.session.flush()  # sums are made by SQL
    return ids


def release_lines(tx: Tx, claim_ids: Collection[int]) -> list[int]:
    """Payments are no more: the lines that vouched for them are open again."""
    return take_back(tx, live_matches(tx, claim_ids=claim_ids))
