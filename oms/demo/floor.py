"""The packing floor on the demo's last morning: shipments in every step, parcels under way with their carriers' words,
some coming back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import select

from oms import clock
from oms.actor import Actor
from oms.carriers.port import CarrierEvent
from oms.catalog.models import Shop
from oms.db import Tx, transaction
from oms.orders.models import Order
from oms.orders.states import Board
from oms.shipping.carrier_models import Carrier
from oms.shipping.models import Parcel, Shipment
from oms.shipping.states import ShipmentStatus
from oms.shipping.states import TrackingStatus as T
from oms.usecases.carrier_choice import SetChoice, set_choice
from oms.usecases.shipping_boxes import MadeReady, make_ready
from oms.usecases.shipping_work import BoxSpec, PackShipment, mark_labeled, pack_shipment, start_picking
from oms.usecases.tracking import ParcelNews, record_events

MOST = 40  # orders the floor has begun with; of those that are ready two thirds
PICKED, PACKED, LABELED = 0.6, 0.4, 0.22  # of them so many got at least this far
UNDER_WAY = 60  # parcels of which carriers have spoken (half of all, at most)
CARRIED_BY = {
    "shopee-th": "spx", "lazada-th": "flash", "tiktok-th": "jt", "line-shopping": "kex", "web": "thaipost",
}  # fmt: skip  # parcels of the other shops go with Flash
WAY: tuple[tuple[T, str, str], ...] = (
    (T.PICKED_UP, "103", "รับเข้าระบบ"), (T.IN_TRANSIT, "201", "อยู่ระหว่างการขนส่ง"),
    (T.OUT_FOR_DELIVERY, "301", "อยู่ระหว่างการนำจ่าย"),
)  # fmt: skip
HOME: tuple[tuple[T, str, str], ...] = ((T.DELIVERY_FAILED, "401", "นำจ่ายไม่สำเร็จ"), (T.RETURNING, "203", "ส่งคืนผู้ฝากส่ง"))


def morning(actors: Mapping[str, Actor], random: Random, end: datetime) -> None:
    """Let the floor stand as at nine in the morning; each part whole or not at all."""
    with clock.at(end), transaction(actors["owner"]) as tx:
        _who_carries(tx)
    with clock.at(end), transaction(actors["warehouse"]) as tx:
        if not tx.session.scalar(select(Shipment.id).where(Shipment.status == ShipmentStatus.PICKING).limit(1)):
            _pack(tx, random)
    with clock.at(end), transaction(actors["warehouse"]) as tx:
        _carriers_say(tx, random, end)


def _who_carries(tx: Tx) -> None:
    """Who fetches from the shop, unless its channel sends somebody."""
    carriers = {row.code: row.id for row in tx.session.execute(select(Carrier.code, Carrier.id))}
    shops = {row.code: row.id for row in tx.session.execute(select(Shop.code, Shop.id))}
    set_choice(tx, SetChoice(carriers["flash"]))
    for shop, carrier in CARRIED_BY.items():
        set_choice(tx, SetChoice(carriers[carrier], shop_id=shops[shop]))


def _pack(tx: Tx, random: Random) -> None:
    waiting = select(Order.id).where(Order.board == Board.READY, Order.closed_at.is_(None))
    wanted = waiting.order_by(Order.ship_by, Order.id)
    ready = tx.session.scalars(wanted).all()
    answers = make_ready(tx, ready[: min(MOST, len(ready) * 2 // 3)])
    made = [a.shipment_id for a in answers.values() if isinstance(a, MadeReady)]
    picked, packed, labeled = (made[: int(len(made) * share)] for share in (PICKED, PACKED, LABELED))
    start_picking(tx, picked)
    for shipment_id in packed:
        pack_shipment(tx, PackShipment(shipment_id, (BoxSpec(weight_grams=random.randint(200, 3000)),)))
    mark_labeled(tx, labeled)


def _parcels(tx: Tx) -> Sequence[Parcel]:
    left = (
        select(Parcel)
        .join(Shipment, Shipment.id == Parcel.shipment_id)
        .where(Shipment.status == ShipmentStatus.HANDED_OVER, Parcel.is_live, Parcel.tracked_at.is_(None))
        .where(Parcel.tracking_no != "")
        .order_by(Shipment.handed_over_at.desc(), Parcel.id)
        .limit(2 * UNDER_WAY)
    )
    found = tx.session.scalars(left).all()
    return found[: (len(found) + 1) // 2]


def _said(words: Sequence[tuple[T, str, str]], last: datetime) -> tuple[CarrierEvent, ...]:
    step = timedelta(hours=5)
    return tuple(
        CarrierEvent(last - step * (len(words) - no), status, code, text, "กรุงเทพมหานคร")
        for no, (status, code, text) in enumerate(words, 1)
    )  # fmt: skip


def _carriers_say(tx: Tx, random: Random, end: datetime) -> None:
    parcels = _parcels(tx)
    home = {p.id for p in parcels[-max(len(parcels) // 8, 1) :]}
    news = []
    for parcel in parcels:
        words = [*WAY, *HOME] if parcel.id in home else list(WAY[: random.randint(1, len(WAY))])
        news.append(ParcelNews(parcel.id, _said(words, end - timedelta(minutes=random.randint(10, 200)))))
    record_events(tx, news, "poll")
