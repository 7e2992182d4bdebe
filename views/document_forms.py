"""The form of documents, and what every screen that issues one does with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, flash, jsonify, redirect, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as AnyResponse
from wtforms import DateField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import Optional

from oms.db import Tx, db
from oms.documents.kinds import KINDS, Kind, Layout, Need
from oms.documents.paper import Look
from oms.documents.parties import Buyer
from oms.documents.states import DocumentKind
from oms.errors import NotFound, OmsError, say
from oms.usecases.documents import DocumentIssued
from views.base import OmsView, pin_problems, unit
from views.document_parts import shown_pages
from views.fields import AmountField, choices
from views.filters import tr

TEMPLATE = "documents/issue.html"
LANGUAGES = (("th", "ไทย"), ("en", "English"))


class PaperForm(FlaskForm):
    """What may be chosen for a document; what a kind does not need is left out of the form."""

    buyer_name = StringField(lazy_gettext("Buyer's name"), render_kw={"maxlength": 200, "autocomplete": "off"})
    buyer_tax_id = StringField(
        lazy_gettext("Tax id (13 digits)"),
        render_kw={"inputmode": "numeric", "maxlength": 20, "autocomplete": "off"},
    )
    buyer_branch = StringField(
        lazy_gettext("Branch"), description=lazy_gettext("Empty with a tax id: the head office"),
        render_kw={"maxlength": 20, "autocomplete": "off"},
    )  # fmt: skip
    buyer_address = TextAreaField(lazy_gettext("Address"), render_kw={"maxlength": 500, "rows": 3})
    reason = SelectField(lazy_gettext("Why it is replaced"))
    reason_code = SelectField(lazy_gettext("Reason"))
    note = StringField(lazy_gettext("In your own words"), render_kw={"maxlength": 500})
    amount = AmountField(lazy_gettext("Amount (VAT included)"), render_kw={"inputmode": "decimal"})
    tax_point = DateField(lazy_gettext("Tax point"), [Optional()])
    remark = TextAreaField(lazy_gettext("Remark on the paper"), render_kw={"maxlength": 500, "rows": 2})
    language = SelectField(lazy_gettext("First language"), choices=choices(LANGUAGES))
    key = HiddenField()

    def buyer(self) -> Buyer | None:
        """The buyer as typed."""
        if "buyer_name" not in self:
            return None
        words = [
            self[f"buyer_{name}"].data or "" if f"buyer_{name}" in self else ""
            for name in ("name", "tax_id", "branch", "address")
        ]
        return Buyer(*words)

    def value(self, name: str) -> Any:
        """A field's data, or nothing when the kind has no such field."""
        return self[name].data if name in self else None

    def keep(self, names: set[str]) -> None:
        """Leave out every other field."""
        for field in list(self):
            if field.name not in names | {"key", "language", "remark", "csrf_token"}:
                del self[field.name]


def fields_of(kind: Kind) -> set[str]:
    """The fields a kind's form has."""
    found = set()
    if kind.has_buyer and kind.layout not in {Layout.GOODS, Layout.VOUCHER}:
        found |= {"buyer_name", "buyer_address"}
        found |= set() if kind.is_short else {"buyer_tax_id", "buyer_branch"}
    if kind.is_tax and not kind.sign:
        found.add("tax_point")
    if kind.takes_money and not kind.bills_goods:
        found.add("amount")
    return found


def read_kind(value: str) -> Kind:
    """The kind an address names. Raises NotFound."""
    try:
        return KINDS[DocumentKind(value)]
    except ValueError:
        raise NotFound(say("There is no such kind of document"), code="document_kind") from None


def fill_buyer(form: PaperForm, buyer: Buyer) -> None:
    """Show who it will be made out to."""
    for name in ("name", "tax_id", "branch", "address"):
        if f"buyer_{name}" in form:
            form[f"buyer_{name}"].data = getattr(buyer, name)


def mark_required(form: PaperForm, kind: Kind) -> None:
    """Show which fields the law wants."""
    for need, name in ((Need.BUYER_NAME, "buyer_name"), (Need.BUYER_ADDRESS, "buyer_address")):
        if need in kind.needs and name in form:
            form[name].flags.required = True


def done(
    view: OmsView, form: PaperForm, verb: Callable[[Tx], DocumentIssued], facts: Callable[[Tx], dict[str, Any]]
) -> AnyResponse | str:
    """Call the verb and show what was issued, or the form again with what is wrong on its fields."""
    if form.validate_on_submit():
        try:
            with unit() as tx:
                done = verb(tx)
            flash(gettext("%(number)s is issued", number=done.number), "success")
            return redirect(url_for("DocumentView.show", document_id=done.document_id), 303)
        except OmsError as refused:
            pin_problems(form, refused)
    with unit() as tx:
        return view.show_page(TEMPLATE, **facts(tx))


def previewed(form: PaperForm, verb: Callable[[Tx], Any]) -> Response:
    """The paper as pictures, and what to think of; or what is missing, said on its field."""
    if not form.validate_on_submit():
        said = [{"field": name, "text": str(texts[0])} for name, texts in form.errors.items() if name and texts]
        return jsonify(pages=[], warnings=[], problems=said)
    try:
        with unit() as tx:
            seen = verb(tx)
        db.session.close()  # no transaction is held while the paper is made
        pages = shown_pages(seen.content, "", Look(preview=True))
    except OmsError as refused:
        said = [{"field": p.field or "", "text": tr(p.message)} for p in refused.problems()]
        return jsonify(pages=[], warnings=[], problems=said)
    return jsonify(pages=pages, warnings=[tr(w) for w in seen.warnings], problems=[])
