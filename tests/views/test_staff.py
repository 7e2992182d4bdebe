"""Staff and roles: who may let whom do what."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from oms.actor import Actor, system
from oms.audit import AuditLog
from oms.db import db, transaction
from oms.errors import Refused
from oms.permissions import ACTIONS, ROLES
from tests.views.browser import Browser, add_person, entered
from views import people, security


def role_id(name: str) -> int:
    return db.session.scalar(select(people.ROLES.c.id).where(people.ROLES.c.name == name))


def audited(action: str) -> list[AuditLog]:
    return list(db.session.scalars(select(AuditLog).where(AuditLog.action == action)))


def test_who_keeps_staff_without_being_owner_can_neither_make_nor_take_over_an_owner(web: Flask):
    owner_id, sales_id = add_person("owner"), add_person("sales")
    keeper = Actor("user", "keeper", user_id=99, role="keeper", actions=frozenset({"staff.edit"}))
    for attempt in (
        lambda tx: people.set_roles(tx, sales_id, ["owner"]),
        lambda tx: people.set_password(tx, owner_id, "stolen green mango"),
        lambda tx: people.set_active(tx, owner_id, active=False),
        lambda tx: people.add_login(tx, people.NewLogin("x", "stolen green mango", "x", roles=("owner",))),
    ):
        with pytest.raises(Refused, match="Only an owner"), transaction(keeper) as tx:
            attempt(tx)
    assert Browser(web).login("owner").status_code == 302


def test_the_last_owner_stays_owner_and_open(web: Flask):
    owner_id = add_person("owner")
    for attempt in (
        lambda tx: people.set_roles(tx, owner_id, ["viewer"]),
        lambda tx: people.set_active(tx, owner_id, active=False),
    ):
        with pytest.raises(Refused, match="at least one active owner"), transaction(system("test")) as tx:
            attempt(tx)
    with transaction(system("test")) as tx:
        assert people.roles_of(tx, owner_id) == ("owner",)


def test_a_role_is_changed_and_counts_at_the_next_click(web: Flask):
    viewer = entered(web, "viewer")
    assert viewer.get("/staff/list/").status_code == 403
    with transaction(system("test")) as tx:
        people.set_actions(tx, role_id("viewer"), ["staff.edit"])
    assert viewer.get("/staff/list/").status_code == 200
    with transaction(system("test")) as tx:
        people.set_actions(tx, role_id("viewer"), [])
    assert viewer.get("/staff/list/").status_code == 403
    assert audited("role.changed")[0].after["given"] == ["staff.edit"]


def test_the_owners_role_cannot_be_changed(web: Flask):
    with pytest.raises(Refused, match="always has every permission"), transaction(system("test")) as tx:
        people.set_actions(tx, role_id("owner"), [])
    with transaction(system("test")) as tx:
        assert people.actions_of(tx, role_id("owner")) == frozenset(ACTIONS)


def test_syncing_again_changes_nothing_and_keeps_what_an_owner_took_away(web: Flask):
    with transaction(system("test")) as tx:
        people.set_actions(tx, role_id("sales"), ["order.view"])
        again = security.sync_in(tx)
        assert (again.actions, again.roles) == ((), ())
        assert people.actions_of(tx, role_id("sales")) == {"order.view"}


def test_a_new_action_goes_to_the_roles_that_have_it_by_design(web: Flask):
    with transaction(system("test")) as tx:
        people.set_actions(tx, role_id("sales"), ["order.view"])
        pair = people._pairs(tx)["order.confirm"]
        tx.session.execute(
            people.assoc_permissionview_role.delete().where(
                people.assoc_permissionview_role.c.permission_view_id == pair
            )
        )
        table = people.PermissionView.__table__
        tx.session.execute(table.delete().where(table.c.id == pair))
        assert security.sync_in(tx).actions == ("order.confirm",)
        assert people.actions_of(tx, role_id("sales")) == {"order.view", "order.confirm"}
        assert "order.confirm" not in people.actions_of(tx, role_id("viewer"))
    assert db.session.scalar(select(func.count()).where(AuditLog.action == "permissions.synced")) >= 1


def test_seeded_roles_have_what_they_have_by_design(web: Flask):
    with transaction(system("test")) as tx:
        for role in ROLES:
            assert people.actions_of(tx, role_id(role.name)) == role.actions
