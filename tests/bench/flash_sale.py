"""P11: thirty-two clients, each a process of its own, buy one and the same SKU until it is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg
from flask import Flask
from sqlalchemy import text

from oms.actor import system
from oms.db import db, transaction
from oms.usecases.stock import ReceiveStock, receive_stock
from oms.usecases.stock_checks import StockLine

CLIENTS, PIECES = 32, 1_000
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Measured:
    """Orders a second from the first to the last one; how many were sold; what was refused, by code."""

    rate: float
    sold: int
    refused: dict[str, int]
    on_hand: int
    reserved: int

    @property
    def oversold(self) -> int:
        return max(self.reserved - self.on_hand, self.sold - PIECES, 0)


def measure(app: Flask, url: str) -> Measured:
    """Put the pieces there, let everybody loose, and count in the database what was sold and when."""
    with app.app_context():
        shop, warm = db.session.execute(text("SELECT (SELECT min(id) FROM shops), (SELECT min(id) FROM skus)")).one()
        sku = db.session.scalar(
            text("INSERT INTO skus SELECT (jsonb_populate_record(s, jsonb_build_object('id',"
                 " nextval(pg_get_serial_sequence('skus', 'id')), 'code', 'FLASH' || nextval(pg_get_serial_sequence('skus', 'id'))))).* FROM skus s WHERE id = :warm"
                 " RETURNING id"),
            {"warm": warm},
        )  # fmt: skip
        db.session.commit()
        place = db.session.scalar(text("SELECT warehouse_id FROM shops WHERE id = :shop"), {"shop": shop})
        with transaction(system("bench")) as tx:
            lines = (StockLine(sku, PIECES), StockLine(warm, CLIENTS))
            receive_stock(tx, ReceiveStock(place, lines, f"flash sale {sku}"))
        db.session.remove()
        db.engine.dispose()
    plan = {
        "race": "flash_sale",
        "url": url,
        "seed": "flash",
        "clients": CLIENTS,
        "shop": shop,
        "sku": sku,
        "warm": warm,
    }
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.race.racers", json.dumps(plan)], cwd=ROOT, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    seen = json.loads(ran.stdout)
    with psycopg.connect(url) as connection:
        sold, seconds = connection.execute(
            "SELECT count(*), extract(epoch FROM max(o.created_at) - min(o.created_at)) FROM orders o"
            " JOIN order_lines l ON l.order_id = o.id WHERE l.sku_id = %s", [sku]
        ).fetchone()  # fmt: skip
        on_hand, reserved = connection.execute(
            "SELECT on_hand, reserved FROM stock_levels WHERE sku_id = %s AND warehouse_id = %s", [sku, place]
        ).fetchone()
    refused = {code: n for code, n in seen.items() if code != "ok" and not code.startswith("exit")}
    return Measured(sold / float(seconds), sold, refused, on_hand, reserved)
