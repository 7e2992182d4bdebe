"""Slips come in, are put to orders, turned down, marked as used before, and looked at again. Confirming one is in
``slips_confirm``, reading its picture and asking a verifier happen in the background.

The same file sent again for the same order is the same slip; for another order it is a duplicate at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select

from oms import outbox
from oms.db import Tx
from oms.errors import InvalidInput, Refused, say
from oms.intake.files import Kept
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import lock_orders
from oms.payments.models import PaymentClaim, ReceivingAccount, TransferKey
from oms.payments.slip_models import Slip
from oms.payments.slip_queries import OPEN_SLIPS
from oms.payments.states import REJECT_LABELS, SLIP, ClaimStatus, RejectReason, SlipStatus
from oms.usecases import derived
from oms.usecases.payments import (
    DecideClaim,
    mark_duplicate,
    put_shares,
    reject_claim,
    reverse_claim,
    shares_of,
)
from oms.usecases.references import first_use, used_before
from oms.usecases.slip_base import (
    NOTE_LABELS,
    LockedSlip,
    check_open,
    claim_for,
    decide,
    first_shares,
    lock_slip,
    missing_of,
    note_slip,
)
from oms.usecases.statement_match import SetAside, unmatch_line
from oms.usecases.statement_rows import live_matches

READ = "slip.read"  # outbox: open the picture
SAME_FILE_LOCK = 0x534C4950
PICTURE_BYTES = 10 * 1024 * 1024
AT_ONCE = 60  # files in one upload
SOURCES = ("staff", "public", "chat")


@dataclass(frozen=True)
class ReceiveSlip:
    """A picture that says somebody paid. ``said_*`` is what whoever sent it typed."""

    file: Kept
    order_id: int | None = None
    said_amount: Money | None = None
    said_at: datetime | None = None
    account_id: int | None = None
    source: str = "staff"
    note: str = ""


@dataclass(frozen=True)
class SlipReceived:
    """``known``: this file had come before and nothing was added. ``first_id``: the slip whose file this is again."""

    slip_id: int
    status: SlipStatus
    known: bool = False
    first_id: int | None = None


@dataclass(frozen=True)
class AttachSlip:
    """Which orders a slip pays. Without amounts each gets what it misses."""

    slip_id: int
    order_ids: tuple[int, ...]
    version: int | None = None


@dataclass(frozen=True)
class RejectSlip:
    slip_id: int
    reason: RejectReason
    words: str = ""
    version: int | None = None


@dataclass(frozen=True)
class DecideSlip:
    """Mark as used before, or look again."""

    slip_id: int
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class SlipDecided:
    slip_id: int
    status: SlipStatus
    claim_id: int | None
    order_ids: tuple[int, ...]


def receive_slip(tx: Tx, cmd: ReceiveSlip) -> SlipReceived:
    """Take a picture in. With an order it is a payment notice at once, so that the order waits for the check."""
    tx.actor.require("payment.claim")
    _check_said(tx, cmd)
    wait = func.pg_advisory_xact_lock(SAME_FILE_LOCK, func.hashtext(cmd.file.sha256))
    tx.session.execute(select(wait))  # two uploads of one file at the same moment: one after the other
    if (known := _known(tx, cmd)) is not None:
        return known
    orders = _orders(tx, [cmd.order_id] if cmd.order_id is not None else [])
    first = tx.session.scalars(_same_file(cmd.file.sha256).limit(1)).one_or_none() if orders else None
    slip = Slip(
        status=SlipStatus.RECEIVED, source=cmd.source, file_name=cmd.file.name[:255], raw_key=cmd.file.key,
        sha256=cmd.file.sha256, order_id=cmd.order_id, account_id=cmd.account_id, said_amount=cmd.said_amount,
        said_at=cmd.said_at, uploaded_by=tx.actor.user_id, uploaded_label=tx.actor.label[:120],
    )  # fmt: skip
    tx.session.add(slip)
    tx.session.flush()
    if first is not None:
        slip.alike_id, slip.first_use_id = first.id, _key_of(tx, first)
        decide(tx, slip, "mark_duplicate", "")
    elif orders:
        amount = _stated(tx, slip, orders)
        claim_for(tx, slip, amount, first_shares(orders, {}, amount), cmd.note)
    outbox.add(tx, READ, f"{READ}:{slip.id}", slip_id=slip.id)
    note_slip(tx, "slip.received" if first is None else "slip.duplicate", slip, source=cmd.source)
    return SlipReceived(slip.id, slip.status, first_id=first.id if first else None)


def attach_slip(tx: Tx, cmd: AttachSlip) -> SlipDecided:
    """Say which orders an open slip pays; what was said before is taken back."""
    tx.actor.require("payment.claim")
    if not cmd.order_ids or len(set(cmd.order_ids)) != len(cmd.order_ids):
        raise InvalidInput(say("Choose the order this slip pays"), field="order", code="order_missing")
    locked = lock_slip(tx, cmd.slip_id, cmd.order_ids)
    check_open(locked.slip, cmd.version)
    return _attach(tx, locked, cmd.order_ids)


def reject_slip(tx: Tx, cmd: RejectSlip) -> SlipDecided:
    """Turn a slip down. Its reference stays used: it will not pay by another way either."""
    tx.actor.require("payment.verify")
    locked = lock_slip(tx, cmd.slip_id)
    check_open(locked.slip, cmd.version)
    words = cmd.words.strip() or REJECT_LABELS[cmd.reason]
    if (claim := _open_claim(locked)) is not None:
        reject_claim(tx, DecideClaim(claim.id, note=words))
    else:
        decide(tx, locked.slip, "reject", words)
    locked.slip.reject_reason = cmd.reason.value
    locked.slip.decision_note = cmd.words.strip()
    note_slip(tx, "slip.rejected", locked.slip, cmd.words, why=cmd.reason)
    return _decided(locked)


def duplicate_slip(tx: Tx, cmd: DecideSlip) -> SlipDecided:
    """A person says that this slip was used before."""
    tx.actor.require("payment.verify")
    locked = lock_slip(tx, cmd.slip_id)
    check_open(locked.slip, cmd.version)
    mark_used(tx, locked, cmd.note)
    note_slip(tx, "slip.duplicate", locked.slip, cmd.note)
    return _decided(locked)


def mark_used(tx: Tx, locked: LockedSlip, note: str) -> None:
    """The slip pays nothing: it and its open claim were used before."""
    if (claim := _open_claim(locked)) is not None:
        mark_duplicate(tx, DecideClaim(claim.id, note=note))
    else:
        decide(tx, locked.slip, "mark_duplicate", note)


def reopen_slip(tx: Tx, cmd: DecideSlip) -> SlipDecided:
    """Undo a decision: the slip waits again and so does its order. A payment it had verified is reversed; its
    reference stays with it. Raises Refused when the transfer was used elsewhere first, or the bank's statement
    vouches for the payment."""
    tx.actor.require("payment.verify")
    locked = lock_slip(tx, cmd.slip_id)
    slip, claim = locked.slip, locked.claim
    SLIP.check(slip, "reopen")
    if cmd.version is not None and slip.version != cmd.version:
        raise Refused(say("This slip has changed since you opened it; look again"), code="stale")
    if slip.reference and (use := first_use(tx, slip.sending_bank, slip.reference)) and use.slip_id != slip.id:
        raise used_before(use)
    shares = tuple(shares_of(claim).items()) if claim is not None else ()
    amount = (claim.said_amount or claim.amount) if claim is not None else None
    if claim is not None and claim.status is ClaimStatus.VERIFIED and claim.decided_at == slip.decided_at:
        _untick(tx, claim, cmd.note)
        reverse_claim(tx, DecideClaim(claim.id, note=cmd.note.strip() or NOTE_LABELS["back"]))
    SLIP.fire(slip, "reopen")
    slip.claim_id, slip.reject_reason, slip.first_use_id = None, "", None
    slip.decided_at = slip.decided_by = None
    slip.decided_label = slip.decision_note = ""
    if locked.orders:
        amount = amount or _stated(tx, slip, locked.orders)
        again = claim_for(tx, slip, amount, shares or first_shares(locked.orders[:1], {}, amount))
        _move_key(tx, slip, again)
    note_slip(tx, "slip.reopened", slip, cmd.note)
    return _decided(locked)


def _check_said(tx: Tx, cmd: ReceiveSlip) -> None:
    if cmd.said_amount is not None and cmd.said_amount <= ZERO:
        raise InvalidInput(say("The amount must be more than 0"), field="amount", code="amount_range")
    if cmd.source not in SOURCES:
        raise InvalidInput(say("Say where the slip comes from"), field="source", code="slip_source")
    known = select(ReceivingAccount.id).where(ReceivingAccount.id == cmd.account_id, ReceivingAccount.is_active)
    if cmd.account_id is not None and tx.session.scalar(known) is None:
        raise InvalidInput(say("Choose one of our accounts"), field="account_id", code="account_unknown")


def _same_file(sha256: str) -> Select[Slip]:
    return select(Slip).where(Slip.sha256 == sha256).order_by(Slip.id)


def _known(tx: Tx, cmd: ReceiveSlip) -> SlipReceived | None:
    """The slip this very file is already; one that belonged to nobody gets its order now."""
    earlier = list(tx.session.scalars(_same_file(cmd.file.sha256)))
    same = next((s for s in earlier if s.order_id == cmd.order_id), None)
    if same is None and earlier and cmd.order_id is None:
        same = earlier[0]  # the file alone, which somebody has already put to an order
    if same is not None:
        return SlipReceived(same.id, same.status, known=True, first_id=same.id)
    loose = next((s for s in earlier if s.order_id is None and s.status in OPEN_SLIPS), None)
    if loose is None or cmd.order_id is None:
        return None
    locked = lock_slip(tx, loose.id, [cmd.order_id])
    if locked.slip.status not in OPEN_SLIPS or locked.slip.order_id is not None:
        return None
    locked.slip.said_amount = locked.slip.said_amount or cmd.said_amount
    locked.slip.said_at = locked.slip.said_at or cmd.said_at
    _attach(tx, locked, (cmd.order_id,))
    return SlipReceived(loose.id, locked.slip.status, known=True, first_id=loose.id)


def _attach(tx: Tx, locked: LockedSlip, order_ids: Sequence[int]) -> SlipDecided:
    slip, by_id = locked.slip, {order.id: order for order in locked.orders}
    wanted = [by_id[i] for i in order_ids]
    missing = missing_of(tx, wanted)
    amount = _stated(tx, slip, wanted, missing)
    shares = first_shares(wanted, missing, amount)
    if not shares or {i for i, _ in shares} != set(order_ids):
        paid = next(order for order in wanted if order.id not in dict(shares))
        raise InvalidInput(
            say("Nothing of this slip is left for {number}", number=paid.number), field="order", code="nothing_left"
        )
    slip.order_id = order_ids[0]
    if (claim := _open_claim(locked)) is not None:
        claim.amount, claim.customer_id = amount, wanted[0].customer_id
        put_shares(tx, claim, dict(shares))
        derived.refresh(tx, locked.orders)
    else:
        _move_key(tx, slip, claim_for(tx, slip, amount, shares))
    note_slip(tx, "slip.attached", slip, orders=[order.number for order in wanted])
    return _decided(LockedSlip(slip, locked.claim, wanted))


def _stated(tx: Tx, slip: Slip, orders: Sequence[Order], missing: dict[int, Money] | None = None) -> Money:
    """What the slip is taken to say: what a verifier found, what was typed, else what the orders miss."""
    said = slip.paid_amount or slip.said_amount
    if said is not None:
        return said
    missing = missing if missing is not None else missing_of(tx, orders)
    amount = sum(missing.values(), start=ZERO) or sum((order.total for order in orders), start=ZERO)
    if amount <= ZERO:
        raise InvalidInput(say("Nothing is due on this order; type the amount"), field="amount", code="amount_missing")
    return amount


def _orders(tx: Tx, ids: Sequence[int]) -> list[Order]:
    orders = lock_orders(tx, ids) if ids else []
    if len(orders) != len(ids):
        raise InvalidInput(
            say("There is no such order, or it is not yours to see"), field="order", code="order_not_found"
        )
    return orders


def _key_of(tx: Tx, slip: Slip) -> int | None:
    key = select(TransferKey.id).where(TransferKey.slip_id == slip.id).order_by(TransferKey.id).limit(1)
    return tx.session.scalar(key)


def _move_key(tx: Tx, slip: Slip, claim: PaymentClaim) -> None:
    """The reference stays with the slip; its present claim is named beside it."""
    if (key := _key_of(tx, slip)) is not None:
        tx.session.get_one(TransferKey, key).claim_id = claim.id


def _untick(tx: Tx, claim: PaymentClaim, note: str) -> None:
    """Lines of a statement that only ticked the payment off are opened again. Raises Refused while a line made the
    payment count: then the bank vouches for it."""
    matches = live_matches(tx, claim_ids=[claim.id])
    if any(m.counts for m in matches) or (matches and not tx.actor.may("payment.statement")):
        raise Refused(
            say("A line of the bank statement is matched to this payment; undo that match first"),
            code="statement_matched",
        )
    for line_id in sorted({m.line_id for m in matches}):
        unmatch_line(tx, SetAside(line_id, note.strip() or NOTE_LABELS["back"]))


def _open_claim(locked: LockedSlip) -> PaymentClaim | None:
    claim = locked.claim
    return claim if claim is not None and claim.status is ClaimStatus.SUBMITTED else None


def _decided(locked: LockedSlip) -> SlipDecided:
    slip = locked.slip
    return SlipDecided(slip.id, slip.status, slip.claim_id, tuple(order.id for order in locked.orders))
