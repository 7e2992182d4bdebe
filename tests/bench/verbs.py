"""P2: create and confirm an order by the verb, beside the same rows written by bare psycopg with the same durability."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy import event, text

from oms.actor import system
from oms.db import db, transaction
from oms.orders.states import PaymentTerm
from oms.usecases.orders_place import NewLine, PlaceOrder, ShipTo, place_order
from tests.bench.generate import COLUMNS, PRICE, SKUS, search

LINES = 3
ROUNDS, ORDERS = 7, 60
SHIP_TO = ShipTo("มาลี วงศ์สว่างใจ", "0899990001", "1 หมู่ 1", "สันทรายน้อย", "สันทราย", "เชียงใหม่", "50210")


def by_verb(shop: int, random: Random, first_sku: int) -> None:
    """One order of three lines, confirmed: stock reserved, audited, announced, committed."""
    lines = tuple(NewLine(first_sku + sku, 1) for sku in random.sample(range(SKUS), LINES))
    with transaction(system("bench")) as tx:
        place_order(tx, PlaceOrder(shop, lines, SHIP_TO, payment_term=PaymentTerm.COD, confirm=True))


class Floor:
    """The same rows, as bare as they can be written."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.insert = {
            table: f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})"
            for table, names in COLUMNS.items()
        }

    def order(self, random: Random, first_sku: int) -> None:
        """One order of three lines, with promises, search text, audit and outbox, in one commit."""
        run, now = self.connection.execute, datetime.now(UTC)  # noqa: TID251  outside the program
        no = run("SELECT nextval(pg_get_serial_sequence('orders', 'id'))").fetchone()[0]
        number, skus = f"FL69-{no:06d}", sorted(first_sku + s for s in random.sample(range(SKUS), LINES))
        total = PRICE * LINES
        run("UPDATE stock_levels SET reserved = reserved + 1 WHERE sku_id = ANY(%s) AND warehouse_id = 1"
            " AND on_hand - reserved >= 1", [skus])  # fmt: skip
        run(self.insert["orders"], [
            no, number, 1, "shopee", None, "confirmed", "ready", "cod", "cod_pending", "open", "reserved", [], 1, 1,
            SHIP_TO.name, SHIP_TO.phone, SHIP_TO.line, "", "", "", "", total, 0, 0, total, 0, 0, 0, LINES, "", "", [],
            None, "", "", "", "", "{}", False, None, None, now, now, now, now, None, None, None, "", 0, 1,
        ])  # fmt: skip
        with self.connection.cursor() as cursor:
            ids = [run("SELECT nextval(pg_get_serial_sequence('order_lines', 'id'))").fetchone()[0] for _ in skus]
            cursor.executemany(self.insert["order_lines"], [
                (i, no, p, sku, f"RU-{sku:04d}", "x", 1, 0, 0, 0, PRICE, PRICE, 0, PRICE, "")
                for p, (i, sku) in enumerate(zip(ids, skus, strict=True), 1)
            ])  # fmt: skip
            cursor.executemany(
                self.insert["reservations"],
                [(no, i, s, 1, 1, "active", now, None) for i, s in zip(ids, skus, strict=True)],
            )
            haystack, grams = search(number, SHIP_TO.name, SHIP_TO.phone)
            cursor.execute(self.insert["order_search"], (no, haystack, grams))
            facts = (
                now,
                "system",
                "floor",
                None,
                "system",
                "order.created",
                "order",
                no,
                number,
                None,
                None,
                "",
                "job",
                "",
                "",
            )
            cursor.executemany(self.insert["audit_log"], [facts, facts])
            cursor.execute(
                "INSERT INTO outbox (topic, key, payload, status, attempts, created_at, next_try_at, done_at, last_error)"
                " VALUES ('x', %s, '{}', 'done', 0, %s, %s, %s, '')", [number, now, now, now]
            )  # fmt: skip
        self.connection.commit()


def _rate(work: Callable[[], Any], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return times / (time.perf_counter() - began)


def measure(app: Flask, url: str) -> dict[str, float]:
    """Medians of interleaved rounds: orders a second by the verb and by the floor, and the verb's statements."""
    verb, floor, random = [], [], Random(5)
    with app.app_context(), psycopg.connect(url) as connection:
        shop, sku = db.session.execute(text("SELECT (SELECT min(id) FROM shops), (SELECT min(id) FROM skus)")).one()
        bare = Floor(connection)
        for _ in range(20):
            by_verb(shop, random, sku)
            bare.order(random, sku)
        for _ in range(ROUNDS):
            verb.append(_rate(lambda: by_verb(shop, random, sku), ORDERS))
            floor.append(_rate(lambda: bare.order(random, sku), ORDERS))
        seen: list[str] = []
        event.listen(db.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
        by_verb(shop, random, sku)
        db.session.remove()
        db.engine.dispose()
    return {"verb": statistics.median(verb), "floor": statistics.median(floor), "statements": len(seen)}
