"""What waits is worked on: products named, cells mended, differences decided. The ledger follows and never opens."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from oms import clock
from oms.actor import Actor
from oms.catalog.models import ChannelSku
from oms.db import db, transaction
from oms.errors import Forbidden, OmsError
from oms.importing import quarantine
from oms.intake.models import IntakeConflict
from oms.intake.states import ConflictStatus
from oms.orders.models import Order, OrderLine
from oms.orders.states import Board
from oms.permissions import ROLES
from oms.usecases.intake_conflicts import DecideConflict, decide_conflict
from tests.importing.conftest import Desk, counts
from tests.importing.test_formats import NOW
from tests.importing.test_pipeline import orders, total
from tests.samples import marketplaces as market
from tests.samples.marketplaces import Item, Sample


@pytest.fixture(autouse=True)
def _today():
    with clock.at(NOW):
        yield


def sales() -> Actor:
    role = next(r for r in ROLES if r.name == "sales")
    return Actor("user", "มะลิ", 7, role="sales", actions=role.actions, discount_limit=10)


WAITING = [
    Sample("Q1", (Item("RU-0001"), Item("PACK-3", 2, 299))),
    Sample("Q2", (Item("PACK-3", 1, 299),), phone="0812222222"),
    Sample("Q3", (Item("OTHER"),)),
]


def test_naming_a_product_lets_every_order_go_that_waited_for_it(desk: Desk):
    run = desk.take(market.shopee(WAITING))
    assert counts(run) == {"quarantined": 4}
    with transaction(sales()) as tx:
        done = quarantine.map_and_release(
            tx, quarantine.MapAndRelease(desk.shop.shopee, "PACK-3", desk.shop.skus[0], multiplier=3)
        )
    assert (done.released, done.waiting) == (2, 0)
    assert counts(desk.run(run.id)) == {"created": 3, "quarantined": 1}
    assert [o.external_no for o in orders()] == ["Q1", "Q2"]
    pack = db.session.scalars(select(OrderLine).where(OrderLine.quantity == 6)).one()
    assert (str(pack.unit_price), str(pack.discount), str(pack.total)) == ("99.67", "0.02", "598.00")
    assert total(ChannelSku) == 1


def test_a_role_without_the_right_may_not_release(desk: Desk):
    run = desk.take(market.shopee(WAITING))
    viewer = Actor("user", "ผู้ชม", 9, actions=frozenset({"order.view", "intake.import"}))
    with pytest.raises(Forbidden), transaction(viewer) as tx:
        quarantine.map_and_release(tx, quarantine.MapAndRelease(desk.shop.shopee, "OTHER", desk.shop.skus[0]))
    assert counts(desk.run(run.id)) == {"quarantined": 4}
    assert total(ChannelSku) == 0


def test_a_mended_cell_goes_in_and_the_raw_row_stays(desk: Desk):
    rows = market.shopee([Sample("M1"), Sample("M2")])
    column = rows[0].index("จำนวน")
    rows[1][column] = "สอง"
    run = desk.take(rows)
    assert counts(run) == {"created": 1, "quarantined": 1}
    with transaction(sales()) as tx:
        done = quarantine.mend_and_release(tx, quarantine.MendItem(run.id, 1, {2: {column: "2"}}))
    assert done.released == 1
    assert counts(desk.run(run.id)) == {"created": 2}
    assert orders()[0].item_count == 2
    with desk.unit() as tx:
        record = quarantine.pipeline.load_records(tx, run.id, [(1, "M1")])[0]
    assert record.rows[0].cells[column] == "2"


def test_a_mend_that_does_not_help_leaves_the_record_waiting(desk: Desk):
    rows = market.shopee([Sample("M1")])
    column = rows[0].index("จำนวน")
    rows[1][column] = "สอง"
    run = desk.take(rows)
    with transaction(sales()) as tx:
        done = quarantine.mend_and_release(tx, quarantine.MendItem(run.id, 1, {2: {column: "-2"}}))
    assert (done.released, done.waiting) == (0, 1)
    assert desk.problems(run.id) == [(2, "quantity_range")]
    with pytest.raises(OmsError), transaction(sales()) as tx:
        quarantine.mend_and_release(tx, quarantine.MendItem(run.id, 1, {99: {column: "1"}}))


def test_a_newer_file_answers_what_an_older_one_left_waiting(desk: Desk):
    rows = market.shopee([Sample("N1")])
    rows[1][rows[0].index("จำนวน")] = ""
    old = desk.take(rows).id
    new = desk.take(market.shopee([Sample("N1")]))
    assert counts(new) == {"created": 1}
    item = desk.items(old)[0]
    assert item.closed_at is not None
    assert counts(desk.run(old)) == {"quarantined": 1}, "what the old file was stays as it was"
    with pytest.raises(OmsError, match="does not wait"), transaction(sales()) as tx:
        quarantine.close_item(tx, old, 1, "เก่า")


def test_a_record_may_be_closed_with_a_reason(desk: Desk):
    run = desk.take(market.shopee([WAITING[2]]))
    with transaction(sales()) as tx:
        quarantine.close_item(tx, run.id, 1, "ทดสอบ")
    assert desk.items(run.id)[0].closed_why == "ทดสอบ"
    assert counts(desk.run(run.id)) == {"quarantined": 1}


def _conflict(desk: Desk) -> IntakeConflict:
    desk.take(market.shopee([Sample("C1")]))
    with desk.unit() as tx:
        tx.session.get(Order, orders()[0].id).ship_name = "ของเรา"
    desk.take(market.shopee([Sample("C1", name="ของเขา")]))
    return db.session.scalars(select(IntakeConflict)).one()


@pytest.mark.parametrize(("take", "name", "status"), [
    (True, "ของเขา", ConflictStatus.TAKEN), (False, "ของเรา", ConflictStatus.KEPT)
])  # fmt: skip
def test_the_clerk_keeps_ours_or_takes_theirs(desk: Desk, take, name, status):
    conflict = _conflict(desk)
    with transaction(sales()) as tx:
        decide_conflict(tx, DecideConflict(conflict.id, take=take))
    db.session.expire_all()
    assert (orders()[0].ship_name, db.session.get(IntakeConflict, conflict.id).status) == (name, status)
    with pytest.raises(OmsError, match="decided"), transaction(sales()) as tx:
        decide_conflict(tx, DecideConflict(conflict.id, take=True))


def test_a_refused_step_is_tried_again_when_the_clerk_takes_theirs(desk: Desk):
    from oms.orders.states import HoldReason
    from oms.usecases.orders_holds import HoldOrder, ReleaseHold, hold_order, release_hold

    desk.take(market.shopee([Sample("G1")]))
    with desk.unit() as tx:
        hold_order(tx, HoldOrder(orders()[0].id, HoldReason.FRAUD))
    desk.take(market.shopee([Sample("G1", stage="shipped", tracking="TH31")]))
    conflict = db.session.scalars(select(IntakeConflict)).one()
    with pytest.raises(OmsError), desk.unit() as tx:
        decide_conflict(tx, DecideConflict(conflict.id, take=True))
    with desk.unit() as tx:
        release_hold(tx, ReleaseHold(orders()[0].id))
        decide_conflict(tx, DecideConflict(conflict.id, take=True))
    assert orders()[0].board is Board.HANDED_OVER


def test_items_change_only_by_amendment(desk: Desk):
    desk.take(market.shopee([Sample("I1")]))
    desk.take(market.shopee([Sample("I1", (Item("RU-0001", 5),))]))
    fields = {c.field: c for c in db.session.scalars(select(IntakeConflict))}
    assert set(fields) == {"items", "total"}
    assert db.session.scalar(select(func.sum(OrderLine.quantity))) == 1
    with pytest.raises(OmsError, match="amend"), desk.unit() as tx:
        decide_conflict(tx, DecideConflict(fields["items"].id, take=True))
    with desk.unit() as tx:
        decide_conflict(tx, DecideConflict(fields["items"].id, take=False))
