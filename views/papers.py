"""The accountant's screens: the sales-tax report of a month, a month or a selection of documents as one file."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from flask import current_app, flash, jsonify, redirect, request, send_file, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms import audit
from oms.documents.bundles import BundleForm
from oms.documents.kinds import KIND_LABELS
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.exporting.writing import MIMES, write
from oms.intake import files
from oms.reports import sales_tax, sales_tax_files
from oms.usecases.documents_bundle import AskBundle, ask_bundle, get_bundle, my_bundles
from views import nav
from views.base import OmsView, page, unit
from views.document_parts import pdf_answer
from views.filters import language, tr

PAPER_ROWS = 600  # drawn while one waits; longer ones come with the month's file


class TaxReportView(OmsView):
    """รายงานภาษีขาย."""

    route_base = "/tax-report"
    default_view = "show"
    requires = "document.view"
    requires_for = {"file": "export.run"}

    @page("/")
    def show(self) -> str:
        """The report of a month, and whether it ties."""
        month, branch = _asked()
        with unit() as tx:
            report = sales_tax.tax_report(tx, month, branch)
            return self.show_page(
                "papers/tax_report.html", title=gettext("Sales-tax report"), report=report, kinds=KIND_LABELS,
                may_take=tx.actor.may("export.run"),
                words=sales_tax_files.month_words(report) if language() == "th" else str(month),
            )  # fmt: skip

    @page("/file.<form>")
    def file(self, form: str) -> Response:
        """The report as a spreadsheet or a paper."""
        month, branch = _asked()
        with unit() as tx:
            tx.actor.require("export.run")
            report = sales_tax.tax_report(tx, month, branch)
            after = {"list": "sales_tax", "month": str(month), "branch": branch, "form": form}
            audit.record(tx, "export.run", "export", None, f"sales tax {month}", after=after)
            if form == "pdf":
                if len(report.rows) > PAPER_ROWS:
                    raise Refused(
                        say("More than {n} rows; take the whole month out, the paper is in it", n=PAPER_ROWS),
                        code="report_long",
                    )
                return pdf_answer(sales_tax_files.paper(tx.session, report), f"sales-tax-{month}")
            if form not in MIMES:
                raise NotFound(say("There is no such file"), code="report_form")
            headings, rows = sales_tax_files.table(report, tr)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "report"
                write(form, path, headings, rows)
                data = path.read_bytes()
        answer = send_file(
            io.BytesIO(data), MIMES[form], as_attachment=True, download_name=f"sales-tax-{month}.{form}"
        )  # fmt: skip
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _asked() -> tuple[sales_tax.Month, str]:
    return sales_tax.read_month(request.args.get("month", "")), request.args.get("branch", "")[:5]


class BundleView(OmsView):
    """Documents taken out as one file."""

    route_base = "/document-bundles"
    default_view = "list"
    requires = "export.run"

    @page("/")
    def list(self) -> str:
        """What this person took out."""
        with unit() as tx:
            return self.show_page("papers/bundles.html", title=gettext("Documents taken out"), rows=my_bundles(tx))

    @page("/new", methods=("POST",))
    def new(self) -> Response:
        """A month, or the documents ticked in the list."""
        form = request.form.get("form", "zip")
        month = request.form.get("month", "")
        ids = [int(i) for i in request.form.getlist("rowid") if i.isdecimal() and len(i) < 19]
        if form not in set(BundleForm):
            raise InvalidInput(say("Choose PDF or ZIP"), field="form", code="bundle_form")
        with unit() as tx:
            asked = AskBundle(
                BundleForm(form), sales_tax.read_month(month).first if month else None, tuple(ids)
            )  # fmt: skip
            made = ask_bundle(tx, asked)
        flash(gettext("%(n)s documents are being put together", n=made.documents), "success")
        return redirect(url_for("BundleView.show", bundle_id=made.bundle_id), 303)

    @page("/<int:bundle_id>")
    def show(self, bundle_id: int) -> str:
        """How far it is, and the file when it is made."""
        with unit() as tx:
            row = get_bundle(tx, bundle_id)
            return self.show_page("papers/bundle.html", title=_name(row), row=row)

    @page("/<int:bundle_id>/progress")
    def progress(self, bundle_id: int) -> Response:
        """For the bar."""
        with unit() as tx:
            row = get_bundle(tx, bundle_id)
            total, done = len(row.document_ids), row.done
            over = row.finished_at is not None
        text = gettext("%(done)s of %(total)s documents", done=done, total=total)
        return jsonify({"value": done, "max": total, "text": text, "done": over})

    @page("/<int:bundle_id>/file")
    def file(self, bundle_id: int) -> Response:
        """Fetch it."""
        root = current_app.extensions["oms.settings"].files_dir
        with unit() as tx:
            row = get_bundle(tx, bundle_id)
            stored = files.find_file(tx, row.file_key or "")
            name, mime, path = stored.name, stored.mime, files.path_of(root, stored.key)
        answer = send_file(path, mime, as_attachment=True, download_name=name)
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _name(row: Any) -> str:
    return gettext("Documents of %(month)s", month=f"{row.month:%Y-%m}") if row.month else gettext("Chosen documents")


VIEWS = (TaxReportView, BundleView)
NAV = (
    nav.Item("data", "Sales-tax report", "TaxReportView.show", "document.view", icon="chart", order=21),
    nav.Item("data", "Documents taken out", "BundleView.list", "export.run", icon="download", order=22),
)
