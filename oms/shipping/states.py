"""The machine of shipments and the canonical carrier statuses."""

from __future__ import annotations

from enum import StrEnum

from oms.states import Machine, Transition, states


class ShipmentStatus(StrEnum):
    PLANNED = "planned"
    READY = "ready"
    PICKING = "picking"
    PACKED = "packed"
    LABELED = "labeled"
    HANDED_OVER = "handed_over"
    DELIVERED = "delivered"
    RETURNING = "returning"
    RETURNED = "returned"
    LOST = "lost"
    CANCELED = "canceled"


class TrackingStatus(StrEnum):
    """What the carrier says, in one vocabulary (protocols/shipment_status_mapping.md)."""

    CREATED = "created"
    LABEL_READY = "label_ready"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    READY_FOR_PICKUP = "ready_for_pickup"
    DELIVERED = "delivered"
    DELIVERY_FAILED = "delivery_failed"
    ON_HOLD = "on_hold"
    EXCEPTION = "exception"
    RETURNING = "returning"
    RETURNED = "returned"
    LOST = "lost"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


class BookingStatus(StrEnum):
    """A parcel asked of a carrier. ``unclear``: asked, and nobody knows whether it took it."""

    WAITING = "waiting"
    ASKING = "asking"
    UNCLEAR = "unclear"
    BOOKED = "booked"
    REFUSED = "refused"
    CANCELING = "canceling"
    CANCELED = "canceled"
    CANCEL_REFUSED = "cancel_refused"


class MessageStatus(StrEnum):
    """A carrier's message as it was kept."""

    WAITING = "waiting"
    DONE = "done"
    NOT_OURS = "not_ours"
    REFUSED = "refused"


class NumberCheck(StrEnum):
    """The check digit of tracking numbers bought ahead."""

    NONE = "none"
    S10 = "s10"


TRACKING_LABELS: dict[TrackingStatus, str] = {
    TrackingStatus.CREATED: "Not with the carrier yet",
    TrackingStatus.LABEL_READY: "Waiting for the carrier to take it",
    TrackingStatus.PICKED_UP: "Taken by the carrier",
    TrackingStatus.IN_TRANSIT: "On the road",
    TrackingStatus.OUT_FOR_DELIVERY: "Out for delivery today",
    TrackingStatus.READY_FOR_PICKUP: "Waits at the collection point",
    TrackingStatus.DELIVERED: "Delivered",
    TrackingStatus.DELIVERY_FAILED: "Could not be delivered yet",
    TrackingStatus.ON_HOLD: "Held by the carrier",
    TrackingStatus.EXCEPTION: "Has a problem at the carrier",
    TrackingStatus.RETURNING: "On its way back to the shop",
    TrackingStatus.RETURNED: "Came back to the shop",
    TrackingStatus.LOST: "Lost by the carrier",
    TrackingStatus.CANCELED: "Canceled at the carrier",
    TrackingStatus.UNKNOWN: "The carrier says something we do not know",
}
SOURCE_LABELS: dict[str, str] = {
    "poll": "asked",
    "ask": "asked by hand",
    "webhook": "told by the carrier",
    "channel": "told by the channel",
    "staff": "entered by staff",
}

S = ShipmentStatus
BEFORE_HAND_OVER = states(S.PLANNED, S.READY, S.PICKING, S.PACKED, S.LABELED)

SHIPMENT = Machine(
    "Shipment",
    initial=S.PLANNED,
    labels={
        S.PLANNED: "Planned",
        S.READY: "Ready",
        S.PICKING: "Picking",
        S.PACKED: "Packed",
        S.LABELED: "Label printed",
        S.HANDED_OVER: "Handed over",
        S.DELIVERED: "Delivered",
        S.RETURNING: "Coming back",
        S.RETURNED: "Came back",
        S.LOST: "Lost",
        S.CANCELED: "Canceled",
    },
    transitions=[
        Transition("make_ready", states(S.PLANNED), S.READY, "Ready to pick"),
        Transition("pick", states(S.READY), S.PICKING, "Start picking"),
        Transition("pack", states(S.PICKING), S.PACKED, "Packed"),
        Transition("label", states(S.PACKED), S.LABELED, "Label printed"),
        Transition("void_label", states(S.LABELED), S.PACKED, "Void the label"),
        Transition("hand_over", states(S.LABELED), S.HANDED_OVER, "Hand over"),
        Transition("deliver", states(S.HANDED_OVER, S.LOST, S.RETURNING), S.DELIVERED, "Delivered"),
        Transition("come_back", states(S.HANDED_OVER, S.DELIVERED, S.LOST), S.RETURNING, "Coming back"),
        Transition("arrive_back", states(S.RETURNING), S.RETURNED, "Came back"),
        Transition("lose", states(S.HANDED_OVER, S.RETURNING), S.LOST, "Lost"),
        Transition("cancel", BEFORE_HAND_OVER, S.CANCELED, "Cancel"),
        Transition(
            "pull_back", states(S.READY, S.PICKING, S.PACKED, S.LABELED), S.PLANNED, "Pull back: the gate closed"
        ),
    ],
)

B = BookingStatus
BOOKING = Machine(
    "Carrier booking",
    initial=B.WAITING,
    labels={
        B.WAITING: "Waiting to be booked",
        B.ASKING: "Being booked",
        B.UNCLEAR: "No answer yet",
        B.BOOKED: "Booked",
        B.REFUSED: "Refused by the carrier",
        B.CANCELING: "Being canceled",
        B.CANCELED: "Canceled",
        B.CANCEL_REFUSED: "Could not be canceled",
    },
    transitions=[
        Transition("ask", states(B.WAITING, B.ASKING, B.UNCLEAR), B.ASKING, "Ask the carrier"),
        Transition("book", states(B.ASKING, B.UNCLEAR, B.WAITING, B.REFUSED), B.BOOKED, "Booked"),
        Transition("refuse", states(B.ASKING, B.UNCLEAR), B.REFUSED, "Refused"),
        Transition("stay_silent", states(B.ASKING), B.UNCLEAR, "No answer"),
        Transition("again", states(B.REFUSED), B.WAITING, "Book again"),
        Transition("drop", states(B.WAITING, B.REFUSED), B.CANCELED, "Not wanted any more"),
        Transition("take_back", states(B.BOOKED, B.ASKING, B.UNCLEAR, B.CANCEL_REFUSED), B.CANCELING, "Cancel"),
        Transition("canceled", states(B.CANCELING), B.CANCELED, "Canceled"),
        Transition("too_late", states(B.CANCELING), B.CANCEL_REFUSED, "Too late to cancel"),
    ],
)
