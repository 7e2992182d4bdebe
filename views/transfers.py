"""Goods from one warehouse to another on screen: planned, sent, received by scanner, differences told."""

from __future__ import annotations

import secrets
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import joinedload, selectinload
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField, TextAreaField

from oms.db import db
from oms.errors import NotFound, say
from oms.inventory.models import Warehouse
from oms.inventory.queries import visible_transfers
from oms.inventory.states import STEP_LABELS, TRANSFER, StepKind, TransferStatus
from oms.inventory.transfer_models import Transfer, TransferLine, TransferStep
from oms.usecases import transfers
from oms.usecases.transfers import MoveTransfer, PlanTransfer
from oms.usecases.transfers_receiving import Arrived, ReceiveTransfer, receive_transfer
from views import listing, nav
from views.base import OmsView, current_actor, page, unit
from views.fields import choices
from views.stock_work import StockForm, StockFormView

TONES = {
    TransferStatus.DRAFT: "mut", TransferStatus.SENT: "info", TransferStatus.IN_TRANSIT: "info",
    TransferStatus.RECEIVED: "ok", TransferStatus.RECEIVED_WITH_DISCREPANCY: "warn", TransferStatus.CANCELED: "mut",
}  # fmt: skip
ODD_KINDS = (StepKind.DAMAGED, StepKind.LOST, StepKind.CAME_BACK)
STEPS = {
    "send": transfers.send_transfer, "depart": transfers.depart_transfer, "cancel": transfers.cancel_transfer,
}  # fmt: skip


class TransferForm(StockForm):
    """A load: from, to, what."""

    to_id = SelectField(lazy_gettext("To"), coerce=int)
    reference = StringField(lazy_gettext("Truck, driver or waybill"))
    note = TextAreaField(lazy_gettext("Note"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.warehouse_id.label.text = gettext("From")
        every = db.session.query(Warehouse).filter(Warehouse.is_active).order_by(Warehouse.rank, Warehouse.code)
        self.to_id.choices = choices((w.id, str(w)) for w in every)
        if request.method != "POST" and len(self.to_id.choices) > 1:
            self.to_id.data = next((w for w, _ in self.to_id.choices if w != self.warehouse_id.choices[0][0]), None)


class TransferNewView(StockFormView):
    """Plan a load."""

    route_base = "/transfers/new"
    requires = "stock.transfer"
    form = TransferForm
    form_title = lazy_gettext("Move goods to another warehouse")
    form_intro = lazy_gettext("Nothing moves before it is sent. Pieces that orders were promised stay.")
    form_columns = ["warehouse_id", "to_id", "lines", "reference", "note"]

    def submit(self, form: Any) -> Response:
        """Save the draft."""
        plan = PlanTransfer(
            form.warehouse_id.data, form.to_id.data, form.stock_lines(), form.key.data or "",
            form.reference.data or "", form.note.data or "",
        )  # fmt: skip
        with unit() as tx:
            made = transfers.create_transfer(tx, plan)
        flash(gettext("%(number)s is saved", number=made.number), "success")
        return redirect(url_for("TransferView.show", transfer_id=made.transfer_id), 303)


class TransferView(OmsView):
    """Loads and one load."""

    route_base = "/transfers"
    default_view = "list"
    requires = "stock.view"
    requires_for = {"move": "stock.transfer", "receive": "stock.transfer"}

    @page("/")
    def list(self) -> str:
        """Loads, the newest first; those on their way on top when asked."""
        open_only = request.args.get("open") == "1"
        statement = visible_transfers(current_actor()).options(
            joinedload(Transfer.source), joinedload(Transfer.target), selectinload(Transfer.lines)
        )  # fmt: skip
        if open_only:
            statement = statement.where(Transfer.closed_at.is_(None))
        found = listing.fetch(statement.order_by(Transfer.id.desc()))
        return self.show_page(
            "stock/transfers.html", title=gettext("Transfers"), page=found, tones=TONES, labels=TRANSFER.labels,
            open_only=open_only,
        )  # fmt: skip

    @page("/<int:transfer_id>")
    def show(self, transfer_id: int) -> str:
        """One load: what was sent, what arrived, what is under way."""
        row = _found(transfer_id)
        steps = (
            db.session.query(TransferStep).filter_by(transfer_id=row.id).options(joinedload(TransferStep.line))
            .order_by(TransferStep.id).all()
        )  # fmt: skip
        actor = current_actor()
        return self.show_page(
            "stock/transfer.html", title=row.number, row=row, steps=steps, tones=TONES, labels=TRANSFER.labels,
            kinds=STEP_LABELS, odd=ODD_KINDS, key=secrets.token_urlsafe(18),
            sends=actor.sees_warehouse(row.from_id), receives=actor.sees_warehouse(row.to_id),
            under_way=row.status in {TransferStatus.SENT, TransferStatus.IN_TRANSIT},
        )  # fmt: skip

    @page("/<int:transfer_id>/<step>", methods=("POST",))
    def move(self, transfer_id: int, step: str) -> Response:
        """Send, say that the truck left, or drop the draft."""
        if step not in STEPS:
            raise NotFound(say("There is no such record"), code="step_unknown")
        asked = MoveTransfer(
            transfer_id, _version(), request.form.get("reference", ""), request.form.get("reason", "")
        )  # fmt: skip
        with unit() as tx:
            done = STEPS[step](tx, asked)
        flash(
            gettext("%(number)s: %(state)s", number=done.number, state=gettext(TRANSFER.labels[done.status])), "success"
        )
        return redirect(url_for("TransferView.show", transfer_id=transfer_id), 303)

    @page("/<int:transfer_id>/receive", methods=("POST",))
    def receive(self, transfer_id: int) -> Response:
        """What arrived, per product; what broke, got lost or came back."""
        arrived = [
            Arrived(line.sku_id, pieces, kind)
            for line in _found(transfer_id).lines
            for kind in (StepKind.RECEIVED, *ODD_KINDS)
            if (pieces := _pieces(f"{kind.value}-{line.id}"))
        ]
        cmd = ReceiveTransfer(
            transfer_id, tuple(arrived), request.form.get("key", ""), request.form.get("reason", ""),
            rest_lost="rest_lost" in request.form, version=_version(),
        )  # fmt: skip
        with unit() as tx:
            done = receive_transfer(tx, cmd)
        if done.open:
            flash(
                gettext("%(number)s: received; %(n)s pieces are still on the way", number=done.number, n=done.open),
                "success",
            )
        else:
            flash(gettext("%(number)s: everything is told", number=done.number), "success")
        return redirect(url_for("TransferView.show", transfer_id=transfer_id), 303)


def _found(transfer_id: int) -> Transfer:
    row = db.session.scalars(
        visible_transfers(current_actor())
        .where(Transfer.id == min(transfer_id, 2**62))
        .options(
            joinedload(Transfer.source), joinedload(Transfer.target),
            selectinload(Transfer.lines).joinedload(TransferLine.sku),
        )
    ).one_or_none()  # fmt: skip
    if row is None:
        raise NotFound(say("There is no such transfer, or it is not yours to see"), code="transfer_not_found")
    return row


def _pieces(name: str) -> int:
    text = request.form.get(name, "").strip()
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def _version() -> int | None:
    text = request.form.get("version", "")
    return int(text) if text.isdecimal() and len(text) < 10 else None


VIEWS = (TransferNewView, TransferView)
NAV = (nav.Item("stock", "Transfers", "TransferView.list", "stock.view", icon="truck", order=50),)
