"""People who buy: entered, corrected, recognized by what they call themselves, and the places they live at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from oms import audit, clock
from oms.customers import queries
from oms.customers.finding import search_text
from oms.customers.models import Customer, CustomerAddress, CustomerIdentity, CustomerSearch, IdentityKind
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.thai.phone import format_phone, parse_phone
from oms.thai.tax_id import HEAD_OFFICE, parse_branch, parse_tax_id
from oms.thai.text import clean, clean_lines, grams

MAX_NAME = 200
MAX_LINE = 500
MAX_TEXT = 4000


@dataclass(frozen=True)
class TaxIdentity:
    """Whom a tax invoice names. All empty: this person wants none. Branch: five digits, 00000 the head office."""

    name: str = ""
    tax_id: str = ""
    branch: str = ""
    address: str = ""


@dataclass(frozen=True)
class Address:
    """Where parcels go, as written; only cleaned, never corrected."""

    recipient: str
    phone: str = ""
    line: str = ""
    subdistrict: str = ""
    district: str = ""
    province: str = ""
    postcode: str = ""


@dataclass(frozen=True)
class IdentityInput:
    """One more way a person is known: a LINE id, a Facebook name, a marketplace's buyer id."""

    kind: IdentityKind
    external_id: str
    label: str = ""


@dataclass(frozen=True)
class CreateCustomer:
    """A new person."""

    name: str
    phone: str = ""
    email: str = ""
    group: str = ""
    note: str = ""
    tax: TaxIdentity = field(default_factory=TaxIdentity)
    identities: tuple[IdentityInput, ...] = ()
    address: Address | None = None


@dataclass(frozen=True)
class EditCustomer:
    """The whole card as it shall be, over the version the editor saw."""

    customer_id: int
    version: int
    name: str
    phone: str = ""
    email: str = ""
    group: str = ""
    note: str = ""
    tax: TaxIdentity = field(default_factory=TaxIdentity)


@dataclass(frozen=True)
class AddIdentity:
    customer_id: int
    identity: IdentityInput


@dataclass(frozen=True)
class CorrectIdentity:
    """Mend a mistyped identity. A phone that was corrected no longer finds the person by the old number."""

    identity_id: int
    external_id: str
    label: str = ""


@dataclass(frozen=True)
class SaveAddress:
    """Add an address, or change the one with ``address_id``."""

    customer_id: int
    address: Address
    address_id: int | None = None


@dataclass(frozen=True)
class CustomerSaved:
    """``changed`` is False when what was saved is what was there."""

    customer_id: int
    changed: bool = True


@dataclass(frozen=True)
class AddressSaved:
    address_id: int
    changed: bool = True


def create_customer(tx: Tx, cmd: CreateCustomer) -> CustomerSaved:
    """Enter a new person with everything known. Refused when the phone or an identity belongs to somebody already."""
    tx.actor.require("customer.edit")
    card = _card(cmd.name, cmd.phone, cmd.email, cmd.group, cmd.note, cmd.tax)
    person = Customer(**card, created_at=clock.now(), version=1)
    tx.session.add(person)
    tx.session.flush()  # identities, addresses and the audit row name the person by id
    if person.phone:
        _attach(tx, person, IdentityInput(IdentityKind.PHONE, person.phone), "phone")
    for identity in cmd.identities:
        _attach(tx, person, identity, identity.kind.value)
    audit.record(tx, "customer.created", "customer", person.id, person.name, after=_known(card))
    if cmd.address is not None:
        save_address(tx, SaveAddress(person.id, cmd.address))
    index_customer(tx, person)
    return CustomerSaved(person.id)


def edit_customer(tx: Tx, cmd: EditCustomer) -> CustomerSaved:
    """Change a person's card. Refused over a stale version, and when the new phone belongs to somebody else."""
    tx.actor.require("customer.edit")
    person = lock_living(tx, cmd.customer_id, cmd.version)
    card = _card(cmd.name, cmd.phone, cmd.email, cmd.group, cmd.note, cmd.tax)
    before, after = audit.changes({key: getattr(person, key) for key in card}, card)
    if not after:
        return CustomerSaved(person.id, changed=False)
    for key, value in after.items():
        setattr(person, key, value)
    if after.get("phone"):
        _attach(tx, person, IdentityInput(IdentityKind.PHONE, person.phone), "phone")
    audit.record(tx, "customer.edited", "customer", person.id, person.name, before=before, after=after)
    index_customer(tx, person)
    return CustomerSaved(person.id)


def add_identity(tx: Tx, cmd: AddIdentity) -> CustomerSaved:
    """Remember one more way this person is known. Adding it twice changes nothing."""
    tx.actor.require("customer.edit")
    person = lock_living(tx, cmd.customer_id)
    added = _attach(tx, person, cmd.identity, "external_id")
    if added:
        kind, value = added
        audit.record(tx, "customer.identity_added", "customer", person.id, person.name, after={kind.value: value})
        index_customer(tx, person)
    return CustomerSaved(person.id, changed=added is not None)


def correct_identity(tx: Tx, cmd: CorrectIdentity) -> CustomerSaved:
    """Mend what an identity says; what it said stays in the audit log."""
    tx.actor.require("customer.edit")
    identity = tx.session.get(CustomerIdentity, cmd.identity_id)
    if identity is None:
        raise NotFound(say("There is no such identity"), code="identity_not_found")
    person = lock_living(tx, identity.customer_id)
    kind, value, label = _identity(IdentityInput(identity.kind, cmd.external_id, cmd.label), "external_id")
    before, after = audit.changes(
        {"external_id": identity.external_id, "label": identity.label}, {"external_id": value, "label": label}
    )
    if not after:
        return CustomerSaved(person.id, changed=False)
    _refuse_taken(tx, person, kind, value, "external_id")
    if kind is IdentityKind.PHONE and person.phone == identity.external_id:
        person.phone = value
    identity.external_id, identity.label = value, label
    audit.record(tx, "customer.identity_corrected", "customer", person.id, person.name, before=before, after=after)
    index_customer(tx, person)
    return CustomerSaved(person.id)


def remove_identity(tx: Tx, identity_id: int) -> CustomerSaved:
    """This is not how the person is known; what it was stays in the audit log."""
    tx.actor.require("customer.edit")
    identity = tx.session.get(CustomerIdentity, identity_id)
    if identity is None:
        raise NotFound(say("There is no such identity"), code="identity_not_found")
    person = queries.lock_customer(tx, identity.customer_id)
    before = {identity.kind.value: identity.external_id, "label": identity.label}
    tx.session.delete(identity)
    tx.session.flush()  # the search text is read back from the identities
    audit.record(tx, "customer.identity_removed", "customer", person.id, person.name, before=_known(before))
    index_customer(tx, person)
    return CustomerSaved(person.id)


def save_address(tx: Tx, cmd: SaveAddress) -> AddressSaved:
    """Keep a place parcels go to. The same place again is only marked as used."""
    tx.actor.require("customer.edit")
    person = lock_living(tx, cmd.customer_id)
    fields = _address(cmd.address)
    if cmd.address_id is not None:
        return _change_address(tx, person, cmd.address_id, fields)
    same = _same_place(tx, person.id, fields)
    if same is not None:
        same.last_used_at = clock.now()
        return AddressSaved(same.id, changed=False)
    row = CustomerAddress(customer_id=person.id, **fields, last_used_at=clock.now())
    tx.session.add(row)
    tx.session.flush()  # the answer and the audit row name the address by id
    audit.record(tx, "customer.address_added", "customer", person.id, person.name, after=_known(fields))
    return AddressSaved(row.id)


def lock_living(tx: Tx, customer_id: int, version: int | None = None) -> Customer:
    """A card that data may be written on, locked. Raises Refused for an erased person, for nothing may come back, and
    for a card that was merged into another, for nobody would find it there."""
    person = queries.lock_customer(tx, customer_id, version)
    if person.anonymised_at is not None:
        raise Refused(say("This person was erased before"), code="erased_before")
    if person.merged_into_id is not None:
        raise Refused(say("This card was merged into another; write it there"), code="merged_before")
    return person


def _change_address(tx: Tx, person: Customer, address_id: int, fields: Mapping[str, str]) -> AddressSaved:
    row = tx.session.get(CustomerAddress, address_id)
    if row is None or row.customer_id != person.id:
        raise NotFound(say("There is no such address"), code="address_not_found")
    before, after = audit.changes({key: getattr(row, key) for key in fields}, fields)
    for key, value in after.items():
        setattr(row, key, value)
    if after:
        audit.record(tx, "customer.address_edited", "customer", person.id, person.name, before=before, after=after)
    return AddressSaved(row.id, changed=bool(after))


def _same_place(tx: Tx, customer_id: int, fields: Mapping[str, str]) -> CustomerAddress | None:
    statement = select(CustomerAddress).where(CustomerAddress.customer_id == customer_id)
    for key, value in fields.items():
        statement = statement.where(getattr(CustomerAddress, key) == value)
    return tx.session.scalars(statement.limit(1)).one_or_none()


def _bounded(text: str, most: int, name: str) -> str:
    """The cleaned text; raises InvalidInput when it is longer than its column."""
    cleaned = clean_lines(text) if most == MAX_TEXT else clean(text)
    if len(cleaned) > most:
        raise InvalidInput(
            say("This is too long: {length} characters, {most} at most", length=len(cleaned), most=most),
            field=name,
            code="too_long",
        )
    return cleaned


def _card(name: str, phone: str, email: str, group: str, note: str, tax: TaxIdentity) -> dict[str, str]:
    """The columns of a person's card, checked and in house form."""
    called = _bounded(name, MAX_NAME, "name")
    if not called:
        raise InvalidInput(say("A customer needs a name"), field="name", code="name_missing")
    mail = _bounded(email, MAX_NAME, "email").lower()
    if mail and ("@" not in mail.strip("@") or " " in mail):
        raise InvalidInput(say("“{text}” is not an e-mail address", text=email), field="email", code="email")
    return {
        "name": called,
        "phone": parse_phone(phone, "phone") if phone.strip() else "",
        "email": mail,
        "group": _bounded(group, 60, "group"),
        "note": _bounded(note, MAX_TEXT, "note"),
        **tax_columns(tax),
    }


def tax_columns(tax: TaxIdentity) -> dict[str, str]:
    """The columns of a tax identity, checked and in house form."""
    number = parse_tax_id(tax.tax_id, "tax_id") if tax.tax_id.strip() else ""
    branch = parse_branch(tax.branch, "tax_branch") if number or tax.branch.strip() else ""
    return {
        "tax_name": _bounded(tax.name, MAX_NAME, "tax_name"),
        "tax_id": number,
        "tax_branch": branch or (HEAD_OFFICE if number else ""),
        "tax_address": _bounded(tax.address, MAX_TEXT, "tax_address"),
    }


def _address(address: Address) -> dict[str, str]:
    """The columns of an address, checked for size and phone; whether places agree is a warning, not a refusal."""
    fields = {
        "recipient": _bounded(address.recipient, MAX_NAME, "recipient"),
        "phone": parse_phone(address.phone, "phone") if address.phone.strip() else "",
        "line": _bounded(address.line, MAX_LINE, "line"),
        "subdistrict": _bounded(address.subdistrict, 100, "subdistrict"),
        "district": _bounded(address.district, 100, "district"),
        "province": _bounded(address.province, 100, "province"),
        "postcode": _bounded(address.postcode, 10, "postcode"),
    }
    if not fields["recipient"]:
        raise InvalidInput(say("An address needs the recipient's name"), field="recipient", code="recipient_missing")
    if not fields["line"] and not fields["postcode"]:
        raise InvalidInput(say("The address is empty"), field="line", code="address_missing")
    return fields


def _identity(identity: IdentityInput, name: str) -> tuple[IdentityKind, str, str]:
    """Kind, value in house form, label."""
    value = _bounded(identity.external_id, MAX_NAME, name)
    if not value:
        raise InvalidInput(say("The identity is empty"), field=name, code="identity_missing")
    if identity.kind is IdentityKind.PHONE:
        value = parse_phone(value, name)
    if identity.kind is IdentityKind.EMAIL:
        value = value.lower()
    return identity.kind, value, _bounded(identity.label, MAX_NAME, "label")


def _refuse_taken(tx: Tx, person: Customer, kind: IdentityKind, value: str, name: str) -> bool:
    """Whether the person has this identity already; raises InvalidInput when somebody else has it."""
    owner = queries.find_by_identity(tx.session, kind, value)
    if owner is None or owner.id == person.id:
        return owner is not None
    shown = format_phone(value) if kind is IdentityKind.PHONE else value
    raise InvalidInput(
        say("{identity} belongs to {name} already (customer {id})", identity=shown, name=owner.name, id=owner.id),
        field=name,
        code="identity_taken",
    )


def _attach(tx: Tx, person: Customer, identity: IdentityInput, name: str) -> tuple[IdentityKind, str] | None:
    """Give the person an identity; None when it was theirs already."""
    kind, value, label = _identity(identity, name)
    if _refuse_taken(tx, person, kind, value, name):
        return None
    tx.session.add(CustomerIdentity(customer_id=person.id, kind=kind, external_id=value, label=label))
    tx.session.flush()  # the search text is read back from the identities
    return kind, value


def index_customer(tx: Tx, person: Customer, *more: str) -> None:
    """Rewrite the text the person is found by; ``more``: what else they were called."""
    values = tx.session.scalars(
        select(CustomerIdentity.external_id)
        .where(CustomerIdentity.customer_id == person.id)
        .order_by(CustomerIdentity.id)
    )
    others = [value for value in values if value != person.phone]
    if person.tax_id:
        others.append(person.tax_id)
    others += more
    text = search_text(person.name, person.phone, others)
    row = tx.session.get(CustomerSearch, person.id)
    if row is None:
        tx.session.add(CustomerSearch(customer_id=person.id, haystack=text, grams=grams(text)))
    else:
        row.haystack, row.grams = text, grams(text)


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Only what was filled in."""
    return {key: value for key, value in fields.items() if value}
