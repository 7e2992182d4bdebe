"""Tax ids: thirteen digits that check, and branches."""

import pytest
import stdnum.th.tin
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.errors import InvalidInput
from oms.thai.tax_id import branch_label, check_digit, format_tax_id, is_person, is_tax_id, parse_branch, parse_tax_id


@pytest.mark.parametrize("digits", ["0005560000019", "0003560000025", "3990000000031"])
def test_ids_with_a_right_check_digit_are_taken(digits):
    assert parse_tax_id(digits) == digits
    assert is_person(digits) is (digits[0] == "3")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0005560000018", "tax_id_check"),
        ("0000000000000", "tax_id_check"),
        ("12345", "tax_id_length"),
        ("", "tax_id_length"),
        ("000556000001x", "tax_id_length"),
    ],
)
def test_wrong_ids_are_refused_with_the_reason(text, code):
    with pytest.raises(InvalidInput) as refused:
        parse_tax_id(text, "tax_id")
    assert (refused.value.detail_code, refused.value.field) == (code, "tax_id")


def test_separators_and_thai_digits_are_read():
    assert parse_tax_id("0-0055-60000-01-9") == "0005560000019"
    assert parse_tax_id("๐๐๐๕๕๖๐๐๐๐๐๑๙") == "0005560000019"
    assert format_tax_id("0005560000019") == "0-0055-60000-01-9"


@pytest.mark.parametrize(
    ("text", "branch"),
    [
        ("", "00000"),
        ("สำนักงานใหญ่", "00000"),
        ("Head office", "00000"),
        ("1", "00001"),
        ("สาขาที่ 12", "00012"),
        ("branch 00003", "00003"),
        ("๕", "00005"),
    ],
)
def test_branches_are_five_digits(text, branch):
    assert parse_branch(text) == branch


@pytest.mark.parametrize("text", ["123456", "abc", "-"])
def test_a_wrong_branch_is_refused(text):
    with pytest.raises(InvalidInput) as refused:
        parse_branch(text, "branch")
    assert refused.value.detail_code == "branch"


def test_the_branch_is_named_as_on_an_invoice():
    assert str(branch_label("00000")) == "Head office"
    assert str(branch_label("00012")) == "Branch 00012"


@given(st.from_regex(r"[0-8][0-9]{11}", fullmatch=True), st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_our_check_agrees_with_the_library(first_twelve, last):
    digits = f"{first_twelve}{last}"
    assert is_tax_id(digits) == (stdnum.th.tin.is_valid(digits) and bool(digits.strip("0")))
    assert is_tax_id(f"{first_twelve}{check_digit(first_twelve)}") or not first_twelve.strip("0")
