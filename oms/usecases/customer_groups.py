"""Groups of customers and what things cost them: used when an order is entered by hand, and shown as its reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select

from oms import audit, clock
from oms.catalog.models import Sku
from oms.customers.models import Customer, CustomerIdentity, IdentityKind
from oms.customers.people_models import CustomerGroup, GroupPrice
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, say
from oms.money import Money
from oms.thai.phone import read_phone
from oms.usecases.keeping import Saved, bounded, known, lock_row, not_negative, put, refuse_taken
from oms.usecases.orders_words import AgreedPrices, PlaceOrder


@dataclass(frozen=True)
class SaveGroup:
    """A new group, or the one with ``group_id`` over the version the editor saw."""

    name: str
    note: str = ""
    is_active: bool = True
    group_id: int | None = None
    version: int | None = None


@dataclass(frozen=True)
class SetGroupPrice:
    """What a SKU costs a group; None takes the price off the list."""

    group_id: int
    sku_id: int
    price: Money | None


def save_group(tx: Tx, cmd: SaveGroup) -> Saved:
    """Keep a group. A new name is written on the cards of its people too."""
    tx.actor.require("catalog.edit")
    name = bounded(cmd.name, 60, "name", missing=say("A group needs a name"))
    refuse_taken(tx, CustomerGroup.name, name, "name", cmd.group_id)
    fields = {"name": name, "note": bounded(cmd.note, 300, "note"), "is_active": cmd.is_active}
    if cmd.group_id is None:
        row = CustomerGroup(**fields)
        tx.session.add(row)
        tx.session.flush()
        audit.record(tx, "customer_group.created", "customer_group", row.id, name, after=known(fields))
        return Saved(row.id)
    row = lock_row(tx, CustomerGroup, cmd.group_id, cmd.version)
    was = row.name
    before, after = put(row, fields)
    if not after:
        return Saved(row.id, changed=False)
    if was != name:
        for person in tx.session.scalars(select(Customer).where(Customer.group == was).order_by(Customer.id)):
            person.group = name
    audit.record(tx, "customer_group.changed", "customer_group", row.id, name, before=before, after=after)
    return Saved(row.id)


def set_group_price(tx: Tx, cmd: SetGroupPrice) -> Saved:
    """Put a SKU on a group's price list, change its price, or take it off."""
    tx.actor.require("catalog.edit")
    group = lock_row(tx, CustomerGroup, cmd.group_id)
    sku = tx.session.get(Sku, cmd.sku_id)
    if sku is None:
        raise InvalidInput(say("There is no such SKU"), field="sku_id", code="sku_unknown")
    row = tx.session.scalars(
        select(GroupPrice).where(GroupPrice.group_id == group.id, GroupPrice.sku_id == sku.id)
    ).one_or_none()
    before = {"price": row.price, "sku": sku.code} if row else {}
    if cmd.price is None:
        if row is None:
            raise NotFound(say("This SKU is not on the list"), code="price_not_found")
        tx.session.delete(row)
    elif row is None:
        price = not_negative(cmd.price, "price")
        row = GroupPrice(group_id=group.id, sku_id=sku.id, price=price, set_by=tx.actor.label[:120])
        tx.session.add(row)
    elif row.price == cmd.price:
        return Saved(row.id, changed=False)
    else:
        row.price, row.set_at, row.set_by = not_negative(cmd.price, "price"), clock.now(), tx.actor.label[:120]
    tx.session.flush()
    after = {"price": cmd.price, "sku": sku.code}
    audit.record(tx, "customer_group.price", "customer_group", group.id, group.name, before=before, after=after)
    return Saved(row.id)


def agreed_prices(tx: Tx, customer_id: int | None, phone: str, sku_ids: Collection[int]) -> AgreedPrices | None:
    """The price list of a buyer's group for these SKUs, None without one. The buyer is named, or known by phone."""
    person = select(Customer.group).where(Customer.group != "")
    if customer_id is not None:
        person = person.where(Customer.id == customer_id)
    elif number := read_phone(phone):
        owner = select(CustomerIdentity.customer_id).where(
            CustomerIdentity.kind == IdentityKind.PHONE, CustomerIdentity.external_id == number
        )
        person = person.where(Customer.id.in_(owner))
    else:
        return None
    rows = tx.session.execute(
        select(CustomerGroup.name, GroupPrice.sku_id, GroupPrice.price)
        .join(GroupPrice, GroupPrice.group_id == CustomerGroup.id)
        .where(
            CustomerGroup.name.in_(person), CustomerGroup.is_active, GroupPrice.sku_id.in_(sorted(set(sku_ids))),
        )
    ).all()  # fmt: skip
    if not rows:
        return None
    prices: Mapping[int, Money] = {sku_id: price for _, sku_id, price in rows}
    return AgreedPrices(rows[0][0], prices)


def with_agreed_prices(tx: Tx, order: PlaceOrder) -> PlaceOrder:
    """The order with the prices of its buyer's group; whatever it said of them before does not count."""
    skus = {line.sku_id for line in order.lines}
    return replace(order, agreed=agreed_prices(tx, order.customer_id, order.ship_to.phone, skus))
