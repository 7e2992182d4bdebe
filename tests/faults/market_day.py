"""``python -m tests.faults.market_day``: a day like 11.11 in ten minutes, under kills and flushes, then the count.

    python -m tests.faults.market_day --minutes 10 --rate 600 --seed 7

``oms sandbox`` sells on every platform, ``oms up`` takes the orders in, a packer sends what may leave, a provider of
SMS hears what buyers are told. Meanwhile workers, the relay, the scheduler and the web are killed and Redis is emptied.
In the end both sides' books are compared: every order once and in the state the channel has, nothing sold twice, every
message once, every day proven. The seed of the blows is printed.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError

from jobs.runtime.supervise import oms_command
from oms import clock
from oms.actor import system
from oms.catalog.models import Shop, Sku
from oms.channels.models import ChannelConnection
from oms.channels.port import Grant
from oms.channels.registry import CONNECTORS
from oms.db import Tx, db, transaction
from oms.errors import Conflict, OmsError
from oms.intake.models import IntakeConflict
from oms.intake.states import ConflictStatus
from oms.inventory.models import StockLevel
from oms.notifications.models import Message, MessageSettings
from oms.notifications.states import MessageState
from oms.orders.models import Order
from oms.orders.states import Board, OrderStatus
from oms.outbox import Outbox, OutboxStatus
from oms.reports import auditor
from oms.settings import secret_from
from oms.usecases.channel_days import ask_proof, proofs
from oms.usecases.channels import Connect, Switches, connect_shop, set_switches, store_grant
from oms.usecases.message_routes import RouteFacts, create_route
from oms.usecases.shipping import MarkShipped, mark_shipped_many
from tests.faults.chaos import hit
from tests.live import Up, answers, close, free_port, until
from tests.shop import small_shop

WHO = system("market day")
VICTIMS = ("worker-quick", "worker-bulk", "worker-channels", "relay", "scheduler", "web", "flush")
SKUS = 60
CARRIER = "Flash Express"
GONE = {"canceled"}
LEFT = {"shipped", "delivered", "completed"}
PERIODIC = "schedule."
REST = 3000  # seconds: what is owed to a shop is told at its pace, so a busy day ends later than its last order


class Sandbox:
    """``oms sandbox`` in a process of its own."""

    def __init__(self, seed: int, pieces: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        words = ("sandbox", "--port", str(port), "--seed", str(seed), "--skus", str(SKUS), "--pieces", str(pieces))
        with log.open("wb") as out:
            self.process = subprocess.Popen(oms_command(*words), stdout=out, stderr=out)
        until(lambda: answers(self.url, "/_books"), 60, "the sandbox did not start")

    def post(self, path: str, **facts: Any) -> dict[str, Any]:
        """A command of the play."""
        answer = httpx.post(self.url + path, json=facts, timeout=30, trust_env=False)
        answer.raise_for_status()
        return dict(answer.json())

    def books(self, of: str = "") -> dict[str, Any]:
        """Its own books; of one simulator when named."""
        return dict(httpx.get(f"{self.url}{of and '/' + of}/_books", timeout=60, trust_env=False).json())

    def stop(self) -> None:
        """The end."""
        self.process.terminate()
        self.process.wait(20)


def _grant(facts: dict[str, Any] | None) -> Grant | None:
    if facts is None:
        return None
    moments = {k: datetime.fromisoformat(v) for k, v in facts.items() if k.endswith("until") and v}
    return Grant(**(facts | moments))


class Day:
    """One installation with its shops, a packer, and what was done to it."""

    def __init__(self, up: Up, app: Flask, sandbox: Sandbox, dice: random.Random, pieces: int) -> None:
        self.up, self.app, self.sandbox, self.dice = up, app, sandbox, dice
        self.connections: dict[str, int] = {}
        self.shops: dict[str, int] = {}
        self.stopping = threading.Event()
        self.first = clock.local(clock.now()).date()
        self.shipped = 0
        self.blows: Counter[str] = Counter()
        with app.app_context():
            with transaction(WHO) as tx:
                self.shop = small_shop(tx, pieces=pieces, skus=SKUS)
            self._connect()
            sandbox.post("/thaibulksms/_quota", credit=1_000_000)
            with transaction(WHO) as tx:
                tx.session.merge(MessageSettings(id=1, events_off=[], quiet_from=0, quiet_to=0))
                keys = {"api_key": "BULK-key", "api_secret": "BULK-secret"} | self._sms()
                facts = RouteFacts(
                    "thaibulksms", "SMS", f"{sandbox.url}/thaibulksms", options={"sender": "RUAM"}, secrets=keys
                )
                create_route(tx, facts, app.extensions["oms.sealer"])
            db.session.remove()

    def _sms(self) -> dict[str, str]:
        from views.sandbox.messages import ThaiBulkSmsSandbox

        played = ThaiBulkSmsSandbox()
        return {"api_key": played.key, "api_secret": played.secret}

    def _connect(self) -> None:
        sealer = self.app.extensions["oms.sealer"]
        for code, way in self.sandbox.post("/_connect").items():
            with transaction(WHO) as tx:
                self._connect_one(tx, code, way, sealer)
        with transaction(WHO) as tx:
            rows = tx.session.scalars(select(ChannelConnection)).all()
            tokens = {row.connector: row.hook_token for row in rows}
            tx.session.execute(update(ChannelConnection).values(cursor_at=clock.now()))
        for code, token in tokens.items():
            self.sandbox.post(f"/{code}/_hooks", url=f"{self.up.url}/hooks/channels/{token}")

    def _connect_one(self, tx: Tx, code: str, way: dict[str, Any], sealer: Any) -> None:
        kind = CONNECTORS[code]
        shop = Shop(code=f"day-{code}", name=code, channel=kind.channel, warehouse_id=self.shop.bkk)
        tx.session.add(shop)
        tx.session.flush()
        secret = set(kind.secret_names)
        keys = {f.name: f.default for f in kind.fields if f.default} | way["keys"]
        command = Connect(
            shop.id, code, f"{self.sandbox.url}{way['path']}" if code != "inbound" else "",
            {k: v for k, v in keys.items() if k not in secret}, {k: v for k, v in keys.items() if k in secret},
        )  # fmt: skip
        made = connect_shop(tx, command, sealer).id
        if (grant := _grant(way["grant"])) is not None:
            store_grant(tx, made, grant, sealer, by_consent=True)
        row = tx.session.get_one(ChannelConnection, made, populate_existing=True)
        tx.session.flush()
        set_switches(tx, made, row.version, Switches(accepts=True, tells_shipping=True, offers=True))
        self.connections[code], self.shops[code] = made, shop.id

    # the day

    def pack(self) -> None:
        """Send whatever may leave, again and again, until told."""
        while not self.stopping.wait(1.0):
            with suppress(DBAPIError, Conflict), self.app.app_context():  # a person would press again
                self.send()
                db.session.remove()

    def send(self) -> int:
        """Send what is ready now."""
        with transaction(WHO) as tx:
            ready = tx.session.scalars(select(Order.id).where(Order.board == Board.READY).order_by(Order.id).limit(50))
            cmds = [MarkShipped(i, CARRIER, f"TH{i:010d}") for i in ready]
            gone = [one for one in (mark_shipped_many(tx, cmds) if cmds else []) if not isinstance(one, OmsError)]
        self.shipped += len(gone)
        return len(gone)

    def strike(self) -> str:
        """Hit one part."""
        victim = self.dice.choice(VICTIMS)
        told, there = hit(self.up, victim)
        self.blows[victim] += there
        return told

    # the count

    def quiet(self) -> None:
        """Wait until buyers have nothing in mind, every shop was read after that, and no work is open."""
        until(lambda: self.sandbox.post("/_rate", per_minute=0)["planned"] == 0, REST, "buyers never came to rest")
        since = clock.now()
        end = time.monotonic() + REST
        while (unread := self._unread(since)) and time.monotonic() < end:
            time.sleep(1)
        for told in unread:
            print(f"not read since the last order: {told}", flush=True)
        self._until_done(REST)

    def _until_done(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self._open() and time.monotonic() < end:  # what is left over then is a finding
            time.sleep(0.5)

    def _unread(self, since: datetime) -> list[str]:
        """Shops that were not read since then, and why."""
        with self.app.app_context():
            rows = db.session.scalars(
                select(ChannelConnection).where(
                    ChannelConnection.connector != "inbound",
                    ChannelConnection.cursor_at.is_(None) | (ChannelConnection.cursor_at < since),
                )
            ).all()
            now = clock.now()
            told = [
                f"{r.connector}: read to {now - r.cursor_at if r.cursor_at else 'nowhere'} ago, stopped {r.stopped!r},"
                f" failures {r.failures}, lease {r.lease_until}, next {r.next_run_at}, {str(r.last_error)[:200]}"
                for r in rows
            ]
            db.session.remove()
        return told

    def _open(self) -> int:
        """Work that is under way or comes within a minute; what comes by the clock is not counted."""
        with self.app.app_context():
            mine = select(func.count()).where(
                Outbox.status.in_([OutboxStatus.WAITING, OutboxStatus.RUNNING]),
                Outbox.topic.not_like(f"{PERIODIC}%"), Outbox.next_try_at < clock.now() + timedelta(minutes=1),
            )  # fmt: skip
            found = db.session.scalar(mine)
            db.session.remove()
        return int(found or 0)

    def _left_over(self) -> list[str]:
        rows = db.session.execute(
            select(Outbox.topic, Outbox.status, Outbox.last_error, func.count())
            .where(
                Outbox.status.not_in([OutboxStatus.DONE, OutboxStatus.CLOSED]), Outbox.topic.not_like(f"{PERIODIC}%")
            )
            .group_by(Outbox.topic, Outbox.status, Outbox.last_error)
        )
        return [f"{n} x {topic} is {status}: {error[:200]}" for topic, status, error, n in rows]

    def prove(self) -> None:
        """Have every day it took proven, for every shop that lists its numbers."""
        with self.app.app_context():
            for code, made in self.connections.items():
                for n in range(self._nights() + 1):
                    with suppress(OmsError), transaction(WHO) as tx:
                        ask_proof(tx, made, self.first + timedelta(days=n))
                        print(f"proof of {code} asked for")
            db.session.remove()
        self._until_done(120)

    def verdict(self) -> list[str]:
        """What is wrong; empty when nothing is."""
        books, sms = self.sandbox.books(), self.sandbox.books("thaibulksms")
        wrong: list[str] = []
        with self.app.app_context():
            for code, theirs in books["shops"].items():
                wrong += self._compare(code, theirs)
            wrong += self._stock(books["shops"])
            wrong += self._letters(sms["messages"])
            wrong += self._days()
            wrong += self._left_over()
            wrong += [str(finding) for finding in auditor.audit_all(db.session())]
            db.session.remove()
        return wrong

    def _compare(self, code: str, theirs: dict[str, Any]) -> list[str]:
        rows = db.session.scalars(select(Order).where(Order.shop_id == self.shops[code])).all()
        ours = {str(o.external_no): o for o in rows}
        numbers = theirs["orders"]
        asked = set(
            db.session.scalars(
                select(IntakeConflict.order_id).where(
                    IntakeConflict.shop_id == self.shops[code], IntakeConflict.status == ConflictStatus.OPEN
                )
            )
        )
        wrong = []
        if len(rows) != len(ours):
            wrong.append(f"{code}: {len(rows) - len(ours)} orders are here twice")
        if lost := sorted(set(numbers) - set(ours)):
            wrong.append(f"{code}: {len(lost)} of {len(numbers)} orders never arrived: {lost[:5]}")
        if made_up := sorted(set(ours) - set(numbers)):
            wrong.append(f"{code}: {len(made_up)} orders nobody made: {made_up[:5]}")
        for number in sorted(set(numbers) & set(ours)):
            state, order = numbers[number], ours[number]
            canceled = order.status is OrderStatus.CANCELED
            too_late = state in GONE and order.id in asked  # it had left; a person has been asked
            if (state in GONE) != canceled and not too_late:
                wrong.append(f"{code} {number}: {state} there, {order.status} here ({order.board})")
            if state in LEFT and order.board in {Board.READY, Board.PICKING}:
                wrong.append(f"{code} {number}: {state} there, {order.board} here")
        return wrong

    def _stock(self, shops: dict[str, Any]) -> list[str]:
        wrong = []
        over = db.session.scalar(select(func.count()).where(StockLevel.reserved > StockLevel.on_hand))
        below = db.session.scalar(select(func.count()).where(StockLevel.on_hand < 0))
        if over or below:
            wrong.append(f"{over} balances promise more than is there, {below} are below nothing")
        levels = db.session.execute(
            select(Sku.code, StockLevel.on_hand - StockLevel.reserved).join(Sku, Sku.id == StockLevel.sku_id)
        )
        for sku, free in levels:
            for code, shop in shops.items():
                shown = shop["listings"].get(sku, {}).get("quantity", 0)
                if code != "inbound" and free <= 0 < shown:
                    wrong.append(f"{code} shows {shown} of {sku}, nothing is free")
        return wrong

    def _letters(self, heard: list[dict[str, str]]) -> list[str]:
        """Every message that is sent here arrived, once; one that arrived is sent here, or waits for a person because its
        worker was killed between asking and being answered (nothing tells the two ends of that apart, and it is not
        sent again)."""
        arrived = Counter((m["to"], m["text"]) for m in heard)
        twice = {k: n for k, n in arrived.items() if n > 1}
        rows = db.session.execute(select(Message.state, Message.body)).all()
        sent, unsure, waiting = (
            Counter(body for state, body in rows if state in states)
            for states in (
                {MessageState.SENT}, {MessageState.NEEDS_PERSON}, {MessageState.QUEUED, MessageState.SENDING}
            )
        )  # fmt: skip
        doubled = db.session.execute(
            text(
                "SELECT count(*) FROM (SELECT notice_id FROM messages WHERE state = 'sent'"
                " GROUP BY notice_id HAVING count(*) > 1) AS twice"
            )
        ).scalar()
        texts = Counter(m["text"] for m in heard)
        wrong = [f"{len(twice)} messages arrived more than once: {list(twice.items())[:2]}"] if twice else []
        if doubled:
            wrong.append(f"{doubled} notices were sent more than once")
        if never := sent - texts:
            wrong.append(f"{never.total()} messages are sent here and never arrived: {list(never)[:2]}")
        if unknown := texts - sent - unsure:
            wrong.append(f"{unknown.total()} messages arrived that are not sent here: {list(unknown)[:2]}")
        if waiting:
            wrong.append(f"{waiting.total()} messages still wait")
        found = (unsure & (texts - sent)).total()
        print(
            f"{sent.total()} messages sent, {len(heard)} arrived;"
            f" {unsure.total()} wait for a person to say, {found} of them arrived"
        )
        return wrong

    def _nights(self) -> int:
        """Midnights that have passed since it began."""
        return (clock.local(clock.now()).date() - self.first).days

    def _days(self) -> list[str]:
        rows = list(db.session.scalars(select(ChannelConnection)))
        shown = proofs(db.session(), rows, clock.local(clock.now()).date(), self._nights() + 1)
        for day in shown:
            print(f"{day.shop:<16} at the channel {day.theirs}, here {day.ours}, missing {len(day.missing)}")
        return [f"{d.shop}: {len(d.missing)} missing" for d in shown if d.missing]


def run(minutes: float, rate: float, seed: int, pieces: int, every: float) -> int:
    """A day of that many minutes; returns the exit code."""
    from app import create_worker_app

    print(f"seed {seed}, {rate:g} orders a minute for {minutes:g} minutes, {pieces} pieces of each of {SKUS} things")
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="ruam-day-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        sandbox = Sandbox(seed, pieces, folder / "sandbox.log")
        up = Up(folder / "up")
        up.start()
        app = create_worker_app(replace(up.settings, encryption_keys=(secret_from(up.data, "encryption_key"),)))
        try:
            day = Day(up, app, sandbox, dice, pieces)
            packer = threading.Thread(target=day.pack, daemon=True)
            packer.start()
            began = time.monotonic()
            sandbox.post("/_rate", per_minute=rate)
            while time.monotonic() - began < minutes * 60:
                time.sleep(dice.uniform(0.5, 1.5) * every)
                blow = day.strike()
                made = sandbox.books()["made"]
                print(f"{time.monotonic() - began:4.0f} s  {blow:<14} made {made}, shipped {day.shipped}", flush=True)
            sandbox.post("/_rate", per_minute=0)
            until(lambda: answers(up.url), 60, "the panel never came back")
            calm = time.monotonic()
            day.quiet()
            day.stopping.set()
            packer.join(30)
            day.quiet()
            print(f"all work done {time.monotonic() - calm:.0f} s after the last order; blows {dict(day.blows)}")
            day.prove()
            wrong = day.verdict()
            made = sandbox.books()
            print(
                ", ".join(
                    f"{k} {made[k]}" for k in ("made", "paid", "canceled", "shipped", "delivered", "stock_pushed")
                )
            )
            if os.environ.get("RUAM_STAY"):
                input("look around, then press Enter: " + up.url)
        finally:
            close(app)
            up.stop()
            sandbox.stop()
    for line in wrong[:40]:
        print(line)
    print("nothing lost, nothing doubled" if not wrong else f"{len(wrong)} things are wrong; seed {seed}")
    return 1 if wrong else 0


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=600, help="orders a minute")
    parser.add_argument("--pieces", type=int, default=400, help="of each thing, shared by all shops")
    parser.add_argument("--every", type=float, default=10, help="seconds between blows")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    given = parser.parse_args()
    sys.exit(run(given.minutes, given.rate, given.seed, given.pieces, given.every))


if __name__ == "__main__":
    main()
