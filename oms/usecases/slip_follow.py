"""A slip follows its payment claim: whoever decides the claim, by whatever way, has decided its slip, and is asked the
same first."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from oms import clock
from oms.banks.checking import Topic
from oms.db import Tx
from oms.errors import Refused, say
from oms.payments.models import PaymentClaim
from oms.payments.slip_models import Slip
from oms.payments.states import SLIP, SlipStatus, Verdict
from oms.usecases.slips_verdicts import verdicts

READ_WAIT = timedelta(minutes=10)  # a picture nobody could read by then is decided by eye
OPEN = (SlipStatus.RECEIVED, SlipStatus.WAITING)
_FOLLOWS = {"verify": "confirm", "reject": "reject", "mark_duplicate": "mark_duplicate"}


def follow(tx: Tx, claim: PaymentClaim, transition: str) -> None:
    """Bring the open slip of a claim that was just decided to the same end. The claim is locked."""
    if transition not in _FOLLOWS:
        return
    statement = (
        select(Slip)
        .where(Slip.claim_id == claim.id, Slip.status.in_(OPEN))
        .order_by(Slip.id)
        .with_for_update(of=Slip, key_share=True)
    )
    for slip in tx.session.scalars(statement):
        SLIP.fire(slip, _FOLLOWS[transition])
        slip.decided_at, slip.decided_by = claim.decided_at, claim.decided_by
        slip.decided_label, slip.decision_note = claim.decided_label, claim.decision_note


def check_slips(tx: Tx, claim: PaymentClaim) -> None:
    """Raise Refused when the open slip of a claim is still being read, or shows that somebody else got the money: the
    claim is not verified past its slip. The claim is locked."""
    slips = list(tx.session.scalars(select(Slip).where(Slip.claim_id == claim.id, Slip.status.in_(OPEN))))
    for slip in slips:
        check_read(slip)
    told = verdicts(tx.session, slips, {}) if slips else {}
    for check in (check for slip in slips for check in told[slip.id].checks):
        if check.topic is Topic.RECEIVER and check.verdict is Verdict.MISMATCH:
            raise Refused(check.why, code="slip_blocked")


def check_read(slip: Slip) -> None:
    """Raise Refused while a picture is being read: what it says may show that the transfer was used before."""
    if slip.status is SlipStatus.RECEIVED and slip.uploaded_at > clock.now() - READ_WAIT:
        raise Refused(
            say("The picture is still being read; take the next slip and come back to this one"), code="slip_not_read"
        )
