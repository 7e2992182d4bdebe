"""What a code scanned at the door may mean: a return, a parcel of ours (also one with a voided number), a shipment, an
order, a product. Read only; the verbs decide under locks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from oms.actor import Actor
from oms.catalog.finding import by_code_or_barcode
from oms.orders.models import Order
from oms.returns.models import Return, ReturnLine
from oms.returns.queries import LEFT
from oms.returns.states import COMING
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.thai.keyboard import latin_keys

MOST = 50  # rows of one kind that one code may mean; a code that means more means nothing


@dataclass(frozen=True)
class Meaning:
    """Ids of what the code names; ``is_product``: it is the barcode of something we sell, and nothing else."""

    returns: tuple[int, ...] = ()
    shipments: tuple[int, ...] = ()
    orders: tuple[int, ...] = ()
    is_product: bool = False


def plain_code(code: str) -> str:
    """A scanned or typed code without the blanks that scanners and people add."""
    return "".join(code.replace("\x00", "").split())[:80]


def spellings(code: str) -> tuple[str, ...]:
    """The ways a code may be stored."""
    plain = plain_code(code)
    keys = latin_keys(plain)  # a gun on a keyboard that stands on Thai
    return tuple({plain: None, plain.upper(): None, plain.lower(): None, keys: None, keys.upper(): None})


def meaning_of(session: Session, actor: Actor, code: str) -> Meaning:
    """The first kind of number it is, in the order: return, way back, parcel, shipment, order; of the shops this actor
    works for, whichever warehouse sent it."""
    ways = spellings(code)
    if not ways[0]:
        return Meaning()
    named = select(Return.id).join(Order, Order.id == Return.order_id).where(*_shops(actor)).limit(MOST)
    if own := _ids(session, named.where(Return.number.in_(ways))):
        return Meaning(returns=own)
    waits = (Return.status.in_(COMING), ~Return.goods_stay)
    back = _ids(session, named.where(Return.tracking_no.in_(ways), *waits))
    if parcels := _parcels(session, actor, ways):
        more = _ids(session, named.where(Return.id.in_(of_shipments(parcels)), *waits))
        return Meaning(returns=tuple(sorted({*back, *more})), shipments=parcels)
    if back := back or _ids(session, named.where(Return.tracking_no.in_(ways))):
        return Meaning(returns=back)
    asked = select(Order.id).where(or_(Order.number.in_(ways), Order.external_no.in_(ways)), *_shops(actor))
    if orders := _ids(session, asked.order_by(Order.id).limit(MOST)):
        return Meaning(orders=orders)
    return Meaning(is_product=by_code_or_barcode(session, latin_keys(code)) is not None)


def of_shipments(shipment_ids: Collection[int]) -> Select[int]:
    """The ids of returns with pieces of these shipments."""
    return select(ReturnLine.return_id).where(ReturnLine.shipment_id.in_(sorted(shipment_ids)))


def _parcels(session: Session, actor: Actor, ways: Collection[str]) -> tuple[int, ...]:
    """Shipments that left, with a parcel or a number of their own that reads like this."""
    by_parcel = select(Parcel.shipment_id).where(Parcel.tracking_no.in_(ways))
    statement = (
        select(Shipment.id)
        .where(or_(Shipment.id.in_(by_parcel), Shipment.number.in_(ways)), Shipment.status.in_(LEFT))
        .order_by(Shipment.id)
        .limit(MOST)
    )
    if actor.shops is not None:
        inside = select(ShipmentLine.shipment_id).join(Order, Order.id == ShipmentLine.order_id).where(*_shops(actor))
        statement = statement.where(Shipment.id.in_(inside))
    return _ids(session, statement)


def _shops(actor: Actor) -> list[ColumnElement[bool]]:
    return [] if actor.shops is None else [Order.shop_id.in_(sorted(actor.shops))]


def _ids(session: Session, statement: Select[Any]) -> tuple[int, ...]:
    return tuple(session.scalars(statement))
