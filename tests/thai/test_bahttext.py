"""Amounts in Thai words: the vectors of the trade, and what must hold for every amount."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.thai.bahttext import baht_text

VECTORS = json.loads((Path(__file__).parent / "baht_vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["amount"])
def test_the_amount_reads_as_the_vector_says(vector):
    assert baht_text(Decimal(vector["amount"])) == vector["words"]


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("1", "หนึ่งบาทถ้วน"),
        ("11", "สิบเอ็ดบาทถ้วน"),
        ("20", "ยี่สิบบาทถ้วน"),
        ("1001", "หนึ่งพันเอ็ดบาทถ้วน"),
        ("1000000", "หนึ่งล้านบาทถ้วน"),
        ("21000001", "ยี่สิบเอ็ดล้านเอ็ดบาทถ้วน"),
        ("1000001000000", "หนึ่งล้านเอ็ดล้านบาทถ้วน"),
        ("0.01", "หนึ่งสตางค์"),
        ("0.11", "สิบเอ็ดสตางค์"),
        ("0.995", "หนึ่งบาทถ้วน"),
        ("0.004", "ศูนย์บาทถ้วน"),
        ("-0.004", "ศูนย์บาทถ้วน"),
        ("-0.25", "ลบยี่สิบห้าสตางค์"),
        ("9007199254740993.01", "เก้าพันเจ็ดล้านหนึ่งแสนเก้าหมื่นเก้าพันสองร้อยห้าสิบสี่ล้านเจ็ดแสนสี่หมื่นเก้าร้อยเก้าสิบสามบาทหนึ่งสตางค์"),
    ],
)
def test_edges_of_the_rule(amount, words):
    assert baht_text(Decimal(amount)) == words


@pytest.mark.parametrize("wrong", [1.5, 3, "10", Decimal("NaN"), Decimal("Infinity")])
def test_only_a_finite_decimal_is_taken(wrong):
    with pytest.raises(TypeError):
        baht_text(wrong)


def test_an_absurd_amount_is_refused_and_not_spelled():
    with pytest.raises(ValueError, match="beyond"):
        baht_text(Decimal(10) ** 30)


@given(st.decimals(0, 10**13, places=2), st.decimals(0, 10**13, places=2))
@settings(max_examples=80, deadline=None)
def test_two_amounts_share_words_only_when_they_are_equal(a, b):
    assert (baht_text(a) == baht_text(b)) == (a == b)
    assert baht_text(a).endswith(("ถ้วน", "สตางค์"))
