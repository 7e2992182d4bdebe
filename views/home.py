"""The first page after the login: what waits for this role."""

from __future__ import annotations

from flask import Flask, request, url_for
from flask_appbuilder.baseviews import expose
from flask_appbuilder.security.decorators import has_access
from flask_babel import gettext
from sqlalchemy import select

from oms.db import db
from oms.orders.models import Order
from oms.reports.first_steps import FirstStep, first_steps
from views import nav
from views.base import ANY_STAFF, OmsView, current_actor, current_staff, unit
from views.cashier_day import board_page, is_start
from views.order_list import urgent_orders

STEP_PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "company": ("CompanyView.edit", {}),
    "warehouse": ("WarehouseView.add", {}),
    "shop": ("ShopView.add", {}),
    "account": ("ReceivingAccountView.add", {}),
    "sku": ("ProductView.add", {}),
    "stock": ("ReceiveView.this_form_get", {}),
    "order": ("OrderEntryView.new", {}),
    "sent": ("OrderView.list", {}),
}


SET_UP = frozenset({
    "CompanyView.show", "WarehouseView.show", "ShopView.show", "ReceivingAccountView.show", "ProductView.show",
    "SkuView.show", "StockPaperView.show",
})  # fmt: skip
"""Pages one comes to after a step was done: they say what is next."""


def steps_to_take() -> list[tuple[FirstStep, str]]:
    """What a new shop still has to set up, each with the page where it is done."""
    with unit() as tx:
        steps = first_steps(tx)
    return [(step, _page_of(step)) for step in steps]


def _page_of(step: FirstStep) -> str:
    """Where a step is done; the first parcel leaves from the page of the order entered last."""
    if step.key == "sent" and step.is_next:
        last = db.session.scalar(select(Order.id).order_by(Order.id.desc()).limit(1))
        return url_for("OrderView.show", pk=last)
    endpoint, how = STEP_PAGES[step.key]
    return url_for(endpoint, **how)


def next_step() -> tuple[FirstStep, str] | None:
    """On a page of the setting up: what a new shop does next, with its page."""
    if request.endpoint not in SET_UP:
        return None
    found = next((pair for pair in steps_to_take() if pair[0].is_next), None)
    asked_there = found is not None and found[0].key == "sku" and request.endpoint == "ProductView.show"
    return None if asked_there else found


class HomeView(OmsView):
    """The role's own start: its worklists with their counts, and the two or three things it does most."""

    route_base = ""
    default_view = "index"
    requires = ANY_STAFF

    @expose("/")
    @has_access
    def index(self) -> str:
        """Show it; who keeps the till starts with the cashier's day."""
        if is_start(current_actor()):
            return board_page(self)
        return self.show_page(
            "home.html", title=gettext("Home"), staff=current_staff(), leave_first=urgent_orders(),
            first_steps=steps_to_take(),
        )  # fmt: skip


def install(app: Flask) -> None:
    """Let the layout say what is next."""
    app.jinja_env.globals["next_step"] = next_step


NAV = (nav.Item("home", "Home", "HomeView.index", icon="home", order=0),)
