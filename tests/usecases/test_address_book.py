"""Addresses are remembered once each, per customer."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from oms.customers.models import CustomerAddress
from oms.outbox import Outbox
from oms.usecases.address_book import parse_ids, remember_addresses
from oms.usecases.orders_place import place_order
from tests.shop import small_shop


def test_an_address_is_remembered_once_and_a_new_one_beside_it(tx):
    shop = small_shop(tx)
    home = shop.order()
    for cmd in (home, home, replace(home, ship_to=replace(home.ship_to, line="99/1"))):
        place_order(tx, cmd)
    for owed in tx.session.scalars(select(Outbox).where(Outbox.topic == "orders.placed")):
        assert remember_addresses(tx, parse_ids(owed.payload["order_ids"])) == 1
    assert sorted(tx.session.scalars(select(CustomerAddress.line))) == ["45/7 หมู่ 2", "99/1"]
