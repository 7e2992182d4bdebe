"""One shipment's labels at once, and label files on their way to the printer."""

from __future__ import annotations

import io
from typing import Any

from flask import jsonify, redirect, request, send_file, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from oms import clock
from oms.db import db
from oms.documents.labels.papers import PAPER_LABELS, Paper
from oms.errors import NotFound, OmsError, say
from oms.intake import files
from oms.intake.models import StoredFile
from oms.shipping import rules
from oms.shipping.queries import get_shipment
from oms.usecases.labels import get_batch
from oms.usecases.labels_file import draw_now
from oms.usecases.labels_print import KEPT_FOR, PrintLabel, print_label
from oms.usecases.labels_setup import look_of
from views.base import OmsView, current_actor, page, safe_path, unit
from views.filters import tr
from views.intake import store
from views.order_actions import text

PDF = "application/pdf"
# The file is shown in a frame of our own page, from which the browser prints it; nothing in it may run.
PDF_HEADERS = {
    "Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; plugin-types "
    "application/pdf; frame-ancestors 'self'",
}  # fmt: skip
FRAME_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'; "
    "frame-src 'self'"
)


def _wants_pdf() -> bool:
    return PDF in request.headers.get("Accept", "")


def send_pdf(data: bytes, name: str) -> AnyResponse:
    """A PDF for the browser to show."""
    answer = send_file(io.BytesIO(data), mimetype=PDF, download_name=name)
    answer.headers.extend(PDF_HEADERS)
    return answer


class LabelPrintView(OmsView):
    """Labels for the printer beside the person."""

    route_base = "/labels"
    default_view = "again"
    requires = "shipment.label"

    @page("/shipment/<int:shipment_id>/again")
    def again(self, shipment_id: int) -> str:
        """Ask why a label is printed once more."""
        with unit() as tx:
            found = get_shipment(tx, shipment_id)
            facts = {
                "shipment": found, "papers": PAPER_LABELS, "look": look_of(tx.session),
                "printed": max((p.label_prints for p in rules.live_parcels(found)), default=0),
                "next": safe_path(request.args.get("next")) or "",
            }  # fmt: skip
            return self.show_page("labels/again.html", title=gettext("Print the label again"), **facts)

    @page("/shipment/<int:shipment_id>/print", methods=("POST",))
    def shipment(self, shipment_id: int) -> AnyResponse:
        """Print now. A program gets the PDF, a person the page that prints it."""
        try:
            return self._print(shipment_id)
        except OmsError as refusal:
            if _wants_pdf():
                error = {"code": refusal.detail_code, "message": tr(refusal.message)}
                return jsonify(error=error), refusal.http_status
            if refusal.detail_code == "label_printed_before":
                return redirect(url_for("LabelPrintView.again", shipment_id=shipment_id, next=request.form.get("next")))
            raise

    def _print(self, shipment_id: int) -> AnyResponse:
        paper = text("paper", 20)
        command = PrintLabel(shipment_id, Paper(paper) if paper in set(Paper) else None, text("reason", 200))
        with unit() as tx:
            ready = print_label(tx, command)
        data = draw_now(ready.pages, ready.look, store())
        name = f"label-{ready.number}.pdf"
        if _wants_pdf():
            return send_pdf(data, name)
        kept = files.keep(store(), io.BytesIO(data), name)
        with unit() as tx:
            files.register(tx, kept, "label", PDF, clock.now() + KEPT_FOR)
        return redirect(url_for("LabelPrintView.printer", key=kept.key, next=safe_path(request.form.get("next"))), 303)

    @page("/file/<key>")
    def file(self, key: str) -> AnyResponse:
        """The file, shown by the browser; ``?save`` keeps it."""
        kept = _own_file(key)
        answer = send_file(
            files.path_of(store(), kept.key), mimetype=PDF, download_name=kept.name,
            as_attachment="save" in request.args,
        )  # fmt: skip
        answer.headers.extend(PDF_HEADERS)
        return answer

    @page("/file/<key>/print")
    def printer(self, key: str) -> AnyResponse | str:
        """The page that opens the browser's print dialog by itself; with kiosk printing it prints without one."""
        kept = _own_file(key)
        back = safe_path(request.args.get("next")) or url_for("LabelView.batches")
        shown = self.show_page("labels/printer.html", title=kept.name, kept=kept, back=back)
        return framed(shown)

    @page("/<int:batch_id>/print")
    def batch(self, batch_id: int) -> AnyResponse:
        """The same for the file of a batch."""
        found = get_batch(db.session, current_actor(), batch_id)
        back = url_for("LabelView.batch", batch_id=batch_id)
        return redirect(url_for("LabelPrintView.printer", key=found.file_key or "0", next=back), 303)


def framed(shown: str) -> AnyResponse:
    """A page that may show a file of ours in a frame."""
    answer: Any = AnyResponse(shown, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = FRAME_POLICY
    return answer


def _own_file(key: str) -> StoredFile:
    """A label file of one's own; those who manage background work see all. Raises NotFound."""
    with unit() as tx:
        kept = files.find_file(tx, key)
        mine = kept.user_id == tx.actor.user_id or tx.actor.may("operations.manage")
        if kept.purpose not in {"label", "labels"} or not mine:
            raise NotFound(say("There is no such file"), code="file_not_found")
        return kept


VIEWS = (LabelPrintView,)
