"""Asking a slip verifier: the question is written down, asked without a transaction, and its answer kept.

Nothing here decides a slip or touches money. The answer fills in what the slip says (amount, time, receiver), and a
person confirms it. While a provider is silent the slip waits for a person like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from oms import audit, clock, outbox
from oms.banks.checking import receiver_check
from oms.banks.slip_code import write_slip
from oms.banks.verifiers.port import Answer, Question, Transfer
from oms.db import Tx
from oms.errors import NotFound, Refused, say
from oms.net.breaker import Breaker
from oms.orders.queries import NO_ID
from oms.outbox import Owed
from oms.payments.slip_models import Slip, SlipCheck, VerifierAccount
from oms.payments.slip_queries import may_see
from oms.payments.states import CheckOutcome, SlipKind, SlipStatus
from oms.usecases.slips_verdicts import is_about, our_accounts

TOPIC = "slip.verify"
OPEN = (SlipStatus.RECEIVED, SlipStatus.WAITING)
Out = CheckOutcome
SETTLED = frozenset({Out.FOUND, Out.USED_BEFORE, Out.MISMATCH_AMOUNT, Out.WRONG_RECEIVER})
MAY_BE_OURS = frozenset({Out.ASKED, Out.UNAVAILABLE, Out.PENDING, Out.FOUND})
CHARGED = SETTLED | {Out.NOT_FOUND}
BACKOFF = tuple(timedelta(seconds=s) for s in (30, 120, 300, 900, 1800, 3600))
RESUMED = timedelta(days=7)  # older slips cost checks and are too old to match
NOT_FOUND_TRIES = 3  # of those providers that may not know a transfer of this minute
PENDING_TRIES = 8
STOPS = {Out.REFUSED: "settings", Out.QUOTA: "quota"}


@dataclass(frozen=True)
class BeginCheck:
    """Ask about a slip. ``attempt`` counts within one series; ``again``: a person wants it although it was answered."""

    slip_id: int
    attempt: int = 1
    again: bool = False


@dataclass(frozen=True)
class Asking:
    """A question that was written down and has to be asked: everything for it, without the database."""

    check_id: int
    verifier_id: int
    provider: str
    host: str
    options: Mapping[str, str]
    sealed: bytes
    question: Question


def begin_check(tx: Tx, cmd: BeginCheck) -> Asking | None:
    """Write the question down. None: there is nothing to ask, nobody to ask, or it is put off until later."""
    slip = tx.session.get(Slip, cmd.slip_id, with_for_update={"of": Slip, "key_share": True}, populate_existing=True)
    if slip is None or not is_askable(slip):
        return None
    if not cmd.again and _settled(tx, slip.id):
        return None
    now = clock.now()
    verifier, wait = _choose(tx, slip, now)
    if verifier is None:
        return None
    if wait is not None:
        _owe(tx, cmd, f"{TOPIC}:{slip.id}:wait:{wait.isoformat(timespec='seconds')}", wait)
        return None
    _keep_breaker(tx, verifier, _breaker(verifier).asking(now))
    check = SlipCheck(slip_id=slip.id, verifier_id=verifier.id, attempt=cmd.attempt, asked_at=now, outcome=Out.ASKED)
    tx.session.add(check)
    tx.session.flush()  # the question is asked under its id
    payload = slip.qr_payload if slip.crc_ok else write_slip(slip.sending_bank, slip.reference)
    question = Question(slip.sending_bank, slip.reference, payload)
    return Asking(
        check.id, verifier.id, verifier.provider, verifier.host, dict(verifier.options), verifier.secrets, question
    )


def is_askable(slip: Slip) -> bool:
    """Whether anybody answers for this slip: it is open and its code was read. Wallets answer nobody."""
    return slip.status in OPEN and slip.kind is SlipKind.SLIP and bool(slip.reference) and slip.sending_bank.isdecimal()


def _settled(tx: Tx, slip_id: int) -> bool:
    found = select(SlipCheck.id).where(SlipCheck.slip_id == slip_id, SlipCheck.outcome.in_(SETTLED)).limit(1)
    return tx.session.scalar(found) is not None


def _choose(tx: Tx, slip: Slip, now: datetime) -> tuple[VerifierAccount | None, datetime | None]:
    """Who is asked, and when: the verifier of the receiving account before one for all accounts; one that answers
    before one that is left alone for a while."""
    rows = tx.session.scalars(
        select(VerifierAccount)
        .where(VerifierAccount.is_active, VerifierAccount.stopped == "")
        .order_by(VerifierAccount.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    able = [v for v in rows if slip.account_id is None or v.account_id in {None, slip.account_id}]
    if not able:
        return None, None
    waits = {v.id: _breaker(v).waits(now) for v in able}
    ready = [v for v in able if waits[v.id] is None]
    if ready:
        return min(ready, key=lambda v: (v.account_id is None, v.id)), None
    soonest = min(able, key=lambda v: (waits[v.id] or now, v.id))
    return soonest, waits[soonest.id]


def _breaker(verifier: VerifierAccount) -> Breaker:
    return Breaker(verifier.failures, verifier.closed_until)


def _keep_breaker(tx: Tx, verifier: VerifierAccount, breaker: Breaker, **more: Any) -> None:
    """Written past the version: what the program counts is no change that somebody's open form would lose."""
    values = {"failures": breaker.failures, "closed_until": breaker.closed_until, **more}
    table: Any = VerifierAccount.__table__
    tx.session.execute(update(table).where(table.c.id == verifier.id).values(**values))
    tx.session.expire(verifier)


def _owe(tx: Tx, cmd: BeginCheck, key: str, at: datetime | None) -> None:
    payload = {"slip_id": cmd.slip_id, "attempt": cmd.attempt, "again": int(cmd.again)}
    outbox.add_many(tx, [Owed(TOPIC, key, payload, not_before=at)])


@dataclass(frozen=True)
class CheckRecorded:
    """How the question ended for us, and when it is asked again."""

    outcome: CheckOutcome
    retry_at: datetime | None = None


def record_answer(tx: Tx, check_id: int, answer: Answer) -> CheckRecorded:
    """Keep the answer: on the question, on the slip, on the verifier's account; owe the next try where one is due."""
    seen = tx.session.get_one(SlipCheck, check_id)
    slip = tx.session.get_one(
        Slip, seen.slip_id, with_for_update={"of": Slip, "key_share": True}, populate_existing=True
    )
    check = tx.session.get_one(SlipCheck, check_id, with_for_update={"of": SlipCheck}, populate_existing=True)
    if check.answered_at is not None:
        return CheckRecorded(check.outcome, check.retry_at)  # a second worker came late with the same question
    outcome, now = _ours(tx, check, answer), clock.now()
    check.answered_at, check.outcome, check.arrived = now, outcome, answer.reached
    check.code, check.message = answer.code[:40], answer.message[:300]
    check.facts = answer.transfer.as_facts() if answer.transfer else None
    verifier = _account(tx, check, answer)
    if outcome in SETTLED and answer.transfer is not None:
        _fill(tx, slip, answer.transfer)
    check.retry_at = _next_try(outcome, answer, check.attempt, now) if slip.status in OPEN else None
    if check.retry_at is not None:
        again = BeginCheck(slip.id, check.attempt + 1)
        _owe(tx, again, f"{TOPIC}:{slip.id}:after:{check.id}", check.retry_at)
    audit.record(
        tx, "slip.checked", "slip", slip.id, slip.reference,
        after={"verifier": verifier, "outcome": outcome, "code": check.code, "amount": slip.paid_amount},
    )  # fmt: skip
    return CheckRecorded(outcome, check.retry_at)


def _ours(tx: Tx, check: SlipCheck, answer: Answer) -> CheckOutcome:
    """ "Used before" may be our own earlier question that timed out: a provider remembers a slip from the first
    question it got. Only a question about this very slip counts whose end is not known or which found it; another slip
    of the same transfer is a repeat."""
    if answer.outcome is not Out.USED_BEFORE:
        return answer.outcome
    earlier = select(SlipCheck.id).where(
        SlipCheck.slip_id == check.slip_id, SlipCheck.verifier_id == check.verifier_id, SlipCheck.id < check.id,
        SlipCheck.arrived, SlipCheck.outcome.in_(MAY_BE_OURS),
    )  # fmt: skip
    return Out.FOUND if tx.session.scalar(earlier.limit(1)) is not None else Out.USED_BEFORE


def _account(tx: Tx, check: SlipCheck, answer: Answer) -> str:
    """What the answer says about the provider itself: it works, it is silent, it does not let us in."""
    verifier = tx.session.get_one(
        VerifierAccount, check.verifier_id,
        with_for_update={"of": VerifierAccount, "key_share": True}, populate_existing=True,
    )  # fmt: skip
    now, name = clock.now(), verifier.name
    error = {"last_error": f"{answer.code} {answer.message}".strip()[:300], "last_error_at": now}
    if answer.outcome is Out.UNAVAILABLE:
        _keep_breaker(tx, verifier, _breaker(verifier).failed(now, answer.retry_after), **error)
        return name
    if (stopped := STOPS.get(answer.outcome)) is not None:
        audit.record(tx, "verifier.stopped", "verifier", verifier.id, name, after={"stopped": stopped, **error})
        left = {"quota_left": 0} if stopped == "quota" else {}
        _keep_breaker(tx, verifier, Breaker(), stopped=stopped, **error, **left)
        return name
    left_now = verifier.quota_left
    if left_now is not None and answer.outcome in CHARGED:
        left_now = max(left_now - 1, 0)
    _keep_breaker(tx, verifier, Breaker(), last_ok_at=now, quota_left=left_now)
    return name


def _fill(tx: Tx, slip: Slip, transfer: Transfer) -> None:
    """What the transfer says goes onto the slip, unless the answer is about another transfer."""
    if not is_about(transfer, slip):
        return
    slip.paid_amount, slip.paid_at, slip.payer_name = transfer.amount, transfer.paid_at, transfer.sender.name
    slip.receiver = dict(vars(transfer.receiver))
    _, account_id = receiver_check(transfer.receiver, our_accounts(tx.session))
    if account_id is not None:
        slip.account_id = account_id


def _next_try(outcome: CheckOutcome, answer: Answer, attempt: int, now: datetime) -> datetime | None:
    """When the question is asked again by itself; None: not any more, a person looks."""
    if outcome is Out.PENDING and attempt < PENDING_TRIES:
        return now + (answer.retry_after or BACKOFF[0])
    if outcome is Out.NOT_FOUND and answer.retry_after is not None and attempt < NOT_FOUND_TRIES:
        return now + answer.retry_after
    if outcome is Out.UNAVAILABLE and attempt <= len(BACKOFF):
        return now + max(BACKOFF[attempt - 1], answer.retry_after or BACKOFF[0])
    return None


def ask_first(tx: Tx, slip: Slip) -> None:
    """A slip was read: owe the question about it when anybody can be asked at all."""
    if is_askable(slip) and has_verifier(tx.session):
        _owe(tx, BeginCheck(slip.id), f"{TOPIC}:{slip.id}", None)


def ask_again(tx: Tx, slip_id: int) -> None:
    """A person wants the verifier asked about this slip at once."""
    tx.actor.require("payment.verify")
    slip = tx.session.scalars(select(Slip).where(Slip.id == min(slip_id, NO_ID), may_see(tx.actor))).one_or_none()
    if slip is None:
        raise NotFound(say("There is no such slip, or it is not yours to see"), code="slip_not_found")
    if not is_askable(slip):
        raise Refused(say("No service can be asked about this slip"), code="slip_not_askable")
    if not has_verifier(tx.session):
        raise Refused(say("No slip verifier is in use; compare with the bank's app"), code="verifier_none")
    asked = tx.session.scalar(select(func.count()).where(SlipCheck.slip_id == slip_id)) or 0
    _owe(tx, BeginCheck(slip_id, again=True), f"{TOPIC}:{slip_id}:again:{asked}", None)
    audit.record(tx, "slip.check_asked", "slip", slip.id, slip.reference)


def has_verifier(session: Session) -> bool:
    """Whether anybody can be asked at all."""
    found = select(VerifierAccount.id).where(VerifierAccount.is_active, VerifierAccount.stopped == "").limit(1)
    return session.scalar(found) is not None


def resume_waiting(tx: Tx, mark: str, limit: int = 500) -> int:
    """Owe questions about open slips nobody has answered for: a verifier was set up or mended. Returns how many."""
    answered = select(SlipCheck.id).where(SlipCheck.slip_id == Slip.id, SlipCheck.outcome.in_(SETTLED)).exists()
    ids = tx.session.scalars(
        select(Slip.id)
        .where(Slip.status.in_(OPEN), Slip.kind == SlipKind.SLIP, Slip.reference != "", ~answered)
        .where(Slip.uploaded_at >= clock.now() - RESUMED)
        .order_by(Slip.uploaded_at, Slip.id)
        .limit(limit)
    ).all()
    outbox.add_many(tx, [Owed(TOPIC, f"{TOPIC}:{i}:resumed:{mark}", {"slip_id": i}) for i in ids])
    return len(ids)
