"""An order is amended while its goods are in boxes: what goes on, what is packed anew, what a printed label forbids."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from oms import clock
from oms.errors import OmsError
from oms.intake.models import IntakeConflict, IntakeRun
from oms.intake.records import OrderIn, RecipientIn, Stage
from oms.intake.states import IntakeKind, RunStatus
from oms.inventory.models import Reservation, ReservationStatus
from oms.orders import amending
from oms.orders.amending import AmendedLine
from oms.orders.models import Order
from oms.orders.states import Board, PaymentTerm
from oms.reports.auditor import audit_all
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.intake_conflicts import DecideConflict, decide_conflict
from oms.usecases.intake_merge import Follow, follow_orders
from oms.usecases.orders_amend import CloseChange, OpenChange, ProposeChange, apply_change, open_change, propose_change
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_combine import CombineShipments, SplitShipment, combine_shipments, split_shipment
from oms.usecases.shipping_work import (
    PackShipment,
    VoidLabel,
    hand_over_shipments,
    mark_labeled,
    pack_shipment,
    start_picking,
    void_label,
)
from tests.shop import SmallShop, small_shop
from tests.usecases.boxes import content, good, moved, ready, stored
from tests.usecases.money import order_of, placed
from tests.usecases.refusals import refused

S = ShipmentStatus
COD = {"payment_term": PaymentTerm.COD}


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


def amend(tx, order_id: int, *, street: str = "", pieces: int | None = None, sku: int | None = None) -> None:
    now = amending.as_it_is(order_of(tx, order_id))
    address = {**now.address, **({"ship_line": street} if street else {})}
    lines = now.lines
    if pieces is not None:
        lines = (replace(lines[0], quantity=pieces), *lines[1:])
    if sku is not None:
        lines = (*lines, AmendedLine(sku, 1))
    open_change(tx, OpenChange(order_id, "the buyer called"))
    propose_change(tx, ProposeChange(order_id, replace(now, address=address, lines=lines)))
    apply_change(tx, CloseChange(order_id))


@pytest.mark.parametrize("stage", [S.READY, S.PICKING, S.PACKED])
def test_before_the_label_the_address_follows_and_the_box_stays(tx, shop, stage):
    order_id, shipment_id = ready(tx, shop, **COD)
    if stage is S.PICKING:
        start_picking(tx, [shipment_id])
    elif stage is S.PACKED:
        pack_shipment(tx, PackShipment(shipment_id))
    amend(tx, order_id, street="99 หมู่ 9")
    assert (order_of(tx, order_id).ship_line, stored(tx, shipment_id).status) == ("99 หมู่ 9", stage)


@pytest.mark.parametrize("packed", [False, True])
def test_a_printed_label_locks_the_order_until_it_is_voided(tx, shop, packed):
    order_id, shipment_id = ready(tx, shop, **COD)
    mark_labeled(tx, [shipment_id])
    if packed:
        pack_shipment(tx, PackShipment(shipment_id))
    with refused(tx, "amend_refused", None, Order) as caught:
        amend(tx, order_id, street="99 หมู่ 9")
    assert "void the label first" in str(caught.value)
    void_label(tx, VoidLabel(shipment_id, "another address"))
    amend(tx, order_id, street="99 หมู่ 9")
    assert order_of(tx, order_id).ship_line == "99 หมู่ 9"
    good(mark_labeled(tx, [shipment_id])[shipment_id])


def test_a_label_printed_after_the_amendment_was_opened_stops_it_too(tx, shop):
    order_id, shipment_id = ready(tx, shop, **COD)
    now = amending.as_it_is(order_of(tx, order_id))
    open_change(tx, OpenChange(order_id, "the buyer called"))
    propose_change(tx, ProposeChange(order_id, replace(now, address={**now.address, "ship_line": "99"})))
    mark_labeled(tx, [shipment_id])
    with refused(tx, "amend_refused"):
        apply_change(tx, CloseChange(order_id))


def test_other_goods_mean_that_what_nobody_has_begun_is_packed_anew(tx, shop):
    order_id, first = ready(tx, shop, (0, 3), **COD)
    second = split_shipment(tx, SplitShipment(first, ((stored(tx, first).lines[0].id, 1),))).taken.shipment_id
    amend(tx, order_id, pieces=4, sku=shop.skus[2])
    assert [stored(tx, i).status for i in (first, second)] == [S.CANCELED] * 2
    again = good(make_ready(tx, [order_id])[order_id])
    assert content(tx, again.shipment_id) == {"RU-0001": 4, "RU-0003": 1}


def swapped(now, sku):
    """The same pieces of the same SKUs, on other lines: as many in all, so that only a look at each line tells."""
    first, second = now.lines
    if first.sku_id == second.sku_id:
        return (replace(first, quantity=second.quantity), replace(second, quantity=first.quantity))
    return (replace(first, quantity=0), second, AmendedLine(sku, first.quantity))


@pytest.mark.parametrize("same_sku", [False, True])
def test_promises_and_boxes_go_with_the_line_and_not_with_the_sku(tx, shop, same_sku):
    order = placed(tx, shop, (0, 1), (0 if same_sku else 1, 2), **COD)
    old = good(make_ready(tx, [order.id])[order.id]).shipment_id
    now = amending.as_it_is(order_of(tx, order.id))
    open_change(tx, OpenChange(order.id, "the buyer called"))
    propose_change(tx, ProposeChange(order.id, replace(now, lines=swapped(now, shop.skus[0]))))
    apply_change(tx, CloseChange(order.id))
    assert stored(tx, old).status is S.CANCELED
    wanted = {line.id: line.open for line in order_of(tx, order.id).lines if line.open}
    active = select(Reservation).where(Reservation.status == ReservationStatus.ACTIVE)
    assert {r.order_line_id: r.quantity for r in tx.session.scalars(active)} == wanted
    box = good(make_ready(tx, [order.id])[order.id]).shipment_id
    assert {line.order_line_id: line.quantity for line in stored(tx, box).lines} == wanted
    pack_shipment(tx, PackShipment(box))
    good(hand_over_shipments(tx, [box])[box])
    assert sum(moved(tx.session, stored(tx, box).number).values()) == 3
    assert [str(found) for found in audit_all(tx.session)] == []


@pytest.mark.parametrize("pieces", [2, 4])
def test_goods_in_somebodys_hands_do_not_change(tx, shop, pieces):
    order_id, first = ready(tx, shop, (0, 3), **COD)
    second = split_shipment(tx, SplitShipment(first, ((stored(tx, first).lines[0].id, 1),))).taken.shipment_id
    pack_shipment(tx, PackShipment(second))
    with pytest.raises(OmsError, match="cancel the shipment first"), tx.session.begin_nested():
        amend(tx, order_id, pieces=pieces)
    assert [stored(tx, i).status for i in (first, second)] == [S.READY, S.PACKED]
    amend(tx, order_id, street="99 หมู่ 9")  # the address may
    assert order_of(tx, order_id).ship_line == "99 หมู่ 9"


def test_once_a_part_has_left_nothing_is_amended(tx, shop):
    order_id, first = ready(tx, shop, (0, 3), **COD)
    second = split_shipment(tx, SplitShipment(first, ((stored(tx, first).lines[0].id, 1),))).taken.shipment_id
    pack_shipment(tx, PackShipment(second))
    hand_over_shipments(tx, [second])
    with refused(tx, "amend_refused"):
        open_change(tx, OpenChange(order_id, "too late"))


def test_an_order_in_a_shared_box_is_taken_out_before_it_changes(tx, shop):
    (a, one), (b, two) = ready(tx, shop, **COD), ready(tx, shop, (1, 1), **COD)
    box = combine_shipments(tx, CombineShipments((one, two))).shipment.shipment_id
    for change in ({"street": "99 หมู่ 9"}, {"pieces": 2}):
        with pytest.raises(OmsError, match="take this order out of it first"), tx.session.begin_nested():
            amend(tx, a, **change)
    assert (stored(tx, box).status, order_of(tx, b).board) == (S.READY, Board.READY)


# --- the channel's word -----------------------------------------------------------------------------------------


def channel_says(tx, shop, order_id: int, street: str) -> None:
    order = order_of(tx, order_id)
    said = OrderIn(
        order.external_no, "to ship", Stage.TO_SHIP, order.placed_at, (),
        recipient=RecipientIn(
            name=order.ship_name, phone=order.ship_phone, address=street, subdistrict=order.ship_subdistrict,
            district=order.ship_district, province=order.ship_province, postcode=order.ship_postcode,
        ),
    )  # fmt: skip
    run_id = tx.session.scalars(select(IntakeRun.id)).one()
    follow_orders(tx, shop.line, run_id, [Follow(order_id, said, street)])


@pytest.fixture
def from_channel(tx, shop):
    """An order whose channel has spoken before, and its shipment."""
    tx.session.add(
        IntakeRun(
            kind=IntakeKind.ORDERS, status=RunStatus.CHECKED, format="x", file_name="x", file_key="x", file_sha256="x",
            file_size=1, user_label="x", created_at=clock.now(),
        )
    )  # fmt: skip
    order_id, shipment_id = ready(tx, shop, external_no="EXT1", **COD)
    channel_says(tx, shop, order_id, order_of(tx, order_id).ship_line)
    return order_id, shipment_id


def conflicts(tx) -> list[IntakeConflict]:
    tx.session.flush()
    return list(tx.session.scalars(select(IntakeConflict).order_by(IntakeConflict.id)))


def test_a_channels_new_address_follows_before_the_label_and_waits_for_a_person_after_it(tx, shop, from_channel):
    order_id, shipment_id = from_channel
    channel_says(tx, shop, order_id, "2 หมู่ 2")
    assert (order_of(tx, order_id).ship_line, conflicts(tx)) == ("2 หมู่ 2", [])
    mark_labeled(tx, [shipment_id])
    channel_says(tx, shop, order_id, "3 หมู่ 3")
    assert order_of(tx, order_id).ship_line == "2 หมู่ 2"
    (found,) = conflicts(tx)
    assert (found.field, found.theirs) == ("ship_line", "3 หมู่ 3")
    with refused(tx, "label_printed", None, Shipment):
        decide_conflict(tx, DecideConflict(found.id, take=True))
    void_label(tx, VoidLabel(shipment_id, "the channel has another address"))
    decide_conflict(tx, DecideConflict(found.id, take=True))
    assert order_of(tx, order_id).ship_line == "3 หมู่ 3"


def test_a_channels_new_address_does_not_move_a_shared_box(tx, shop, from_channel):
    order_id, shipment_id = from_channel
    _, other = ready(tx, shop, (1, 1), **COD)
    combine_shipments(tx, CombineShipments((shipment_id, other)))
    channel_says(tx, shop, order_id, "3 หมู่ 3")
    assert order_of(tx, order_id).ship_line == "45/7 หมู่ 2"
    assert [c.field for c in conflicts(tx)] == ["ship_line"]
