"""Labels and numbers of boxes: a number given, a label voided, a box pulled back or given up."""

from __future__ import annotations

from dataclasses import dataclass

from oms import clock
from oms.carriers.names import carrier_name
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.notifications.catalogue import Event
from oms.shipping import rules
from oms.shipping.models import Parcel, Shipment
from oms.shipping.queries import lock_shipment
from oms.shipping.states import BEFORE_HAND_OVER, SHIPMENT, ShipmentStatus, TrackingStatus
from oms.usecases import derived, notices
from oms.usecases.cod_entries import name_parcel
from oms.usecases.shipping_boxes import ShipmentState, cancel_box, state_of, step, tell
from oms.usecases.shipping_leaving import check_tracking, tracking_in_use


@dataclass(frozen=True)
class SetTracking:
    """The number a carrier knows a box by; ``parcel_id`` None: the first box that has none."""

    shipment_id: int
    carrier: str
    tracking_no: str
    parcel_id: int | None = None
    service: str = ""
    booking_ref: str = ""


@dataclass(frozen=True)
class ChangeCarrier:
    """Another carrier or service for a shipment whose label is not printed."""

    shipment_id: int
    carrier: str
    service: str = ""
    version: int | None = None


@dataclass(frozen=True)
class VoidLabel:
    shipment_id: int
    reason: str
    version: int | None = None


@dataclass(frozen=True)
class CancelShipment:
    shipment_id: int
    reason: str
    version: int | None = None


@dataclass(frozen=True)
class PullBack:
    shipment_id: int
    reason: str
    version: int | None = None


@dataclass(frozen=True)
class LabelVoided:
    """The shipment, and the parcels whose numbers and labels no longer stand (to be canceled with the carrier)."""

    shipment_id: int
    number: str
    status: ShipmentStatus
    parcel_ids: tuple[int, ...]


def reason_given(text: str) -> str:
    """Why, in a few words. Raises InvalidInput."""
    found = text.strip()
    if not found:
        raise InvalidInput(say("Say in a few words why"), field="reason", code="reason_missing")
    if len(found) > 500:
        raise InvalidInput(
            say("Too long: {n} characters, {most} are possible", n=len(found), most=500),
            field="reason",
            code="too_long",
        )
    return found


def give_number(
    tx: Tx, shipment: Shipment, parcel: Parcel, carrier: str, tracking_no: str, service: str = ""
) -> Parcel:
    """Name the carrier and number of a box; what is empty stays. Answers the parcel that has them now.

    A box without a number gets its first one at any time. Before it leaves, another number or carrier than is on a
    printed label is refused: the label is voided first. Raises InvalidInput, or Refused when the number is in use.
    """
    number, way = "".join(tracking_no.split()), _named(carrier) or parcel.carrier or shipment.carrier
    if len(number) > 80 or len(way) > 80 or len(service) > 40:
        raise InvalidInput(
            say("This is too long for a tracking number or carrier"), field="tracking_no", code="too_long"
        )
    renames = bool(number and parcel.tracking_no and number != parcel.tracking_no)
    moves = bool(parcel.carrier) and way != parcel.carrier
    if (renames or moves) and parcel.label_prints and shipment.status in BEFORE_HAND_OVER:
        raise Refused(rules.printed_already(shipment.number), code="label_printed", field="tracking_no")
    if number and (number, way) != (parcel.tracking_no, parcel.carrier):
        check_tracking(tracking_in_use(tx, [number]), way, number)
    if renames:
        rules.void(parcel, say("Another number was given").template, clock.now())
        fresh = rules.new_parcel(shipment, parcel.position, like=parcel)
        fresh.tracking_status = parcel.tracking_status
        shipment.parcels.append(fresh)
        parcel = fresh
    parcel.carrier, parcel.service = way, service.strip() or parcel.service
    parcel.tracking_no = number or parcel.tracking_no
    return parcel


def _named(carrier: str) -> str:
    """One name for a carrier, however it is written; a name that is too long stays too long."""
    return carrier_name(carrier) if len(carrier) <= 80 else carrier


def set_tracking(tx: Tx, cmd: SetTracking) -> ShipmentState:
    """Write down a box's tracking number, before or after it left.

    Raises NotFound, InvalidInput, or Refused when the number is in use, when a printed label says another one, or when
    the shipment is over.
    """
    tx.actor.require("shipment.track")
    if not cmd.tracking_no.strip():
        raise InvalidInput(say("Enter the tracking number"), field="tracking_no", code="tracking_missing")
    shipment, locked = lock_shipment(tx, cmd.shipment_id)
    orders = locked.inside(shipment)
    if shipment.status in {ShipmentStatus.CANCELED, ShipmentStatus.RETURNED, ShipmentStatus.LOST}:
        raise Refused(say("The shipment {number} is closed", number=shipment.number), code="shipment_closed")
    parcel = _parcel(shipment, cmd.parcel_id)
    before = {"tracking_no": parcel.tracking_no, "carrier": parcel.carrier}
    has_left = shipment.status not in BEFORE_HAND_OVER
    if has_left and parcel.tracking_no and parcel.tracking_no != "".join(cmd.tracking_no.split()):
        tx.actor.require("shipment.void_label")
    named = give_number(tx, shipment, parcel, cmd.carrier, cmd.tracking_no, cmd.service)
    named.booking_ref = cmd.booking_ref[:80] or named.booking_ref
    if has_left and named.tracking_status is TrackingStatus.CREATED:
        is_delivered = shipment.status is ShipmentStatus.DELIVERED
        named.tracking_status = TrackingStatus.DELIVERED if is_delivered else TrackingStatus.IN_TRANSIT
    shipment.carrier = shipment.carrier or named.carrier
    if has_left:
        for order in orders:
            order.carrier = named.carrier or order.carrier
            name_parcel(tx, order, shipment.id, named.carrier, named.tracking_no, str(before["tracking_no"]))
    after = {"tracking_no": named.tracking_no, "carrier": named.carrier}
    tell(tx, "shipment.tracking_set", shipment, orders, before, after)
    derived.refresh(tx, orders)
    if has_left and after != before:
        notices.tell(tx, Event.CORRECTION, [(o.id, notices.of_parcel(named.id)) for o in orders])
    return state_of(shipment)


def change_carrier(tx: Tx, cmd: ChangeCarrier) -> ShipmentState:
    """Send a shipment another way. Numbers of the carrier before no longer stand.

    Raises InvalidInput, or Refused once a label is printed (void it first) or the goods have left.
    """
    tx.actor.require("shipment.pack")
    carrier = " ".join(cmd.carrier.split())
    if not carrier or len(carrier) > 80 or len(cmd.service.strip()) > 40:
        raise InvalidInput(say("Choose the carrier"), field="carrier", code="carrier_missing")
    shipment, locked = lock_shipment(tx, cmd.shipment_id, cmd.version)
    if shipment.status not in BEFORE_HAND_OVER:
        raise Refused(say("{number} has left or is canceled", number=shipment.number), code="shipment_closed")
    if refusal := rules.label_refusal(shipment):
        raise Refused(refusal, code="label_printed", field="carrier")
    before = {"carrier": shipment.carrier, "service": shipment.service}
    moves = carrier != shipment.carrier
    shipment.carrier, shipment.service = carrier, cmd.service.strip()
    for parcel in rules.live_parcels(shipment):
        stands = parcel
        if parcel.tracking_no and moves:
            rules.void(parcel, say("Another carrier was chosen").template, clock.now())
            stands = rules.new_parcel(shipment, parcel.position, like=parcel)
            shipment.parcels.append(stands)
        stands.carrier, stands.service = shipment.carrier, shipment.service
    after = {"carrier": shipment.carrier, "service": shipment.service}
    tell(tx, "shipment.carrier_changed", shipment, locked.inside(shipment), before, after)
    derived.refresh(tx, locked.inside(shipment))
    return state_of(shipment)


def _parcel(shipment: Shipment, parcel_id: int | None) -> Parcel:
    live = rules.live_parcels(shipment)
    if parcel_id is None:
        if not live:
            live = [rules.new_parcel(shipment, 1)]
            shipment.parcels.append(live[0])
        return next((p for p in live if not p.tracking_no), live[0])
    found = next((p for p in live if p.id == parcel_id), None)
    if found is None:
        raise NotFound(say("This box is not part of the shipment any more"), field="parcel_id", code="parcel_not_found")
    return found


def void_label(tx: Tx, cmd: VoidLabel) -> LabelVoided:
    """The printed label no longer stands, so that address or carrier may change; prints and numbers stay on record.

    A labeled shipment is packed again. Raises TransitionRefused once it left, Refused when no label is there.
    """
    tx.actor.require("shipment.void_label")
    reason = reason_given(cmd.reason)
    shipment, locked = lock_shipment(tx, cmd.shipment_id, cmd.version)
    orders, before = locked.inside(shipment), shipment.status
    if shipment.status not in BEFORE_HAND_OVER:
        SHIPMENT.check(shipment, "void_label")
    named = [p for p in rules.live_parcels(shipment) if p.label_prints or p.tracking_no]
    if not named and shipment.status is not ShipmentStatus.LABELED:
        raise Refused(say("No label is printed for it"), code="no_label")
    for parcel in named:
        rules.void(parcel, reason, clock.now())
        fresh = rules.new_parcel(shipment, parcel.position, like=parcel)
        fresh.carrier, fresh.service = shipment.carrier, shipment.service
        shipment.parcels.append(fresh)
    if shipment.status is ShipmentStatus.LABELED:
        step(shipment, "void_label")
    shipment.labeled_at = shipment.label_cash = None
    numbers = [p.tracking_no for p in named if p.tracking_no]
    tell(
        tx, "shipment.label_voided", shipment, orders, {"status": before, "tracking": numbers},
        {"status": shipment.status}, reason,
    )  # fmt: skip
    derived.refresh(tx, orders)
    return LabelVoided(shipment.id, shipment.number, shipment.status, tuple(p.id for p in named))


def cancel_shipment(tx: Tx, cmd: CancelShipment) -> ShipmentState:
    """Give a shipment up before it leaves: what is in it stays promised to its orders and can be made ready anew.

    With a printed label the right to void labels is asked too. Raises TransitionRefused once it left.
    """
    tx.actor.require("shipment.pack")
    reason = reason_given(cmd.reason)
    shipment, locked = lock_shipment(tx, cmd.shipment_id, cmd.version)
    SHIPMENT.check(shipment, "cancel")
    if rules.is_labeled(shipment):
        tx.actor.require("shipment.void_label")
    orders = locked.inside(shipment)
    cancel_box(tx, shipment, orders, reason, said=reason)
    derived.refresh(tx, orders)
    return state_of(shipment)


def pull_back(tx: Tx, cmd: PullBack) -> ShipmentState:
    """Back to planned: the goods wait until they are made ready again. What was printed stays printed."""
    tx.actor.require("shipment.pack")
    reason = reason_given(cmd.reason)
    shipment, locked = lock_shipment(tx, cmd.shipment_id, cmd.version)
    orders, before = locked.inside(shipment), shipment.status
    step(shipment, "pull_back")
    tell(tx, "shipment.pulled_back", shipment, orders, {"status": before}, {"status": shipment.status}, reason)
    derived.refresh(tx, orders)
    return state_of(shipment)
