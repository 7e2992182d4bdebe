"""When a provider is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from oms.net.breaker import FIRST_PAUSE, LONGEST_PAUSE, OPENS_AFTER, PROBE, Breaker

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def failed(times: int) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker = breaker.failed(NOW)
    return breaker


def test_a_few_failures_stop_nobody():
    assert failed(OPENS_AFTER - 1).waits(NOW) is None


def test_failures_in_a_row_open_it_for_a_while():
    breaker = failed(OPENS_AFTER)
    assert breaker.is_open
    assert breaker.waits(NOW) == NOW + FIRST_PAUSE
    assert breaker.waits(NOW + FIRST_PAUSE) is None


def test_one_probe_at_a_time_and_a_good_one_closes_it():
    later = NOW + FIRST_PAUSE
    probing = failed(OPENS_AFTER).asking(later)
    assert probing.waits(later) == later + PROBE
    assert probing.answered() == Breaker()


def test_a_failed_probe_pauses_twice_as_long():
    assert failed(OPENS_AFTER + 1).waits(NOW) == NOW + 2 * FIRST_PAUSE


def test_a_pause_the_provider_asks_for_is_kept_at_once():
    assert Breaker().failed(NOW, timedelta(seconds=7)).waits(NOW) == NOW + timedelta(seconds=7)


@given(st.integers(0, 500))
def test_no_pause_is_longer_than_the_longest(times):
    until = failed(times).waits(NOW)
    assert until is None or until - NOW <= LONGEST_PAUSE
