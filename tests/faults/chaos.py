"""``make chaos``: a seeded storm of kills under ``oms up`` while orders come in, then the count.

    python -m tests.faults.chaos --points 50 --seed 7

Every acknowledged order must be there once, its background work done once, and the auditor content. The seed is printed,
so that a storm can be had again.
"""

from __future__ import annotations

import argparse
import random
import secrets
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import redis
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from oms import audit
from oms.actor import system
from oms.customers.models import CustomerAddress
from oms.db import db, transaction
from oms.orders.models import Order
from oms.outbox import Outbox, OutboxStatus
from oms.reports import auditor
from oms.usecases.orders_place import ShipTo, place_order
from tests.live import Up, answers, close, until
from tests.shop import SmallShop, small_shop

VICTIMS = ("web", "worker-quick", "worker-bulk", "relay", "scheduler", "postgres", "redis", "flush")


def hit(up: Up, victim: str) -> tuple[str, bool]:
    """Kill one part of an installation, or empty Redis ("flush"): what to call it, and whether it was there."""
    try:
        if victim == "flush":
            client = redis.Redis.from_url(up.settings.redis_url)
            client.flushall()
            client.close()
        else:
            up.processes()[victim].kill()
    except (redis.RedisError, KeyError) as away:
        return f"{victim} (was away already: {type(away).__name__})", False
    return victim, True


class Storm:
    """One installation, the orders it acknowledged, and what was done to it."""

    def __init__(self, up: Up, app: Flask, shop: SmallShop, dice: random.Random) -> None:
        self.up, self.app, self.shop, self.dice = up, app, shop, dice
        self.acknowledged: list[int] = []
        self.refused = 0

    def place(self) -> None:
        """One order; a database that is away counts as a refusal, never as an acknowledgement."""
        number = len(self.acknowledged) + self.refused
        to = ShipTo("ผู้รับ", f"08{number:08d}", f"{number} หมู่ 1", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")
        try:
            with self.app.app_context():
                with transaction(system("chaos")) as tx:
                    placed = place_order(tx, self.shop.order((0, 1), confirm=True, ship_to=to))
                self.acknowledged.append(placed.order_id)
        except DBAPIError:
            self.refused += 1
            time.sleep(0.1)

    def strike(self) -> str:
        """Hit one part."""
        return hit(self.up, self.dice.choice(VICTIMS))[0]

    def quiet(self) -> None:
        """Wait until everything is back and all work is done."""
        until(self._connects, 60, "the database never came back")
        close(self.app)
        until(lambda: answers(self.up.url), 60, "the panel never came back")
        until(lambda: self._open() == 0, 130, "background work was lost")

    def _connects(self) -> bool:
        try:
            psycopg.connect(self.up.settings.database_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _open(self) -> int:
        with self.app.app_context():
            return db.session.scalar(select(func.count()).where(Outbox.status != OutboxStatus.DONE))

    def verdict(self) -> list[str]:
        """What is wrong; empty when nothing is."""
        wrong = []
        with self.app.app_context():
            there = set(db.session.scalars(select(Order.id)))
            addresses = db.session.scalar(select(func.count()).select_from(CustomerAddress))
            if lost := set(self.acknowledged) - there:
                wrong.append(f"{len(lost)} acknowledged orders are lost: {sorted(lost)[:10]}")
            if addresses != len(there):
                wrong.append(f"{len(there)} orders have {addresses} remembered addresses; each should have one")
            wrong += [str(finding) for finding in auditor.audit_all(db.session())]
            chain = audit.verify(db.session())
            if chain.broken is not None:
                wrong.append(f"the audit chain is broken at row {chain.broken}")
        return wrong


def run(points: int, seed: int) -> int:
    """A storm of that many points; returns the exit code."""
    from app import create_worker_app

    print(f"seed {seed}, {points} points")
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="ruam-chaos-", ignore_cleanup_errors=True) as folder:
        up = Up(Path(folder))
        up.start()
        app = create_worker_app(up.settings)
        try:
            with app.app_context(), transaction(system("chaos")) as tx:
                shop = small_shop(tx, pieces=1_000_000)
            storm = Storm(up, app, shop, dice)
            for point in range(points):
                for _ in range(dice.randint(1, 30)):
                    storm.place()
                print(f"{point + 1}: {storm.strike()} after {len(storm.acknowledged)} orders", flush=True)
                time.sleep(dice.random() * 2)
            began = time.monotonic()
            storm.quiet()
            wrong = storm.verdict()
            print(f"{len(storm.acknowledged)} orders acknowledged, {storm.refused} refused while the database was away; "
                  f"all work done {time.monotonic() - began:.0f} s after the last blow")  # fmt: skip
        finally:
            close(app)
            up.stop()
    for line in wrong:
        print(line)
    print("nothing lost, nothing doubled" if not wrong else f"{len(wrong)} things are wrong; seed {seed}")
    return 1 if wrong else 0


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=30)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    arguments = parser.parse_args()
    sys.exit(run(arguments.points, arguments.seed))


if __name__ == "__main__":
    main()
