"""A real browser and a real server for walks through the panel."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from playwright.sync_api import Error, Page, expect, sync_playwright
from werkzeug.serving import make_server

from tests.live import until
from tests.views.panel import PASSWORD

ARGUMENTS = [
    "--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--disable-background-networking",
    "--disable-component-update",
]  # fmt: skip
expect.set_options(timeout=20_000)  # a busy machine is no reason to fail
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The app behind a port of this machine; yields its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Kept:
    """One browser for all tests of this process: starting one costs more than many a walk."""

    playwright: Any = None
    browser: Any = None

    @classmethod
    def get(cls, chromium: str) -> Any:
        if cls.playwright is None:
            cls.playwright = sync_playwright().start()
            atexit.register(cls.playwright.stop)
        if cls.browser is None or not cls.browser.is_connected():
            cls.browser = cls.playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        return cls.browser


@contextmanager
def opened(chromium: str) -> Iterator[Any]:
    """The browser; what a test opened in it is closed afterwards, so that nothing is left to the next."""
    browser = _Kept.get(chromium)
    try:
        yield browser
    finally:
        for context in list(browser.contexts):
            context.close()


def logged_in(browser: Any, address: str, role: str, view: dict[str, int], troubles: list[str]) -> Page:
    """A page of a person of this role; scripts that fail are noted in ``troubles``."""
    context = browser.new_context(viewport=view)
    context.set_default_timeout(15000)
    page = context.new_page()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda said: troubles.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(f"{address}/login/")
    page.fill("input[name=username]", role)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/login" not in url)
    return page


def keyed(page: Page, text: str) -> None:
    """Typed into the field that has the focus; waits for it, for a page gives it a moment after it has loaded."""
    page.locator(":is(input, textarea, select):focus").wait_for()
    page.keyboard.type(text)


def true_in(page: Page, expression: str, arg: Any = None) -> None:
    """Wait until an expression is true in the page. (Playwright's own waiting evaluates text inside the page, which our
    content security policy forbids.)"""

    def true() -> bool:
        try:
            return bool(page.evaluate(expression, arg))
        except Error as gone:
            if "context was destroyed" not in gone.message:
                raise
            return False  # another page is on its way

    until(true, 15, f"it never came true: {expression}")


def gun(page: Page, *codes: str) -> None:
    """What a barcode gun does: letters and Enter."""
    for code in codes:
        keyed(page, code)
        page.keyboard.press("Enter")
