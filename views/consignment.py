"""Partners who sell our goods: their shelves, their reports, what they owe."""

from __future__ import annotations

import secrets
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from flask import Flask, flash, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import Select
from werkzeug.wrappers import Response
from wtforms import BooleanField, DateField, HiddenField, StringField, TextAreaField
from wtforms.validators import Optional

from oms import clock
from oms.db import db
from oms.errors import InvalidInput, OmsError, say
from oms.importing.pieces import read_pieces
from oms.inventory import queries
from oms.inventory.consignment_models import Settlement
from oms.inventory.states import SETTLEMENT, SettlementStatus
from oms.money import ZERO
from oms.reports import consignment as reading
from oms.thai.text import arabic_digits
from oms.usecases import consignment as verbs
from views import nav
from views.base import OmsView, current_actor, page, pin_problems, unit
from views.fields import Chosen, WholeField
from views.filters import state_pill, tr
from views.modelview import OmsModelView
from views.order_actions import text, version
from views.sku_lines import SkuLinesField
from views.stock import on_one_line
from views.uploads import uploaded

TONES = {SettlementStatus.OPEN: "warn", SettlementStatus.PAID: "ok", SettlementStatus.CANCELED: "mut"}


class PercentField(StringField):
    """A percentage as people write it; the data is a Decimal, or None when nothing was typed."""

    data: Any

    def _value(self) -> str:
        return str(self.raw_data[0]) if self.raw_data else ("" if self.data is None else f"{self.data:f}")

    def process_formdata(self, valuelist: Any) -> None:
        """Read it."""
        typed = arabic_digits(valuelist[0] if valuelist else "").replace("%", "").strip()
        self.data = None
        if typed:
            try:
                self.data = Decimal(typed)
            except InvalidOperation:
                raise ValueError(gettext("“%(text)s” is not a percentage", text=typed[:20])) from None


class PartnerForm(FlaskForm):
    """A partner and its shelf."""

    code = StringField(lazy_gettext("Code"), [Chosen()], description=lazy_gettext("Short, as a warehouse's: MUJU"))
    name = StringField(lazy_gettext("Name"), [Chosen()])
    commission = PercentField(
        lazy_gettext("Commission in percent"), [Chosen()], description=lazy_gettext("Of the price the partner sells at")
    )
    pay_days = WholeField(lazy_gettext("Pays within (days)"), empty=30, default=30)
    contact = StringField(lazy_gettext("Contact"))
    phone = StringField(lazy_gettext("Phone"))
    province = StringField(lazy_gettext("Province"))
    address = TextAreaField(lazy_gettext("Address"))
    tax_id = StringField(lazy_gettext("Tax id"))
    note = TextAreaField(lazy_gettext("Note"))
    is_active = BooleanField(lazy_gettext("In use"), default=True)

    def facts(self) -> verbs.PartnerFacts:
        """The partner as the verb takes it."""
        words = {name: self[name].data or "" for name in
                 ("code", "name", "contact", "phone", "province", "address", "tax_id", "note")}  # fmt: skip
        return verbs.PartnerFacts(
            commission=self.commission.data, pay_days=self.pay_days.data, is_active=bool(self.is_active.data), **words
        )


class SoldForm(FlaskForm):
    """What a partner sold."""

    lines = SkuLinesField(lazy_gettext("Sold products"), priced=True)
    sold_from = DateField(lazy_gettext("Sold from"), [Optional()])
    sold_to = DateField(lazy_gettext("Up to"), [Optional()])
    commission = PercentField(lazy_gettext("Commission in percent"), description=lazy_gettext("Empty: as agreed"))
    reference = StringField(lazy_gettext("The partner's paper"))
    note = TextAreaField(lazy_gettext("Note"))
    key = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.key.data:
            self.key.data = secrets.token_urlsafe(18)

    def command(self, warehouse_id: int) -> verbs.ReportSold:
        """The report as the verb takes it."""
        sold = zip(self.lines.data, self.lines.prices, strict=True)
        lines = tuple(verbs.Sold(sku, pieces, price) for (sku, pieces), price in sold)
        return verbs.ReportSold(
            warehouse_id, lines, self.key.data or "", self.sold_from.data, self.sold_to.data,
            self.reference.data or "", self.note.data or "", self.commission.data,
        )  # fmt: skip


class PartnerView(OmsView):
    """Partners."""

    route_base = "/consignment"
    default_view = "list"
    requires = "consignment.settle"

    @page("/")
    def list(self) -> str:
        """Every partner: its shelf and its debt."""
        rows = reading.partners(db.session(), current_actor())
        owed = {
            name: sum((getattr(row.owed, name) for row in rows), start=ZERO) for name in ("coming", "late", "very_late")
        }
        return self.show_page("consignment/list.html", title=gettext("Consignment"), rows=rows, owed=owed)

    @page("/new", methods=("GET", "POST"))
    def new(self) -> Response | str:
        """A new partner."""
        form = PartnerForm()
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    made = verbs.create_partner(tx, form.facts())
            except OmsError as exc:
                pin_problems(form, exc)
            else:
                flash(gettext("Partner added. Send goods there by a transfer."), "success")
                return redirect(url_for("PartnerView.show", pk=made.id), 303)
        return self.show_page("consignment/partner_form.html", title=gettext("Add a partner"), form=form, seen=None)

    @page("/<int:pk>/edit", methods=("GET", "POST"))
    def edit(self, pk: int) -> Response | str:
        """Change a partner."""
        with unit() as tx:
            row = reading.get_partner(tx, pk).partner
            place = row.warehouse
            own = ("name", "commission", "pay_days", "contact", "phone", "tax_id", "note")
            shown = {name: getattr(row, name) for name in own} | {
                name: getattr(place, name) for name in ("code", "province", "address", "is_active")
            }
            seen = row.version
        form = PartnerForm(data=shown)
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    verbs.edit_partner(tx, verbs.EditPartner(pk, version() or 0, form.facts()))
            except OmsError as exc:
                pin_problems(form, exc)
            else:
                flash(gettext("Saved"), "success")
                return redirect(url_for("PartnerView.show", pk=pk), 303)
        return self.show_page("consignment/partner_form.html", title=shown["name"], form=form, seen=version() or seen)

    @page("/<int:pk>")
    def show(self, pk: int) -> str:
        """One partner."""
        with unit() as tx:
            row = reading.get_partner(tx, pk)
            return self.show_page(
                "consignment/partner.html", title=row.partner.name, row=row, tones=TONES,
                shelf=reading.shelf(tx.session, pk), settlements=reading.latest(tx.session, pk),
            )  # fmt: skip

    @page("/<int:pk>/sold", methods=("GET", "POST"))
    def sold(self, pk: int) -> Response | str:
        """What the partner sold: typed, scanned, or out of its file."""
        with unit() as tx:
            row = reading.get_partner(tx, pk)
            name, percent = row.partner.name, row.partner.commission
        form = SoldForm()
        if request.method == "POST" and request.files.get("file"):
            self._fill(form)
        elif form.validate_on_submit():
            try:
                with unit() as tx:
                    made = verbs.report_sold(tx, form.command(pk))
            except OmsError as exc:
                pin_problems(form, exc)
            else:
                flash(
                    gettext("%(number)s is made: the partner owes %(due)s", number=made.number, due=str(made.due)),
                    "success",
                )
                return redirect(url_for("SettlementWorkView.show", pk=made.settlement_id), 303)
        return self.show_page(
            "consignment/sold.html", title=gettext("What %(name)s sold", name=name), form=form, pk=pk, percent=percent
        )

    @staticmethod
    def _fill(form: SoldForm) -> None:
        """Put the lines of a file into the form, to be looked at before they count."""
        try:
            with uploaded() as (path, name), unit() as tx:
                rows = read_pieces(tx, path, name, low=1)
        except OmsError as exc:
            for problem in exc.problems():
                flash(tr(problem.message), "danger")
            return
        form.lines.fill([(row.sku_id, row.quantity) for row in rows], [row.price for row in rows])
        flash(gettext("%(n)s lines of the file are filled in: check them, then save", n=len(rows)), "info")


class SettlementView(OmsModelView):
    """Settlements with partners."""

    datamodel = SQLAInterface(Settlement)
    base_permissions = ["can_list"]
    route_base = "/settlements"
    requires = "consignment.settle"
    list_template = "consignment/settlements.html"
    list_title = lazy_gettext("Settlements")
    list_columns = ["number", "status", "partner", "at", "pieces", "sold", "commission", "due", "due_on", "paid_on"]
    order_columns = ["at"]
    base_order = ("id", "desc")
    label_columns = {
        "number": lazy_gettext("Number"), "status": lazy_gettext("State"), "partner": lazy_gettext("Partner"),
        "at": lazy_gettext("When"), "pieces": lazy_gettext("Pieces"), "sold": lazy_gettext("Sold"),
        "commission": lazy_gettext("Commission"), "due": lazy_gettext("Due"), "due_on": lazy_gettext("Due on"),
        "paid_on": lazy_gettext("Paid on"), "warehouse_id": lazy_gettext("Partner"),
    }  # fmt: skip
    find_columns = ["number", "partner", "reference"]
    search_columns = ["status", "at", "partner"]
    choice_labels = {"status": SETTLEMENT.labels}
    shown_by = "SettlementWorkView.show"
    numeric_columns = ["pieces", "sold", "commission", "due"]
    formatters_columns = {"status": partial(state_pill, TONES, SETTLEMENT.labels), "at": on_one_line}
    export_list = "settlements"
    empty_text = lazy_gettext("Enter what a partner sold; the settlement is made of it.")

    def base_statement(self) -> Select[Any]:
        """Those of one's own places."""
        return queries.visible_settlements(current_actor())


class SettlementWorkView(OmsView):
    """One settlement."""

    route_base = "/settlement"
    default_view = "show"
    requires = "consignment.settle"

    @page("/<int:pk>")
    def show(self, pk: int) -> str:
        """The paper."""
        with unit() as tx:
            row = reading.get_settlement(tx, pk)
            late = (clock.today() - row.due_on).days if row.status is SettlementStatus.OPEN else 0
            return self.show_page(
                "consignment/settlement.html", title=row.number, row=row, tones=TONES, today=clock.today(), late=late
            )

    @page("/<int:pk>/pay", methods=("POST",))
    def pay(self, pk: int) -> Response:
        """The partner paid."""
        try:
            day = date.fromisoformat(text("paid_on", 10))
        except ValueError:
            raise InvalidInput(say("Enter the day"), field="paid_on", code="day") from None
        with unit() as tx:
            verbs.pay_settlement(tx, verbs.PaySettlement(pk, day, text("reference", 80), version()))
        flash(gettext("Paid"), "success")
        return redirect(url_for("SettlementWorkView.show", pk=pk), 303)

    @page("/<int:pk>/cancel", methods=("POST",))
    def cancel(self, pk: int) -> Response:
        """The report was wrong."""
        with unit() as tx:
            verbs.cancel_settlement(tx, verbs.CancelSettlement(pk, text("reason"), version()))
        flash(gettext("Canceled: the pieces lie on the partner's shelf again"), "success")
        return redirect(url_for("SettlementWorkView.show", pk=pk), 303)


def install(app: Flask) -> None:
    """Give the templates the labels."""
    app.jinja_env.globals.update(SETTLEMENT_LABELS=SETTLEMENT.labels)


VIEWS = (PartnerView, SettlementWorkView, SettlementView)
NAV = (
    nav.Item("stock", "Consignment", "PartnerView.list", "consignment.settle", icon="shop", order=38),
    nav.Item("stock", "Settlements", "SettlementView.list", "consignment.settle", icon="wallet", order=39),
)
