"""The machines of the floor: picking lists, packing at a station, hand-over sheets."""

from __future__ import annotations

from enum import StrEnum

from oms.states import Machine, Transition, states


class PickStatus(StrEnum):
    OPEN = "open"
    PICKED = "picked"
    CANCELED = "canceled"


class PackStatus(StrEnum):
    """A packer's work on one shipment. Put aside: not finished, by whoever's wish; what was counted stays written."""

    OPEN = "open"
    PACKED = "packed"
    PUT_ASIDE = "put_aside"


class ManifestStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    CANCELED = "canceled"


class ScanKind(StrEnum):
    """What a scan or key was for."""

    OPEN = "open"
    ITEM = "item"
    UNDO = "undo"
    OK = "ok"
    BOX = "box"
    WEIGHT = "weight"
    ASIDE = "aside"
    TAKE_OVER = "take_over"
    PICK = "pick"
    MANIFEST = "manifest"
    MANIFEST_OUT = "manifest_out"


PICKING = Machine(
    "Picking list",
    initial=PickStatus.OPEN,
    labels={PickStatus.OPEN: "Being picked", PickStatus.PICKED: "Picked", PickStatus.CANCELED: "Given up"},
    transitions=[
        Transition("finish", states(PickStatus.OPEN), PickStatus.PICKED, "Everything is picked"),
        Transition("cancel", states(PickStatus.OPEN), PickStatus.CANCELED, "Give the list up"),
    ],
)

PACKING = Machine(
    "Packing",
    initial=PackStatus.OPEN,
    labels={PackStatus.OPEN: "Being packed", PackStatus.PACKED: "Packed", PackStatus.PUT_ASIDE: "Left for later"},
    transitions=[
        Transition("finish", states(PackStatus.OPEN), PackStatus.PACKED, "Packed"),
        Transition("put_aside", states(PackStatus.OPEN), PackStatus.PUT_ASIDE, "Leave for later"),
        Transition("go_on", states(PackStatus.PUT_ASIDE), PackStatus.OPEN, "Go on packing"),
    ],
)

MANIFEST = Machine(
    "Hand-over sheet",
    initial=ManifestStatus.OPEN,
    labels={
        ManifestStatus.OPEN: "Being loaded",
        ManifestStatus.CLOSED: "Handed over",
        ManifestStatus.CANCELED: "Given up",
    },
    transitions=[
        Transition("close", states(ManifestStatus.OPEN), ManifestStatus.CLOSED, "Hand over"),
        Transition("cancel", states(ManifestStatus.OPEN), ManifestStatus.CANCELED, "Give the sheet up"),
    ],
)
