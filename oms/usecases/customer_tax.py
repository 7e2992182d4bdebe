"""Several names for tax invoices of one person: kept beside the card, and put on it with a click."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from oms import audit
from oms.customers.models import Customer
from oms.customers.people_models import CustomerTaxIdentity
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, say
from oms.usecases.customers import TaxIdentity, index_customer, lock_living, tax_columns
from oms.usecases.keeping import Saved


@dataclass(frozen=True)
class AddTaxIdentity:
    customer_id: int
    tax: TaxIdentity


def add_tax_identity(tx: Tx, cmd: AddTaxIdentity) -> Saved:
    """Keep one more tax identity of a person. The same one again changes nothing."""
    tx.actor.require("customer.edit")
    person = lock_living(tx, cmd.customer_id)
    fields = tax_columns(cmd.tax)
    if not fields["tax_name"]:
        raise InvalidInput(say("Enter the name tax invoices are made out to"), field="tax_name", code="name_missing")
    return _keep(tx, person, fields)


def use_tax_identity(tx: Tx, customer_id: int, identity_id: int) -> Saved:
    """Put a kept tax identity on the card; the one that was there is kept beside it."""
    tx.actor.require("customer.edit")
    person = lock_living(tx, customer_id)
    row = tx.session.get(CustomerTaxIdentity, identity_id)
    if row is None or row.customer_id != person.id:
        raise NotFound(say("There is no such tax identity"), code="tax_identity_not_found")
    was = {name: getattr(person, name) for name in ("tax_name", "tax_id", "tax_branch", "tax_address")}
    now = {"tax_name": row.name, "tax_id": row.tax_id, "tax_branch": row.branch, "tax_address": row.address}
    before, after = audit.changes(was, now)
    if not after:
        return Saved(row.id, changed=False)
    for name, value in now.items():
        setattr(person, name, value)
    tx.session.delete(row)
    tx.session.flush()
    if was["tax_name"]:
        _keep(tx, person, was)
    audit.record(tx, "customer.edited", "customer", person.id, person.name, before=before, after=after)
    index_customer(tx, person)
    return Saved(person.id)


def _keep(tx: Tx, person: Customer, fields: dict[str, str]) -> Saved:
    same = select(CustomerTaxIdentity).where(
        CustomerTaxIdentity.customer_id == person.id, CustomerTaxIdentity.tax_id == fields["tax_id"],
        CustomerTaxIdentity.branch == fields["tax_branch"], CustomerTaxIdentity.name == fields["tax_name"],
    )  # fmt: skip
    known = tx.session.scalars(same).one_or_none()
    if known is not None:
        return Saved(known.id, changed=False)
    row = CustomerTaxIdentity(
        customer_id=person.id, name=fields["tax_name"], tax_id=fields["tax_id"], branch=fields["tax_branch"],
        address=fields["tax_address"],
    )  # fmt: skip
    tx.session.add(row)
    tx.session.flush()
    audit.record(tx, "customer.tax_identity_added", "customer", person.id, person.name, after=fields)
    return Saved(row.id)
