"""The machines of returns, unidentified arrivals and claims against carriers, and their small vocabularies."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from oms.errors import Say, say
from oms.states import Machine, Transition, states


class ReturnStatus(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    IN_TRANSIT = "in_transit"
    RECEIVED = "received"
    INSPECTED = "inspected"
    RESOLVED = "resolved"
    REJECTED = "rejected"
    CANCELED = "canceled"


class ReturnKind(StrEnum):
    """What makes goods come back: the buyer, the carrier that could not deliver; or nothing, because they are lost."""

    CUSTOMER = "customer"
    RTO = "rto"
    LOST = "lost"


KIND_LABELS: dict[ReturnKind, str] = {
    ReturnKind.CUSTOMER: "Customer's return",
    ReturnKind.RTO: "Not delivered, coming back",
    ReturnKind.LOST: "Lost by the carrier",
}


class ReturnReason(StrEnum):
    """Why: the buyer's complaint, or why the carrier could not deliver."""

    DAMAGED = "damaged"
    DEFECTIVE = "defective"
    WRONG_ITEM = "wrong_item"
    MISSING_ITEM = "missing_item"
    NOT_AS_DESCRIBED = "not_as_described"
    DOES_NOT_FIT = "does_not_fit"
    CHANGED_MIND = "changed_mind"
    LATE = "late"
    REFUSED = "refused"
    NOT_REACHED = "not_reached"
    WRONG_ADDRESS = "wrong_address"
    UNDELIVERED = "undelivered"
    LOST = "lost"
    UNANNOUNCED = "unannounced"
    OTHER = "other"


REASON_LABELS: dict[ReturnReason, str] = {
    ReturnReason.DAMAGED: "Arrived damaged",
    ReturnReason.DEFECTIVE: "Does not work",
    ReturnReason.WRONG_ITEM: "Wrong item sent",
    ReturnReason.MISSING_ITEM: "Something was missing",
    ReturnReason.NOT_AS_DESCRIBED: "Not as described",
    ReturnReason.DOES_NOT_FIT: "Does not fit",
    ReturnReason.CHANGED_MIND: "Changed their mind",
    ReturnReason.LATE: "Came too late",
    ReturnReason.REFUSED: "Refused at the door",
    ReturnReason.NOT_REACHED: "Recipient not reached",
    ReturnReason.WRONG_ADDRESS: "Wrong address",
    ReturnReason.UNDELIVERED: "Not delivered, reason unknown",
    ReturnReason.LOST: "Lost on the way",
    ReturnReason.UNANNOUNCED: "Came without a word",
    ReturnReason.OTHER: "Other reason",
}
REASON_THAI: dict[ReturnReason, str] = {  # on papers, which are Thai whatever language the clerk reads
    ReturnReason.DAMAGED: "สินค้าเสียหายระหว่างขนส่ง",
    ReturnReason.DEFECTIVE: "สินค้าใช้งานไม่ได้",
    ReturnReason.WRONG_ITEM: "ส่งสินค้าผิด",
    ReturnReason.MISSING_ITEM: "สินค้าไม่ครบตามจำนวน",
    ReturnReason.NOT_AS_DESCRIBED: "สินค้าไม่ตรงตามที่ตกลง",
    ReturnReason.DOES_NOT_FIT: "ขนาดไม่พอดี",
    ReturnReason.CHANGED_MIND: "ลูกค้าขอคืนสินค้า",
    ReturnReason.LATE: "ส่งสินค้าล่าช้า",
    ReturnReason.REFUSED: "ผู้รับปฏิเสธรับพัสดุ",
    ReturnReason.NOT_REACHED: "ติดต่อผู้รับไม่ได้ พัสดุตีกลับ",
    ReturnReason.WRONG_ADDRESS: "ที่อยู่ไม่ถูกต้อง พัสดุตีกลับ",
    ReturnReason.UNDELIVERED: "จัดส่งไม่สำเร็จ พัสดุตีกลับ",
    ReturnReason.LOST: "พัสดุสูญหายระหว่างขนส่ง",
    ReturnReason.UNANNOUNCED: "ลูกค้าส่งสินค้าคืน",
    ReturnReason.OTHER: "รับคืนสินค้า",
}
COMPLAINTS: Final = (
    ReturnReason.DAMAGED, ReturnReason.DEFECTIVE, ReturnReason.WRONG_ITEM, ReturnReason.MISSING_ITEM,
    ReturnReason.NOT_AS_DESCRIBED, ReturnReason.DOES_NOT_FIT, ReturnReason.CHANGED_MIND, ReturnReason.LATE,
    ReturnReason.OTHER,
)  # fmt: skip
UNDELIVERED: Final = (
    ReturnReason.UNDELIVERED, ReturnReason.REFUSED, ReturnReason.NOT_REACHED, ReturnReason.WRONG_ADDRESS,
    ReturnReason.OTHER,
)  # fmt: skip


class Condition(StrEnum):
    """What one piece turned out to be when somebody looked at it."""

    RESELL = "resell"
    REPAIR = "repair"
    DAMAGED = "damaged"
    MISSING = "missing"
    WRONG = "wrong"


CONDITION_LABELS: dict[Condition, str] = {
    Condition.RESELL: "Good, sell again",
    Condition.REPAIR: "To be mended",
    Condition.DAMAGED: "Damaged",
    Condition.MISSING: "Not in the box",
    Condition.WRONG: "Something else in the box",
}
BACK: Final = (Condition.RESELL, Condition.REPAIR, Condition.DAMAGED)  # these pieces are here again


class Resolution(StrEnum):
    """How a return ends."""

    REFUND = "refund"
    STORE_CREDIT = "store_credit"
    EXCHANGE = "exchange"
    REPLACEMENT = "replacement"
    WAIVE = "waive"
    PLATFORM = "platform"
    NOTHING = "nothing"


WHY_LABELS: dict[str, str] = {  # what the program itself writes down as the reason of a step
    "delivered": "Delivered after all",
    "turned_up": "It turned up",
    "lost_back": "Lost on its way back",
}
RESOLUTION_LABELS: dict[Resolution, str] = {
    Resolution.REFUND: "Money back",
    Resolution.STORE_CREDIT: "Credit for the next order",
    Resolution.EXCHANGE: "Exchange for other goods",
    Resolution.REPLACEMENT: "Send the same again, free of charge",
    Resolution.WAIVE: "Nothing was paid; nothing is owed any more",
    Resolution.PLATFORM: "The channel has paid the buyer back",
    Resolution.NOTHING: "No money back",
}


def goods_stay(ret: Any) -> Say | None:
    """Settled without goods only when none are to come."""
    return None if ret.goods_stay else say("The goods have to come back and be counted first")


def goods_come(ret: Any) -> Say | None:
    """Goods that stay with the buyer are not waited for."""
    return say("The goods stay where they are; settle it without them") if ret.goods_stay else None


S = ReturnStatus
RETURN = Machine(
    "Return",
    initial=[S.REQUESTED, S.IN_TRANSIT],
    labels={
        S.REQUESTED: "To be agreed to",
        S.APPROVED: "Agreed, not sent yet",
        S.IN_TRANSIT: "On its way back",
        S.RECEIVED: "Arrived, not counted",
        S.INSPECTED: "Counted, not settled",
        S.RESOLVED: "Settled",
        S.REJECTED: "Declined",
        S.CANCELED: "Called off",
    },
    transitions=[
        Transition("approve", states(S.REQUESTED), S.APPROVED, "Approve"),
        Transition("reject", states(S.REQUESTED), S.REJECTED, "Decline"),
        Transition("cancel", states(S.REQUESTED, S.APPROVED), S.CANCELED, "Call off"),
        Transition("send", states(S.APPROVED), S.IN_TRANSIT, "It is on its way", (goods_come,)),
        Transition("call_off", states(S.IN_TRANSIT), S.CANCELED, "It will not come"),
        Transition("receive", states(S.REQUESTED, S.APPROVED, S.IN_TRANSIT), S.RECEIVED, "It is here", (goods_come,)),
        Transition("inspect", states(S.RECEIVED), S.INSPECTED, "Counted"),
        Transition("resolve", states(S.INSPECTED), S.RESOLVED, "Settle"),
        Transition("settle_without", states(S.APPROVED), S.RESOLVED, "Settle without the goods", (goods_stay,)),
    ],
)
COMING: Final = (S.REQUESTED, S.APPROVED, S.IN_TRANSIT)  # a scan at the door may find it
OPEN: Final = (*COMING, S.RECEIVED, S.INSPECTED)
UNCOUNTED: Final = (*COMING, S.RECEIVED)  # its pieces are promised to come back


class ArrivalStatus(StrEnum):
    WAITING = "waiting"
    ATTACHED = "attached"
    CLOSED = "closed"


A = ArrivalStatus
ARRIVAL = Machine(
    "Unknown parcel",
    initial=A.WAITING,
    labels={A.WAITING: "Nobody knows whose", A.ATTACHED: "Found its return", A.CLOSED: "Put aside"},
    transitions=[
        Transition("attach", states(A.WAITING), A.ATTACHED, "Attach to an order"),
        Transition("close", states(A.WAITING), A.CLOSED, "Not ours"),
    ],
)


class CarrierClaimStatus(StrEnum):
    OPEN = "open"
    SENT = "sent"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PAID = "paid"
    WITHDRAWN = "withdrawn"


class CarrierClaimReason(StrEnum):
    """What the carrier answers for."""

    DAMAGED = "damaged"
    LOST = "lost"
    MISSING = "missing"
    LATE = "late"
    WRONG_WEIGHT = "wrong_weight"
    OTHER = "other"


CARRIER_CLAIM_LABELS: dict[CarrierClaimReason, str] = {
    CarrierClaimReason.DAMAGED: "Damaged on the way",
    CarrierClaimReason.LOST: "Parcel lost",
    CarrierClaimReason.MISSING: "Pieces missing from the parcel",
    CarrierClaimReason.LATE: "Delivered too late",
    CarrierClaimReason.WRONG_WEIGHT: "Charged for the wrong weight",
    CarrierClaimReason.OTHER: "Other",
}

C = CarrierClaimStatus
CARRIER_CLAIM = Machine(
    "Carrier claim",
    initial=C.OPEN,
    labels={
        C.OPEN: "To be sent",
        C.SENT: "Sent, waiting for the carrier",
        C.ACCEPTED: "Accepted, to be paid",
        C.REJECTED: "Rejected",
        C.PAID: "Paid",
        C.WITHDRAWN: "Withdrawn",
    },
    transitions=[
        Transition("send", states(C.OPEN, C.REJECTED), C.SENT, "Sent to the carrier"),
        Transition("accept", states(C.SENT), C.ACCEPTED, "The carrier accepts"),
        Transition("reject", states(C.SENT), C.REJECTED, "The carrier rejects"),
        Transition("pay", states(C.ACCEPTED), C.PAID, "Paid"),
        Transition("withdraw", states(C.OPEN, C.SENT, C.REJECTED), C.WITHDRAWN, "Withdraw"),
    ],
)
OPEN_CLAIMS: Final = (C.OPEN, C.SENT, C.ACCEPTED)
