"""``oms up --demo``: the demo shop on the first start, its logins on every one."""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from oms.db import db
from oms.demo.load import Stage, load, stage
from oms.permissions import ROLES
from oms.settings import Settings

if TYPE_CHECKING:
    from jobs.cli import Factories

SITE_KEYS = "demo_site.json"  # keys of the demo's remote warehouse; it is linked where they lie
EVERY_SECONDS = 2.0  # between two progress lines


def password_of(settings: Settings) -> str:
    """The demo logins' password: as set, else made once and kept beside the data, readable by its owner alone."""
    if settings.demo_password:
        return settings.demo_password
    path = settings.data_dir / "demo_password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(9) + "-Aa1")
    return path.read_text().strip()


def prepare(factories: Factories, settings: Settings, say: Callable[[str], None]) -> list[str]:
    """Load the demo shop where nothing is yet; answers what the person who started it should read."""
    panel = factories.web(settings, owner=True)
    with panel.app_context():
        found = stage()
    if found is Stage.OTHER:
        return ["this installation holds work of its own, so the demo shop was not loaded into it"]
    settings.demo_mark.touch()  # from here on every screen says that this is demo data
    password = password_of(settings)
    users = factories.demo_users(panel, password)
    if found is not Stage.LOADED:
        with panel.app_context():
            began = time.monotonic()
            done = load(users, settings.files_dir, _seldom(say))
            say(f"demo shop: {done.orders} orders, {done.customers} customers, {done.skus} SKUs"
                f" in {time.monotonic() - began:.0f} s")  # fmt: skip
    with panel.app_context():
        factories.demo_site(panel, users, settings, free_port(settings.port + 1))
        db.session.remove()
        db.engine.dispose()
    names = ", ".join(role.name for role in ROLES)
    told = [f"demo logins: {names}   password: {password}"]
    if (page := site_page(settings)) is not None:
        told.append(f"the demo's remote warehouse (somebody else's system): {page}")
    return told


def site_page(settings: Settings) -> str | None:
    """Where the remote warehouse of the demo shows its own page; None where none is linked."""
    path = settings.data_dir / SITE_KEYS
    return f"http://127.0.0.1:{json.loads(path.read_text())['port']}" if path.exists() else None


def free_port(first: int) -> int:
    """The first port from this one on that nobody listens on, of the next twenty; else the first."""
    for port in range(first, first + 20):
        with socket.socket() as door:
            if door.connect_ex(("127.0.0.1", port)):
                return port
    return first


def _seldom(say: Callable[[str], None]) -> Callable[[str], None]:
    last = 0.0

    def progress(what: str) -> None:
        nonlocal last
        if time.monotonic() - last > EVERY_SECONDS:
            last = time.monotonic()
            say(f"loading the demo shop: {what}")

    return progress
