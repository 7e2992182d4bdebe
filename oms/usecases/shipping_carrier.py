"""Who carries a shipment: named for one or many, as long as no label says otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from oms.carriers.names import carrier_name
from oms.db import Tx
from oms.errors import OmsError, Refused, say
from oms.shipping.models import Shipment
from oms.shipping.queries import lock_with_orders
from oms.shipping.rules import label_refusal, live_parcels
from oms.shipping.states import BEFORE_HAND_OVER, SHIPMENT
from oms.usecases.keeping import bounded
from oms.usecases.shipping_boxes import state_of, tell
from oms.usecases.shipping_work import Answers


@dataclass(frozen=True)
class SetCarrier:
    shipment_ids: tuple[int, ...]
    carrier: str
    service: str = ""


def set_carrier(tx: Tx, cmd: SetCarrier) -> Answers:
    """Name the carrier of shipments that have not left; answers per shipment. One whose label is printed, or that has a
    number of another carrier, is refused: its label is voided first."""
    tx.actor.require("shipment.pack")
    carrier = carrier_name(bounded(cmd.carrier, 80, "carrier", missing=say("Choose the carrier")))
    service = bounded(cmd.service, 40, "service")
    locked = lock_with_orders(tx, cmd.shipment_ids)
    answers: Answers = {}
    for shipment_id in dict.fromkeys(cmd.shipment_ids):
        try:
            shipment = locked.shipment(shipment_id)
            _check(shipment, carrier)
            before = {"carrier": shipment.carrier, "service": shipment.service}
            if before != {"carrier": carrier, "service": service}:
                _name(shipment, carrier, service)
                after = {"carrier": carrier, "service": service}
                tell(tx, "shipment.carrier_set", shipment, locked.inside(shipment), before, after)
            answers[shipment_id] = state_of(shipment)
        except OmsError as refusal:
            answers[shipment_id] = refusal
    return answers


def _check(shipment: Shipment, carrier: str) -> None:
    if shipment.status not in BEFORE_HAND_OVER:
        state = say(SHIPMENT.labels[shipment.status])
        raise Refused(
            say("{number} has left already: {state}", number=shipment.number, state=state), code="left_already"
        )
    if carrier_name(shipment.carrier) == carrier:
        return
    if refusal := label_refusal(shipment):
        raise Refused(refusal, code="label_printed", field="carrier")
    for parcel in live_parcels(shipment):
        if parcel.tracking_no and carrier_name(parcel.carrier) != carrier:
            raise Refused(
                say("It has number {tracking} of {carrier}; void the label first", tracking=parcel.tracking_no,
                    carrier=parcel.carrier),
                code="numbered", field="carrier",
            )  # fmt: skip


def _name(shipment: Shipment, carrier: str, service: str) -> None:
    shipment.carrier, shipment.service = carrier, service
    for parcel in live_parcels(shipment):
        if not parcel.tracking_no:
            parcel.carrier, parcel.service = carrier, service
