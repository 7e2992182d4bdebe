"""People who buy: their cards, the names they go by, where they live, what they ordered."""

from __future__ import annotations

from typing import Any

from flask import flash, request, url_for
from flask_appbuilder.forms import DynamicForm
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload, selectinload
from werkzeug.utils import redirect
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField, TextAreaField

from oms.catalog.models import CHANNEL_LABELS
from oms.customers import queries
from oms.customers.models import Customer, CustomerAddress, CustomerIdentity, IdentityKind
from oms.db import Tx, db
from oms.errors import NotFound, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.payments.queries import customer_credit
from oms.thai.addresses import check_address
from oms.thai.phone import format_phone
from oms.usecases import customers as verbs
from views import nav
from views.base import OmsFormView, current_actor, may, unit
from views.fields import Chosen, choices
from views.filters import masked, phone, tr
from views.modelview import OmsModelView
from views.privacy import phones_shown

RECENT = 10
KIND_LABELS = {
    IdentityKind.PHONE: lazy_gettext("Phone"),
    IdentityKind.EMAIL: lazy_gettext("E-mail"),
    IdentityKind.WEB: lazy_gettext("Web shop"),
    **{kind: CHANNEL_LABELS[kind.value] for kind in IdentityKind if kind.value in set(CHANNEL_LABELS)},  # type: ignore[index]
}


class CustomerForm(DynamicForm):
    """A person's card. Who may not see phone numbers does not change them."""

    name = StringField(lazy_gettext("Name"), [Chosen()])
    phone = StringField(lazy_gettext("Phone"))
    email = StringField(lazy_gettext("E-mail"))
    group = StringField(lazy_gettext("Group"), description=lazy_gettext("Wholesale, regular, staff …"))
    note = TextAreaField(lazy_gettext("Note"))
    tax_name = StringField(lazy_gettext("Name on tax invoices"))
    tax_id = StringField(lazy_gettext("Tax id (13 digits)"))
    tax_branch = StringField(lazy_gettext("Branch"), description=lazy_gettext("Empty or 00000: head office"))
    tax_address = TextAreaField(lazy_gettext("Address on tax invoices"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may("customer.phone"):
            del self.phone


def _card(form: Any, kept_phone: str = "") -> dict[str, Any]:
    text = {f.name: f.data or "" for f in form}
    tax = verbs.TaxIdentity(text["tax_name"], text["tax_id"], text["tax_branch"], text["tax_address"])
    return {
        "name": text["name"], "phone": text.get("phone", kept_phone), "email": text["email"], "group": text["group"],
        "note": text["note"], "tax": tax,
    }  # fmt: skip


class CustomerView(OmsModelView):
    """Customers; found through their search index by any part of a phone, a name or an identity."""

    datamodel = SQLAInterface(Customer)
    route_base = "/customers"
    requires = "customer.view"
    requires_for = {"add": "customer.edit", "edit": "customer.edit"}
    list_title, show_title = lazy_gettext("Customers"), lazy_gettext("Customer")
    add_title, edit_title = lazy_gettext("Add a customer"), lazy_gettext("Change a customer")
    list_columns = ["name", "phone", "group", "email", "tax_id", "created_at"]
    show_fieldsets = [
        (None, {"fields": ["name", "phone", "email", "group", "note", "created_at"]}),
        (lazy_gettext("For tax invoices"), {"fields": ["tax_name", "tax_id", "tax_branch", "tax_address"]}),
    ]
    order_columns = ["name", "created_at"]
    base_order = ("id", "desc")
    label_columns = {
        "name": lazy_gettext("Name"), "phone": lazy_gettext("Phone"), "email": lazy_gettext("E-mail"),
        "group": lazy_gettext("Group"), "note": lazy_gettext("Note"), "tax_name": lazy_gettext("Name on tax invoices"),
        "tax_id": lazy_gettext("Tax id"), "tax_branch": lazy_gettext("Branch"),
        "tax_address": lazy_gettext("Address on tax invoices"), "created_at": lazy_gettext("Added"),
    }  # fmt: skip
    find_columns = ["name"]
    search_columns = ["group", "created_at"]
    formatters_columns = {"phone": masked}
    show_template = "customer_show.html"
    export_list = "customers"
    empty_text = lazy_gettext("Customers appear with their first order; a file of customers can be imported.")
    add_form = edit_form = CustomerForm
    add_columns = edit_columns = [
        "name", "phone", "email", "group", "note", "tax_name", "tax_id", "tax_branch", "tax_address",
    ]  # fmt: skip

    def find(self, statement: Select[Any], text: str) -> Select[Any]:
        """By phone fragment, name or identity; too little text finds nobody rather than everybody."""
        if text.strip() and queries.matching(text) is None:
            flash(gettext("Type at least two letters or digits"), "info")
        return queries.narrow(statement, text).where(Customer.merged_into_id.is_(None))

    def create(self, tx: Tx, form: Any) -> int:
        """A new person."""
        return verbs.create_customer(tx, verbs.CreateCustomer(**_card(form))).customer_id

    def change(self, tx: Tx, pk: int, form: Any) -> None:
        """A card changed."""
        kept = tx.session.scalar(select(Customer.phone).where(Customer.id == pk)) or ""
        verbs.edit_customer(tx, verbs.EditCustomer(pk, self.posted_version() or 0, **_card(form, kept)))

    def editable(self, row: Customer) -> bool:
        """An erased person and a merged card take nothing more."""
        return row.anonymised_at is None and row.merged_into_id is None

    def shown(self, row: Customer) -> bool:
        """Whether the whole numbers of this person were asked for; that they were is on record."""
        return may("customer.phone") and phones_shown(row.id)

    def number(self, row: Customer, text: str) -> str:
        """A number of this person, whole only after it was asked for."""
        return phone(text, whole=self.shown(row))

    def value(self, row: Any, column: str) -> Any:
        """A cell; on the page of a person the number is hidden until it is asked for."""
        if column == "phone" and request.endpoint == f"{self.endpoint}.show":
            return self.number(row, row.phone)
        return super().value(row, column)

    def identities(self, row: Customer) -> list[tuple[CustomerIdentity, str, str]]:
        """(identity, what kind, how it reads) of a person; numbers masked for those who may not see them."""
        statement = select(CustomerIdentity).where(CustomerIdentity.customer_id == row.id).order_by(CustomerIdentity.id)
        return [
            (
                i,
                tr(KIND_LABELS[i.kind]),
                self.number(row, i.external_id) if i.kind is IdentityKind.PHONE else i.external_id,
            )
            for i in db.session.scalars(statement.limit(100))
        ]

    def addresses(self, row: Customer) -> list[CustomerAddress]:
        """Where parcels went, the latest used first."""
        return queries.addresses_of(db.session(), [row.id], 20).get(row.id, [])

    def credit(self, row: Customer) -> Money:
        """What this person has left over from verified payments."""
        return customer_credit(db.session(), row.id) if may("order.price") else ZERO

    def orders(self, row: Customer) -> dict[str, Any]:
        """The latest orders this reader may see, over all channels, and how many there are."""
        if not may("order.view"):
            return {"rows": [], "count": 0}
        mine = visible(current_actor()).where(Order.customer_id == row.id)
        rows = db.session.scalars(
            mine.options(joinedload(Order.shop)).order_by(Order.placed_at.desc(), Order.id.desc()).limit(RECENT)
        ).all()
        counted = select(func.count()).select_from(mine.with_only_columns(Order.id).limit(1000).subquery())
        return {"rows": rows, "count": db.session.scalar(counted) or 0}


class OfCustomer(DynamicForm):
    """Forms about one person, named by the address."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = customer_of_request()


def _asked_id(name: str) -> int | None:
    raw = request.args.get(name, "")
    return int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 19 else None


def customer_of_request() -> Customer:
    """The person the form is about. Raises NotFound."""
    wanted = select(Customer).where(Customer.id == _asked_id("customer"))
    person = db.session.scalars(wanted.options(selectinload(Customer.identities))).one_or_none()
    if person is None:
        raise NotFound(say("There is no such customer"), code="customer_not_found")
    return person


class IdentityForm(OfCustomer):
    """One way a person is known. The kind is chosen when it is added, and stays."""

    kind = SelectField(lazy_gettext("Kind"), coerce=IdentityKind)
    external_id = StringField(lazy_gettext("Number or name there"), [Chosen()])
    label = StringField(lazy_gettext("Remark"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind.choices = choices((kind, tr(KIND_LABELS[kind])) for kind in IdentityKind)
        wanted = _asked_id("identity")
        self.row = next((i for i in self.person.identities if i.id == wanted), None)
        if wanted is not None and self.row is None:
            raise NotFound(say("There is no such identity"), code="identity_not_found")
        if self.row is not None:
            del self.kind
            if request.method == "GET":
                self.external_id.data, self.label.data = self.row.external_id, self.row.label


class CustomerFormView(OmsFormView):
    """A form that leads back to the person."""

    requires = "customer.edit"

    def done_url(self) -> str:
        """The person's page."""
        return url_for("CustomerView.show", pk=_asked_id("customer"))


class IdentityView(CustomerFormView):
    """Add or mend an identity."""

    route_base = "/customers/identity"
    form = IdentityForm
    form_title = lazy_gettext("How this person is known")
    form_columns = ["kind", "external_id", "label"]

    def submit(self, form: Any) -> Response:
        """Add, or mend."""
        text, label = form.external_id.data, form.label.data or ""
        if form.row is None:
            cmd = verbs.AddIdentity(form.person.id, verbs.IdentityInput(form.kind.data, text, label))
            with unit() as tx:
                verbs.add_identity(tx, cmd)
        else:
            with unit() as tx:
                verbs.correct_identity(tx, verbs.CorrectIdentity(form.row.id, text, label))
        flash(gettext("Saved"), "success")
        return redirect(self.done_url())


class AddressForm(OfCustomer):
    """A place parcels go to. Places that disagree are warned about, never changed."""

    recipient = StringField(lazy_gettext("Recipient"), [Chosen()])
    phone = StringField(lazy_gettext("Phone"))
    line = StringField(lazy_gettext("House number, village, road"))
    subdistrict = StringField(lazy_gettext("Subdistrict"))
    district = StringField(lazy_gettext("District"))
    province = StringField(lazy_gettext("Province"))
    postcode = StringField(lazy_gettext("Postcode"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        wanted = _asked_id("address")
        known = select(CustomerAddress).where(
            CustomerAddress.id == (wanted or 0), CustomerAddress.customer_id == self.person.id
        )
        self.row = db.session.scalars(known).one_or_none()
        if wanted is not None and self.row is None:
            raise NotFound(say("There is no such address"), code="address_not_found")
        if self.row is not None and request.method == "GET":
            for name in ("recipient", "line", "subdistrict", "district", "province", "postcode"):
                self[name].data = getattr(self.row, name)
            self.phone.data = format_phone(self.row.phone)
        if not may("customer.phone"):
            del self.phone


class AddressView(CustomerFormView):
    """Add or change an address."""

    route_base = "/customers/address"
    form = AddressForm
    form_title = lazy_gettext("Address")
    form_columns = ["recipient", "phone", "line", "subdistrict", "district", "province", "postcode"]

    def submit(self, form: Any) -> Response:
        """Keep the address and warn when its places disagree."""
        text = {name: form[name].data or "" for name in self.form_columns if name in form}
        text.setdefault("phone", form.row.phone if form.row is not None else "")
        cmd = verbs.SaveAddress(form.person.id, verbs.Address(**text), None if form.row is None else form.row.id)
        with unit() as tx:
            verbs.save_address(tx, cmd)
        flash(gettext("Saved"), "success")
        for warning in check_address(text["subdistrict"], text["district"], text["province"], text["postcode"]):
            flash(tr(warning), "warning")
        return redirect(self.done_url())


VIEWS = (CustomerView, IdentityView, AddressView)
NAV = (nav.Item("data", "Customers", "CustomerView.list", "customer.view", icon="people", order=20),)
