"""Reads and locks of customers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, selectinload

from oms.customers.models import Customer, CustomerAddress, CustomerIdentity, CustomerSearch, IdentityKind
from oms.db import Tx
from oms.errors import Conflict, NotFound, say
from oms.thai.phone import phone_fragment
from oms.thai.text import GRAM, normalize, query_grams

_CANDIDATES = 200  # rows looked at for one search; more means that too little was typed
_ESCAPE = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


@dataclass(frozen=True)
class CustomerHit:
    """A person found while typing, with the addresses parcels went to, the latest first."""

    id: int
    name: str
    phone: str
    tax_id: str
    identities: tuple[tuple[IdentityKind, str], ...]
    addresses: tuple[CustomerAddress, ...]


def matching(text: str) -> Select[int] | None:
    """Ids of customers found by a fragment of phone, name or identity; None when too little was typed."""
    fragment = phone_fragment(text)
    words = [fragment] if fragment else normalize(text).split()
    pieces = query_grams(" ".join(words))
    if not pieces or max(map(len, words)) < min(GRAM, 2):
        return None
    statement = select(CustomerSearch.customer_id).where(CustomerSearch.grams.contains(pieces))
    for word in words:
        statement = statement.where(CustomerSearch.haystack.like(f"%{word.translate(_ESCAPE)}%", escape="\\"))
    return statement


def narrow(statement: Select[Any], text: str) -> Select[Any]:
    """Narrow a statement that selects from ``Customer``; too little text finds nobody rather than everybody."""
    if not text.strip():
        return statement
    found = matching(text.replace("\x00", "")[:200])
    return statement.where(Customer.id < 0 if found is None else Customer.id.in_(found))


def search(session: Session, text: str, limit: int = 8) -> list[CustomerHit]:
    """People for what is being typed, those whose name or phone begins with it first. Three statements."""
    found = matching(text)
    if found is None:
        return []
    needle = phone_fragment(text) or normalize(text)
    ids = found.limit(_CANDIDATES).subquery()
    begins = (
        func.lower(Customer.name).startswith(needle, autoescape=True)
        | Customer.phone.startswith(needle, autoescape=True)
        | Customer.phone.endswith(needle, autoescape=True)
    )
    statement = (
        select(Customer)
        .join(ids, ids.c.customer_id == Customer.id)
        .order_by(begins.desc(), Customer.id.desc())
        .limit(limit)
    )
    return _hits(session, list(session.scalars(statement)))


def _hits(session: Session, people: Sequence[Customer]) -> list[CustomerHit]:
    ids = [person.id for person in people]
    addresses = addresses_of(session, ids)
    identities: dict[int, list[tuple[IdentityKind, str]]] = {}
    if ids:
        rows = select(CustomerIdentity.customer_id, CustomerIdentity.kind, CustomerIdentity.external_id).where(
            CustomerIdentity.customer_id.in_(ids)
        )
        for customer_id, kind, external_id in session.execute(rows.order_by(CustomerIdentity.id)):
            identities.setdefault(customer_id, []).append((kind, external_id))
    return [
        CustomerHit(
            person.id, person.name, person.phone, person.tax_id, tuple(identities.get(person.id, ())),
            tuple(addresses.get(person.id, ())),
        )
        for person in people
    ]  # fmt: skip


def addresses_of(session: Session, customer_ids: Collection[int], each: int = 5) -> dict[int, list[CustomerAddress]]:
    """The addresses of several people, the latest used first, at most ``each`` per person."""
    if not customer_ids:
        return {}
    ranked = (
        select(
            CustomerAddress.id,
            func.row_number()
            .over(
                partition_by=CustomerAddress.customer_id,
                order_by=(CustomerAddress.last_used_at.desc(), CustomerAddress.id.desc()),
            )
            .label("rank"),
        )
        .where(CustomerAddress.customer_id.in_(sorted(set(customer_ids))))
        .subquery()
    )
    statement = (
        select(CustomerAddress)
        .join(ranked, ranked.c.id == CustomerAddress.id)
        .where(ranked.c.rank <= each)
        .order_by(CustomerAddress.customer_id, ranked.c.rank)
    )
    grouped: dict[int, list[CustomerAddress]] = {}
    for address in session.scalars(statement):
        grouped.setdefault(address.customer_id, []).append(address)
    return grouped


def find_by_identity(session: Session, kind: IdentityKind, external_id: str) -> Customer | None:
    """The person an identity belongs to, if anybody."""
    statement = (
        select(Customer)
        .join(CustomerIdentity, CustomerIdentity.customer_id == Customer.id)
        .where(CustomerIdentity.kind == kind, CustomerIdentity.external_id == external_id)
    )
    return session.scalars(statement).one_or_none()


def get_customer(session: Session, customer_id: int) -> Customer:
    """One person with identities and addresses. Raises NotFound."""
    statement = (
        select(Customer)
        .where(Customer.id == customer_id)
        .options(selectinload(Customer.identities), selectinload(Customer.addresses))
    )
    person = session.scalars(statement).one_or_none()
    if person is None:
        raise NotFound(say("There is no such customer"), code="customer_not_found")
    return person


def lock_customer(tx: Tx, customer_id: int, version: int | None = None) -> Customer:
    """One person, locked and read afresh. Raises NotFound, or Conflict when ``version`` is not the one stored."""
    statement = (
        select(Customer)
        .where(Customer.id == customer_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    person = tx.session.scalars(statement).one_or_none()
    if person is None:
        raise NotFound(say("There is no such customer"), code="customer_not_found")
    if version is not None and person.version != version:
        raise Conflict(say("Someone else changed this customer; reload and look again"), code="stale")
    return person
