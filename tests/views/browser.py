"""A browser without a screen, that fills in forms as a person does."""

from __future__ import annotations

import itertools
import re
from functools import partial
from typing import Any
from unittest.mock import patch

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from oms.actor import system
from oms.db import transaction
from views import people

PASSWORD = "green river mango"
_addresses = itertools.count(1)
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def add_person(name: str, *roles: str, password: str = PASSWORD) -> int:
    """A login with roles; answers its id."""
    quick = partial(generate_password_hash, method="pbkdf2:sha256:1")
    with patch.object(people, "generate_password_hash", quick), transaction(system("test")) as tx:
        return people.add_login(tx, people.NewLogin(name, password, name.title(), roles=roles or (name,)))


class Browser:
    """One person's browser, with an address of its own so that tests do not use up each other's tries."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client: FlaskClient = app.test_client()
        number = next(_addresses)
        self.ip = f"172.{number // 62500 % 250}.{number // 250 % 250}.{number % 250}"

    def _send(self, method: str, path: str, **how: Any) -> TestResponse:
        return self.client.open(path, method=method, environ_base={"REMOTE_ADDR": self.ip}, **how)

    def get(self, path: str, **how: Any) -> TestResponse:
        return self._send("GET", path, **how)

    def token(self, path: str) -> str:
        """The token of the forms on a page."""
        found = TOKEN.search(self.get(path).text)
        assert found, f"no form on {path}"
        return found[1]

    def post(
        self, path: str, data: dict[str, Any] | None = None, *, form_on: str | None = None, **how: Any
    ) -> TestResponse:
        """Send a form that stands on ``form_on`` (the same address when not said)."""
        page = form_on or path
        data = {"csrf_token": self.token(page)} | (data or {})
        headers = {"Referer": f"http://localhost{page}"} | how.pop("headers", {})
        return self._send("POST", path, data=data, headers=headers, **how)

    def login(self, name: str, password: str = PASSWORD, **how: Any) -> TestResponse:
        return self.post("/login/", {"username": name, "password": password}, **how)

    def logged_in(self) -> bool:
        return self.get("/account/").status_code == 200

    def english(self) -> Browser:
        self.get("/language/en")
        return self


def entered(app: Flask, role: str = "owner") -> Browser:
    """A browser in which a person of this role has logged in, reading English."""
    add_person(role)
    browser = Browser(app).english()
    assert browser.login(role).status_code == 302
    return browser.english()
