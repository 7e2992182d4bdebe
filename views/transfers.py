"""Goods between warehouses on screen: the list, the paper, sending, and receiving with a scanner."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Flask, flash, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload, selectinload
from werkzeug.wrappers import Response
from wtforms import HiddenField, SelectField, StringField, TextAreaField

from oms.actor import Actor
from oms.db import Tx, db
from oms.errors import InvalidInput, NotFound, OmsError, say
from oms.inventory import queries
from oms.inventory.models import Warehouse
from oms.inventory.states import STEP_LABELS, TRANSFER, UNDER_WAY, StepKind, TransferStatus
from oms.inventory.transfer_models import Transfer, TransferLine, TransferStep
from oms.usecases import transfers as verbs
from oms.usecases.stock_checks import StockLine
from oms.usecases.transfers_receiving import Arrived, ReceiveTransfer, receive_transfer
from views import nav
from views.base import OmsView, current_actor, page, pin_problems, unit
from views.fields import choices, whole_number
from views.filters import state_pill, tr
from views.modelview import OmsModelView
from views.order_actions import text, version
from views.sku_lines import SkuLinesField
from views.stock import on_one_line

TONES = {
    TransferStatus.DRAFT: "mut", TransferStatus.SENT: "info", TransferStatus.IN_TRANSIT: "acc",
    TransferStatus.RECEIVED: "ok", TransferStatus.RECEIVED_WITH_DISCREPANCY: "warn", TransferStatus.CANCELED: "mut",
}  # fmt: skip
TYPED = (StepKind.RECEIVED, StepKind.DAMAGED, StepKind.LOST, StepKind.CAME_BACK)


class TransferForm(FlaskForm):
    """A load: from where, to where, what."""

    from_id = SelectField(lazy_gettext("From"), coerce=int)
    to_id = SelectField(lazy_gettext("To"), coerce=int)
    lines = SkuLinesField(lazy_gettext("Products"))
    reference = StringField(lazy_gettext("Truck, driver or waybill"))
    note = TextAreaField(lazy_gettext("Note"))
    key = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = db.session.scalars(select(Warehouse).where(Warehouse.is_active).order_by(Warehouse.rank, Warehouse.code))
        listed = [(row.id, str(row)) for row in rows]
        self.from_id.choices, self.to_id.choices = choices(listed), choices(listed)
        if not self.key.data:
            self.key.data = secrets.token_urlsafe(18)

    def plan(self) -> verbs.PlanTransfer:
        """The load as the verb takes it."""
        lines = tuple(StockLine(*line) for line in self.lines.data)
        return verbs.PlanTransfer(
            self.from_id.data, self.to_id.data, lines, self.key.data or "", self.reference.data or "",
            self.note.data or "",
        )  # fmt: skip


class TransferView(OmsModelView):
    """Transfers from and to one's own warehouses."""

    datamodel = SQLAInterface(Transfer)
    base_permissions = ["can_list"]
    route_base = "/transfers"
    requires = "stock.view"
    list_template = "transfers/list.html"
    list_title = lazy_gettext("Transfers")
    list_columns = [
        "number",
        "status",
        "source.code",
        "target.code",
        "reference",
        "created_at",
        "sent_at",
        "created_by",
    ]
    order_columns = ["created_at"]
    base_order = ("id", "desc")
    label_columns = {
        "number": lazy_gettext("Number"), "status": lazy_gettext("State"), "source.code": lazy_gettext("From"),
        "target.code": lazy_gettext("To"), "reference": lazy_gettext("Truck, driver or waybill"),
        "created_at": lazy_gettext("Drafted"), "sent_at": lazy_gettext("Sent"), "created_by": lazy_gettext("Who"),
        "from_id": lazy_gettext("From"), "to_id": lazy_gettext("To"),
    }  # fmt: skip
    find_columns = ["number", "reference", "note"]
    search_columns = ["status", "created_at", "sent_at", "created_by"]
    choice_labels = {"status": TRANSFER.labels}
    shown_by = "TransferWorkView.show"
    formatters_columns = {
        "status": partial(state_pill, TONES, TRANSFER.labels),
        "created_at": on_one_line,
        "sent_at": on_one_line,
    }
    load_options = (joinedload(Transfer.source), joinedload(Transfer.target))
    export_list = "transfers"
    empty_text = lazy_gettext("Draft a transfer to move goods to another warehouse or to a partner.")

    def base_statement(self) -> Select[Any]:
        """Those from or to one's own warehouses."""
        return queries.visible_transfers(current_actor())


def find_transfer(tx: Tx, pk: int) -> Transfer:
    """A transfer this person may see, with its lines. Raises NotFound."""
    statement = (
        queries.visible_transfers(tx.actor)
        .where(Transfer.id == min(pk, 2**63 - 1))
        .options(
            joinedload(Transfer.source), joinedload(Transfer.target),
            selectinload(Transfer.lines).joinedload(TransferLine.sku),
        )
    )  # fmt: skip
    found = tx.session.scalars(statement).one_or_none()
    if found is None:
        raise NotFound(say("There is no such transfer, or it is not yours to see"), code="transfer_not_found")
    return found


class TransferWorkView(OmsView):
    """One transfer: its paper, and what is done to it."""

    route_base = "/transfer"
    default_view = "show"
    requires = "stock.transfer"
    requires_for = {"show": "stock.view"}

    @page("/new", methods=("GET", "POST"))
    def new(self) -> Response | str:
        """Draft a load; the address may name warehouses and one SKU."""
        form = TransferForm()
        if request.method == "GET":
            _start_with(form, request.args)
            _elsewhere(form)
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    made = verbs.create_transfer(tx, form.plan())
            except OmsError as exc:
                pin_problems(form, exc)
            else:
                flash(gettext("%(number)s is drafted; nothing has moved yet", number=made.number), "success")
                return redirect(url_for("TransferWorkView.show", pk=made.transfer_id), 303)
        return self._form(form, gettext("New transfer"), "")

    @page("/<int:pk>/edit", methods=("GET", "POST"))
    def edit(self, pk: int) -> Response | str:
        """Change a draft."""
        with unit() as tx:
            row = find_transfer(tx, pk)
            seen, number = row.version, row.number
            names = ("from_id", "to_id", "reference", "note")
            shown = {name: getattr(row, name) for name in names} | {
                "lines": [(x.sku_id, x.quantity) for x in row.lines]
            }
        form = TransferForm(data=shown)
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    verbs.edit_transfer(tx, verbs.EditTransfer(pk, version() or 0, form.plan()))
            except OmsError as exc:
                pin_problems(form, exc)
            else:
                flash(gettext("Saved"), "success")
                return redirect(url_for("TransferWorkView.show", pk=pk), 303)
        return self._form(form, number, url_for("TransferWorkView.show", pk=pk), version() or seen)

    def _form(self, form: TransferForm, title: str, back: str, seen: int | None = None) -> str:
        return self.show_page(
            "transfers/form.html", title=title, form=form, seen=seen, back=back or url_for("TransferView.list")
        )

    @page("/<int:pk>")
    def show(self, pk: int) -> str:
        """The paper."""
        with unit() as tx:
            row = find_transfer(tx, pk)
            steps = tx.session.scalars(
                select(TransferStep)
                .where(TransferStep.transfer_id == row.id)
                .options(joinedload(TransferStep.line).joinedload(TransferLine.sku))
                .order_by(TransferStep.id.desc())
                .limit(500)
            ).all()
            return self.show_page(
                "transfers/show.html", title=row.number, row=row, steps=steps, tones=TONES, step_labels=STEP_LABELS,
                sends=tx.actor.sees_warehouse(row.from_id), takes=tx.actor.sees_warehouse(row.to_id), **_sums(row),
            )  # fmt: skip

    @page("/<int:pk>/<move>", methods=("POST",))
    def move(self, pk: int, move: str) -> Response:
        """Send, tell that the truck left, or cancel."""
        steps = {
            "send": (verbs.send_transfer, gettext("Sent: the pieces are on their way")),
            "depart": (verbs.depart_transfer, gettext("The truck has left")),
            "cancel": (verbs.cancel_transfer, gettext("Canceled")),
        }
        if move not in steps:
            raise NotFound(say("There is nothing of that name to do"), code="transfer_move")
        verb, done = steps[move]
        with unit() as tx:
            verb(tx, verbs.MoveTransfer(pk, version(), text("reference", 80), text("reason")))
        flash(done, "success")
        return redirect(url_for("TransferWorkView.show", pk=pk), 303)

    @page("/<int:pk>/receive", methods=("GET", "POST"))
    def receive(self, pk: int) -> Response | str:
        """Scan what arrived; say what broke, got lost or came back."""
        if request.method == "POST":
            try:
                with unit() as tx:
                    cmd = ReceiveTransfer(
                        pk, _arrived(request.form), text("key", 120), text("reason"), "rest_lost" in request.form,
                        version(),
                    )  # fmt: skip
                    done = receive_transfer(tx, cmd)
            except OmsError as exc:
                flash(tr(exc.message), "danger")
            else:
                flash(_said(done.open, done.surplus), "warning" if done.surplus else "success")
                return redirect(url_for("TransferWorkView.show", pk=pk), 303)
        with unit() as tx:
            row = find_transfer(tx, pk)
            if row.status not in UNDER_WAY:
                return redirect(url_for("TransferWorkView.show", pk=pk))
            typed: Mapping[str, str] = request.form
            return self.show_page(
                "transfers/receive.html", title=gettext("Receive %(number)s", number=row.number), row=row, typed=typed,
                key=typed.get("key") or secrets.token_urlsafe(18), kinds=[(k, STEP_LABELS[k]) for k in TYPED],
            )  # fmt: skip


def _elsewhere(form: TransferForm) -> None:
    """Goods go to another place than they come from; nobody has to choose that first."""
    ids = [int(choice.value) for choice in form.from_id.choices]
    here = form.from_id.data if form.from_id.data is not None else next(iter(ids), None)
    if form.to_id.data is None:
        form.to_id.data = next((place for place in ids if place != here), None)


def _start_with(form: TransferForm, given: Mapping[str, str]) -> None:
    """What the address names: warehouses, and SKUs with pieces."""
    for name, field in (("from", form.from_id), ("to", form.to_id)):
        if given.get(name, "").isdecimal() and len(given[name]) < 19:
            field.data = int(given[name])
    sku, pieces = given.get("sku", ""), given.get("pieces", "1")
    if sku.isdecimal() and len(sku) < 19 and pieces.isdecimal() and len(pieces) < 9:
        form.lines.data = [(int(sku), int(pieces))]


def _sums(row: Transfer) -> dict[str, Any]:
    names = ("quantity", "received", "damaged", "lost", "came_back", "surplus", "open")
    return {"sums": {name: sum(getattr(line, name) for line in row.lines) for name in names}}


def _said(left: int, surplus: int) -> str:
    parts = [gettext("Received")]
    if left:
        parts.append(gettext("%(n)s pieces are still on their way", n=left))
    if surplus:
        parts.append(gettext("%(n)s pieces more than on the paper were taken in", n=surplus))
    return " · ".join(parts)


def _arrived(form: Any) -> tuple[Arrived, ...]:
    """The numbers typed: ``<kind>_<sku>``, and lines of products that are not on the paper."""
    found: list[Arrived] = []
    for name in form:
        kind, _, sku = name.rpartition("_")
        if kind in {k.value for k in TYPED} and sku.isdecimal() and len(sku) < 19:
            found += _one(StepKind(kind), int(sku), form[name], name)
    skus, pieces = form.getlist("extra-sku"), form.getlist("extra-quantity")
    for sku, count in zip(skus, pieces, strict=False):
        if sku.isdecimal() and len(sku) < 19:
            found += _one(StepKind.SURPLUS, int(sku), count, "extra")
    return tuple(found)


def _one(kind: StepKind, sku: int, typed: str, field: str) -> list[Arrived]:
    try:
        count = whole_number(typed, 0) or 0
    except ValueError:
        wrong = say("“{text}” is not a whole number", text=typed[:40])
        raise InvalidInput(wrong, field=field, code="not_a_number") from None
    return [Arrived(sku, count, kind)] if count else []


def counts(actor: Actor) -> nav.Waiting:
    """How many loads are on their way to this person's warehouses."""
    if not actor.may("stock.transfer"):
        return {}
    statement = select(func.count()).where(Transfer.status.in_(sorted(UNDER_WAY)), Transfer.closed_at.is_(None))
    if actor.warehouses is not None:
        statement = statement.where(Transfer.to_id.in_(sorted(actor.warehouses)))
    return {"transfers": statement}


def install(app: Flask) -> None:
    """Put the count into the menu."""
    nav.add_counts(app, counts)
    app.jinja_env.globals.update(TRANSFER_LABELS=TRANSFER.labels)


VIEWS = (TransferWorkView, TransferView)
NAV = (nav.Item("stock", "Transfers", "TransferView.list", "stock.view", icon="truck", order=35, count="transfers"),)
