"""Who sells, as documents say it: the company, its branches, its series, the rates of VAT."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import delete, select

from oms import audit, clock
from oms.catalog.models import Shop
from oms.db import Tx
from oms.documents.kinds import KINDS
from oms.documents.models import (
    BranchShop,
    BranchWarehouse,
    Company,
    CompanyBranch,
    Document,
    DocumentSetting,
    VatRate,
)
from oms.documents.states import DocumentKind, SeriesEra
from oms.errors import Conflict, InvalidInput, Refused, say
from oms.inventory.models import Warehouse
from oms.thai.tax_id import HEAD_OFFICE, parse_branch, parse_tax_id
from oms.usecases.keeping import Saved, bounded, checked, known, lock_row, put, refuse_taken

_PREFIX = re.compile(r"[A-Z]{1,6}")
_SITE = re.compile(r"https?://[^\s/?#]+(?:/[^\s?#]*)?")


@dataclass(frozen=True)
class SaveCompany:
    """The whole company as it shall be; ``version`` None: it is entered for the first time."""

    name: str
    name_en: str = ""
    tax_id: str = ""
    is_vat_registered: bool = False
    vat_from: date | None = None
    phone: str = ""
    email: str = ""
    site_url: str = ""
    era: SeriesEra = SeriesEra.BE
    footer: str = ""
    version: int | None = None


@dataclass(frozen=True)
class SaveBranch:
    """A branch as it shall be, with the shops and warehouses that belong to it. ``branch_id`` None adds one."""

    code: str
    address: str
    name: str = ""
    address_en: str = ""
    phone: str = ""
    is_active: bool = True
    shop_ids: tuple[int, ...] = ()
    warehouse_ids: tuple[int, ...] = ()
    branch_id: int | None = None
    version: int | None = None


@dataclass(frozen=True)
class SaveSeries:
    """The prefix of a kind's numbers and the words under its papers."""

    kind: DocumentKind
    prefix: str
    footer: str = ""


@dataclass(frozen=True)
class AddVatRate:
    """A rate from a day on, in percent."""

    valid_from: date
    percent: Decimal
    valid_until: date | None = None
    note: str = ""


def save_company(tx: Tx, cmd: SaveCompany) -> Saved:
    """Enter the company or change it. Documents issued keep what they were issued with."""
    tx.actor.require("shop.edit")
    fields = checked(
        name=lambda: bounded(cmd.name, 200, "name", missing=say("Enter the company's name")),
        name_en=lambda: bounded(cmd.name_en, 200, "name_en"),
        tax_id=lambda: _tax_id(cmd),
        phone=lambda: bounded(cmd.phone, 40, "phone"),
        email=lambda: bounded(cmd.email, 200, "email"),
        site_url=lambda: _site(cmd.site_url),
        footer=lambda: bounded(cmd.footer, 500, "footer", lines=True),
    )
    fields |= {"is_vat_registered": cmd.is_vat_registered, "vat_from": cmd.vat_from, "era": cmd.era}
    row = tx.session.get(Company, 1, with_for_update=True, populate_existing=True)
    if row is None:
        row = Company(id=1)
        tx.session.add(row)
        tx.session.flush()  # two who enter it at once meet here
    if cmd.version is not None and row.version != cmd.version:
        raise Conflict(say("Someone else changed this record; reload and try again"), code="stale")
    if cmd.era is not row.era:
        _refuse_other_era(tx)
    before, after = put(row, fields)
    if after:
        audit.record(tx, "company.edited", "company", 1, row.name, before=before, after=after)
    return Saved(1, changed=bool(after))


def _tax_id(cmd: SaveCompany) -> str:
    if cmd.tax_id.strip():
        return parse_tax_id(cmd.tax_id, "tax_id")
    if cmd.is_vat_registered:
        raise InvalidInput(say("A company registered for VAT has a tax id"), field="tax_id", code="tax_id_missing")
    return ""


def _site(url: str) -> str:
    found = bounded(url, 200, "site_url")
    if found and not _SITE.fullmatch(found):
        raise InvalidInput(say("An address begins with https://"), field="site_url", code="site_url")
    return found


def _refuse_other_era(tx: Tx) -> None:
    """The year in numbers stays as it is until the next year: numbers of one year are one series."""
    this_year = select(Document.id).where(Document.issued_on >= date(clock.today().year, 1, 1)).limit(1)
    if tx.session.scalar(this_year) is not None:
        raise Refused(
            say("Documents were issued this year already; change the year in numbers at the turn of the year"),
            field="era", code="era_used",
        )  # fmt: skip


def save_branch(tx: Tx, cmd: SaveBranch) -> Saved:
    """Enter a branch or change it. A shop or warehouse belongs to one branch."""
    tx.actor.require("shop.edit")
    fields = checked(
        code=lambda: parse_branch(cmd.code, "code"),
        name=lambda: bounded(cmd.name, 200, "name"),
        address=lambda: bounded(cmd.address, 500, "address", missing=say("Enter the branch's address"), lines=True),
        address_en=lambda: bounded(cmd.address_en, 500, "address_en", lines=True),
        phone=lambda: bounded(cmd.phone, 40, "phone"),
    ) | {"is_active": cmd.is_active}
    if fields["code"] == HEAD_OFFICE and not cmd.is_active:
        raise Refused(say("The head office stays open"), field="is_active", code="head_office")
    refuse_taken(tx, CompanyBranch.code, fields["code"], "code", cmd.branch_id)
    codes = _codes(tx, cmd)
    if cmd.branch_id is None:
        row = CompanyBranch(**fields)
        tx.session.add(row)
        tx.session.flush()  # the mapping and the audit row name it by id
        before, after, action = None, known(fields), "branch.created"
    else:
        row = lock_row(tx, CompanyBranch, cmd.branch_id, cmd.version)
        if row.code != fields["code"] and _has_issued(tx, row.code):
            raise Refused(
                say("Documents of this branch were issued; its number stays"), field="code", code="branch_used"
            )
        before, after = put(row, fields)
        action = "branch.edited"
    mapped = _map(tx, row, codes)
    if after or mapped:
        audit.record(tx, action, "branch", row.id, row.code, before=before, after={**after, **mapped})
    return Saved(row.id, changed=bool(after or mapped))


def _has_issued(tx: Tx, code: str) -> bool:
    return tx.session.scalar(select(Document.id).where(Document.branch == code).limit(1)) is not None


def _codes(tx: Tx, cmd: SaveBranch) -> dict[str, dict[int, str]]:
    """The shops and warehouses named, with their codes. Raises InvalidInput for one that is not there."""
    found = {}
    for name, parent, wanted in (("shops", Shop, cmd.shop_ids), ("warehouses", Warehouse, cmd.warehouse_ids)):
        rows = tx.session.execute(select(parent.id, parent.code).where(parent.id.in_(sorted(set(wanted)))))
        found[name] = {row[0]: row[1] for row in rows}
        if set(wanted) - set(found[name]):
            raise InvalidInput(say("There is no such record"), field=f"{name[:-1]}_ids", code="record_not_found")
    return found


def _map(tx: Tx, branch: CompanyBranch, codes: dict[str, dict[int, str]]) -> dict[str, list[str]]:
    """Give the branch its shops and warehouses; others lose them. Answers what changed, by code."""
    changed: dict[str, list[str]] = {}
    for name, table, key in (
        ("shops", BranchShop, BranchShop.shop_id),
        ("warehouses", BranchWarehouse, BranchWarehouse.warehouse_id),
    ):
        wanted = set(codes[name])
        there = set(tx.session.scalars(select(key).where(table.branch_id == branch.id)))
        if there == wanted:
            continue
        tx.session.execute(delete(table).where(key.in_(sorted(there | wanted))))
        tx.session.add_all([table(**{key.key: i, "branch_id": branch.id}) for i in sorted(wanted)])
        tx.session.flush()
        changed[name] = sorted(codes[name].values())
    return changed


def save_series(tx: Tx, cmd: SaveSeries) -> Saved:
    """Set a kind's prefix and footer. A new prefix begins a new series at 1; a prefix is one kind's for ever."""
    tx.actor.require("document.design")
    prefix = cmd.prefix.strip().upper()
    if not _PREFIX.fullmatch(prefix):
        raise InvalidInput(say("A prefix is one to six letters A–Z"), field="prefix", code="prefix")
    footer = bounded(cmd.footer, 500, "footer", lines=True)
    taken = {row.prefix for row in tx.session.scalars(select(DocumentSetting).where(DocumentSetting.kind != cmd.kind))}
    set_kinds = set(tx.session.scalars(select(DocumentSetting.kind)))
    taken |= {row.prefix for kind, row in KINDS.items() if kind is not cmd.kind and kind not in set_kinds}
    used = (
        select(Document.id).where(Document.kind != cmd.kind, Document.series.regexp_match(f"^{prefix}[0-9]")).limit(1)
    )
    if prefix in taken or tx.session.scalar(used) is not None:
        raise InvalidInput(say("“{value}” is used already; choose another", value=prefix), field="prefix", code="taken")
    row = tx.session.get(DocumentSetting, cmd.kind, with_for_update=True, populate_existing=True)
    if row is None:
        row = DocumentSetting(kind=cmd.kind, prefix=KINDS[cmd.kind].prefix, footer="")
        tx.session.add(row)
    before, after = put(row, {"prefix": prefix, "footer": footer})
    if after:
        audit.record(tx, "series.edited", "document_setting", None, cmd.kind.value, before=before, after=after)
    tx.session.flush()
    return Saved(0, changed=bool(after))


def add_vat_rate(tx: Tx, cmd: AddVatRate) -> Saved:
    """Set the rate of VAT from a day on. A rate is never changed; documents go by their tax point."""
    tx.actor.require("shop.edit")
    rate = cmd.percent * 100
    if rate != rate.to_integral_value() or not 0 <= rate < 10_000:
        raise InvalidInput(say("Enter a rate from 0 to 99.99 percent"), field="percent", code="rate_range")
    if cmd.valid_until is not None and cmd.valid_until < cmd.valid_from:
        raise InvalidInput(say("The last day is before the first"), field="valid_until", code="rate_span")
    if tx.session.get(VatRate, cmd.valid_from) is not None:
        raise InvalidInput(say("A rate begins on this day already"), field="valid_from", code="taken")
    used = select(Document.number).where(
        Document.tax_point >= cmd.valid_from, Document.vat_rate_bp.is_not(None), Document.vat_rate_bp != int(rate)
    )
    if (number := tx.session.scalar(used.limit(1))) is not None:
        raise Refused(
            say("{number} was issued for a day after this with another rate", number=number),
            field="valid_from", code="rate_used",
        )  # fmt: skip
    note = bounded(cmd.note, 300, "note")
    row = VatRate(
        valid_from=cmd.valid_from, valid_until=cmd.valid_until, rate_bp=int(rate), note=note,
        added_by=tx.actor.label[:120],
    )  # fmt: skip
    tx.session.add(row)
    after = {"from": cmd.valid_from, "until": cmd.valid_until, "percent": str(cmd.percent)}
    audit.record(tx, "vat_rate.added", "vat_rate", None, cmd.valid_from.isoformat(), after=after, reason=note)
    tx.session.flush()
    return Saved(0)
