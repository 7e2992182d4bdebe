"""Many processes at orders that choose among warehouses: nothing oversold, no promise lost, no deadlock shown."""

from __future__ import annotations

import pytest

from oms.db import transaction
from oms.inventory.models import Warehouse
from oms.usecases.stock import ReceiveStock, receive_stock
from oms.usecases.stock_checks import StockLine
from tests.network import network
from tests.race.test_races import CHAOS, ME, assert_books_in_order, goods, race

pytestmark = [pytest.mark.race, pytest.mark.timeout(1500)]


@pytest.mark.deep
def test_eight_clients_move_orders_between_warehouses_and_see_no_deadlock(committed, settings):
    with transaction(ME) as tx:
        net = network(tx, pieces=40)
        skus = [*net.shop.skus[:2], *goods(tx, net.shop, 3, 40)]
        for place, province in zip(net.places, ("กรุงเทพมหานคร", "เชียงใหม่", "สงขลา"), strict=True):
            tx.session.get_one(Warehouse, place).province = province
        for place in net.places[1:]:
            lines = tuple(StockLine(sku, 15) for sku in skus)
            receive_stock(tx, ReceiveStock(place, lines, f"more {place}"))
    seconds = 300 if CHAOS else 8
    seen = race(
        settings, "routed", clients=8, seconds=seconds, shop=net.shop.line, skus=[*skus, net.shop.bundle],
        places=list(net.places),
    )  # fmt: skip
    assert not {"busy", "duplicate"} & set(seen), seen
    assert seen["ok"] > seconds, seen
    assert_books_in_order()
