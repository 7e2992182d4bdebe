"""What a carrier is asked for a parcel: sender, receiver, weight, cash, built from the shipment as it stands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from oms.carriers.port import Address, BookingRequest, Item
from oms.catalog.models import Shop
from oms.db import Tx
from oms.errors import Refused, say
from oms.inventory.models import Warehouse
from oms.orders.models import Order, OrderLine
from oms.shipping.carrier_models import CarrierBooking
from oms.shipping.models import Parcel, Shipment
from oms.thai.addresses import Area
from oms.thai.reading import read_areas

ITEMS_AT_MOST = 5


@lru_cache(maxsize=64)
def _area_of(address: str) -> Area | None:
    """Where a warehouse lies. Asked for each parcel, and reading an address takes a hundredth of a second."""
    return next(iter(read_areas(address, limit=1)), None)


def place_of(place: Warehouse) -> Address:
    """A warehouse as the sender. Raises Refused when its address is not complete."""
    area = _area_of(place.address)
    if area is None or not place.phone or not area.postcodes:
        raise Refused(
            say(
                "{warehouse} needs a phone and a full address with sub-district, district, province and postcode",
                warehouse=place.name,
            ),
            code="sender_incomplete",
        )
    codes = [code for code in area.all_postcodes if code in place.address] or list(area.postcodes)
    return Address(
        place.name, place.phone, place.address[:200], area.subdistrict, area.district, area.province, codes[0]
    )


def receiver_of(order: Order) -> Address:
    """Who gets the parcel."""
    return Address(
        order.ship_name, order.ship_phone, order.ship_line, order.ship_subdistrict, order.ship_district,
        order.ship_province, order.ship_postcode,
    )  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """A parcel to be asked for, without the database. ``prepare``: its first half has still to be asked."""

    booking_id: int
    request: BookingRequest


def build_requests(tx: Tx, bookings: Sequence[CarrierBooking]) -> list[Wanted]:
    """The requests of these bookings, read in a few statements. Those whose shipment has no order any more are left
    out."""
    parcels = {b.parcel_id: b for b in bookings}
    rows = tx.session.scalars(
        select(Parcel)
        .where(Parcel.id.in_(sorted(parcels)))
        .options(
            joinedload(Parcel.shipment).selectinload(Shipment.lines), joinedload(Parcel.shipment, Shipment.warehouse)
        )
    ).all()
    orders = _orders(tx, {line.order_id for p in rows for line in p.shipment.lines})
    found = []
    for parcel in sorted(rows, key=lambda p: p.id):
        booking = parcels[parcel.id]
        inside = [orders[i] for i in sorted({line.order_id for line in parcel.shipment.lines}) if i in orders]
        if inside:
            found.append(Wanted(booking.id, _request(booking, parcel, inside)))
    return found


def _orders(tx: Tx, ids: Collection[int]) -> dict[int, Order]:
    rows = tx.session.scalars(
        select(Order).where(Order.id.in_(sorted(ids))).options(selectinload(Order.lines), joinedload(Order.shop))
    )
    return {order.id: order for order in rows}


def _request(booking: CarrierBooking, parcel: Parcel, orders: Sequence[Order]) -> BookingRequest:
    shipment, first = parcel.shipment, orders[0]
    sender = place_of(shipment.warehouse)
    packed = {line.order_line_id: line.quantity for line in shipment.lines}
    items = [_item(line, packed[line.id]) for o in orders for line in o.lines if line.id in packed]
    return BookingRequest(
        reference=booking.ref, sender=_from_shop(sender, first.shop), receiver=receiver_of(first),
        weight_grams=booking.weight_grams, cod=booking.cod, items=tuple(items[:ITEMS_AT_MOST]),
        service=booking.service, remark=", ".join(o.number for o in orders)[:200], tracking_no=booking.own_number,
        return_to=sender, attempt=booking.attempts, resume=booking.resume,
    )  # fmt: skip


def _from_shop(sender: Address, shop: Shop) -> Address:
    """The buyer knows the shop, not the warehouse."""
    return Address(
        shop.name[:50], sender.phone, sender.line, sender.subdistrict, sender.district, sender.province,
        sender.postcode,
    )  # fmt: skip


def _item(line: OrderLine, quantity: int) -> Item:
    return Item(line.name[:100], quantity)
