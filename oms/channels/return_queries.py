"""Reads of channels' returns: what a channel has paid back, and what waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, joinedload

from oms.actor import Actor
from oms.catalog.models import MARKETPLACES, Shop
from oms.channels.port import ReturnStage
from oms.channels.return_models import ChannelReturn
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.states import PaymentTerm
from oms.returns.models import Return
from oms.returns.states import ReturnStatus


@dataclass(frozen=True)
class PaidThere:
    """What a channel has paid the buyer of a return back. ``amount`` ZERO: it does not tell how much."""

    amount: Money
    number: str
    shop: str


def _held_there() -> ColumnElement[bool]:
    """On (Order, Shop): the channel had the money. What was transferred to us, or what our carrier collects, a shop can
    call paid back without having paid it."""
    collects = and_(Order.payment_term == PaymentTerm.COD, Shop.channel.in_(sorted(MARKETPLACES)))
    return or_(Order.payment_term == PaymentTerm.MARKETPLACE, collects)


def paid_there(session: Session, return_id: int) -> PaidThere | None:
    """What the channel paid back for a return; None when it has not, or when no channel knows of it."""
    row = session.execute(
        select(ChannelReturn.refund, ChannelReturn.external_no, Shop.name)
        .join(Shop, Shop.id == ChannelReturn.shop_id)
        .join(Order, Order.id == ChannelReturn.order_id)
        .where(ChannelReturn.return_id == return_id, ChannelReturn.stage == ReturnStage.REFUNDED, _held_there())
    ).one_or_none()
    return PaidThere(row.refund, row.external_no, row.name) if row is not None else None


def paid_there_open(session: Session, order_id: int) -> Money:
    """What channels paid back for an order and no settled return of ours has taken into account yet."""
    found = session.scalar(
        select(func.sum(ChannelReturn.refund))
        .join(Shop, Shop.id == ChannelReturn.shop_id)
        .join(Order, Order.id == ChannelReturn.order_id)
        .outerjoin(Return, Return.id == ChannelReturn.return_id)
        .where(ChannelReturn.order_id == order_id, ChannelReturn.stage == ReturnStage.REFUNDED, _held_there())
        .where(or_(Return.id.is_(None), Return.status != ReturnStatus.RESOLVED))
    )
    return found or ZERO


def of_return(session: Session, return_id: int) -> ChannelReturn | None:
    """What a channel says of a return of ours."""
    return session.scalars(
        select(ChannelReturn).where(ChannelReturn.return_id == return_id).options(joinedload(ChannelReturn.shop))
    ).one_or_none()


def of_order(session: Session, order_id: int) -> Sequence[ChannelReturn]:
    """What channels say of the returns of an order, the first first."""
    return session.scalars(
        select(ChannelReturn)
        .where(ChannelReturn.order_id == order_id)
        .order_by(ChannelReturn.id)
        .options(joinedload(ChannelReturn.shop))
    ).all()


def visible_channel_returns(actor: Actor) -> Select[ChannelReturn]:
    """Of the shops this actor may see."""
    statement = select(ChannelReturn)
    return statement if actor.shops is None else statement.where(ChannelReturn.shop_id.in_(sorted(actor.shops)))


def waiting(actor: Actor) -> Select[ChannelReturn]:
    """Those that wait for a person or for their order."""
    return visible_channel_returns(actor).where(ChannelReturn.wait.is_not(None), ChannelReturn.closed_at.is_(None))
