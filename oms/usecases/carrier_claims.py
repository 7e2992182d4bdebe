"""Claims against carriers: what was damaged, lost, missing, late or charged wrongly, with its proof, until it is paid.

A claim asks somebody else for money; it changes nothing of what the buyer owes or gets, and no stock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from oms import audit, clock, numbering
from oms.db import Tx
from oms.errors import Conflict, InvalidInput, NotFound, Refused, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import NO_ID
from oms.returns.models import CarrierClaim, CarrierClaimFile, Return, ReturnRules
from oms.returns.queries import rules_of, visible_claims
from oms.returns.states import CARRIER_CLAIM, OPEN_CLAIMS, CarrierClaimReason, CarrierClaimStatus
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.queries import get_shipment
from oms.shipping.rules import live_parcels
from oms.usecases.keeping import between, bounded

SERIES = "CL"
MAX_FILES = 20


@dataclass(frozen=True)
class OpenClaim:
    """Ask the carrier of a shipment for ``amount``. ``due_on``: the last day it takes claims; by our rules when nothing
    is said."""

    shipment_id: int
    reason: CarrierClaimReason
    amount: Money
    note: str = ""
    return_id: int | None = None
    due_on: date | None = None


@dataclass(frozen=True)
class MoveClaim:
    """A step of a claim: ``amount`` is what the carrier accepts or pays, ``reference`` its number for it."""

    claim_id: int
    note: str = ""
    reference: str = ""
    amount: Money = ZERO
    version: int | None = None


@dataclass(frozen=True)
class AddClaimFile:
    """A picture that proves it, made anew and kept (``intake.files``)."""

    claim_id: int
    file_key: str
    name: str


@dataclass(frozen=True)
class SetReturnRules:
    alert_days: int
    claim_days: int
    version: int | None = None


@dataclass(frozen=True)
class ClaimState:
    claim_id: int
    number: str
    status: CarrierClaimStatus


def open_claim(tx: Tx, cmd: OpenClaim) -> ClaimState:
    """Open a claim. Raises Refused while one for the same reason is open on the shipment."""
    tx.actor.require("shipment.claim")
    note = bounded(cmd.note, 500, "note")
    if cmd.reason is CarrierClaimReason.OTHER and not note:
        raise InvalidInput(say("Say in a few words why"), field="note", code="reason_missing")
    amount = _amount(cmd.amount, None)
    shipment = get_shipment(tx, cmd.shipment_id)
    if shipment.handed_over_at is None:
        raise Refused(say("{number} never left", number=shipment.number), code="shipment_never_left")
    _lock_shipment(tx, shipment.id)
    if _open_one(tx, shipment.id, cmd.reason):
        raise Refused(
            say("A claim for this is open already on {number}", number=shipment.number), code="carrier_claim_open"
        )
    numbers = [p.tracking_no for p in live_parcels(shipment) if p.tracking_no]
    last = clock.local(shipment.handed_over_at).date() + timedelta(days=rules_of(tx.session).claim_days)
    claim = CarrierClaim(
        number=numbering.allot_yearly(tx, SERIES), status=CarrierClaimStatus.OPEN, reason=cmd.reason,
        carrier=shipment.carrier, tracking_no=", ".join(numbers)[:80], shipment_id=shipment.id,
        return_id=_return_of(tx, shipment.id, cmd.return_id), amount=amount, note=note, due_on=cmd.due_on or last,
        opened_label=tx.actor.label[:120],
    )  # fmt: skip
    tx.session.add(claim)
    tx.session.flush()  # the trace names its id
    return _told(tx, claim, "carrier_claim.opened", {"claim_reason": claim.reason, "amount": amount}, note)


def send_claim(tx: Tx, cmd: MoveClaim) -> ClaimState:
    """It was sent to the carrier; again, after a rejection."""
    claim = _lock(tx, cmd)
    CARRIER_CLAIM.fire(claim, "send")
    claim.sent_at, claim.sent_label = clock.now(), tx.actor.label[:120]
    claim.reference = bounded(cmd.reference, 80, "reference") or claim.reference
    claim.decided_at, claim.decision_note = None, ""
    return _told(tx, claim, "carrier_claim.sent", {"reference": claim.reference}, bounded(cmd.note, 500, "note"))


def accept_claim(tx: Tx, cmd: MoveClaim) -> ClaimState:
    """The carrier will pay: what was asked, or less."""
    claim = _lock(tx, cmd)
    CARRIER_CLAIM.check(claim, "accept")
    claim.accepted = _amount(cmd.amount, claim.amount)
    CARRIER_CLAIM.fire(claim, "accept")
    claim.decided_at, claim.decision_note = clock.now(), bounded(cmd.note, 500, "note")
    claim.reference = bounded(cmd.reference, 80, "reference") or claim.reference
    return _told(tx, claim, "carrier_claim.accepted", {"amount": claim.accepted}, claim.decision_note)


def reject_claim(tx: Tx, cmd: MoveClaim) -> ClaimState:
    """The carrier will not pay, and says why."""
    claim = _lock(tx, cmd)
    CARRIER_CLAIM.fire(claim, "reject")
    claim.decision_note = bounded(cmd.note, 500, "note", missing=say("Say what the carrier answered"))
    claim.decided_at = clock.now()
    return _told(tx, claim, "carrier_claim.rejected", {}, claim.decision_note)


def pay_claim(tx: Tx, cmd: MoveClaim) -> ClaimState:
    """The carrier paid, by transfer or by taking it off an invoice: the reference says which."""
    claim = _lock(tx, cmd)
    CARRIER_CLAIM.check(claim, "pay")
    claim.paid = _amount(cmd.amount, None)
    claim.payment_reference = bounded(
        cmd.reference, 80, "reference", missing=say("Type the transfer's reference or the invoice it is taken off")
    )
    CARRIER_CLAIM.fire(claim, "pay")
    claim.paid_at, claim.paid_label = clock.now(), tx.actor.label[:120]
    facts = {"amount": claim.paid, "reference": claim.payment_reference}
    return _told(tx, claim, "carrier_claim.paid", facts, bounded(cmd.note, 500, "note"))


def withdraw_claim(tx: Tx, cmd: MoveClaim) -> ClaimState:
    """We ask for nothing any more."""
    claim = _lock(tx, cmd)
    CARRIER_CLAIM.fire(claim, "withdraw")
    claim.decision_note = bounded(cmd.note, 500, "note", missing=say("Say in a few words why"))
    claim.decided_at = clock.now()
    return _told(tx, claim, "carrier_claim.withdrawn", {}, claim.decision_note)


def add_claim_file(tx: Tx, cmd: AddClaimFile) -> ClaimState:
    """Add a picture that proves it. Nothing is added to what is over."""
    claim = _lock(tx, MoveClaim(cmd.claim_id))
    if claim.status not in {*OPEN_CLAIMS, CarrierClaimStatus.REJECTED}:
        raise Refused(say("This claim is closed"), code="carrier_claim_closed")
    if len(claim.files) >= MAX_FILES:
        raise Refused(say("At most {most} files", most=MAX_FILES), field="file", code="files_many")
    name = bounded(cmd.name, 200, "name") or "file"
    tx.session.add(
        CarrierClaimFile(claim_id=claim.id, file_key=cmd.file_key, name=name, added_label=tx.actor.label[:120])
    )
    return _told(tx, claim, "carrier_claim.file_added", {"file": name}, "")


def set_return_rules(tx: Tx, cmd: SetReturnRules) -> None:
    """After how many days a parcel that the carrier gave back is missed, and how long carriers take claims."""
    tx.actor.require("shop.edit")
    alert = between(cmd.alert_days, 0, 90, "alert_days")
    claim = between(cmd.claim_days, 1, 365, "claim_days")
    found = tx.session.get(ReturnRules, 1, with_for_update=True, populate_existing=True)
    before = {"alert_days": found.alert_days, "claim_days": found.claim_days} if found else None
    if found is not None and cmd.version is not None and found.version != cmd.version:
        raise Conflict(say("Someone else saved this while you were editing; reload and look again"), code="stale")
    if found is None:
        tx.session.add(ReturnRules(id=1, alert_days=alert, claim_days=claim))
    else:
        found.alert_days, found.claim_days = alert, claim
    after = {"alert_days": alert, "claim_days": claim}
    audit.record(tx, "return.rules", "installation", None, "return_rules", before=before, after=after)


def _amount(amount: Money, most: Money | None) -> Money:
    if amount <= ZERO or (most is not None and amount > most):
        raise InvalidInput(
            say("The amount must be more than 0") if most is None or amount <= ZERO else
            say("The amount must be from 0.01 to {most}", most=most),
            field="amount", code="amount_range",
        )  # fmt: skip
    return amount


def _lock_shipment(tx: Tx, shipment_id: int) -> None:
    """Two people do not open the same claim at once."""
    tx.session.execute(select(Shipment.id).where(Shipment.id == shipment_id).with_for_update(key_share=True))


def _open_one(tx: Tx, shipment_id: int, reason: CarrierClaimReason) -> bool:
    same = select(CarrierClaim.id).where(
        CarrierClaim.shipment_id == shipment_id, CarrierClaim.reason == reason, CarrierClaim.status.in_(OPEN_CLAIMS)
    )
    return tx.session.scalar(same.limit(1)) is not None


def _return_of(tx: Tx, shipment_id: int, return_id: int | None) -> int | None:
    """The return it is about, when it is one of this shipment."""
    if return_id is None:
        return None
    found = tx.session.get(Return, min(return_id, NO_ID))
    if found is None or shipment_id not in {found.shipment_id, *(line.shipment_id for line in found.lines)}:
        raise InvalidInput(say("This return is not of that shipment"), field="return_id", code="return_unknown")
    return found.id


def _lock(tx: Tx, cmd: MoveClaim) -> CarrierClaim:
    tx.actor.require("shipment.claim")
    found = tx.session.scalars(
        visible_claims(tx.actor)
        .where(CarrierClaim.id == min(cmd.claim_id, NO_ID))
        .with_for_update(of=CarrierClaim)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound(say("There is no such claim, or it is not yours to see"), code="carrier_claim_not_found")
    if cmd.version is not None and found.version != cmd.version:
        raise Conflict(say("Someone else worked on this claim; reload and look again"), code="stale")
    return found


def _told(tx: Tx, claim: CarrierClaim, action: str, facts: Mapping[str, Any], reason: str) -> ClaimState:
    """The trace, on the claim and on every order in its shipment."""
    after = {"claim": claim.number, "carrier": claim.carrier, "status": claim.status, **facts}
    subjects: Collection[tuple[str, int, str]] = [("carrier_claim", claim.id, claim.number), *_orders(tx, claim)]
    audit.record_many(
        tx, [audit.Entry(action, kind, key, name, after=after, reason=reason) for kind, key, name in subjects]
    )
    return ClaimState(claim.id, claim.number, claim.status)


def _orders(tx: Tx, claim: CarrierClaim) -> list[tuple[str, int, str]]:
    rows = tx.session.execute(
        select(Order.id, Order.number)
        .where(Order.id.in_(select(ShipmentLine.order_id).where(ShipmentLine.shipment_id == claim.shipment_id)))
        .order_by(Order.id)
    )
    return [("order", order_id, number) for order_id, number in rows]
