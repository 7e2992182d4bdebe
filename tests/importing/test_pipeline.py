"""Files become orders: checked first, written once, the ledger closed, and a later file follows without undoing work."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from oms import clock
from oms.audit import AuditLog
from oms.db import db
from oms.intake.models import ImportedOrder, IntakeConflict
from oms.intake.states import RunStatus
from oms.orders.models import Order, OrderLine
from oms.orders.states import Board, OrderStatus, PaymentStatus
from oms.usecases import intake
from tests.importing.conftest import Desk, counts
from tests.importing.test_formats import NOW
from tests.samples import marketplaces as market
from tests.samples.marketplaces import Item, Sample


@pytest.fixture(autouse=True)
def _today():
    with clock.at(NOW):
        yield


def orders() -> list[Order]:
    statement = select(Order).order_by(Order.external_no).execution_options(populate_existing=True)
    return list(db.session.scalars(statement))


def total(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


THREE = [
    Sample("A1", (Item("RU-0001", 2, 90), Item("RU-0002", 1, 150)), shipping=40, seller_voucher=30, platform_voucher=5),
    Sample("A2", (Item("RU-0003", 1, 250),), phone="0898765432", name="ธนพล ศรีสุข", buyer="tp"),
    Sample("A3", (Item("RU-0001"), Item("RU-0002"), Item("RU-0003")), phone="", buyer="tp"),
]


def test_a_check_writes_nothing_and_the_commit_gives_exactly_its_result(desk: Desk):
    before = total(AuditLog)
    run = desk.check(market.shopee(THREE))
    assert (run.status, total(Order), total(ImportedOrder)) == (RunStatus.CHECKED, 0, 0)
    assert total(AuditLog) == before + 1, "that the file was received"
    assert run.planned["created"] == 6
    run = desk.commit(run.id)
    assert run.status is RunStatus.DONE
    assert run.written == run.planned
    assert counts(run) == {"created": 6}
    assert run.written["records"]["created"] == 3
    assert [o.external_no for o in orders()] == ["A1", "A2", "A3"]


def test_an_order_of_a_marketplace_is_paid_there_and_reserved_here(desk: Desk):
    desk.take(market.shopee(THREE))
    first, second, third = orders()
    assert (first.board, first.payment_status) == (Board.READY, PaymentStatus.CREDIT)
    assert (str(first.goods_total), str(first.discount), str(first.shipping_fee)) == ("330.00", "30.00", "40.00")
    assert (str(first.total), str(first.channel_discount)) == ("340.00", "5.00")
    assert (first.channel_status, first.ship_province) == ("ที่ต้องจัดส่ง", "กรุงเทพมหานคร")
    assert second.customer_id == third.customer_id, "the same buyer on the same marketplace"
    assert {a.source for a in db.session.scalars(select(AuditLog))}


def test_the_same_file_again_changes_nothing(desk: Desk):
    desk.take(market.shopee(THREE))
    before = total(AuditLog)
    run = desk.take(market.shopee(THREE))
    assert counts(run) == {"unchanged": 6}
    assert total(Order) == 3
    assert total(AuditLog) == before + 3, "received, committed, finished"


@pytest.mark.parametrize("code", ["shopee", "lazada", "tiktok", "line_shopping"])
def test_every_format_goes_all_the_way(desk: Desk, code):
    maker = {"shopee": market.shopee, "lazada": market.lazada, "tiktok": market.tiktok,
             "line_shopping": market.line_shopping}[code]  # fmt: skip
    rows = maker(THREE)
    run = desk.take(rows)
    assert (run.format, run.status) == (code, RunStatus.DONE)
    assert counts(run) == {"created": len(rows) - (2 if code == "tiktok" else 1)}
    assert total(Order) == 3
    assert total(OrderLine) == 6


def test_goods_that_had_left_take_no_stock_and_canceled_orders_are_kept_as_history(desk: Desk):
    stages = ["shipped", "delivered", "completed", "canceled", "unpaid", "returned"]
    samples = [
        Sample(f"B{n}", stage=stage, tracking=f"TH{n}" if stage not in {"canceled", "unpaid"} else "")
        for n, stage in enumerate(stages)
    ]
    desk.take(market.shopee(samples))
    boards = [o.board for o in orders()]
    assert boards == [
        Board.HANDED_OVER, Board.COMPLETED, Board.COMPLETED, Board.CANCELED, Board.WAITING_PAYMENT, Board.HANDED_OVER,
    ]  # fmt: skip
    assert [o.left_before for o in orders()] == [True, True, True, False, False, True]


def test_an_unknown_sku_is_quarantined_whole_and_the_rest_goes_on(desk: Desk):
    samples = [*THREE, Sample("X1", (Item("RU-0001"), Item("NO-SUCH")))]
    run = desk.take(market.shopee(samples))
    assert counts(run) == {"created": 6, "quarantined": 2}
    assert [(p, c) for p, c in desk.problems(run.id)] == [(9, "sku_unknown")]
    assert desk.items(run.id)[3].unknown_skus == ["NO-SUCH"]
    assert total(Order) == 3


def test_rows_without_a_number_are_rejected_and_counted(desk: Desk):
    rows = market.tiktok(THREE)
    rows.append(list(rows[-1]))
    rows[-1][0] = ""
    rows.append(list(rows[-1]))
    rows[-1][0] = "5.78E+17"
    run = desk.take(rows)
    assert counts(run) == {"created": 6, "rejected": 2}
    assert [code for _, code in desk.problems(run.id)] == ["order_number_missing", "excel_changed"]


def test_a_later_file_moves_orders_forward_and_fills_tracking(desk: Desk):
    desk.take(market.shopee(THREE))
    later = [
        THREE[0].now("shipped", tracking="TH001"),
        THREE[1].now("completed", tracking="TH002"),
        THREE[2].now("canceled", cancel_reason="ลูกค้าเปลี่ยนใจ"),
    ]
    run = desk.take(market.shopee(later))
    assert counts(run) == {"updated": 6}
    assert [o.board for o in orders()] == [Board.HANDED_OVER, Board.COMPLETED, Board.CANCELED]
    assert counts(desk.take(market.shopee(later))) == {"unchanged": 6}
    assert counts(desk.take(market.shopee(THREE))) == {"unchanged": 6}, "an older export moves nothing back"
    assert [o.status for o in orders()] == [OrderStatus.CONFIRMED, OrderStatus.COMPLETED, OrderStatus.CANCELED]


def test_payment_on_the_marketplace_arrives_with_a_later_file(desk: Desk):
    desk.take(market.shopee([Sample("U1", stage="unpaid")]))
    assert orders()[0].board is Board.WAITING_PAYMENT
    desk.take(market.shopee([Sample("U1", stage="to_ship")]))
    assert orders()[0].board is Board.READY


def test_tracking_that_comes_after_the_goods_left_is_filled_in(desk: Desk):
    desk.take(market.shopee([Sample("T1", stage="shipped")]))
    run = desk.take(market.shopee([Sample("T1", stage="shipped", tracking="TH77")]))
    assert counts(run) == {"updated": 1}
    assert total(IntakeConflict) == 0
    run = desk.take(market.shopee([Sample("T1", stage="shipped", tracking="TH78")]))
    assert [(c.field, c.ours, c.theirs) for c in db.session.scalars(select(IntakeConflict))] == [
        ("tracking", "TH77", "TH78")
    ]


def test_what_staff_changed_is_not_overwritten_but_shown_as_a_conflict(desk: Desk):
    desk.take(market.shopee([THREE[0]]))
    order = orders()[0]
    with desk.unit() as tx:
        tx.session.get(Order, order.id).ship_name = "ชื่อที่พนักงานแก้"
    desk.take(market.shopee([THREE[0].now("to_ship", name="ชื่อใหม่", phone="0811111111")]))
    order = orders()[0]
    assert order.ship_name == "ชื่อที่พนักงานแก้"
    assert order.ship_phone == "0811111111", "what staff left alone follows the channel"
    [conflict] = db.session.scalars(select(IntakeConflict))
    assert (conflict.field, conflict.ours, conflict.theirs) == ("ship_name", "ชื่อที่พนักงานแก้", "ชื่อใหม่")


def test_masked_names_in_a_later_file_replace_nothing(desk: Desk):
    desk.take(market.shopee([THREE[0]]))
    desk.take(market.shopee([THREE[0].now("to_ship", name="ก*****ว", phone="******78")]))
    assert (orders()[0].ship_name, orders()[0].ship_phone) == (THREE[0].name, THREE[0].phone)
    assert total(IntakeConflict) == 0


def test_a_channel_that_ships_an_order_on_hold_meets_the_gate(desk: Desk):
    from oms.orders.states import HoldReason
    from oms.usecases.orders_holds import HoldOrder, hold_order

    desk.take(market.shopee([THREE[0]]))
    with desk.unit() as tx:
        hold_order(tx, HoldOrder(orders()[0].id, HoldReason.FRAUD))
    desk.take(market.shopee([THREE[0].now("shipped", tracking="TH9")]))
    assert orders()[0].board is Board.ON_HOLD
    [conflict] = db.session.scalars(select(IntakeConflict))
    assert (conflict.field, conflict.theirs) == ("status", "shipped")


def test_two_orders_in_one_parcel_do_not_stop_the_file(desk: Desk):
    desk.take(
        market.shopee([Sample("P1", stage="shipped", tracking="TH5"), Sample("P2", stage="shipped", tracking="TH5")])
    )
    assert [o.board for o in orders()] == [Board.HANDED_OVER, Board.HANDED_OVER]
    [conflict] = db.session.scalars(select(IntakeConflict))
    assert conflict.theirs == "TH5"


def test_the_same_order_pasted_twice_counts_once_but_two_stories_stop_it(desk: Desk):
    rows = market.shopee([THREE[0], THREE[1]])
    run = desk.take([*rows, *rows[1:3]])
    assert counts(run) == {"created": 5}
    assert total(OrderLine) == 3
    other = market.shopee([Sample("D1"), Sample("D2"), Sample("D1", stage="shipped")])
    run = desk.take(other)
    assert counts(run) == {"created": 1, "quarantined": 2}
    assert desk.problems(run.id) == [(4, "order_twice")]


def test_a_refused_file_says_why_and_takes_nothing_in(desk: Desk):
    run = desk.check(b"PK\x03\x04 broken", name="orders.xlsx")
    assert (run.status, run.refusal["code"]) == (RunStatus.REFUSED, "file_damaged")
    assert total(Order) == 0


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp874", "utf-16"])
def test_a_text_file_cut_in_half_is_refused_wherever_the_cut_is(desk: Desk, encoding):
    whole = market.as_csv(market.shopee(market.samples(12, seed=9)), encoding)
    for share in (0.31, 0.5, 0.77):
        cut = whole[: int(len(whole) * share)]
        run = desk.check(cut)
        assert run.status is RunStatus.REFUSED, share
        assert run.refusal["code"] in {"file_cut_off", "file_encoding", "file_quotes"}
    assert total(Order) == 0


def test_a_short_last_line_of_a_hand_made_file_is_no_cut(desk: Desk):
    rows = b"order no,name,sku,qty,note\r\nH1,A,RU-0001,1\r\nH2,B,RU-0001,1"
    assert counts(desk.take(rows)) == {"created": 2}


def test_a_stopped_run_goes_on_where_it_stopped(desk: Desk, monkeypatch):
    from oms.importing import pipeline

    monkeypatch.setattr(pipeline, "CHUNK", 4)
    samples = [Sample(f"C{n:02d}") for n in range(10)]
    run = desk.check(market.shopee(samples))
    with desk.unit() as tx:
        intake.commit_run(tx, run.id, queue=False)
    steps = []

    def stop_after_two(tx):
        steps.append(1)
        if len(steps) == 3:
            intake.cancel_run(tx, run.id)

    assert desk.work(run.id, beat=stop_after_two) is RunStatus.CANCELED
    run = desk.run(run.id)
    assert (run.created, total(Order)) == (4, 4)
    run = desk.commit(run.id)
    assert (run.status, counts(run), total(Order)) == (RunStatus.DONE, {"created": 10}, 10)


def test_a_run_killed_between_two_batches_has_each_effect_once(desk: Desk, monkeypatch):
    from oms.importing import pipeline

    monkeypatch.setattr(pipeline, "CHUNK", 3)
    run = desk.check(market.shopee([Sample(f"K{n}") for n in range(7)]))
    with desk.unit() as tx:
        intake.commit_run(tx, run.id, queue=False)
    beats = iter(range(3))

    def die(_):
        if next(beats) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.work(run.id, beat=die)
    assert total(Order) == 3
    assert desk.work(run.id) is RunStatus.DONE
    assert (total(Order), counts(desk.run(run.id))) == (7, {"created": 7})
