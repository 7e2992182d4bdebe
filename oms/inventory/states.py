"""The machines of transfers, counts and settlements with partners."""

from __future__ import annotations

from enum import StrEnum

from oms.states import Machine, Transition, states


class TransferStatus(StrEnum):
    DRAFT = "draft"
    SENT = "sent"
    IN_TRANSIT = "in_transit"
    RECEIVED = "received"
    RECEIVED_WITH_DISCREPANCY = "received_with_discrepancy"
    CANCELED = "canceled"


class StepKind(StrEnum):
    """What became of pieces under way."""

    RECEIVED = "received"
    DAMAGED = "damaged"
    LOST = "lost"
    CAME_BACK = "came_back"
    SURPLUS = "surplus"


STEP_LABELS: dict[StepKind, str] = {
    StepKind.RECEIVED: "Received",
    StepKind.DAMAGED: "Damaged on arrival",
    StepKind.LOST: "Lost on the way",
    StepKind.CAME_BACK: "Came back to the sender",
    StepKind.SURPLUS: "More than was sent",
}


class CountStatus(StrEnum):
    OPEN = "open"
    COUNTED = "counted"
    POSTED = "posted"
    CANCELED = "canceled"


class SettlementStatus(StrEnum):
    OPEN = "open"
    PAID = "paid"
    CANCELED = "canceled"


T = TransferStatus
UNDER_WAY = states(T.SENT, T.IN_TRANSIT)
TRANSFER = Machine(
    "Transfer",
    initial=T.DRAFT,
    labels={
        T.DRAFT: "Draft",
        T.SENT: "Sent",
        T.IN_TRANSIT: "On the way",
        T.RECEIVED: "Received",
        T.RECEIVED_WITH_DISCREPANCY: "Received, with differences",
        T.CANCELED: "Canceled",
    },
    transitions=[
        Transition("send", states(T.DRAFT), T.SENT, "Send"),
        Transition("depart", states(T.SENT), T.IN_TRANSIT, "Left on the truck"),
        Transition("finish", states(T.IN_TRANSIT), T.RECEIVED, "Everything arrived"),
        Transition(
            "finish_with_discrepancy", states(T.IN_TRANSIT), T.RECEIVED_WITH_DISCREPANCY, "Close with differences"
        ),
        Transition("cancel", states(T.DRAFT), T.CANCELED, "Cancel"),
    ],
)

C = CountStatus
COUNT = Machine(
    "Stock count",
    initial=C.OPEN,
    labels={C.OPEN: "Being counted", C.COUNTED: "Counted", C.POSTED: "Posted", C.CANCELED: "Canceled"},
    transitions=[
        Transition("submit", states(C.OPEN), C.COUNTED, "Counting is done"),
        Transition("recount", states(C.COUNTED), C.OPEN, "Count again"),
        Transition("approve", states(C.COUNTED), C.POSTED, "Approve and post"),
        Transition("cancel", states(C.OPEN, C.COUNTED), C.CANCELED, "Cancel"),
    ],
)

P = SettlementStatus
SETTLEMENT = Machine(
    "Settlement",
    initial=P.OPEN,
    labels={P.OPEN: "To be paid", P.PAID: "Paid", P.CANCELED: "Canceled"},
    transitions=[
        Transition("pay", states(P.OPEN), P.PAID, "Paid by the partner"),
        Transition("cancel", states(P.OPEN), P.CANCELED, "Cancel"),
    ],
)
