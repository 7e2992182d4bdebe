"""Transfer references: each counts once in the whole system, whoever brings it and however it ended (invariant 7)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select

from oms import clock
from oms.db import Tx
from oms.errors import Refused, say
from oms.payments.models import TransferKey
from oms.thai.text import arabic_digits, clean

REFERENCE_LOCK = 0x52454600


@dataclass(frozen=True)
class Use:
    """The first use of a transfer reference: of which slip or claim, by whom and when."""

    key_id: int
    slip_id: int | None
    claim_id: int | None
    who: str
    at: datetime


def plain_reference(text: str) -> str:
    """A reference as it is kept and compared: wide and Thai digits as 0-9, no spaces, nothing invisible, so that what
    was typed or pasted meets what the picture says."""
    return "".join(arabic_digits(clean(unicodedata.normalize("NFKC", text))).split())


def first_use(tx: Tx, sending_bank: str, reference: str) -> Use | None:
    """Who used this reference before, or None. Upper and lower case count as the same, and a reference kept without
    its bank counts for every bank: what was typed by hand must not open a second way to be paid."""
    same = [func.upper(TransferKey.reference) == plain_reference(reference).upper()]
    if sending_bank:
        same.append(or_(TransferKey.sending_bank == sending_bank, TransferKey.sending_bank == ""))
    found = tx.session.scalars(select(TransferKey).where(*same).order_by(TransferKey.id).limit(1)).one_or_none()
    return None if found is None else _use(found)


def take_reference(
    tx: Tx, sending_bank: str, reference: str, *, slip_id: int | None = None, claim_id: int | None = None, who: str = ""
) -> Use:
    """Take a reference for good. ``who`` sent it in, when that is not who acts now. Raises Refused "reference_used",
    telling by whom and when; of two at the same moment one waits and is refused."""
    reference = plain_reference(reference)
    wait = func.pg_advisory_xact_lock(REFERENCE_LOCK, func.hashtext(reference.upper()))
    tx.session.execute(select(wait))
    if used := first_use(tx, sending_bank, reference):
        raise used_before(used)
    key = TransferKey(
        sending_bank=sending_bank, reference=reference, slip_id=slip_id, claim_id=claim_id, taken_at=clock.now(),
        taken_label=(who or tx.actor.label)[:120],
    )  # fmt: skip
    tx.session.add(key)
    tx.session.flush()  # the next one sees it
    return _use(key)


def used_before(use: Use) -> Refused:
    """The refusal of a reference that was used."""
    return Refused(
        say("This transfer was used before, by {who} on {day}", who=use.who, day=clock.local(use.at).date()),
        field="reference",
        code="reference_used",
    )


def _use(key: Any) -> Use:
    return Use(key.id, key.slip_id, key.claim_id, key.taken_label, key.taken_at)
