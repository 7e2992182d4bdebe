"""The arithmetic of bills: VAT half up once a document, lines that sum to it, a thousand orders to the satang."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.catalog.models import VatClass
from oms.documents.sums import Left, Line, LineKind, Sums, add_up, note_sums, spread, vat_in

GOODS = LineKind.GOODS


@pytest.mark.parametrize(
    ("total", "base", "vat"),
    [(10700, 10000, 700), (159000, 148598, 10402), (99900, 93364, 6536), (1995, 1864, 131), (7, 7, 0), (0, 0, 0)],
)
def test_the_known_amounts(total, base, vat):
    assert (total - vat_in(total, 700), vat_in(total, 700)) == (base, vat)


@given(st.integers(0, 10**13), st.integers(0, 9999))
def test_vat_is_rounded_half_up_as_on_paper(total, rate):
    exact = (Decimal(total) * rate / (10_000 + rate)).quantize(Decimal(1), ROUND_HALF_UP)
    assert vat_in(total, rate) == int(exact)
    assert vat_in(-total, rate) == -int(exact)


lines = st.builds(
    lambda amount, vat: Line(GOODS, "x", amount, vat), st.integers(0, 10**9), st.sampled_from(list(VatClass))
)


@given(st.lists(lines, min_size=1, max_size=40), st.integers(0, 100), st.sampled_from([700, 1000, 0, None]))
def test_lines_sum_to_the_document_whatever_is_in_it(goods, percent, rate):
    off = sum(line.amount for line in goods) * percent // 100
    found, sums = add_up([*goods, *spread(-off, goods, "d", LineKind.DISCOUNT, "")], rate)
    assert sums.total == sum(line.amount for line in goods) - off
    assert sum(line.net for line in found) == sums.base + sums.zero + sums.exempt
    taxed = sum(line.amount for line in found if line.vat is VatClass.STANDARD)
    assert sums.vat == (0 if rate is None else vat_in(taxed, rate))
    for line in found:
        own = line.amount - (vat_in(line.amount, rate) if rate is not None and line.vat is VatClass.STANDARD else 0)
        assert abs(line.net - own) <= 2


def test_a_document_is_rounded_once_and_not_by_line():
    found, sums = add_up([Line(GOODS, "x", 10000)] * 3, 700)
    assert sums.base == 28037
    assert 3 * (10000 - vat_in(10000, 700)) == 28038
    assert [line.net for line in found] == [9346, 9346, 9345]


def test_a_seller_without_vat_has_none_in_its_sums():
    found, sums = add_up([Line(GOODS, "x", 999)], None)
    assert sums == Sums(999, 0, 0, 0, None)
    assert found[0].net == 999


@given(st.integers(1, 10**7), st.lists(st.integers(1, 10**7), max_size=6))
def test_notes_never_take_more_vat_than_there_is(total, parts):
    left = Left(total, vat_in(total, 700), 0)
    for part in parts:
        if part > left.taxed:
            break
        sums = note_sums(part, 0, left, 700, sign=-1)
        assert 0 <= sums.vat <= left.vat
        assert sums.total == part
        left = Left(left.taxed - part, left.vat - sums.vat, 0)
    last = note_sums(left.taxed, 0, left, 700, sign=-1)
    assert (last.vat, last.base) == (left.vat, left.taxed - left.vat)
