"""How goods leave: one way for an order handed over at the desk, a channel's word, and shipments scanned out.

Whoever calls has the orders and boxes locked and has asked the gate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from oms import audit, clock
from oms.carriers.names import carrier_name
from oms.db import Tx, insert_rows
from oms.errors import Refused, say
from oms.inventory import reserving
from oms.notifications.catalogue import Event
from oms.orders.models import Order
from oms.shipping import rules
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.states import ShipmentStatus, TrackingStatus
from oms.shipping.tracking_rules import NOT_AHEAD
from oms.usecases import derived, notices
from oms.usecases.channel_deeds import owe_shipped
from oms.usecases.cod_entries import Departure, open_entries
from oms.usecases.gate import Verdict, use_overrides
from oms.usecases.shipping_boxes import leave


@dataclass(frozen=True)
class Departing:
    """Goods that leave in one shipment: a box that waited (``box``), or pieces that get their shipment as they go.

    ``lines`` are (order id, order line id, units). What ``carrier`` and ``tracking_no`` do not say is the box's own.
    """

    shipment_id: int
    number: str
    warehouse_id: int
    lines: Sequence[tuple[int, int, int]]
    carrier: str
    tracking_no: str
    at: datetime
    by_channel: bool = False
    box: Shipment | None = None
    delivered_at: datetime | None = None

    @property
    def order_ids(self) -> list[int]:
        """Every order with pieces in it, in id order."""
        return sorted({order_id for order_id, _, _ in self.lines})

    @property
    def way(self) -> tuple[str, str]:
        """Carrier and tracking number as the cash and the orders know them."""
        named = next((p for p in rules.live_parcels(self.box) if p.tracking_no), None) if self.box else None
        carrier = self.carrier or ((named.carrier if named else "") or self.box.carrier if self.box else "")
        return carrier, self.tracking_no or (named.tracking_no if named else "")


def leave_together(
    tx: Tx, going: Sequence[Departing], orders: Mapping[int, Order], verdicts: Mapping[int, Verdict]
) -> None:
    """Use up stock, count the pieces as shipped, write or move the shipments, open the COD entries, tell the orders."""
    going = sorted(going, key=lambda d: d.shipment_id)  # the first one of an order brings its cash
    leaving = [orders[i] for i in sorted({i for d in going for i in d.order_ids})]
    use_overrides(tx, [order.id for order in leaving if verdicts[order.id].overridden])
    ways = {d.shipment_id: d.way for d in going}
    lines = {line.id: line for order in leaving for line in order.lines}
    uses = [
        reserving.Use(d.number, order_id, line_id, d.warehouse_id, units)
        for d in going
        for order_id, line_id, units in d.lines
    ]
    reserving.consume(tx, uses, {i: line.open for i, line in lines.items()}, reason="order.shipped")
    for use in uses:
        lines[use.order_line_id].shipped += use.units
    for d in going:
        for order_id in d.order_ids:
            orders[order_id].carrier = ways[d.shipment_id][0] or orders[order_id].carrier
        if d.box is not None:
            _leave_in(d, d.box)
    insert_departed(tx, [d for d in going if d.box is None])
    facts = {i: verdict.facts for i, verdict in verdicts.items()}
    cash = open_entries(tx, [departure(orders[i], d) for d in going for i in d.order_ids], facts)
    told: dict[int, dict[str, object]] = {}
    for order in leaving:
        mine = [d for d in going if order.id in d.order_ids]
        carrier, tracking_no = ways[mine[0].shipment_id]
        told[order.id] = {
            "shipment": ", ".join(d.number for d in mine), "tracking_no": tracking_no, "carrier": carrier,
            **({"cod": cash[order.id]} if order.id in cash else {}),
        }  # fmt: skip
    finish(tx, leaving, "order.shipped", told)
    ours = {i for d in going if not d.by_channel for i in d.order_ids}
    owe_shipped(tx, [order for order in leaving if order.id in ours], told)
    notices.tell(tx, Event.SHIPPED, [(i, notices.of_shipment(d.shipment_id)) for d in going for i in d.order_ids])


def departure(order: Order, d: Departing) -> Departure:
    """What the COD ledger needs to know of one order in goods that leave."""
    carrier, tracking_no = d.way
    return Departure(order, d.shipment_id, carrier, tracking_no, d.at, delivered=d.delivered_at is not None)


def _leave_in(d: Departing, box: Shipment) -> None:
    """A box that was made ready goes as it is; a tracking number given now replaces the one it had."""
    leave(box)
    box.carrier, box.by_channel = carrier_name(d.carrier) or box.carrier, d.by_channel
    box.handed_over_at = d.at
    live = rules.live_parcels(box)
    if d.tracking_no and d.tracking_no not in {p.tracking_no for p in live}:
        named = next((p for p in live if not p.tracking_no), None)
        if named is None:
            for parcel in live:
                rules.void(parcel, say("Another number was given").template, clock.now())
            named = rules.new_parcel(box, 1)
            box.parcels.append(named)
            live = [named]
        named.carrier, named.tracking_no = box.carrier, d.tracking_no[:80]
    for parcel in live:
        if parcel.tracking_status in NOT_AHEAD:  # else the carrier was faster and knows better
            parcel.tracking_status, parcel.tracked_at = TrackingStatus.IN_TRANSIT, None


def insert_departed(tx: Tx, going: Sequence[Departing]) -> None:
    """Write shipments of goods that were in no box before, with lines and parcels, many at once."""
    if not going:
        return
    tx.session.flush()  # the quantities of the lines go before the rows that refer to them
    rows = [
        {
            "id": d.shipment_id, "number": d.number, "warehouse_id": d.warehouse_id,
            "status": ShipmentStatus.DELIVERED if d.delivered_at else ShipmentStatus.HANDED_OVER,
            "carrier": carrier_name(d.carrier), "by_channel": d.by_channel, "created_at": clock.now(),
            "handed_over_at": d.at, "delivered_at": d.delivered_at, "version": 1,
        }
        for d in going
    ]  # fmt: skip
    insert_rows(tx, Shipment, rows)
    lines = [
        {"shipment_id": d.shipment_id, "order_id": order_id, "order_line_id": line_id, "quantity": units}
        for d in going
        for order_id, line_id, units in d.lines
    ]
    insert_rows(tx, ShipmentLine, lines)
    parcels = [
        {
            "shipment_id": d.shipment_id, "carrier": carrier_name(d.carrier), "tracking_no": d.tracking_no[:80],
            "is_live": True, "raw_status": "", "created_at": clock.now(),
            "tracking_status": TrackingStatus.DELIVERED if d.delivered_at else TrackingStatus.IN_TRANSIT,
        }
        for d in going
        if d.tracking_no
    ]  # fmt: skip
    insert_rows(tx, Parcel, parcels)


def tracking_in_use(tx: Tx, numbers: Iterable[str]) -> set[tuple[str, str]]:
    """(carrier, number) of live parcels among these numbers."""
    wanted = sorted({no for no in numbers if no})
    if not wanted:
        return set()
    live = select(Parcel.carrier, Parcel.tracking_no).where(Parcel.tracking_no.in_(wanted), Parcel.is_live)
    return {(carrier, no) for carrier, no in tx.session.execute(live)}


def check_tracking(used: Collection[tuple[str, str]], carrier: str, number: str) -> None:
    """A tracking number is on one live parcel of a carrier only (invariant 7)."""
    if number and (carrier_name(carrier), number) in used:
        raise Refused(
            say("Tracking number {number} is on another parcel already", number=number),
            field="tracking_no",
            code="tracking_in_use",
        )


def finish(tx: Tx, orders: Sequence[Order], action: str, facts: Mapping[int, Mapping[str, object]]) -> None:
    """Bring orders up to date with what happened to their goods, and tell it."""
    before = {order.id: order.board for order in orders}
    derived.refresh(tx, orders)
    audit.record_many(
        tx,
        [
            audit.Entry(action, "order", o.id, o.number, {"board": before[o.id]}, {**facts[o.id], "board": o.board})
            for o in orders
        ],
    )
