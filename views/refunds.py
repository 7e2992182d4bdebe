"""Refunds on screen: what waits, the list, one refund with its story and proof, and the steps from one state on."""

from __future__ import annotations

from typing import Any

from flask import Flask, flash, redirect, request, send_file, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from markupsafe import Markup
from sqlalchemy import Select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from oms.actor import Actor
from oms.approvals import needs_second_person
from oms.db import db
from oms.errors import NotFound, say
from oms.intake import files
from oms.money import ZERO
from oms.payments.refund_models import Refund
from oms.payments.states import METHOD_LABELS, REFUND, RefundStatus
from oms.reports import refunds as reading
from oms.usecases.refunds import (
    POLICY,
    DecideRefund,
    RetryRefund,
    approve_refund,
    deny_refund,
    fail_refund,
    mask_account,
    retry_refund,
)
from views import audit_words, nav
from views.base import OmsView, current_actor, may, page, unit
from views.filters import cell, tr
from views.intake import store
from views.modelview import OmsModelView

STATUS_LABELS = {status: lazy_gettext(label) for status, label in REFUND.labels.items()}
TONES = {
    RefundStatus.REQUESTED: "warn", RefundStatus.APPROVED: "info", RefundStatus.PAID: "ok", RefundStatus.DENIED: "mut",
    RefundStatus.FAILED: "bad",
}  # fmt: skip
SEEN = "order.price"


def account_shown(account: str) -> str:
    """A customer's account number; its last four digits only for who may not see phone numbers either."""
    return account if may("customer.phone") else mask_account(account)


def destination(refund: Refund) -> str:
    """Where to the money goes, in words."""
    parts = (tr(METHOD_LABELS[refund.method]), refund.to_bank, account_shown(refund.to_account), refund.to_name)
    return " · ".join(part for part in parts if part)


class RefundView(OmsModelView):
    """Every refund there ever was."""

    datamodel = SQLAInterface(Refund)
    route_base = "/refunds"
    requires = SEEN
    list_title, show_title = lazy_gettext("Refunds"), lazy_gettext("Refund")
    list_columns = [
        "number",
        "order",
        "status",
        "amount",
        "method",
        "reason",
        "requested_at",
        "requested_label",
        "paid_at",
    ]
    show_columns = [
        "number", "order", "status", "amount", "to", "reason", "requested_by_at", "decided_by_at", "decision_note",
        "account", "reference", "paid_by_at", "failure",
    ]  # fmt: skip
    order_columns = ["number", "amount", "requested_at", "paid_at"]
    base_order = ("id", "desc")
    label_columns = {
        "number": lazy_gettext("Number"), "order": lazy_gettext("Order"), "status": lazy_gettext("State"),
        "amount": lazy_gettext("Amount"), "method": lazy_gettext("Paid back by"), "reason": lazy_gettext("Why"),
        "requested_at": lazy_gettext("Asked for on"), "requested_label": lazy_gettext("Asked by"),
        "requested_by_at": lazy_gettext("Asked by"), "decided_by_at": lazy_gettext("Decided by"),
        "decision_note": lazy_gettext("Note"), "paid_at": lazy_gettext("Paid on"),
        "paid_by_at": lazy_gettext("Paid by"), "account": lazy_gettext("From our account"),
        "account_id": lazy_gettext("From our account"), "order_id": lazy_gettext("Order"),
        "reference": lazy_gettext("Transfer reference"), "failure": lazy_gettext("What went wrong"),
        "to": lazy_gettext("To the customer's"),
    }  # fmt: skip
    find_columns = ["number", "reference", "reason"]
    search_columns = ["status", "method", "amount", "requested_at", "paid_at", "requested_label", "reference"]
    choice_labels = {"status": STATUS_LABELS, "method": METHOD_LABELS}
    numeric_columns = ["amount"]
    wide_columns = ["reason"]
    load_options = (joinedload(Refund.order), joinedload(Refund.account))
    show_template = "refunds/show.html"
    export_list = "refunds"
    empty_text = lazy_gettext("A refund starts on the page of its order.")

    def base_statement(self) -> Select[Any]:
        """Refunds of the orders this person may see."""
        return reading.own(current_actor())

    def value(self, row: Refund, name: str) -> Any:
        """A cell: the order leads to its page, people stand with their time."""
        if name == "order":
            url = url_for("OrderView.show", pk=row.order_id)
            return Markup('<a href="{}">{}</a>').format(url, row.order.number)
        if name == "to":
            return destination(row)
        if name.endswith("_by_at"):
            stem = name.removesuffix("_by_at")
            who, at = getattr(row, f"{stem}_label"), getattr(row, f"{stem}_at")
            return cell(" · ".join(part for part in (who, cell(at) if at else "") if part))
        return super().value(row, name)

    def facts(self, refund: Refund) -> dict[str, Any]:
        """What the page of one refund shows besides its columns."""
        mine = refund.requested_by is not None and refund.requested_by == current_actor().user_id
        return {
            "story": reading.story(db.session(), refund),
            "own": mine and needs_second_person(db.session(), POLICY),
            "tone": TONES[refund.status],
            "label": REFUND.labels[refund.status],
            "proof": bool(refund.proof_key) and may("customer.phone"),
        }


class RefundWorkView(OmsView):
    """What waits, and the steps."""

    route_base = "/refund"
    default_view = "work"
    requires = SEEN
    requires_for = {
        "approve": "refund.approve", "deny": "refund.approve", "fail": "refund.pay", "proof": "customer.phone",
    }  # fmt: skip

    @page("/")
    def work(self) -> str:
        """Asked for, to be paid, failed; the oldest first."""
        piles = reading.waiting(db.session(), current_actor())
        return self.show_page(
            "refunds/work.html", title=gettext("Refunds that wait"), piles=piles, labels=REFUND.labels, tones=TONES,
            destination=destination, total=sum(len(p) for p in piles.values()),
        )  # fmt: skip

    @page("/<int:pk>/approve", methods=("POST",))
    def approve(self, pk: int) -> Response:
        """Agree to it."""
        with unit() as tx:
            done = approve_refund(tx, DecideRefund(pk, request.form.get("note", ""), self._version()))
        return self._next(gettext("%(number)s is approved; it waits to be paid", number=done.number))

    @page("/<int:pk>/deny", methods=("POST",))
    def deny(self, pk: int) -> Response:
        """Decline it."""
        with unit() as tx:
            done = deny_refund(tx, DecideRefund(pk, request.form.get("note", ""), self._version()))
        return self._next(gettext("%(number)s is declined", number=done.number))

    @page("/<int:pk>/fail", methods=("POST",))
    def fail(self, pk: int) -> Response:
        """The transfer did not work."""
        with unit() as tx:
            done = fail_refund(tx, DecideRefund(pk, request.form.get("note", ""), self._version()))
        return self._next(gettext("%(number)s is marked as failed", number=done.number))

    @page("/<int:pk>/retry", methods=("POST",))
    def retry(self, pk: int) -> Response:
        """Try the same account again."""
        with unit() as tx:
            done = retry_refund(tx, RetryRefund(pk, version=self._version()))
        return self._next(gettext("%(number)s waits to be paid again", number=done.number))

    @page("/<int:pk>/proof")
    def proof(self, pk: int) -> Response:
        """The picture that proves the transfer."""
        refund = db.session.scalars(reading.own(current_actor()).where(Refund.id == pk)).one_or_none()
        if refund is None or not refund.proof_key:
            raise NotFound(say("There is no such file"), code="file_not_found")
        answer = send_file(files.path_of(store(), refund.proof_key), mimetype="image/jpeg")
        answer.headers["Cache-Control"] = "private, no-store"
        return answer

    @staticmethod
    def _version() -> int | None:
        return request.form.get("version", type=int)

    @staticmethod
    def _next(done: str) -> Response:
        """Say what was done and go on with what waits."""
        flash(done, "success")
        return redirect(url_for("RefundWorkView.work"), 303)


def counts(actor: Actor) -> nav.Waiting:
    """How many refunds wait for this person."""
    works = actor.may("refund.approve") or actor.may("refund.pay")
    return {"refunds": reading.count_waiting(actor)} if works else {}


def install(app: Flask) -> None:
    """Put the count into the menu, and the words of refunds into templates."""
    nav.add_counts(app, counts)
    app.jinja_env.globals.update(REFUND_LABELS=REFUND.labels, zero=ZERO, audit_action=audit_words.action)


VIEWS = (RefundWorkView, RefundView)
NAV = (
    nav.Item(
        "work", "Refunds that wait", "RefundWorkView.work", SEEN, icon="back", order=147, count="refunds", hot=True
    ),
    nav.Item("data", "Refunds", "RefundView.list", SEEN, icon="back", order=40),
)
