"""The machines of orders, holds and change sets, and the names of what is derived from them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from oms.errors import Say, say
from oms.states import Machine, Transition, states


class OrderStatus(StrEnum):
    DRAFT = "draft"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    CANCELED = "canceled"
    EXPIRED = "expired"


class HoldStatus(StrEnum):
    ACTIVE = "active"
    RELEASED = "released"


class ChangeStatus(StrEnum):
    OPEN = "open"
    APPLIED = "applied"
    DISCARDED = "discarded"


class HoldReason(StrEnum):
    PAYMENT = "payment"
    STOCK = "stock"
    ADDRESS = "address"
    DUPLICATE = "duplicate"
    FRAUD = "fraud"
    COD_RISK = "cod_risk"
    UNMAPPED_ITEM = "unmapped_item"
    CUSTOMER_REQUEST = "customer_request"
    CHANNEL_CANCEL_REQUEST = "channel_cancel_request"
    MANUAL = "manual"


HOLD_LABELS: dict[HoldReason, str] = {
    HoldReason.PAYMENT: "Payment in doubt",
    HoldReason.STOCK: "Stock in doubt",
    HoldReason.ADDRESS: "Address in doubt",
    HoldReason.DUPLICATE: "Possible duplicate",
    HoldReason.FRAUD: "Possible fraud",
    HoldReason.COD_RISK: "COD risk",
    HoldReason.UNMAPPED_ITEM: "Item not mapped",
    HoldReason.CUSTOMER_REQUEST: "Customer asked to wait",
    HoldReason.CHANNEL_CANCEL_REQUEST: "Buyer asked the channel to cancel",
    HoldReason.MANUAL: "Held by staff",
}


class CancelReason(StrEnum):
    CUSTOMER = "customer"
    OUT_OF_STOCK = "out_of_stock"
    UNPAID = "unpaid"
    DUPLICATE = "duplicate"
    FRAUD = "fraud"
    ADDRESS = "address"
    CHANNEL = "channel"
    OTHER = "other"


CANCEL_LABELS: dict[CancelReason, str] = {
    CancelReason.CUSTOMER: "Customer changed their mind",
    CancelReason.OUT_OF_STOCK: "Out of stock",
    CancelReason.UNPAID: "Not paid",
    CancelReason.DUPLICATE: "Duplicate order",
    CancelReason.FRAUD: "Fraud",
    CancelReason.ADDRESS: "Cannot be delivered",
    CancelReason.CHANNEL: "Canceled on the channel",
    CancelReason.OTHER: "Other reason",
}


class PaymentTerm(StrEnum):
    """Who vouches for the money: the transfer itself, the carrier, our trust, or the marketplace that holds it."""

    PREPAID = "prepaid"
    COD = "cod"
    CREDIT = "credit"
    MARKETPLACE = "marketplace"


TERM_LABELS: dict[PaymentTerm, str] = {
    PaymentTerm.PREPAID: "Bank transfer",
    PaymentTerm.COD: "Cash on delivery",
    PaymentTerm.CREDIT: "Credit term",
    PaymentTerm.MARKETPLACE: "Paid on the platform",
}


class PaymentStatus(StrEnum):
    """Derived; ``payments.rules.payment_status`` is its one writer."""

    UNPAID = "unpaid"
    PENDING_REVIEW = "pending_review"
    PARTIAL = "partial"
    PAID = "paid"
    OVERPAID = "overpaid"
    COD_PENDING = "cod_pending"
    COD_COLLECTED = "cod_collected"
    COD_REMITTED = "cod_remitted"
    CREDIT = "credit"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"
    NOTHING_DUE = "nothing_due"


PAYMENT_LABELS: dict[PaymentStatus, str] = {
    PaymentStatus.UNPAID: "Unpaid",
    PaymentStatus.PENDING_REVIEW: "Slip waiting",
    PaymentStatus.PARTIAL: "Paid in part",
    PaymentStatus.PAID: "Paid",
    PaymentStatus.OVERPAID: "Paid too much",
    PaymentStatus.COD_PENDING: "Cash on delivery",
    PaymentStatus.COD_COLLECTED: "COD collected",
    PaymentStatus.COD_REMITTED: "COD received",
    PaymentStatus.CREDIT: "On credit",
    PaymentStatus.REFUNDED: "Refunded",
    PaymentStatus.PARTIALLY_REFUNDED: "Refunded in part",
    PaymentStatus.NOTHING_DUE: "Nothing due",
}


class FulfillmentStatus(StrEnum):
    """Derived from quantities and shipments; ``orders.rules.fulfillment_status`` is its one writer."""

    OPEN = "open"
    PARTIAL = "partial"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    RETURNED = "returned"
    NOTHING = "nothing"


class StockState(StrEnum):
    """Derived from open quantities and reservations."""

    NONE = "none"
    RESERVED = "reserved"
    SHORT = "short"


class Board(StrEnum):
    """What kind of work an order waits for; derived, first that matches (DESIGN section 6)."""

    DRAFT = "draft"
    ON_HOLD = "on_hold"
    WAITING_PAYMENT = "waiting_payment"
    SLIP_WAITING = "slip_waiting"
    SHORT_PAYMENT = "short_payment"
    WAITING_STOCK = "waiting_stock"
    READY = "ready"
    PICKING = "picking"
    PACKED = "packed"
    LABELED = "labeled"
    HANDED_OVER = "handed_over"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERY_PROBLEM = "delivery_problem"
    RETURNING = "returning"
    CAME_BACK = "came_back"
    DELIVERED = "delivered"
    COD_OUTSTANDING = "cod_outstanding"
    COMPLETED = "completed"
    CANCELED = "canceled"
    EXPIRED = "expired"


BOARD_LABELS: dict[Board, str] = {
    Board.DRAFT: "Draft",
    Board.ON_HOLD: "On hold",
    Board.WAITING_PAYMENT: "Waiting for payment",
    Board.SLIP_WAITING: "Slip to check",
    Board.SHORT_PAYMENT: "Paid too little",
    Board.WAITING_STOCK: "Waiting for stock",
    Board.READY: "Ready to pick",
    Board.PICKING: "Picking",
    Board.PACKED: "Packed",
    Board.LABELED: "Label printed",
    Board.HANDED_OVER: "Handed over",
    Board.OUT_FOR_DELIVERY: "Out for delivery",
    Board.DELIVERY_PROBLEM: "Delivery problem",
    Board.RETURNING: "Coming back",
    Board.CAME_BACK: "Came back, to close",
    Board.DELIVERED: "Delivered",
    Board.COD_OUTSTANDING: "COD outstanding",
    Board.COMPLETED: "Completed",
    Board.CANCELED: "Canceled",
    Board.EXPIRED: "Expired",
}

CLOSED_BOARDS = frozenset({Board.COMPLETED, Board.CANCELED, Board.EXPIRED})


def nothing_shipped(order: Any) -> Say | None:
    """Goods that have left come back as a return, not as a cancellation."""
    shipped = any(line.shipped for line in order.lines)
    return say("Goods have left already; take them back as a return") if shipped else None


def has_lines(order: Any) -> Say | None:
    """An empty order promises nothing."""
    open_lines = any(line.quantity > line.canceled for line in order.lines)
    return None if open_lines else say("The order has no items yet")


def is_unpaid(order: Any) -> Say | None:
    """Only an order nobody has paid or promised to pay may expire."""
    safe = order.payment_term is PaymentTerm.PREPAID and order.payment_status is PaymentStatus.UNPAID
    return None if safe else say("Money was received, announced or promised for this order")


def all_shipped(order: Any) -> Say | None:
    """Completed means that nothing is open."""
    is_open = any(line.quantity - line.canceled - line.shipped > 0 for line in order.lines)
    return say("Some items have not been shipped") if is_open else None


def money_settled(order: Any) -> Say | None:
    """Completed means that the money is in."""
    settled = order.payment_status in {
        PaymentStatus.PAID,
        PaymentStatus.COD_REMITTED,
        PaymentStatus.REFUNDED,
        PaymentStatus.PARTIALLY_REFUNDED,
        PaymentStatus.NOTHING_DUE,
    }
    vouched = order.payment_term is PaymentTerm.MARKETPLACE and order.payment_status is PaymentStatus.CREDIT
    return None if settled or vouched else say("The money is not settled yet")


S = OrderStatus
ORDER = Machine(
    "Order",
    initial=S.DRAFT,
    labels={
        S.DRAFT: "Draft",
        S.CONFIRMED: "Confirmed",
        S.COMPLETED: "Completed",
        S.CANCELED: "Canceled",
        S.EXPIRED: "Expired",
    },
    transitions=[
        Transition("confirm", states(S.DRAFT), S.CONFIRMED, "Confirm", (has_lines,)),
        Transition("complete", states(S.CONFIRMED), S.COMPLETED, "Complete", (all_shipped, money_settled)),
        Transition("cancel", states(S.DRAFT, S.CONFIRMED), S.CANCELED, "Cancel", (nothing_shipped,)),
        Transition("expire", states(S.CONFIRMED), S.EXPIRED, "Expire", (nothing_shipped, is_unpaid)),
    ],
)

HOLD = Machine(
    "Hold",
    initial=HoldStatus.ACTIVE,
    labels={HoldStatus.ACTIVE: "On hold", HoldStatus.RELEASED: "Released"},
    transitions=[Transition("release", states(HoldStatus.ACTIVE), HoldStatus.RELEASED, "Release the hold")],
)

CHANGE = Machine(
    "Change set",
    initial=ChangeStatus.OPEN,
    labels={
        ChangeStatus.OPEN: "Open",
        ChangeStatus.APPLIED: "Applied",
        ChangeStatus.DISCARDED: "Discarded",
    },
    transitions=[
        Transition("apply", states(ChangeStatus.OPEN), ChangeStatus.APPLIED, "Apply the change"),
        Transition("discard", states(ChangeStatus.OPEN), ChangeStatus.DISCARDED, "Discard the change"),
    ],
)
