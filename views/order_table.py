"""Orders as Flask-AppBuilder's own list: every column with a filter, for questions no worklist asks."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import redirect, request, url_for
from flask_appbuilder.baseviews import expose
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_appbuilder.security.decorators import has_access
from flask_babel import lazy_gettext
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from oms.catalog.models import CHANNEL_LABELS
from oms.orders.models import Order, OrderSearch
from oms.orders.queries import visible
from oms.orders.states import BOARD_LABELS, ORDER, PAYMENT_LABELS, TERM_LABELS
from oms.reports.search import fragment_conditions
from oms.thai.text import normalize
from views import listing
from views.base import current_actor, may
from views.modelview import OmsModelView

MONEY_COLUMNS = frozenset({"total", "verified_amount"})


class OrderTableView(OmsModelView):
    """All orders, row by row. A record opens as the order's own page."""

    datamodel = SQLAInterface(Order)
    route_base = "/orders/table"
    requires = "order.view"
    list_title = lazy_gettext("Table of all orders")
    list_columns = [
        "number", "external_no", "channel", "board", "ship_name", "ship_province", "items_summary", "total",
        "payment_status", "payment_term", "warehouse.code", "owner", "carrier", "placed_at", "ship_by",
    ]  # fmt: skip
    label_columns: ClassVar[dict[str, Any]] = {
        "number": lazy_gettext("Our number"), "external_no": lazy_gettext("Channel's number"),
        "channel": lazy_gettext("Channel"), "board": lazy_gettext("State"), "status": lazy_gettext("Order"),
        "ship_name": lazy_gettext("Recipient"), "ship_province": lazy_gettext("Province"),
        "items_summary": lazy_gettext("Items"), "total": lazy_gettext("Total"),
        "verified_amount": lazy_gettext("Received"), "payment_status": lazy_gettext("Money"),
        "payment_term": lazy_gettext("Payment term"), "warehouse.code": lazy_gettext("Warehouse"),
        "owner": lazy_gettext("Person in charge"), "carrier": lazy_gettext("Carrier"),
        "placed_at": lazy_gettext("Placed"), "ship_by": lazy_gettext("Ship by"),
        "confirmed_at": lazy_gettext("Confirmed"), "item_count": lazy_gettext("Quantity"),
    }  # fmt: skip
    search_columns = [
        "board", "status", "channel", "payment_status", "payment_term", "ship_province", "carrier", "owner", "total",
        "verified_amount", "item_count", "placed_at", "confirmed_at", "ship_by",
    ]  # fmt: skip
    choice_labels: ClassVar[dict[str, Any]] = {
        "channel": CHANNEL_LABELS, "board": BOARD_LABELS, "payment_status": PAYMENT_LABELS,
        "payment_term": TERM_LABELS, "status": ORDER.labels,
    }  # fmt: skip
    order_columns = ["placed_at"]  # the one order an index keeps at any size
    base_order = ("placed_at", "desc")
    numeric_columns = ("total",)
    find_columns = ("number",)
    load_options = (joinedload(Order.warehouse),)
    export_list = "orders"
    empty_text = lazy_gettext("Change the filter, or take a part of it off.")

    def base_statement(self) -> Select[Any]:
        """The orders this person may see."""
        return visible(current_actor())

    def find(self, statement: Select[Any], text: str) -> Select[Any]:
        """By any part of a number, phone, name or SKU."""
        words = normalize(text).split()
        if not words:
            return statement
        found = select(OrderSearch.order_id).where(*fragment_conditions(words))
        return statement.where(Order.id.in_(found))

    def filter_fields(self) -> Any:
        """Amounts cannot be asked for by people who may not see them."""
        return [f for f in super().filter_fields() if may("order.price") or f["name"] not in MONEY_COLUMNS]

    def filtered(self) -> Any:
        """Nor can amounts be guessed at through the address."""
        names = [
            n for n in [*self.search_columns, *self._related_keys()] if may("order.price") or n not in MONEY_COLUMNS
        ]
        statement = self.find(self.base_statement(), request.args.get("q", ""))
        columns = {name: self.column(name) for name in names}
        return listing.apply_filters(statement, columns, self.label_columns, self.choice_labels)

    def value(self, row: Any, name: str) -> Any:
        """A cell; amounts only for those who may see them."""
        return "" if name in MONEY_COLUMNS and not may("order.price") else super().value(row, name)

    @expose("/show/<pk>", methods=["GET"])
    @has_access
    def show(self, pk: str) -> Response:
        """The order's own page."""
        row = self.record(pk)
        return redirect(url_for("OrderView.show", pk=row.id))


VIEWS = (OrderTableView,)
