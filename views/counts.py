"""Counting on screen: a sheet to scan into, the differences, the approval."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any

from flask import Flask, flash, jsonify, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, RadioField, SelectField, TextAreaField

from oms.actor import Actor
from oms.db import Tx, db
from oms.errors import InvalidInput, NotFound, OmsError, say
from oms.importing.pieces import read_pieces
from oms.inventory import queries
from oms.inventory.availability import places
from oms.inventory.count_models import StockCount
from oms.inventory.count_queries import PARTS, sheet, sums
from oms.inventory.states import COUNT, CountStatus
from oms.usecases import counts as verbs
from oms.usecases.counts_posting import ApproveCount, approve_count, blocked_orders
from views import listing, nav
from views.base import OmsView, current_actor, page, pin_problems, unit
from views.fields import LinesField, choices, whole_number
from views.filters import state_pill, tr
from views.lookups import resolve_sku
from views.modelview import OmsModelView
from views.order_actions import text, version
from views.sku_lines import SkuLinesField
from views.stock import on_one_line
from views.uploads import uploaded

TONES = {CountStatus.OPEN: "acc", CountStatus.COUNTED: "warn", CountStatus.POSTED: "ok", CountStatus.CANCELED: "mut"}


class CountForm(FlaskForm):
    """A new count."""

    warehouse_id = SelectField(lazy_gettext("Warehouse"), coerce=int)
    what = RadioField(
        lazy_gettext("What to count"), default="all",
        choices=choices([
            ("all", lazy_gettext("everything that lies there")), ("shelves", lazy_gettext("some shelves")),
            ("skus", lazy_gettext("some products")),
        ]),
    )  # fmt: skip
    shelves = LinesField(
        lazy_gettext("Shelves"), description=lazy_gettext("One on each line; A counts every shelf that begins with A")
    )
    lines = SkuLinesField(lazy_gettext("Products"))
    is_blind = BooleanField(lazy_gettext("Blind: whoever counts does not see what the books say"), default=True)
    note = TextAreaField(lazy_gettext("Note"))
    key = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = places(db.session(), current_actor(), partners=True)
        self.warehouse_id.choices = choices((p.id, f"{p.code} · {p.name}") for p in mine)
        if not self.key.data:
            self.key.data = secrets.token_urlsafe(18)

    def command(self) -> verbs.OpenCount:
        """The sheet as the verb makes it. Raises InvalidInput when nothing was named."""
        what = self.what.data
        skus = tuple(sku for sku, _ in self.lines.data) if what == "skus" else ()
        shelves = tuple(self.shelves.data) if what == "shelves" else ()
        if what == "skus" and not skus:
            raise InvalidInput(say("Add at least one product"), field="lines", code="lines_missing")
        if what == "shelves" and not shelves:
            raise InvalidInput(say("Name at least one shelf"), field="shelves", code="shelves_missing")
        return verbs.OpenCount(
            self.warehouse_id.data, self.key.data or "", skus, shelves, is_blind=bool(self.is_blind.data),
            note=self.note.data or "",
        )  # fmt: skip


class CountView(OmsModelView):
    """Counts of one's own warehouses."""

    datamodel = SQLAInterface(StockCount)
    base_permissions = ["can_list"]
    route_base = "/counts"
    requires = "stock.count"
    list_template = "counts/list.html"
    list_title = lazy_gettext("Stock counts")
    list_columns = ["number", "status", "warehouse.code", "note", "created_at", "created_by", "closed_at", "closed_by"]
    order_columns = ["created_at"]
    base_order = ("id", "desc")
    label_columns = {
        "number": lazy_gettext("Number"), "status": lazy_gettext("State"), "warehouse.code": lazy_gettext("Warehouse"),
        "note": lazy_gettext("Note"), "created_at": lazy_gettext("Begun"), "created_by": lazy_gettext("Who"),
        "closed_at": lazy_gettext("Closed"), "closed_by": lazy_gettext("Closed by"),
        "warehouse_id": lazy_gettext("Warehouse"),
    }  # fmt: skip
    find_columns = ["number", "note"]
    search_columns = ["status", "created_at", "created_by"]
    choice_labels = {"status": COUNT.labels}
    shown_by = "CountWorkView.show"
    formatters_columns = {
        "status": partial(state_pill, TONES, COUNT.labels),
        "created_at": on_one_line,
        "closed_at": on_one_line,
    }
    load_options = (joinedload(StockCount.warehouse),)
    export_list = "counts"
    empty_text = lazy_gettext("Begin a count of a shelf, some products or a whole warehouse.")

    def base_statement(self) -> Select[Any]:
        """Those of one's own warehouses."""
        return queries.visible_counts(current_actor())


def find_count(tx: Tx, pk: int) -> StockCount:
    """A count this person may see. Raises NotFound."""
    wanted = queries.visible_counts(tx.actor).where(StockCount.id == min(pk, 2**63 - 1))
    found = tx.session.scalars(wanted.options(joinedload(StockCount.warehouse))).one_or_none()
    if found is None:
        raise NotFound(say("There is no such count, or it is not yours to see"), code="count_not_found")
    return found


def shows_books(count: StockCount, actor: Actor) -> bool:
    """Whether what the books say may be shown: never while a blind count is being counted."""
    return not (count.is_blind and count.status is CountStatus.OPEN) and (
        not count.is_blind or actor.may("stock.approve_count")
    )


class CountWorkView(OmsView):
    """One count: its sheet, and what is done to it."""

    route_base = "/count"
    default_view = "show"
    requires = "stock.count"
    requires_for = {"approve": "stock.approve_count"}

    @page("/new", methods=("GET", "POST"))
    def new(self) -> Response | str:
        """Begin a count."""
        form = CountForm()
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    made = verbs.open_count(tx, form.command())
            except OmsError as exc:
                pin_problems(form, exc)
            else:
                return redirect(url_for("CountWorkView.show", pk=made.count_id), 303)
        return self.show_page("counts/form.html", title=gettext("New count"), form=form)

    @page("/<int:pk>")
    def show(self, pk: int) -> str:
        """The sheet: to count into while it is open, its differences afterwards."""
        with unit() as tx:
            row = find_count(tx, pk)
            books = shows_books(row, tx.actor)
            usual = "all" if row.status is CountStatus.OPEN else "different"
            part = request.args.get("part", usual)
            part = part if part in PARTS and (books or part != "different") else "all"
            found = listing.fetch(sheet(row, part))
            blocked = blocked_orders(tx, row) if row.status is CountStatus.COUNTED and books else []
            return self.show_page(
                "counts/show.html", title=row.number, row=row, page=found, part=part, books=books, tones=TONES,
                sums=sums(tx.session, row.id), blocked=blocked, cost=books and tx.actor.may("stock.cost"),
            )  # fmt: skip

    @page("/<int:pk>/scan", methods=("POST",))
    def scan(self, pk: int) -> Response:
        """One scan: a piece more of what was scanned. Answers JSON."""
        typed = text("code", 80)
        sku_id = resolve_sku(typed)
        if sku_id is None:
            return jsonify(ok=False, text=gettext("Not found: %(text)s", text=typed))
        pieces = request.form.get("pieces", 1, type=int)
        try:
            with unit() as tx:
                entry = verbs.ShelfCount(sku_id, pieces)
                state = verbs.record_counts(tx, verbs.RecordCounts(pk, (entry,), add=True, source="scanner"))
                line = verbs.counted_line(tx, pk, sku_id)
                answer = {"sku": sku_id, "code": line.sku.code, "name": line.sku.name, "counted": line.counted}
        except OmsError as exc:
            return jsonify(ok=False, text=tr(exc.message))
        done = gettext("%(done)s of %(lines)s counted", done=state.counted, lines=state.lines)
        left = gettext("%(n)s lines were not counted.", n=state.lines - state.counted)
        return jsonify(ok=True, added=state.added, done=done, left=left, **answer)

    @page("/<int:pk>/enter", methods=("POST",))
    def enter(self, pk: int) -> Response:
        """Numbers typed into the sheet; empty ones are left."""
        with unit() as tx:
            state = verbs.record_counts(tx, verbs.RecordCounts(pk, _typed()))
        flash(gettext("Saved: %(done)s of %(lines)s counted", done=state.counted, lines=state.lines), "success")
        return self._back(pk)

    @page("/<int:pk>/file", methods=("POST",))
    def file(self, pk: int) -> Response:
        """A counted list as a file."""
        with uploaded() as (path, name), unit() as tx:
            rows = read_pieces(tx, path, name, low=0)
            entries = tuple(verbs.ShelfCount(row.sku_id, row.quantity) for row in rows)
            state = verbs.record_counts(tx, verbs.RecordCounts(pk, entries, source="file"))
        flash(gettext("%(n)s lines of the file are entered", n=len(rows)), "success")
        if state.added:
            flash(gettext("%(n)s products were not on the sheet and were added", n=state.added), "warning")
        return self._back(pk)

    @page("/<int:pk>/submit", methods=("POST",))
    def submit(self, pk: int) -> Response:
        """Counting is done."""
        with unit() as tx:
            verbs.submit_count(tx, verbs.CloseCounting(pk, zero=text("rest") == "zero", version=version()))
        flash(gettext("Counted. Another person looks at the differences and approves."), "success")
        return redirect(url_for("CountWorkView.show", pk=pk), 303)

    @page("/<int:pk>/recount", methods=("POST",))
    def recount(self, pk: int) -> Response:
        """Some lines once more."""
        ids = tuple(i for i in request.form.getlist("rowid", type=int) if 0 < i < 2**63)
        with unit() as tx:
            verbs.recount(tx, verbs.CountAgain(pk, ids, version()))
        flash(gettext("%(n)s lines are open to be counted again", n=len(ids)), "info")
        return redirect(url_for("CountWorkView.show", pk=pk, part="open"), 303)

    @page("/<int:pk>/approve", methods=("POST",))
    def approve(self, pk: int) -> Response:
        """Post the differences."""
        command = ApproveCount(pk, text("note"), "hold_orders" in request.form, version())
        with unit() as tx:
            done = approve_count(tx, command)
        flash(gettext("Posted: %(more)s more, %(fewer)s fewer pieces", more=done.more, fewer=done.fewer), "success")
        if done.held:
            flash(gettext("On stock hold: %(orders)s", orders=", ".join(done.held)), "warning")
        return redirect(url_for("CountWorkView.show", pk=pk), 303)

    @page("/<int:pk>/cancel", methods=("POST",))
    def cancel(self, pk: int) -> Response:
        """Give it up."""
        with unit() as tx:
            verbs.cancel_count(tx, verbs.DropCount(pk, text("reason"), version()))
        flash(gettext("Canceled"), "success")
        return redirect(url_for("CountWorkView.show", pk=pk), 303)

    @staticmethod
    def _back(pk: int) -> Response:
        kept = {name: request.args[name] for name in ("part", "page") if name in request.args}
        return redirect(url_for("CountWorkView.show", pk=pk, **kept), 303)


def _typed() -> tuple[verbs.ShelfCount, ...]:
    found = []
    for name, typed in request.form.items():
        sku = name.removeprefix("counted_")
        if sku == name or not sku.isdecimal() or len(sku) > 18 or not typed.strip():
            continue
        if typed.strip() == request.form.get(f"was_{sku}", ""):
            continue  # nobody touched it
        try:
            found.append(verbs.ShelfCount(int(sku), whole_number(typed, 0) or 0))
        except ValueError:
            wrong = say("“{text}” is not a whole number", text=typed[:40])
            raise InvalidInput(wrong, field=name, code="not_a_number") from None
    return tuple(found)


def waiting(actor: Actor) -> nav.Waiting:
    """How many counts wait for this person: to be approved, or else to be counted."""
    if not actor.may("stock.count"):
        return {}
    state = CountStatus.COUNTED if actor.may("stock.approve_count") else CountStatus.OPEN
    statement = select(func.count()).where(StockCount.status == state)
    if actor.warehouses is not None:
        statement = statement.where(StockCount.warehouse_id.in_(sorted(actor.warehouses)))
    return {"stock_counts": statement}


def install(app: Flask) -> None:
    """Put the count into the menu."""
    nav.add_counts(app, waiting)
    app.jinja_env.globals.update(COUNT_LABELS=COUNT.labels)


VIEWS = (CountWorkView, CountView)
NAV = (
    nav.Item("stock", "Stock counts", "CountView.list", "stock.count", icon="check", order=37, count="stock_counts"),
)
