"""Booking with carriers in the background: once whatever goes wrong, in words when refused, taken back with the label."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from jobs.schedule import TRACK
from oms import clock
from oms.db import db, transaction
from oms.errors import OmsError
from oms.intake.files import path_of
from oms.inventory.models import Warehouse
from oms.orders.models import Order
from oms.shipping.carrier_models import CarrierBooking
from oms.shipping.models import Shipment
from oms.shipping.states import BookingStatus, TrackingStatus
from oms.usecases.booking_results import begin_one
from oms.usecases.bookings import BOOK, CANCEL, BookingAsked, book_parcels, try_cancel_again
from oms.usecases.carrier_health import record_trial
from oms.usecases.number_ranges import RangeFacts, add_range
from oms.usecases.shipping_runs import WorkOn, work_on
from oms.usecases.shipping_work import (
    BoxSpec,
    CancelShipment,
    PackShipment,
    VoidLabel,
    cancel_shipment,
    pack_shipment,
    void_label,
)
from tests.jobs.depot import WHO, Depot, depot_of
from tests.usecases.test_cod import counted

B = BookingStatus


@pytest.fixture
def depot(committed):
    yield from depot_of(committed)


def void(depot: Depot, shipment_id: int) -> None:
    with transaction(WHO) as tx:
        void_label(tx, VoidLabel(shipment_id, "เปลี่ยนขนส่ง"))


def test_a_parcel_is_booked_with_its_cash_and_gets_number_and_label(depot):
    play = depot.stage("flash")
    shipment = depot.ready(service="1")
    assert depot.book(shipment) == {shipment: BookingAsked((depot.parcel(shipment).id,))}
    assert depot.booking(shipment).status is B.WAITING
    assert depot.work(BOOK) == 1
    (theirs,) = play.sandbox.book.parcels.values()
    parcel, booking = depot.parcel(shipment), depot.booking(shipment)
    assert parcel.tracking_no == booking.tracking_no == theirs.number
    assert (parcel.tracking_status, parcel.booking_ref) == (TrackingStatus.LABEL_READY, theirs.reference)
    assert (booking.status, booking.sort_code, booking.attempts) == (B.BOOKED, "01N-CNXY-00", 1)
    assert theirs.reference == f"{parcel.shipment.number}-{parcel.id}"
    assert theirs.facts["codAmount"] == "10000"
    assert (theirs.facts["srcDistrictName"], theirs.facts["dstProvinceName"]) == ("สีลม", "เชียงใหม่")
    root = depot.app.extensions["oms.settings"].files_dir
    assert path_of(root, booking.label_key).read_bytes().startswith(b"%PDF")
    assert depot.book(shipment) == {shipment: BookingAsked(())}  # asked again: it has one
    assert depot.work(BOOK) == 0


def test_many_are_booked_in_one_row_and_a_bad_one_holds_nobody_up(depot):
    play = depot.stage("flash")
    good = [depot.ready(service="1") for _ in range(3)]
    bad = depot.ready(service="1")
    with transaction(WHO) as tx:
        tx.session.execute(
            text("UPDATE orders SET ship_postcode = '9' WHERE id = (SELECT max(id) FROM orders)")
        )  # fmt: skip
    depot.book(*good, bad)
    assert depot.work(BOOK) == 1
    assert len(play.sandbox.book.parcels) == 3
    booking = depot.booking(bad)
    assert (booking.status, booking.raw_code) == (B.REFUSED, "1021")
    assert "postcode" in booking.reason
    assert db.session.scalar(text("SELECT count(*) FROM audit_log WHERE action = 'shipment.booking_refused'")) == 1
    with transaction(WHO) as tx:
        order = tx.session.scalars(select(Order).order_by(Order.id.desc()).limit(1)).one()
        order.ship_postcode = "50210"
    assert isinstance(depot.book(bad)[bad], BookingAsked)
    depot.work(BOOK)
    assert (depot.booking(bad).status, depot.booking(bad).reason, depot.booking(bad).attempts) == (B.BOOKED, "", 2)


@pytest.mark.parametrize("code", ["flash", "ninjavan"])
def test_an_answer_that_never_came_makes_no_second_parcel(depot, code):
    play = depot.stage(code)
    name = depot.carrier(code).name
    if code == "flash":  # only a number of our own lets Flash tell what it has
        with transaction(WHO) as tx:
            add_range(tx, RangeFacts(depot.carrier(code).id, "TH90000001", "TH90000099"))
    shipment = depot.ready(name, "1" if code == "flash" else "Standard")
    depot.book(shipment)
    play.carrier.check()  # tokens are there
    play.sandbox.book.fail("cut", after=True, times=1)
    depot.work(BOOK)
    booking = depot.booking(shipment)
    if booking.status is B.UNCLEAR:
        assert booking.reason
        depot.work(BOOK, later=timedelta(minutes=2))
    assert depot.booking(shipment).status is B.BOOKED
    assert len(play.sandbox.book.parcels) == 1
    assert depot.parcel(shipment).tracking_no in play.sandbox.book.parcels


def test_a_worker_that_died_in_the_middle_makes_no_second_parcel(depot):
    play = depot.stage("ninjavan")
    shipment = depot.ready("Ninja Van", "Standard")
    depot.book(shipment)
    with transaction(WHO) as tx:
        request = begin_one(tx, booking := tx.session.scalars(select(CarrierBooking.id)).one())
    assert request is not None
    play.book(request)  # the carrier heard it, we did not hear the answer
    with transaction(WHO) as tx:
        assert begin_one(tx, booking) is None  # it may still be at it
    depot.work(BOOK, later=timedelta(minutes=4))
    assert (depot.booking(shipment).status, depot.booking(shipment).attempts) == (B.BOOKED, 2)
    assert len(play.sandbox.book.parcels) == 1


def test_when_the_carrier_has_it_and_does_not_say_its_number_nobody_books_again(depot):
    play = depot.stage("flash")
    shipment = depot.ready(service="1")
    depot.book(shipment)
    play.sandbox.book.fail("cut", after=True)
    depot.work(BOOK)
    depot.work(BOOK, later=timedelta(minutes=2))
    booking = depot.booking(shipment)
    assert (booking.status, booking.problem_field, len(play.sandbox.book.parcels)) == (B.UNCLEAR, "exists", 1)
    assert depot.owed(BOOK) == []
    assert depot.parcel(shipment).tracking_no == ""


def test_a_silent_carrier_is_asked_later_and_then_left_alone(depot):
    play = depot.stage("flash")
    shipments = [depot.ready(service="1") for _ in range(3)]
    depot.book(*shipments)
    play.sandbox.book.fail("500", times=5, after=False)
    depot.work(BOOK)
    assert [depot.booking(s).status for s in shipments] == [B.UNCLEAR, B.WAITING, B.WAITING]
    for minutes in range(1, 60):
        if depot.carrier("flash").failures == 5:
            break
        depot.work(BOOK, later=timedelta(minutes=minutes))
    assert depot.carrier("flash").closed_until > clock.now()
    asked = len(play.sandbox.book.calls)
    depot.work(BOOK)
    assert len(play.sandbox.book.calls) == asked
    depot.work(BOOK, later=timedelta(hours=3))
    assert [depot.booking(s).status for s in shipments] == [B.BOOKED] * 3
    assert depot.carrier("flash").failures == 0


def test_keys_that_fail_stop_the_carrier_and_mended_ones_book_what_waited(depot):
    play = depot.stage("flash")
    shipments = [depot.ready(service="1") for _ in range(2)]
    depot.book(*shipments)
    play.sandbox.book.fail("bad_signature")
    depot.work(BOOK)
    assert depot.carrier("flash").stopped == "settings"
    depot.work(BOOK, later=timedelta(hours=5))
    assert [depot.booking(s).status for s in shipments] == [B.UNCLEAR, B.WAITING]
    with transaction(WHO) as tx:
        record_trial(tx, depot.carrier("flash").id, None)
    depot.work(BOOK)
    assert [depot.booking(s).status for s in shipments] == [B.BOOKED] * 2


def test_a_label_that_is_voided_takes_the_booking_back(depot):
    play = depot.stage("flash")
    shipment = depot.ready(service="1")
    depot.book(shipment)
    depot.work(BOOK)
    old = depot.parcel(shipment)
    number = old.tracking_no
    void(depot, shipment)
    depot.turn(TRACK)
    depot.work(CANCEL)
    assert play.sandbox.book.parcels[number].stands == "canceled"
    assert depot.booking(shipment).status is B.CANCELED
    fresh = depot.parcel(shipment)
    assert (fresh.tracking_no, fresh.id != old.id) == ("", True)
    assert isinstance(depot.book(shipment)[shipment], BookingAsked)  # the next one has a reference of its own
    depot.work(BOOK)
    assert len(play.sandbox.book.parcels) == 2
    with transaction(WHO) as tx:
        cancel_shipment(tx, CancelShipment(shipment, "ลูกค้ายกเลิก"))
    depot.turn(TRACK)
    depot.work(CANCEL)
    assert all(p.stands == "canceled" for p in play.sandbox.book.parcels.values())


def test_what_the_carrier_fetched_already_cannot_be_taken_back_and_says_so(depot):
    play = depot.stage("flash")
    shipment = depot.ready(service="1")
    depot.book(shipment)
    depot.work(BOOK)
    number = depot.parcel(shipment).tracking_no
    void(depot, shipment)
    play.sandbox.book.move(number, "picked_up")
    depot.turn(TRACK)
    depot.work(CANCEL)
    booking = depot.booking(shipment)
    assert (booking.status, booking.raw_code) == (B.CANCEL_REFUSED, "1015")
    assert booking.reason
    with transaction(WHO) as tx:
        assert try_cancel_again(tx, [booking.id]) == 1
    depot.work(CANCEL)
    assert depot.booking(shipment).status is B.CANCEL_REFUSED


def test_a_booking_whose_end_nobody_knows_is_looked_for_before_it_is_taken_back(depot):
    play = depot.stage("ninjavan")
    shipment = depot.ready("Ninja Van", "Standard")
    depot.book(shipment)
    play.carrier.check()
    play.sandbox.book.fail("cut", after=True, times=2)
    depot.work(BOOK)
    assert depot.booking(shipment).status in {B.UNCLEAR, B.BOOKED}
    with transaction(WHO) as tx:
        cancel_shipment(tx, CancelShipment(shipment, "ไม่ส่งแล้ว"))
    depot.turn(TRACK)
    for minutes in (5, 30):
        depot.work(CANCEL, later=timedelta(minutes=minutes))
    assert depot.booking(shipment).status is B.CANCELED
    assert all(p.stands == "canceled" for p in play.sandbox.book.parcels.values())


def test_every_box_is_booked_and_the_cash_is_on_the_first(depot):
    play = depot.stage("flash")
    shipment = depot.ready(service="1")
    with transaction(WHO) as tx:
        pack_shipment(tx, PackShipment(shipment, (BoxSpec(1200), BoxSpec(800))))
    answer = depot.book(shipment)[shipment]
    assert len(answer.parcel_ids) == 2
    depot.work(BOOK)
    theirs = sorted(play.sandbox.book.parcels.values(), key=lambda p: p.reference)
    assert [(p.facts["codEnabled"], p.facts["weight"]) for p in theirs] == [("1", "1200"), ("0", "800")]


def test_who_cannot_be_booked_hears_why(depot, actor):
    depot.stage("flash")
    kex, nobody = depot.ready("KEX Express"), depot.ready("")
    heavy, dear = depot.ready(service="1"), depot.ready(service="1", lines=depot.shop.order((3, 150)).lines)
    held = depot.ready(service="1")
    with transaction(WHO) as tx:
        tx.session.get_one(Shipment, heavy).parcels[0].weight_grams = 60_000
        tx.session.execute(text("UPDATE shipments SET status = 'delivered' WHERE id = :i"), {"i": held})
    answers = depot.book(kex, nobody, heavy, dear, held, 10**9)
    assert {i: a.detail_code for i, a in answers.items() if isinstance(a, OmsError)} == {
        kex: "carrier_no_booking", nobody: "carrier_missing", heavy: "carrier_limit", dear: "carrier_limit",
        held: "shipment_label_refused", 10**9: "shipment_not_found",
    }  # fmt: skip
    assert db.session.scalar(text("SELECT count(*) FROM carrier_bookings")) == 0
    with transaction(WHO) as tx:
        tx.session.execute(Warehouse.__table__.update().values(address="โกดัง"))
    ready = depot.ready(service="1")
    assert depot.book(ready)[ready].detail_code == "sender_incomplete"


def test_booking_many_costs_the_same_statements_as_few(depot):
    depot.stage("flash")
    counts = []
    for n in (3, 20):
        shipments = [depot.ready(service="1") for _ in range(n)]
        with transaction(WHO) as tx, counted(tx) as statements:
            book_parcels(tx, shipments)
        counts.append(len([s for s in statements if s.startswith("SELECT")]))
    assert counts[0] == counts[1], counts
    assert counts[0] < 22


def test_many_are_booked_from_the_list_and_each_that_is_refused_says_why(depot):
    depot.stage("flash")
    good, bad = depot.ready(service="1"), depot.ready("ขนส่งท้องถิ่น")
    with transaction(WHO) as tx:
        done = work_on(tx, WorkOn("book", (good, bad), {}, "bulk-book"))
    assert (done.done, done.refused) == (1, 1)
    with transaction(WHO) as tx:
        assert work_on(tx, WorkOn("book", (good, bad), {}, "bulk-book")).repeated
    assert depot.work(BOOK) == 1
    assert depot.booking(good).status is B.BOOKED
    assert depot.booking(bad) is None
    with transaction(WHO) as tx:
        again = work_on(tx, WorkOn("usual", (good, bad), {}, "bulk-usual"))
    assert again.refused >= 1  # one has a number
    assert depot.parcel(good).carrier == "Flash Express"
