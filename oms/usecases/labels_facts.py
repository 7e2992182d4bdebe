"""What stands on the labels of shipments: read for many at once, decided for each.

The cash of an order is collected with one box: the first box of its first shipment that has not left. Every other label
says that nothing is collected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from oms import clock
from oms.carriers.names import carrier_name
from oms.catalog.models import CHANNEL_LABELS, Shop
from oms.db import Tx
from oms.documents.errors import Unprintable
from oms.documents.labels.facts import LabelFacts
from oms.documents.labels.models import PhoneShown, Waybill
from oms.errors import say
from oms.inventory.models import Warehouse
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.shipping import rules
from oms.shipping.carrier_models import CarrierBooking
from oms.shipping.models import Parcel, Shipment
from oms.shipping.queries import Locked
from oms.shipping.states import BookingStatus
from oms.thai.addresses import area_line
from oms.thai.phone import format_phone, mask_phone
from oms.usecases.cod_entries import cash_at_the_door
from oms.usecases.labels_setup import Look
from oms.usecases.labels_waybills import KEPT_FOR


@dataclass(frozen=True)
class Page:
    """One page to print for a box: our label, or a page that a marketplace or carrier made."""

    parcel: Parcel
    carrier: str
    code: str
    copy: int
    cod: Money = ZERO
    label: LabelFacts | None = None
    file_key: str = ""
    page: int = 0

    def to_json(self) -> dict[str, Any]:
        """As the row keeps it until the file is made."""
        return {
            "carrier": self.carrier, "cod": self.cod.in_satang, "copy": self.copy, "file": self.file_key,
            "page": self.page, "label": self.label.to_json() if self.label else None,
        }  # fmt: skip


@dataclass
class Around:
    """What is known around some shipments, read in a few statements."""

    shops: dict[int, Shop] = field(default_factory=dict)
    warehouses: dict[int, Warehouse] = field(default_factory=dict)
    bookings: dict[int, CarrierBooking] = field(default_factory=dict)
    waybills: dict[int, list[Waybill]] = field(default_factory=dict)
    cash: dict[int, Money] = field(default_factory=dict)


def read_around(tx: Tx, locked: Locked) -> Around:
    """Shops, warehouses, bookings, waybills and cash of these shipments."""
    session, orders = tx.session, locked.orders
    parcels = [p.id for s in locked.shipments.values() for p in rules.live_parcels(s) if p.id]
    places = {s.warehouse_id for s in locked.shipments.values()}
    around = Around(
        shops={s.id: s for s in session.scalars(select(Shop).where(Shop.id.in_({o.shop_id for o in orders.values()})))},
        warehouses={w.id: w for w in session.scalars(select(Warehouse).where(Warehouse.id.in_(places)))},
        cash=cash_at_the_door(tx, list(locked.shipments.values())),
    )
    booked = select(CarrierBooking).where(
        CarrierBooking.parcel_id.in_(parcels), CarrierBooking.status == BookingStatus.BOOKED
    )
    around.bookings = {b.parcel_id: b for b in session.scalars(booked)}
    pages = (
        select(Waybill)
        .where(Waybill.order_id.in_(list(orders)), Waybill.is_current, Waybill.uploaded_at > clock.now() - KEPT_FOR)
        .order_by(Waybill.id)
    )
    for waybill in session.scalars(pages):
        around.waybills.setdefault(waybill.order_id or 0, []).append(waybill)
    return around


def pages_of(shipment: Shipment, orders: Sequence[Order], around: Around, look: Look) -> list[Page]:
    """The pages to print for a shipment, box by box. Raises InvalidInput when something is missing for a label."""
    boxes = rules.live_parcels(shipment)
    waybills = [
        w for o in orders for w in around.waybills.get(o.id, ()) if w.shipment_id in {None, shipment.id}
    ]  # fmt: skip
    found: list[Page] = []
    for position, parcel in enumerate(boxes, 1):
        cod = around.cash.get(shipment.id, ZERO) if position == 1 else ZERO
        carrier = carrier_name(parcel.carrier or shipment.carrier)
        code, copy = parcel.tracking_no or shipment.number, parcel.label_prints
        booking = around.bookings.get(parcel.id)
        theirs = [(w.file_key, w.page) for w in _share(waybills, position, len(boxes))]
        if not theirs and booking is not None and booking.label_key:
            theirs = [(booking.label_key, 0)]
        if theirs:
            found += [
                Page(parcel, carrier, code, copy, cod if n == 0 else ZERO, None, key, page)
                for n, (key, page) in enumerate(theirs)
            ]
            continue
        label = _label(shipment, parcel, (position, len(boxes)), orders, around, look, cod)
        found.append(Page(parcel, carrier, code, copy, cod, label))
    return found


def _share(waybills: Sequence[Waybill], position: int, boxes: int) -> Sequence[Waybill]:
    """The waybill pages of a box: one each, what is left over goes with the last."""
    return waybills[position - 1 :] if position == boxes else waybills[position - 1 : position]


def _label(
    shipment: Shipment,
    parcel: Parcel,
    box: tuple[int, int],
    orders: Sequence[Order],
    around: Around,
    look: Look,
    cod: Money,
) -> LabelFacts:
    order, booking = orders[0], around.bookings.get(parcel.id)
    name, address, phone = _sender(shipment, order, around, look)
    if not (order.ship_name.strip() and order.ship_line.strip() and order.ship_province and order.ship_postcode):
        raise Unprintable(
            say("The address of {order} is not complete; mend it on the order", order=order.number),
            code="label_no_address",
        )
    if cod > ZERO and not (address and phone):
        raise Unprintable(
            say("A COD label needs the sender's address and phone; enter them for the warehouse or in the settings"),
            code="label_no_sender",
        )
    hidden = look.phone is PhoneShown.ALWAYS or (look.phone is PhoneShown.BOOKED and booking is not None)
    return LabelFacts(
        code=parcel.tracking_no or rules.box_code(shipment.number, *box), is_own=not parcel.tracking_no,
        carrier=carrier_name(parcel.carrier or shipment.carrier), service=parcel.service or shipment.service,
        sort_code=booking.sort_code if booking else "", channel=CHANNEL_LABELS[order.channel],
        orders=tuple(o.external_no or o.number for o in orders), shipment=shipment.number, box=box[0], boxes=box[1],
        name=order.ship_name, phone=mask_phone(order.ship_phone) if hidden else format_phone(order.ship_phone),
        line=order.ship_line, area=area_line(order.ship_subdistrict, order.ship_district, order.ship_province)
        .removesuffix(order.ship_province).rstrip().removesuffix("จ.").rstrip(),
        province=order.ship_province, postcode=order.ship_postcode, sender=name, sender_address=address,
        sender_phone=phone, cod=f"{cod.amount:,.2f}" if cod > ZERO else "",
        items=_goods(shipment, orders) if look.items or cod > ZERO else (),
        remark=" ".join(p for p in (look.remark, *(o.buyer_note.strip()[:120] for o in orders)) if p),
        copy=parcel.label_prints,
    )  # fmt: skip


def _sender(shipment: Shipment, order: Order, around: Around, look: Look) -> tuple[str, str, str]:
    shop, place = around.shops[order.shop_id], around.warehouses[shipment.warehouse_id]
    name = look.sender_name or shop.name
    address = look.sender_address or place.address
    phone = look.sender_phone or (format_phone(place.phone) if place.phone else "")
    return name, address, phone


def _goods(shipment: Shipment, orders: Sequence[Order]) -> tuple[str, ...]:
    """What is inside, the same goods of several orders in one line."""
    names = {line.id: line for order in orders for line in order.lines}
    counted: dict[tuple[str, str], int] = {}
    for part in sorted(shipment.lines, key=lambda x: (x.order_id, names[x.order_line_id].position)):
        line = names[part.order_line_id]
        key = (line.name, line.sku_code)
        counted[key] = counted.get(key, 0) + part.quantity
    return tuple(f"{pieces} × {name} ({code})" for (name, code), pieces in counted.items())
