"""Races on the packing floor: sixteen people work on the same few boxes while money is taken back and orders go."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from oms.db import db
from oms.errors import OmsError
from oms.orders.states import CancelReason, HoldReason
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import BEFORE_HAND_OVER
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_holds import HoldOrder, ReleaseHold, hold_order, release_hold
from oms.usecases.payments import DecideClaim, reverse_claim
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.shipping_boxes import ready_one
from oms.usecases.shipping_combine import (
    CombineShipments,
    SplitShipment,
    UncombineShipment,
    combine_shipments,
    split_shipment,
    uncombine_shipment,
)
from oms.usecases.shipping_work import (
    CancelShipment,
    PackShipment,
    VoidLabel,
    cancel_shipment,
    hand_over_shipments,
    mark_labeled,
    pack_shipment,
    start_picking,
    void_label,
)

WORK = (
    "ready", "ready", "pick", "pack", "pack", "label", "label", "hand over", "hand over", "order leaves", "combine",
    "combine", "combine", "uncombine", "split", "void", "cancel box", "cancel order", "reverse", "hold", "release",
    "release",
)  # fmt: skip


def one(verb: Any) -> Any:
    """A verb on many as a verb on one, its refusal raised."""

    def call(tx: Any, shipment_id: int) -> object:
        outcome = verb(tx, [shipment_id])[shipment_id]
        if isinstance(outcome, OmsError):
            raise outcome
        return outcome

    return call


ON_BOX = {
    "pick": one(start_picking), "label": one(mark_labeled), "hand over": one(hand_over_shipments),
    "pack": lambda tx, i: pack_shipment(tx, PackShipment(i)),
    "void": lambda tx, i: void_label(tx, VoidLabel(i, "race")),
    "cancel box": lambda tx, i: cancel_shipment(tx, CancelShipment(i, "race")),
    "uncombine": lambda tx, i: uncombine_shipment(tx, UncombineShipment(i, "race")),
}  # fmt: skip


def floor(client: Any) -> None:
    """Everybody takes any box of any order and does what comes to mind."""
    client.barrier.wait(60)
    orders, claims = client.plan["orders"], dict(client.plan["claims"])
    for _ in range(client.plan["turns"]):
        order_id, work = client.random.choice(orders), client.random.choice(WORK)
        if work in ON_BOX or work in {"split", "combine"}:
            _on_box(client, work)
        elif work == "ready":
            client.do(ready_one, order_id)
        elif work == "order leaves":
            client.do(mark_shipped, MarkShipped(order_id))
        elif work == "cancel order" and client.random.random() < 0.3:
            client.do(cancel_order, CancelOrder(order_id, CancelReason.CUSTOMER))
        elif work == "reverse" and client.random.random() < 0.3:
            client.do(reverse_claim, DecideClaim(claims[order_id], note="race"))
        elif work == "hold":
            client.do(hold_order, HoldOrder(order_id, HoldReason.ADDRESS))
        elif work == "release":
            client.do(release_hold, ReleaseHold(order_id))


def _on_box(client: Any, work: str) -> None:
    waiting = db.session.execute(
        select(Shipment.id, ShipmentLine.id)
        .join(ShipmentLine, ShipmentLine.shipment_id == Shipment.id)
        .where(Shipment.status.in_(sorted(BEFORE_HAND_OVER)))
    ).all()
    db.session.remove()
    if not waiting:
        return
    shipment_id, line_id = client.random.choice(waiting)
    if work == "split":
        client.do(split_shipment, SplitShipment(shipment_id, ((line_id, 1),)))
    elif work == "combine":
        other = client.random.choice(waiting)[0]
        client.do(combine_shipments, CombineShipments((shipment_id, other)))
    else:
        client.do(ON_BOX[work], shipment_id)


def last_box(client: Any) -> None:
    """All hand the same box over at once, by itself, by its orders, or take it apart or its money back."""
    for shipment_id, orders, claims in client.plan["rounds"]:
        client.barrier.wait(60)
        way = client.no % 4
        if way == 0:
            client.do(ON_BOX["hand over"], shipment_id)
        elif way == 1:
            client.do(mark_shipped, MarkShipped(client.random.choice(orders)))
        elif way == 2:
            client.do(ON_BOX["uncombine"], shipment_id)
        else:
            client.do(reverse_claim, DecideClaim(client.random.choice(claims), note="race"))


RACES = {"floor": floor, "last_box": last_box}
