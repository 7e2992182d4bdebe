"""A channel says one thing, staff did another: a person keeps ours or takes theirs."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from oms import audit, clock
from oms.db import Tx
from oms.errors import NotFound, Refused, say
from oms.intake.models import ImportedOrder, IntakeConflict
from oms.intake.records import OrderIn, Stage
from oms.intake.states import ConflictStatus
from oms.orders.models import Order
from oms.orders.queries import lock_order
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.queries import address_refusal
from oms.usecases.cod_entries import name_parcel
from oms.usecases.intake_merge import ADDRESS_FIELDS, NEVER_TAKEN, STATUS, TEXT_FIELDS, TRACKING, move_order
from oms.usecases.shipping import fill_tracking
from oms.usecases.shipping_parcels import give_number

FIELD_LABELS: dict[str, str] = {
    "ship_name": "Recipient",
    "ship_phone": "Phone",
    "ship_line": "Address",
    "ship_subdistrict": "Subdistrict",
    "ship_district": "District",
    "ship_province": "Province",
    "ship_postcode": "Postcode",
    "buyer_note": "Buyer's note",
    "items": "Items",
    "total": "Total",
    "status": "State",
    "tracking": "Tracking number",
}


@dataclass(frozen=True)
class DecideConflict:
    """``take``: the channel's value replaces ours; otherwise ours stays."""

    conflict_id: int
    take: bool


def decide_conflict(tx: Tx, cmd: DecideConflict) -> int:
    """Settle one difference; answers the order's id. Raises NotFound or Refused, and what the taken step refuses."""
    tx.actor.require("intake.resolve")
    row = tx.session.get(IntakeConflict, cmd.conflict_id, with_for_update=True, populate_existing=True)
    if row is None or not tx.actor.sees_shop(row.shop_id):
        raise NotFound(say("There is no such difference"), code="conflict_not_found")
    if row.status is not ConflictStatus.OPEN:
        raise Refused(say("Someone else has decided this already"), code="conflict_decided")
    order = lock_order(tx, row.order_id)
    if cmd.take:
        _take(tx, order, row)
    row.status = ConflictStatus.TAKEN if cmd.take else ConflictStatus.KEPT
    row.decided_at, row.decided_by = clock.now(), tx.actor.label
    audit.record(
        tx,
        "intake.conflict_decided",
        "order",
        order.id,
        order.number,
        before={row.field: row.ours},
        after={row.field: row.theirs if cmd.take else row.ours},
        reason=row.status.value,
    )
    return order.id


def _take(tx: Tx, order: Order, row: IntakeConflict) -> None:
    if row.field in NEVER_TAKEN:
        raise Refused(
            say("Items and amounts change only by amending the order; amend it, then keep ours"),
            code="conflict_needs_amendment",
        )
    if row.field in TEXT_FIELDS:
        if row.field in ADDRESS_FIELDS and (refusal := address_refusal(tx.session, order.id)):
            raise Refused(refusal, code="label_printed")
        setattr(order, row.field, row.theirs)
    elif row.field == STATUS:
        move_order(tx, order, _said(tx, order, Stage(row.theirs)))
    elif row.field == TRACKING:
        _take_tracking(tx, order, row.theirs)


def _said(tx: Tx, order: Order, stage: Stage) -> OrderIn:
    last = tx.session.get(ImportedOrder, order.id)
    snapshot = last.snapshot if last else {}
    return OrderIn(
        order.external_no or "", order.channel_status, stage, order.placed_at, (),
        carrier=snapshot.get("carrier", order.carrier), tracking=snapshot.get("tracking", ""),
    )  # fmt: skip


def _take_tracking(tx: Tx, order: Order, number: str) -> None:
    """Put the channel's number on the order's parcel; the old number stays on record, no longer live."""
    if fill_tracking(tx, order.id, order.carrier, number):
        return
    parcels = (
        select(Parcel)
        .join(ShipmentLine, ShipmentLine.shipment_id == Parcel.shipment_id)
        .join(Shipment, Shipment.id == Parcel.shipment_id)
        .where(ShipmentLine.order_id == order.id, Parcel.is_live, Shipment.handed_over_at.is_not(None))
        .order_by(Parcel.id.desc())
        .with_for_update(of=Parcel)
    )
    old = tx.session.scalars(parcels).first()
    if old is None:
        raise Refused(say("Nothing of this order has left yet"), code="nothing_left")
    box = tx.session.get_one(Shipment, old.shipment_id)
    before = old.tracking_no
    give_number(tx, box, old, old.carrier, number)
    name_parcel(tx, order, box.id, old.carrier, number, before)
