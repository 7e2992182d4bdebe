"""P5 and P7: first pages of the lists, worklist counts and the role homes, through the real web server."""

from __future__ import annotations

import http.cookiejar
import re
import statistics
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from random import Random

from flask import Flask

from oms.actor import system
from oms.db import db
from oms.reports import worklists
from oms.settings import Settings
from tests.bench.installation import PASSWORD
from tests.live import free_port, served

PAGES = (
    "/orders/",
    "/orders/?board=ready",
    "/orders/?q=0899",
    "/desk/",
    "/customers/",
    "/products/",
    "/stock/",
    "/audit/",
    "/shipments/list/ready",
    "/picking/",
    "/returns/",
    "/control/",
)
ROUNDS = 25


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


class Browser:
    """A client with cookies that has logged in."""

    def __init__(self, url: str, user: str, password: str = PASSWORD) -> None:
        self.url = url
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        form = self.get("/login/")[1]
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
        data = {"username": user, "password": password, "csrf_token": token.group(1) if token else ""}
        self.opener.open(urllib.request.Request(url + "/login/", urllib.parse.urlencode(data).encode())).read()

    def get(self, path: str) -> tuple[float, str, int]:
        """Seconds, text and size of a page."""
        began = time.perf_counter()
        with self.opener.open(self.url + path, timeout=60) as answer:
            body = answer.read()
        return time.perf_counter() - began, body.decode(errors="replace"), len(body)


def lists_of(app: Flask) -> list[str]:
    """Every list of the panel: the rules without arguments that end in /list/, and the screens of the desk."""
    rules = [r for r in app.url_map.iter_rules() if not r.arguments and "GET" in (r.methods or ())]
    wanted = [r.rule for r in rules if r.rule.endswith("/list/") and not r.rule.startswith(("/roles", "/users"))]
    known = app.url_map.bind("")
    return sorted({*wanted, *(p for p in PAGES if known.test(p.partition("?")[0]))})


def measure(panel: Flask, settings: Settings, log: Path) -> dict[str, tuple[float, float, int]]:
    """Per page: median and 95th percentile in ms, and bytes."""
    from dataclasses import replace

    found: dict[str, tuple[float, float, int]] = {}
    with served(replace(settings, port=free_port()), log) as url:
        browser = Browser(url, "owner")
        paths = ["/", *lists_of(panel)]
        working = []
        for path in paths:
            try:
                browser.get(path)
                working.append(path)
            except urllib.error.HTTPError as refusal:
                found[f"{path} ({refusal.code})"] = (0.0, 0.0, 0)
        times: dict[str, list[float]] = {path: [] for path in working}
        sizes = dict.fromkeys(working, 0)
        for _ in range(ROUNDS):
            for path in working:
                seconds, _, sizes[path] = browser.get(path)
                times[path].append(seconds * 1000)
    return found | {p: (statistics.median(t), percentile(t, 0.95), sizes[p]) for p, t in times.items()}


def timed(work: Callable[[], object], times: int = 25) -> tuple[float, float]:
    """Median and 95th percentile in ms."""
    seen = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        seen.append((time.perf_counter() - began) * 1000)
    return statistics.median(seen), percentile(seen, 0.95)


def counts(app: Flask) -> tuple[float, float]:
    """The worklist counts alone."""
    with app.app_context():
        answer = timed(lambda: worklists.counts(db.session(), system("bench")))
        db.session.remove()
        db.engine.dispose()
    return answer


SEED = Random(3)
