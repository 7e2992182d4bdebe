"""Warehouses, shops and receiving accounts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from oms.catalog.models import Channel, Shop
from oms.db import Tx
from oms.inventory.models import Warehouse
from oms.payments.models import ReceivingAccount
from oms.usecases.masters import (
    AccountFacts,
    Edit,
    ShopFacts,
    WarehouseFacts,
    create_account,
    create_shop,
    create_warehouse,
    edit_account,
    edit_shop,
    edit_warehouse,
)
from tests.shop import SmallShop, small_shop
from tests.usecases.refusals import last_audit, refused


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


def test_a_warehouse_is_opened_and_changed_with_a_trace(tx):
    saved = create_warehouse(tx, WarehouseFacts("hdy", "หาดใหญ่", "สงขลา"))
    assert last_audit(tx).after["code"] == "HDY"
    edit_warehouse(tx, Edit(saved.id, 1), WarehouseFacts("HDY", "หาดใหญ่", "สงขลา", rank=5))
    assert (last_audit(tx).before, last_audit(tx).after) == ({"rank": 100}, {"rank": 5})
    with refused(tx, "stale"):
        edit_warehouse(tx, Edit(saved.id, 1), WarehouseFacts("HDY", "เก่า"))


def test_a_warehouse_that_is_used_cannot_be_closed(tx, shop):
    closed = WarehouseFacts("BKK", "กรุงเทพ", is_active=False)
    with refused(tx, "warehouse_in_use", "is_active"):
        edit_warehouse(tx, Edit(shop.bkk, 1), closed)
    for row in (shop.line, shop.shopee):
        tx.session.get_one(Shop, row).warehouse_id = shop.cnx
    with refused(tx, "warehouse_holds_stock", "is_active"):
        edit_warehouse(tx, Edit(shop.bkk, 1), closed)
    empty = create_warehouse(tx, WarehouseFacts("NEW", "ว่าง")).id
    edit_warehouse(tx, Edit(empty, 1), WarehouseFacts("NEW", "ว่าง", is_active=False))
    assert not tx.session.get_one(Warehouse, empty).is_active


def test_codes_can_be_named_in_files_and_commands(tx, shop):
    for bad in ("", "has space", "ร้าน/1", "x" * 41):
        with refused(tx, "missing" if not bad else "too_long" if len(bad) > 40 else "code_letters", "code", Shop):
            create_shop(tx, ShopFacts(bad, "ร้าน", Channel.LINE, shop.bkk))


def test_a_shop_keeps_its_channel_and_sends_from_an_open_warehouse(tx, shop):
    facts = ShopFacts("line", "ร้านไลน์", Channel.LINE, shop.bkk, expire_hours=48)
    with refused(tx, "channel_fixed", "channel"):
        edit_shop(tx, Edit(shop.line, 1), replace(facts, channel=Channel.FACEBOOK))
    with refused(tx, "warehouse_closed", "warehouse_id"):
        edit_shop(tx, Edit(shop.line, 1), replace(facts, warehouse_id=10**9))
    with refused(tx, "number_range", "expire_hours"):
        edit_shop(tx, Edit(shop.line, 1), replace(facts, expire_hours=0))
    with refused(tx, "link", "contact_url"):
        edit_shop(tx, Edit(shop.line, 1), replace(facts, contact_url="javascript:alert(1)"))
    edit_shop(tx, Edit(shop.line, 1), replace(facts, expire_hours=None))
    assert last_audit(tx).before == {"expire_hours": 48}


@pytest.mark.parametrize("promptpay", ["081-234-5678", "0-1055-60000-01-8", "004999000000001", ""])
def test_an_account_takes_every_form_of_promptpay(tx, promptpay):
    saved = create_account(tx, AccountFacts("scb-1", "SCB", "123-4-56789-0", "ร้านรวม", promptpay))
    assert "-" not in tx.session.get_one(ReceivingAccount, saved.id).promptpay


def test_an_account_with_nonsense_is_refused_field_by_field(tx):
    with refused(tx, "promptpay", "promptpay", ReceivingAccount):
        create_account(tx, AccountFacts("scb-1", "SCB", "123-4-56789-0", "ร้านรวม", "12345"))
    with refused(tx, "account_no", "account_no", ReceivingAccount):
        create_account(tx, AccountFacts("scb-1", "SCB", "<b>12</b>", "ร้านรวม"))


def test_an_account_knows_its_bank_as_slips_name_it_and_what_bill_payment_needs(tx):
    facts = AccountFacts(
        "scb-1", "ไทยพาณิชย์", "123-4-56789-0", "ร้านรวม", biller_id="0105558 1234 5600", ref3_prefix="scb"
    )
    row = tx.session.get_one(ReceivingAccount, create_account(tx, facts).id)
    assert (row.bank_code, row.biller_id, row.ref3_prefix) == ("014", "010555812345600", "SCB")
    other = replace(facts, code="scb-2", bank="ร้านทอง", bank_code="004")
    assert tx.session.get_one(ReceivingAccount, create_account(tx, other).id).bank_code == "004"
    with refused(tx, "biller_id", "biller_id", ReceivingAccount):
        create_account(tx, replace(facts, code="scb-3", biller_id="123"))
    with refused(tx, "bill_reference", "ref3_prefix", ReceivingAccount):
        create_account(tx, replace(facts, code="scb-3", ref3_prefix="S-B"))


def test_a_changed_account_number_shows_in_the_audit(tx):
    saved = create_account(tx, AccountFacts("scb-1", "SCB", "123-4-56789-0", "ร้านรวม"))
    edit_account(tx, Edit(saved.id, 1), AccountFacts("scb-1", "SCB", "999-9-99999-9", "ร้านรวม"))
    assert last_audit(tx).before == {"account_no": "123-4-56789-0"}
    assert last_audit(tx).after == {"account_no": "999-9-99999-9"}


@pytest.mark.parametrize("role", ["sales", "cashier", "warehouse", "accountant", "viewer"])
def test_only_keepers_of_the_setup_write_it(tx, shop, actor, role):
    clerk = Tx(tx.session, actor(role))
    with refused(tx, "forbidden", None, Warehouse):
        create_warehouse(clerk, WarehouseFacts("X", "x"))
    with refused(tx, "forbidden", None, Shop):
        create_shop(clerk, ShopFacts("x", "x", Channel.LINE, shop.bkk))
    with refused(tx, "forbidden", None, ReceivingAccount):
        create_account(clerk, AccountFacts("x", "x", "123456", "x"))
