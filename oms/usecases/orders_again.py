"""The same as last time: a draft of an old order at today's prices, with a sheet of what is different now.

Never taken over: payments, slips, tracking, holds, discounts that belonged to the old order, its number elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from oms import clock
from oms.catalog.models import Channel, Shop, Sku
from oms.catalog.queries import sku_facts
from oms.customers.models import CustomerAddress
from oms.customers.queries import addresses_of
from oms.db import Tx
from oms.errors import Refused, say
from oms.inventory.availability import available, places
from oms.money import Money
from oms.orders.models import Order, OrderLine
from oms.orders.queries import get_order, visible
from oms.orders.states import OrderStatus, PaymentTerm
from oms.usecases.customer_groups import agreed_prices
from oms.usecases.orders_place import NewLine, OrderPlaced, PlaceOrder, ShipTo, place_order
from oms.usecases.orders_words import AgreedPrices

OLD_ADDRESS: Final = timedelta(days=180)
BY_HAND: Final = (Channel.LINE, Channel.FACEBOOK, Channel.INSTAGRAM, Channel.WEB, Channel.OTHER)
_TERMS: Final = {PaymentTerm.PREPAID, PaymentTerm.COD}


@dataclass(frozen=True)
class OrderAgain:
    """``replace_gone``: what is sold no more is exchanged for what is proposed. ``old_prices``: as last time, by those
    who may change prices. ``key`` names the click."""

    order_id: int
    key: str = ""
    replace_gone: bool = True
    old_prices: bool = False


@dataclass(frozen=True)
class Other:
    """What could be sent instead of a SKU that is sold no more."""

    sku_id: int
    code: str
    name: str
    price: Money


@dataclass(frozen=True)
class AgainLine:
    """One item then and now. ``free``: pieces that can be promised in the warehouses the reader works in."""

    sku_id: int
    code: str
    name: str
    quantity: int
    was: Money
    now: Money
    free: int
    gone: bool
    other: Other | None

    @property
    def dearer(self) -> bool | None:
        """True: costs more now; False: less; None: the same."""
        return None if self.now == self.was else self.now > self.was

    @property
    def short(self) -> bool:
        """Whether fewer are there than asked for."""
        return not self.gone and self.free < self.quantity


@dataclass(frozen=True)
class Sheet:
    """What is different. ``moved``: where parcels of this person went since; ``address_age``: how long ago the old
    address was used last. ``dropped``: a discount of the old order that does not come along."""

    order: Order
    lines: Sequence[AgainLine]
    moved: CustomerAddress | None
    address_used: datetime
    dropped: Money
    term: PaymentTerm
    group: str

    @property
    def address_old(self) -> bool:
        """Whether it is worth asking if the address still holds."""
        return clock.now() - self.address_used > OLD_ADDRESS

    @property
    def same(self) -> bool:
        """Nothing to look at."""
        lines = any(line.gone or line.short or line.dearer is not None for line in self.lines)
        return not (lines or self.moved or self.address_old or self.dropped)


def last_order(tx: Tx, customer_id: int) -> Order | None:
    """The latest order of a person, on whatever channel, that was not called off."""
    return tx.session.scalars(
        visible(tx.actor)
        .where(
            Order.customer_id == customer_id,
            Order.status.in_([OrderStatus.CONFIRMED, OrderStatus.COMPLETED]),
        )
        .order_by(Order.placed_at.desc(), Order.id.desc())
        .limit(1)
    ).one_or_none()  # fmt: skip


def difference_sheet(tx: Tx, order: Order) -> Sheet:
    """Compare an old order with today: prices, goods, stock, address. In a fixed number of statements."""
    wanted = [line for line in order.lines if line.quantity > line.canceled] or list(order.lines)
    ids = {line.sku_id for line in wanted}
    facts = sku_facts(tx.session, ids)
    others = _others(tx, [f.product_id for f in facts.values() if not f.is_active], ids)
    known = {*ids, *(other.sku_id for other in others.values())}
    agreed = agreed_prices(tx, order.customer_id, order.ship_phone, known)
    free = available(tx.session, sorted(ids), [place.id for place in places(tx.session, tx.actor)])
    lines = []
    for line in wanted:
        sku = facts[line.sku_id]
        lines.append(
            AgainLine(
                sku.id, sku.code, sku.name, line.quantity - line.canceled or line.quantity, line.unit_price,
                _price(agreed, sku.id, sku.price), sum(free.get(sku.id, {}).values()), not sku.is_active,
                None if sku.is_active else others.get(sku.product_id),
            )
        )  # fmt: skip
    moved, used = _address(tx, order)
    off = order.discount + sum((line.discount for line in wanted), start=Money.satang(0))
    term = order.payment_term if order.payment_term in _TERMS else PaymentTerm.PREPAID
    return Sheet(order, lines, moved, used, off, term, agreed.group if agreed else "")


def order_again(tx: Tx, cmd: OrderAgain) -> OrderPlaced:
    """Make the draft. Raises Refused when nothing is sold any more, Forbidden for old prices without the right."""
    tx.actor.require("order.create")
    if cmd.old_prices:
        tx.actor.require("order.override_price")
    order = get_order(tx, cmd.order_id)
    sheet = difference_sheet(tx, order)
    lines = tuple(made for line in sheet.lines if (made := _line(line, cmd)) is not None)
    if not lines:
        raise Refused(say("Nothing of this order is sold any more; enter a new one"), code="again_nothing")
    to = ShipTo(
        order.ship_name, order.ship_phone, order.ship_line, order.ship_subdistrict, order.ship_district,
        order.ship_province, order.ship_postcode,
    )  # fmt: skip
    draft = PlaceOrder(
        shop_id=_shop(tx, order), lines=lines, ship_to=to, customer_id=order.customer_id, payment_term=sheet.term,
        shipping_fee=order.shipping_fee, copied_from=order.id, owner_id=tx.actor.user_id, owner=tx.actor.label,
        idempotency_key=f"again:{order.id}:{cmd.key}"[:120] if cmd.key else None,
        agreed=agreed_prices(tx, order.customer_id, order.ship_phone, [line.sku_id for line in lines]),
    )  # fmt: skip
    return place_order(tx, draft if tx.actor.user_id is not None else replace(draft, owner=""))


def _line(line: AgainLine, cmd: OrderAgain) -> NewLine | None:
    if not line.gone:
        return NewLine(line.sku_id, line.quantity, line.was if cmd.old_prices else None)
    if cmd.replace_gone and line.other is not None:
        return NewLine(line.other.sku_id, line.quantity)
    return None


def _price(agreed: AgreedPrices | None, sku_id: int, listed: Money) -> Money:
    return agreed.prices.get(sku_id, listed) if agreed else listed


def _others(tx: Tx, products: Sequence[int], not_these: set[int]) -> Mapping[int, Other]:
    """By product: another SKU of it that is sold, the first by code."""
    if not products:
        return {}
    rows = tx.session.execute(
        select(Sku.product_id, Sku.id, Sku.code, Sku.name, Sku.price)
        .where(Sku.product_id.in_(sorted(set(products))), Sku.is_active, ~Sku.is_bundle, Sku.id.not_in(not_these))
        .order_by(Sku.code.desc())
    )
    return {row[0]: Other(*row[1:]) for row in rows}


def _address(tx: Tx, order: Order) -> tuple[CustomerAddress | None, datetime]:
    """The newer address, if parcels went elsewhere since, and when the old one was used last."""
    if order.customer_id is None:
        return None, order.placed_at
    book = addresses_of(tx.session, [order.customer_id], 5).get(order.customer_id, [])
    there = (order.ship_line[:500], order.ship_postcode)
    mine = next((a for a in book if (a.line, a.postcode) == there), None)
    used = max(order.placed_at, mine.last_used_at) if mine else order.placed_at
    newest = book[0] if book else None
    return (newest if newest is not None and newest is not mine and newest.last_used_at > used else None), used


def _shop(tx: Tx, order: Order) -> int:
    """The shop of the old order; for one of a marketplace, where this person or anybody is served by hand."""
    if order.channel in BY_HAND and order.shop.is_active:
        return order.shop_id
    hand = select(Shop.id).where(Shop.is_active, Shop.channel.in_(BY_HAND))
    if tx.actor.shops is not None:
        hand = hand.where(Shop.id.in_(sorted(tx.actor.shops)))
    known = (
        visible(tx.actor)
        .with_only_columns(Order.shop_id)
        .where(Order.customer_id == order.customer_id, Order.shop_id.in_(hand))
        .order_by(Order.placed_at.desc())
        .limit(1)
    )
    found = tx.session.scalar(known) if order.customer_id else None
    found = found or tx.session.scalar(hand.order_by(Shop.code).limit(1))
    if found is None:
        raise Refused(say("There is no shop that takes orders by hand; add one first"), code="again_no_shop")
    return found


def usual_items(tx: Tx, customer_id: int, most: int = 8) -> list[tuple[str, str, int, int]]:
    """(SKU code, name, pieces, orders) of what a person buys most often."""
    orders = (
        visible(tx.actor)
        .with_only_columns(Order.id)
        .where(Order.customer_id == customer_id, Order.status.in_([OrderStatus.CONFIRMED, OrderStatus.COMPLETED]))
    )
    rows = tx.session.execute(
        select(
            OrderLine.sku_code, func.max(OrderLine.name), func.sum(OrderLine.quantity - OrderLine.canceled),
            func.count(OrderLine.order_id.distinct()),
        )
        .where(OrderLine.order_id.in_(orders))
        .group_by(OrderLine.sku_code)
        .order_by(func.count(OrderLine.order_id.distinct()).desc(), OrderLine.sku_code)
        .limit(most)
    )  # fmt: skip
    return [(code, name, int(pieces), int(count)) for code, name, pieces, count in rows]
