"""Exports: choose columns, get the file at once or from the background, fetch it again for a week."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, redirect, request, send_file, url_for
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from oms import clock
from oms.db import db
from oms.exporting import making
from oms.exporting.lists import LISTS, find_list
from oms.exporting.writing import MIMES
from oms.intake import files
from oms.intake.models import ExportRun
from views import listing, nav
from views.base import OmsView, current_actor, may, page, unit
from views.filters import tr
from views.intake import store

OWN = frozenset({"columns", "format", "name", "list_name", "worklist", "next", "selection"})


def export_response(list_name: str, filters: Mapping[str, str], columns: list[str] | None = None,
                    form: str = "csv") -> AnyResponse:  # fmt: skip
    """A list as a file: at once when it is short, else the page of the export that is being made."""
    with unit() as tx:
        asked = making.ask_export(tx, making.AskExport(list_name, filters, columns or (), form))
    if not asked.at_once:
        return redirect(url_for("ExportView.run", run_id=asked.run_id), 303)
    kept, count = making.make(db.session(), db.session.get_one(ExportRun, asked.run_id), store(), tr)
    with unit() as tx:
        making.finish(tx, asked.run_id, kept, count)
    return _send(kept.key, kept.name, MIMES[form])


def _send(key: str, name: str, mime: str) -> AnyResponse:
    answer = send_file(files.path_of(store(), key), mimetype=mime, as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _filters() -> dict[str, str]:
    return {k: v for k, v in request.args.items() if k not in OWN}


class ExportView(OmsView):
    """Lists as files. Every export stands in the audit log."""

    route_base = "/export"
    requires = "export.run"
    default_view = "runs"

    @page("/")
    def runs(self) -> str:
        """What can be exported, and one's own exports of the last week."""
        actor = current_actor()
        mine: Any = select(ExportRun).where(ExportRun.user_id == actor.user_id).order_by(ExportRun.id.desc())
        lists = [made for made in LISTS.values() if may(made.needs)]
        found = listing.fetch(mine, size=20)
        facts = {"lists": lists, "page": found, "kept_for": making.KEPT_FOR, "labels": LISTS, "now": clock.now()}
        return self.show_page("exports/runs.html", title=gettext("Exports"), **facts)

    @page("/<list_name>/start")
    def start(self, list_name: str) -> str:
        """Choose columns and form."""
        wanted = find_list(list_name)
        current_actor().require(wanted.needs)
        facts = {"wanted": wanted, "columns": wanted.allowed(current_actor()), "filters": _filters()}
        return self.show_page("exports/start.html", title=gettext("Export"), **facts)

    @page("/<name>")
    def download(self, name: str) -> AnyResponse:
        """The list as it is filtered."""
        form = request.args.get("format", "csv")
        return export_response(name, _filters(), request.args.getlist("columns"), form)

    @page("/runs/<int:run_id>")
    def run(self, run_id: int) -> str:
        """An export on its way or done."""
        with unit() as tx:
            run = making.get_export(tx, run_id)
        return self.show_page("exports/run.html", title=tr(find_list(run.list_name).label), run=run)

    @page("/runs/<int:run_id>/progress")
    def progress(self, run_id: int) -> Response:
        """Whether the file is there."""
        with unit() as tx:
            run = making.get_export(tx, run_id)
        return jsonify(value=int(run.file_key is not None), max=1, text="", done=run.file_key is not None)

    @page("/runs/<int:run_id>/file")
    def file(self, run_id: int) -> AnyResponse:
        """Fetch the file."""
        with unit() as tx:
            run = making.get_export(tx, run_id)
            kept = files.find_file(tx, run.file_key or "")
        return _send(kept.key, kept.name, kept.mime)


VIEWS = (ExportView,)
NAV = (nav.Item("data", "Exports", "ExportView.runs", "export.run", icon="download", order=90),)
