"""How far what is said between us and a channel has come."""

from __future__ import annotations

from enum import StrEnum

from oms.states import Machine, Transition, states


class Source(StrEnum):
    """How a channel's word about an order reached us. ``FILE``: not from a channel at all."""

    FILE = "file"
    POLL = "poll"
    WEBHOOK = "webhook"
    REFRESH = "refresh"
    BACKFILL = "backfill"
    GAP = "gap"
    REPLAY = "replay"


class HookStatus(StrEnum):
    """What became of a webhook."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
    DEAD = "dead"  # tried again and again; a person looks
    ELSEWHERE = "elsewhere"  # for a shop of the same program that is not connected; ``note`` is its number


class DeedKind(StrEnum):
    """What we tell a channel about an order."""

    ACCEPT = "accept"
    SHIP = "ship"
    CANCEL = "cancel"
    AGREE_CANCEL = "agree_cancel"
    REFUSE_CANCEL = "refuse_cancel"
    LABEL = "label"


class DeedStatus(StrEnum):
    WAITING = "waiting"
    ASKED = "asked"
    UNSURE = "unsure"
    DONE = "done"
    NEEDS_PERSON = "needs_person"
    DROPPED = "dropped"


D = DeedStatus

DEED = Machine(
    "Word to a channel",
    initial=D.WAITING,
    labels={
        D.WAITING: "Waiting to be told",
        D.ASKED: "Being told",
        D.UNSURE: "Told, the answer is not known",
        D.DONE: "Done",
        D.NEEDS_PERSON: "Needs a person",
        D.DROPPED: "Dropped",
    },
    transitions=[
        Transition("ask", states(D.WAITING, D.UNSURE, D.ASKED), D.ASKED, "Tell"),
        Transition("done", states(D.ASKED, D.WAITING, D.UNSURE), D.DONE, "Told"),
        Transition("silence", states(D.ASKED, D.WAITING, D.UNSURE), D.UNSURE, "No answer"),
        Transition("wait", states(D.ASKED, D.UNSURE), D.WAITING, "Not told yet"),
        Transition("refuse", states(D.ASKED, D.WAITING, D.UNSURE), D.NEEDS_PERSON, "Refused"),
        Transition("retry", states(D.NEEDS_PERSON), D.WAITING, "Tell again"),
        Transition("drop", states(D.WAITING, D.UNSURE, D.NEEDS_PERSON), D.DROPPED, "Drop"),
    ],
)
