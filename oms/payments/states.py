"""The machines of money: claims, slips, refunds, COD entries; and the small vocabularies around them."""

from __future__ import annotations

from enum import StrEnum

from oms.states import Machine, Transition, states


class ClaimStatus(StrEnum):
    SUBMITTED = "submitted"
    VERIFIED = "verified"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    REVERSED = "reversed"


class PaymentMethod(StrEnum):
    TRANSFER = "transfer"
    PROMPTPAY = "promptpay"
    EWALLET = "ewallet"
    CARD = "card"
    CASH = "cash"
    PAYOUT = "payout"
    CREDIT_NOTE = "credit_note"
    COD = "cod"


METHOD_LABELS: dict[PaymentMethod, str] = {
    PaymentMethod.TRANSFER: "Bank transfer",
    PaymentMethod.PROMPTPAY: "PromptPay",
    PaymentMethod.EWALLET: "E-wallet",
    PaymentMethod.CARD: "Card",
    PaymentMethod.CASH: "Cash",
    PaymentMethod.PAYOUT: "Marketplace payout",
    PaymentMethod.CREDIT_NOTE: "Credit note",
    PaymentMethod.COD: "Cash on delivery",
}

C = ClaimStatus
CLAIM = Machine(
    "Payment claim",
    initial=C.SUBMITTED,
    labels={
        C.SUBMITTED: "Waiting to be checked",
        C.VERIFIED: "Verified",
        C.REJECTED: "Rejected",
        C.DUPLICATE: "Used before",
        C.REVERSED: "Reversed",
    },
    transitions=[
        Transition("verify", states(C.SUBMITTED), C.VERIFIED, "Verify"),
        Transition("reject", states(C.SUBMITTED), C.REJECTED, "Reject"),
        Transition("mark_duplicate", states(C.SUBMITTED), C.DUPLICATE, "Mark as used before"),
        Transition("reverse", states(C.VERIFIED), C.REVERSED, "Reverse"),
    ],
)


class SlipStatus(StrEnum):
    """Where a slip stands. Waiting means: read, and a person decides."""

    RECEIVED = "received"
    WAITING = "waiting"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"


class SlipKind(StrEnum):
    """What the QR on a picture says it is; none: no QR that we can read."""

    SLIP = "slip"
    PAYMENT_QR = "payment_qr"
    NONE = "none"


L = SlipStatus
SLIP = Machine(
    "Slip",
    initial=L.RECEIVED,
    labels={
        L.RECEIVED: "Being read",
        L.WAITING: "Waiting to be checked",
        L.CONFIRMED: "Confirmed",
        L.REJECTED: "Rejected",
        L.DUPLICATE: "Used before",
    },
    transitions=[
        Transition("read", states(L.RECEIVED), L.WAITING, "Read"),
        Transition("confirm", states(L.RECEIVED, L.WAITING), L.CONFIRMED, "Confirm"),
        Transition("reject", states(L.RECEIVED, L.WAITING), L.REJECTED, "Reject"),
        Transition("mark_duplicate", states(L.RECEIVED, L.WAITING), L.DUPLICATE, "Used before"),
        Transition("reopen", states(L.REJECTED, L.CONFIRMED, L.DUPLICATE), L.WAITING, "Look again"),
    ],
)


class RejectReason(StrEnum):
    """Why a slip is turned down: what the customer has to be told."""

    NOT_ARRIVED = "not_arrived"
    WRONG_ACCOUNT = "wrong_account"
    WRONG_AMOUNT = "wrong_amount"
    UNREADABLE = "unreadable"
    NOT_A_SLIP = "not_a_slip"


REJECT_LABELS: dict[RejectReason, str] = {
    RejectReason.NOT_ARRIVED: "The money did not arrive",
    RejectReason.WRONG_ACCOUNT: "Not our account",
    RejectReason.WRONG_AMOUNT: "The amount is wrong",
    RejectReason.UNREADABLE: "The picture cannot be read",
    RejectReason.NOT_A_SLIP: "Not a genuine slip",
}


class Verdict(StrEnum):
    """What one check of a slip found."""

    MATCH = "match"
    MISMATCH = "mismatch"
    NOT_CHECKED = "not_checked"


class CheckOutcome(StrEnum):
    """What a slip verifier answered, in one vocabulary."""

    ASKED = "asked"
    FOUND = "found"
    NOT_FOUND = "not_found"
    PENDING = "pending"
    USED_BEFORE = "used_before"
    MISMATCH_AMOUNT = "mismatch_amount"
    WRONG_RECEIVER = "wrong_receiver"
    QUOTA = "quota"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"  # our settings: the key, the branch, the package
    UNREADABLE = "unreadable"  # the question: no slip there


class LineStatus(StrEnum):
    """Where a statement line stands."""

    UNMATCHED = "unmatched"
    SUGGESTED = "suggested"
    AMBIGUOUS = "ambiguous"
    MATCHED = "matched"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"


class RefundStatus(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    PAID = "paid"
    DENIED = "denied"
    FAILED = "failed"


REFUND_METHODS = (
    PaymentMethod.TRANSFER, PaymentMethod.PROMPTPAY, PaymentMethod.EWALLET, PaymentMethod.CASH, PaymentMethod.CARD,
    PaymentMethod.PAYOUT,
)  # fmt: skip
OPEN_REFUNDS = (RefundStatus.REQUESTED, RefundStatus.APPROVED, RefundStatus.FAILED)  # count against what may go back

R = RefundStatus
REFUND = Machine(
    "Refund",
    initial=R.REQUESTED,
    labels={
        R.REQUESTED: "Asked for",
        R.APPROVED: "Approved, to be paid",
        R.PAID: "Paid back",
        R.DENIED: "Declined",
        R.FAILED: "Transfer failed",
    },
    transitions=[
        Transition("approve", states(R.REQUESTED, R.FAILED), R.APPROVED, "Approve"),
        Transition("deny", states(R.REQUESTED), R.DENIED, "Decline"),
        Transition("pay", states(R.APPROVED), R.PAID, "Paid back"),
        Transition("fail", states(R.APPROVED), R.FAILED, "Transfer failed"),
    ],
)


class CodStatus(StrEnum):
    """Where the cash of one parcel is."""

    EXPECTED = "expected"
    COLLECTED = "collected"
    REMITTED = "remitted"
    REFUSED = "refused"
    SHORT = "short"


K = CodStatus
COD_ENTRY = Machine(
    "COD entry",
    initial=K.EXPECTED,
    labels={
        K.EXPECTED: "With the carrier",
        K.COLLECTED: "Collected",
        K.REMITTED: "Paid to us",
        K.REFUSED: "Refused",
        K.SHORT: "Paid too little",
    },
    transitions=[
        Transition("collect", states(K.EXPECTED), K.COLLECTED, "Collected"),
        Transition("remit", states(K.COLLECTED, K.SHORT), K.REMITTED, "Paid to us"),
        Transition("refuse", states(K.EXPECTED, K.COLLECTED), K.REFUSED, "Refused"),
        Transition("fall_short", states(K.COLLECTED), K.SHORT, "Paid too little"),
        Transition("reopen", states(K.REFUSED), K.EXPECTED, "Was delivered after all"),
    ],
)


class CodRefusal(StrEnum):
    """Why no cash will come for a parcel."""

    AT_DOOR = "at_door"
    AFTER_OPENING = "after_opening"
    NOT_REACHED = "not_reached"
    ADDRESS = "address"
    LOST = "lost"
    PAID_OTHERWISE = "paid_otherwise"
    OTHER = "other"


REFUSAL_LABELS: dict[CodRefusal, str] = {
    CodRefusal.AT_DOOR: "Refused at the door",
    CodRefusal.AFTER_OPENING: "Refused after opening",
    CodRefusal.NOT_REACHED: "Recipient not reached",
    CodRefusal.ADDRESS: "Wrong address",
    CodRefusal.LOST: "Lost or damaged by the carrier",
    CodRefusal.PAID_OTHERWISE: "Paid in another way",
    CodRefusal.OTHER: "Other reason",
}
BUYERS_FAULT = (CodRefusal.AT_DOOR, CodRefusal.AFTER_OPENING, CodRefusal.NOT_REACHED)  # count against a phone number


class RoundLineOutcome(StrEnum):
    """What one line of a carrier's pay file turned out to be."""

    MATCHED = "matched"
    SHORT = "short"
    OVER = "over"
    UNKNOWN = "unknown"
    PAID_BEFORE = "paid_before"
    RETURNED = "returned"


OUTCOME_LABELS: dict[RoundLineOutcome, str] = {
    RoundLineOutcome.MATCHED: "Ties",
    RoundLineOutcome.SHORT: "Paid too little",
    RoundLineOutcome.OVER: "Paid too much",
    RoundLineOutcome.UNKNOWN: "Parcel unknown",
    RoundLineOutcome.PAID_BEFORE: "Paid before",
    RoundLineOutcome.RETURNED: "Paid although returned",
}
