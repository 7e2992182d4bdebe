"""Staff and roles: who may let whom do what."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import func, select

from oms.actor import system
from oms.audit import AuditLog
from oms.db import db, transaction
from oms.permissions import ACTIONS, ROLES
from oms.usecases.staff import limits_of
from tests.views.browser import Browser, add_person, entered
from views import people, security


def role_id(name: str) -> int:
    return db.session.scalar(select(people.ROLES.c.id).where(people.ROLES.c.name == name))


def audited(action: str) -> list[AuditLog]:
    return list(db.session.scalars(select(AuditLog).where(AuditLog.action == action)))


def test_the_owner_adds_a_person_who_then_gets_in(web: Flask):
    browser = entered(web, "owner")
    fields = {"username": "mali", "first_name": "มะลิ", "roles": "sales", "password": "river green mango"}
    answer = browser.post("/staff/add/form", fields)
    assert answer.status_code == 302
    assert "มะลิ" in browser.get(answer.location).text
    assert Browser(web).login("mali", "river green mango").status_code == 302


def test_a_second_login_of_the_same_name_is_refused_on_its_field(web: Flask):
    browser = entered(web, "owner")
    add_person("sales")
    fields = {"username": "Sales", "first_name": "x", "roles": "sales", "password": "river green mango"}
    answer = browser.post("/staff/add/form", fields)
    assert "There is a login with this name already" in answer.text
    assert 'value="Sales"' in answer.text


def test_limits_are_saved_once_and_a_stale_form_is_refused(web: Flask):
    browser = entered(web, "owner")
    user_id = add_person("sales")
    page = f"/staff/{user_id}"
    fields = {"roles": ["sales", "cashier"], "discount_limit": "5", "own_orders_only": "y", "version": "0"}
    assert browser.post(page, fields).status_code == 302
    with transaction(system("test")) as tx:
        limits = limits_of(tx, user_id)
        assert (limits.discount_limit, limits.own_orders_only, limits.version) == (5, True, 1)
        assert people.roles_of(tx, user_id) == ("cashier", "sales")
    answer = browser.post(page, fields | {"discount_limit": "50"})
    assert "Someone else changed this record" in answer.text
    with transaction(system("test")) as tx:
        assert limits_of(tx, user_id).discount_limit == 5
    assert len(audited("staff.limits_changed")) == 1


def test_the_last_owner_stays_owner_and_open(web: Flask):
    browser = entered(web, "owner")
    user_id = db.session.scalar(select(people.USERS.c.id).where(people.USERS.c.username == "owner"))
    page = f"/staff/{user_id}"
    assert "at least one active owner" in browser.post(page, {"roles": ["viewer"], "version": "0"}).text
    browser.post(f"{page}/active", {"active": "0"}, form_on=page)
    assert browser.logged_in()
    with transaction(system("test")) as tx:
        assert people.roles_of(tx, user_id) == ("owner",)


def test_who_keeps_staff_without_being_owner_cannot_make_an_owner(web: Flask):
    with transaction(system("test")) as tx:
        people.add_role(tx, "keeper", ["staff.edit"])
    victim = add_person("owner")
    browser = entered(web, "keeper")
    user_id = add_person("sales")
    answer = browser.post(f"/staff/{user_id}", {"roles": ["owner"], "version": "0"})
    assert "Only an owner can make somebody an owner" in answer.text
    browser.post(f"/staff/{victim}/password", {"password": "stolen green mango"}, form_on=f"/staff/{victim}")
    assert Browser(web).login("owner", "stolen green mango").status_code == 401


def test_a_role_is_changed_and_counts_at_the_next_click(web: Flask):
    owner, viewer = entered(web, "owner"), entered(web, "viewer")
    assert viewer.get("/staff/").status_code == 403
    page = f"/roles/{role_id('viewer')}"
    owner.post(page, {"action": ["staff.edit"]})
    assert viewer.get("/staff/").status_code == 200
    owner.post(page, {"action": []})
    assert viewer.get("/staff/").status_code == 403
    assert audited("role.changed")[0].after["given"] == ["staff.edit"]


def test_the_owners_role_cannot_be_changed(web: Flask):
    browser = entered(web, "owner")
    page = f"/roles/{role_id('owner')}"
    browser.client.post(page, data={"csrf_token": browser.token(page), "action": []})
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
