"""Roles: which named actions each one has. The owner's role has all, always."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from oms.errors import NotFound, say
from oms.permissions import ACTIONS
from views import nav, people
from views.base import OmsView, page, unit
from views.filters import role_name

GROUP_LABELS = {
    "order": "Orders",
    "payment": "Payments",
    "gate": "Shipping gate",
    "refund": "Refunds",
    "document": "Documents",
    "shipment": "Shipments",
    "stock": "Stock",
    "catalog": "Products",
    "customer": "Customers",
    "shop": "Shops and warehouses",
    "staff": "Staff",
    "intake": "Imports",
    "export": "Exports",
    "audit": "Audit log",
    "report": "Reports",
    "operations": "Background work",
}


def grouped() -> dict[str, list[tuple[str, str]]]:
    """Actions with their labels, by the word before the dot."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for action, label in ACTIONS.items():
        groups.setdefault(action.split(".", 1)[0], []).append((action, label))
    return groups


class RoleView(OmsView):
    """The roles of the shop."""

    route_base = "/roles"
    default_view = "every_role"
    requires = "staff.edit"

    @page("/")
    def every_role(self) -> str:
        """The list."""
        with unit() as tx:
            roles = list(tx.session.execute(select(people.ROLES).order_by(people.ROLES.c.id)))
            rows = [
                (r.id, role_name(r.name), len(people.actions_of(tx, r.id)), people.holders(tx, r.id)) for r in roles
            ]
        return self.show_page("roles.html", title=gettext("Roles"), rows=rows, total=len(ACTIONS))

    @page("/add", methods=("POST",))
    def add(self) -> Response:
        """A role of one's own."""
        with unit() as tx:
            role_id = people.add_role(tx, request.form.get("name", ""))
        return redirect(url_for("RoleView.role", role_id=role_id))

    @page("/<int:role_id>", methods=("GET", "POST"))
    def role(self, role_id: int) -> Response | str:
        """One role: tick what it may do."""
        if request.method == "POST":
            with unit() as tx:
                people.set_actions(tx, role_id, request.form.getlist("action"))
            flash(gettext("Saved"), "success")
            return redirect(url_for("RoleView.role", role_id=role_id))
        with unit() as tx:
            row = tx.session.execute(select(people.ROLES).where(people.ROLES.c.id == role_id)).one_or_none()
            if row is None:
                raise NotFound(say("There is no such role"))
            held = people.actions_of(tx, role_id)
        return self.show_page(
            "role.html", title=role_name(row.name), row=row, held=held, groups=grouped(), labels=GROUP_LABELS,
            fixed=row.name == people.OWNER,
        )  # fmt: skip


VIEWS = (RoleView,)
NAV = (nav.Item("setup", "Roles", "RoleView.every_role", "staff.edit", icon="key", order=81),)
