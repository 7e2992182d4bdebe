"""What carriers' events amount to, whatever order they come in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.shipping.states import SHIPMENT, ShipmentStatus, TrackingStatus
from oms.shipping.tracking_rules import FINAL, in_order, moves, shipment_target, standing

T, S = TrackingStatus, ShipmentStatus
START = datetime(2026, 11, 1, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    at: datetime
    status: TrackingStatus
    raw_code: str = ""
    raw_text: str = ""
    source: str = "poll"
    received_at: datetime = START + timedelta(days=2)


def told(*statuses: TrackingStatus) -> list[Event]:
    """One event an hour."""
    return [Event(START + timedelta(hours=i), status) for i, status in enumerate(statuses)]


def ends(*statuses: TrackingStatus, own: TrackingStatus = T.IN_TRANSIT) -> TrackingStatus:
    return standing(told(*statuses), own).status


@pytest.mark.parametrize(
    ("said", "end"),
    [
        ((T.PICKED_UP, T.IN_TRANSIT, T.OUT_FOR_DELIVERY, T.DELIVERED), T.DELIVERED),
        ((T.OUT_FOR_DELIVERY, T.IN_TRANSIT), T.OUT_FOR_DELIVERY),
        ((T.OUT_FOR_DELIVERY, T.DELIVERY_FAILED, T.IN_TRANSIT), T.DELIVERY_FAILED),
        ((T.OUT_FOR_DELIVERY, T.DELIVERY_FAILED, T.IN_TRANSIT, T.OUT_FOR_DELIVERY), T.OUT_FOR_DELIVERY),
        ((T.DELIVERY_FAILED, T.READY_FOR_PICKUP), T.READY_FOR_PICKUP),
        ((T.OUT_FOR_DELIVERY, T.ON_HOLD, T.IN_TRANSIT), T.IN_TRANSIT),
        ((T.IN_TRANSIT, T.ON_HOLD, T.LABEL_READY), T.ON_HOLD),
        ((T.IN_TRANSIT, T.UNKNOWN), T.UNKNOWN),
        ((T.IN_TRANSIT, T.UNKNOWN, T.OUT_FOR_DELIVERY), T.OUT_FOR_DELIVERY),
        ((T.DELIVERED, T.UNKNOWN), T.DELIVERED),
        ((T.DELIVERED, T.IN_TRANSIT, T.DELIVERY_FAILED), T.DELIVERED),
        ((T.DELIVERED, T.RETURNING), T.RETURNING),
        ((T.RETURNING, T.IN_TRANSIT, T.OUT_FOR_DELIVERY), T.RETURNING),
        ((T.RETURNING, T.DELIVERED), T.RETURNED),
        ((T.RETURNING, T.LOST, T.DELIVERED), T.RETURNED),
        ((T.RETURNED, T.RETURNING, T.DELIVERED, T.LOST), T.RETURNED),
        ((T.LOST, T.IN_TRANSIT), T.LOST),
        ((T.LOST, T.DELIVERED), T.DELIVERED),
        ((T.CANCELED, T.IN_TRANSIT), T.IN_TRANSIT),
        ((T.CANCELED, T.LABEL_READY), T.CANCELED),
    ],
)
def test_a_parcel_goes_forward_and_back_only_by_the_rules(said, end):
    assert ends(*said) is end


def test_what_we_said_ourselves_is_where_events_begin():
    assert ends(T.LABEL_READY, own=T.IN_TRANSIT) is T.IN_TRANSIT
    assert ends(T.LABEL_READY, own=T.CREATED) is T.LABEL_READY
    assert ends(T.OUT_FOR_DELIVERY, own=T.DELIVERED) is T.DELIVERED
    assert ends(T.RETURNING, own=T.DELIVERED) is T.RETURNING
    assert ends(T.DELIVERED, own=T.RETURNED) is T.RETURNED
    assert standing([], T.IN_TRANSIT).since is None


def test_the_state_names_the_event_it_comes_from():
    events = told(T.IN_TRANSIT, T.OUT_FOR_DELIVERY, T.IN_TRANSIT)
    assert standing(events).since is events[1]
    again = told(T.IN_TRANSIT, T.IN_TRANSIT)
    assert standing(again).since is again[1]  # it moved, so it is not standing still


def test_only_a_person_can_say_that_what_was_coming_back_was_delivered():
    coming = told(T.IN_TRANSIT, T.RETURNING)
    late = START + timedelta(hours=9)
    assert standing([*coming, Event(late, T.DELIVERED)]).status is T.RETURNED
    assert standing([*coming, Event(late, T.DELIVERED, source="staff")]).status is T.DELIVERED
    back = [*coming, Event(START + timedelta(hours=5), T.RETURNED), Event(late, T.DELIVERED, source="staff")]
    assert standing(back).status is T.RETURNED


def test_an_event_from_the_future_is_a_wrong_clock():
    wrong = Event(START + timedelta(days=400), T.DELIVERED)
    assert standing([*told(T.IN_TRANSIT), wrong]).status is T.IN_TRANSIT


EVENTS = st.lists(
    st.builds(
        lambda hour, status, code: Event(START + timedelta(hours=hour), status, code),
        st.integers(0, 8), st.sampled_from(sorted(T)), st.sampled_from(["", "a", "b"]),
    ),
    max_size=9,
)  # fmt: skip


@settings(max_examples=400)
@given(events=EVENTS, data=st.data())
def test_order_and_repeats_do_not_matter(events, data):
    shuffled = data.draw(st.permutations(events + events[: len(events) // 2]))
    own = data.draw(st.sampled_from([T.CREATED, T.IN_TRANSIT]))
    assert standing(set(shuffled), own) == standing(set(events), own)
    assert in_order(set(shuffled)) == in_order(set(events))


@settings(max_examples=400)
@given(boxes=st.lists(EVENTS, min_size=1, max_size=3), data=st.data())
def test_a_shipment_ends_where_its_boxes_do_whenever_news_comes(boxes, data):
    pieces = [(i, event) for i, events in enumerate(boxes) for event in events]
    known: list[set[Event]] = [set() for _ in boxes]
    state = S.HANDED_OVER
    for i, event in data.draw(st.permutations(pieces)):
        known[i].add(event)
        target = shipment_target([standing(k, T.IN_TRANSIT).status for k in known])
        for name in moves(state, target):
            assert state in SHIPMENT.transitions[name].sources
            state = SHIPMENT.transitions[name].target
    assert state is shipment_target([standing(set(k), T.IN_TRANSIT).status for k in boxes])


def test_all_boxes_count():
    assert shipment_target([T.DELIVERED, T.IN_TRANSIT]) is S.HANDED_OVER
    assert shipment_target([T.DELIVERED, T.DELIVERED]) is S.DELIVERED
    assert shipment_target([T.DELIVERED, T.CANCELED]) is S.HANDED_OVER
    assert shipment_target([T.CANCELED]) is S.HANDED_OVER
    assert shipment_target([T.DELIVERED, T.RETURNED]) is S.RETURNING
    assert shipment_target([T.RETURNED, T.RETURNED]) is S.RETURNED
    assert shipment_target([T.DELIVERED, T.LOST]) is S.LOST
    assert shipment_target([]) is S.HANDED_OVER


def test_goods_that_have_not_left_are_never_moved_by_a_carrier():
    for state in S:
        for target in S:
            if moves(state, target):
                assert state in {S.HANDED_OVER, S.DELIVERED, S.LOST, S.RETURNING}
    assert not FINAL & {T.RETURNING, T.UNKNOWN}
