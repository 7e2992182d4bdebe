"""Who carries what when nobody says otherwise, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from oms.carriers.names import carrier_name
from oms.catalog.models import MARKETPLACES, Shop
from oms.errors import Say, say
from oms.orders.models import Order
from oms.shipping.carrier_models import Carrier, CarrierChoice

Place = tuple[int | None, int | None]  # shop id, warehouse id


@dataclass(frozen=True)
class Chosen:
    """The carrier that would be taken, and why."""

    carrier: Carrier
    service: str
    reason: Say


def chosen_for(session: Session, places: Collection[Place]) -> dict[Place, Chosen]:
    """The default carrier for each (shop, warehouse): of both, of the shop, of the warehouse, of all. Places without
    one are left out. A marketplace says itself who carries its parcels, so its shops follow only a choice of their
    own."""
    rows = session.scalars(
        select(CarrierChoice)
        .join(Carrier)
        .where(Carrier.is_active)
        .options(joinedload(CarrierChoice.carrier), joinedload(CarrierChoice.shop), joinedload(CarrierChoice.warehouse))
    )
    known = {(row.shop_id, row.warehouse_id): row for row in rows}
    if not known:
        return {}
    platforms = set(session.scalars(select(Shop.id).where(Shop.channel.in_(sorted(MARKETPLACES)))))
    found: dict[Place, Chosen] = {}
    for shop, warehouse in places:
        wider = () if shop in platforms else ((None, warehouse), (None, None))
        for key in ((shop, warehouse), (shop, None), *wider):
            if (row := known.get(key)) is not None:
                found[(shop, warehouse)] = Chosen(row.carrier, row.service, _reason(row))
                break
    return found


def _reason(row: CarrierChoice) -> Say:
    shop, warehouse = row.shop, row.warehouse
    if shop is not None and warehouse is not None:
        return say("The carrier of {shop} from {warehouse}", shop=shop.name, warehouse=warehouse.name)
    if shop is not None:
        return say("The carrier of {shop}", shop=shop.name)
    if warehouse is not None:
        return say("The carrier of {warehouse}", warehouse=warehouse.name)
    return say("The carrier for everything without a choice of its own")


def ways_for(session: Session, boxes: Sequence[tuple[Order, int]]) -> list[tuple[str, str]]:
    """(carrier, service) of goods of an order that leave a warehouse: the carrier the order names, else the default."""
    open_ones = {(order.shop_id, place) for order, place in boxes if not order.carrier}
    defaults = chosen_for(session, open_ones) if open_ones else {}
    found = []
    for order, place in boxes:
        pick = None if order.carrier else defaults.get((order.shop_id, place))
        found.append((pick.carrier.name, pick.service) if pick else (carrier_name(order.carrier), ""))
    return found
