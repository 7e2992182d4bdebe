"""The machine of messages, and how what is owed to a customer stands."""

from __future__ import annotations

from enum import StrEnum

from oms.states import Machine, Transition, states


class NoticeStatus(StrEnum):
    """What is owed: ``open`` some way is being tried, ``told``, ``trouble`` a person has to look, ``skipped``."""

    OPEN = "open"
    TOLD = "told"
    TROUBLE = "trouble"
    SKIPPED = "skipped"


NOTICE_LABELS: dict[NoticeStatus, str] = {
    NoticeStatus.OPEN: "Being told",
    NoticeStatus.TOLD: "The customer knows",
    NoticeStatus.TROUBLE: "Needs a person",
    NoticeStatus.SKIPPED: "Not sent",
}


class MessageState(StrEnum):
    """One way that is tried. ``to_copy``: a text that waits for staff to copy it into a chat."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    NEEDS_PERSON = "needs_person"
    SKIPPED = "skipped"
    TO_COPY = "to_copy"
    COPIED = "copied"


S = MessageState
MESSAGE_LABELS: dict[StrEnum, str] = {
    S.QUEUED: "Waiting to be sent",
    S.SENDING: "Being sent",
    S.SENT: "Message sent",
    S.FAILED: "Could not be sent",
    S.NEEDS_PERSON: "Nobody knows whether it arrived",
    S.SKIPPED: "Not sent",
    S.TO_COPY: "Waits to be copied",
    S.COPIED: "Copied by staff",
}
MESSAGE = Machine(
    "Message",
    initial=(S.QUEUED, S.TO_COPY),
    attribute="state",
    labels=MESSAGE_LABELS,
    transitions=(
        Transition("send", states(S.QUEUED, S.SENDING), S.SENDING, "Send"),
        Transition("sent", states(S.SENDING), S.SENT, "Sent"),
        Transition("put_off", states(S.SENDING), S.QUEUED, "Try again later"),
        Transition("fail", states(S.QUEUED, S.SENDING), S.FAILED, "Could not be sent"),
        Transition("lose", states(S.SENDING), S.NEEDS_PERSON, "No answer after it was sent"),
        Transition("skip", states(S.QUEUED, S.TO_COPY), S.SKIPPED, "Not needed any more"),
        Transition("arrived", states(S.NEEDS_PERSON), S.SENT, "It arrived"),
        Transition("again", states(S.NEEDS_PERSON, S.FAILED), S.QUEUED, "Send it again"),
        Transition("close", states(S.NEEDS_PERSON, S.FAILED), S.SKIPPED, "Leave it"),
        Transition("copied", states(S.TO_COPY), S.COPIED, "Copied"),
    ),
)
