"""Blocks of tracking numbers bought ahead: entered as the carrier gave them."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, SelectField, StringField

from oms.db import db
from oms.errors import NotFound, OmsError, say
from oms.shipping.carrier_models import Carrier, NumberRange
from oms.shipping.carrier_queries import get_carrier
from oms.usecases.masters import Edit
from oms.usecases.number_ranges import WARN_BELOW, RangeFacts, add_range, edit_range, shape_of
from views.base import OmsView, page, pin_problems, unit
from views.fields import Chosen, WholeField, choices


class RangeForm(FlaskForm):
    """What may change of a block."""

    version = HiddenField()
    service = SelectField(lazy_gettext("Service"))
    warn_below = WholeField(
        lazy_gettext("Warn when fewer are left than"), empty=0, default=WARN_BELOW,
        description=lazy_gettext("The menu shows it under Carriers"),
    )  # fmt: skip
    note = StringField(lazy_gettext("Note"), description=lazy_gettext("For example the receipt of the block"))
    is_active = BooleanField(lazy_gettext("In use"), default=True)


class NewRangeForm(RangeForm):
    """A block with its first and last number."""

    first_number = StringField(
        lazy_gettext("First number"), [Chosen()], description=lazy_gettext("As printed, for example ED 8529 4218 2 TH")
    )
    last_number = StringField(lazy_gettext("Last number"), [Chosen()])


def _facts(form: Any, carrier_id: int) -> RangeFacts:
    numbers = [str(form[n].data or "") if n in form else "" for n in ("first_number", "last_number")]
    return RangeFacts(
        carrier_id, *numbers, service=form.service.data or "", warn_below=form.warn_below.data or 0,
        note=form.note.data or "", is_active=bool(form.is_active.data),
    )  # fmt: skip


def _with_services(form: Any, carrier: Carrier) -> Any:
    services = [(s["code"], s["name"]) for s in carrier.services]
    form.service.choices = choices([("", gettext("Every service")), *services])
    return form


class NumberRangeView(OmsView):
    """Blocks, each on its carrier's page."""

    route_base = "/carrier-numbers"
    requires = "carrier.edit"

    @page("/new/<int:carrier_id>", methods=("GET", "POST"))
    def new(self, carrier_id: int) -> Response | str:
        """Enter a block."""
        carrier = get_carrier(db.session(), carrier_id)
        form, name = _with_services(NewRangeForm(), carrier), carrier.name
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    add_range(tx, _facts(form, carrier_id))
                return self._done(gettext("The block is entered"), carrier_id)
            except OmsError as exc:
                pin_problems(form, exc)
        title = gettext("A block of numbers of %(carrier)s", carrier=name)
        columns = ["first_number", "last_number", "service", "warn_below", "note", "is_active"]
        return self._form(form, title, columns, carrier_id)

    @page("/<int:range_id>/edit", methods=("GET", "POST"))
    def edit(self, range_id: int) -> Response | str:
        """Change a block: its numbers stay."""
        row = db.session.get(NumberRange, range_id)
        if row is None:
            raise NotFound(say("There is no such record"))
        carrier_id, shape = row.carrier_id, shape_of(row)
        title = f"{shape.spell(row.first_serial)} – {shape.spell(row.last_serial)}"
        form = _with_services(RangeForm(obj=row), row.carrier)
        if form.validate_on_submit():
            version = form.version.data or ""
            try:
                with unit() as tx:
                    edit = Edit(range_id, int(version) if version.isdecimal() else 0)
                    edit_range(tx, edit, _facts(form, carrier_id))
                return self._done(gettext("Saved"), carrier_id)
            except OmsError as exc:
                pin_problems(form, exc)
        return self._form(form, title, ["service", "warn_below", "note", "is_active"], carrier_id)

    def _form(self, form: Any, title: str, columns: list[str], carrier_id: int) -> str:
        back = url_for("CarrierView.show", carrier_id=carrier_id)
        return self.render_template(
            "form_page.html", title=title, intro="", submit_label="", form=form, columns=columns, fieldsets=[],
            cancel_url=back,
        )  # fmt: skip

    def _done(self, text: str, carrier_id: int) -> Response:
        flash(text, "success")
        return redirect(url_for("CarrierView.show", carrier_id=carrier_id), 303)


VIEWS = (NumberRangeView,)
