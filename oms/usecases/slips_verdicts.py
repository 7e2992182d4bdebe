"""What the checks of a slip came to, for who decides it: one verdict per check, each with its sentence.

``verdicts`` reads for many slips at once. ``exact`` is true only when a verifier found the transfer and every check
matched: "Confirm all exact" may take those and no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from oms import clock
from oms.banks.checking import Check, Expected, OurAccount, Topic, Verdicts, compare, unasked
from oms.banks.verifiers.port import Transfer
from oms.errors import Say, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.payments.models import Allocation, ReceivingAccount, TransferKey
from oms.payments.slip_models import Slip, SlipCheck, VerifierAccount
from oms.payments.states import CheckOutcome, SlipKind, SlipStatus, Verdict

Out = CheckOutcome
OUTCOME_LABELS: dict[CheckOutcome, str] = {
    Out.ASKED: "{verifier} is being asked",
    Out.FOUND: "Found by {verifier}",
    Out.NOT_FOUND: "{verifier} knows no such transfer",
    Out.PENDING: "The bank needs a while, says {verifier}",
    Out.USED_BEFORE: "{verifier} has seen this slip before",
    Out.MISMATCH_AMOUNT: "{verifier} says the amount is wrong",
    Out.WRONG_RECEIVER: "{verifier} says the money went to another account",
    Out.QUOTA: "{verifier} has no checks left",
    Out.UNAVAILABLE: "{verifier} does not answer",
    Out.REFUSED: "{verifier} does not accept our settings",
    Out.UNREADABLE: "{verifier} cannot read this slip",
}
_VERDICTS = {
    Out.FOUND: Verdict.MATCH, Out.NOT_FOUND: Verdict.MISMATCH, Out.USED_BEFORE: Verdict.MISMATCH,
    Out.MISMATCH_AMOUNT: Verdict.MISMATCH, Out.WRONG_RECEIVER: Verdict.MISMATCH,
}  # fmt: skip


@dataclass(frozen=True)
class SlipVerdicts:
    """All checks of one slip. ``retry_at``: the verifier is asked again by itself."""

    verdicts: Verdicts
    outcome: CheckOutcome | None = None
    verifier: str = ""
    retry_at: datetime | None = None
    waits: bool = False

    @property
    def checks(self) -> tuple[Check, ...]:
        """In the order a cashier reads them."""
        return self.verdicts.checks

    @property
    def exact(self) -> bool:
        """A verifier found the transfer and every check matched."""
        return self.outcome is Out.FOUND and self.verdicts.exact


def our_accounts(session: Session) -> list[OurAccount]:
    """The register of receiving accounts, closed ones too."""
    rows = session.scalars(select(ReceivingAccount).order_by(ReceivingAccount.id))
    return [
        OurAccount(r.id, str(r), r.bank_code, r.account_no, r.promptpay, r.biller_id, r.is_active) for r in rows
    ]  # fmt: skip


def is_about(transfer: Transfer, slip: Slip) -> bool:
    """Whether the answer is about the transfer of this slip. Letters of a reference count as they are written; a
    provider that names no sending bank is believed."""
    return transfer.reference == slip.reference and transfer.sending_bank in {"", slip.sending_bank}


@dataclass(frozen=True)
class Due:
    """What the orders of a slip still miss together, and when the first of them was placed."""

    amount: Money
    ordered_at: datetime


def verdicts(
    session: Session, slips: Sequence[Slip], due: Mapping[int, Money], now: datetime | None = None
) -> dict[int, SlipVerdicts]:
    """The checks of these slips by slip id. ``due``: order id -> what it still misses (``derived.read_facts``)."""
    ids = [slip.id for slip in slips]
    last, told = _checks(session, ids)
    names: dict[int, str] = {
        row.id: row.name for row in session.execute(select(VerifierAccount.id, VerifierAccount.name))
    }
    accounts, wanted, uses = our_accounts(session), _due(session, slips, due), _uses(session, slips)
    answer = {}
    for slip in slips:
        check, facts = last.get(slip.id), told.get(slip.id)
        expected = wanted.get(slip.id)
        found = Expected(
            expected.amount if expected else None, expected.ordered_at if expected else None, slip.uploaded_at,
            now or clock.now(),
        )  # fmt: skip
        verifier = names.get(check.verifier_id, "") if check else ""
        transfer = Transfer.from_facts(facts) if facts else None
        compared = compare(transfer, found, accounts) if transfer else unasked(_why_not(slip, check, verifier))
        checks = (_found(slip, check, verifier), *compared.checks, _reference(slip, transfer, uses.get(slip.id)))
        waiting = check is not None and (check.outcome is Out.ASKED or check.retry_at is not None)
        answer[slip.id] = SlipVerdicts(
            Verdicts(checks, compared.account_id), check.outcome if check else None, verifier,
            check.retry_at if check else None, waits=waiting,
        )  # fmt: skip
    return answer


def _checks(session: Session, ids: Sequence[int]) -> tuple[dict[int, SlipCheck], dict[int, dict[str, object]]]:
    """Per slip the check that counts, and the facts told: an answer with facts before later silence."""
    rows = session.scalars(select(SlipCheck).where(SlipCheck.slip_id.in_(ids)).order_by(SlipCheck.id))
    last: dict[int, SlipCheck] = {}
    told: dict[int, dict[str, object]] = {}
    for row in rows:
        earlier = last.get(row.slip_id)
        if earlier is None or row.facts or not earlier.facts:
            last[row.slip_id] = row
        if row.facts:
            told[row.slip_id] = row.facts
    return last, told


def _due(session: Session, slips: Sequence[Slip], due: Mapping[int, Money]) -> dict[int, Due]:
    """What the claim's orders miss, or the one order a slip names."""
    claims = {slip.claim_id for slip in slips if slip.claim_id is not None}
    orders: dict[int, set[int]] = {slip.id: {slip.order_id} for slip in slips if slip.order_id is not None}
    shares = session.execute(
        select(Allocation.claim_id, Allocation.order_id).where(Allocation.claim_id.in_(sorted(claims))).distinct()
    )
    by_claim: dict[int, set[int]] = {}
    for claim_id, order_id in shares:
        by_claim.setdefault(claim_id, set()).add(order_id)
    for slip in slips:
        if slip.claim_id in by_claim:
            orders[slip.id] = by_claim[slip.claim_id]
    every = sorted({o for found in orders.values() for o in found})
    placed: dict[int, datetime] = {
        row.id: row.placed_at for row in session.execute(select(Order.id, Order.placed_at).where(Order.id.in_(every)))
    }
    return {
        slip_id: Due(sum((due.get(o, ZERO) for o in found), start=ZERO), min(placed[o] for o in found if o in placed))
        for slip_id, found in orders.items()
        if any(o in placed for o in found)
    }


def _why_not(slip: Slip, check: SlipCheck | None, verifier: str) -> Say:
    if check is not None:
        return say(OUTCOME_LABELS[check.outcome], verifier=verifier)
    if slip.status is SlipStatus.RECEIVED:
        return say("The picture is still being read")
    if slip.kind is not SlipKind.SLIP:
        return say("No QR code to ask with; compare with the bank's app")
    return say("No slip verifier is in use; compare with the bank's app")


def _found(slip: Slip, check: SlipCheck | None, verifier: str) -> Check:
    verdict = _VERDICTS.get(check.outcome, Verdict.NOT_CHECKED) if check else Verdict.NOT_CHECKED
    return Check(Topic.TRANSFER, verdict, _why_not(slip, check, verifier))


@dataclass(frozen=True)
class _Use:
    """Who holds a slip's reference: this slip itself or somebody before."""

    slip_id: int | None
    claim_id: int | None
    who: str
    at: datetime


def _uses(session: Session, slips: Sequence[Slip]) -> dict[int, _Use]:
    """Per slip whose its reference is: the first use when it was refused, else its own."""
    ids = {slip.id for slip in slips}
    first = {slip.first_use_id: slip.id for slip in slips if slip.first_use_id is not None}
    rows = session.scalars(
        select(TransferKey).where(TransferKey.slip_id.in_(sorted(ids)) | TransferKey.id.in_(sorted(first)))
    ).all()
    own = {k.slip_id: _Use(k.slip_id, k.claim_id, k.taken_label, k.taken_at) for k in rows if k.slip_id in ids}
    by_key = {k.id: k for k in rows}
    answer: dict[int, _Use] = {s: use for s, use in own.items() if s is not None}
    for slip in slips:
        key = by_key.get(slip.first_use_id) if slip.first_use_id is not None else None
        if key is not None:
            answer[slip.id] = _Use(key.slip_id, key.claim_id, key.taken_label, key.taken_at)
    return answer


def _reference(slip: Slip, transfer: Transfer | None, use: _Use | None) -> Check:
    if transfer is not None and not is_about(transfer, slip):
        return Check(Topic.REFERENCE, Verdict.MISMATCH, say("The answer is about another transfer"))
    if not slip.reference:
        return Check(Topic.REFERENCE, Verdict.NOT_CHECKED, say("There is no reference on the picture"))
    if use is None:
        return Check(Topic.REFERENCE, Verdict.NOT_CHECKED, say("The reference is not registered yet"))
    if use.slip_id != slip.id and (use.claim_id is None or use.claim_id != slip.claim_id):
        day = clock.local(use.at).date()
        why = say("This transfer was used before, by {who} on {day}", who=use.who, day=day)
        return Check(Topic.REFERENCE, Verdict.MISMATCH, why)
    return Check(Topic.REFERENCE, Verdict.MATCH, say("Never used before"))
