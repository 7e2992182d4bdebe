"""Customers over the API. A key limited to shops or warehouses knows only the people who bought there."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema
from sqlalchemy import Select, select

from oms.actor import Actor
from oms.customers.models import Customer
from oms.db import Tx
from oms.errors import NotFound, say
from oms.orders.models import Order
from oms.orders.queries import scoped
from oms.thai.phone import mask_phone, read_phone
from oms.usecases.customers import CreateCustomer, TaxIdentity, create_customer
from views.api import shapes
from views.api.guard import Call, Endpoint
from views.api.paging import page, place_of
from views.api.schemas import Page, Whole, Words


class CustomerIn(Schema):
    """A person."""

    name = Words(200, least=1, required=True)
    phone = Words(40, load_default="")
    email = Words(200, load_default="")
    group = Words(60, load_default="")
    note = Words(2000, load_default="")
    tax_name = Words(200, load_default="")
    tax_id = Words(13, load_default="")
    tax_branch = Words(5, load_default="")
    tax_address = Words(1000, load_default="")


class CustomerQuery(Page):
    """Which customers; ``phone`` is the whole number."""

    phone = Words(40, least=1)


class CustomerMade(Schema):
    """A person who is known now."""

    id = Whole(required=True)


def visible_customers(actor: Actor) -> Select[Customer]:
    """The people this actor may know of."""
    statement = select(Customer)
    if actor.shops is None and actor.warehouses is None:
        return statement
    return statement.where(scoped(actor, select(Order.id)).where(Order.customer_id == Customer.id).exists())


def one_customer(tx: Tx, customer_id: int) -> Customer:
    """One of them. Raises NotFound."""
    found = tx.session.scalars(visible_customers(tx.actor).where(Customer.id == customer_id)).one_or_none()
    if found is None:
        raise NotFound(say("There is no such customer"), code="customer_not_found")
    return found


def check_customer(tx: Tx, customer_id: int) -> None:
    """Raise NotFound unless an order of this key may name this person."""
    found = visible_customers(tx.actor).with_only_columns(Customer.id).where(Customer.id == customer_id)
    if tx.session.scalar(found) is None:
        raise NotFound(say("There is no such customer"), field="customer_id", code="customer_not_found")


def shown(tx: Tx, person: Customer) -> dict[str, Any]:
    """A person as this key may see them."""
    said = {name: getattr(person, name) for name in shapes.CustomerOut().fields}
    return said if tx.actor.may("customer.phone") else said | {"phone": mask_phone(person.phone)}


def read(tx: Tx, call: Call) -> tuple[int, Any]:
    """One person."""
    return 200, shown(tx, one_customer(tx, call.ids["customer_id"]))


def listed(tx: Tx, call: Call) -> tuple[int, Any]:
    """People, the newest first."""
    asked = call.query
    statement = visible_customers(tx.actor)
    if "phone" in asked:
        tx.actor.require("customer.phone")  # else numbers could be tried out
        statement = statement.where(Customer.phone == (read_phone(asked["phone"]) or "-"))
    if begins := place_of(asked, (int,)):
        statement = statement.where(Customer.id < begins[0])
    rows = tx.session.scalars(statement.order_by(Customer.id.desc()).limit(asked["limit"] + 1)).all()
    kept, cursor = page(rows, asked["limit"], lambda c: (c.id,))
    return 200, {"data": [shown(tx, person) for person in kept], "next": cursor}


def create(tx: Tx, call: Call) -> tuple[int, Any]:
    """A new person."""
    given = call.body
    tax = TaxIdentity(given["tax_name"], given["tax_id"], given["tax_branch"], given["tax_address"])
    made = create_customer(
        tx, CreateCustomer(given["name"], given["phone"], given["email"], given["group"], given["note"], tax)
    )
    return 201, {"id": made.customer_id}


ENDPOINTS = (
    Endpoint("create_customer", "POST", "/customers", "customer.edit", "Add a customer", create, CustomerMade(),
             CustomerIn(), statuses=(201,), tag="Customers"),
    Endpoint("list_customers", "GET", "/customers", "customer.view", "Customers, the newest first", listed,
             shapes.page_of(shapes.CustomerOut), query=CustomerQuery(), tag="Customers"),
    Endpoint("get_customer", "GET", "/customers/<int:customer_id>", "customer.view", "One customer", read,
             shapes.CustomerOut(), tag="Customers"),
)  # fmt: skip
