"""Goods between warehouses: nothing promised leaves, every piece sent is received, under way or accounted for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from oms.audit import AuditLog
from oms.errors import Forbidden
from oms.inventory.models import Bucket, MovementKind, StockLevel, StockMovement, Warehouse
from oms.inventory.states import StepKind, TransferStatus
from oms.inventory.transfer_models import Transfer, TransferLine, TransferStep
from oms.orders.models import Order
from oms.orders.states import StockState
from oms.outbox import Outbox
from oms.reports.auditor import audit_all
from oms.usecases.masters import Edit, WarehouseFacts, edit_warehouse
from oms.usecases.orders_place import place_order
from oms.usecases.stock_checks import StockLine
from oms.usecases.transfers import (
    EditTransfer,
    MoveTransfer,
    PlanTransfer,
    cancel_transfer,
    create_transfer,
    depart_transfer,
    edit_transfer,
    send_transfer,
)
from oms.usecases.transfers_receiving import Arrived, ReceiveTransfer, receive_transfer
from tests.shop import small_shop
from tests.usecases import refusals


@pytest.fixture
def shop(tx):
    return small_shop(tx)


def plan(shop, *lines, key="k", **facts) -> PlanTransfer:
    wanted = tuple(StockLine(shop.skus[i], n) for i, n in lines or ((0, 4), (1, 2)))
    return PlanTransfer(**({"from_id": shop.bkk, "to_id": shop.cnx, "lines": wanted, "idempotency_key": key} | facts))


def sent(tx, shop, *lines, **facts) -> int:
    made = create_transfer(tx, plan(shop, *lines, **facts))
    send_transfer(tx, MoveTransfer(made.transfer_id))
    return made.transfer_id


def level(tx, shop, i, place):
    tx.session.flush()
    row = tx.session.get(StockLevel, (shop.skus[i], place), populate_existing=True)
    return (row.on_hand, row.damaged, row.incoming) if row else None


def line(tx, transfer_id, shop, i) -> TransferLine:
    return tx.session.scalars(
        select(TransferLine).where(TransferLine.transfer_id == transfer_id, TransferLine.sku_id == shop.skus[i])
    ).one()


def books(tx):
    return [str(f) for f in audit_all(tx.session)]


def refused(tx, code, verb, *arguments):
    levels = select(StockLevel.on_hand, StockLevel.incoming, StockLevel.damaged).order_by(
        StockLevel.sku_id, StockLevel.warehouse_id
    )
    before = tx.session.execute(levels).all()
    with refusals.refused(tx, code, None, Transfer, TransferLine, TransferStep, StockMovement):
        verb(tx, *arguments)
    assert tx.session.execute(levels).all() == before


def test_a_load_leaves_is_under_way_and_arrives(tx, shop):
    made = create_transfer(tx, plan(shop, reference="ทะเบียน 1กข-1234"))
    assert made.number.startswith("TR")
    assert made.status is TransferStatus.DRAFT
    assert create_transfer(tx, plan(shop)).repeated
    assert level(tx, shop, 0, shop.bkk) == (10, 0, 0)
    send_transfer(tx, MoveTransfer(made.transfer_id))
    assert (level(tx, shop, 0, shop.bkk), level(tx, shop, 0, shop.cnx)) == ((6, 0, 0), (0, 0, 4))
    assert depart_transfer(tx, MoveTransfer(made.transfer_id)).status is TransferStatus.IN_TRANSIT
    everything = (Arrived(shop.skus[0], 4), Arrived(shop.skus[1], 2))
    done = receive_transfer(tx, ReceiveTransfer(made.transfer_id, everything, "r1"))
    assert (done.status, done.open) == (TransferStatus.RECEIVED, 0)
    assert receive_transfer(tx, ReceiveTransfer(made.transfer_id, everything, "r1")).repeated
    assert level(tx, shop, 0, shop.cnx) == (4, 0, 0)
    kinds = tx.session.execute(
        select(StockMovement.kind, func.sum(StockMovement.quantity)).where(StockMovement.document == made.number)
        .group_by(StockMovement.kind)
    ).all()  # fmt: skip
    assert dict(kinds) == {MovementKind.TRANSFER_OUT: -6, MovementKind.TRANSFER_IN: 6}
    assert books(tx) == []


def test_pieces_arrive_bit_by_bit_and_differences_carry_reason_and_name(tx, shop, actor):
    transfer = sent(tx, shop, (0, 8), (1, 2))
    part = receive_transfer(tx, ReceiveTransfer(transfer, (Arrived(shop.skus[0], 3),), "r1"))
    assert (part.status, part.open) == (TransferStatus.IN_TRANSIT, 7)
    refused(
        tx,
        "reason_missing",
        receive_transfer,
        ReceiveTransfer(transfer, (Arrived(shop.skus[0], 1, StepKind.LOST),), "x"),
    )
    odd = (
        Arrived(shop.skus[0], 1, StepKind.DAMAGED), Arrived(shop.skus[0], 1, StepKind.LOST),
        Arrived(shop.skus[0], 1, StepKind.CAME_BACK), Arrived(shop.skus[1], 5),
    )  # fmt: skip
    clerk = replace(tx, actor=actor("warehouse"))
    part = receive_transfer(clerk, ReceiveTransfer(transfer, odd, "r2", "กล่องแตก 1 หาย 1"))
    assert (part.open, part.surplus) == (2, 3)  # two of the second were under way, five came
    done = receive_transfer(tx, ReceiveTransfer(transfer, (), "r3", "คนขับหาไม่เจอ", rest_lost=True))
    assert done.status is TransferStatus.RECEIVED_WITH_DISCREPANCY
    first, second = line(tx, transfer, shop, 0), line(tx, transfer, shop, 1)
    assert (first.received, first.damaged, first.lost, first.came_back) == (3, 1, 3, 1)
    assert (second.received, second.surplus) == (2, 3)
    assert (level(tx, shop, 0, shop.bkk), level(tx, shop, 0, shop.cnx)) == ((3, 0, 0), (3, 1, 0))
    assert level(tx, shop, 1, shop.cnx) == (5, 0, 0)
    said = tx.session.execute(
        select(TransferStep.kind, TransferStep.quantity, TransferStep.reason, TransferStep.actor)
        .where(TransferStep.transfer_id == transfer, TransferStep.kind == StepKind.DAMAGED)
    ).one()  # fmt: skip
    assert tuple(said) == (StepKind.DAMAGED, 1, "กล่องแตก 1 หาย 1", clerk.actor.label)
    damaged = select(StockMovement.quantity).where(StockMovement.bucket == Bucket.DAMAGED)
    assert tx.session.scalar(damaged) == 1
    assert books(tx) == []


def test_a_product_that_was_not_on_the_paper_is_surplus(tx, shop):
    transfer = sent(tx, shop, (0, 1))
    arrived = (Arrived(shop.skus[0], 1), Arrived(shop.skus[3], 2))
    refused(tx, "reason_missing", receive_transfer, ReceiveTransfer(transfer, arrived, "r"))
    done = receive_transfer(tx, ReceiveTransfer(transfer, arrived, "r", "แถมมาในกล่อง"))
    assert (done.status, done.surplus) == (TransferStatus.RECEIVED_WITH_DISCREPANCY, 2)
    assert line(tx, transfer, shop, 3).quantity == 0
    assert level(tx, shop, 3, shop.cnx) == (2, 0, 0)
    assert books(tx) == []


def test_promised_pieces_cannot_be_sent_away(tx, shop):
    order = place_order(tx, shop.order((0, 8), confirm=True))
    made = create_transfer(tx, plan(shop, (0, 3)))
    with refusals.refused(tx, "stock_short", "lines", StockMovement):
        send_transfer(tx, MoveTransfer(made.transfer_id))
    assert order.number
    refused(
        tx, "stock_short", send_transfer, MoveTransfer(create_transfer(tx, plan(shop, (1, 11), key="m")).transfer_id)
    )
    edit_transfer(
        tx, EditTransfer(made.transfer_id, tx.session.get_one(Transfer, made.transfer_id).version, plan(shop, (0, 2)))
    )
    send_transfer(tx, MoveTransfer(made.transfer_id))
    assert books(tx) == []


def test_orders_that_wait_get_what_arrives(tx, shop):
    cmd = shop.order((0, 1), confirm=True, warehouse_id=shop.cnx, stock="may_wait")
    waiting = place_order(tx, cmd).order_id
    transfer = sent(tx, shop, (0, 2))
    receive_transfer(tx, ReceiveTransfer(transfer, (Arrived(shop.skus[0], 2),), "r"))
    freed = tx.session.scalars(select(Outbox).where(Outbox.topic == "stock.freed")).all()
    assert [row.payload["keys"] for row in freed] == [f"{shop.skus[0]}:{shop.cnx}"]
    assert tx.session.get_one(Order, waiting).stock_state is StockState.SHORT


def test_what_cannot_be_is_refused(tx, shop):
    for facts, code in (
        ({"to_id": shop.bkk}, "same_warehouse"), ({"to_id": 0}, "warehouse_closed"), ({"lines": ()}, "lines_missing"),
        ({"lines": (StockLine(shop.bundle, 1),)}, "sku_is_bundle"), ({"lines": (StockLine(shop.skus[0], 0),)}, "quantity_range"),
        ({"lines": (StockLine(shop.skus[0], 1), StockLine(shop.skus[0], 2))}, "sku_twice"),
    ):  # fmt: skip
        refused(tx, code, create_transfer, plan(shop, key=code, **facts))
    made = create_transfer(tx, plan(shop))
    arrived = (Arrived(shop.skus[0], 1),)
    refused(tx, "transfer_finish_refused", receive_transfer, ReceiveTransfer(made.transfer_id, arrived, "r"))
    refused(tx, "stale", send_transfer, MoveTransfer(made.transfer_id, 99))
    refused(tx, "missing", cancel_transfer, MoveTransfer(made.transfer_id))
    send_transfer(tx, MoveTransfer(made.transfer_id))
    refused(tx, "transfer_send_refused", send_transfer, MoveTransfer(made.transfer_id))
    refused(tx, "transfer_cancel_refused", cancel_transfer, MoveTransfer(made.transfer_id, reason="x"))
    refused(tx, "transfer_sent", edit_transfer, EditTransfer(made.transfer_id, 2, plan(shop)))
    refused(tx, "lines_missing", receive_transfer, ReceiveTransfer(made.transfer_id, (), "r"))
    too_many = (Arrived(shop.skus[0], 5, StepKind.LOST),)
    refused(tx, "not_under_way", receive_transfer, ReceiveTransfer(made.transfer_id, too_many, "r", "x"))
    refused(tx, "transfer_not_found", send_transfer, MoveTransfer(999_999))


def test_a_canceled_draft_keeps_its_number(tx, shop):
    first = create_transfer(tx, plan(shop))
    assert cancel_transfer(tx, MoveTransfer(first.transfer_id, reason="ไม่ส่งแล้ว")).status is TransferStatus.CANCELED
    second = create_transfer(tx, plan(shop, key="2"))
    assert int(second.number[-6:]) == int(first.number[-6:]) + 1
    assert tx.session.scalar(select(func.count()).where(AuditLog.action == "transfer.canceled")) == 1
    assert books(tx) == []


def test_each_side_does_its_own_part(tx, shop, actor):
    here = replace(tx, actor=actor("warehouse", warehouses=frozenset({shop.bkk})))
    there = replace(tx, actor=actor("warehouse", warehouses=frozenset({shop.cnx})))
    stranger = replace(tx, actor=actor("warehouse", warehouses=frozenset({999})))
    refused(stranger, "warehouse_scope", create_transfer, plan(shop))
    made = create_transfer(there, plan(shop))  # the receiver asks for goods
    refused(there, "warehouse_scope", send_transfer, MoveTransfer(made.transfer_id))
    refused(stranger, "transfer_not_found", send_transfer, MoveTransfer(made.transfer_id))
    send_transfer(here, MoveTransfer(made.transfer_id))
    arrived = (Arrived(shop.skus[0], 4),)
    refused(here, "warehouse_scope", receive_transfer, ReceiveTransfer(made.transfer_id, arrived, "r"))
    receive_transfer(there, ReceiveTransfer(made.transfer_id, arrived, "r"))
    back = (Arrived(shop.skus[1], 1, StepKind.CAME_BACK),)
    refused(there, "warehouse_scope", receive_transfer, ReceiveTransfer(made.transfer_id, back, "b", "ตีกลับ"))
    receive_transfer(here, ReceiveTransfer(made.transfer_id, back, "b", "ตีกลับ"))
    with pytest.raises(Forbidden):
        create_transfer(replace(tx, actor=actor("sales")), plan(shop, key="z"))


def test_a_warehouse_with_goods_on_the_way_cannot_be_closed(tx, shop):
    sent(tx, shop)
    row = tx.session.get_one(Warehouse, shop.cnx)
    facts = WarehouseFacts("CNX", "เชียงใหม่", is_active=False)
    refused(tx, "warehouse_holds_stock", edit_warehouse, Edit(row.id, row.version), facts)
