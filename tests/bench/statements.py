"""P12: a statement of 1,000 lines taken in and matched against 10,000 open orders."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import psycopg
from flask import Flask
from sqlalchemy import func, select, text

from oms import clock
from oms.actor import system
from oms.db import db, transaction
from oms.importing import pipeline
from oms.intake import files
from oms.intake.states import IntakeKind
from oms.payments.statement_models import StatementLine
from oms.payments.states import LineStatus
from oms.settings import Settings
from oms.usecases import intake
from oms.usecases.statement_suggest import look_again
from tests.samples import statements as bank

LINES = 1_000
SHOP = 2_000  # orders of the shop they are put into
OPEN = 10_000
# copies of orders that are there, unpaid and of many amounts, four to a customer
_OPEN_ORDERS = """
    INSERT INTO orders OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(o, jsonb_build_object('id', n.new_id, 'number', 'OP69-' || n.new_id,
      'external_no', NULL, 'idempotency_key', NULL, 'status', 'confirmed', 'board', 'waiting_payment', 'payment_term',
      'prepaid', 'payment_status', 'unpaid', 'verified_amount', 0, 'closed_at', NULL, 'term_approved_at', NULL,
      'total', 10000 + (n.i * 7919) %% 400000, 'goods_total', 10000 + (n.i * 7919) %% 400000, 'discount', 0,
      'shipping_fee', 0, 'customer_id', 1000000 + n.i / 4, 'placed_at', now() - interval '1 day', 'confirmed_at', now() - interval '1 day'))).*
    FROM (SELECT i, 1000000 + i AS new_id, i %% (SELECT count(*) FROM orders) AS nth
          FROM generate_series(1, %(many)s) i) n
    JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS nth FROM orders) p ON p.nth = n.nth / 4
    JOIN orders o ON o.id = p.id
"""
_CUSTOMERS = """
    INSERT INTO customers OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(c, jsonb_build_object('id', 1000000 + i))).*
    FROM generate_series(0, %(many)s) i, customers c WHERE c.id = (SELECT min(id) FROM customers)
"""


@dataclass(frozen=True)
class Measured:
    """Seconds for taking the file in (check and commit, matching with it) and for looking at all lines once more."""

    taken: float
    looked: float
    suggested: int
    lines: int
    open_orders: int


def measure(app: Flask, settings: Settings) -> Measured:
    """In a shop of its own: its open orders are copies that have no lines."""
    folder = settings.data_dir
    sent = _prepare(settings.database_url or "")
    with app.app_context():
        path = folder / "statement.csv"
        path.write_bytes(bank.as_csv(bank.kbank(sent, account="111-1-11111-1")))
        began = time.perf_counter()
        _take(path, folder)
        taken = time.perf_counter() - began
        began = time.perf_counter()
        with transaction(system("bench")) as tx:
            look_again(tx)
        looked = time.perf_counter() - began
        counted = select(func.count()).select_from(StatementLine)
        found = Measured(
            taken, looked, db.session.scalar(counted.where(StatementLine.status != LineStatus.UNMATCHED)) or 0,
            db.session.scalar(counted) or 0, db.session.scalar(
                text("SELECT count(*) FROM orders WHERE closed_at IS NULL AND payment_status = 'unpaid'")) or 0,
        )  # fmt: skip
        db.session.remove()
        db.engine.dispose()
    return found


def _prepare(url: str) -> list[bank.Transfer]:
    """Ten thousand open orders, an account, and transfers: most pay one, some name one, some are nobody's. Orders of an
    earlier run are used again, its lines are not."""
    random = Random(12)
    with psycopg.connect(url) as owner:
        owner.execute("DELETE FROM statement_lines")
        owner.execute(
            "INSERT INTO receiving_accounts (code, bank, account_no, account_name, promptpay, is_active, version)"
            " VALUES ('BENCH', 'KBank', '111-1-11111-1', 'bench', '', true, 1) ON CONFLICT DO NOTHING"
        )
        if not owner.execute("SELECT 1 FROM orders WHERE number LIKE 'OP69-%' LIMIT 1").fetchone():
            owner.execute(_CUSTOMERS, {"many": OPEN // 4})
            owner.execute(_OPEN_ORDERS, {"many": OPEN})
        rows = owner.execute(
            "SELECT number, total, ship_name FROM orders WHERE number LIKE 'OP69-%' ORDER BY id"
        ).fetchall()
        owner.commit()
        owner.autocommit = True
        owner.execute("ANALYZE")
    start = datetime.now(UTC).astimezone(clock.BANGKOK).replace(tzinfo=None, microsecond=0) - timedelta(hours=20)  # noqa: TID251
    made = []
    for i in range(LINES):
        number, total, name = random.choice(rows)
        amount = total / 100 if i % 10 < 8 else 1 + i / 100
        made.append(bank.Transfer(start + timedelta(minutes=i), amount, name, f"{i:04d}", number if i % 5 == 0 else ""))
    return made


def _take(path: Path, folder: Path) -> None:
    actor = system("bench")
    with path.open("rb") as source:
        kept = files.keep(folder, source, path.name)
    with transaction(actor) as tx:
        run_id = intake.receive_file(
            tx,
            intake.ReceiveFile(IntakeKind.STATEMENT, kept, account_code="BENCH", commit_after_check=True, queue=False),
        )
    pipeline.carry_out(lambda: transaction(actor), folder, run_id)
