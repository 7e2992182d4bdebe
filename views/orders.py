"""All orders with filters, one order's page, and saved filters."""

from __future__ import annotations

import secrets
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from oms import clock
from oms.db import Tx
from oms.orders.listing import read_filter
from oms.payments.models import ReceivingAccount
from oms.payments.states import METHOD_LABELS, REFUND_METHODS
from oms.reports import refunds
from oms.reports.order_actions import choices
from oms.reports.order_documents import order_documents
from oms.reports.order_page import OrderPage, line_stock, order_page
from oms.reports.timeline import order_story
from oms.usecases.orders_views import SaveView, drop_view, save_view
from views import nav
from views.base import OmsView, page, safe_path, unit
from views.filters import tr
from views.order_link import link_facts
from views.order_list import list_facts
from views.order_money import bank_choices
from views.order_parts import people
from views.order_qr import shown_codes
from views.privacy import order_phone_shown
from views.refund_forms import customer_banks


class OrderView(OmsView):
    """Orders: the whole list and each order's page."""

    route_base = "/orders"
    default_view = "list"
    requires = "order.view"

    @page("/")
    def list(self) -> str:
        """All orders, newest first, with filters."""
        return self.show_page("orders/list.html", title=gettext("Orders"), **list_facts(None))

    @page("/<int:pk>")
    def show(self, pk: int) -> str:
        """One order."""
        with unit() as tx:
            found = order_page(tx, pk, phones=order_phone_shown(pk))
            return self.show_page("orders/show.html", title=found.order.number, **page_facts(tx, found))

    @page("/views", methods=("POST",))
    def save(self) -> Response:
        """Keep the filter of the page under a name."""
        form = request.form
        with unit() as tx:
            save_view(tx, SaveView(form.get("name", ""), read_filter(form), is_shared="is_shared" in form))
        flash(gettext("View saved"), "success")
        return redirect(safe_path(form.get("next")) or url_for("OrderView.list"), 303)

    @page("/views/<int:view_id>/drop", methods=("POST",))
    def drop(self, view_id: int) -> Response:
        """Forget a saved filter."""
        with unit() as tx:
            drop_view(tx, view_id)
        flash(gettext("View deleted"), "success")
        return redirect(safe_path(request.form.get("next")) or url_for("OrderView.list"), 303)


def refund_facts(tx: Tx, found: OrderPage) -> dict[str, Any]:
    """The refunds of an order, and what may still be asked back when money came in."""
    order, money = found.order, found.money
    return {
        "refunds": refunds.of_order(tx.session, order.id),
        "refund_room": refunds.room(tx.session, order, money) if money.verified else None,
        "refund_methods": [(m.value, tr(METHOD_LABELS[m])) for m in REFUND_METHODS],
        "refund_banks": customer_banks(),
    }


def page_facts(tx: Tx, found: OrderPage) -> dict[str, Any]:
    """What the order page shows besides the order."""
    order, actor = found.order, tx.actor
    prices, phones = actor.may("order.price"), order_phone_shown(order.id)
    accounts = list(
        tx.session.scalars(select(ReceivingAccount).where(ReceivingAccount.is_active).order_by(ReceivingAccount.code))
    )
    return {
        "page": found,
        "order": order,
        "prices": prices,
        "phones": phones,
        "choices": {choice.name: choice for choice in choices(tx, found)},
        "stock": {line.id: line_stock(order, line, found.reserved) for line in order.lines},
        "story": order_story(tx.session, order.id, prices=prices, phones=phones),
        "banks": bank_choices() if actor.may("payment.claim") else [],
        "accounts": accounts if actor.may("payment.claim") else [],
        "people": people() if actor.may("order.assign") else [],
        "claim_key": secrets.token_hex(16),
        "papers": order_documents(tx, order),
        "today": clock.local(clock.now()).strftime("%Y-%m-%dT%H:%M"),
        **(refund_facts(tx, found) if prices else {}),
        **link_facts(tx, found, accounts),
        **(shown_codes(order, found.money, accounts) if prices else {}),
    }


VIEWS = (OrderView,)
NAV = (nav.Item("data", "Orders", "OrderView.list", "order.view", icon="order", order=10),)
