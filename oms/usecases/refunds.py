"""Money back to customers: asked for, agreed to, paid with proof; failed and tried again.

How much may go back is decided under the order's lock: what was verified less everything asked for, agreed to or paid
(invariant 4). A refund moves no stock; goods come back by a return.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from oms import audit, clock, numbering
from oms.approvals import needs_second_person
from oms.channels.return_queries import paid_there_open
from oms.db import Tx
from oms.errors import Conflict, InvalidInput, NotFound, Refused, Say, say
from oms.money import ZERO, Money
from oms.notifications.catalogue import Event
from oms.orders.models import Order
from oms.orders.queries import lock_order
from oms.payments.models import ReceivingAccount
from oms.payments.queries import refundable_of
from oms.payments.refund_models import Refund
from oms.payments.states import REFUND, REFUND_METHODS, PaymentMethod, RefundStatus
from oms.thai.text import arabic_digits, clean, clean_lines
from oms.usecases import derived, notices
from oms.usecases.references import take_reference
from oms.usecases.shipping import complete_done

POLICY = "refund"  # the approval policy: nobody approves what they asked for
SERIES = "RF"
SLACK = timedelta(minutes=5)  # a bank's clock may be ahead of ours
_NEEDS_ACCOUNT = frozenset({PaymentMethod.TRANSFER, PaymentMethod.PROMPTPAY, PaymentMethod.EWALLET})


@dataclass(frozen=True)
class RefundTo:
    """How and where to the money goes: the customer's account for transfers, nothing more for cash."""

    method: PaymentMethod
    bank: str = ""
    account: str = ""
    name: str = ""


@dataclass(frozen=True)
class RequestRefund:
    """Ask for money of one order to be paid back."""

    order_id: int
    amount: Money
    reason: str
    to: RefundTo
    idempotency_key: str | None = None


@dataclass(frozen=True)
class DecideRefund:
    """Approve, decline or report a failure; ``version`` is what the reader's screen was made from."""

    refund_id: int
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class PayRefund:
    """The money was sent: from which account of ours, under which reference, when, and the file that proves it."""

    refund_id: int
    account_id: int | None = None
    reference: str = ""
    paid_at: datetime | None = None
    proof_key: str = ""
    version: int | None = None


@dataclass(frozen=True)
class RetryRefund:
    """Try a failed refund again. Another destination is agreed to anew."""

    refund_id: int
    to: RefundTo | None = None
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class RefundResult:
    refund_id: int
    number: str
    status: RefundStatus
    order_id: int


def request_refund(tx: Tx, cmd: RequestRefund) -> RefundResult:
    """Ask for a refund. Raises Refused when it is more than may still go back."""
    tx.actor.require("refund.request")
    return ask(tx, lock_order(tx, cmd.order_id), cmd)


def ask(tx: Tx, order: Order, cmd: RequestRefund) -> RefundResult:
    """Ask for a refund of an order that the caller has locked; for verbs that end in one, as a cancellation may."""
    tx.actor.require("refund.request")
    if cmd.idempotency_key and (earlier := _by_key(tx, order.id, cmd.idempotency_key)):
        return _result(earlier)
    reason = _words(cmd.reason, "reason", say("Say why the money goes back"))
    to = checked(cmd.to)
    _check_amount(tx, order, cmd.amount)
    refund = Refund(
        number=numbering.allot_yearly(tx, SERIES), order_id=order.id, status=RefundStatus.REQUESTED, amount=cmd.amount,
        reason=reason, method=to.method, to_bank=to.bank, to_account=to.account, to_name=to.name,
        requested_at=clock.now(), requested_by=tx.actor.user_id, requested_label=tx.actor.label[:120],
        idempotency_key=cmd.idempotency_key,
    )  # fmt: skip
    tx.session.add(refund)
    return _done(tx, order, refund, "refund.requested", reason)


def note_paid_there(tx: Tx, order: Order, amount: Money, reason: str, reference: str) -> RefundResult:
    """The channel paid this back out of what it had paid out to us: written down as paid, so that nobody pays it again.
    For the verb that settles the return; the order is locked."""
    tx.actor.require("return.resolve")
    refund = Refund(
        number=numbering.allot_yearly(tx, SERIES), order_id=order.id, status=RefundStatus.REQUESTED, amount=amount,
        reason=_bounded(reason), method=PaymentMethod.PAYOUT, requested_at=clock.now(), requested_by=tx.actor.user_id,
        requested_label=tx.actor.label[:120],
    )  # fmt: skip
    tx.session.add(refund)
    REFUND.fire(refund, "approve")
    REFUND.fire(refund, "pay")
    refund.paid_at, refund.paid_label, refund.reference = clock.now(), tx.actor.label[:120], reference[:80]
    refund.decided_at, refund.decided_label = clock.now(), tx.actor.label[:120]
    return _done(tx, order, refund, "refund.paid_there", refund.reason)


def approve_refund(tx: Tx, cmd: DecideRefund) -> RefundResult:
    """Agree that it is paid back. In two-person mode never by who asked for it."""
    tx.actor.require("refund.approve")
    order, refund = _lock(tx, cmd.refund_id, cmd.version)
    if refund.status is RefundStatus.FAILED:
        raise Refused(say("The transfer failed; try it again instead"), code="refund_failed")
    _check_second_person(tx, refund)
    REFUND.fire(refund, "approve")
    _decided(tx, refund, cmd.note)
    return _done(tx, order, refund, "refund.approved", refund.decision_note)


def deny_refund(tx: Tx, cmd: DecideRefund) -> RefundResult:
    """Decline it, with a reason. What it asked for may be asked for again."""
    tx.actor.require("refund.approve")
    note = _words(cmd.note, "note", say("Say why it is declined"))
    order, refund = _lock(tx, cmd.refund_id, cmd.version)
    REFUND.fire(refund, "deny")
    _decided(tx, refund, note)
    return _done(tx, order, refund, "refund.denied", note)


def pay_refund(tx: Tx, cmd: PayRefund) -> RefundResult:
    """The money has left: with our account, the transfer's reference and its proof."""
    tx.actor.require("refund.pay")
    order, refund = _lock(tx, cmd.refund_id, cmd.version)
    REFUND.check(refund, "pay")
    _check_payer(tx, refund)
    at = _payment_time(cmd.paid_at)
    account, reference = _account(tx, refund, cmd.account_id), clean(arabic_digits(cmd.reference))[:80]
    if account is not None:
        if not reference:
            raise InvalidInput(say("Type the transfer's reference"), field="reference", code="reference_missing")
        if not cmd.proof_key:
            raise InvalidInput(say("Add the picture or PDF of the transfer"), field="proof", code="proof_missing")
        take_reference(tx, account.bank_code, reference)
    REFUND.fire(refund, "pay")
    refund.account_id = None if account is None else account.id
    refund.reference, refund.proof_key = reference, cmd.proof_key
    refund.paid_at, refund.paid_label, refund.failure = at, tx.actor.label[:120], ""
    refund.attempts += 1
    notices.tell(tx, Event.REFUNDED, [(order.id, notices.of_refund(refund.id))])
    return _done(tx, order, refund, "refund.paid", "")


def fail_refund(tx: Tx, cmd: DecideRefund) -> RefundResult:
    """The transfer did not work (wrong account, account closed). Needs a reason; the amount stays promised."""
    tx.actor.require("refund.pay")
    note = _words(cmd.note, "note", say("Say what went wrong"))
    order, refund = _lock(tx, cmd.refund_id, cmd.version)
    REFUND.fire(refund, "fail")
    refund.failure = note
    refund.attempts += 1
    return _done(tx, order, refund, "refund.failed", note)


def retry_refund(tx: Tx, cmd: RetryRefund) -> RefundResult:
    """Put a failed refund back among those to be paid. Who pays may try the same account again; another account is a
    decision like the first one."""
    order, refund = _lock(tx, cmd.refund_id, cmd.version)
    to = checked(cmd.to) if cmd.to is not None else None
    changed = to is not None and to != destination(refund)
    tx.actor.require("refund.approve" if changed or not tx.actor.may("refund.pay") else "refund.pay")
    if refund.status is not RefundStatus.FAILED:
        raise Refused(say("Only a transfer that failed is tried again"), code="refund_not_failed")
    before = {"to": masked_destination(refund)}
    if changed and to is not None:
        _check_second_person(tx, refund)
        refund.method, refund.to_bank, refund.to_account, refund.to_name = to.method, to.bank, to.account, to.name
        _decided(tx, refund, cmd.note)
    REFUND.fire(refund, "approve")
    return _done(tx, order, refund, "refund.retried", _bounded(cmd.note), before if changed else None)


def destination(refund: Refund) -> RefundTo:
    """Where to a refund goes."""
    return RefundTo(refund.method, refund.to_bank, refund.to_account, refund.to_name)


def masked_destination(refund: Refund) -> str:
    """Where to a refund goes as the audit log keeps it: the account by its last four digits."""
    return " ".join(part for part in (refund.method.value, refund.to_bank, mask_account(refund.to_account)) if part)


def mask_account(account: str) -> str:
    """The last four digits of an account, the rest hidden."""
    return f"{'•' * max(len(account) - 4, 0)}{account[-4:]}" if len(account) > 4 else "•" * len(account)


def suggested_refund(due: Money, net: Money, refundable: Money, waiting: Money) -> Money:
    """What the form offers: what is too much, less what is asked for already. Nothing when nothing is too much.

    ``net`` is verified less paid back; ``waiting`` is asked for or agreed to and not paid.
    """
    return min(max(net - due - waiting, ZERO), max(refundable, ZERO))


def _check_amount(tx: Tx, order: Order, amount: Money) -> None:
    if amount <= ZERO:
        raise InvalidInput(say("The amount must be more than 0"), field="amount", code="amount_range")
    left = refundable_of(tx.session, [order.id])[order.id] - paid_there_open(tx.session, order.id)
    if left <= ZERO:
        raise Refused(
            say("There is no money of {number} left to pay back", number=order.number),
            field="amount", code="nothing_to_refund",
        )  # fmt: skip
    if amount > left:
        raise Refused(
            say("Only {amount} of {number} can still be paid back", amount=left, number=order.number),
            field="amount", code="refund_too_much",
        )  # fmt: skip


def _check_second_person(tx: Tx, refund: Refund) -> None:
    """In two-person mode nobody agrees to what they asked for."""
    mine = refund.requested_by is not None and refund.requested_by == tx.actor.user_id
    if mine and needs_second_person(tx.session, POLICY):
        raise Refused(say("You asked for this yourself; another person has to agree"), code="own_request")


def _check_payer(tx: Tx, refund: Refund) -> None:
    """In two-person mode, after a transfer that failed, whoever agreed to the account now on it does not pay it: they
    may have put it there alone."""
    mine = refund.decided_by is not None and refund.decided_by == tx.actor.user_id
    if mine and refund.attempts and needs_second_person(tx.session, POLICY):
        raise Refused(say("You agreed to this account yourself; another person has to pay"), code="own_account")


def checked(to: RefundTo) -> RefundTo:
    """A destination that can be paid to. Raises InvalidInput naming the field."""
    if to.method not in REFUND_METHODS:
        raise InvalidInput(say("Money cannot be paid back this way"), field="to_method", code="refund_method")
    bank, name = clean(to.bank)[:40], clean(to.name)[:200]
    account = "".join(c for c in arabic_digits(clean(to.account)) if c.isalnum())[:40]
    if to.method not in _NEEDS_ACCOUNT:
        return RefundTo(to.method, "", "", name)
    if to.method is PaymentMethod.TRANSFER and not bank:
        raise InvalidInput(say("Choose the customer's bank"), field="to_bank", code="bank_missing")
    if not account:
        raise InvalidInput(say("Type the customer's account number"), field="to_account", code="account_missing")
    if not account.isdecimal() or not 9 <= len(account) <= 16:
        raise InvalidInput(
            say("An account number has 10 to 15 digits; PromptPay takes a phone number or an ID"),
            field="to_account", code="account_number",
        )  # fmt: skip
    if not name:
        raise InvalidInput(say("Type the name on the account"), field="to_name", code="name_missing")
    return RefundTo(to.method, bank if to.method is not PaymentMethod.PROMPTPAY else "", account, name)


def _account(tx: Tx, refund: Refund, account_id: int | None) -> ReceivingAccount | None:
    """The account of ours the money left, where there is one."""
    if refund.method not in _NEEDS_ACCOUNT:
        return None
    found = tx.session.get(ReceivingAccount, account_id) if account_id is not None else None
    if found is None or not found.is_active:
        raise InvalidInput(say("Choose one of our accounts"), field="account_id", code="account_unknown")
    return found


def _payment_time(at: datetime | None) -> datetime:
    now = clock.now()
    if at is not None and at > now + SLACK:
        raise InvalidInput(say("This time has not come yet"), field="paid_at", code="future")
    return at or now


def _lock(tx: Tx, refund_id: int, version: int | None) -> tuple[Order, Refund]:
    """A refund with its order, locked: the order first. Raises NotFound, or Conflict when somebody was faster."""
    order_id = tx.session.scalar(select(Refund.order_id).where(Refund.id == min(refund_id, 2**63 - 1)))
    if order_id is None:
        raise _missing()
    try:
        order = lock_order(tx, order_id)
    except NotFound:
        raise _missing() from None
    refund = tx.session.get_one(Refund, refund_id, with_for_update=True, populate_existing=True)
    if version is not None and refund.version != version:
        raise Conflict(say("Someone else worked on this refund; reload and look again"), code="stale")
    return order, refund


def _missing() -> NotFound:
    return NotFound(say("There is no such refund, or it is not yours to see"), code="refund_not_found")


def _decided(tx: Tx, refund: Refund, note: str) -> None:
    refund.decided_at, refund.decided_by = clock.now(), tx.actor.user_id
    refund.decided_label, refund.decision_note = tx.actor.label[:120], _bounded(note)


def _done(
    tx: Tx, order: Order, refund: Refund, action: str, reason: str, before: dict[str, str] | None = None
) -> RefundResult:
    """The end of every verb: the order's state anew, the trace, and the order closed when its money is settled."""
    derived.refresh(tx, [order])
    after = {
        "refund": refund.number, "amount": refund.amount, "status": refund.status, "to": masked_destination(refund),
        "payment_status": order.payment_status,
    }  # fmt: skip
    if refund.status is RefundStatus.PAID:
        after |= {"reference": refund.reference, "paid_at": refund.paid_at, "account_id": refund.account_id}
    audit.record(tx, action, "order", order.id, order.number, before=before, after=after, reason=reason)
    complete_done(tx, [order])
    return _result(refund)


def _bounded(text: str) -> str:
    return clean_lines(text)[:500]


def _words(text: str, field: str, missing: Say) -> str:
    words = _bounded(text)
    if not words:
        raise InvalidInput(missing, field=field, code="reason_missing")
    return words


def _by_key(tx: Tx, order_id: int, key: str) -> Refund | None:
    same = select(Refund).where(Refund.idempotency_key == key, Refund.order_id == order_id)
    return tx.session.scalars(same).one_or_none()


def _result(refund: Refund) -> RefundResult:
    return RefundResult(refund.id, refund.number, refund.status, refund.order_id)
