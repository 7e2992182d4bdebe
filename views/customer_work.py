"""What is done with a customer from their page: merge and undo, tax names, the blacklist, the same as last time."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Flask, flash, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms.customers.models import Customer
from oms.db import db
from oms.errors import InvalidInput, NotFound, say
from oms.orders.models import Order
from oms.orders.queries import get_order
from oms.orders.states import OrderStatus
from oms.reports.customer_page import CustomerPage, customer_page, twins
from oms.usecases.blacklist import BlockAddress, BlockPhone, block_address, block_phone, lift_block
from oms.usecases.customer_tax import AddTaxIdentity, add_tax_identity, use_tax_identity
from oms.usecases.customers import TaxIdentity
from oms.usecases.customers_merge import MergeCustomers, merge_customers, undo_merge
from oms.usecases.orders_again import OrderAgain, Sheet, difference_sheet, last_order, order_again
from views import nav
from views.base import OmsView, page, safe_path, unit
from views.order_actions import text
from views.order_entry import order_url

POST = ("POST",)


class CustomerWorkView(OmsView):
    """Buttons of the customer page, and the list of cards that may be one person."""

    route_base = "/customer"
    default_view = "twins"
    requires = "customer.merge"
    requires_for = {
        "block": "customer.block", "lift": "customer.block", "tax": "customer.edit", "use_tax": "customer.edit",
        "again": "order.create",
    }  # fmt: skip

    @page("/twins")
    def twins(self) -> str:
        """Cards that share a phone."""
        with unit() as tx:
            return self.show_page("customers/twins.html", title=gettext("Customers to merge"), found=twins(tx))

    @page("/<int:pk>/merge", methods=POST)
    def merge(self, pk: int) -> Response:
        """The card named in the form is this person too."""
        other = request.form.get("gone_id", type=int)
        if other is None:
            raise InvalidInput(say("Choose the customer who is the same person"), field="gone_id", code="not_a_choice")
        with unit() as tx:
            merge_customers(tx, MergeCustomers(pk, other, text("reason", 300)))
        flash(gettext("Merged; everything is on this card. It can be undone below"), "success")
        return _back(pk)

    @page("/merge/<int:merge_id>/undo", methods=POST)
    def undo(self, merge_id: int) -> Response:
        """Take two cards apart again."""
        with unit() as tx:
            done = undo_merge(tx, merge_id)
        flash(gettext("The cards are apart again; each has what it had"), "success")
        return _back(done.kept_id)

    @page("/<int:pk>/block", methods=POST)
    def block(self, pk: int) -> Response:
        """Put the phone or an address of this person on the blacklist."""
        form = request.form
        days, reason = form.get("days", 0, type=int), text("reason", 300)
        with unit() as tx:
            if form.get("what") == "address":
                block_address(tx, BlockAddress(text("line", 500), text("postcode", 10), reason, days, pk or None))
            else:
                card = tx.session.get(Customer, pk) if pk else None  # its number need not be shown to be blocked
                number = text("phone", 40) or (card.phone if card else "")
                block_phone(tx, BlockPhone(number, reason, days, pk or None))
        flash(gettext("On the blacklist: cash-on-delivery orders wait for a person"), "success")
        return redirect(safe_path(form.get("next")) or url_for("BlacklistView.list"), 303)

    @page("/blacklist/<int:block_id>/lift", methods=POST)
    def lift(self, block_id: int) -> Response:
        """Take something off the blacklist."""
        with unit() as tx:
            lift_block(tx, block_id, text("note", 300))
        flash(gettext("Taken off the blacklist"), "success")
        return redirect(safe_path(request.form.get("next")) or url_for("BlacklistView.list"), 303)

    @page("/<int:pk>/tax", methods=POST)
    def tax(self, pk: int) -> Response:
        """One more name for tax invoices."""
        tax = TaxIdentity(text("tax_name", 300), text("tax_id", 40), text("tax_branch", 20), text("tax_address", 2000))
        with unit() as tx:
            add_tax_identity(tx, AddTaxIdentity(pk, tax))
        flash(gettext("Saved"), "success")
        return _back(pk)

    @page("/<int:pk>/tax/<int:identity_id>", methods=POST)
    def use_tax(self, pk: int, identity_id: int) -> Response:
        """Put that name on the card."""
        with unit() as tx:
            use_tax_identity(tx, pk, identity_id)
        flash(gettext("Tax invoices are made out to this name from now on"), "success")
        return _back(pk)

    @page("/<int:pk>/again", methods=POST)
    def again(self, pk: int) -> Response:
        """The same as last time: a draft of the latest order."""
        with unit() as tx:
            last = last_order(tx, pk)
            if last is None:
                raise NotFound(say("This customer has no order to repeat yet"), code="no_last_order")
            made = order_again(tx, OrderAgain(last.id, text("key", 40)))
        return redirect(url_for("OrderAgainView.sheet", pk=made.order_id), 303)


class OrderAgainView(OmsView):
    """A repeated order and what is different."""

    route_base = "/again"
    default_view = "sheet"
    requires = "order.create"

    @page("/<int:pk>", methods=POST)
    def make(self, pk: int) -> Response:
        """A draft of this order at today's prices."""
        form = request.form
        cmd = OrderAgain(pk, text("key", 40), old_prices="old_prices" in form)
        with unit() as tx:
            made = order_again(tx, cmd)
        return redirect(url_for("OrderAgainView.sheet", pk=made.order_id), 303)

    @page("/<int:pk>/differences")
    def sheet(self, pk: int) -> str | Response:
        """The draft, and what is different from the order it repeats."""
        with unit() as tx:
            draft = get_order(tx, pk)
            if draft.copied_from is None or draft.status is not OrderStatus.DRAFT:
                return redirect(order_url(pk))
            found: Sheet = difference_sheet(tx, get_order(tx, draft.copied_from))
            facts = {"draft": draft, "sheet": found, "old": found.order, "key": secrets.token_hex(8)}
            return self.show_page("orders/again.html", title=gettext("The same as last time"), **facts)


def _back(pk: int) -> Response:
    return redirect(url_for("CustomerView.show", pk=pk), 303)


def more_of(row: Customer) -> dict[str, Any]:
    """What the customer page shows beyond the card."""
    with unit() as tx:
        found: CustomerPage = customer_page(tx, row)
        last: Order | None = last_order(tx, row.id) if tx.actor.may("order.create") else None
        kept = db.session.get(Customer, row.merged_into_id) if row.merged_into_id else None
        return {"page": found, "last": last, "kept": kept, "key": secrets.token_hex(8)}


def install(app: Flask) -> None:
    """The customer page asks for the rest of the person."""
    app.jinja_env.globals["more_of"] = more_of


VIEWS = (CustomerWorkView, OrderAgainView)
NAV = (nav.Item("data", "Customers to merge", "CustomerWorkView.twins", "customer.merge", icon="people", order=22),)
