"""The logins in Flask-AppBuilder's tables, written in our transactions: who exists, with which roles and password."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask_appbuilder.security.sqla.models import (
    Permission,
    PermissionView,
    Role,
    User,
    ViewMenu,
    assoc_permissionview_role,
    assoc_user_role,
)
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from werkzeug.security import check_password_hash, generate_password_hash

from oms import audit, clock
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, Say, say
from oms.permissions import ACTIONS
from oms.thai import text
from oms.usecases import logins
from views.access import PANEL
from views.passwords import problem_with

USERS, ROLES = User.__table__, Role.__table__
OWNER = "owner"


@dataclass(frozen=True)
class NewLogin:
    """A person to let in."""

    username: str
    password: str
    first_name: str
    last_name: str = ""
    email: str = ""
    roles: tuple[str, ...] = ()


def _named_roles(tx: Tx, names: Iterable[str]) -> dict[str, int]:
    wanted = set(names)
    found = {
        name: pk for pk, name in tx.session.execute(select(ROLES.c.id, ROLES.c.name).where(ROLES.c.name.in_(wanted)))
    }
    if missing := sorted(wanted - set(found)):
        raise InvalidInput(
            say("The role {role} does not exist; run oms init first", role=missing[0]),
            field="roles",
            code="role_missing",
        )
    return found


def _check_password(password: str) -> None:
    if problem := problem_with(password):
        raise InvalidInput(Say(problem), field="password", code="password_weak")


def _free(tx: Tx, column: Any, value: str, sentence: Say, field: str, but: int = 0) -> None:
    taken = select(USERS.c.id).where(func.lower(column) == value.lower(), USERS.c.id != but)
    if tx.session.scalar(taken) is not None:
        raise InvalidInput(sentence, field=field, code=f"{field}_taken")


def get_login(tx: Tx, user_id: int) -> Any:
    """One login's row. Raises NotFound."""
    row = tx.session.execute(select(USERS).where(USERS.c.id == user_id)).one_or_none()
    if row is None:
        raise NotFound(say("There is no such login"))
    return row


def roles_of(tx: Tx, user_id: int) -> tuple[str, ...]:
    """The names of a login's roles."""
    statement = select(ROLES.c.name).join(assoc_user_role, assoc_user_role.c.role_id == ROLES.c.id)
    return tuple(tx.session.scalars(statement.where(assoc_user_role.c.user_id == user_id).order_by(ROLES.c.name)))


def add_login(tx: Tx, new: NewLogin, *, trusted_password: bool = False) -> int:
    """Let a person in. ``trusted_password`` is for what the program itself chose."""
    tx.actor.require("staff.edit")
    name = new.username.strip()
    if not name:
        raise InvalidInput(say("A login needs a name"), field="username", code="username_missing")
    if not trusted_password:
        _check_password(new.password)
    _free(tx, USERS.c.username, name, say("There is a login with this name already"), "username")
    email = new.email.strip() or f"{name}@ruam.invalid"
    _free(tx, USERS.c.email, email, say("There is a login with this e-mail already"), "email")
    roles = _named_roles(tx, new.roles)
    _only_owners_make_owners(tx, new.roles)
    at = clock.now().replace(tzinfo=None)  # the library's columns have no zone
    user_id = tx.session.scalar(
        insert(USERS)
        .values(
            username=name, first_name=new.first_name, last_name=new.last_name, email=email, active=True,
            password=generate_password_hash(new.password), created_on=at, changed_on=at, login_count=0,
            fail_login_count=0,
        )
        .returning(USERS.c.id)
    )  # fmt: skip
    assert user_id is not None
    if roles:
        tx.session.execute(insert(assoc_user_role), [{"user_id": user_id, "role_id": r} for r in roles.values()])
    audit.record(tx, "staff.added", "staff", user_id, name, after={"roles": sorted(roles)})
    return int(user_id)


def _only_owners_make_owners(tx: Tx, roles: Iterable[str]) -> None:
    if OWNER in roles and tx.actor.kind != "system" and OWNER not in tx.actor.role.split(", "):
        raise Refused(say("Only an owner can make somebody an owner"), code="owner_only")


def set_password(tx: Tx, user_id: int, password: str, *, keep_session: int | None = None) -> None:
    """A new password, one's own or another's; every other session of the login ends."""
    if user_id != tx.actor.user_id:
        tx.actor.require("staff.edit")
    row = get_login(tx, user_id)
    _only_owners_make_owners(tx, roles_of(tx, user_id))
    _check_password(password)
    tx.session.execute(USERS.update().where(USERS.c.id == user_id).values(password=generate_password_hash(password)))
    audit.record(tx, "staff.password_changed", "staff", user_id, row.username)
    logins.end_all_sessions(tx, user_id, row.username, "password changed", keep=keep_session)


def change_own_password(tx: Tx, current: str, password: str, session_id: int) -> None:
    """One's own new password, after the present one."""
    assert tx.actor.user_id is not None
    if not password_is(tx, tx.actor.user_id, current):
        raise InvalidInput(say("This is not your present password"), field="current", code="password_wrong")
    set_password(tx, tx.actor.user_id, password, keep_session=session_id)


def password_is(tx: Tx, user_id: int, password: str) -> bool:
    """Whether this is the password of the login."""
    return check_password_hash(get_login(tx, user_id).password or "", password)


def rename(tx: Tx, user_id: int, first_name: str, last_name: str = "", email: str = "") -> None:
    """Change how a person is called and written to."""
    tx.actor.require("staff.edit")
    row = get_login(tx, user_id)
    first = text.clean(first_name)[:64]
    if not first:
        raise InvalidInput(say("Enter a name"), field="first_name", code="name_missing")
    fields = {"first_name": first, "last_name": text.clean(last_name)[:64], "email": email.strip()[:200] or row.email}
    _free(tx, USERS.c.email, fields["email"], say("There is a login with this e-mail already"), "email", user_id)
    before, after = audit.changes({key: getattr(row, key) for key in fields}, fields)
    if after:
        tx.session.execute(USERS.update().where(USERS.c.id == user_id).values(**after))
        audit.record(tx, "staff.edited", "staff", user_id, row.username, before=before, after=after)


def set_roles(tx: Tx, user_id: int, names: Iterable[str]) -> None:
    """Give a login exactly these roles. The last owner keeps the role."""
    tx.actor.require("staff.edit")
    row, before, roles = get_login(tx, user_id), roles_of(tx, user_id), _named_roles(tx, names)
    if set(before) == set(roles):
        return
    _only_owners_make_owners(tx, set(before) ^ set(roles))
    for name in set(roles) - set(before):
        _only_what_one_has(tx, actions_of(tx, roles[name]))
    if OWNER in before and OWNER not in roles:
        _keep_an_owner(tx, user_id)
    tx.session.execute(delete(assoc_user_role).where(assoc_user_role.c.user_id == user_id))
    if roles:
        tx.session.execute(insert(assoc_user_role), [{"user_id": user_id, "role_id": r} for r in roles.values()])
    changes = {"before": {"roles": sorted(before)}, "after": {"roles": sorted(roles)}}
    audit.record(tx, "staff.roles_changed", "staff", user_id, row.username, **changes)


def _only_what_one_has(tx: Tx, actions: Iterable[str]) -> None:
    """Nobody hands out a permission they have not got themselves."""
    missing = sorted(a for a in actions if not tx.actor.may(a))
    if missing:
        raise Refused(
            say("You cannot give what you may not do yourself ({action})", action=say(ACTIONS[missing[0]])),
            field="roles",
            code="beyond_own",
        )


def _keep_an_owner(tx: Tx, user_id: int) -> None:
    others = (
        select(USERS.c.id)
        .join(assoc_user_role, assoc_user_role.c.user_id == USERS.c.id)
        .join(ROLES, ROLES.c.id == assoc_user_role.c.role_id)
        .where(ROLES.c.name == OWNER, USERS.c.active.is_(True), USERS.c.id != user_id)
    )
    if tx.session.scalar(others.limit(1)) is None:
        raise Refused(say("There must be at least one active owner"), code="last_owner")


def set_active(tx: Tx, user_id: int, *, active: bool) -> None:
    """Let a login in again, or keep it out; out ends its sessions at once."""
    tx.actor.require("staff.edit")
    row = get_login(tx, user_id)
    if bool(row.active) == active:
        return
    if OWNER in roles_of(tx, user_id):
        _only_owners_make_owners(tx, (OWNER,))
        if not active:
            _keep_an_owner(tx, user_id)
    tx.session.execute(USERS.update().where(USERS.c.id == user_id).values(active=active))
    audit.record(tx, "staff.let_in" if active else "staff.kept_out", "staff", user_id, row.username)
    if not active:
        logins.end_all_sessions(tx, user_id, row.username, "login closed")


def _pairs(tx: Tx) -> dict[str, int]:
    """Named actions by the id of their pair in the library's tables."""
    statement = (
        select(PermissionView.id, Permission.name)
        .join(Permission, Permission.id == PermissionView.permission_id)
        .join(ViewMenu, ViewMenu.id == PermissionView.view_menu_id)
        .where(ViewMenu.name == PANEL)
    )
    return {name: pk for pk, name in tx.session.execute(statement)}


def actions_of(tx: Tx, role_id: int) -> frozenset[str]:
    """The named actions a role has."""
    pairs = {pk: name for name, pk in _pairs(tx).items()}
    link = assoc_permissionview_role.c
    held = tx.session.scalars(select(link.permission_view_id).where(link.role_id == role_id))
    return frozenset(pairs[pk] for pk in held if pk in pairs)


def set_actions(tx: Tx, role_id: int, actions: Iterable[str]) -> None:
    """Give a role exactly these actions. The owner's role always has all of them."""
    tx.actor.require("staff.edit")
    role = tx.session.execute(select(ROLES).where(ROLES.c.id == role_id)).one_or_none()
    if role is None:
        raise NotFound(say("There is no such role"))
    if role.name == OWNER:
        raise Refused(say("The owner's role always has every permission"), code="owner_role")
    wanted, before, pairs = set(actions) & set(ACTIONS), actions_of(tx, role_id), _pairs(tx)
    _only_what_one_has(tx, wanted - before)
    link = assoc_permissionview_role
    gone = [pairs[a] for a in before - wanted]
    tx.session.execute(delete(link).where(link.c.role_id == role_id, link.c.permission_view_id.in_(gone)))
    new = [{"permission_view_id": pairs[a], "role_id": role_id} for a in sorted(wanted - before)]
    if new:
        tx.session.execute(insert(link).on_conflict_do_nothing(), new)
    if wanted != before:
        changes = {"given": sorted(wanted - before), "taken": sorted(before - wanted)}
        audit.record(tx, "role.changed", "role", role_id, role.name, after=changes)


def add_role(tx: Tx, name: str, actions: Iterable[str] = ()) -> int:
    """A role of the shop's own."""
    tx.actor.require("staff.edit")
    clean = name.strip()[:64]
    if not clean:
        raise InvalidInput(say("A role needs a name"), field="name", code="role_name")
    if tx.session.scalar(select(ROLES.c.id).where(func.lower(ROLES.c.name) == clean.lower())) is not None:
        raise InvalidInput(say("There is a role with this name already"), field="name", code="role_taken")
    role_id = int(tx.session.scalar(insert(ROLES).values(name=clean).returning(ROLES.c.id)) or 0)
    audit.record(tx, "role.added", "role", role_id, clean)
    set_actions(tx, role_id, actions)
    return role_id
