"""Which pieces a channel's return is about: the line it names, then any line of the SKU with pieces left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.channels.port import ReturnNews
from oms.channels.return_models import ReturnWait as W
from oms.channels.return_reading import LineOut, kept_amounts, mark_of, named_pieces, pieces_of

ONE = {"A": (7, 1)}


def line(id_: int, left: int, name: str = "", shipped: int | None = None, quantity: int = 5, sku: int = 7) -> LineOut:
    return LineOut(id_, sku, left if shipped is None else shipped, left, name, quantity)


LINES = [line(1, 2, "x1"), line(2, 1, "x2", quantity=1), line(3, 4, "y", sku=9)]


@pytest.mark.parametrize(
    ("amounts", "named", "found"),
    [
        ({"A": 1}, {}, {1: 1}),  # nobody names a line: the first with pieces left
        ({"A": 3}, {}, {1: 2, 2: 1}),
        ({"A": 1}, {"A": {"x2": 1}}, {2: 1}),
        ({"A": 3}, {"A": {"x2": 1, "x1": 2}}, {2: 1, 1: 2}),
        ({"A": 1}, {"A": {"strange": 1}}, {1: 1}),  # a piece's own number: of a line of several
        ({"A": 2}, {"A": {"x2": 1, "strange": 1}}, {2: 1, 1: 1}),
        ({"A": 2}, {"A": {"x2": 2}}, {2: 1, 1: 1}),  # more than the named line has left
        ({"A": 1}, {"A": {"y": 1}}, {1: 1}),  # a line of another SKU is not it
        ({"A": 4}, {"A": {"x2": 4}}, W.TOO_MANY),
        ({"B": 1}, {"B": {"x1": 1}}, W.UNKNOWN_GOODS),
    ],
)
def test_the_named_line_comes_first_then_the_sku(amounts, named, found):
    assert pieces_of(LINES, amounts, ONE, named) == found


def test_a_pack_counts_as_its_pieces():
    assert pieces_of([line(1, 2, "a"), line(2, 6, "b")], {"A": 2}, {"A": (7, 3)}, {"A": {"b": 2}}) == {2: 6}


def test_lines_of_one_name_fill_up_one_after_the_other():
    assert named_pieces([line(1, 1, "x"), line(2, 3, "x")], {"A": {"x": 3}}, ONE) == {1: 1, 2: 2}


def test_lines_are_kept_only_where_they_account_for_every_piece():
    news = ReturnNews("R", "O", "s", amounts={"A": 2, "B": 3}, lines={"A": {"x": 2}, "B": {"y": 1}})
    assert kept_amounts(news) == {"A": {"x": 2}, "B": 3}


def test_a_word_without_lines_has_the_mark_it_always_had():
    plain = ReturnNews("R", "O", "s", amounts={"A": 2})
    assert mark_of(plain) != mark_of(ReturnNews("R", "O", "s", amounts={"A": 2}, lines={"A": {"x": 2}}))
    assert mark_of(plain) == "7e3c2c8ffa1792e66a0236455508e860ab844be5"


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["", "x", "y"])), min_size=1, max_size=5),
    st.integers(1, 8), st.dictionaries(st.sampled_from(["x", "y", "z"]), st.integers(1, 4), max_size=3),
)  # fmt: skip
def test_no_line_gives_back_more_than_it_has_and_all_pieces_are_placed_or_none(stock, pieces, named):
    lines = [line(n, left, name, shipped=3) for n, (left, name) in enumerate(stock)]
    found = pieces_of(lines, {"A": pieces}, ONE, {"A": named} if sum(named.values()) <= pieces else {})
    if isinstance(found, W):
        assert found is W.TOO_MANY
        assert pieces > sum(x.left for x in lines)
    else:
        assert sum(found.values()) == pieces
        assert all(0 < n <= lines[i].left for i, n in found.items())
