"""One person over all channels: what they ordered and owe, what they usually buy, what speaks against them, and other
cards that may be the same person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select

from oms import clock
from oms.customers.fingerprint import address_key, bare_name, handles, name_key
from oms.customers.models import Customer, CustomerAddress, CustomerIdentity, IdentityKind
from oms.customers.people_models import Block, BlockKind, CustomerMerge, CustomerTaxIdentity
from oms.customers.queries import matching
from oms.db import Tx
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.orders.states import OrderStatus, PaymentStatus, PaymentTerm
from oms.payments.cod_models import CodEntry
from oms.payments.cod_risk import CodRisk, cod_risks
from oms.payments.states import CodStatus
from oms.returns.models import Return
from oms.returns.states import ReturnKind
from oms.usecases.orders_again import usual_items

LIKE_LABELS: dict[str, str] = {
    "phone": "The same phone", "chat": "The same chat name", "home": "The same name and address",
}  # fmt: skip
LOOKED_AT = 20
_LIVE = (OrderStatus.CONFIRMED, OrderStatus.COMPLETED)
_OWING = (PaymentStatus.UNPAID, PaymentStatus.PARTIAL, PaymentStatus.PENDING_REVIEW)


@dataclass(frozen=True)
class Totals:
    """Figures over the orders the reader may see. ``unpaid``: what is missing on prepaid orders that live."""

    orders: int
    value: Money
    first_at: datetime | None
    last_at: datetime | None
    channels: int
    unpaid_orders: int
    unpaid: Money
    canceled: int
    returns: int
    not_delivered: int
    refused: int


@dataclass(frozen=True)
class Like:
    """Another card that may be the same person, and why."""

    id: int
    name: str
    phone: str
    why: Sequence[str]


@dataclass(frozen=True)
class Usual:
    """What a person buys again and again."""

    code: str
    name: str
    pieces: int
    orders: int


@dataclass(frozen=True)
class CustomerPage:
    """Everything beyond the card itself."""

    totals: Totals
    usual: Sequence[Usual]
    likes: Sequence[Like]
    risk: CodRisk
    blocks: Sequence[Block]
    taxes: Sequence[CustomerTaxIdentity]
    merges: Sequence[CustomerMerge]


def customer_page(tx: Tx, person: Customer) -> CustomerPage:
    """Read it, in a fixed number of statements."""
    tx.actor.require("customer.view")
    lived = select(CustomerAddress).where(CustomerAddress.customer_id == person.id)
    addresses = tx.session.scalars(lived.order_by(CustomerAddress.id.desc()).limit(20)).all()
    identities = tx.session.scalars(select(CustomerIdentity).where(CustomerIdentity.customer_id == person.id)).all()
    taxes = tx.session.scalars(
        select(CustomerTaxIdentity).where(CustomerTaxIdentity.customer_id == person.id).order_by(CustomerTaxIdentity.id)
    ).all()
    merges = tx.session.scalars(
        select(CustomerMerge)
        .where(or_(CustomerMerge.kept_id == person.id, CustomerMerge.gone_id == person.id))
        .where(CustomerMerge.undone_at.is_(None))
        .order_by(CustomerMerge.id.desc())
    ).all()
    phones = {person.phone, *(i.external_id for i in identities if i.kind is IdentityKind.PHONE)} - {""}
    places = {address_key(a.line, a.postcode) for a in addresses} - {""}
    usual = [Usual(*row) for row in usual_items(tx, person.id)] if tx.actor.may("order.view") else []
    return CustomerPage(
        _totals(tx, person.id), usual,
        _likes(tx, person, phones | {a.phone for a in addresses if a.phone}, identities, addresses),
        _risk(tx, phones, places), _blocks(tx, person.id, phones, places), taxes, merges,
    )  # fmt: skip


def _totals(tx: Tx, customer_id: int) -> Totals:
    mine = visible(tx.actor).where(Order.customer_id == customer_id)
    live, owing = Order.status.in_(_LIVE), Order.status == OrderStatus.CONFIRMED
    owes = owing & (Order.payment_term == PaymentTerm.PREPAID) & Order.payment_status.in_(_OWING)
    row = tx.session.execute(
        mine.with_only_columns(
            func.count().filter(live), func.sum(Order.total).filter(live), func.min(Order.placed_at).filter(live),
            func.max(Order.placed_at).filter(live), func.count(Order.channel.distinct()).filter(live),
            func.count().filter(owes), func.sum(Order.total - Order.verified_amount).filter(owes),
            func.count().filter(Order.status.in_([OrderStatus.CANCELED, OrderStatus.EXPIRED])),
        ).order_by(None)
    ).one()  # fmt: skip
    ids = mine.with_only_columns(Order.id).order_by(None)
    back = tx.session.execute(
        select(
            func.count().filter(Return.kind == ReturnKind.CUSTOMER), func.count().filter(Return.kind == ReturnKind.RTO)
        ).where(Return.order_id.in_(ids))
    ).one()
    refused = tx.session.scalar(
        select(func.count())
        .select_from(CodEntry)
        .where(CodEntry.order_id.in_(ids), CodEntry.status == CodStatus.REFUSED)
    )
    return Totals(
        row[0], _money(row[1]), row[2], row[3], row[4], row[5], _money(row[6]), row[7], back[0], back[1], refused or 0
    )


def _money(total: object) -> Money:
    return total if isinstance(total, Money) else ZERO if total is None else Money.satang(int(str(total)))


def _risk(tx: Tx, phones: Iterable[str], places: Iterable[str]) -> CodRisk:
    """All that is known against any phone or address of a person."""
    found = cod_risks(tx.session, [*((p, "") for p in sorted(phones)), *(("", a) for a in sorted(places))])
    reasons = tuple(dict.fromkeys(r for risk in found.values() for r in risk.blocked))
    return CodRisk(sum(r.by_phone for r in found.values()), sum(r.by_address for r in found.values()), reasons)


def _blocks(tx: Tx, customer_id: int, phones: set[str], places: set[str]) -> Sequence[Block]:
    return tx.session.scalars(
        select(Block)
        .where(
            or_(
                Block.customer_id == customer_id,
                (Block.kind == BlockKind.PHONE) & Block.value.in_(sorted(phones)),
                (Block.kind == BlockKind.ADDRESS) & Block.value.in_(sorted(places)),
            ),
            Block.lifted_at.is_(None), Block.expires_at > clock.now(),
        )
        .order_by(Block.id.desc())
    ).all()  # fmt: skip


def _likes(
    tx: Tx,
    person: Customer,
    phones: set[str],
    identities: Sequence[CustomerIdentity],
    addresses: Sequence[CustomerAddress],
) -> list[Like]:
    """Cards that share a phone, a chat name, or the name and the address."""
    if person.merged_into_id is not None:
        return []
    why: dict[int, set[str]] = {}
    for other in _with_phone(tx, phones):
        why.setdefault(other, set()).add("phone")
    for other in _with_handle(tx, identities):
        why.setdefault(other, set()).add("chat")
    for other in _with_home(tx, person, addresses):
        why.setdefault(other, set()).add("home")
    why.pop(person.id, None)
    if not why:
        return []
    rows = tx.session.scalars(
        select(Customer)
        .where(Customer.id.in_(sorted(why)), Customer.merged_into_id.is_(None))
        .order_by(Customer.id)
        .limit(LOOKED_AT)
    )
    return [Like(c.id, c.name, c.phone, [LIKE_LABELS[w] for w in sorted(why[c.id])]) for c in rows]


def _with_phone(tx: Tx, phones: set[str]) -> list[int]:
    if not phones:
        return []
    wanted = sorted(phones)
    cards = select(Customer.id).where(Customer.phone.in_(wanted))
    known = select(CustomerIdentity.customer_id).where(
        CustomerIdentity.kind == IdentityKind.PHONE, CustomerIdentity.external_id.in_(wanted)
    )
    lived = select(CustomerAddress.customer_id).where(CustomerAddress.phone.in_(wanted))
    return list(tx.session.scalars(cards.union(known, lived).limit(100)))


def _with_handle(tx: Tx, identities: Sequence[CustomerIdentity]) -> list[int]:
    """The same chat name in another spelling; spelled alike it could not be somebody else's."""
    names = sorted({h for i in identities if i.kind is not IdentityKind.PHONE for h in handles(i.external_id)})
    kinds = sorted({i.kind for i in identities if i.kind is not IdentityKind.PHONE})
    if not names:
        return []
    same = select(CustomerIdentity.customer_id).where(
        CustomerIdentity.kind.in_(kinds), CustomerIdentity.external_id.in_(names)
    )
    return list(tx.session.scalars(same.limit(100)))


def _with_home(tx: Tx, person: Customer, addresses: Sequence[CustomerAddress]) -> list[int]:
    homes = {(name_key(a.recipient), address_key(a.line, a.postcode)) for a in addresses}
    homes |= {(name_key(person.name), place) for _, place in homes}
    found = matching(bare_name(person.name)[:80])
    if found is None or not any(place for _, place in homes):
        return []
    near = tx.session.execute(
        select(CustomerAddress.customer_id, CustomerAddress.recipient, CustomerAddress.line, CustomerAddress.postcode)
        .where(CustomerAddress.customer_id.in_(found.limit(LOOKED_AT * 5)), CustomerAddress.customer_id != person.id)
        .limit(LOOKED_AT * 20)
    )
    keys = [(i, name_key(name), address_key(line, code)) for i, name, line, code in near]
    return [i for i, name, place in keys if place and (name, place) in homes]


@dataclass(frozen=True)
class Twins:
    """Cards with one main phone."""

    phone: str
    people: Sequence[Customer]


def twins(tx: Tx, most: int = 50) -> list[Twins]:
    """Living cards that share their main phone: the worklist of merging."""
    tx.actor.require("customer.merge")
    shared = (
        select(Customer.phone)
        .where(Customer.phone != "", Customer.merged_into_id.is_(None))
        .group_by(Customer.phone)
        .having(func.count() > 1)
        .order_by(Customer.phone)
        .limit(most)
    )
    rows = tx.session.scalars(
        select(Customer)
        .where(Customer.phone.in_(shared), Customer.merged_into_id.is_(None))
        .order_by(Customer.phone, Customer.id)
    )
    found: dict[str, list[Customer]] = {}
    for row in rows:
        found.setdefault(row.phone, []).append(row)
    return [Twins(phone, people) for phone, people in found.items()]
