"""Every payment, of every order and of nobody: found, filtered, exported; each leads to the orders it pays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import g, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from markupsafe import Markup, escape
from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload

from oms.db import db
from oms.money import ZERO
from oms.orders.models import Order
from oms.orders.queries import visible
from oms.payments.models import Allocation, PaymentClaim, ReceivingAccount
from oms.payments.queries import narrow_claims
from oms.payments.states import CLAIM, METHOD_LABELS, ClaimStatus
from views import nav
from views.base import current_actor
from views.filters import doer, money, tr
from views.modelview import OmsModelView
from views.order_parts import Chip

TONES = {ClaimStatus.VERIFIED: "ok", ClaimStatus.SUBMITTED: "warn"}


class PaymentView(OmsModelView):
    """Payments, the newest first. Nothing is changed here: that is done on the orders they pay."""

    datamodel = SQLAInterface(PaymentClaim)
    route_base = "/payments"
    requires = "order.price"
    list_title, show_title = lazy_gettext("Payments"), lazy_gettext("Payment")
    list_template = "payments_list.html"
    list_columns = ["submitted_at", "orders", "method", "account", "amount", "status", "reference", "decided_label"]
    show_columns = [
        "orders", "method", "account", "amount", "said_amount", "left", "status", "payer_name", "sending_bank",
        "reference", "paid_at", "note", "submitted_at", "submitted_label", "decided_at", "decided_label",
        "decision_note",
    ]  # fmt: skip
    order_columns = ["submitted_at", "amount"]
    base_order = ("id", "desc")
    label_columns = {
        "submitted_at": lazy_gettext("Announced"), "orders": lazy_gettext("Orders"), "method": lazy_gettext("Method"),
        "account": lazy_gettext("Into"), "account_id": lazy_gettext("Into"), "amount": lazy_gettext("Amount"),
        "said_amount": lazy_gettext("Amount said"), "left": lazy_gettext("Customer's credit"),
        "status": lazy_gettext("Status"), "payer_name": lazy_gettext("Payer"),
        "sending_bank": lazy_gettext("Sending bank"), "reference": lazy_gettext("Reference"),
        "paid_at": lazy_gettext("Paid on"), "note": lazy_gettext("Note"),
        "submitted_label": lazy_gettext("Announced by"),
        "decided_at": lazy_gettext("Decided on"), "decided_label": lazy_gettext("Decided by"),
        "decision_note": lazy_gettext("Reason"), "customer_id": lazy_gettext("Customer"),
    }  # fmt: skip
    find_columns = ["reference"]
    search_columns = ["method", "status", "amount", "submitted_at", "paid_at", "decided_at"]
    choice_labels = {"method": METHOD_LABELS, "status": CLAIM.labels}
    numeric_columns = ["amount"]
    load_options = (joinedload(PaymentClaim.account),)
    export_list = "payments"
    empty_text = lazy_gettext("Payments appear when they are recorded on an order, or read from slips and statements.")

    def base_statement(self) -> Select[Any]:
        """Payments of orders this person sees; money that no order has is seen by those who see every order."""
        actor = current_actor()
        statement = select(PaymentClaim)
        if actor.shops is None and actor.warehouses is None and not actor.own_orders_only:
            return statement
        mine = visible(actor).with_only_columns(Order.id)
        paid = select(Allocation.claim_id).where(Allocation.claim_id == PaymentClaim.id, Allocation.order_id.in_(mine))
        return statement.where(paid.exists())

    def find(self, statement: Select[Any], text: str) -> Select[Any]:
        """By order number or transfer reference, whole."""
        return narrow_claims(statement, text)

    def prepare(self, rows: Sequence[Any]) -> None:
        """The orders of these payments, in one statement."""
        seen = visible(current_actor()).with_only_columns(Order.id, Order.number).subquery()
        found = db.session.execute(
            select(Allocation.claim_id, Allocation.order_id, func.sum(Allocation.amount), func.max(seen.c.number))
            .outerjoin(seen, seen.c.id == Allocation.order_id)
            .where(Allocation.claim_id.in_([row.id for row in rows]))
            .group_by(Allocation.claim_id, Allocation.order_id)
            .having(func.sum(Allocation.amount) != ZERO)
            .order_by(Allocation.claim_id, Allocation.order_id)
        )
        g.shares = {}
        for claim_id, order_id, amount, number in found:
            g.shares.setdefault(claim_id, []).append((order_id, number, amount))

    def value(self, row: Any, name: str) -> Any:
        """A cell; orders as links, the state as a word with its tone."""
        given = g.get("shares", {}).get(row.id, [])
        if name == "orders":
            return _links(given, alone=row.amount)
        if name == "left":
            return money(row.amount - sum((amount for _, _, amount in given), start=ZERO))
        if name in {"decided_label", "submitted_label"}:
            return doer(getattr(row, name))
        if name == "account":
            return str(row.account) if row.account else "–"
        if name == "status":
            return Markup('<span class="pill {}">{}</span>').format(
                TONES.get(row.status, "bad"), tr(CLAIM.labels[row.status])
            )
        return super().value(row, name)

    def accounts(self) -> list[Chip]:
        """Our accounts as filters."""
        chosen = request.args.get("f_account_id_is", "")
        rest = {k: v for k, v in request.args.items() if k not in {"f_account_id_is", "page"}}
        rows = db.session.scalars(select(ReceivingAccount).order_by(ReceivingAccount.code).limit(12)).all()
        every = Chip(gettext("Every account"), url_for("PaymentView.list", **rest), on=not chosen)
        return [
            every,
            *(
                Chip(str(a), url_for("PaymentView.list", **rest, f_account_id_is=a.id), on=chosen == str(a.id))
                for a in rows
            ),
        ]


def _links(given: Sequence[tuple[int, str | None, Any]], alone: Any) -> Any:
    parts = []
    for order_id, number, amount in given:
        name = Markup('<a href="{}">{}</a>').format(url_for("OrderView.show", pk=order_id), number) if number else "…"
        parts.append(name if len(given) == 1 and amount == alone else name + Markup(" {}").format(money(amount)))
    return Markup("<br>").join(escape(part) for part in parts) if parts else gettext("Nobody's yet")


VIEWS = (PaymentView,)
NAV = (nav.Item("data", "Payments", "PaymentView.list", "order.price", icon="wallet", order=15),)
