"""A span is read to its end whatever moves meanwhile, in about as many questions as it has pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from oms.channels import spans

START = datetime(2026, 11, 28, tzinfo=UTC)
PAGE = 10


class Platform:
    """Orders by the second they changed. Its pages count from the beginning of what is there at that moment; after
    some answers an order changes and leaves the span."""

    def __init__(self, times: list[int], *, moving: list[int] = (), counts: bool = True) -> None:
        self.orders = dict(enumerate(times))
        self.moving, self.counts, self.moved = list(moving), counts, set()
        self.asked = 0

    def ask(self, start: datetime, end: datetime, token: str) -> spans.Answer[int]:
        assert start.microsecond == end.microsecond == 0
        self.asked += 1
        assert self.asked < 2000
        low, high = ((at - START).total_seconds() for at in (start, end))
        found = sorted((at, n) for n, at in self.orders.items() if low <= at <= high)
        at = int(token or 0)
        shown = [n for _, n in found[at : at + PAGE]]
        more = at + PAGE < len(found)
        if self.moving:
            gone = self.moving.pop()
            if gone in self.orders:
                self.orders[gone] = 10**9  # after the span
                self.moved.add(gone)
        return spans.Answer(shown, str(at + PAGE) if more else "", len(found) if self.counts else None)


def read(platform: Platform, until: datetime, since: datetime = START) -> list[int]:
    found, cursor = [], ""
    while True:
        rows, cursor = spans.read(since, until, cursor, platform.ask, PAGE)
        found += rows
        if not cursor:
            return found


TIMES = st.lists(st.integers(0, 3000) | st.sampled_from([7, 8, 9]), min_size=25, max_size=150)


@given(TIMES, st.booleans(), st.integers(1, 4000))
def test_everything_inside_is_told_and_nothing_else(times, counts, seconds):
    platform = Platform(times, counts=counts)
    told = read(platform, START + timedelta(seconds=seconds))
    assert set(told) == {n for n, at in enumerate(times) if at <= seconds}


@given(
    st.lists(st.integers(0, 3000), min_size=40, max_size=150, unique=True),
    st.lists(st.integers(0, 60), min_size=3, max_size=40),
    st.booleans(),
)
def test_what_moves_while_it_is_read_makes_nothing_else_be_passed_over(times, moving, counts):
    platform = Platform(times, moving=moving, counts=counts)
    told = set(read(platform, START + timedelta(seconds=3000)))
    assert told | platform.moved == set(range(len(times)))


def test_a_long_span_takes_few_questions_more_than_it_has_pages():
    for counts in (True, False):
        platform = Platform([n * 60 for n in range(1000)], counts=counts)
        told = read(platform, START + timedelta(days=15))
        assert set(told) == set(range(1000))
        assert len(told) < 1100
        assert platform.asked < 190, "a hundred pages"


def test_an_empty_span_is_one_question():
    platform = Platform([])
    assert read(platform, START + timedelta(days=15)) == []
    assert platform.asked == 1


def test_a_span_of_nothing_ends():
    platform = Platform([0])
    assert read(platform, START) == [0]
    assert read(platform, START - timedelta(hours=1)) == []


def test_fractions_of_seconds_are_inside():
    platform = Platform([5])
    half = timedelta(milliseconds=500)
    assert read(platform, START + timedelta(seconds=4) + half) == [0]
    assert read(platform, START + timedelta(seconds=9), START + timedelta(seconds=5) + half) == [0]
