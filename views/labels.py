"""Labels of many: choose paper and options, watch the batch, fetch the file, mend what was refused, print again."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from flask import Response, flash, jsonify, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from oms import clock
from oms.db import db
from oms.documents.labels.models import PHONE_LABELS, BatchStatus, LabelBatch, PhoneShown, RowStatus
from oms.documents.labels.papers import PAPER_LABELS, Paper
from oms.errors import InvalidInput, say
from oms.orders.queries import NO_ID
from oms.reports.labels import preview
from oms.usecases.labels import (
    CancelBatch,
    MakeLabelBatch,
    batch_rows,
    cancel_batch,
    get_batch,
    make_label_batch,
    visible_batches,
)
from oms.usecases.labels_print import KEPT_FOR
from oms.usecases.labels_setup import Look, look_of
from oms.usecases.labels_waybills import waiting_waybills
from oms.usecases.sentences import unpack
from views import listing, nav
from views.base import OmsView, current_actor, page, unit
from views.filters import number, tr
from views.order_actions import text
from views.order_bulk import chosen_orders

STATUS_LABELS: dict[BatchStatus, str] = {
    BatchStatus.WAITING: "Waiting", BatchStatus.RUNNING: "Printing", BatchStatus.DONE: "Done",
    BatchStatus.CANCELED: "Canceled",
}  # fmt: skip
TONES = {
    BatchStatus.WAITING: "info", BatchStatus.RUNNING: "acc", BatchStatus.DONE: "ok", BatchStatus.CANCELED: "mut",
}  # fmt: skip


def chosen_ids(name: str) -> tuple[int, ...]:
    """Ids from a form or an address: repeated, or one list with commas."""
    given = [part for value in request.values.getlist(name) for part in value.split(",")]
    return tuple(dict.fromkeys(int(g) for g in given if g.isascii() and g.isdigit() and 0 < int(g) < NO_ID))


def chosen_look() -> Look:
    """The options of the form over those of the settings."""
    kept = look_of(db.session())
    if "paper" not in request.form:
        return kept
    try:
        paper, phone = Paper(request.form["paper"]), PhoneShown(request.form.get("phone", kept.phone.value))
    except ValueError:
        raise InvalidInput(say("Choose a paper"), field="paper", code="label_paper") from None
    return replace(kept, paper=paper, phone=phone, items="items" in request.form, cover="cover" in request.form)


class LabelView(OmsView):
    """Batches of labels."""

    route_base = "/labels"
    default_view = "batches"
    requires = "shipment.label"

    @page("/")
    def batches(self) -> str:
        """The batches so far, the newest first."""
        found = listing.fetch(visible_batches(current_actor()).order_by(LabelBatch.id.desc()), size=50)
        facts = {
            "page": found, "tones": TONES, "labels": STATUS_LABELS, "papers": PAPER_LABELS, "now": clock.now(),
            "kept_for": KEPT_FOR, "waiting": len(waiting_waybills(db.session(), current_actor())),
        }  # fmt: skip
        return self.show_page("labels/batches.html", title=gettext("Labels"), **facts)

    @page("/start", methods=("GET", "POST"))
    def start(self) -> str:
        """Choose paper and options for what was ticked on a list of orders or shipments."""
        orders = chosen_orders() if request.method == "POST" else chosen_ids("orders")
        return self.choose(chosen_ids("ids"), orders, "")

    def choose(self, shipment_ids: Sequence[int], order_ids: Sequence[int], reason: str) -> str:
        """The page that asks."""
        if not shipment_ids and not order_ids:
            raise InvalidInput(say("Choose at least one shipment"), field="shipment_ids", code="labels_none")
        facts = {
            "shipment_ids": shipment_ids, "order_ids": order_ids, "look": look_of(db.session()), "reason": reason,
            "found": preview(db.session(), current_actor(), shipment_ids, order_ids), "papers": PAPER_LABELS,
            "phones": PHONE_LABELS, "key": secrets.token_hex(16),
        }  # fmt: skip
        return self.show_page("labels/choose.html", title=gettext("Print labels"), **facts)

    @page("/make", methods=("POST",))
    def make(self) -> AnyResponse:
        """Ask for the batch."""
        look = chosen_look()
        command = MakeLabelBatch(
            chosen_ids("ids"), chosen_ids("orders"), look.paper, look, text("reason", 200), text("key", 120)
        )
        with unit() as tx:
            made = make_label_batch(tx, command)
        return redirect(url_for("LabelView.batch", batch_id=made.batch_id), 303)

    @page("/<int:batch_id>")
    def batch(self, batch_id: int) -> str:
        """How far it is; then the file, and what was not printed."""
        found = get_batch(db.session, current_actor(), batch_id)
        refused = [(row, unpack(row.message)) for row in batch_rows(db.session, batch_id, RowStatus.REFUSED)]
        facts = {
            "batch": found, "refused": refused, "papers": PAPER_LABELS, "labels": STATUS_LABELS, "tones": TONES,
            "progress": progress_text(found), "open": found.finished_at is None,
            "there": bool(found.file_key) and found.finished_at is not None
            and found.finished_at + KEPT_FOR > clock.now(),
        }  # fmt: skip
        return self.show_page("labels/batch.html", title=gettext("Labels %(n)s", n=f"#{batch_id}"), **facts)

    @page("/<int:batch_id>/state")
    def state(self, batch_id: int) -> Response:
        """How far it is, for the bar that moves by itself."""
        found = get_batch(db.session, current_actor(), batch_id)
        done = found.finished_at is not None
        return jsonify(value=found.done + done, max=found.total + 1, text=progress_text(found), done=done)

    @page("/<int:batch_id>/cancel", methods=("POST",))
    def cancel(self, batch_id: int) -> AnyResponse:
        """Give up what is not printed yet."""
        with unit() as tx:
            cancel_batch(tx, CancelBatch(batch_id))
        flash(gettext("The rest is given up; what was printed is in the file"), "info")
        return redirect(url_for("LabelView.batch", batch_id=batch_id), 303)

    @page("/<int:batch_id>/again", methods=("POST",))
    def again(self, batch_id: int) -> str:
        """Choose paper and options anew: for what was refused, or for everything with a reason."""
        get_batch(db.session, current_actor(), batch_id)
        kinds = (RowStatus.REFUSED, RowStatus.CANCELED) if text("rows") == "refused" else (RowStatus.PRINTED,)
        ids = [row.shipment_id for row in batch_rows(db.session, batch_id, *kinds) if row.shipment_id]
        return self.choose(ids, (), text("reason", 200))


def progress_text(batch: LabelBatch) -> str:
    """``120 of 300 decided``, and that the file is drawn after."""
    if batch.finished_at is not None:
        return gettext("%(n)s labels", n=number(batch.labels))
    if batch.done >= batch.total:
        return gettext("The file is being drawn")
    return gettext("%(done)s of %(total)s done", done=number(batch.done), total=number(batch.total))


def status_label(batch: LabelBatch) -> str:
    """The state of a batch in words."""
    return tr(STATUS_LABELS[batch.status])


VIEWS = (LabelView,)
NAV = (nav.Item("ship", "Labels", "LabelView.batches", "shipment.label", icon="print", order=30),)
