"""The sentences of an order's story about goods that come back, and claims against carriers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from oms.errors import Say, say
from oms.returns.states import (
    CARRIER_CLAIM_LABELS,
    REASON_LABELS,
    RESOLUTION_LABELS,
    CarrierClaimReason,
    Resolution,
    ReturnReason,
)

Facts = Mapping[str, Any]


def label_of(labels: Mapping[Any, str], kind: Any, value: object) -> Say:
    """The label of a stored value; a value the program does not know any more stands as it is."""
    known = {member.value: labels[member] for member in kind}
    return say(known.get(str(value), "{value}"), value=value) if str(value) not in known else say(known[str(value)])


RETURN_SENTENCES: dict[str, Callable[[Facts, Facts], Say]] = {
    "order.link_made": lambda *_: say("Link to the order's page made for the buyer"),
    "order.link_kept": lambda *_: say("Link to the order's page made to live longer"),
    "order.link_revoked": lambda *_: say("Link to the order's page taken back"),
    "tracking.link_kept": lambda *_: say("Tracking link made to live longer"),
    "tracking.link_made": lambda *_: say("Tracking link made for the buyer"),
    "tracking.link_revoked": lambda *_: say("Tracking link of the buyer switched off"),
    "return.requested": lambda _, a: say("Return {number} asked for: {why}", **_return(a)),
    "return.approved": lambda _, a: say("Return {number} agreed to", **_return(a)),
    "return.rejected": lambda _, a: say("Return {number} declined", **_return(a)),
    "return.canceled": lambda _, a: say("Return {number} called off", **_return(a)),
    "return.sent": lambda _, a: say("Return {number} is on its way: {carrier} {tracking_no}", **_return(a)),
    "return.number_known": lambda _, a: say("Return {number} comes under {tracking_no}", **_return(a)),
    "return.kept": lambda _, a: say("Return {number}: the goods stay with the buyer", **_return(a)),
    "return.expected": lambda _, a: say("Not delivered, comes back: {number}, {carrier} {tracking_no}", **_return(a)),
    "return.unannounced": lambda _, a: say("A parcel came back that nobody had announced: {number}", **_return(a)),
    "return.given_back": lambda _, a: say("{carrier} says that it gave {number} back to us", **_return(a)),
    "return.lost": lambda _, a: say("Lost by {carrier}; the case is {number}", **_return(a)),
    "return.received": lambda _, a: say("{number} is here, to be counted", **_return(a)),
    "return.missing": lambda _, a: say("{number} never arrived; all of it counts as missing", **_return(a)),
    "return.resolved": lambda _, a: say(
        "{number} settled: {how}", how=label_of(RESOLUTION_LABELS, Resolution, a.get("resolution")), **_return(a)
    ),
    "return.trip_cost": lambda _, a: say("Cost of the useless trip of {number} noted", **_return(a)),
    "carrier_claim.opened": lambda _, a: say("Claim {claim} against {carrier}: {why}", **_claim(a)),
    "carrier_claim.sent": lambda _, a: say("Claim {claim} sent to {carrier}", **_claim(a)),
    "carrier_claim.accepted": lambda _, a: say("{carrier} accepts claim {claim}", **_claim(a)),
    "carrier_claim.rejected": lambda _, a: say("{carrier} rejects claim {claim}", **_claim(a)),
    "carrier_claim.paid": lambda _, a: say("{carrier} paid claim {claim}", **_claim(a)),
    "carrier_claim.withdrawn": lambda _, a: say("Claim {claim} withdrawn", **_claim(a)),
    "carrier_claim.file_added": lambda _, a: say("Picture added to claim {claim}", **_claim(a)),
    "return.inspected": lambda _, a: say(
        "{number} counted: {resell} good, {broken} damaged, {missing} missing", **_return(a)
    ),
}


def _claim(after: Facts) -> dict[str, object]:
    why = label_of(CARRIER_CLAIM_LABELS, CarrierClaimReason, after.get("claim_reason"))
    return {"claim": after.get("claim", ""), "carrier": after.get("carrier", ""), "why": why}


def _return(after: Facts) -> dict[str, object]:
    """What the sentences about a return name."""
    pieces = {name: int(after.get(name) or 0) for name in ("resell", "repair", "damaged", "missing")}
    return {
        "number": after.get("return", ""), "carrier": after.get("carrier", ""),
        "tracking_no": after.get("tracking_no", ""),
        "why": label_of(REASON_LABELS, ReturnReason, after.get("return_reason")),
        "broken": pieces["repair"] + pieces["damaged"], **pieces,
    }  # fmt: skip
