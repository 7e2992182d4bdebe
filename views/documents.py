"""All documents, one document's page, its prints, void and replacement, and the code on papers that opens it."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask_appbuilder.actions import action
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from markupsafe import Markup
from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload
from werkzeug.wrappers import Response as AnyResponse

from oms.approvals import needs_second_person
from oms.audit import AuditLog
from oms.db import Tx, db
from oms.documents.bundles import BundleForm
from oms.documents.kinds import FULL_OF, KINDS, TAX_INVOICES
from oms.documents.models import Document, DocumentOrder, checksum
from oms.documents.paper import A4, PAPERS, Look, pdf_of
from oms.documents.queries import find_by_token, get_document, may_issue, notes_of, visible
from oms.documents.states import DOCUMENT, DocumentKind, DocumentStatus, PrintMark, VoidReason
from oms.errors import NotFound, say
from oms.reports.order_documents import chain_of
from oms.usecases.documents_bundle import AskBundle, ask_bundle
from oms.usecases.documents_print import Sheet, open_prints, prints_of, record_prints
from oms.usecases.documents_void import POLICY, VoidDocument, void_document
from views import audit_words, nav
from views.base import OmsView, current_actor, may, page, unit
from views.document_parts import TONES, papers_of, pdf_answer, stored_pages
from views.filters import day, tr
from views.modelview import OmsModelView
from views.order_actions import choice, text, version

SEEN = "document.view"
STATUS_LABELS = {status: lazy_gettext(label) for status, label in DOCUMENT.labels.items() if status != "draft"}
KIND_CHOICES = {kind: lazy_gettext(row.label) for kind, row in KINDS.items()}


class DocumentListView(OmsModelView):
    """Every document there ever was."""

    datamodel = SQLAInterface(Document)
    route_base = "/documents/all"
    requires = SEEN
    requires_for = {"one_pdf": "export.run", "one_zip": "export.run"}
    base_permissions = ["can_list"]
    list_title = lazy_gettext("Documents")
    list_columns = ["number", "kind", "status", "buyer_name", "total", "issued_on", "prints", "issued_label"]
    order_columns = ["number", "total", "issued_on", "prints"]
    base_order = ("id", "desc")
    label_columns = {
        "number": lazy_gettext("Number"), "kind": lazy_gettext("Kind of document"), "status": lazy_gettext("State"),
        "buyer_name": lazy_gettext("Buyer"), "buyer_tax_id": lazy_gettext("Tax id"), "total": lazy_gettext("Total"),
        "issued_on": lazy_gettext("Issued on"), "issued_at": lazy_gettext("Issued on"),
        "prints": lazy_gettext("Prints"), "issued_label": lazy_gettext("Issued by"), "branch": lazy_gettext("Branch"),
        "customer_id": lazy_gettext("Customer"), "refers_to_id": lazy_gettext("Invoice"),
        "replaces_id": lazy_gettext("Replaces"), "replaced_by_id": lazy_gettext("Replaced by"),
        "refund_id": lazy_gettext("Refund"),
    }  # fmt: skip
    find_columns = ["number", "buyer_name", "buyer_tax_id"]
    search_columns = ["kind", "status", "total", "issued_at", "prints", "branch", "buyer_name", "issued_label"]
    choice_labels = {"status": STATUS_LABELS, "kind": KIND_CHOICES}
    numeric_columns = ["total", "prints"]
    export_list = "documents"
    empty_text = lazy_gettext("A document starts on the page of its order.")

    def base_statement(self) -> Select[Any]:
        """Documents of the orders this person may see."""
        return visible(current_actor())

    def value(self, row: Document, name: str) -> Any:
        """A cell: the number leads to the page; papers without prices have no total."""
        if name == "number":
            url = url_for("DocumentView.show", document_id=row.id)
            return Markup('<a class="bold" href="{}">{}</a>').format(url, row.number)
        if name == "status":
            return Markup('<span class="pill {}">{}</span>').format(TONES[row.status], tr(DOCUMENT.labels[row.status]))
        if name == "issued_on":
            return day(row.issued_on)
        if name == "total" and not KINDS[row.kind].has_prices:
            return ""
        return super().value(row, name)

    @action("one_pdf", lazy_gettext("One PDF"), single=False)
    def one_pdf(self, rows: list[Document]) -> AnyResponse:
        """The ticked documents one after the other."""
        return _taken_out(BundleForm.PDF, rows)

    @action("one_zip", lazy_gettext("ZIP, a file each"), single=False)
    def one_zip(self, rows: list[Document]) -> AnyResponse:
        """The ticked documents, a file each, with an index."""
        return _taken_out(BundleForm.ZIP, rows)


def _taken_out(form: BundleForm, rows: list[Document]) -> AnyResponse:
    ids = tuple(row.id for row in rows)
    with unit() as tx:
        made = ask_bundle(tx, AskBundle(form, document_ids=ids))
    return redirect(url_for("BundleView.show", bundle_id=made.bundle_id), 303)


class DocumentView(OmsView):
    """One document."""

    route_base = "/documents"
    default_view = "show"
    requires = SEEN
    also_open_to = ("shipment.pack",)
    requires_for = {"void": "document.void"}

    @page("/<int:document_id>")
    def show(self, document_id: int) -> str:
        """What it says, where it stands, what it belongs to."""
        with unit() as tx:
            return self.show_page("documents/show.html", **_facts(tx, get_document(tx, document_id)))

    @page("/<int:document_id>/print", methods=("POST",))
    def print(self, document_id: int) -> Response:
        """The paper as PDF; written down once it is made."""
        paper = request.form.get("paper", A4)
        with unit() as tx:
            sheets = open_prints(tx, [document_id], with_copy="with_copy" in request.form)
        db.session.close()  # no transaction is held while papers are made
        pdf = made(sheets, paper if paper in PAPERS else A4)
        return pdf_answer(pdf, sheets[0].number)

    @page("/<int:document_id>/void", methods=("POST",))
    def void(self, document_id: int) -> AnyResponse:
        """Void it; the number stays."""
        with unit() as tx:
            done = void_document(tx, VoidDocument(document_id, choice(VoidReason, "reason"), text("note"), version()))
        flash(gettext("%(number)s is voided", number=done.number), "success")
        return redirect(url_for("DocumentView.show", document_id=done.document_id), 303)


class DocumentCodeView(OmsView):
    """What the code on a paper opens."""

    route_base = "/d"
    default_view = "open"
    requires = SEEN
    also_open_to = ("shipment.pack",)

    @page("/<token>")
    def open(self, token: str) -> AnyResponse:
        """The stored original, for staff who may see it."""
        found = find_by_token(db.session(), current_actor(), token)
        if found is None:
            raise NotFound(say("No document of ours bears this code, or it is not yours to see"), code="document_token")
        return redirect(url_for("DocumentView.show", document_id=found.id, scanned=1))


def made(sheets: list[Sheet], paper: str) -> bytes:
    """The PDF of these prints, and the prints written down."""
    files = [
        pdf_of(sheet.content, sheet.checksum, Look(sheet.mark, void=sheet.void is not None, paper=paper))
        for sheet in sheets
    ]
    with unit() as tx:
        record_prints(tx, sheets, paper, [hashlib.sha256(pdf).hexdigest() for pdf in files])
    return joined(files)


def joined(files: list[bytes]) -> bytes:
    """Several papers as one file."""
    if len(files) == 1:
        return files[0]
    from oms.documents.binding import bind

    return bind(files)


def _facts(tx: Tx, document: Document) -> dict[str, Any]:
    orders = tx.session.scalars(
        select(DocumentOrder).where(DocumentOrder.document_id == document.id).options(selectinload(DocumentOrder.order))
    ).all()
    related = {row.id: row for row in chain_of(tx.session, document)}
    mine = document.issued_by is not None and document.issued_by == current_actor().user_id
    live = document.status is DocumentStatus.ISSUED
    return {
        "title": document.number,
        "doc": document,
        "row": KINDS[document.kind],
        "orders": [part.order for part in orders],
        "chain": list(related.values()),
        "related": related,
        "notes": notes_of(tx.session, document.id),
        "prints": prints_of(tx, [document.id]),
        "story": _story(tx, document),
        "pages": stored_pages(document),
        "papers": papers_of(document.content),
        "intact": checksum(document.content) == document.checksum,
        "scanned": "scanned" in request.args,
        "first": live and document.prints == 0 and may_issue(tx.actor, document.kind),
        "own": mine and needs_second_person(tx.session, POLICY),
        "reasons": list(VoidReason),
        "is_invoice": live and document.kind in TAX_INVOICES and may("document.issue"),
        "full_kind": FULL_OF.get(document.kind),
        "may_replace": live and not KINDS[document.kind].sign and may("document.void") and may("document.issue"),
        "MARKS": {PrintMark.ORIGINAL: gettext("Original"), PrintMark.COPY: gettext("Copy")},
    }


def _story(tx: Tx, document: Document) -> list[AuditLog]:
    mine = select(AuditLog).where(AuditLog.subject_type == "document", AuditLog.subject_id == document.id)
    return list(tx.session.scalars(mine.order_by(AuditLog.id)))


def install(app: Any) -> None:
    """Give the templates what the audit log's codes mean."""
    app.jinja_env.globals.update(document_action=audit_words.action, DocumentKind=DocumentKind)


VIEWS = (DocumentListView, DocumentView, DocumentCodeView)
NAV = (nav.Item("data", "Documents", "DocumentListView.list", SEEN, icon="doc", order=20),)
