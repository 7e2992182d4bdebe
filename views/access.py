"""Who is looking: the logged-in person, what they may do, and the actor a verb gets. Two queries per request."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import g, has_request_context, request, session
from flask_appbuilder.security.sqla.models import (
    Group,
    Permission,
    PermissionView,
    Role,
    User,
    ViewMenu,
    assoc_group_role,
    assoc_permissionview_role,
    assoc_user_group,
    assoc_user_role,
)
from flask_login import UserMixin, current_user
from sqlalchemy import String, cast, literal, select, union_all

from oms import clock
from oms.actor import Actor
from oms.db import db
from oms.permissions import ROLES
from oms.staff.models import StaffProfile, StaffScope, StaffSession
from oms.usecases.logins import live_clause, token_hash

PANEL = "Ruam"  # the view menu under which Flask-AppBuilder keeps our named actions
SESSION_TOKEN = "sid"  # noqa: S105  a key of the cookie, no secret
_LIMITS = {role.name: role.discount_limit for role in ROLES}


@dataclass(frozen=True)
class Grants:
    """What a login was given: roles, named actions, and the rows it is limited to."""

    roles: tuple[str, ...] = ()
    actions: frozenset[str] = frozenset()
    warehouses: frozenset[int] | None = None
    shops: frozenset[int] | None = None


@dataclass(frozen=True)
class Staff(UserMixin):
    """The person of this request, as plain values that outlive a rollback."""

    id: int
    username: str
    first_name: str
    last_name: str
    session_id: int
    seen_at: object
    language: str | None = None
    discount_limit: int | None = None
    own_orders_only: bool = False
    grants: Grants = field(default_factory=Grants)

    def get_full_name(self) -> str:
        """The name others see."""
        return f"{self.first_name} {self.last_name}".strip() or self.username

    @property
    def role(self) -> str:
        """The roles as one word for the audit log."""
        return ", ".join(self.grants.roles)


def load_staff(user_id: int) -> Staff | None:
    """The active login whose session in the cookie is still live, or None."""
    token = session.get(SESSION_TOKEN, "")
    if not token:
        return None
    row = db.session.execute(
        select(
            User.id, User.username, User.first_name, User.last_name, StaffSession.id.label("session_id"),
            StaffSession.seen_at, StaffProfile.language, StaffProfile.discount_limit, StaffProfile.own_orders_only,
        )
        .join(StaffSession, StaffSession.user_id == User.id)
        .outerjoin(StaffProfile, StaffProfile.user_id == User.id)
        .where(
            User.id == user_id,
            User.active.is_(True),
            StaffSession.token_hash == token_hash(token),
            *live_clause(clock.now()),
        )
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    return Staff(**(row._asdict() | {"own_orders_only": bool(row.own_orders_only)}), grants=load_grants(user_id))


def load_grants(user_id: int) -> Grants:
    """Roles (direct or by group), actions and scopes of a login, in one statement."""
    mine = (
        select(assoc_user_role.c.role_id)
        .where(assoc_user_role.c.user_id == user_id)
        .union(
            select(assoc_group_role.c.role_id)
            .join(Group, Group.id == assoc_group_role.c.group_id)
            .join(assoc_user_group, assoc_user_group.c.group_id == Group.id)
            .where(assoc_user_group.c.user_id == user_id)
        )
        .cte("mine")
    )
    roles = select(literal("role"), Role.name).join(mine, mine.c.role_id == Role.id)
    actions = (
        select(literal("action"), Permission.name)
        .join(PermissionView, PermissionView.permission_id == Permission.id)
        .join(ViewMenu, ViewMenu.id == PermissionView.view_menu_id)
        .join(assoc_permissionview_role, assoc_permissionview_role.c.permission_view_id == PermissionView.id)
        .join(mine, mine.c.role_id == assoc_permissionview_role.c.role_id)
        .where(ViewMenu.name == PANEL)
    )
    scopes = select(StaffScope.kind, cast(StaffScope.ref_id, String)).where(StaffScope.user_id == user_id)
    found: dict[str, list[str]] = {"role": [], "action": [], "warehouse": [], "shop": []}
    for kind, value in db.session.execute(union_all(roles, actions, scopes)):
        found[kind].append(value)
    return Grants(
        tuple(sorted(found["role"])),
        frozenset(found["action"]),
        frozenset(map(int, found["warehouse"])) or None,
        frozenset(map(int, found["shop"])) or None,
    )


def actor_of(staff: Staff, *, source: str = "screen") -> Actor:
    """The actor a verb gets for a logged-in person."""
    limits = [_LIMITS.get(role, 0) for role in staff.grants.roles]
    return Actor(
        kind="user",
        label=staff.get_full_name(),
        user_id=staff.id,
        role=staff.role[:64],
        actions=staff.grants.actions,
        warehouses=staff.grants.warehouses,
        shops=staff.grants.shops,
        own_orders_only=staff.own_orders_only,
        source=source,
        request_id=request_id(),
        ip=request.remote_addr or "" if has_request_context() else "",
        discount_limit=max(limits, default=0) if staff.discount_limit is None else staff.discount_limit,
    )


def request_id() -> str:
    """The id of this request, as in the logs and the answer's header."""
    return str(g.get("request_id", "")) if has_request_context() else ""


def stranger(label: str = "anonymous") -> Actor:
    """Somebody who has not logged in: may do nothing, but leaves a trace."""
    ip = (request.remote_addr or "") if has_request_context() else ""
    return Actor("anonymous", label[:120], request_id=request_id(), ip=ip)


def current_staff() -> Staff | None:
    """The logged-in person, or None."""
    if not has_request_context() or not current_user.is_authenticated:
        return None
    return current_user._get_current_object()  # noqa: SLF001  how a proxy is asked


def current_actor() -> Actor:
    """The actor of this request, built once."""
    if "oms_actor" not in g:
        staff = current_staff()
        g.oms_actor = stranger() if staff is None else actor_of(staff)
    return g.oms_actor


def may(action: str) -> bool:
    """Whether the person of this request may do the named action; the empty name asks only for a login."""
    return current_staff() is not None and (action == "" or current_actor().may(action))
