"""P10: ten thousand letters to a provider that answers in 50 ms, drained by two workers, each letter exactly once."""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask
from sqlalchemy import func, select, text

from app import factories
from jobs import initialize
from jobs.runtime import layout, postgres
from oms import outbox
from oms.actor import system
from oms.db import db, transaction
from oms.notifications.models import Message, MessageSettings
from oms.notifications.registry import MANY_AT_ONCE
from oms.notifications.states import MessageState
from oms.settings import Settings
from oms.usecases.message_routes import RouteFacts, create_route
from oms.usecases.notices_expand import SEND, told_placed
from oms.usecases.orders_place import place_orders
from tests.bench.installation import HOME
from tests.shop import small_shop
from views.sandbox.messages import LineSandbox
from views.sandbox.server import running

ANSWER = 0.05  # seconds the provider takes
WORKERS = 2
PAGE = 500
__all__ = ["ANSWER", "MANY_AT_ONCE", "WORKERS", "fresh", "measure"]


@dataclass(frozen=True)
class Measured:
    """Seconds until nothing waited, the processor seconds of the workers among them (which other work on the machine
    does not stretch), seconds of choosing who is told, and how often each letter arrived."""

    drained: float
    computing: float
    chosen: float
    letters: int
    doubled: int


@contextmanager
def fresh() -> Iterator[Settings]:
    """An empty installation with durable PostgreSQL, gone afterwards: letters are sent once, so nothing can be kept."""
    folder = HOME / "p10"
    shutil.rmtree(folder, ignore_errors=True)
    folders = layout.prepare(folder)
    server = postgres.prepare(folders, max_connections="60", shared_buffers="256MB")
    process = postgres.start(server, folders.log / "postgres.log")
    try:
        postgres.ensure_database(server)
        settings = Settings(data_dir=folder, database_url=server.url(), secret_key="bench", encryption_keys=("bench",))
        initialize.everything(replace(factories(), first_owner=lambda _: None), settings)
        yield settings
    finally:
        if process:
            postgres.stop(server, process)
        shutil.rmtree(folder, ignore_errors=True)


class Slow(LineSandbox):
    """Takes its time over each message, as a provider far away does."""

    def handle(self, request: Any, fault: Any) -> Any:
        if request.path.endswith("/push"):
            time.sleep(ANSWER)
        return super().handle(request, fault)


def _play(port: int, ready: Any, asked: Any, told: Any) -> None:
    """The provider in a process of its own, as it is in life."""
    sandbox = Slow()
    with running(sandbox, port) as url:
        ready.put(url)
        asked.get()
        told.put([m.to for m in sandbox.book.messages])


def _orders(tx: Any, count: int) -> list[int]:
    shop = small_shop(tx, pieces=count * 2)
    tx.session.add(MessageSettings(id=1, events_off=[], quiet_from=0, quiet_to=0))
    made: list[int] = []
    for start in range(0, count, PAGE):
        cmds = []
        for n in range(start, min(start + PAGE, count)):
            cmd = shop.order(confirm=True)
            cmds.append(replace(cmd, ship_to=replace(cmd.ship_to, phone=f"09{n:08d}", name=f"ผู้ซื้อ {n}")))
        made += [placed.order_id for placed in place_orders(tx, cmds)]
    tx.session.execute(
        text(
            "INSERT INTO customer_identities (customer_id, kind, external_id, label)"
            " SELECT customer_id, 'line', 'U' || lpad(to_hex(customer_id), 32, '0'), '' FROM orders"
            " WHERE id = ANY(:ids) GROUP BY customer_id"
        ),
        {"ids": made},
    )
    return made


def _drain(settings: Settings, work_id: int) -> None:
    """One worker: what a job does when it is rung for."""
    from app import create_worker_app
    from jobs import messages

    app = create_worker_app(settings)
    with app.app_context():
        with transaction(system("bench")) as tx:
            work = outbox.claim(tx, work_id)
        if work is not None:
            messages.send(work)
        db.session.remove()
        db.engine.dispose()


def _computed() -> float:
    """Processor seconds of processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(app: Flask, settings: Settings, count: int = 10_000) -> Measured:
    """Place the orders, choose who is told, then let two workers drain it."""
    spawn = multiprocessing.get_context("spawn")
    ready, asked, told = spawn.Queue(), spawn.Queue(), spawn.Queue()
    provider = spawn.Process(target=_play, args=(0, ready, asked, told), daemon=True)
    provider.start()
    url = ready.get(timeout=60)
    with app.app_context():
        with transaction(system("bench")) as tx:
            facts = RouteFacts("line", "LINE", url, secrets={"access_token": "LINE-token"})
            create_route(tx, facts, app.extensions["oms.sealer"])
            order_ids = _orders(tx, count)
        began = time.perf_counter()
        for start in range(0, count, PAGE):
            with transaction(system("bench")) as tx:
                told_placed(tx, order_ids[start : start + PAGE])
        chosen = time.perf_counter() - began
        with transaction(system("bench")) as tx:
            tx.session.execute(text("DELETE FROM outbox"))
            for n in range(WORKERS):
                outbox.add(tx, SEND, f"bench{n}")
            ids = list(tx.session.scalars(select(outbox.Outbox.id).order_by(outbox.Outbox.id)))
        workers = [spawn.Process(target=_drain, args=(settings, i)) for i in ids]
        began, before = time.perf_counter(), _computed()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        drained, computing = time.perf_counter() - began, _computed() - before
        with transaction(system("bench")) as tx:
            sent = tx.session.scalar(select(func.count()).where(Message.state == MessageState.SENT)) or 0
        db.session.remove()
        db.engine.dispose()
    asked.put(1)
    arrived = Counter(told.get(timeout=60))
    provider.join(timeout=10)
    if sent != count or len(arrived) != count:
        raise RuntimeError(f"{sent} of {count} sent, {len(arrived)} arrived")
    return Measured(drained, computing, chosen, sum(arrived.values()), sum(n - 1 for n in arrived.values()))
