"""Forms that move stock: goods in, adjustments, damage. One key per shown form, so a double click adds nothing."""

from __future__ import annotations

import secrets
from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext, lazy_gettext
from werkzeug.wrappers import Response
from wtforms import HiddenField, RadioField, SelectField, StringField, TextAreaField

from oms.approvals import needs_second_person
from oms.db import db
from oms.inventory.availability import places
from oms.inventory.models import ADJUST_LABELS, AdjustReason, Bucket
from oms.usecases import stock, stock_approvals
from oms.usecases.stock_checks import StockLine
from views import nav
from views.base import OmsFormView, current_actor, unit
from views.fields import Chosen, choices
from views.filters import tr
from views.lookups import sku_label
from views.sku_lines import SkuLinesField


class StockForm(DynamicForm):
    """What all of them ask: where, which, why."""

    warehouse_id = SelectField(lazy_gettext("Warehouse"), coerce=int)
    lines = SkuLinesField(lazy_gettext("Products"))
    key = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = places(db.session(), current_actor(), partners=True)
        self.warehouse_id.choices = choices((p.id, f"{p.code} · {p.name}") for p in mine)
        if request.method != "POST":
            self.key.data = secrets.token_urlsafe(18)
            self._start_with(request.args)

    def _start_with(self, given: Any) -> None:
        wanted, place = given.get("sku", ""), given.get("warehouse", "")
        if wanted.isdecimal() and len(wanted) < 19 and sku_label(int(wanted)):
            self.lines.data = [(int(wanted), 1)]
        if place.isdecimal() and len(place) < 19:
            self.warehouse_id.data = int(place)

    def stock_lines(self) -> tuple[StockLine, ...]:
        """The lines as the verb takes them."""
        return tuple(StockLine(*line) for line in self.lines.data)


class ReceiveForm(StockForm):
    """Goods in."""

    reference = StringField(lazy_gettext("Supplier's paper"), description=lazy_gettext("Invoice or delivery number"))
    note = TextAreaField(lazy_gettext("Note"))


class AdjustForm(StockForm):
    """A correction."""

    how = RadioField(
        lazy_gettext("The numbers are"), default="change",
        choices=choices([
            ("change", lazy_gettext("more (+) or fewer (−) pieces")), ("counted", lazy_gettext("what was counted")),
        ]),
    )  # fmt: skip
    bucket = RadioField(
        lazy_gettext("Which pieces"), default=Bucket.ON_HAND.value,
        choices=choices(
            [(Bucket.ON_HAND.value, lazy_gettext("sellable")), (Bucket.DAMAGED.value, lazy_gettext("damaged"))]
        ),
    )  # fmt: skip
    reason = SelectField(lazy_gettext("Reason"), [Chosen()])
    note = TextAreaField(lazy_gettext("Note"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reason.choices = choices(
            [
                ("", gettext("Choose a reason")),
                *((r.value, tr(ADJUST_LABELS[r])) for r in AdjustReason),
            ]
        )


class DamageForm(StockForm):
    """Pieces set aside, or mended."""

    how = RadioField(
        lazy_gettext("What happened"), default="damaged",
        choices=choices([
            ("damaged", lazy_gettext("found damaged: not for sale")),
            ("mended", lazy_gettext("mended: for sale again")),
        ]),
    )  # fmt: skip
    note = TextAreaField(lazy_gettext("What is wrong with them"), [Chosen()])


class StockFormView(OmsFormView):
    """A form with lines to scan."""

    form_template = "stock_form.html"

    def done(self, posted: stock.StockPosted) -> Response:
        """Say the number and show the paper."""
        if posted.waiting:
            flash(gettext("%(number)s waits for a second person", number=posted.number), "warning")
        elif posted.repeated:
            flash(gettext("%(number)s was saved before; nothing was added", number=posted.number), "info")
        else:
            flash(gettext("%(number)s is saved", number=posted.number), "success")
        return redirect(url_for("StockPaperView.show", pk=posted.paper_id))


class ReceiveView(StockFormView):
    """Goods in."""

    route_base = "/stock/receive"
    requires = "stock.receive"
    form = ReceiveForm
    form_title = lazy_gettext("Receive goods")
    form_intro = lazy_gettext("Scan what arrived; orders that wait for it get theirs first.")
    form_columns = ["warehouse_id", "lines", "reference", "note"]

    def submit(self, form: Any) -> Response:
        """Take the goods in."""
        cmd = stock.ReceiveStock(
            form.warehouse_id.data, form.stock_lines(), form.key.data or "", form.reference.data or "",
            form.note.data or "",
        )  # fmt: skip
        with unit() as tx:
            posted = stock.receive_stock(tx, cmd)
        return self.done(posted)


class AdjustView(StockFormView):
    """Corrections."""

    route_base = "/stock/adjust"
    requires = "stock.adjust"
    form = AdjustForm
    form_title = lazy_gettext("Adjust stock")
    form_intro = lazy_gettext("Every change keeps its reason and your name.")
    form_columns = ["warehouse_id", "lines", "how", "bucket", "reason", "note"]

    def submit(self, form: Any) -> Response:
        """Correct, or ask the second person."""
        cmd = stock.AdjustStock(
            form.warehouse_id.data, form.stock_lines(), AdjustReason(form.reason.data), form.key.data or "",
            form.note.data or "", counted=form.how.data == "counted", bucket=Bucket(form.bucket.data),
        )  # fmt: skip
        with unit() as tx:
            ask = needs_second_person(tx.session, stock.ADJUST_POLICY)
            posted = stock_approvals.request_adjustment(tx, cmd) if ask else stock.adjust_stock(tx, cmd)
        return self.done(posted)


class DamageView(StockFormView):
    """Damage."""

    route_base = "/stock/damage"
    requires = "stock.adjust"
    form = DamageForm
    form_title = lazy_gettext("Damaged pieces")
    form_intro = lazy_gettext("Damaged pieces stay in the warehouse but are never sold.")
    form_columns = ["warehouse_id", "lines", "how", "note"]

    def submit(self, form: Any) -> Response:
        """Set aside, or bring back."""
        cmd = stock.SetAside(
            form.warehouse_id.data, form.stock_lines(), form.note.data or "", form.key.data or "",
            mended=form.how.data == "mended",
        )  # fmt: skip
        with unit() as tx:
            posted = stock.set_aside(tx, cmd)
        return self.done(posted)


VIEWS = (ReceiveView, AdjustView, DamageView)
NAV = (
    nav.Item("stock", "Receive goods", "ReceiveView.this_form_get", "stock.receive", icon="plus", order=30),
    nav.Item("stock", "Adjust stock", "AdjustView.this_form_get", "stock.adjust", icon="edit", order=40),
    nav.Item("stock", "Damaged pieces", "DamageView.this_form_get", "stock.adjust", icon="trash", order=45),
)
