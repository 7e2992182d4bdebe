"""P1: create and confirm orders of three lines over real HTTP, by programs with kept connections, beside bare SQL."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import statistics
import time
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from urllib.parse import urlsplit

import psycopg
from flask import Flask
from sqlalchemy import text

from oms.actor import system
from oms.db import db, transaction
from oms.settings import Settings
from oms.usecases.api_keys import NewKey, create_key
from tests.bench.bare import bare
from tests.bench.generate import SKUS
from tests.bench.pages import percentile
from tests.bench.verbs import LINES, SHIP_TO, Floor
from tests.live import free_port, served

WANTED = {1: 100, 4: 200}
SECONDS, WARM, LISTS = 8.0, 30, 60
ALLOWED = frozenset({"order.create", "order.confirm", "order.view", "order.price"})


@dataclass(frozen=True)
class Run:
    """Orders a second over all clients, and how long one took, in ms."""

    clients: int
    rate: float
    mid: float
    late: float
    failed: int


@dataclass(frozen=True)
class Measured:
    """Both runs, the same clients at Flask and an ORM alone, the raw floor of one connection in the same minute, and
    the first page of the list."""

    runs: tuple[Run, ...]
    bare: tuple[Run, ...]
    floor: float
    list_mid: float
    list_late: float


class Program:
    """A client with one kept connection."""

    def __init__(self, url: str, token: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self.token = token

    def call(self, method: str, path: str, body: str | None = None, key: str = "") -> tuple[int, float]:
        """Status and ms."""
        head = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": key}
        began = time.perf_counter()
        self.connection.request(method, f"/api/v1{path}", body.encode() if body else None, head)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status, (time.perf_counter() - began) * 1000


def _order(random: Random, shop: int, first_sku: int) -> str:
    skus = random.sample(range(SKUS), LINES)
    ship = {"name": SHIP_TO.name, "phone": SHIP_TO.phone, "line": SHIP_TO.line, "subdistrict": SHIP_TO.subdistrict,
            "district": SHIP_TO.district, "province": SHIP_TO.province, "postcode": SHIP_TO.postcode}  # fmt: skip
    lines = [{"sku_id": first_sku + sku, "quantity": 1} for sku in skus]
    return json.dumps({"shop_id": shop, "lines": lines, "ship_to": ship, "payment_term": "cod", "confirm": True})


def _buy(plan: dict[str, Any], no: int, barrier: Any, results: Any) -> None:
    program, random = Program(plan["url"], plan["token"]), Random(f"{plan['seed']} {no}")
    barrier.wait(60)
    times, failed, ends = [], 0, time.perf_counter() + SECONDS
    while time.perf_counter() < ends:
        body = _order(random, plan["shop"], plan["sku"])
        status, took = program.call("POST", "/orders", body, f"{plan['seed']}-{no}-{len(times)}")
        times.append(took)
        failed += status != 201
    results.put((times, failed))


def _run(plan: dict[str, Any], clients: int) -> Run:
    fork = multiprocessing.get_context("fork")
    barrier, results = fork.Barrier(clients), fork.Queue()
    facts = plan | {"seed": f"{plan['seed']}-{clients}"}
    racers = [fork.Process(target=_buy, args=(facts, no, barrier, results)) for no in range(clients)]
    for racer in racers:
        racer.start()
    found = [results.get() for _ in racers]
    for racer in racers:
        racer.join()
    times = [ms for mine, _ in found for ms in mine]
    return Run(
        clients, len(times) / SECONDS, statistics.median(times), percentile(times, 0.95), sum(f for _, f in found)
    )


def _floor(url: str, sku: int) -> float:
    random = Random(5)
    with psycopg.connect(url) as connection:
        bare = Floor(connection)
        for _ in range(20):
            bare.order(random, sku)
        began, orders = time.perf_counter(), 300
        for _ in range(orders):
            bare.order(random, sku)
        return orders / (time.perf_counter() - began)


def measure(app: Flask, settings: Settings) -> Measured:
    """Serve as in production, and call."""
    with app.app_context():
        shop, sku = db.session.execute(text("SELECT (SELECT min(id) FROM shops), (SELECT min(id) FROM skus)")).one()
        with transaction(system("bench")) as tx:
            token = create_key(tx, NewKey("bench", ALLOWED, per_minute=60_000)).token
        db.session.remove()
        db.engine.dispose()
    seed = str(time.time_ns())
    serving = replace(settings, port=free_port())
    with served(serving, settings.data_dir / "log" / "bench-api.log", workers=settings.web_workers) as url:
        warm, random = Program(url, token), Random(seed)
        for n in range(WARM):
            warm.call("POST", "/orders", _order(random, shop, sku), f"{seed}-warm-{n}")
        plan = {"url": url, "token": token, "shop": shop, "sku": sku, "seed": seed}
        runs = tuple(_run(plan, clients) for clients in WANTED)
        reader = Program(url, token)  # the first one's connection was let go meanwhile
        lists = [reader.call("GET", "/orders?limit=50")[1] for _ in range(LISTS)]
    with bare(settings) as url:
        without = tuple(_run(plan | {"url": url}, clients) for clients in WANTED)
    return Measured(
        runs, without, _floor(settings.database_url or "", sku), statistics.median(lists), percentile(lists, 0.95)
    )
