"""A logged-in browser without a screen, for tests of the panel."""

from __future__ import annotations

import itertools
import re
from functools import partial
from typing import Any
from unittest.mock import patch

from flask import Flask, g, has_app_context
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from views import people, security

PASSWORD = "demo-Password-1"
_addresses = itertools.count(1)
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Panel:
    """One browser. Posts carry the token of the page seen last."""

    def __init__(self, app: Flask, role: str = "") -> None:
        self.client = app.test_client()
        number = next(_addresses)  # tries are counted per address; a test run logs in hundreds of times
        self.client.environ_base["REMOTE_ADDR"] = f"10.{number // 65536 % 256}.{number // 256 % 256}.{number % 256}"
        self.token = ""
        if role:
            self.login(role)

    def login(self, role: str) -> TestResponse:
        self.get("/login/")
        answer = self.post("/login/", username=role, password=PASSWORD)
        assert answer.status_code == 302, answer.text[:500]
        return answer

    def get(self, path: str, **facts: Any) -> TestResponse:
        self._fresh()
        return self._seen(self.client.get(path, **facts))

    def post(
        self, path: str, data: list[tuple[str, Any]] | None = None, token: str | None = None, **fields: Any
    ) -> TestResponse:
        self._fresh()
        body: dict[str, list[Any]] = {"csrf_token": [self.token if token is None else token]}
        for name, value in [*(data or []), *fields.items()]:
            body.setdefault(name, []).append(str(value))
        return self._seen(self.client.post(path, data=body, headers={"Referer": f"http://localhost{path}"}))

    def json(self, path: str, **query: Any) -> Any:
        self._fresh()
        answer = self.client.get(path, query_string=query, headers={"Accept": "application/json"})
        assert answer.status_code == 200, answer.text[:500]
        return answer.json

    def _fresh(self) -> None:
        """Requests inside a test's own application context share ``g``; a browser's requests do not."""
        if has_app_context():
            g.__dict__.clear()

    def _seen(self, answer: TestResponse) -> TestResponse:
        if found := _TOKEN.search(answer.text if answer.mimetype == "text/html" else ""):
            self.token = found[1]
        return answer


def make_logins(app: Flask) -> None:
    """One login per role, with a hash that costs nothing."""
    quick = partial(generate_password_hash, method="pbkdf2:sha256:1")
    with patch.object(people, "generate_password_hash", quick), patch.object(security, "generate_password_hash", quick):
        security.make_demo_users(app, PASSWORD)
