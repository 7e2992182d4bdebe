"""Counting stock on screen: a sheet, numbers by scanner or keyboard, differences, and a second person's approval."""

from __future__ import annotations

import secrets
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext, lazy_gettext
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import BooleanField, StringField, TextAreaField

from oms.db import db
from oms.errors import NotFound, say
from oms.inventory.count_models import CountLine, StockCount
from oms.inventory.queries import visible_counts
from oms.inventory.states import COUNT, CountStatus
from oms.usecases import counts
from oms.usecases.counts_posting import ApproveCount, approve_count
from views import listing, nav
from views.base import OmsView, current_actor, may, page, unit
from views.stock_work import StockForm, StockFormView

TONES = {CountStatus.OPEN: "info", CountStatus.COUNTED: "warn", CountStatus.POSTED: "ok", CountStatus.CANCELED: "mut"}
SHOWN = 300  # lines of a sheet on a page


class CountForm(StockForm):
    """What is to be counted: products, shelves, or all."""

    locations = StringField(
        lazy_gettext("Shelves"), description=lazy_gettext("Beginnings with commas between, like A-01, B. Empty: all.")
    )
    is_blind = BooleanField(lazy_gettext("Blind: whoever counts does not see what the books say"))
    note = TextAreaField(lazy_gettext("Note"))


class CountNewView(StockFormView):
    """Open a sheet."""

    route_base = "/counts/new"
    requires = "stock.count"
    form = CountForm
    form_title = lazy_gettext("Count stock")
    form_intro = lazy_gettext(
        "Leave the products empty to count shelves or the whole warehouse. Work goes on meanwhile."
    )
    form_columns = ["warehouse_id", "locations", "is_blind", "lines", "note"]

    def submit(self, form: Any) -> Response:
        """Make the sheet."""
        cmd = counts.OpenCount(
            form.warehouse_id.data, form.key.data or "", tuple(line.sku_id for line in form.stock_lines()),
            tuple(part.strip() for part in (form.locations.data or "").split(",") if part.strip()),
            is_blind=bool(form.is_blind.data), note=form.note.data or "",
        )  # fmt: skip
        with unit() as tx:
            made = counts.open_count(tx, cmd)
        flash(gettext("%(number)s: %(n)s products to count", number=made.number, n=made.lines), "success")
        return redirect(url_for("CountView.show", count_id=made.count_id), 303)


class EntryForm(StockForm):
    """Numbers scanned or typed."""

    add = BooleanField(lazy_gettext("On top of what was counted before"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.warehouse_id


class CountView(OmsView):
    """Counts and one count."""

    route_base = "/counts"
    default_view = "list"
    requires = "stock.view"
    requires_for = {
        "enter": "stock.count", "submit": "stock.count", "again": "stock.count", "cancel": "stock.count",
        "approve": "stock.approve_count",
    }  # fmt: skip

    @page("/")
    def list(self) -> str:
        """Counts, the newest first."""
        statement = visible_counts(current_actor()).options(joinedload(StockCount.warehouse))
        found = listing.fetch(statement.order_by(StockCount.id.desc()))
        ids = [row.id for row in found.rows]
        done = {
            row[0]: (row[1], row[2])
            for row in db.session.execute(
                select(CountLine.count_id, func.count(), func.count(CountLine.counted))
                .where(CountLine.count_id.in_(ids))
                .group_by(CountLine.count_id)
            )
        }
        return self.show_page(
            "stock/counts.html", title=gettext("Counts"), page=found, done=done, tones=TONES, labels=COUNT.labels
        )

    @page("/<int:count_id>")
    def show(self, count_id: int) -> str:
        """The sheet; once counted, where shelf and books differ."""
        row = _found(count_id)
        only = request.args.get("show", "differ" if row.status is not CountStatus.OPEN else "open")
        statement = select(CountLine).where(CountLine.count_id == row.id).options(joinedload(CountLine.sku))
        if only == "differ":
            statement = statement.where(CountLine.counted.is_not(None), CountLine.counted != CountLine.expected)
        elif only == "open":
            statement = statement.where(CountLine.counted.is_(None))
        lines = db.session.scalars(statement.order_by(CountLine.position).limit(SHOWN + 1)).all()
        totals = db.session.execute(
            select(
                func.count(), func.count(CountLine.counted),
                func.count().filter(CountLine.counted != CountLine.expected),
            ).where(CountLine.count_id == row.id)
        ).one()  # fmt: skip
        hide = row.is_blind and row.status is CountStatus.OPEN
        return self.show_page(
            "stock/count.html", title=row.number, row=row, lines=lines[:SHOWN], more=len(lines) > SHOWN, only=only,
            total=totals[0], counted=totals[1], differ=totals[2], tones=TONES, labels=COUNT.labels, hide=hide,
            form=EntryForm(), cost=may("stock.cost"), key=secrets.token_urlsafe(12),
        )  # fmt: skip

    @page("/<int:count_id>/enter", methods=("POST",))
    def enter(self, count_id: int) -> Response:
        """Take numbers: the scanned lines, or the boxes beside the sheet's lines."""
        typed = [
            counts.Counted(int(name.removeprefix("sku-")), int(value))
            for name, value in request.form.items()
            if name.startswith("sku-") and name[4:].isdecimal() and value.strip().isdecimal() and len(value) < 9
        ]
        scanned = (
            [counts.Counted(line.sku_id, line.quantity) for line in EntryForm().stock_lines()] if not typed else []
        )
        cmd = counts.RecordCounts(
            count_id, tuple(typed or scanned), add="add" in request.form and not typed,
            source="typed" if typed else "scanned",
        )  # fmt: skip
        with unit() as tx:
            done = counts.record_counts(tx, cmd)
        flash(gettext("%(n)s of %(total)s counted", n=done.counted, total=done.lines), "success")
        return _back(count_id)

    @page("/<int:count_id>/submit", methods=("POST",))
    def submit(self, count_id: int) -> Response:
        """Counting is done."""
        with unit() as tx:
            counts.submit_count(tx, counts.CloseCounting(count_id, zero="zero" in request.form, version=_version()))
        return _back(count_id)

    @page("/<int:count_id>/again", methods=("POST",))
    def again(self, count_id: int) -> Response:
        """Ticked lines once more."""
        ids = tuple(int(i) for i in request.form.getlist("rowid") if i.isdecimal() and len(i) < 19)
        with unit() as tx:
            counts.recount(tx, counts.CountAgain(count_id, ids))
        return _back(count_id)

    @page("/<int:count_id>/approve", methods=("POST",))
    def approve(self, count_id: int) -> Response:
        """Post the differences."""
        cmd = ApproveCount(
            count_id, request.form.get("note", ""), hold_orders="hold_orders" in request.form, version=_version()
        )
        with unit() as tx:
            done = approve_count(tx, cmd)
        flash(
            gettext("%(number)s: %(more)s more, %(fewer)s fewer", number=done.number, more=done.more, fewer=done.fewer),
            "success",
        )
        return _back(count_id)

    @page("/<int:count_id>/cancel", methods=("POST",))
    def cancel(self, count_id: int) -> Response:
        """Give it up."""
        with unit() as tx:
            counts.cancel_count(tx, counts.DropCount(count_id, request.form.get("reason", ""), _version()))
        return _back(count_id)


def _back(count_id: int) -> Response:
    return redirect(url_for("CountView.show", count_id=count_id), 303)


def _found(count_id: int) -> StockCount:
    row = db.session.scalars(
        visible_counts(current_actor())
        .where(StockCount.id == min(count_id, 2**62))
        .options(joinedload(StockCount.warehouse))
    ).one_or_none()
    if row is None:
        raise NotFound(say("There is no such count, or it is not yours to see"), code="count_not_found")
    return row


def _version() -> int | None:
    text = request.form.get("version", "")
    return int(text) if text.isdecimal() and len(text) < 10 else None


VIEWS = (CountNewView, CountView)
NAV = (nav.Item("stock", "Counts", "CountView.list", "stock.view", icon="check", order=55),)
