"""Staff: who may log in, with which roles, for which warehouses and shops; their sessions and their second factor."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from werkzeug.wrappers import Response
from wtforms import BooleanField, IntegerField, PasswordField, SelectMultipleField, StringField
from wtforms.validators import DataRequired, Length, NumberRange, Optional

from oms.catalog.models import Shop
from oms.db import Tx, db
from oms.errors import OmsError
from oms.inventory.models import Warehouse
from oms.staff.models import LoginFailure, StaffSecondFactor, StaffSession
from oms.usecases import logins, second_factor
from oms.usecases.staff import SetLimits, limits_of, set_limits
from views import nav, people
from views.base import OmsFormView, OmsView, page, pin_problems, unit
from views.filters import role_name


class LoginFields(FlaskForm):
    """What a new login needs."""

    username = StringField(lazy_gettext("User name"), validators=[DataRequired(), Length(max=64)])
    first_name = StringField(lazy_gettext("First name"), validators=[DataRequired(), Length(max=64)])
    last_name = StringField(lazy_gettext("Last name"), validators=[Length(max=64)])
    email = StringField(lazy_gettext("E-mail"), validators=[Length(max=200)])
    roles = SelectMultipleField(lazy_gettext("Roles"), validators=[DataRequired()])
    password = PasswordField(lazy_gettext("First password"), validators=[DataRequired(), Length(max=200)])

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.roles.choices = role_choices()


class LimitFields(FlaskForm):
    """Roles and limits of a login."""

    roles = SelectMultipleField(lazy_gettext("Roles"))
    warehouses = SelectMultipleField(
        lazy_gettext("Warehouses"), coerce=int, description=lazy_gettext("None ticked: all of them")
    )
    shops = SelectMultipleField(lazy_gettext("Shops"), coerce=int, description=lazy_gettext("None ticked: all of them"))
    discount_limit = IntegerField(
        lazy_gettext("Discount this person may give alone, in percent"),
        validators=[Optional(), NumberRange(0, 100)],
        description=lazy_gettext("Empty: as the role says"),
    )
    own_orders_only = BooleanField(lazy_gettext("Sees only the orders assigned to them"))

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.roles.choices = role_choices()
        self.warehouses.choices = [
            (w.id, str(w)) for w in db.session.scalars(select(Warehouse).order_by(Warehouse.code))
        ]
        self.shops.choices = [(s.id, str(s)) for s in db.session.scalars(select(Shop).order_by(Shop.code))]


def role_choices() -> list[tuple[str, str]]:
    """Every role, seeded ones in the reader's language."""
    names = db.session.scalars(select(people.ROLES.c.name).order_by(people.ROLES.c.id))
    return [(name, role_name(name)) for name in names]


class AddStaffView(OmsFormView):
    """A new login."""

    route_base = "/staff/add"
    requires = "staff.edit"
    form = LoginFields
    form_title = lazy_gettext("Add a person")
    form_intro = lazy_gettext("Give the first password by voice or on paper; the person changes it under “My account”.")
    form_columns: ClassVar[list[str]] = ["username", "first_name", "last_name", "email", "roles", "password"]

    def submit(self, form: Any) -> Response:
        """Add the login."""
        new = people.NewLogin(
            form.username.data, form.password.data, form.first_name.data, form.last_name.data or "",
            form.email.data or "", tuple(form.roles.data),
        )  # fmt: skip
        with unit() as tx:
            user_id = people.add_login(tx, new)
        flash(gettext("%(name)s can log in now", name=new.username), "success")
        return redirect(url_for("StaffView.person", user_id=user_id))


class StaffView(OmsView):
    """Everybody who may log in."""

    route_base = "/staff"
    default_view = "everybody"
    requires = "staff.edit"

    @page("/")
    def everybody(self) -> str:
        """The list."""
        live = (
            select(StaffSession.user_id, func.max(StaffSession.seen_at).label("seen"))
            .group_by(StaffSession.user_id)
            .subquery()
        )
        users = people.USERS.c
        statement = (
            select(users.id, users.username, users.first_name, users.last_name, users.active, live.c.seen,
                   StaffSecondFactor.confirmed_at)
            .outerjoin(live, live.c.user_id == users.id)
            .outerjoin(StaffSecondFactor, StaffSecondFactor.user_id == users.id)
            .order_by(users.active.desc(), users.username)
            .limit(500)
        )  # fmt: skip
        rows = db.session.execute(statement).all()
        roles: dict[int, list[str]] = {}
        for user_id, name in db.session.execute(people.role_pairs()):
            roles.setdefault(user_id, []).append(role_name(name))
        return self.show_page("staff_list.html", title=gettext("Staff"), rows=rows, roles=roles)

    @page("/<int:user_id>", methods=("GET", "POST"))
    def person(self, user_id: int) -> Response | str:
        """One person: roles and limits, sessions, two-step login, password."""
        with unit() as tx:
            facts = _facts(tx, user_id)
        limits = facts["limits"]
        form = LimitFields(
            data={
                "roles": facts["roles"], "warehouses": sorted(limits.warehouses), "shops": sorted(limits.shops),
                "discount_limit": limits.discount_limit, "own_orders_only": limits.own_orders_only,
            }
        )  # fmt: skip
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    _save(tx, facts["row"], form)
            except OmsError as exc:
                pin_problems(form, exc)
            else:
                flash(gettext("Saved"), "success")
                return redirect(url_for("StaffView.person", user_id=user_id))
        version = request.form.get("version", limits.version)
        return self.show_page("staff_person.html", title=facts["row"].username, form=form, version=version, **facts)

    def _back(self, user_id: int, text: str) -> Response:
        flash(text, "success")
        return redirect(url_for("StaffView.person", user_id=user_id))

    @page("/<int:user_id>/password", methods=("POST",))
    def password(self, user_id: int) -> Response:
        """A new password; the person is logged out everywhere."""
        with unit() as tx:
            people.set_password(tx, user_id, request.form.get("password", ""))
        return self._back(user_id, gettext("The password is changed"))

    @page("/<int:user_id>/active", methods=("POST",))
    def active(self, user_id: int) -> Response:
        """Close or open the login."""
        wanted = request.form.get("active") == "1"
        with unit() as tx:
            people.set_active(tx, user_id, active=wanted)
        return self._back(user_id, gettext("The login is open") if wanted else gettext("The login is closed"))

    @page("/<int:user_id>/unlock", methods=("POST",))
    def unlock(self, user_id: int) -> Response:
        """Let a locked name in again."""
        with unit() as tx:
            logins.unlock(tx, people.get_login(tx, user_id).username, user_id)
        return self._back(user_id, gettext("The name is unlocked"))

    @page("/<int:user_id>/two-step/off", methods=("POST",))
    def two_step_off(self, user_id: int) -> Response:
        """Reset the second factor of who lost the phone."""
        with unit() as tx:
            second_factor.switch_off(tx, user_id, people.get_login(tx, user_id).username)
        return self._back(user_id, gettext("Two-step login is off"))

    @page("/<int:user_id>/sessions/<int:session_id>/end", methods=("POST",))
    def end_session(self, user_id: int, session_id: int) -> Response:
        """End one session."""
        with unit() as tx:
            logins.end_session(tx, session_id, people.get_login(tx, user_id).username, "ended by the owner")
        return self._back(user_id, gettext("The session is ended"))


def _facts(tx: Tx, user_id: int) -> dict[str, Any]:
    row = people.get_login(tx, user_id)
    factor = second_factor.find(tx, user_id)
    failure = tx.session.get(LoginFailure, row.username.lower())
    return {
        "row": row,
        "roles": list(people.roles_of(tx, user_id)),
        "limits": limits_of(tx, user_id),
        "sessions": logins.list_sessions(tx, user_id),
        "two_step": factor is not None and factor.confirmed_at is not None,
        "locked_until": failure.locked_until if failure else None,
    }


def _save(tx: Tx, row: Any, form: LimitFields) -> None:
    raw = request.form.get("version", "")
    people.set_roles(tx, row.id, form.roles.data or [])
    set_limits(
        tx,
        SetLimits(
            row.id, row.username, frozenset(form.warehouses.data or ()), frozenset(form.shops.data or ()),
            form.discount_limit.data, own_orders_only=bool(form.own_orders_only.data),
            version=int(raw) if raw.isdigit() else None,
        ),
    )  # fmt: skip


VIEWS = (AddStaffView, StaffView)
NAV = (nav.Item("setup", "Staff", "StaffView.everybody", "staff.edit", icon="people", order=80),)
