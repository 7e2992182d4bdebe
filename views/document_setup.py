"""Who sells, as papers say it: the company, its branches, the numbers of its documents, the rates of VAT."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import BooleanField, DateField, HiddenField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import Optional

from oms import clock
from oms.catalog.models import Shop
from oms.db import db
from oms.documents.kinds import KINDS, Kind
from oms.documents.models import BranchShop, BranchWarehouse, Company, CompanyBranch, DocumentSetting, VatRate
from oms.documents.states import ERA_LABELS, DocumentKind, SeriesEra
from oms.errors import InvalidInput, NotFound, OmsError, say
from oms.inventory.models import Warehouse
from oms.thai.tax_id import HEAD_OFFICE
from oms.usecases.documents_setup import (
    AddVatRate,
    SaveBranch,
    SaveCompany,
    SaveSeries,
    add_vat_rate,
    save_branch,
    save_company,
    save_series,
)
from views import nav
from views.base import OmsView, page, pin_problems, unit
from views.fields import Chosen, choices
from views.filters import tr

LINES = {"rows": 3, "maxlength": 500}


class CompanyForm(FlaskForm):
    """The company."""

    name = StringField(
        lazy_gettext("Company name"), [Chosen()], description=lazy_gettext("As registered, in Thai"),
        render_kw={"maxlength": 200, "autofocus": True},
    )  # fmt: skip
    name_en = StringField(lazy_gettext("Company name in English"), render_kw={"maxlength": 200})
    address = TextAreaField(
        lazy_gettext("Address"), [Chosen()], render_kw=LINES,
        description=lazy_gettext("Of the head office; it stands on bills and receipts"),
    )  # fmt: skip
    tax_id = StringField(
        lazy_gettext("Tax id (13 digits)"), render_kw={"inputmode": "numeric", "maxlength": 20},
        description=lazy_gettext("Receipts need it; without a company it is the number of your identity card"),
    )  # fmt: skip
    is_vat_registered = BooleanField(
        lazy_gettext("Registered for VAT"),
        description=lazy_gettext("Without it receipts bear no tax words and no tax document is issued"),
    )
    vat_from = DateField(
        lazy_gettext("Registered since"), [Optional()], description=lazy_gettext("Empty: all along")
    )  # fmt: skip
    phone = StringField(lazy_gettext("Phone"), render_kw={"maxlength": 40})
    email = StringField(lazy_gettext("E-mail"), render_kw={"maxlength": 200})
    site_url = StringField(
        lazy_gettext("Address of this panel"),
        description=lazy_gettext("Goes into the code on papers that opens the stored original for staff"),
        render_kw={"maxlength": 200},
    )
    era = SelectField(lazy_gettext("Year in document numbers"))
    footer = TextAreaField(lazy_gettext("Words at the foot of papers"), render_kw={"rows": 2, "maxlength": 500})
    version = HiddenField()


class BranchForm(FlaskForm):
    """A branch."""

    code = StringField(
        lazy_gettext("Branch number"), [Chosen()], description=lazy_gettext("Five digits; 00000 is the head office"),
        render_kw={"inputmode": "numeric", "maxlength": 5, "autofocus": True},
    )  # fmt: skip
    name = StringField(lazy_gettext("Name"), render_kw={"maxlength": 200})
    address = TextAreaField(
        lazy_gettext("Address"), [Chosen()], render_kw=LINES,
        description=lazy_gettext("As in the VAT certificate (ภ.พ.20) when you are registered for VAT"),
    )  # fmt: skip
    address_en = TextAreaField(lazy_gettext("Address in English"), render_kw=LINES)
    phone = StringField(lazy_gettext("Phone"), render_kw={"maxlength": 40})
    shop_ids = SelectMultipleField(lazy_gettext("Shops that sell for it"), coerce=int)
    warehouse_ids = SelectMultipleField(
        lazy_gettext("Warehouses that belong to it"), coerce=int,
        description=lazy_gettext("An order is the branch's by its shop, else by its warehouse, else the head office's"),
    )  # fmt: skip
    is_active = BooleanField(lazy_gettext("In use"), default=True)
    version = HiddenField()


class SeriesForm(FlaskForm):
    """The numbers of one kind of document."""

    prefix = StringField(
        lazy_gettext("Prefix"), [Chosen()], description=lazy_gettext("One to six letters A–Z; a new one begins at 1"),
        render_kw={"maxlength": 6, "autocapitalize": "characters", "autofocus": True},
    )  # fmt: skip
    footer = TextAreaField(
        lazy_gettext("Words at the foot of papers"), description=lazy_gettext("Empty: the company's"),
        render_kw={"rows": 2, "maxlength": 500},
    )  # fmt: skip


class RateForm(FlaskForm):
    """A rate of VAT."""

    valid_from = DateField(lazy_gettext("From"), [Chosen()])
    valid_until = DateField(lazy_gettext("Until"), [Optional()], description=lazy_gettext("Empty: until the next one"))
    percent = StringField(lazy_gettext("Percent"), [Chosen()], render_kw={"inputmode": "decimal", "maxlength": 6})
    note = StringField(
        lazy_gettext("By which decree"), render_kw={"maxlength": 300}
    )  # fmt: skip


class CompanyView(OmsView):
    """Everything documents need to know of the seller, on one page."""

    route_base = "/setup/company"
    default_view = "show"
    requires = "shop.edit"
    requires_for = {"series": "document.design"}

    @page("/")
    def show(self) -> str:
        """The page."""
        branches = db.session.scalars(select(CompanyBranch).order_by(CompanyBranch.code)).all()
        return self.show_page(
            "documents/company.html", title=gettext("Company and documents"), company=db.session.get(Company, 1),
            branches=branches, places=_places(), rates=_rates(), today=clock.today(),
            kinds=[(row, *_series(row)) for row in KINDS.values()], eras=ERA_LABELS,
        )  # fmt: skip

    @page("/edit", methods=("GET", "POST"))
    def edit(self) -> Response | str:
        """Change the company."""
        row = db.session.get(Company, 1)
        form = CompanyForm(data=_company_facts(row))
        if db.session.scalar(select(CompanyBranch.id).where(CompanyBranch.code == HEAD_OFFICE)):
            del form.address  # changed on the page of the head office
        form.era.choices = choices((era.value, tr(label)) for era, label in ERA_LABELS.items())

        def save() -> None:
            facts = {f.name: f.data for f in form if f.name not in {"csrf_token", "version", "era", "address"}}
            with unit() as tx:
                save_company(tx, SaveCompany(**facts, era=SeriesEra(form.era.data), version=_version(form)))
                if "address" in form:
                    save_branch(tx, SaveBranch(HEAD_OFFICE, form.address.data or "", phone=form.phone.data or ""))

        return self._form(form, gettext("Company"), save)

    @page("/branch", methods=("GET", "POST"))
    def branch(self) -> Response | str:
        """Add a branch, or change the one the address names."""
        branch_id = request.args.get("id", type=int)
        row = db.session.get(CompanyBranch, branch_id) if branch_id else None
        if branch_id and row is None:
            raise NotFound(say("There is no such record"), code="record_not_found")
        form = BranchForm(data=_branch_facts(row))
        form.shop_ids.choices = [(s.id, str(s)) for s in db.session.scalars(select(Shop).order_by(Shop.code))]
        places = db.session.scalars(select(Warehouse).order_by(Warehouse.code))
        form.warehouse_ids.choices = [(w.id, str(w)) for w in places]
        for name in ("shop_ids", "warehouse_ids"):
            if not form[name].choices:
                del form[name]

        def save() -> None:
            facts = {f.name: f.data or "" for f in form if f.name in {"code", "name", "address", "address_en", "phone"}}
            cmd = SaveBranch(
                **facts, is_active=form.is_active.data, shop_ids=_ticked(form, "shop_ids"),
                warehouse_ids=_ticked(form, "warehouse_ids"), branch_id=branch_id, version=_version(form),
            )  # fmt: skip
            with unit() as tx:
                save_branch(tx, cmd)

        return self._form(form, gettext("Branch"), save)

    @page("/series/<kind>", methods=("GET", "POST"))
    def series(self, kind: str) -> Response | str:
        """Change a kind's numbers."""
        row = _kind(kind)
        prefix, footer = _series(row)
        form = SeriesForm(data={"prefix": prefix, "footer": footer})

        def save() -> None:
            with unit() as tx:
                save_series(tx, SaveSeries(row.kind, form.prefix.data or "", form.footer.data or ""))

        return self._form(form, tr(row.label), save)

    @page("/rate", methods=("GET", "POST"))
    def rate(self) -> Response | str:
        """Add a rate of VAT."""
        form = RateForm()

        def save() -> None:
            with unit() as tx:
                rate = AddVatRate(form.valid_from.data, _percent(form), form.valid_until.data, form.note.data or "")
                add_vat_rate(tx, rate)

        return self._form(form, gettext("Rate of VAT"), save)

    def _form(self, form: Any, title: str, save: Any) -> Response | str:
        """The form; after saving back to the page."""
        if form.validate_on_submit():
            try:
                save()
                flash(gettext("Saved"), "success")
                return redirect(url_for("CompanyView.show"), 303)
            except OmsError as exc:
                pin_problems(form, exc)
        return self.render_template(
            "form_page.html", title=title, intro="", submit_label=gettext("Save"), form=form, fieldsets=[],
            columns=[f.name for f in form], cancel_url=url_for("CompanyView.show"),
        )  # fmt: skip


def _ticked(form: Any, name: str) -> tuple[int, ...]:
    return tuple(form[name].data or ()) if name in form else ()


def _version(form: Any) -> int | None:
    raw = form.version.data or ""
    return int(raw) if raw.isdecimal() else None


def _percent(form: Any) -> Decimal:
    try:
        return Decimal(str(form.percent.data).strip().removesuffix("%").strip())
    except InvalidOperation:
        raise InvalidInput(
            say("Enter a rate from 0 to 99.99 percent"), field="percent", code="rate_range"
        ) from None  # fmt: skip


def _company_facts(row: Company | None) -> dict[str, Any]:
    if row is None:
        return {"site_url": request.host_url.rstrip("/"), "era": SeriesEra.BE.value}
    names = ("name", "name_en", "tax_id", "is_vat_registered", "vat_from", "phone", "email", "footer")
    site = row.site_url or request.host_url.rstrip("/")
    return {n: getattr(row, n) for n in names} | {"era": row.era.value, "version": str(row.version), "site_url": site}


def _branch_facts(row: CompanyBranch | None) -> dict[str, Any]:
    if row is None:
        first = db.session.scalar(select(CompanyBranch.id).limit(1)) is None
        return {"code": "00000" if first else "", "is_active": True}
    shops = db.session.scalars(select(BranchShop.shop_id).where(BranchShop.branch_id == row.id)).all()
    places = db.session.scalars(select(BranchWarehouse.warehouse_id).where(BranchWarehouse.branch_id == row.id)).all()
    names = ("code", "name", "address", "address_en", "phone", "is_active")
    facts = {n: getattr(row, n) for n in names} | {"version": str(row.version)}
    return facts | {"shop_ids": list(shops), "warehouse_ids": list(places)}


def _places() -> dict[int, list[str]]:
    """The shops and warehouses of each branch, by name."""
    found: dict[int, list[str]] = {}
    shops = select(BranchShop.branch_id, Shop.name).join(Shop, Shop.id == BranchShop.shop_id)
    places = select(BranchWarehouse.branch_id, Warehouse.name).join(
        Warehouse, Warehouse.id == BranchWarehouse.warehouse_id
    )
    for branch_id, name in (*db.session.execute(shops), *db.session.execute(places)):
        found.setdefault(branch_id, []).append(name)
    return found


def _rates() -> list[VatRate]:
    return list(db.session.scalars(select(VatRate).order_by(VatRate.valid_from.desc())))


def _series(row: Kind) -> tuple[str, str]:
    """(prefix, footer) of a kind."""
    stored = db.session.get(DocumentSetting, row.kind)
    return (stored.prefix, stored.footer) if stored else (row.prefix, "")


def _kind(value: str) -> Kind:
    try:
        return KINDS[DocumentKind(value)]
    except ValueError:
        raise NotFound(say("There is no such kind of document"), code="document_kind") from None


VIEWS = (CompanyView,)
NAV = (nav.Item("setup", "Company and documents", "CompanyView.show", "shop.edit", icon="doc", order=5),)
