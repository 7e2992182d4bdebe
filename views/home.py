"""The first page after the login: what waits for this role."""

from __future__ import annotations

from flask import url_for
from flask_appbuilder.baseviews import expose
from flask_appbuilder.security.decorators import has_access
from flask_babel import gettext

from oms.reports.first_steps import FirstStep, first_steps
from views import nav
from views.base import ANY_STAFF, OmsView, current_actor, current_staff, unit
from views.cashier_day import board_page, is_start
from views.order_list import urgent_orders

STEP_PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "company": ("CompanyView.show", {}),
    "warehouse": ("WarehouseView.add", {}),
    "shop": ("ShopView.add", {}),
    "account": ("ReceivingAccountView.add", {}),
    "sku": ("ProductView.add", {}),
    "stock": ("ReceiveView.this_form_get", {}),
    "order": ("OrderEntryView.new", {}),
    "sent": ("OrderView.list", {}),
}


def steps_to_take() -> list[tuple[FirstStep, str]]:
    """What a new shop still has to set up, each with the page where it is done."""
    with unit() as tx:
        steps = first_steps(tx)
    return [(step, url_for(STEP_PAGES[step.key][0], **STEP_PAGES[step.key][1])) for step in steps]


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


NAV = (nav.Item("home", "Home", "HomeView.index", icon="home", order=0),)
