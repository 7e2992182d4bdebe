"""Blocks of tracking numbers: read as the post gives them, drawn in order, never twice."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from oms.db import Tx
from oms.errors import Forbidden, NotFound, OmsError
from oms.orders.models import OrderLine
from oms.orders.states import PaymentTerm
from oms.shipping.carrier_models import Carrier, NumberRange
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.numbers import plain_number, read_block, read_number, s10_digit
from oms.shipping.states import NumberCheck, ShipmentStatus, TrackingStatus
from oms.usecases.masters import Edit
from oms.usecases.number_ranges import (
    Allotted,
    RangeFacts,
    add_range,
    allot_numbers,
    draw_numbers,
    edit_range,
    numbers_left,
    running_low,
)
from oms.usecases.orders_place import place_order
from tests.shop import SmallShop, small_shop
from tests.usecases.refusals import last_audit, refused


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=1000)


@pytest.fixture
def post(tx) -> Carrier:
    return tx.session.scalars(select(Carrier).where(Carrier.code == "thaipost")).one()


def waiting(tx, shop: SmallShop, number: str, boxes: int = 1, carrier: str = "Thailand Post") -> Shipment:
    """A shipment that is being packed, its boxes without numbers."""
    order = place_order(tx, shop.order(confirm=True, payment_term=PaymentTerm.COD)).order_id
    line = tx.session.scalars(select(OrderLine).where(OrderLine.order_id == order)).one()
    made = Shipment(number=number, warehouse_id=shop.bkk, status=ShipmentStatus.READY, carrier=carrier, service="EMS")
    made.lines = [ShipmentLine(order_id=order, order_line_id=line.id, quantity=1)]
    made.parcels = [
        Parcel(position=i + 1, carrier=carrier, tracking_no="", tracking_status=TrackingStatus.CREATED)
        for i in range(boxes)
    ]
    tx.session.add(made)
    tx.session.flush()
    return made


@pytest.mark.parametrize(
    ("serial", "digit"), [(47312482, 9), (85294218, 2), (21705062, 0), (58256815, 1), (14558789, 8)]
)
def test_the_check_digit_of_postal_numbers(serial, digit):
    assert s10_digit(serial) == digit


def test_numbers_are_read_however_they_are_written():
    assert plain_number(" ed 8529-4218 2 th ") == "ED852942182TH"
    shape, serial = read_number("ED 8529 4218 2 TH", "x")
    assert (shape.prefix, shape.suffix, shape.check, serial) == ("ED", "TH", NumberCheck.S10, 85294218)
    assert shape.spell(serial) == "ED852942182TH"
    shape, first, last = read_block("KEX000123", "KEX000200")
    assert (shape.spell(first), last - first) == ("KEX000123", 77)


def test_a_block_is_kept_and_drawn_from_in_order(tx, post):
    add_range(
        tx, RangeFacts(post.id, "EF00000101" + str(s10_digit(101)) + "TH", f"EF00000103{s10_digit(103)}TH", "EMS")
    )
    add_range(tx, RangeFacts(post.id, f"EG00000001{s10_digit(1)}TH", f"EG00000005{s10_digit(5)}TH"))
    drawn = draw_numbers(tx, post, "EMS", 2) + draw_numbers(tx, post, "EMS", 3)
    assert drawn == [
        *(f"EF00000{n}{s10_digit(n)}TH" for n in (101, 102, 103)), *(f"EG0000000{n}{s10_digit(n)}TH" for n in (1, 2)),
    ]  # fmt: skip
    assert numbers_left(tx.session, post.id, "EMS") == numbers_left(tx.session, post.id) == 3
    assert len(draw_numbers(tx, post, "registered", 9)) == 3


def test_a_number_that_was_typed_in_by_hand_is_passed_over(tx, post, shop):
    add_range(tx, RangeFacts(post.id, "TP001", "TP004"))
    box = waiting(tx, shop, "SH1")
    box.parcels[0].tracking_no = "TP002"
    tx.session.flush()
    assert draw_numbers(tx, post, "", 3) == ["TP001", "TP003", "TP004"]


@pytest.mark.parametrize(
    ("first", "last", "field", "code"),
    [
        ("EY145587896TH", "EY145587896TH", "first_number", "check_digit"),
        ("???", "EY145587898TH", "first_number", "number_shape"),
        ("TP010", "TP001", "last_number", "block_order"),
        ("TP001", "TQ009", "last_number", "block_kinds"),
        ("TP001", "TP0009", "last_number", "block_kinds"),
        ("TP0000001", "TP9999999", "last_number", "block_large"),
        ("TP100", "TP150", "first_number", "block_overlap"),
    ],
)
def test_a_block_that_cannot_be_is_refused(tx, post, first, last, field, code):
    add_range(tx, RangeFacts(post.id, "TP120", "TP200"))
    with refused(tx, code, field, NumberRange):
        add_range(tx, RangeFacts(post.id, first, last))


def test_blocks_are_kept_by_who_keeps_carriers(tx, post, actor):
    with pytest.raises(Forbidden):
        add_range(Tx(tx.session, actor("warehouse")), RangeFacts(post.id, "TP1", "TP9"))
    with refused(tx, "service_unknown", "service", NumberRange):
        add_range(tx, RangeFacts(post.id, "TP1", "TP9", service="rocket"))
    saved = add_range(tx, RangeFacts(post.id, "TP1", "TP9"))
    assert edit_range(tx, Edit(saved.id, 1), RangeFacts(post.id, warn_below=5, is_active=False)).changed
    assert draw_numbers(tx, post, "", 1) == []
    assert last_audit(tx).action == "carrier.range_changed"


def test_every_box_gets_a_number_of_its_own(tx, post, shop):
    add_range(tx, RangeFacts(post.id, "TP001", "TP005"))
    first, second = waiting(tx, shop, "SH1", boxes=2), waiting(tx, shop, "SH2")
    answers = allot_numbers(tx, [first.id, second.id, first.id])
    assert answers == {first.id: Allotted(("TP001", "TP002")), second.id: Allotted(("TP003",))}
    assert [p.tracking_status for p in first.parcels] == [TrackingStatus.LABEL_READY] * 2
    assert allot_numbers(tx, [first.id]) == {first.id: Allotted(())}  # asked again nothing is used up
    assert numbers_left(tx.session, post.id) == 2


def test_who_gets_no_number_hears_why_and_the_others_get_theirs(tx, post, shop, actor):
    add_range(tx, RangeFacts(post.id, "TP001", "TP002"))
    big, small = waiting(tx, shop, "SH1", boxes=3), waiting(tx, shop, "SH2")
    gone, strange = waiting(tx, shop, "SH3"), waiting(tx, shop, "SH4", carrier="Uncle Somchai")
    gone.status = ShipmentStatus.CANCELED
    tx.session.flush()
    answers = allot_numbers(tx, [big.id, small.id, gone.id, strange.id, 10**9])
    assert answers[small.id] == Allotted(("TP001",))
    codes = {i: a.detail_code for i, a in answers.items() if isinstance(a, OmsError)}
    assert codes == {
        big.id: "numbers_short", gone.id: "shipment_not_waiting", strange.id: "carrier_missing",
        10**9: "shipment_not_found",
    }  # fmt: skip
    far = Tx(tx.session, actor("warehouse", warehouses=frozenset({shop.cnx})))
    assert isinstance(allot_numbers(far, [small.id])[small.id], NotFound)
    with pytest.raises(Forbidden):
        allot_numbers(Tx(tx.session, actor("viewer")), [small.id])


def test_a_block_that_runs_low_says_so(tx, post, shop):
    add_range(tx, RangeFacts(post.id, "TP001", "TP010", warn_below=9))
    assert running_low(tx.session) == []
    draw_numbers(tx, post, "", 2)
    tx.session.flush()
    assert [(low.carrier, low.left) for low in running_low(tx.session)] == [("Thailand Post", 8)]
