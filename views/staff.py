"""Staff: who may log in, with which roles, limited to which places; their sessions; the roles and what they may do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import flash, g, request, url_for
from flask_appbuilder.forms import DynamicForm
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_appbuilder.security.sqla.models import Role, User, assoc_user_role
from flask_babel import gettext, lazy_gettext
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import selectinload
from werkzeug.utils import redirect
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, PasswordField, SelectMultipleField, StringField
from wtforms.widgets import CheckboxInput, ListWidget

from oms.catalog.models import Shop
from oms.db import Tx, db
from oms.errors import Conflict, say
from oms.inventory.models import Warehouse
from oms.permissions import ACTIONS, ROLES
from oms.staff.models import StaffProfile, StaffScope, StaffSecondFactor, StaffSession
from oms.usecases import logins, second_factor
from oms.usecases.masters_staff import SetLimits, set_limits
from views import nav, people
from views.base import OmsFormView, current_actor, current_staff, page, safe_path, unit
from views.fields import Chosen, WholeField, choices
from views.filters import short_moment, tr
from views.modelview import OmsModelView

ALL = lazy_gettext("None ticked: all of them")
SHOWN = ["username", "full_name", "email", "roles", "places", "own_orders", "limit", "two_step", "last_seen", "active"]
LABELS = {role.name: role.label for role in ROLES}


def role_name(name: str) -> str:
    """A role in words; a shop's own role by its name."""
    return tr(LABELS.get(name, name))


class TicksField(SelectMultipleField):
    """Several of a short list, as boxes to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class StaffForm(DynamicForm):
    """A person, what they may do and where."""

    first_name = StringField(lazy_gettext("First name"), [Chosen()])
    last_name = StringField(lazy_gettext("Last name"))
    email = StringField(lazy_gettext("E-mail"))
    roles = TicksField(lazy_gettext("Roles"), description=lazy_gettext("What they may do"))
    warehouses = TicksField(
        lazy_gettext("Warehouses"), coerce=int, description=lazy_gettext("None ticked: all of them")
    )
    shops = TicksField(lazy_gettext("Shops"), coerce=int, description=lazy_gettext("None ticked: all of them"))
    own_orders_only = BooleanField(lazy_gettext("Sees only their own orders"))
    discount_limit = WholeField(
        lazy_gettext("Discount they may give alone (%)"), description=lazy_gettext("Empty: as the role says")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        person = kwargs.pop("obj", None)
        super().__init__(*args, obj=None if person is None else Wearing(person), **kwargs)
        names = db.session.scalars(select(Role.name).order_by(Role.id))
        self.roles.choices = choices((name, role_name(name)) for name in names)
        for field, model in ((self.warehouses, Warehouse), (self.shops, Shop)):
            field.choices = choices((r.id, str(r)) for r in db.session.scalars(select(model).order_by(model.code)))

    def limits(self, user_id: int, username: str, version: int) -> SetLimits:
        """The limits as the verb takes them."""
        return SetLimits(
            user_id, username, version, self.discount_limit.data, bool(self.own_orders_only.data),
            frozenset(self.warehouses.data or ()), frozenset(self.shops.data or ()),
        )  # fmt: skip


class Wearing:
    """A login with its limits, as the form reads it."""

    def __init__(self, person: User) -> None:
        self.first_name, self.last_name, self.email = person.first_name, person.last_name, person.email
        profile = db.session.get(StaffProfile, person.id)
        self.own_orders_only = bool(profile and profile.own_orders_only)
        self.discount_limit = profile.discount_limit if profile else None
        self.roles = [role.name for role in person.roles]
        self.warehouses, self.shops = _places(person.id, "warehouse"), _places(person.id, "shop")


def _places(user_id: int, kind: str) -> list[int]:
    return list(
        db.session.scalars(select(StaffScope.ref_id).where(StaffScope.user_id == user_id, StaffScope.kind == kind))
    )


class StaffAddForm(StaffForm):
    """A new login."""

    username = StringField(lazy_gettext("User name"), [Chosen()])
    password = PasswordField(lazy_gettext("First password"), [Chosen()])


@dataclass(frozen=True)
class Known:
    """What the page knows of the people on it."""

    profiles: dict[int, StaffProfile]
    scopes: dict[int, list[str]]
    factors: frozenset[int]
    seen: dict[int, datetime]


def reading() -> Tx:
    """The request's session with its actor, for reads: a transaction of its own would forget the rows of the page."""
    return Tx(db.session(), current_actor())


class StaffView(OmsModelView):
    """Logins."""

    datamodel = SQLAInterface(User)
    route_base = "/staff"
    base_permissions = ["can_list", "can_show", "can_switch", "can_reset_factor", "can_end_sessions", "can_unlock"]
    requires = "staff.edit"
    list_title, show_title = lazy_gettext("Staff"), lazy_gettext("Staff member")
    add_title, edit_title = lazy_gettext("Add a staff member"), lazy_gettext("Change a staff member")
    list_columns = ["username", "full_name", "roles", "places", "last_seen", "active"]
    order_columns = ["username"]
    base_order = ("username", "asc")
    show_fieldsets = [(None, {"fields": SHOWN})]
    label_columns = {
        "username": lazy_gettext("User name"), "full_name": lazy_gettext("Name"), "roles": lazy_gettext("Roles"),
        "places": lazy_gettext("Limited to"), "last_seen": lazy_gettext("Last seen"),
        "active": lazy_gettext("May log in"),
        "email": lazy_gettext("E-mail"), "own_orders": lazy_gettext("Sees only their own orders"),
        "limit": lazy_gettext("Discount they may give alone (%)"), "two_step": lazy_gettext("Two-step login"),
    }  # fmt: skip
    find_columns = ["username", "first_name", "last_name"]
    search_columns = ["active"]
    export_list = "staff"
    load_options = (selectinload(User.roles),)
    show_template = "staff_show.html"
    add_form, edit_form = StaffAddForm, StaffForm
    add_columns = [
        "username", "password", "first_name", "last_name", "email", "roles", "warehouses", "shops", "own_orders_only",
        "discount_limit",
    ]  # fmt: skip
    edit_columns = add_columns[2:]

    def prepare(self, rows: Any) -> None:
        """Limits, second factors and last use of these people, in a handful of statements."""
        ids = [row.id for row in rows]
        profiles = db.session.scalars(select(StaffProfile).where(StaffProfile.user_id.in_(ids)))
        codes = {("warehouse", w.id): w.code for w in db.session.scalars(select(Warehouse))}
        codes |= {("shop", s.id): s.code for s in db.session.scalars(select(Shop))}
        scopes: dict[int, list[str]] = {}
        limited = select(StaffScope).where(StaffScope.user_id.in_(ids)).order_by(StaffScope.kind.desc(), StaffScope.id)
        for scope in db.session.scalars(limited):
            scopes.setdefault(scope.user_id, []).append(codes.get((scope.kind, scope.ref_id), "?"))
        factors = select(StaffSecondFactor.user_id).where(
            StaffSecondFactor.user_id.in_(ids), StaffSecondFactor.confirmed_at.is_not(None)
        )
        seen = select(StaffSession.user_id, func.max(StaffSession.seen_at)).where(StaffSession.user_id.in_(ids))
        g.staff_known = Known(
            {p.user_id: p for p in profiles}, scopes, frozenset(db.session.scalars(factors)),
            {row[0]: row[1] for row in db.session.execute(seen.group_by(StaffSession.user_id))},
        )  # fmt: skip

    def value(self, row: User, name: str) -> Any:
        """A cell."""
        known: Known = g.staff_known
        profile = known.profiles.get(row.id)
        if name == "full_name":
            return f"{row.first_name} {row.last_name}".strip()
        if name == "roles":
            return ", ".join(role_name(r.name) for r in row.roles) or gettext("none")
        if name == "places":
            return ", ".join(known.scopes.get(row.id, ())) or gettext("everything")
        if name == "last_seen":
            return short_moment(known.seen.get(row.id))
        if name in {"own_orders", "two_step", "active"}:
            truth = {"own_orders": bool(profile and profile.own_orders_only), "two_step": row.id in known.factors}
            return _yes(value=truth.get(name, bool(row.active)))
        if name == "limit":
            limit = profile.discount_limit if profile else None
            return gettext("as the role says") if limit is None else f"{limit}%"
        return super().value(row, name)

    def version_of(self, row: User) -> int:
        """What a stale edit is told by: the version of the limits, 0 before there are any."""
        profile = db.session.get(StaffProfile, row.id, populate_existing=True)
        return profile.version if profile else 0

    def sessions(self, row: User) -> Any:
        """Where the person is logged in."""
        return logins.list_sessions(reading(), row.id)

    def create(self, tx: Tx, form: Any) -> int:
        """A new login with its limits."""
        new = people.NewLogin(
            form.username.data, form.password.data, form.first_name.data, form.last_name.data or "",
            form.email.data or "", tuple(form.roles.data or ()),
        )  # fmt: skip
        user_id = people.add_login(tx, new)
        set_limits(tx, form.limits(user_id, new.username, 0))
        return user_id

    def change(self, tx: Tx, pk: int, form: Any) -> None:
        """Names, roles and limits."""
        row = people.get_login(tx, pk)
        set_limits(tx, form.limits(pk, row.username, self.posted_version() or 0))
        people.rename(tx, pk, form.first_name.data, form.last_name.data or "", form.email.data or "")
        people.set_roles(tx, pk, form.roles.data or ())

    def _who(self, pk: int) -> User:
        return self.record(str(pk))

    @page("/<int:pk>/active", methods=("POST",))
    def switch(self, pk: int) -> Response:
        """Let somebody in again, or keep them out at once."""
        person, active = self._who(pk), request.form.get("active") == "1"
        with unit() as tx:
            people.set_active(tx, person.id, active=active)
        flash(
            gettext("The login is open again") if active else gettext("The login is closed; its sessions ended"),
            "success",
        )
        return redirect(url_for("StaffView.show", pk=pk))

    @page("/<int:pk>/second-factor", methods=("POST",))
    def reset_factor(self, pk: int) -> Response:
        """Switch two-step login off for somebody who lost the phone."""
        person = self._who(pk)
        with unit() as tx:
            second_factor.switch_off(tx, person.id, person.username)
        flash(gettext("Two-step login is off; they can switch it on again themselves"), "success")
        return redirect(url_for("StaffView.show", pk=pk))

    @page("/<int:pk>/sessions", methods=("POST",))
    def end_sessions(self, pk: int) -> Response:
        """Log somebody out everywhere (oneself: everywhere else), and lift a lock."""
        person, me = self._who(pk), current_staff()
        with unit() as tx:
            keep = me.session_id if me is not None and me.id == person.id else None
            ended = logins.end_all_sessions(tx, person.id, person.username, "ended by staff", keep=keep)
        flash(gettext("%(n)s sessions ended", n=ended), "success")
        return redirect(url_for("StaffView.show", pk=pk))

    @page("/<int:pk>/unlock", methods=("POST",))
    def unlock(self, pk: int) -> Response:
        """Let a name in that was locked after too many wrong passwords."""
        person = self._who(pk)
        with unit() as tx:
            logins.unlock(tx, person.username, person.id)
        flash(gettext("The name is not locked any more"), "success")
        return redirect(url_for("StaffView.show", pk=pk))


def _yes(*, value: bool) -> Markup:
    return Markup('<span class="pill {}">{}</span>').format(
        "ok" if value else "mut", gettext("Yes") if value else gettext("No")
    )


class PasswordForm(DynamicForm):
    """Somebody's new password."""

    password = PasswordField(lazy_gettext("New password"), [Chosen()])


class StaffPasswordView(OmsFormView):
    """A new password for somebody who lost theirs; all their sessions end."""

    route_base = "/staff/password"
    requires = "staff.edit"
    form = PasswordForm
    form_title = lazy_gettext("Set a new password")
    form_intro = lazy_gettext("They are logged out everywhere and log in with the new one.")
    form_columns = ["password"]

    def submit(self, form: Any) -> Response:
        """Set it."""
        raw = request.args.get("user", "")
        with unit() as tx:
            people.set_password(tx, int(raw) if raw.isdecimal() and len(raw) < 10 else 0, form.password.data)
        flash(gettext("The new password counts from now on"), "success")
        return redirect(safe_path(request.args.get("next")) or url_for("StaffView.list"))


AREAS = {
    "order": lazy_gettext("Orders"), "payment": lazy_gettext("Money"), "gate": lazy_gettext("Money"),
    "refund": lazy_gettext("Money"), "document": lazy_gettext("Documents"), "shipment": lazy_gettext("Shipping"),
    "carrier": lazy_gettext("Shipping"), "return": lazy_gettext("Returns"), "stock": lazy_gettext("Stock"),
    "consignment": lazy_gettext("Stock"), "remote": lazy_gettext("Stock"),
    "catalog": lazy_gettext("Products"), "customer": lazy_gettext("Customers"),
    "link": lazy_gettext("Customers"), "privacy": lazy_gettext("Customers"), "message": lazy_gettext("Customers"),
    "shop": lazy_gettext("Setup"), "staff": lazy_gettext("Setup"), "api": lazy_gettext("Setup"),
    "intake": lazy_gettext("Files"), "export": lazy_gettext("Files"), "audit": lazy_gettext("Oversight"),
    "report": lazy_gettext("Oversight"), "operations": lazy_gettext("Oversight"),
}  # fmt: skip


def area(action: str) -> str:
    """Which part of the shop a named action belongs to."""
    return str(AREAS.get(action.partition(".")[0], action))


def mark(actions: Any) -> str:
    """A short mark of a set of actions, to tell whether somebody changed it."""
    return hashlib.sha256(",".join(sorted(actions)).encode()).hexdigest()[:16]


class RoleForm(DynamicForm):
    """What a role may do."""

    actions = TicksField(lazy_gettext("May"))
    seen = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        role = kwargs.pop("obj", None)
        super().__init__(*args, **kwargs)
        ordered = sorted(ACTIONS, key=lambda a: [*AREAS, a.partition(".")[0]].index(a.partition(".")[0]))
        self.actions.choices = choices((a, f"{area(a)}: {tr(ACTIONS[a])}") for a in ordered)
        if role is not None and request.method == "GET":
            held = people.actions_of(reading(), role.id)
            self.actions.data, self.seen.data = sorted(held), mark(held)


class RoleAddForm(RoleForm):
    """A role of the shop's own."""

    name = StringField(lazy_gettext("Name"), [Chosen()])


class RoleView(OmsModelView):
    """Roles."""

    datamodel = SQLAInterface(Role)
    route_base = "/roles"
    requires = "staff.edit"
    list_title, show_title = lazy_gettext("Roles"), lazy_gettext("Role")
    add_title, edit_title = lazy_gettext("Add a role"), lazy_gettext("Change what a role may do")
    list_columns = ["name", "people", "may"]
    show_columns = ["name", "people", "may"]
    order_columns = ["name"]
    base_order = ("id", "asc")
    label_columns = {
        "name": lazy_gettext("Role"), "people": lazy_gettext("People"), "may": lazy_gettext("May"),
    }  # fmt: skip
    numeric_columns = ["people"]
    search_columns = ["name"]
    add_form, edit_form = RoleAddForm, RoleForm
    add_columns, edit_columns = ["name", "actions"], ["actions"]

    def prepare(self, rows: Any) -> None:
        """People and actions of these roles."""
        link = assoc_user_role.c
        counted = select(link.role_id, func.count()).group_by(link.role_id)
        tx = reading()
        held = {row.id: people.actions_of(tx, row.id) for row in rows}
        g.roles_known = {row[0]: row[1] for row in tx.session.execute(counted)}, held

    def value(self, row: Role, name: str) -> Any:
        """A cell."""
        numbers, held = g.roles_known
        if name == "name":
            return role_name(row.name)
        if name == "people":
            return numbers.get(row.id, 0)
        if len(held[row.id]) == len(ACTIONS):
            return gettext("everything")
        return ", ".join(tr(ACTIONS[a]) for a in ACTIONS if a in held[row.id]) or gettext("nothing")

    def create(self, tx: Tx, form: Any) -> int:
        """A new role."""
        return people.add_role(tx, form.name.data, form.actions.data or ())

    def change(self, tx: Tx, pk: int, form: Any) -> None:
        """What it may do, over what the editor saw."""
        if form.seen.data != mark(people.actions_of(tx, pk)):
            raise Conflict(
                say("Someone else saved this while you were editing. Reload to see the change, then enter yours again"),
                code="stale",
            )
        people.set_actions(tx, pk, form.actions.data or ())


VIEWS = (StaffView, StaffPasswordView, RoleView)
NAV = (
    nav.Item("setup", "Staff", "StaffView.list", "staff.edit", icon="person", order=50),
    nav.Item("setup", "Roles", "RoleView.list", "staff.edit", icon="key", order=60),
)
