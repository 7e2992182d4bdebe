"""The shop's own setup: warehouses, shops on channels, accounts customers pay into. Closed, never deleted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from oms import audit
from oms.banks.codes import find_bank
from oms.catalog.models import Channel, Shop
from oms.db import Tx
from oms.errors import InvalidInput, Refused, say
from oms.inventory.models import Warehouse, WarehouseKind
from oms.payments.models import ReceivingAccount
from oms.thai.phone import read_phone
from oms.thai.tax_id import is_tax_id
from oms.thai.text import arabic_digits, clean
from oms.usecases.keeping import Saved, between, bounded, checked, known, lock_row, names, put, refuse_taken
from oms.usecases.stock_checks import refuse_stock

_CODE = re.compile(r"^[\w.\-\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]+$")  # vowels and tones of Thai are no letters to re
_HOURS = 24 * 365


@dataclass(frozen=True)
class WarehouseFacts:
    """A place goods are sent from; the lowest ``rank`` is preferred."""

    code: str
    name: str
    province: str = ""
    address: str = ""
    phone: str = ""
    rank: int = 100
    is_active: bool = True


@dataclass(frozen=True)
class ShopFacts:
    """One account on one channel. Hours None: unpaid orders never expire, no ship-by is set."""

    code: str
    name: str
    channel: Channel
    warehouse_id: int
    expire_hours: int | None = None
    ship_within_hours: int | None = None
    contact_url: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class AccountFacts:
    """An account customers pay into; ``promptpay`` is a phone number, a tax id or an e-wallet number.

    ``bank_code``: three digits as slips name banks (``oms.banks.codes``). ``biller_id`` and ``ref3_prefix`` are for
    bill payment by QR.
    """

    code: str
    bank: str
    account_no: str
    account_name: str
    promptpay: str = ""
    is_active: bool = True
    bank_code: str = ""
    biller_id: str = ""
    ref3_prefix: str = ""


@dataclass(frozen=True)
class Edit:
    """Which row, and the version the editor saw."""

    id: int
    version: int


def create_warehouse(tx: Tx, facts: WarehouseFacts) -> Saved:
    """Open a warehouse."""
    tx.actor.require("shop.edit")
    fields = _warehouse(facts)
    refuse_taken(tx, Warehouse.code, fields["code"], "code")
    return _create(tx, Warehouse(**fields), "warehouse", fields)


def edit_warehouse(tx: Tx, edit: Edit, facts: WarehouseFacts) -> Saved:
    """Change a warehouse. It can be closed when no shop sends from it and it holds no stock."""
    tx.actor.require("shop.edit")
    row = lock_row(tx, Warehouse, edit.id, edit.version)
    fields = _warehouse(facts)
    refuse_taken(tx, Warehouse.code, fields["code"], "code", row.id)
    if row.is_active and not facts.is_active:
        _refuse_in_use(tx, row)
    return _change(tx, row, "warehouse", fields)


def _refuse_in_use(tx: Tx, warehouse: Warehouse) -> None:
    shops = tx.session.scalars(
        select(Shop.code).where(Shop.warehouse_id == warehouse.id, Shop.is_active).limit(4)
    ).all()
    if shops:
        raise Refused(
            say("{shops} send from this warehouse; give them another one first", shops=names(shops)),
            field="is_active",
            code="warehouse_in_use",
        )
    refuse_stock(tx, warehouse)


def create_shop(tx: Tx, facts: ShopFacts) -> Saved:
    """Open a shop on a channel."""
    tx.actor.require("shop.edit")
    fields = _shop(tx, facts)
    refuse_taken(tx, Shop.code, fields["code"], "code")
    return _create(tx, Shop(**fields), "shop", fields)


def edit_shop(tx: Tx, edit: Edit, facts: ShopFacts) -> Saved:
    """Change a shop. Its channel stays: orders, buyers and names of it belong to that channel."""
    tx.actor.require("shop.edit")
    row = lock_row(tx, Shop, edit.id, edit.version)
    fields = _shop(tx, facts)
    refuse_taken(tx, Shop.code, fields["code"], "code", row.id)
    if facts.channel is not row.channel:
        raise InvalidInput(
            say("The channel of a shop cannot change; open another shop"), field="channel", code="channel_fixed"
        )
    return _change(tx, row, "shop", fields)


def create_account(tx: Tx, facts: AccountFacts) -> Saved:
    """Register an account that customers pay into."""
    tx.actor.require("shop.edit")
    fields = _account(facts)
    refuse_taken(tx, ReceivingAccount.code, fields["code"], "code")
    return _create(tx, ReceivingAccount(**fields), "account", fields)


def edit_account(tx: Tx, edit: Edit, facts: AccountFacts) -> Saved:
    """Change a receiving account. Payments that went to it keep pointing at it."""
    tx.actor.require("shop.edit")
    row = lock_row(tx, ReceivingAccount, edit.id, edit.version)
    fields = _account(facts)
    refuse_taken(tx, ReceivingAccount.code, fields["code"], "code", row.id)
    return _change(tx, row, "account", fields)


def _create(tx: Tx, row: Any, kind: str, fields: dict[str, Any]) -> Saved:
    tx.session.add(row)
    tx.session.flush()  # the audit row names it by id
    audit.record(tx, f"{kind}.created", kind, row.id, row.code, after=known(fields))
    return Saved(row.id)


def _change(tx: Tx, row: Any, kind: str, fields: dict[str, Any]) -> Saved:
    before, after = put(row, fields)
    if not after:
        return Saved(row.id, changed=False)
    audit.record(tx, f"{kind}.edited", kind, row.id, row.code, before=before, after=after)
    return Saved(row.id)


def code_of(text: str, most: int) -> str:
    """A code that files and commands name, or InvalidInput."""
    code = bounded(text, most, "code", missing=say("Enter a short code"))
    if not _CODE.match(code):
        raise InvalidInput(
            say("Use letters, digits, dot and hyphen only, no spaces: files and commands name it"),
            field="code",
            code="code_letters",
        )
    return code


def _warehouse(facts: WarehouseFacts) -> dict[str, Any]:
    return checked(
        code=lambda: code_of(facts.code, 20).upper(),
        name=lambda: bounded(facts.name, 200, "name", missing=say("Enter a name")),
        province=lambda: bounded(facts.province, 100, "province"),
        address=lambda: bounded(facts.address, 500, "address"),
        phone=lambda: bounded(facts.phone, 20, "phone"),
        rank=lambda: between(facts.rank, 0, 10_000, "rank"),
        is_active=lambda: facts.is_active,
    )


def _hours(value: int | None, field: str) -> int | None:
    return None if value is None else between(value, 1, _HOURS, field)


def _link(text: str) -> str:
    url = bounded(text, 300, "contact_url")
    if url and not url.startswith(("https://", "http://")):
        raise InvalidInput(say("A link begins with https://"), field="contact_url", code="link")
    return url


def _shop(tx: Tx, facts: ShopFacts) -> dict[str, Any]:
    return checked(
        code=lambda: code_of(facts.code, 40),
        name=lambda: bounded(facts.name, 200, "name", missing=say("Enter a name")),
        channel=lambda: facts.channel,
        warehouse_id=lambda: _open_warehouse(tx, facts.warehouse_id),
        expire_hours=lambda: _hours(facts.expire_hours, "expire_hours"),
        ship_within_hours=lambda: _hours(facts.ship_within_hours, "ship_within_hours"),
        contact_url=lambda: _link(facts.contact_url),
        is_active=lambda: facts.is_active,
    )


def _open_warehouse(tx: Tx, warehouse_id: int) -> int:
    row = tx.session.get(Warehouse, warehouse_id)
    if row is None or not row.is_active or row.kind is not WarehouseKind.OWN:
        raise InvalidInput(say("Choose an open warehouse"), field="warehouse_id", code="warehouse_closed")
    return row.id


def _account(facts: AccountFacts) -> dict[str, Any]:
    return checked(
        code=lambda: code_of(facts.code, 40),
        bank=lambda: bounded(facts.bank, 40, "bank", missing=say("Enter the bank or wallet")),
        account_no=lambda: _account_no(facts.account_no),
        account_name=lambda: bounded(facts.account_name, 200, "account_name", missing=say("Enter the account's name")),
        promptpay=lambda: _promptpay(facts.promptpay),
        bank_code=lambda: _bank_code(facts.bank_code or facts.bank),
        biller_id=lambda: _biller_id(facts.biller_id),
        ref3_prefix=lambda: _ref3_prefix(facts.ref3_prefix),
        is_active=lambda: facts.is_active,
    )


def _bank_code(text: str) -> str:
    """The code of a bank named by its code or short name; empty when none of the list is meant."""
    bank = find_bank(text)
    return bank.code if bank else ""


def _biller_id(text: str) -> str:
    digits = re.sub(r"[\s\-]", "", arabic_digits(clean(text)))
    if digits and not re.fullmatch(r"[0-9]{15}", digits):
        raise InvalidInput(
            say("A biller id has 15 digits: the tax id and two more; “{text}” has not", text=text),
            field="biller_id",
            code="biller_id",
        )
    return digits


def _ref3_prefix(text: str) -> str:
    prefix = clean(text).upper()
    if prefix and not re.fullmatch(r"[A-Z0-9]{1,20}", prefix):
        raise InvalidInput(
            say("A bill reference is up to 20 capital letters and digits; “{text}” is not", text=text),
            field="ref3_prefix",
            code="bill_reference",
        )
    return prefix


def _account_no(text: str) -> str:
    number = arabic_digits(bounded(text, 40, "account_no", missing=say("Enter the account number")))
    if sum(c.isdigit() for c in number) < 6 or re.search(r"[^\d\s\-]", number):
        raise InvalidInput(
            say("An account number has at least 6 digits and nothing but digits and hyphens"),
            field="account_no",
            code="account_no",
        )
    return number


def _promptpay(text: str) -> str:
    if not text.strip():
        return ""
    digits = re.sub(r"[\s\-]", "", arabic_digits(clean(text)))
    phone = read_phone(text)
    if phone and phone[:1] == "0":
        return phone
    if is_tax_id(digits) or (digits.isascii() and digits.isdecimal() and len(digits) == 15):
        return digits
    raise InvalidInput(
        say("PromptPay is a phone number, a 13-digit citizen or tax id, or a 15-digit e-wallet number"),
        field="promptpay",
        code="promptpay",
    )
