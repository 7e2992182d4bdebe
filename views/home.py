"""The first page after the login: what waits for this role."""

from __future__ import annotations

from flask_appbuilder.baseviews import expose
from flask_appbuilder.security.decorators import has_access
from flask_babel import gettext

from views import nav
from views.base import ANY_STAFF, OmsView, current_actor, current_staff
from views.cashier_day import board_page, is_start
from views.order_list import urgent_orders


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
        return self.show_page("home.html", title=gettext("Home"), staff=current_staff(), leave_first=urgent_orders())


NAV = (nav.Item("home", "Home", "HomeView.index", icon="home", order=0),)
