"""Many processes at once: nothing oversold, no number lost, one amendment at a time, no deadlock shown to anybody.

``make chaos`` runs the same with RUAM_CHAOS=1: a thousand rounds, ten minutes of mixed work, a fresh seed (printed).
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys

import pytest
from sqlalchemy import func, select

from oms.actor import system
from oms.catalog.models import BundleItem, Product, Sku
from oms.db import db, transaction
from oms.inventory.models import Reservation, ReservationStatus, StockLevel
from oms.numbering import NumberSeries
from oms.orders.models import Order, OrderChange
from oms.outbox import Outbox
from oms.reports.auditor import audit_all
from oms.usecases.orders_place import place_order
from oms.usecases.stock import ReceiveStock, receive_stock
from oms.usecases.stock_checks import StockLine
from tests.architecture.house import ROOT
from tests.shop import small_shop

pytestmark = [pytest.mark.race, pytest.mark.timeout(1500)]
CHAOS = bool(os.environ.get("RUAM_CHAOS"))
SEED = os.environ.get("RUAM_SEED") or (secrets.token_hex(4) if CHAOS else "ruam")
ME = system("test")


def race(settings, name: str, **plan) -> dict[str, int]:
    facts = {"race": name, "url": settings.database_url, "seed": SEED, **plan}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.race.racers", json.dumps(facts)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"seed {SEED}: {done.stderr[-3000:]}"
    seen = json.loads(done.stdout)
    crashes = {k: v for k, v in seen.items() if k.startswith("crash")}
    assert not crashes, f"seed {SEED}: {crashes}"
    return seen


def assert_books_in_order():
    db.session.remove()
    broken = [str(f) for f in audit_all(db.session())]
    assert broken == [], f"seed {SEED}"


def goods(tx, shop, count: int, pieces: int) -> list[int]:
    """Fresh SKUs with so many pieces each."""
    product = tx.session.scalars(select(Product)).first()
    made = [Sku(code=f"R{i:05d}", product_id=product.id, name=f"R{i}", haystack="", grams=[]) for i in range(count)]
    tx.session.add_all(made)
    tx.session.flush()
    for at in range(0, count, 1000):
        lines = tuple(StockLine(sku.id, pieces) for sku in made[at : at + 1000])
        receive_stock(tx, ReceiveStock(shop.bkk, lines, f"goods {at}"))
    return [sku.id for sku in made]


def test_forty_buyers_race_for_twenty_pieces_and_none_is_sold_twice(committed, settings):
    buyers, rounds = 40, 1000 if CHAOS else 4
    with transaction(ME) as tx:
        shop = small_shop(tx)
        skus = goods(tx, shop, rounds * 2, 20)
        product = tx.session.get_one(Sku, skus[0]).product_id
        bundle = Sku(code="RB", product_id=product, name="set", is_bundle=True, haystack="", grams=[])
        tx.session.add(bundle)
        tx.session.flush()
        tx.session.add_all([BundleItem(bundle_id=bundle.id, component_id=s, quantity=1) for s in skus[:2]])
        sets = bundle.id
    plan = [[skus[2 * i], skus[2 * i + 1]] for i in range(rounds)]
    plan[0] = [sets]  # the first round is sold as a set
    seen = race(settings, "last_piece", clients=buyers, rounds=plan, shop=shop.line)
    assert seen == {"ok": 20 * rounds, "stock_short": 20 * rounds, "exit 0": buyers}
    with transaction(ME) as tx:
        levels = tx.session.execute(select(StockLevel.on_hand, StockLevel.reserved).where(StockLevel.sku_id.in_(skus)))
        assert set(levels) == {(20, 20)}
        promised = select(func.sum(Reservation.quantity)).where(Reservation.status == ReservationStatus.ACTIVE)
        assert tx.session.scalar(promised) == 40 * rounds
        assert tx.session.scalar(select(func.count()).select_from(Order)) == 20 * rounds
    assert_books_in_order()


@pytest.mark.deep
def test_numbers_have_no_gap_though_clients_die_with_one_in_hand(committed, settings):
    clients, draws = 8, 60 if CHAOS else 25
    seen = race(settings, "numbers", clients=clients, draws=draws)
    assert seen.get("exit 9"), "nobody died: the race proves nothing"
    with transaction(ME) as tx:
        last = tx.session.get_one(NumberSeries, "RACE").last
        keys = set(tx.session.scalars(select(Outbox.key).where(Outbox.topic == "test.number")))
    assert keys == {f"race:{n}" for n in range(1, last + 1)}
    assert last >= draws * clients // 2


@pytest.mark.deep
def test_one_amendment_is_open_at_a_time_however_many_ask(committed, settings):
    clients, rounds = 8, 50 if CHAOS else 6
    with transaction(ME) as tx:
        shop = small_shop(tx, pieces=rounds)
        orders = [place_order(tx, shop.order(confirm=True)).order_id for _ in range(rounds)]
    seen = race(settings, "amendments", clients=clients, orders=orders)
    assert seen["ok"] == rounds
    assert "busy" not in seen
    with transaction(ME) as tx:
        assert tx.session.scalar(select(func.count()).select_from(OrderChange)) == rounds
    assert_books_in_order()


@pytest.mark.deep
def test_eight_clients_at_mixed_work_see_no_deadlock(committed, settings):
    with transaction(ME) as tx:
        shop = small_shop(tx)
        skus = goods(tx, shop, 8, 60)
    seconds = 600 if CHAOS else 8
    seen = race(
        settings, "mixed", clients=8, seconds=seconds, shop=shop.line, skus=[*skus, shop.bundle], warehouse=shop.bkk
    )
    assert not {"busy", "duplicate"} & set(seen), seen
    assert seen["ok"] > seconds  # work was done; how fast is measured elsewhere
    assert_books_in_order()
