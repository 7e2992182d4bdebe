"""What every verb on a slip begins with: the locks, in the one order, and what is said of it afterwards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from oms import audit, clock
from oms.db import Tx
from oms.errors import NotFound, Refused, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import NO_ID, lock_orders
from oms.payments.models import PaymentClaim
from oms.payments.slip_models import Slip
from oms.payments.slip_queries import OPEN_SLIPS, may_see
from oms.payments.states import SLIP, PaymentMethod, SlipStatus
from oms.usecases import derived
from oms.usecases.payments import Shares, SubmitClaim, lock_claim, submit_claim

NOTE_LABELS: dict[str, str] = {
    "used": "The same transfer was used before",
    "typed": "The same transfer was entered by hand before; this slip is its proof",
    "counted": "The money was counted before",
    "back": "Taken back at once",
}  # what stands beside a decision that nobody explained in words


@dataclass(frozen=True)
class LockedSlip:
    """A slip with its claim and orders, locked: orders first, then the claim, then the slip."""

    slip: Slip
    claim: PaymentClaim | None
    orders: list[Order]


def get_slip(tx: Tx, slip_id: int) -> Slip:
    """One slip this actor may see. Raises NotFound."""
    found = tx.session.scalars(select(Slip).where(Slip.id == min(slip_id, NO_ID), may_see(tx.actor))).one_or_none()
    if found is None:
        raise NotFound(say("There is no such slip, or it is not yours to see"), code="slip_not_found")
    return found


def lock_slip(tx: Tx, slip_id: int, more_orders: Collection[int] = ()) -> LockedSlip:
    """Lock a slip and everything that hangs on it. Raises NotFound, or Refused "stale" when it moved meanwhile."""
    seen = get_slip(tx, slip_id)
    claim_id, order_id = seen.claim_id, seen.order_id
    wanted = set(more_orders) | ({order_id} if order_id is not None else set())
    claim: PaymentClaim | None = None
    if claim_id is not None:
        claim, orders = lock_claim(tx, claim_id, wanted)
    else:
        orders = lock_orders(tx, wanted) if wanted else []
        if len(orders) != len(wanted):
            raise NotFound(say("There is no such order, or it is not yours to see"), code="order_not_found")
    slip = tx.session.get_one(Slip, slip_id, with_for_update={"of": Slip, "key_share": True}, populate_existing=True)
    if slip.claim_id != claim_id or slip.order_id != order_id:
        raise Refused(say("Somebody else is working on this slip; reload and look again"), code="stale")
    return LockedSlip(slip, claim, orders)


def check_open(slip: Slip, version: int | None) -> None:
    """Raise Refused when somebody has decided the slip, or changed it since the form was made."""
    if slip.status not in OPEN_SLIPS:
        raise Refused(
            say(
                "{who} has already decided this slip: {state}",
                who=slip.decided_label or say("The system"),
                state=say(SLIP.labels[slip.status]),
            ),
            code="slip_decided",
        )
    if version is not None and slip.version != version:
        raise Refused(say("This slip has changed since you opened it; look again"), code="stale")


def missing_of(tx: Tx, orders: Sequence[Order]) -> dict[int, Money]:
    """What each order still misses."""
    tx.session.flush()  # the facts are read by SQL
    return {order_id: f.money.missing for order_id, f in derived.read_facts(tx, orders).items()}


def claim_for(tx: Tx, slip: Slip, amount: Money, shares: Shares, note: str = "") -> PaymentClaim:
    """The payment notice a slip makes: announced by whoever sent the slip, not by whoever works on it."""
    made = submit_claim(
        tx,
        SubmitClaim(
            PaymentMethod.TRANSFER, amount, shares, account_id=slip.account_id, paid_at=slip.paid_at or slip.said_at,
            note=note, payer_name=slip.payer_name,
        ),
    )  # fmt: skip
    claim = tx.session.get_one(PaymentClaim, made.claim_id)
    claim.submitted_by, claim.submitted_label = slip.uploaded_by, slip.uploaded_label
    slip.claim_id = claim.id
    tx.session.flush()  # who follows the claim finds the slip
    return claim


def decide(tx: Tx, slip: Slip, transition: str, note: str) -> None:
    """Decide a slip that has no open claim to follow."""
    SLIP.fire(slip, transition)
    slip.decided_at, slip.decided_by = clock.now(), tx.actor.user_id
    slip.decided_label, slip.decision_note = tx.actor.label, note.strip()


def first_shares(orders: Sequence[Order], missing: Mapping[int, Money], amount: Money) -> Shares:
    """How an amount is shared at first: one order gets all of it; of several each gets what it misses, in their order,
    and what is left stays the customer's."""
    if len(orders) == 1:
        return ((orders[0].id, amount),)
    shares, rest = [], amount
    for order in orders:
        part = min(rest, missing[order.id])
        if part > ZERO:
            shares.append((order.id, part))
            rest -= part
    return tuple(shares)


def note_slip(tx: Tx, action: str, slip: Slip, reason: str = "", **after: Any) -> None:
    """Write down what happened to a slip."""
    tx.session.flush()  # the row names the slip
    facts = {"status": slip.status, "order": slip.order_id, "claim": slip.claim_id, **after}
    audit.record(tx, action, "slip", slip.id, slip_name(slip), after=facts, reason=reason)


def slip_name(slip: Slip) -> str:
    """How a slip is called where there is no picture."""
    return slip.reference or slip.file_name or str(slip.id)


def is_read(slip: Slip) -> bool:
    """Whether the background is done with the picture."""
    return slip.status is not SlipStatus.RECEIVED
