"""Issuing a document of orders: a form with the paper beside it."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from oms import clock
from oms.db import Tx
from oms.documents.kinds import Kind
from oms.documents.rules import refusal
from oms.documents.states import DocumentKind
from oms.errors import NotFound, say
from oms.orders.models import Order
from oms.orders.queries import NO_ID, get_order
from oms.usecases.documents import IssueDocument, issue_document, preview_document
from oms.usecases.documents_facts import read_facts
from views.base import OmsView, page, unit
from views.document_forms import TEMPLATE, PaperForm, done, fields_of, fill_buyer, mark_required, previewed, read_kind
from views.filters import money, tr


class DocumentIssueView(OmsView):
    """Of orders."""

    route_base = "/documents/new"
    default_view = "form"
    requires = "document.issue"
    also_open_to = ("shipment.pack",)

    @page("/")
    def form(self) -> str:
        """The form, filled with what is known."""
        kind, ids = read_kind(request.args.get("kind", "")), _order_ids()
        with unit() as tx:
            form = _form(tx, kind, ids)
            return self.show_page(TEMPLATE, **_facts(tx, form, kind, ids))

    @page("/", methods=("POST",))
    def issue(self) -> AnyResponse | str:
        """Issue it."""
        kind, ids = read_kind(request.args.get("kind", "")), _order_ids()
        form = PaperForm()
        form.keep(fields_of(kind))
        return done(self, form, lambda tx: issue_document(tx, _command(form, kind, ids)),
                    lambda tx: _facts(tx, form, kind, ids))  # fmt: skip

    @page("/preview", methods=("POST",))
    def preview(self) -> Response:
        """The paper as it would be, for the page beside the form."""
        kind, ids = read_kind(request.args.get("kind", "")), _order_ids()
        form = PaperForm()
        form.keep(fields_of(kind))
        return previewed(form, lambda tx: preview_document(tx, _command(form, kind, ids)))


def _order_ids() -> tuple[int, ...]:
    ids = tuple(dict.fromkeys(i for i in request.args.getlist("order", type=int) if 0 < i < NO_ID))
    if not ids:
        raise NotFound(say("There is no such order, or it is not yours to see"), code="order_not_found")
    return ids


def _form(tx: Tx, kind: Kind, ids: tuple[int, ...]) -> PaperForm:
    """A fresh form with the facts of the orders in it."""
    form = PaperForm(formdata=None)
    form.keep(fields_of(kind))
    form.key.data = secrets.token_urlsafe(18)
    facts = read_facts(tx, [get_order(tx, i) for i in ids])
    fill_buyer(form, facts.default_buyer())
    if "tax_point" in form:
        form.tax_point.data = facts.default_tax_point()
    if "amount" in form:
        form.amount.data = facts.receivable or None
    return form


def _facts(tx: Tx, form: PaperForm, kind: Kind, ids: tuple[int, ...]) -> dict[str, Any]:
    """What the form's page shows besides the form."""
    orders = [get_order(tx, i) for i in ids]
    facts = read_facts(tx, orders, kind.layout, request.args.get("refund", type=int))
    against = refusal(kind, facts, facts.default_buyer(), form.value("tax_point") or facts.default_tax_point())
    mark_required(form, kind)
    if "amount" in form:
        form.amount.description = gettext("At most %(amount)s", amount=money(facts.receivable))
    return {
        "title": gettext("Issue: %(kind)s", kind=tr(kind.label)), "form": form, "orders": orders, "kind": kind,
        "against": against.message if against else None, "old": None, "invoice": None,
        "preview_url": url_for("DocumentIssueView.preview", **request.args.to_dict(flat=False)),
        "back": url_for("OrderView.show", pk=ids[0]), "submit_label": gettext("Issue"),
        "setup": not facts.seller.name or not facts.seller.tax_id,
    }  # fmt: skip


def _command(form: PaperForm, kind: Kind, ids: tuple[int, ...]) -> IssueDocument:
    return IssueDocument(
        kind.kind, ids, form.key.data or None, form.buyer(), form.value("tax_point"), form.value("amount"),
        refund_id=request.args.get("refund", type=int), remark=form.remark.data or "", language=form.language.data,
    )  # fmt: skip


def issue_url(kind: DocumentKind, order: Order, **facts: Any) -> str:
    """Where a document of this kind is issued for an order."""
    return url_for("DocumentIssueView.form", kind=kind.value, order=order.id, **facts)


def install(app: Any) -> None:
    """Give the templates the address of the form."""
    app.jinja_env.globals.update(issue_url=issue_url, today=clock.today)


VIEWS = (DocumentIssueView,)
