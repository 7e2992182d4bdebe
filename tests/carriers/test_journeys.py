"""Parcels on their way, as each carrier tells it: there, home again, lost, and codes nobody has heard of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from oms import clock
from oms.carriers import thaipost
from oms.carriers.asking import homeward
from oms.carriers.flash_words import events_of as flash_events
from oms.carriers.ninjavan import event_of
from oms.carriers.port import CarrierEvent
from oms.carriers.shippop import events_of as shippop_events
from oms.carriers.thaipost import ends, moment
from oms.shipping.states import TrackingStatus
from tests.carriers.play import ALL, Play, on_stage

T = TrackingStatus
AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.fixture(params=ALL)
def play(request) -> Iterator[Play]:
    with on_stage(request.param) as stage:
        yield stage


def told(play: Play, journey: str, upto: int | None = None) -> list[TrackingStatus]:
    number = play.a_parcel()
    play.sandbox.book.travel(number, journey, upto)
    return [e.status for e in play.carrier.track([number])[number] if e.status is not T.CREATED]


def test_a_parcel_that_arrives(play):
    assert told(play, "delivered") == [T.PICKED_UP, T.IN_TRANSIT, T.OUT_FOR_DELIVERY, T.DELIVERED]


def test_a_second_try_delivers(play):
    found = told(play, "second_try")
    assert found[-2:] == [T.OUT_FOR_DELIVERY, T.DELIVERED]
    assert T.DELIVERY_FAILED in found


def test_a_refused_parcel_comes_home_and_is_never_delivered(play):
    found = told(play, "refused")
    assert T.DELIVERED not in found
    assert found[-1] is T.RETURNED
    assert T.RETURNING in found


def test_on_the_way_home_it_is_coming_home_at_every_step(play):
    for upto in (5, 6):
        with on_stage(play.code) as fresh:
            assert told(fresh, "refused", upto)[-1] is T.RETURNING


def test_a_lost_parcel_is_not_on_its_way(play):
    assert told(play, "lost")[-1] in {T.LOST, T.EXCEPTION, T.UNKNOWN}


def test_a_code_nobody_has_heard_of_is_unknown_and_kept(play):
    number = play.a_parcel()
    play.sandbox.book.travel(number, "odd")
    last = play.carrier.track([number])[number][-1]
    assert last.status is T.UNKNOWN
    assert last.raw_code
    assert last.raw_text or last.place


def test_a_canceled_booking_is_canceled(play):
    if play.code == "thaipost":
        return
    number = play.a_parcel()
    play.carrier.cancel(number)
    assert play.carrier.track([number])[number][-1].status is T.CANCELED


@pytest.mark.parametrize("play", ["flash", "thaipost", "ninjavan"], indirect=True)
def test_several_are_told_apart(play):
    numbers = [play.a_parcel()]
    if play.code == "thaipost":
        play.sandbox.post("EI217050620TH")
        numbers.append("EI217050620TH")
    else:
        numbers.append(play.book(play.request("SH-002")).tracking_no)
    play.sandbox.book.travel(numbers[0], "delivered")
    play.sandbox.book.travel(numbers[1], "lost")
    found = play.carrier.track([*numbers, "EF582568151TH"])
    assert found[numbers[0]][-1].status is T.DELIVERED
    assert found[numbers[1]][-1].status is not T.DELIVERED
    assert found["EF582568151TH"] == ()


@pytest.mark.parametrize("play", ["thaipost"], indirect=True)
@pytest.mark.parametrize("language", ["EN", "TH"])
def test_thailand_post_is_read_in_both_calendars(play, language):
    number = play.a_parcel()
    play.sandbox.book.travel(number, "delivered")
    events = play.again(language=language).track([number])[number]
    assert [e.at for e in events] == [s.at for s in play.parcels[number].steps]
    assert events[-1].raw_text == {"EN": "Delivered", "TH": "นำจ่ายสำเร็จ"}[language]


@pytest.mark.parametrize("play", ["thaipost"], indirect=True)
def test_a_token_whose_end_is_in_the_buddhist_calendar_is_kept_like_any(play):
    play.sandbox.buddhist_end = True
    for _ in range(3):
        play.carrier.track([play.a_parcel()])
    assert sum("token" in c.path for c in play.sandbox.book.calls) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("24/04/2563 17:30:48+07:00", datetime(2020, 4, 24, 10, 30, 48, tzinfo=UTC)),
        ("24/04/2020 17:30:48+07:00", datetime(2020, 4, 24, 10, 30, 48, tzinfo=UTC)),
        ("24/04/2020 17:30+07:00", datetime(2020, 4, 24, 10, 30, tzinfo=UTC)),
        ("24/04/2020 17:30:48", datetime(2020, 4, 24, 10, 30, 48, tzinfo=UTC)),
        ("29/02/2567 00:00:00+07:00", datetime(2024, 2, 28, 17, 0, tzinfo=UTC)),
        ("29/02/2566 00:00:00+07:00", None), ("31/04/2563 17:30:48+07:00", None), ("2020-04-24 17:30:48", None),
        ("24/04/0001 00:00:00+07:00", None), ("", None), ("24/04/2563", None),
    ],
)  # fmt: skip
def test_dates_of_thailand_post(text, found):
    assert moment(text) == found


def test_the_end_of_a_token():
    with clock.at(datetime(2020, 4, 20, tzinfo=UTC)):
        assert ends("2020-04-24 17:30:48+07:00") == datetime(2020, 4, 24, 10, 30, 48, tzinfo=UTC)
        assert ends("2563-04-24 17:30:48+07:00") == datetime(2020, 4, 24, 10, 30, 48, tzinfo=UTC)
        assert ends("2021-04-24 17:30:48+07:00") == datetime(2020, 5, 20, tzinfo=UTC), "nobody is trusted for a year"
        assert ends("soon") == ends("2020-13-40 17:30:48+07:00") == datetime(2020, 4, 20, tzinfo=UTC)


def test_every_code_of_thailand_post_has_its_place():
    assert {c: s.value for c, s in thaipost.STATUSES.items()} == {
        "101": "created", "102": "picked_up", "103": "picked_up", "201": "in_transit", "202": "in_transit",
        "203": "returning", "204": "in_transit", "205": "in_transit", "206": "in_transit", "207": "in_transit",
        "301": "out_for_delivery", "302": "ready_for_pickup", "401": "delivery_failed", "501": "delivered",
    }  # fmt: skip


def routes(*actions: str, state: int) -> dict:
    listed = [
        {"routedAt": int((AT + timedelta(hours=i)).timestamp()), "routeAction": a, "message": a}
        for i, a in enumerate(actions)
    ]
    return {"pno": "TH1", "state": state, "stateText": f"state {state}", "routes": listed[::-1]}


@pytest.mark.parametrize(
    ("actions", "state", "found"),
    [
        (("RECEIVED", "DETAIN_WAREHOUSE"), 4, ["picked_up", "delivery_failed"]),
        (("RECEIVED", "DIFFICULTY_HANDOVER"), 6, ["picked_up", "exception"]),
        (("RECEIVED", "DELIVERY_CONFIRM"), 7, ["picked_up", "returned"]),
        (("RECEIVED", "SHIPMENT_WAREHOUSE_SCAN"), 7, ["picked_up", "in_transit", "returned"]),
        (("RECEIVED", "SHIPMENT_WAREHOUSE_SCAN"), 8, ["picked_up", "in_transit", "exception"]),
        (("RECEIVED", "DIFFICULTY_FINISH_INDEMNITY"), 8, ["picked_up", "lost"]),
        (("RECEIVED", "HURRY_PARCEL", "REVISION_TIME"), 1, ["picked_up", "picked_up", "picked_up"]),
        (("CHANGE_PARCEL_INFO",), 0, ["created"]),
        (("RECEIVED", "SHIPMENT_WAREHOUSE_SCAN"), 3, ["picked_up", "in_transit"]),
        (("RECEIVED",), 42, ["picked_up", "unknown"]),
        (("RECEIVED", "CHANGE_PARCEL_SIGNED"), 5, ["picked_up", "delivered"]),
        ((), 0, []), ((), 9, ["canceled"]),
    ],
)  # fmt: skip
def test_flash_s_routes_and_what_stands_above_them(actions, state, found):
    assert [e.status.value for e in flash_events(routes(*actions, state=state))] == found


def test_routes_that_are_no_routes_say_nothing():
    odd = {
        "pno": "TH1",
        "state": 1,
        "routes": [None, {"routedAt": "soon"}, {"routedAt": -5, "routeAction": "RECEIVED"}],
    }
    assert flash_events(odd) == ()
    assert flash_events({"routes": "none"}) == ()


def test_the_way_home_is_read_from_its_turn():
    def event(hours: int, status: T) -> CarrierEvent:
        return CarrierEvent(AT + timedelta(hours=hours), status, "x")

    way = [event(3, T.DELIVERED), event(1, T.OUT_FOR_DELIVERY), event(2, T.RETURNING), event(4, T.ON_HOLD)]
    assert [e.status for e in homeward(way)] == [T.OUT_FOR_DELIVERY, T.RETURNING, T.RETURNED, T.ON_HOLD]


def test_ninja_van_s_two_vocabularies_and_the_way_back():
    def status(text: str, *, back: bool = False) -> T:
        row = {"status": text, "timestamp": "2026-11-22T10:00:00+0700", "is_parcel_on_rts_leg": back}
        found = event_of(row)
        assert found.at == AT
        return found.status

    assert status("Successful Delivery") is status("Delivered, Received by Customer") is T.DELIVERED
    assert status("Delivered", back=True) is T.RETURNED
    assert status("Arrived at Transit Hub", back=True) is T.RETURNING
    assert status("Returned to Sender") is T.RETURNED
    assert status("Beamed Up", back=True) is T.UNKNOWN
    assert event_of({"status": "Delivered", "timestamp": "yesterday"}) is None


def test_shippop_reads_each_carrier_s_own_codes_and_what_stands_above_them():
    def of(courier: str, whole: str, *codes: str) -> list[str]:
        rows = [{"status": c, "datetime": f"2026-11-22 1{i}:00:00", "description": c} for i, c in enumerate(codes)]
        return [
            e.status.value for e in shippop_events({"courier_code": courier, "order_status": whole, "states": rows})
        ]

    assert of("KRYX", "complete", "010", "102", "045", "POD") == [
        "picked_up", "in_transit", "out_for_delivery", "delivered",
    ]  # fmt: skip
    assert of("EMST", "return", "103", "203", "501") == ["picked_up", "returning", "returned"]
    assert of("FLE", "shipping", "1") == ["unknown", "in_transit"], "its codes are not published"
    assert of("FLE", "complete", "1") == ["unknown", "delivered"]
    assert of("FLE", "teleported", "1") == ["unknown"]
    assert of("EMST", "problem", "103") == ["picked_up", "exception"]
    assert of("EMST", "booking") == []
    assert shippop_events({"courier_code": "EMST", "order_status": "cancel"})[0].status is T.CANCELED
