"""Whether a box may go onto a hand-over sheet: found by its label, of this carrier and place, labeled, gate open."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from oms.carriers.names import carrier_name
from oms.db import Tx
from oms.errors import OmsError, Refused, say
from oms.inventory.models import Warehouse
from oms.orders.models import Order
from oms.shipping.floor import queries
from oms.shipping.floor.models import Manifest, ManifestParcel
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.queries import find_shipments, visible_shipments
from oms.shipping.rules import live_parcels, read_box_code
from oms.shipping.states import SHIPMENT, ShipmentStatus
from oms.usecases.gate import GateStep, judge
from oms.usecases.packing_open import check_label

S = ShipmentStatus


def find_box(tx: Tx, sheet: Manifest, code: str) -> tuple[Shipment, Parcel]:
    """The box a code names. Raises Refused when none, or when it could be several."""
    forms = queries.spellings(code)
    for form in forms:
        number, box = read_box_code(form)
        if box and (found := find_shipments(tx.session, tx.actor, number)):
            return found[0], _numbered(found[0], box)
    found = _by_tracking(tx, forms) or next((f for form in forms if (f := _named(tx, form, sheet))), [])
    if not found:
        raise Refused(say("Nobody knows the code “{code}”", code=(forms or [""])[0][:80]), code="unknown_code")
    shipment = found[0]
    check_label(shipment, code)
    boxes = live_parcels(shipment)
    named = [p for p in boxes if p.tracking_no and {p.tracking_no, p.tracking_no.upper()} & set(forms)]
    if named:
        return shipment, named[0]
    if len(boxes) > 1:
        raise Refused(
            say("{number} has {n} boxes; scan the label of each", number=shipment.number, n=len(boxes)),
            code="several_boxes",
        )
    if not boxes:
        _check_state(shipment, None)
        raise Refused(say("{number} has no label yet", number=shipment.number), code="not_labeled")
    return shipment, boxes[0]


def _numbered(shipment: Shipment, position: int) -> Parcel:
    for parcel in live_parcels(shipment):
        if parcel.position == position:
            return parcel
    raise Refused(say("{number} has no box {n}", number=shipment.number, n=position), code="unknown_box")


def _by_tracking(tx: Tx, forms: Collection[str]) -> list[Shipment]:
    live = select(Parcel.shipment_id).where(Parcel.tracking_no.in_(forms), Parcel.is_live)
    return list(
        tx.session.scalars(
            visible_shipments(tx.actor)
            .where(Shipment.id.in_(live))
            .options(selectinload(Shipment.lines), selectinload(Shipment.parcels))
            .order_by(Shipment.id.desc())
            .limit(1)
        )
    )


def _named(tx: Tx, form: str, sheet: Manifest) -> list[Shipment]:
    found = find_shipments(tx.session, tx.actor, form)
    here = [s for s in found if s.warehouse_id == sheet.warehouse_id]
    labeled = [s for s in here if s.status is S.LABELED]
    return labeled or here or found


def check_box(tx: Tx, sheet: Manifest, shipment: Shipment, parcel: Parcel) -> None:
    """Raise why this box may not go onto this sheet."""
    if shipment.warehouse_id != sheet.warehouse_id:
        place = tx.session.get_one(Warehouse, shipment.warehouse_id).code
        raise Refused(say("This belongs to warehouse {place}, not here", place=place), code="other_warehouse")
    _check_state(shipment, parcel)
    carrier = carrier_name(parcel.carrier or shipment.carrier)
    if carrier and carrier != sheet.carrier:
        raise Refused(
            say("Wrong carrier: {number} goes with {carrier}", number=shipment.number, carrier=carrier),
            code="wrong_carrier",
        )
    _check_free(tx, sheet, parcel)
    inside = select(ShipmentLine.order_id).where(ShipmentLine.shipment_id == shipment.id)
    orders = list(tx.session.scalars(select(Order).where(Order.id.in_(inside)).order_by(Order.id)))
    for verdict in judge(tx, orders, GateStep.HAND_OVER).values():
        verdict.check()


def _check_state(shipment: Shipment, parcel: Parcel | None) -> None:
    number = shipment.number
    is_named = parcel is not None and bool(parcel.label_prints or parcel.tracking_no)
    if shipment.status is S.LABELED or (shipment.status is S.PACKED and is_named):
        return
    if shipment.status is S.PACKED:
        raise Refused(say("{number} has no label yet", number=number), code="not_labeled")
    if shipment.status is S.CANCELED:
        raise Refused(
            say("{number} is canceled: take the box out and put the goods back", number=number),
            code="shipment_canceled",
        )
    if shipment.status is S.PLANNED:
        raise Refused(say("{number} was stopped: it may not leave", number=number), code="stopped_meanwhile")
    if shipment.status in {S.READY, S.PICKING}:
        raise Refused(say("{number} is not packed yet", number=number), code="not_packed")
    state = say(SHIPMENT.labels[shipment.status])
    raise Refused(say("{number} has left already: {state}", number=number, state=state), code="left_already")


def _check_free(tx: Tx, sheet: Manifest, parcel: Parcel) -> None:
    """Raise when the box is on a sheet already; on this one it is only said."""
    other = tx.session.execute(
        select(Manifest.id, Manifest.number)
        .join(ManifestParcel, ManifestParcel.manifest_id == Manifest.id)
        .where(ManifestParcel.parcel_id == parcel.id, ManifestParcel.is_live)
    ).first()
    if other is None:
        return
    if other.id == sheet.id:
        raise Refused(say("It is on the sheet already"), code="already_on_sheet")
    raise Refused(say("It is on sheet {number} already", number=other.number), code="on_another_sheet")


def whole(shipment: Shipment, scanned: Collection[int]) -> OmsError | None:
    """Why the boxes on the sheet are not this whole shipment, or None."""
    boxes = {p.id for p in live_parcels(shipment)}
    if set(scanned) - boxes:
        return Refused(
            say("A label of {number} was voided after it was scanned", number=shipment.number), code="label_voided"
        )
    if missing := len(boxes - set(scanned)):
        return Refused(
            say("{n} of {all} boxes of {number} are not on the sheet", n=missing, all=len(boxes),
                number=shipment.number),
            code="boxes_missing",
        )  # fmt: skip
    return None
