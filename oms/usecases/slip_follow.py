"""A slip follows its payment claim: whoever decides the claim, by whatever way, has decided its slip."""

from __future__ import annotations

from sqlalchemy import select

from oms.db import Tx
from oms.payments.models import PaymentClaim
from oms.payments.slip_models import Slip
from oms.payments.states import SLIP, SlipStatus

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
