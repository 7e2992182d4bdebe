"""The reference on a slip is taken for it, or shows that the transfer was used before."""

from __future__ import annotations

from sqlalchemy import select

from oms.db import Tx
from oms.errors import Refused
from oms.payments.models import PaymentClaim, TransferKey
from oms.payments.slip_models import Slip
from oms.payments.slip_queries import OPEN_SLIPS
from oms.payments.states import ClaimStatus
from oms.usecases.payments import DecideClaim, lock_claim, mark_duplicate, shares_of
from oms.usecases.references import Use, first_use, take_reference
from oms.usecases.slip_base import NOTE_LABELS, LockedSlip, note_slip
from oms.usecases.slips import mark_used


def bind_reference(tx: Tx, locked: LockedSlip, sending_bank: str, reference: str) -> Use | None:
    """Take a reference for a slip that ``lock_slip`` locked. None when it is this slip's from now on.

    When it was used before the slip becomes a duplicate with a link to the first use; but a notice of the same order
    that was typed by hand and still waits gets the slip as its proof. A slip that was decided before it was read keeps
    its state and shows the first use.
    """
    slip = locked.slip
    slip.sending_bank, slip.reference = sending_bank, reference
    used = _take(tx, slip, sending_bank, reference)
    if used is None:
        return None
    slip.first_use_id = used.key_id
    if slip.status not in OPEN_SLIPS:
        slip.trouble = slip.trouble or NOTE_LABELS["used"]
        return used
    if _adopt(tx, locked, used):
        return None
    mark_used(tx, locked, NOTE_LABELS["used"])
    note_slip(tx, "slip.duplicate", slip, first_slip=used.slip_id, first_claim=used.claim_id)
    return used


def _take(tx: Tx, slip: Slip, sending_bank: str, reference: str) -> Use | None:
    """The first use when it is another's; else the reference is the slip's."""
    used = first_use(tx, sending_bank, reference)
    if used is None:
        try:
            take_reference(
                tx, sending_bank, reference, slip_id=slip.id, claim_id=slip.claim_id, who=slip.uploaded_label
            )
        except Refused:  # somebody took it a moment ago
            used = first_use(tx, sending_bank, reference)
    return used if used is not None and used.slip_id != slip.id else None


def _adopt(tx: Tx, locked: LockedSlip, used: Use) -> bool:
    """Whether the first use is a waiting notice of the same money, which the slip proves."""
    slip = locked.slip
    if used.slip_id is not None or used.claim_id is None:
        return False
    if tx.session.scalar(select(Slip.id).where(Slip.claim_id == used.claim_id).limit(1)) is not None:
        return False
    claim, _ = lock_claim(tx, used.claim_id)
    ids = set(shares_of(claim))
    if claim.status is not ClaimStatus.SUBMITTED or (slip.order_id is not None and slip.order_id not in ids):
        return False
    own = slip.claim_id
    slip.claim_id, slip.first_use_id = claim.id, None
    slip.order_id = slip.order_id or next(iter(sorted(ids)), None)
    tx.session.get_one(TransferKey, used.key_id).slip_id = slip.id
    tx.session.flush()  # the slip follows the notice now
    if own is not None and tx.session.get_one(PaymentClaim, own).status is ClaimStatus.SUBMITTED:
        mark_duplicate(tx, DecideClaim(own, note=NOTE_LABELS["typed"]))
    note_slip(tx, "slip.proves", slip)
    return True
