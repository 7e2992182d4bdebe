"""Reads of returns for screens: what waits for which work, one return's page, lost parcels, claims by carrier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, func, literal, or_, select, union_all
from sqlalchemy.orm import Session, joinedload, selectinload

from oms import clock
from oms.actor import Actor
from oms.audit import AuditLog
from oms.catalog.models import Sku, SkuBarcode
from oms.channels.return_models import ChannelReturn
from oms.channels.return_queries import waiting
from oms.db import Tx
from oms.money import ZERO, Money
from oms.orders.models import Order, OrderLine
from oms.returns.models import CarrierClaim, Return, ReturnArrival, ReturnLine, ReturnRules
from oms.returns.queries import get_return, visible_arrivals, visible_claims, visible_returns
from oms.returns.states import (
    OPEN_CLAIMS,
    ArrivalStatus,
    CarrierClaimStatus,
    ReturnKind,
    ReturnStatus,
)
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.queries import visible_shipments
from oms.shipping.states import ShipmentStatus
from oms.usecases.returns_resolve import Proposal, propose

S = ReturnStatus
LOST, UNKNOWN, CHANNEL = "lost", "unknown", "channel"
SHOWN = 200


@dataclass(frozen=True)
class Pile:
    """Returns waiting for one kind of work. ``needs``: the named action whose people do it."""

    key: str
    label: str
    hint: str
    needs: str
    hot: bool = False


PILE_NAMES: dict[str, str] = {
    "asked": "To be agreed to",
    "agreed": "Waiting for the buyer to send",
    "coming": "On the way back",
    "alerts": "Given back, but not here",
    "arrived": "Arrived, to be counted",
    "settle": "To be settled",
    LOST: "Lost parcels",
    UNKNOWN: "Unknown parcels",
    CHANNEL: "Told by channels",
}
HINT_NAMES: dict[str, str] = {
    "asked": "A buyer asks to send something back, or complains.",
    "agreed": "Agreed to; the buyer has not sent it yet.",
    "coming": "By carrier, the oldest first. Undelivered parcels open by themselves.",
    "alerts": "The carrier says that it gave these back, and nobody has scanned them.",
    "arrived": "On the table. Nothing is stock before it is counted.",
    "settle": "Counted, or to be settled without goods: say how each ends.",
    LOST: "The carrier lost these. Settle with the buyer, and claim from the carrier.",
    UNKNOWN: "Came without a number that means anything here.",
    CHANNEL: "Returns of channels that found no way in by themselves. They are tried again when something changed.",
}
PILES: dict[str, Pile] = {
    key: Pile(key, PILE_NAMES[key], HINT_NAMES[key], needs, hot)
    for key, needs, hot in (
        ("arrived", "return.receive", True),
        ("settle", "return.resolve", True),
        ("asked", "return.approve", True),
        ("alerts", "return.receive", True),
        ("coming", "return.receive", False),
        ("agreed", "return.request", False),
        (LOST, "return.resolve", True),
        (UNKNOWN, "return.receive", True),
        (CHANNEL, "return.approve", True),
    )
}


def _alert_days() -> Any:
    return func.coalesce(select(ReturnRules.alert_days).where(ReturnRules.id == 1).scalar_subquery(), 3)


def condition(key: str) -> ColumnElement[bool]:
    """What makes a return belong to a pile of returns."""
    is_missed = Return.carrier_returned_at < clock.now() - func.make_interval(0, 0, 0, _alert_days())
    found: dict[str, ColumnElement[bool]] = {
        "asked": Return.status == S.REQUESTED,
        "agreed": and_(Return.status == S.APPROVED, ~Return.goods_stay),
        "coming": Return.status == S.IN_TRANSIT,
        "alerts": and_(Return.status == S.IN_TRANSIT, is_missed),
        "arrived": Return.status == S.RECEIVED,
        "settle": or_(Return.status == S.INSPECTED, and_(Return.status == S.APPROVED, Return.goods_stay)),
    }
    return found[key]


def pile(session: Session, actor: Actor, key: str, carrier: str = "") -> Sequence[Return]:
    """What waits in one pile, the oldest first: of what is coming, what has been on its way longest."""
    since = func.coalesce(Return.received_at, Return.in_transit_at, Return.requested_at)
    statement = visible_returns(actor).where(condition(key)).order_by(since, Return.id).limit(SHOWN)
    if carrier:
        statement = statement.where(Return.carrier == carrier)
    return session.scalars(
        statement.options(
            joinedload(Return.order), joinedload(Return.warehouse), joinedload(Return.shipment),
            selectinload(Return.lines).joinedload(ReturnLine.order_line),
        )
    ).all()  # fmt: skip


def lost_shipments(actor: Actor) -> Select[Shipment]:
    """Lost shipments whose loss nobody settles yet."""
    case = select(Return.id).where(
        Return.shipment_id == Shipment.id, Return.kind.in_([ReturnKind.LOST, ReturnKind.RTO]),
        Return.status.not_in([S.REJECTED, S.CANCELED]),
    )  # fmt: skip
    return visible_shipments(actor).where(Shipment.status == ShipmentStatus.LOST, ~case.exists())


def lost(session: Session, actor: Actor) -> list[tuple[Shipment, list[Order]]]:
    """Lost shipments with the orders in them, the oldest first."""
    found = session.scalars(
        lost_shipments(actor)
        .order_by(Shipment.handed_over_at, Shipment.id)
        .limit(SHOWN)
        .options(selectinload(Shipment.parcels))
    ).all()
    rows = session.execute(
        select(ShipmentLine.shipment_id, Order)
        .join(Order, Order.id == ShipmentLine.order_id)
        .where(ShipmentLine.shipment_id.in_([s.id for s in found]))
        .order_by(ShipmentLine.shipment_id, Order.id)
    )
    inside: dict[int, list[Order]] = {}
    for shipment_id, order in rows:
        if order not in inside.setdefault(shipment_id, []):
            inside[shipment_id].append(order)
    return [(s, inside.get(s.id, [])) for s in found]


def unknown(session: Session, actor: Actor) -> Sequence[ReturnArrival]:
    """Unknown parcels that wait, the oldest first."""
    statement = visible_arrivals(actor).where(ReturnArrival.status == ArrivalStatus.WAITING)
    return session.scalars(
        statement.order_by(ReturnArrival.arrived_at, ReturnArrival.id)
        .limit(SHOWN)
        .options(joinedload(ReturnArrival.warehouse))
    ).all()


def told(session: Session, actor: Actor) -> Sequence[ChannelReturn]:
    """Channels' returns that wait, what was told longest ago first."""
    return session.scalars(
        waiting(actor)
        .order_by(ChannelReturn.changed_at, ChannelReturn.id)
        .limit(SHOWN)
        .options(joinedload(ChannelReturn.shop), joinedload(ChannelReturn.order), joinedload(ChannelReturn.ret))
    ).all()


def _parts(actor: Actor) -> list[Any]:
    """(pile, how many) of every pile, as statements over the indexes of what is open."""
    returns = [
        visible_returns(actor)
        .where(condition(key))
        .with_only_columns(literal(key, String).label("pile"), func.count(Return.id).label("n"))
        for key in PILES
        if key not in {LOST, UNKNOWN, CHANNEL}
    ]
    gone = lost_shipments(actor).with_only_columns(literal(LOST, String), func.count(Shipment.id))
    strange = visible_arrivals(actor).where(ReturnArrival.status == ArrivalStatus.WAITING)
    told = waiting(actor).with_only_columns(literal(CHANNEL, String), func.count(ChannelReturn.id))
    return [*returns, gone, strange.with_only_columns(literal(UNKNOWN, String), func.count(ReturnArrival.id)), told]


def counts(session: Session, actor: Actor) -> dict[str, int]:
    """How many wait in each pile, in one statement."""
    return {name: int(n) for name, n in session.execute(union_all(*_parts(actor)))}


def count_mine(actor: Actor) -> Select[int]:
    """How many wait for this person's work: the figure of the menu."""
    mine = [key for key, one in PILES.items() if one.hot and actor.may(one.needs)]
    parts = union_all(*_parts(actor)).subquery()
    return select(func.coalesce(func.sum(parts.c.n), 0)).where(parts.c.pile.in_(mine))


def count_arrived(actor: Actor) -> Select[int]:
    """How many lie uncounted."""
    return visible_returns(actor).where(condition("arrived")).with_only_columns(func.count(Return.id))


def carriers_coming(session: Session, actor: Actor) -> list[tuple[str, int]]:
    """What each carrier has on its way back, the most first."""
    statement = (
        visible_returns(actor)
        .where(condition("coming"))
        .with_only_columns(Return.carrier, func.count(Return.id))
        .group_by(Return.carrier)
        .order_by(func.count(Return.id).desc(), Return.carrier)
    )
    return [(carrier, int(n)) for carrier, n in session.execute(statement)]


@dataclass(frozen=True)
class CountLine:
    """An item of a return as the counting table shows it. ``codes``: what a scanner may read on it."""

    line: ReturnLine
    option: str
    codes: tuple[str, ...]


def to_count(session: Session, ret: Return) -> list[CountLine]:
    """The items of a return, with their codes."""
    lines = session.scalars(
        select(ReturnLine)
        .where(ReturnLine.return_id == ret.id)
        .order_by(ReturnLine.id)
        .options(joinedload(ReturnLine.order_line))
    ).all()
    skus = {line.order_line.sku_id for line in lines}
    rows = session.execute(select(Sku.id, Sku.code, Sku.option).where(Sku.id.in_(skus)))
    known = {sku_id: (code, option) for sku_id, code, option in rows}
    codes: dict[int, list[str]] = {}
    for sku_id, code in session.execute(
        select(SkuBarcode.sku_id, SkuBarcode.barcode).where(SkuBarcode.sku_id.in_(skus)).order_by(SkuBarcode.barcode)
    ):
        codes.setdefault(sku_id, []).append(code)
    return [
        CountLine(
            line, known[line.order_line.sku_id][1],
            (known[line.order_line.sku_id][0], *codes.get(line.order_line.sku_id, ())),
        )
        for line in lines
    ]  # fmt: skip


@dataclass(frozen=True)
class ReturnPage:
    """One return and what belongs to it. ``offered``: what settling would do, for who may see money."""

    ret: Return
    lines: Sequence[CountLine]
    story: Sequence[AuditLog]
    claims: Sequence[CarrierClaim]
    offered: Proposal | None


def return_page(tx: Tx, return_id: int) -> ReturnPage:
    """Read the page. Raises NotFound."""
    ret = get_return(tx, return_id)
    story = tx.session.scalars(
        select(AuditLog).where(AuditLog.subject_type == "return", AuditLog.subject_id == ret.id).order_by(AuditLog.id)
    ).all()
    about = [CarrierClaim.return_id == ret.id]
    about += [CarrierClaim.shipment_id == ret.shipment_id] if ret.shipment_id else []
    claims = tx.session.scalars(visible_claims(tx.actor).where(or_(*about)).order_by(CarrierClaim.id)).all()
    may_settle = ret.status is S.INSPECTED or (ret.status is S.APPROVED and ret.goods_stay)
    offered = propose(tx, ret, ret.order) if may_settle and tx.actor.may("order.price") else None
    return ReturnPage(ret, to_count(tx.session, ret), story, claims, offered)


def of_order(session: Session, order_id: int) -> Sequence[Return]:
    """The returns of an order, and the one that a replacement settled, the first first."""
    return session.scalars(
        select(Return)
        .where(or_(Return.order_id == order_id, Return.new_order_id == order_id))
        .order_by(Return.id)
        .options(selectinload(Return.lines), joinedload(Return.new_order), joinedload(Return.order))
    ).all()


@dataclass(frozen=True)
class Askable:
    """A line of an order and how many pieces of it may be asked back."""

    line: OrderLine
    left: int


def askable(order: Order) -> list[Askable]:
    """What of an order may come back; lines of which nothing is out there are left out."""
    found = [Askable(line, line.shipped - line.returned - line.coming_back) for line in order.lines]
    return [one for one in found if one.left > 0]


@dataclass(frozen=True)
class CarrierFigures:
    """What one carrier is asked for: claims to send, waiting, accepted; how many are past their day."""

    carrier: str
    open: int
    sent: int
    accepted: int
    amount: Money
    late: int


def claims_by_carrier(session: Session, actor: Actor) -> list[CarrierFigures]:
    """Open claims per carrier, the largest sum first."""
    today = clock.today()
    of = CarrierClaim.status
    statement = (
        visible_claims(actor)
        .where(of.in_(OPEN_CLAIMS))
        .with_only_columns(
            CarrierClaim.carrier,
            *(func.count().filter(of == status) for status in OPEN_CLAIMS),
            func.sum(CarrierClaim.amount),
            func.count().filter(of == CarrierClaimStatus.OPEN, CarrierClaim.due_on < today),
        )
        .group_by(CarrierClaim.carrier)
        .order_by(func.sum(CarrierClaim.amount).desc(), CarrierClaim.carrier)
    )
    rows: Sequence[Any] = session.execute(statement).all()
    return [CarrierFigures(row[0], row[1], row[2], row[3], row[4] or ZERO, row[5]) for row in rows]


def count_claims(actor: Actor) -> Select[int]:
    """Claims that wait for us: to be sent, or accepted and not paid."""
    waiting = [CarrierClaimStatus.OPEN, CarrierClaimStatus.ACCEPTED]
    return visible_claims(actor).where(CarrierClaim.status.in_(waiting)).with_only_columns(func.count(CarrierClaim.id))


def worth(tx: Tx, shipment: Shipment) -> Money:
    """What the pieces in a shipment were sold for: what a claim for its loss proposes."""
    rows = tx.session.execute(
        select(OrderLine.total, OrderLine.quantity, ShipmentLine.quantity)
        .join(ShipmentLine, ShipmentLine.order_line_id == OrderLine.id)
        .where(ShipmentLine.shipment_id == shipment.id)
    )
    return sum((Money.satang(total.in_satang * inside // whole) for total, whole, inside in rows), start=ZERO)


def missing_worth(lines: Sequence[CountLine]) -> Money:
    """What the pieces that are missing or broken were sold for."""
    found = ZERO
    for one in lines:
        gone = one.line.missing + one.line.damaged + one.line.repair if one.line.is_counted else one.line.quantity
        line = one.line.order_line
        found += Money.satang(line.total.in_satang * gone // line.quantity)
    return found
