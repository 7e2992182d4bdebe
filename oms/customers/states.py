"""The machine of requests about personal data, and the words of consent."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

from oms.states import Machine, Transition, states


class RequestStatus(StrEnum):
    OPEN = "open"
    DONE = "done"
    REFUSED = "refused"


class RequestKind(StrEnum):
    """What a person asks for under the data protection law."""

    ACCESS = "access"
    ERASE = "erase"
    CORRECT = "correct"
    OBJECT = "object"


REQUEST_LABELS: dict[RequestKind, str] = {
    RequestKind.ACCESS: "A copy of the data",
    RequestKind.ERASE: "Erase the data",
    RequestKind.CORRECT: "Correct the data",
    RequestKind.OBJECT: "Stop using the data",
}
DUE: Final[dict[RequestKind, timedelta]] = {
    RequestKind.ACCESS: timedelta(days=30), RequestKind.ERASE: timedelta(days=90),
    RequestKind.CORRECT: timedelta(days=30), RequestKind.OBJECT: timedelta(days=30),
}  # fmt: skip


class Purpose(StrEnum):
    """What a consent is for. Orders and tax papers need none: contract and law carry them."""

    MARKETING = "marketing"
    PROFILING = "profiling"
    SHARING = "sharing"


PURPOSE_LABELS: dict[Purpose, str] = {
    Purpose.MARKETING: "Offers and news",
    Purpose.PROFILING: "Suggestions from past orders",
    Purpose.SHARING: "Passing data on to partners",
}

PRIVACY_REQUEST: Final = Machine(
    "Request about personal data",
    initial=RequestStatus.OPEN,
    transitions=[
        Transition("finish", states(RequestStatus.OPEN), RequestStatus.DONE, "Done"),
        Transition("refuse", states(RequestStatus.OPEN), RequestStatus.REFUSED, "Refuse"),
    ],
    labels={
        RequestStatus.OPEN: "Open",
        RequestStatus.DONE: "Done",
        RequestStatus.REFUSED: "Refused",
    },
)
