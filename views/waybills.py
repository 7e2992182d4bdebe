"""Waybills of marketplaces: drop the PDF files in, see which page is whose, say it where nobody could tell."""

from __future__ import annotations

from typing import Any

from flask import flash, jsonify, redirect, request, send_file, url_for
from flask_babel import gettext
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from oms.db import db
from oms.documents.foreign import MOST_BYTES, ForeignReader
from oms.documents.labels.models import Waybill
from oms.errors import InvalidInput, NotFound, OmsError, say
from oms.intake import files
from oms.usecases.labels_waybills import (
    AssignWaybill,
    TakeWaybills,
    UploadedPdf,
    WaybillsTaken,
    assign_waybill,
    take_waybills,
    waiting_waybills,
)
from views import nav
from views.base import OmsView, current_actor, page, safe_path, unit
from views.errors import wants_json
from views.filters import tr
from views.intake import store
from views.order_actions import text

AT_ONCE = 50


class WaybillView(OmsView):
    """Labels that others made."""

    route_base = "/labels/waybills"
    default_view = "inbox"
    requires = "shipment.label"

    @page("/")
    def inbox(self) -> str:
        """Drop files; the pages that wait for a person."""
        waiting = waiting_waybills(db.session(), current_actor())
        return self.show_page("labels/waybills.html", title=gettext("Waybills of marketplaces"), waiting=waiting)

    @page("/upload", methods=("POST",))
    def upload(self) -> Response:
        """Take files in; a broken one holds none up."""
        sent = [f for f in request.files.getlist("file") if f.filename]
        if not sent:
            raise InvalidInput(say("Choose a PDF first"), field="file", code="file_missing")
        if len(sent) > AT_ONCE:
            raise InvalidInput(say("At most {most} files at once", most=AT_ONCE), field="file", code="too_many")
        current_actor().require("shipment.label")
        shipment_id = request.form.get("shipment_id", type=int)
        with ForeignReader() as reader:
            results = [_take(reader, f, shipment_id) for f in sent]
        if wants_json():
            return jsonify(results=results)
        for result in results:
            flash(f"{result['name']}: {result['text']}", "success" if result["ok"] else "danger")
        return redirect(safe_path(request.form.get("next")) or url_for("WaybillView.inbox"), 303)

    @page("/<int:waybill_id>/assign", methods=("POST",))
    def assign(self, waybill_id: int) -> Response:
        """Say whose a page is, or set it aside."""
        number = "" if "aside" in request.form else text("number", 80)
        if not number and "aside" not in request.form:
            raise InvalidInput(say("Enter an order, shipment or tracking number"), field="number", code="missing")
        with unit() as tx:
            assign_waybill(tx, AssignWaybill(waybill_id, number))
        flash(gettext("Left out") if not number else gettext("Matched"), "success")
        return redirect(url_for("WaybillView.inbox"), 303)

    @page("/<int:waybill_id>/file")
    def file(self, waybill_id: int) -> Response:
        """The file as it came, for saving; it is not opened here."""
        row = db.session.get(Waybill, waybill_id)
        actor = current_actor()
        if row is None or (row.user_id != actor.user_id and not actor.may("operations.manage")):
            raise NotFound(say("There is no such waybill"), code="waybill_not_found")
        answer = send_file(
            files.path_of(store(), row.file_key), mimetype="application/pdf", as_attachment=True, download_name=row.name
        )
        answer.headers["Cache-Control"] = "private, no-store"
        return answer


def _take(reader: ForeignReader, sent: FileStorage, shipment_id: int | None) -> dict[str, Any]:
    """One file: what became of it."""
    name = files.tidy_name(sent.filename or "")
    try:
        kept = files.keep(store(), sent.stream, name, MOST_BYTES)
        try:
            pages = reader.look_at(files.path_of(store(), kept.key).read_bytes())
            with unit() as tx:
                taken = take_waybills(tx, TakeWaybills((UploadedPdf(kept, pages),), shipment_id))
        except OmsError:
            files.path_of(store(), kept.key).unlink(missing_ok=True)
            raise
    except OmsError as refusal:
        return {"name": name, "ok": False, "text": tr(refusal.message)}
    if taken.again:
        files.path_of(store(), kept.key).unlink(missing_ok=True)
    return {"name": name, "ok": True, "text": _said(taken)}


def _said(taken: WaybillsTaken) -> str:
    if taken.again:
        return gettext("taken in before, nothing changed")
    if taken.waiting:
        return gettext("%(n)s pages matched, %(w)s wait for you", n=taken.matched, w=taken.waiting)
    return gettext("%(n)s pages matched", n=taken.matched)


VIEWS = (WaybillView,)
NAV = (nav.Item("ship", "Waybills of marketplaces", "WaybillView.inbox", "shipment.label", icon="upload", order=31),)
