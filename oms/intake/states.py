"""What a file run goes through, and what can become of each record in it."""

from __future__ import annotations

from enum import StrEnum

from oms.states import Machine, Transition, states


class IntakeKind(StrEnum):
    """What the records of a file are."""

    ORDERS = "orders"
    PRODUCTS = "products"
    CUSTOMERS = "customers"
    STOCK = "stock"
    STATEMENT = "statement"
    COD = "cod"
    TRACKING = "tracking"


OWN_ACTION: dict[IntakeKind, str] = {  # files opened by an action of their own, without that of importing
    IntakeKind.STATEMENT: "payment.statement",
    IntakeKind.COD: "payment.cod",
    IntakeKind.TRACKING: "shipment.track",
}


class RunStatus(StrEnum):
    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    COMMITTING = "committing"
    DONE = "done"
    CANCELED = "canceled"
    REFUSED = "refused"


class Outcome(StrEnum):
    """What became of a record: the five terms of the ledger."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"


class ConflictStatus(StrEnum):
    """A value that staff changed here and the channel changed there."""

    OPEN = "open"
    KEPT = "kept"
    TAKEN = "taken"


S = RunStatus

INTAKE_RUN = Machine(
    "Intake run",
    initial=S.UPLOADED,
    labels={
        S.UPLOADED: "Waiting to be read",
        S.CHECKING: "Being checked",
        S.CHECKED: "Checked, nothing written",
        S.COMMITTING: "Being written",
        S.DONE: "Done",
        S.CANCELED: "Stopped",
        S.REFUSED: "Refused",
    },
    transitions=[
        Transition("check", states(S.UPLOADED, S.CHECKED), S.CHECKING, "Check"),
        Transition("checked", states(S.CHECKING), S.CHECKED, "Check finished"),
        Transition("commit", states(S.CHECKED, S.CANCELED), S.COMMITTING, "Write"),
        Transition("finish", states(S.COMMITTING), S.DONE, "Finish"),
        Transition("cancel", states(S.UPLOADED, S.CHECKING, S.CHECKED, S.COMMITTING), S.CANCELED, "Stop"),
        Transition("refuse", states(S.UPLOADED, S.CHECKING), S.REFUSED, "Refuse"),
    ],
)
