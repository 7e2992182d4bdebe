"""Where parcels are: carriers polled, their webhooks heard over real HTTP, whatever order and trouble they come in."""

from __future__ import annotations

import threading
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, text

from jobs.schedule import TRACK
from oms import clock
from oms.db import db, transaction
from oms.orders.models import Order
from oms.orders.states import Board
from oms.payments.cod_models import CodEntry
from oms.payments.states import CodStatus
from oms.returns.models import Return
from oms.shipping.carrier_models import Carrier, CarrierMessage
from oms.shipping.models import Parcel, Shipment, TrackingEvent
from oms.shipping.states import BookingStatus, MessageStatus, ShipmentStatus, TrackingStatus
from oms.usecases.bookings import BOOK
from oms.usecases.carrier_messages import HEAR, LOOK_EVERY, MAX_BODY
from oms.usecases.shipping_work import (
    PackShipment,
    SetTracking,
    VoidLabel,
    hand_over_shipments,
    mark_labeled,
    pack_shipment,
    set_tracking,
    void_label,
)
from tests.e2e.browser import served
from tests.jobs.depot import WHO, Depot, depot_of
from tests.usecases.test_cod import counted

T, S, M = TrackingStatus, ShipmentStatus, MessageStatus
SOON = timedelta(seconds=2 * LOOK_EVERY)
POST = "ED852942182TH"


@pytest.fixture
def depot(committed):
    yield from depot_of(committed)


@pytest.fixture
def address(web_app, depot):
    """The panel behind a port of this machine."""
    with served(web_app) as url:
        yield url
        kept = web_app.extensions.pop("oms.carriers", None)
        if kept is not None:
            kept.close()


def leave(*shipments: int) -> None:
    with transaction(WHO) as tx:
        for shipment in shipments:
            pack_shipment(tx, PackShipment(shipment))
        mark_labeled(tx, shipments)
        done = hand_over_shipments(tx, shipments)
    assert all(getattr(d, "status", None) is S.HANDED_OVER for d in done.values()), done


def sent(depot: Depot, code: str = "flash", n: int = 1) -> list[int]:
    """Shipments that were booked and handed over."""
    name = depot.carrier(code).name
    shipments = [depot.ready(name, {"flash": "1", "ninjavan": "Standard"}.get(code, "")) for _ in range(n)]
    if code == "thaipost":
        for i, shipment in enumerate(shipments):
            with transaction(WHO) as tx:
                set_tracking(tx, SetTracking(shipment, "", POST if i == 0 else f"EF00000{i:03d}TH"))
            depot.plays[code].sandbox.post(depot.parcel(shipment).tracking_no)
    else:
        depot.book(*shipments)
        depot.work(BOOK)
    leave(*shipments)
    return shipments


def number(depot: Depot, shipment: int) -> str:
    return depot.parcel(shipment).tracking_no


def stands(depot: Depot, shipment: int) -> tuple[TrackingStatus, ShipmentStatus]:
    parcel = depot.parcel(shipment)
    return parcel.tracking_status, parcel.shipment.status


def hook_of(address: str, depot: Depot, code: str) -> str:
    return f"{address}/hooks/carriers/{depot.carrier(code).hook_token}"


@pytest.mark.parametrize("code", ["flash", "thaipost", "ninjavan"])
def test_a_delivery_is_found_by_asking(depot, code):
    play = depot.stage(code)
    if code == "ninjavan":
        pytest.skip("Ninja Van tells by webhook alone") if not play.can("track") else None
    (shipment,) = sent(depot, code)
    play.sandbox.book.travel(number(depot, shipment), "delivered", 3)
    depot.turn(TRACK)
    assert stands(depot, shipment) == (T.OUT_FOR_DELIVERY, S.HANDED_OVER)
    parcel = depot.parcel(shipment)
    assert parcel.next_check_at - parcel.checked_at == timedelta(minutes=30)
    assert db.session.scalars(select(Order)).one().board is Board.OUT_FOR_DELIVERY
    play.sandbox.book.move(number(depot, shipment), "delivered")
    depot.turn(TRACK)  # not due yet
    assert stands(depot, shipment)[0] is T.OUT_FOR_DELIVERY
    depot.turn(TRACK, later=timedelta(minutes=31))
    assert stands(depot, shipment) == (T.DELIVERED, S.DELIVERED)
    assert db.session.scalars(select(CodEntry)).one().status is CodStatus.COLLECTED
    asked = len(play.sandbox.book.calls)
    depot.turn(TRACK, later=timedelta(days=3))
    assert len(play.sandbox.book.calls) == asked  # final: never again


def test_a_refused_parcel_comes_back_and_opens_its_return(depot):
    play = depot.stage("flash")
    (shipment,) = sent(depot)
    play.sandbox.book.travel(number(depot, shipment), "refused", 5)
    depot.turn(TRACK)
    assert stands(depot, shipment) == (T.RETURNING, S.RETURNING)
    assert db.session.scalars(select(Return)).one().shipment_id == shipment
    play.sandbox.book.move(number(depot, shipment), "moving_back", "returned")
    depot.turn(TRACK, later=timedelta(hours=13))
    assert stands(depot, shipment) == (T.RETURNED, S.RETURNED)
    assert db.session.scalars(select(CodEntry)).one().status is CodStatus.EXPECTED
    assert db.session.scalar(text("SELECT sum(on_hand) FROM stock_levels")) == 4 * 5000 - 1  # nothing restocked


def test_many_parcels_are_asked_about_a_hundred_at_a_time(depot):
    play = depot.stage("flash")
    shipments = sent(depot, n=12)
    with transaction(WHO) as tx:  # the same number cannot be on two live boxes: invent further ones
        for shipment in shipments:
            for i in range(20):
                tx.session.add(
                    Parcel(
                        shipment_id=shipment,
                        carrier="Flash Express",
                        tracking_no=f"TH09{shipment:04d}{i:03d}X",
                        tracking_status=T.IN_TRANSIT,
                        position=i + 2,
                    )
                )
    play.sandbox.book.calls.clear()
    depot.turn(TRACK)
    assert sum("routes" in call.path for call in play.sandbox.book.calls) == 3  # 252 numbers
    assert db.session.scalar(select(func.count()).select_from(Parcel).where(Parcel.check_misses == 1)) == 252
    play.sandbox.book.calls.clear()
    depot.turn(TRACK)
    assert not play.sandbox.book.calls


def test_asking_without_news_costs_the_same_statements_for_many_as_for_few(depot):
    depot.stage("flash")
    counts = []
    for n in (2, 15):
        sent(depot, n=n)
        with transaction(WHO) as tx:
            tx.session.execute(text("UPDATE parcels SET next_check_at = now()"))
            session = tx
        with counted(session) as statements:
            depot.turn(TRACK)
        counts.append(len(statements))
    assert counts[1] - counts[0] <= 2, counts


def test_a_carrier_in_trouble_is_left_alone_and_loses_nothing(depot):
    play = depot.stage("flash")
    (shipment,) = sent(depot)
    play.sandbox.book.travel(number(depot, shipment), "delivered")
    play.sandbox.book.fail("500", times=5)
    for i in range(5):
        depot.turn(TRACK, later=timedelta(minutes=11 * i))
    assert depot.carrier("flash").failures == 5
    assert stands(depot, shipment)[0] is T.IN_TRANSIT
    depot.turn(TRACK, later=timedelta(hours=4))
    assert stands(depot, shipment) == (T.DELIVERED, S.DELIVERED)
    assert depot.carrier("flash").failures == 0


@pytest.mark.parametrize("fault", ["html", "list", "huge", "429", "bad_signature", "cut", "broken"])
def test_whatever_a_carrier_answers_the_parcel_stays_where_it_is(depot, fault):
    play = depot.stage("flash")
    (shipment,) = sent(depot)
    play.sandbox.book.travel(number(depot, shipment), "delivered")
    play.sandbox.book.fail(fault, times=3)
    depot.turn(TRACK)
    assert stands(depot, shipment) == (T.IN_TRANSIT, S.HANDED_OVER)
    assert db.session.scalar(select(func.count()).select_from(TrackingEvent)) == 0


def test_news_from_before_the_hand_over_counts_after_it(depot):
    play = depot.stage("flash")
    shipment = depot.ready(service="1")
    depot.book(shipment)
    depot.work(BOOK)
    play.sandbox.book.travel(number(depot, shipment), "delivered")
    depot.turn(TRACK)
    assert stands(depot, shipment) == (T.DELIVERED, S.READY)  # no carrier passes the gate
    leave(shipment)
    depot.turn(TRACK)
    assert stands(depot, shipment) == (T.DELIVERED, S.DELIVERED)


def test_signed_news_is_written_down_in_any_order_and_once(depot, address):
    play = depot.stage("ninjavan")
    (shipment,) = sent(depot, "ninjavan")
    play.sandbox.book.travel(number(depot, shipment), "second_try")
    play.sandbox.book.calls.clear()
    url = hook_of(address, depot, "ninjavan")
    assert set(play.sandbox.send_hooks(url, number(depot, shipment), times=3, order="shuffled")) == {200}
    depot.work(HEAR, later=SOON)
    assert stands(depot, shipment) == (T.DELIVERED, S.DELIVERED)
    assert db.session.scalar(select(func.count()).select_from(TrackingEvent)) == 6
    kept = list(db.session.scalars(select(CarrierMessage)))
    assert {m.status for m in kept} == {M.DONE}
    assert sum(m.times for m in kept) == 18
    assert not [c for c in play.sandbox.book.calls if "orders" in c.path]  # nobody had to be asked


def test_unsigned_news_only_makes_us_look(depot, address):
    play = depot.stage("flash")
    (shipment,) = sent(depot)
    play.sandbox.book.travel(number(depot, shipment), "delivered")
    url = hook_of(address, depot, "flash")
    assert set(play.sandbox.send_hooks(url, number(depot, shipment), times=2, order="reversed")) == {200}
    assert all(h["accepted"] for h in play.sandbox.book.hooks)
    play.sandbox.book.calls.clear()
    depot.work(HEAR, later=SOON)
    assert stands(depot, shipment) == (T.DELIVERED, S.DELIVERED)
    assert sum("routes" in c.path for c in play.sandbox.book.calls) == 1  # once for all of them
    assert {e.source for e in db.session.scalars(select(TrackingEvent))} == {"webhook"}


def test_a_lie_in_an_unsigned_message_changes_nothing(depot, address):
    play = depot.stage("flash")
    (shipment,) = sent(depot)
    parcel = play.sandbox.book.parcels[number(depot, shipment)]
    play.sandbox.book.travel(parcel.number, "delivered")
    told = play.sandbox.hook(parcel, parcel.steps[-1])
    parcel.steps.clear()  # in truth nothing has happened
    answer = httpx.post(
        hook_of(address, depot, "flash"), content=told.body, headers=dict(told.headers), trust_env=False
    )
    assert answer.status_code == 200
    depot.work(HEAR, later=SOON)
    assert stands(depot, shipment) == (T.IN_TRANSIT, S.HANDED_OVER)


@pytest.mark.parametrize("spoil", ["signature", "body"])
@pytest.mark.parametrize("code", ["flash", "thaipost", "ninjavan"])
def test_a_message_that_is_not_the_carriers_is_refused(depot, address, code, spoil):
    play = depot.stage(code)
    (shipment,) = sent(depot, code)
    play.sandbox.book.travel(number(depot, shipment), "delivered", 1)
    answers = play.sandbox.send_hooks(hook_of(address, depot, code), number(depot, shipment), spoil=spoil)
    assert all(400 <= a < 500 for a in answers), answers
    depot.work(HEAR, later=SOON)
    assert db.session.scalar(select(func.count()).select_from(TrackingEvent)) == 0
    kept = db.session.scalars(select(CarrierMessage)).one()
    assert (kept.status, bool(kept.note)) == (M.REFUSED, True)


def test_an_address_that_is_guessed_leads_nowhere(depot, address):
    depot.stage("flash")
    post = lambda path, **facts: httpx.post(f"{address}{path}", trust_env=False, **facts)  # noqa: E731
    assert post("/hooks/carriers/guess", content=b"{}").status_code == 404
    token = depot.carrier("flash").hook_token
    assert post(f"/hooks/carriers/{token}", content=b"x" * (MAX_BODY + 1)).status_code == 413
    assert httpx.get(f"{address}/hooks/carriers/{token}", trust_env=False).status_code == 405
    with transaction(WHO) as tx:
        tx.session.execute(text("UPDATE carriers SET is_active = false WHERE adapter = 'flash'"))
    assert post(f"/hooks/carriers/{token}", content=b"{}").status_code == 404
    assert db.session.scalar(select(func.count()).select_from(CarrierMessage)) == 0


def test_a_message_about_a_parcel_of_somebody_else_is_kept_and_harmless(depot, address):
    play = depot.stage("ninjavan")
    play.sandbox.post("NVTH99STRANGE")
    play.sandbox.book.travel("NVTH99STRANGE", "delivered", 1)
    assert play.sandbox.send_hooks(hook_of(address, depot, "ninjavan"), "NVTH99STRANGE") == [200]
    depot.work(HEAR, later=SOON)
    assert db.session.scalars(select(CarrierMessage)).one().status is M.NOT_OURS


def test_a_voided_number_still_finds_its_parcel(depot, address):
    play = depot.stage("ninjavan")
    shipment = depot.ready("Ninja Van", "Standard")
    depot.book(shipment)
    depot.work(BOOK)
    old = depot.parcel(shipment)
    first = old.tracking_no
    with transaction(WHO) as tx:
        void_label(tx, VoidLabel(shipment, "พิมพ์ผิด"))
    play.sandbox.book.travel(first, "delivered", 1)
    play.sandbox.send_hooks(hook_of(address, depot, "ninjavan"), first)
    depot.work(HEAR, later=SOON)
    event = db.session.scalars(select(TrackingEvent)).one()
    assert event.parcel_id == old.id
    assert depot.parcel(shipment).tracking_status is T.CREATED


def test_a_number_nobody_knew_comes_by_webhook_with_our_reference(depot, address):
    play = depot.stage("flash")
    shipment = depot.ready(service="1")
    depot.book(shipment)
    play.sandbox.book.fail("cut", after=True)
    depot.work(BOOK)
    depot.work(BOOK, later=timedelta(minutes=2))
    assert depot.booking(shipment).status is BookingStatus.UNCLEAR
    (theirs,) = play.sandbox.book.parcels.values()
    play.sandbox.book.travel(theirs.number, "delivered", 1)
    play.sandbox.send_hooks(hook_of(address, depot, "flash"), theirs.number)
    depot.work(HEAR, later=SOON)
    assert depot.booking(shipment).status is BookingStatus.BOOKED
    assert depot.parcel(shipment).tracking_no == theirs.number


def test_a_flood_is_read_together_and_polls_at_the_same_time_do_no_harm(depot, address):
    play = depot.stage("flash")
    shipments = sent(depot, n=6)
    numbers = [number(depot, s) for s in shipments]
    for n in numbers:
        play.sandbox.book.travel(n, "delivered")
    url = hook_of(address, depot, "flash")
    senders = [
        threading.Thread(target=play.sandbox.send_hooks, args=(url, n), kwargs={"times": 5, "order": "shuffled"})
        for n in numbers
    ]
    for sender in senders:
        sender.start()
    depot.turn(TRACK)
    for sender in senders:
        sender.join()
    assert {h["status"] for h in play.sandbox.book.hooks} == {200}
    owed = db.session.scalar(text("SELECT count(*) FROM outbox WHERE topic = 'carrier.hear'"))
    assert owed < 12  # 120 messages
    depot.work(HEAR, later=SOON)
    depot.turn(TRACK, later=timedelta(hours=1))
    assert [stands(depot, s) for s in shipments] == [(T.DELIVERED, S.DELIVERED)] * 6
    assert db.session.scalar(select(func.count()).select_from(TrackingEvent)) == 6 * 4
    cash = list(db.session.scalars(select(CodEntry)))
    assert {e.status for e in cash} == {CodStatus.COLLECTED}
    assert db.session.scalar(text("SELECT count(*) FROM audit_log WHERE action = 'order.delivered'")) == 6


def test_what_stays_waiting_is_read_at_the_next_turn(depot, address):
    play = depot.stage("ninjavan")
    (shipment,) = sent(depot, "ninjavan")
    play.sandbox.book.travel(number(depot, shipment), "delivered", 3)
    play.sandbox.send_hooks(hook_of(address, depot, "ninjavan"), number(depot, shipment))
    with transaction(WHO) as tx:
        tx.session.execute(text("DELETE FROM outbox WHERE topic = 'carrier.hear'"))
    depot.turn(TRACK, later=timedelta(minutes=5))
    depot.work(HEAR, later=timedelta(minutes=6))
    assert stands(depot, shipment)[0] is T.OUT_FOR_DELIVERY
    assert clock.now() < db.session.scalars(select(CarrierMessage)).first().read_at + timedelta(minutes=10)
    assert db.session.get_one(Shipment, shipment).status is S.HANDED_OVER
    assert db.session.scalars(select(Carrier).where(Carrier.adapter == "ninjavan")).one().stopped == ""
