"""Logins for tests of screens: a person of a role, in at once, without the slow password."""

from __future__ import annotations

import re
from itertools import count

from flask import Flask, g, has_app_context
from flask.testing import FlaskClient
from flask_appbuilder.security.sqla.models import Role, User, assoc_user_role
from sqlalchemy import insert, select
from werkzeug.test import TestResponse

from oms import clock
from oms.actor import system
from oms.db import transaction
from oms.staff.models import StaffProfile, StaffScope
from oms.usecases import logins
from views.access import SESSION_TOKEN

_numbers = count(1)
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
VERSION = re.compile(r'name="version"[^>]*value="([^"]*)"')
KEY = re.compile(r'name="key"[^>]*value="([^"]*)"')


class Person:
    """Somebody with a browser. ``get`` reads a page; ``post`` opens the form's page first and takes its token along."""

    def __init__(self, client: FlaskClient, user_id: int) -> None:
        self.client, self.user_id = client, user_id

    def get(self, path: str) -> TestResponse:
        self._anew()
        return self.client.get(path)

    @staticmethod
    def _anew() -> None:
        """The test's own application context outlives requests; what a request kept there must not."""
        if has_app_context():
            vars(g._get_current_object()).clear()

    def token(self, path: str = "/") -> str:
        return TOKEN.search(self.get(path).text).group(1)

    def post(self, path: str, form: str | None = None, **data: object) -> TestResponse:
        page = self.get(form or path)
        assert page.status_code == 200, page.status_code
        found = {"csrf_token": TOKEN.search(page.text).group(1)}
        for name, pattern in (("version", VERSION), ("key", KEY)):
            if hit := pattern.search(page.text):
                found[name] = hit.group(1)
        self._anew()
        return self.client.post(path, data=found | data)


def log_in(
    app: Flask, role: str, *, warehouses: tuple[int, ...] = (), shops: tuple[int, ...] = (), language: str = "en"
) -> Person:
    """A new login of this role with its scopes, and a browser that is in."""
    name = f"{role}{next(_numbers)}"
    at = clock.now().replace(tzinfo=None)
    with app.app_context(), transaction(system("test")) as tx:
        user = tx.session.scalar(
            insert(User.__table__)
            .values(
                username=name, first_name=role.capitalize(), last_name="", email=f"{name}@localhost", active=True,
                password="-", created_on=at, changed_on=at, login_count=0, fail_login_count=0,
            )
            .returning(User.__table__.c.id)
        )  # fmt: skip
        role_id = tx.session.scalar(select(Role.id).where(Role.name == role))
        tx.session.execute(insert(assoc_user_role).values(user_id=user, role_id=role_id))
        tx.session.add(StaffProfile(user_id=user, language=language))
        tx.session.add_all(
            [
                StaffScope(user_id=user, kind=k, ref_id=i)
                for k, ids in (("warehouse", warehouses), ("shop", shops))
                for i in ids
            ]
        )
        token = logins.start_session(tx, user, name, "test").token
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"], cookie[SESSION_TOKEN] = str(user), True, token
        cookie["locale"] = language
    return Person(client, user)
