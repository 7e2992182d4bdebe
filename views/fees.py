"""What sending costs the buyer: rate tables with a place to try them, and the fee proposed while an order is typed."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from flask import flash, jsonify, redirect, request, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField

from oms.carriers.fees import BY_LABELS, By, Fee, Rates, RateTable, Step, ToSend, fee, read_table
from oms.carriers.zones import Zone
from oms.catalog import finding
from oms.catalog.models import Shop
from oms.db import db
from oms.errors import InvalidInput, NotFound, OmsError, say
from oms.money import ZERO, Money
from oms.orders.states import PaymentTerm
from oms.shipping.carrier_models import FeeTable
from oms.shipping.carrier_queries import all_carriers
from oms.thai.text import arabic_digits
from oms.usecases.fees import FeeFacts, ProposeFee, create_fee_table, edit_fee_table, propose_fee
from oms.usecases.masters import Edit
from oms.usecases.orders_preview import PreviewOrder, preview_order
from views import nav, order_entry_form
from views.base import OmsView, page, pin_problems, unit
from views.fields import AmountField, Chosen, WholeField, choices, whole_number
from views.filters import money, tr
from views.order_entry_form import Reading

STEPS_HELP = lazy_gettext(
    "One step on each line: up to so much (grams or pieces), then the price. For example: 1000 35"
)


class FeeForm(FlaskForm):
    """A rate table as people write one."""

    version = HiddenField()
    name = StringField(lazy_gettext("Name"), [Chosen()])
    shop = SelectField(lazy_gettext("Shop"))
    carrier = SelectField(lazy_gettext("Carrier"))
    by = SelectField(lazy_gettext("Priced by"))
    near = TextAreaField(lazy_gettext("Bangkok and vicinity"), description=STEPS_HELP, render_kw={"rows": 5})
    near_further = AmountField(lazy_gettext("Each further kilogram or piece, Bangkok and vicinity"))
    province = TextAreaField(lazy_gettext("Provinces"), [Chosen()], description=STEPS_HELP, render_kw={"rows": 5})
    province_further = AmountField(lazy_gettext("Each further kilogram or piece, provinces"))
    remote_extra = AmountField(lazy_gettext("On top for remote places and islands"))
    cod_percent = StringField(lazy_gettext("Percent of the cash collected"))
    cod_minimum = AmountField(lazy_gettext("At least, for cash collected"))
    divisor = WholeField(lazy_gettext("Cubic centimetres that count as a kilogram"))
    whole_baht = BooleanField(lazy_gettext("Round up to whole baht"))
    is_active = BooleanField(lazy_gettext("In use"), default=True)

    def fill(self, row: FeeTable | None) -> None:
        """The choices, and what is stored."""
        shops = db.session.scalars(select(Shop).where(Shop.is_active).order_by(Shop.name))
        self.shop.choices = choices([("", gettext("Every shop")), *((s.id, s.name) for s in shops)])
        carriers = [(c.id, c.name) for c in all_carriers(db.session(), active=True)]
        self.carrier.choices = choices([("", gettext("Every carrier")), *carriers])
        self.by.choices = choices((by.value, tr(BY_LABELS[by])) for by in By)
        if row is None or self.is_submitted():
            return
        table = read_table(row.rates)
        self.version.data, self.name.data, self.is_active.data = str(row.version), row.name, row.is_active
        self.shop.data, self.carrier.data, self.by.data = str(row.shop_id or ""), str(row.carrier_id or ""), table.by
        for zone, steps, further in (
            (Zone.NEAR, self.near, self.near_further), (Zone.PROVINCE, self.province, self.province_further),
        ):  # fmt: skip
            if (rates := table.zones.get(zone)) is not None:
                steps.data = "\n".join(f"{s.up_to} {s.price.amount.normalize():f}" for s in rates.steps)
                further.data = rates.further
        self.remote_extra.data = table.remote_extra or None
        self.cod_minimum.data = table.cod_minimum or None
        self.cod_percent.data = f"{table.cod_percent:f}" if table.cod_percent else ""
        self.divisor.data, self.whole_baht.data = table.divisor, table.whole_baht

    def facts(self) -> FeeFacts:
        """What was entered. Raises InvalidInput."""
        zones = {Zone.PROVINCE: Rates(_steps(self.province), self.province_further.data)}
        if near := _steps(self.near):
            zones[Zone.NEAR] = Rates(near, self.near_further.data)
        table = RateTable(
            zones, By(self.by.data), self.divisor.data, _percent(self.cod_percent.data or ""),
            self.cod_minimum.data or ZERO, self.remote_extra.data or ZERO, whole_baht=bool(self.whole_baht.data),
        )  # fmt: skip
        return FeeFacts(
            self.name.data or "", table, _id(self.shop.data), _id(self.carrier.data), bool(self.is_active.data)
        )


def _id(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 18 else None


def _steps(field: Any) -> tuple[Step, ...]:
    """The steps in a box of lines. Raises InvalidInput naming the line that cannot be read."""
    found: list[Step] = []
    for line in arabic_digits(field.data or "").replace(",", "").splitlines():
        parts = line.split()
        if not parts:
            continue
        try:
            up_to, price = whole_number(parts[0]), Money.parse(parts[1])
        except (IndexError, ValueError, InvalidInput):
            up_to, price = None, ZERO
        rising = bool(up_to) and (not found or up_to > found[-1].up_to)
        if len(parts) != 2 or not up_to or up_to <= 0 or price < ZERO or not rising:
            raise InvalidInput(
                say("“{line}” is no step: up to so much, then the price, rising", line=line.strip()[:60]),
                field=field.name,
                code="fee_step",
            )
        found.append(Step(up_to, price))
    return tuple(found)


def _percent(text: str) -> Decimal:
    try:
        found = Decimal(arabic_digits(text).strip().removesuffix("%") or "0")
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or not 0 <= found <= 100:
        raise InvalidInput(say("Enter a percentage from 0 to 100"), field="cod_percent", code="percent")
    return found


class FeeView(OmsView):
    """Rate tables."""

    route_base = "/fees"
    default_view = "list"
    requires = "carrier.edit"
    requires_for = {"ask": "order.create"}

    @page("/")
    def list(self) -> str:
        """Every table, and one tried on a parcel."""
        loaded = select(FeeTable).options(joinedload(FeeTable.shop), joinedload(FeeTable.carrier))
        rows = db.session.scalars(loaded.order_by(FeeTable.is_active.desc(), FeeTable.name)).all()
        tried = request.args if request.args.get("postcode") else {}
        return self.show_page(
            "carriers/fees.html", title=gettext("Shipping fees"), rows=rows, tried=tried,
            answers={row.id: _try(row, tried) for row in rows} if tried else {},
        )  # fmt: skip

    @page("/new", methods=("GET", "POST"))
    def new(self) -> Response | str:
        """A new table."""
        return self._form(None)

    @page("/<int:table_id>/edit", methods=("GET", "POST"))
    def edit(self, table_id: int) -> Response | str:
        """Change a table."""
        row = db.session.get(FeeTable, table_id)
        if row is None:
            raise NotFound(say("There is no such record"))
        return self._form(row)

    def _form(self, row: FeeTable | None) -> Response | str:
        form = FeeForm()
        form.fill(row)
        title, key = (gettext("A rate table") if row is None else row.name), (row.id if row else 0)
        if form.validate_on_submit():
            raw = form.version.data or ""
            try:
                facts = form.facts()
                with unit() as tx:
                    if key:
                        edit_fee_table(tx, Edit(key, int(raw) if raw.isdecimal() else 0), facts)
                    else:
                        create_fee_table(tx, facts)
                flash(gettext("Saved"), "success")
                return redirect(url_for("FeeView.list"), 303)
            except OmsError as exc:
                pin_problems(form, exc)
        return self.render_template(
            "form_page.html", title=title, intro="", submit_label="", form=form, columns=[f.name for f in form],
            fieldsets=[], cancel_url=url_for("FeeView.list"),
        )  # fmt: skip

    @page("/ask", methods=("POST",))
    def ask(self) -> Response:
        """The fee for the order on the entry screen."""
        typed = order_entry_form.read(request.form)
        with unit() as tx:
            reading = Reading(typed)
            lines = reading.lines(finding.by_codes(tx.session, [row.sku for row in typed.lines]))
            pieces: dict[int, int] = {}
            for line in lines:
                pieces[line.sku_id] = pieces.get(line.sku_id, 0) + line.quantity
            if not pieces or not typed.shop_id.isdecimal():
                return jsonify(fee="", text="")
            sums = preview_order(tx, PreviewOrder(lines, reading.ship_to(), looks_for_twins=False))
            goods = sums.total if typed.term == PaymentTerm.COD else ZERO
            asked = ProposeFee(int(typed.shop_id), pieces, reading.ship_to().postcode, goods)
            try:
                found = propose_fee(tx, asked)
            except InvalidInput as refusal:
                return jsonify(fee="", text=tr(refusal.problems()[0].message))
        if found is None:
            return jsonify(fee="", text="")
        table, made = found
        said = f"{table.name}: {_parts(made)}"
        return jsonify(fee=f"{made.total.amount:.2f}", shown=money(made.total), text=said)


def _parts(made: Fee) -> str:
    """What a fee is made of, in one line."""
    return "; ".join(f"{tr(line.why)} = {money(line.amount)}" for line in made.lines)


def _try(row: FeeTable, tried: Any) -> tuple[str, str]:
    """(sum, how it came about) of a parcel by a table, or why there is none."""
    try:
        cod = Money.parse(arabic_digits(tried.get("cod") or "0"))
        grams, pieces = (whole_number(tried.get(name) or "", 0) or 0 for name in ("grams", "pieces"))
        asked = ToSend(tried.get("postcode", "").strip()[:5], grams, pieces=pieces or 1, cod=cod)
        made = fee(read_table(row.rates), asked)
    except InvalidInput as refusal:
        return "", tr(refusal.problems()[0].message)
    except ValueError as exc:
        return "", str(exc)
    return money(made.total), _parts(made)


VIEWS = (FeeView,)
NAV = (nav.Item("setup", "Shipping fees", "FeeView.list", "carrier.edit", icon="wallet", order=31),)
