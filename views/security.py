"""The panel's security manager, and what ``oms init`` writes: named actions, seeded roles, first logins.

A screen opens by the named action it declares (``requires``), the same action its verbs ask for; Flask-AppBuilder's
roles hold those actions under the one view menu ``Ruam``. See docs/adr/0020.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app
from flask_appbuilder import Model as PanelModel
from flask_appbuilder.security.sqla.manager import SecurityManager
from flask_appbuilder.security.sqla.models import (
    Permission,
    PermissionView,
    Role,
    User,
    ViewMenu,
    assoc_permissionview_role,
)
from sqlalchemy import Table, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

from oms import audit
from oms.actor import system
from oms.db import Tx, db, transaction
from oms.permissions import ACTIONS, ROLES
from views import access, people
from views.account import AccountView
from views.auth import LoginView

OWNER = people.OWNER


class PanelSecurity(SecurityManager):
    """Flask-AppBuilder's logins under our rules: live sessions in the database, screens opened by named actions."""

    authdbview = LoginView

    def create_db(self) -> None:
        """Nothing: tables and rows are made by ``oms init``, before anything serves."""

    def create_jwt_manager(self, app: Flask) -> None:
        """No tokens: the panel has one way in."""

    def register_views(self) -> None:
        """The login and the account, and none of the library's own screens."""
        self.auth_view = self.appbuilder.add_view_no_menu(LoginView())
        self.user_view = self.appbuilder.add_view_no_menu(AccountView())
        self.limiter.limit(self.auth_rate_limit, methods=["POST"])(self.auth_view.blueprint)

    def load_user(self, pk: int | str) -> access.Staff | None:
        """The login whose session is live."""
        return access.load_staff(int(pk))

    def has_access(self, permission_name: str, view_name: str) -> bool:
        """Whether the person of this request may use this part of a screen."""
        view = _screens().get(view_name)
        required = None if view is None else view.required_action(permission_name)
        return required is not None and any(access.may(action) for action in (required, *view.also_open_to))

    def is_item_public(self, permission_name: str, view_name: str) -> bool:  # noqa: ARG002
        """Nothing is public by permission."""
        return False


def _screens() -> dict[str, Any]:
    """Every registered screen by its permission name, gathered once per app."""
    known = current_app.extensions.setdefault("oms.screens", {})
    views = current_app.appbuilder.baseviews
    if len(known) != len(views):
        known.update({v.class_permission_name: v for v in views if hasattr(v, "required_action")})
    return known


@dataclass(frozen=True)
class Synced:
    """What ``sync`` added; all empty the second time."""

    actions: tuple[str, ...]
    roles: tuple[str, ...]


def _rows(tx: Tx, table: Any, names: Iterable[str]) -> dict[str, int]:
    """Ids by name, adding what is missing."""
    columns = table.__table__.c
    if missing := [{"name": n} for n in names]:
        tx.session.execute(insert(table.__table__).on_conflict_do_nothing(index_elements=[columns.name]), missing)
    return {name: pk for pk, name in tx.session.execute(select(columns.id, columns.name))}


def _link(tx: Tx, table: Table, rows: list[dict[str, int]]) -> None:
    if rows:
        tx.session.execute(insert(table).on_conflict_do_nothing(), rows)


def sync(app: Flask) -> Synced:
    """Bring named actions and seeded roles into the panel's tables. Repeating changes nothing.

    An action that is new here goes to the seeded roles that have it by design; one that was here before stays with
    exactly the roles an owner left it with. A role that is new here gets its whole set.
    """
    with app.app_context():
        PanelModel.metadata.create_all(db.engine)
        with transaction(system("init", source="cli")) as tx:
            return sync_in(tx)


def sync_in(tx: Tx) -> Synced:
    """``sync`` inside the caller's transaction."""
    known_roles = set(tx.session.scalars(select(Role.name)))
    menu = _rows(tx, ViewMenu, [access.PANEL])[access.PANEL]
    names = _rows(tx, Permission, ACTIONS)
    pairs = PermissionView.__table__.c
    before = set(tx.session.scalars(select(pairs.permission_id).where(pairs.view_menu_id == menu)))
    new = [action for action in ACTIONS if names[action] not in before]
    _link(tx, PermissionView.__table__, [{"permission_id": names[a], "view_menu_id": menu} for a in new])
    pair_of = {
        pk: pair
        for pair, pk in tx.session.execute(select(pairs.id, pairs.permission_id).where(pairs.view_menu_id == menu))
    }
    roles = _rows(tx, Role, [role.name for role in ROLES])
    for role in ROLES:
        given = [a for a in ACTIONS if a in role.actions and (a in new or role.name not in known_roles)]
        rows = [{"permission_view_id": pair_of[names[a]], "role_id": roles[role.name]} for a in given]
        _link(tx, assoc_permissionview_role, rows)
    added = tuple(role.name for role in ROLES if role.name not in known_roles)
    if new or added:
        audit.record(tx, "permissions.synced", "role", None, "", after={"actions": new, "roles": added})
    return Synced(tuple(new), added)


def has_logins(session: Session) -> bool:
    """Whether anybody can log in yet."""
    return session.scalar(select(User.id).limit(1)) is not None


def make_owner(app: Flask, password: str | None = None) -> str | None:
    """The first login, ``owner``, when there is none at all; returns its password, or None when logins exist."""
    with app.app_context(), transaction(system("init", source="cli")) as tx:
        if has_logins(tx.session):
            return None
        chosen = password or secrets.token_urlsafe(12)
        people.add_login(tx, people.NewLogin(OWNER, chosen, "Owner", roles=(OWNER,)), trusted_password=True)
        return chosen


DEMO_NAMES = {
    "owner": "คุณรวม", "manager": "นภา", "sales": "แนน", "cashier": "ก้อย", "warehouse": "ต้น", "accountant": "ศรี",
    "viewer": "พิม",
}  # fmt: skip


def logins(app: Flask) -> dict[str, tuple[int, str]]:
    """(id, shown name) of every login, by user name."""
    with app.app_context(), transaction(system("init", source="cli")) as tx:
        rows = tx.session.execute(select(User.username, User.id, User.first_name, User.last_name))
        return {row[0]: (row[1], f"{row[2]} {row[3]}".strip() or row[0]) for row in rows}


def make_demo_users(app: Flask, password: str) -> list[str]:
    """One login per seeded role, named after it; those that exist keep their login but get this password."""
    with app.app_context(), transaction(system("init", source="cli")) as tx:
        there = {name: pk for pk, name in tx.session.execute(select(User.id, User.username))}
        digest = generate_password_hash(password)
        for role in ROLES:
            if role.name in there:
                users = User.__table__
                tx.session.execute(users.update().where(users.c.id == there[role.name]).values(password=digest))
            else:
                new = people.NewLogin(role.name, password, DEMO_NAMES[role.name], roles=(role.name,))
                people.add_login(tx, new, trusted_password=True)
    return [role.name for role in ROLES]
