"""The machine of payment claims."""

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


METHOD_LABELS: dict[PaymentMethod, str] = {
    PaymentMethod.TRANSFER: "Bank transfer",
    PaymentMethod.PROMPTPAY: "PromptPay",
    PaymentMethod.EWALLET: "E-wallet",
    PaymentMethod.CARD: "Card",
    PaymentMethod.CASH: "Cash",
    PaymentMethod.PAYOUT: "Marketplace payout",
    PaymentMethod.CREDIT_NOTE: "Credit note",
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
