"""Notes on an invoice, and the document that replaces another: the same form with the old paper in mind."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from oms.db import Tx
from oms.documents.kinds import FULL_OF, KINDS, Kind
from oms.documents.models import Document
from oms.documents.queries import get_document, notes_of
from oms.documents.states import CREDIT_LABELS, DEBIT_LABELS, VOID_LABELS, DocumentKind, VoidReason
from oms.errors import InvalidInput, NotFound, say
from oms.money import Money
from oms.usecases.documents_notes import IssueNote, creditable, issue_note, preview_note
from oms.usecases.documents_void import (
    ReplaceDocument,
    buyer_of,
    preview_replacement,
    replace_document,
    replace_refusal,
)
from views.base import OmsView, page, unit
from views.document_forms import TEMPLATE, PaperForm, done, fields_of, fill_buyer, mark_required, previewed, read_kind
from views.fields import choices
from views.filters import money, tr


class DocumentNoteView(OmsView):
    """Credit and debit notes on an invoice."""

    route_base = "/documents/note"
    default_view = "form"
    requires = "document.issue"

    @page("/<int:invoice_id>/<kind>")
    def form(self, invoice_id: int, kind: str) -> str:
        """The form."""
        with unit() as tx:
            row, invoice = read_kind(kind), get_document(tx, invoice_id)
            return self.show_page(TEMPLATE, **_note_facts(tx, _note_form(row), row, invoice))

    @page("/<int:invoice_id>/<kind>", methods=("POST",))
    def issue(self, invoice_id: int, kind: str) -> AnyResponse | str:
        """Issue it."""
        row = read_kind(kind)
        form = _note_form(row)
        return done(self, form, lambda tx: issue_note(tx, _note(form, row, invoice_id)),
                    lambda tx: _note_facts(tx, form, row, get_document(tx, invoice_id)))  # fmt: skip

    @page("/<int:invoice_id>/<kind>/preview", methods=("POST",))
    def preview(self, invoice_id: int, kind: str) -> Response:
        """The note as it would be."""
        row = read_kind(kind)
        form = _note_form(row)
        return previewed(form, lambda tx: preview_note(tx, _note(form, row, invoice_id)))


class DocumentReplaceView(OmsView):
    """Void and issue anew."""

    route_base = "/documents/replace"
    default_view = "form"
    requires = "document.void"

    @page("/<int:document_id>")
    def form(self, document_id: int) -> str:
        """The form, filled as the old one was."""
        with unit() as tx:
            old = get_document(tx, document_id)
            form = _replace_form(old)
            form.key.data = secrets.token_urlsafe(18)
            if "tax_point" in form:
                form.tax_point.data = old.tax_point
            form.language.data = old.content["language"]
            form.reason.data = VoidReason.FULL_WANTED.value if _new_kind(old) is not old.kind else form.reason.data
            fill_buyer(form, buyer_of(old))
            return self.show_page(TEMPLATE, **_replace_facts(form, old))

    @page("/<int:document_id>", methods=("POST",))
    def replace(self, document_id: int) -> AnyResponse | str:
        """Void the old one and issue the new one."""
        with unit() as tx:
            old = get_document(tx, document_id)
            form, kind = _replace_form(old), _new_kind(old)
        return done(self, form, lambda tx: replace_document(tx, _replacement(form, document_id, kind)),
                    lambda tx: _replace_facts(form, get_document(tx, document_id)))  # fmt: skip

    @page("/<int:document_id>/preview", methods=("POST",))
    def preview(self, document_id: int) -> Response:
        """The new one as it would be."""
        with unit() as tx:
            old = get_document(tx, document_id)
            form, kind = _replace_form(old), _new_kind(old)
        return previewed(form, lambda tx: preview_replacement(tx, _replacement(form, document_id, kind)))


def _note_form(kind: Kind) -> PaperForm:
    if not kind.sign:
        raise NotFound(say("There is no such kind of document"), code="document_kind")
    form = PaperForm()
    form.keep({"reason_code", "note", "amount"})
    labels: Any = CREDIT_LABELS if kind.sign < 0 else DEBIT_LABELS
    form.reason_code.choices = choices((code.value, tr(label)) for code, label in labels.items())
    if request.method != "POST":
        form.key.data = secrets.token_urlsafe(18)
    return form


def _pieces() -> dict[int, int]:
    """The pieces typed for each line: fields ``pieces_<order line>``."""
    found = {}
    for name, raw in request.form.items():
        key = name.removeprefix("pieces_")
        if key != name and key.isdecimal() and len(key) < 19 and raw.strip():
            if not raw.strip().isdecimal() or len(raw.strip()) > 6:
                raise InvalidInput(
                    say("“{text}” is not a number of pieces", text=raw[:40]), field="amount", code="pieces"
                )
            found[int(key)] = int(raw)
    return found


def _note(form: PaperForm, kind: Kind, invoice_id: int) -> IssueNote:
    return IssueNote(
        invoice_id, kind.kind, form.reason_code.data or "", form.note.data or "", form.amount.data, _pieces(),
        request.form.get("order_id", type=int), form.key.data or None, form.language.data,
    )  # fmt: skip


def _note_facts(tx: Tx, form: PaperForm, kind: Kind, invoice: Document) -> dict[str, Any]:
    orders = [part.order for part in invoice.orders]
    room = {order.id: creditable(tx, invoice, order.id) for order in orders}
    most = sum((amount for amount in room.values()), start=Money.satang(0))
    if kind.sign < 0:
        form.amount.description = gettext(
            "At most %(amount)s. Empty: what the pieces below were billed at, or all that is left", amount=money(most)
        )
    return {
        "title": gettext("Issue: %(kind)s", kind=tr(kind.label)), "form": form, "orders": orders, "kind": kind,
        "against": None, "old": None, "invoice": invoice, "submit_label": gettext("Issue"),
        "lines": [line for line in invoice.content["lines"] if line["line"]], "typed": request.form,
        "notes": notes_of(tx.session, invoice.id), "setup": False,
        "preview_url": url_for("DocumentNoteView.preview", invoice_id=invoice.id, kind=kind.kind.value),
        "back": url_for("DocumentView.show", document_id=invoice.id),
    }  # fmt: skip


def _new_kind(old: Document) -> DocumentKind:
    """The kind that replaces it: a full invoice when that was asked for, else its own."""
    return FULL_OF.get(old.kind, old.kind) if request.args.get("full") else old.kind


def _replace_form(old: Document) -> PaperForm:
    form = PaperForm()
    form.keep((fields_of(KINDS[_new_kind(old)]) - {"amount"}) | {"reason", "note"})
    form.reason.choices = choices((reason.value, tr(label)) for reason, label in VOID_LABELS.items())
    return form


def _replacement(form: PaperForm, document_id: int, kind: DocumentKind) -> ReplaceDocument:
    return ReplaceDocument(
        document_id, _reason(form), form.note.data or "", form.buyer(), kind, form.value("tax_point"),
        form.key.data or None, form.language.data, form.remark.data or "",
    )  # fmt: skip


def _reason(form: PaperForm) -> VoidReason:
    try:
        return VoidReason(form.reason.data or "")
    except ValueError:
        raise InvalidInput(say("Choose a reason"), field="reason", code="choice_missing") from None


def _replace_facts(form: PaperForm, old: Document) -> dict[str, Any]:
    kind = KINDS[_new_kind(old)]
    mark_required(form, kind)
    return {
        "title": gettext("Replace %(number)s", number=old.number), "form": form, "kind": kind, "old": old,
        "orders": [part.order for part in old.orders], "against": replace_refusal(old, kind.kind), "invoice": None,
        "preview_url": url_for("DocumentReplaceView.preview", document_id=old.id, full=request.args.get("full")),
        "back": url_for("DocumentView.show", document_id=old.id), "setup": False,
        "submit_label": gettext("Void the old one and issue this"),
    }  # fmt: skip


VIEWS = (DocumentNoteView, DocumentReplaceView)
