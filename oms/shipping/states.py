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
        Transition("deliver", states(S.HANDED_OVER), S.DELIVERED, "Delivered"),
        Transition("come_back", states(S.HANDED_OVER), S.RETURNING, "Coming back"),
        Transition("arrive_back", states(S.RETURNING), S.RETURNED, "Came back"),
        Transition("lose", states(S.HANDED_OVER), S.LOST, "Lost"),
        Transition("cancel", BEFORE_HAND_OVER, S.CANCELED, "Cancel"),
        Transition(
            "pull_back", states(S.READY, S.PICKING, S.PACKED, S.LABELED), S.PLANNED, "Pull back: the gate closed"
        ),
    ],
)
