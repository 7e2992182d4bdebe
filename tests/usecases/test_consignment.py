"""Goods on a partner's shelf: sent, sold, settled to the satang, taken back; and never promised to an order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from oms import clock
from oms.catalog.models import Routing
from oms.errors import Forbidden
from oms.inventory.availability import places
from oms.inventory.consignment_models import ConsignmentPartner, Settlement
from oms.inventory.models import MovementKind, StockLevel, StockMovement, Warehouse, WarehouseKind
from oms.inventory.routing_models import RuleAction
from oms.inventory.states import SettlementStatus, TransferStatus
from oms.money import Money
from oms.orders.models import Order
from oms.reports.auditor import audit_all
from oms.usecases.consignment import (
    CancelSettlement,
    EditPartner,
    PartnerFacts,
    PaySettlement,
    ReportSold,
    Sold,
    cancel_settlement,
    commission_of,
    create_partner,
    edit_partner,
    pay_settlement,
    report_sold,
)
from oms.usecases.masters import Edit, ShopFacts, edit_shop
from oms.usecases.orders_place import Stock, place_order
from oms.usecases.routing_moves import RerouteOrder, reroute_order
from oms.usecases.routing_rules import RuleFacts, create_rule
from oms.usecases.stock_checks import StockLine
from oms.usecases.transfers import MoveTransfer, PlanTransfer, create_transfer, send_transfer
from oms.usecases.transfers_receiving import Arrived, ReceiveTransfer, receive_transfer
from tests.network import network
from tests.usecases import refusals

FACTS = PartnerFacts(
    "MUJU", "ร้านมูจู สยาม", Decimal("30.5"), "คุณแพร", "080-000-2000", "กรุงเทพมหานคร", "999 พระราม 1", pay_days=15
)  # fmt: skip


@pytest.fixture
def net(tx):
    return network(tx)


@pytest.fixture
def shelf(tx, net) -> int:
    """A partner with six of the first SKU and four of the second."""
    partner = create_partner(tx, FACTS).id
    carry(tx, net, net.shop.bkk, partner, (0, 6), (1, 4))
    return partner


def carry(tx, net, here, there, *lines):
    wanted = tuple(StockLine(net.shop.skus[i], n) for i, n in lines)
    made = create_transfer(tx, PlanTransfer(here, there, wanted, f"{here}-{there}-{lines}"))
    send_transfer(tx, MoveTransfer(made.transfer_id))
    arrived = tuple(Arrived(line.sku_id, line.quantity) for line in wanted)
    return receive_transfer(tx, ReceiveTransfer(made.transfer_id, arrived, "r"))


def on_shelf(tx, net, shelf, i) -> int:
    tx.session.flush()
    return tx.session.get(StockLevel, (net.shop.skus[i], shelf), populate_existing=True).on_hand


def report(net, shelf, *lines, key="s", **facts) -> ReportSold:
    sold = tuple(Sold(net.shop.skus[i], n, Money(Decimal(p)) if p else None) for i, n, p in lines)
    return ReportSold(shelf, sold, key, **facts)


def books(tx):
    return [str(f) for f in audit_all(tx.session)]


def refused(tx, code, verb, *arguments):
    with refusals.refused(tx, code, None, Settlement, StockMovement, Warehouse, ConsignmentPartner):
        verb(tx, *arguments)


def test_sold_pieces_leave_the_shelf_and_become_a_debt(tx, net, shelf):
    cmd = report(net, shelf, (0, 2, "159.75"), (1, 1, None), (0, 1, "150"), reference="ใบขาย 12")
    made = report_sold(tx, cmd)
    assert made.number.startswith("CS")
    assert made.sold == Money(Decimal("669.50"))  # 319.50 + 200 + 150
    assert made.commission == Money(Decimal("204.20"))  # 30.5 % is 204.1975
    assert made.due == Money(Decimal("465.30"))
    assert report_sold(tx, cmd).repeated
    assert (on_shelf(tx, net, shelf, 0), on_shelf(tx, net, shelf, 1)) == (3, 3)
    row = tx.session.get_one(Settlement, made.settlement_id)
    assert (row.status, row.due_on, row.pieces) == (SettlementStatus.OPEN, clock.today() + timedelta(days=15), 4)
    kinds = tx.session.scalars(select(StockMovement.kind).where(StockMovement.document == made.number)).all()
    assert set(kinds) == {MovementKind.CONSIGN_SOLD}
    pay_settlement(tx, PaySettlement(made.settlement_id, clock.today(), "โอน KBANK"))
    assert row.status is SettlementStatus.PAID
    refused(tx, "settlement_cancel_refused", cancel_settlement, CancelSettlement(made.settlement_id, "x"))
    assert books(tx) == []


def test_a_wrong_report_is_canceled_and_the_pieces_lie_there_again(tx, net, shelf):
    made = report_sold(tx, report(net, shelf, (0, 2, None)))
    refused(tx, "missing", cancel_settlement, CancelSettlement(made.settlement_id, " "))
    cancel_settlement(tx, CancelSettlement(made.settlement_id, "พาร์ทเนอร์แจ้งผิด"))
    assert on_shelf(tx, net, shelf, 0) == 6
    refused(tx, "settlement_pay_refused", pay_settlement, PaySettlement(made.settlement_id, clock.today()))
    assert books(tx) == []


def test_a_report_that_cannot_be_is_refused(tx, net, shelf):
    refused(tx, "stock_short", report_sold, report(net, shelf, (0, 7, None)))
    refused(tx, "stock_short", report_sold, report(net, shelf, (0, 4, "1"), (0, 3, "2")))
    refused(tx, "lines_missing", report_sold, report(net, shelf))
    refused(tx, "price_range", report_sold, report(net, shelf, (0, 1, "-1")))
    refused(tx, "quantity_range", report_sold, report(net, shelf, (0, 0, None)))
    refused(tx, "partner_not_found", report_sold, report(net, net.shop.bkk, (0, 1, None)))
    refused(tx, "commission_range", report_sold, report(net, shelf, (0, 1, None), commission=Decimal("30.555")))
    days = {"sold_from": clock.today(), "sold_to": clock.today() - timedelta(days=1)}
    refused(tx, "days_reversed", report_sold, report(net, shelf, (0, 1, None), **days))
    made = report_sold(tx, report(net, shelf, (0, 1, None)))
    refused(tx, "future", pay_settlement, PaySettlement(made.settlement_id, clock.today() + timedelta(days=1)))
    refused(tx, "stale", pay_settlement, PaySettlement(made.settlement_id, clock.today(), version=99))


def test_goods_come_back_from_the_partner_by_transfer(tx, net, shelf):
    assert carry(tx, net, shelf, net.shop.bkk, (0, 2)).status is TransferStatus.RECEIVED
    assert on_shelf(tx, net, shelf, 0) == 4
    assert books(tx) == []


def test_orders_are_never_sent_from_a_partner(tx, net, shelf):
    assert shelf not in {p.id for p in places(tx.session, tx.actor)}
    assert shelf in {p.id for p in places(tx.session, tx.actor, partners=True)}
    refused(tx, "stock_short", place_order, net.order((0, 5), to="capital"))  # 4 are ours, 6 on the shelf
    waits = place_order(tx, net.order((0, 5), to="capital", stock=Stock.MAY_WAIT)).order_id
    refused(tx, "warehouse_partner", reroute_order, RerouteOrder(waits, shelf, reason="x"))
    refused(tx, "warehouse_partner", place_order, net.order((0, 1), warehouse_id=shelf))
    refused(tx, "warehouse_closed", create_rule, RuleFacts("x", RuleAction.USE, shelf))
    shop = tx.session.get_one(type(tx.session.get_one(Order, waits).shop), net.shop.line)
    facts = ShopFacts("line", "ร้านไลน์", shop.channel, shelf)
    refused(tx, "warehouse_closed", edit_shop, Edit(shop.id, shop.version), facts)
    assert shop.routing is Routing.AUTOMATIC
    assert books(tx) == []


def test_a_partner_is_changed_over_the_version_seen_and_closed_when_empty(tx, net, shelf, actor):
    row = tx.session.get_one(Warehouse, shelf)
    assert row.kind is WarehouseKind.CONSIGNMENT
    partner = tx.session.get_one(ConsignmentPartner, shelf)
    changed = replace(FACTS, commission=Decimal(25), name="มูจู")
    assert edit_partner(tx, EditPartner(shelf, partner.version, changed)).changed
    assert (row.name, partner.commission) == ("มูจู", Decimal(25))
    refused(tx, "stale", edit_partner, EditPartner(shelf, 0, changed))
    refused(
        tx,
        "warehouse_holds_stock",
        edit_partner,
        EditPartner(shelf, partner.version, replace(changed, is_active=False)),
    )
    for facts, code in (
        (replace(FACTS, code="MUJU"), "taken"), (replace(FACTS, code="N", name=""), "missing"),
        (replace(FACTS, code="N", commission=Decimal(101)), "commission_range"),
        (replace(FACTS, code="N", tax_id="123"), "tax_id"), (replace(FACTS, code="N", pay_days=-1), "number_range"),
    ):  # fmt: skip
        refused(tx, code, create_partner, facts)
    with pytest.raises(Forbidden):
        create_partner(replace(tx, actor=actor("warehouse")), replace(FACTS, code="N"))
    local = replace(tx, actor=actor("accountant", warehouses=frozenset({net.shop.bkk})))
    refused(local, "partner_not_found", report_sold, report(net, shelf, (0, 1, None)))


@given(satang=st.integers(0, 10**11), rate=st.decimals(0, 100, places=2))
def test_commission_is_rounded_half_up_once(satang, rate):
    fee = commission_of(Money.satang(satang), rate)
    assert abs(fee.in_satang - satang * rate / 100) <= Decimal("0.5")
    assert 0 <= fee.in_satang <= satang
