"""Phones: any way of writing, one number."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.errors import InvalidInput
from oms.thai.phone import (
    find_phones,
    format_phone,
    mask_phone,
    mask_phones,
    parse_phone,
    phone_fragment,
    read_phone,
)


@pytest.mark.parametrize(
    "written",
    ["0812345678", "081-234-5678", "081 234 5678", "+66812345678", "+66 (0)81-234-5678", "66812345678", "0066812345678",
     "๐๘๑๒๓๔๕๖๗๘", "O812345678", "o81 234 5678", "081.234.5678", " 081–2345678 ", "+66 81 234 5678 ต่อ 105"],
)  # fmt: skip
def test_every_way_of_writing_gives_the_same_mobile(written):
    assert read_phone(written) == "0812345678"


@pytest.mark.parametrize(
    ("written", "phone"),
    [("02-123-4567", "021234567"), ("+66 2 123 4567", "021234567"), ("053-123456", "053123456"), ("+66 53 123456", "053123456"),
     ("02-123-4567 ต่อ 105", "021234567"), ("+852 5123 4567", "+85251234567"), ("08OO000123", "0800000123")],
)  # fmt: skip
def test_landlines_and_foreign_numbers_are_kept(written, phone):
    assert read_phone(written) == phone


@pytest.mark.parametrize(
    "written",
    [
        "",
        "123",
        "081234567",
        "08123456789",
        "0112345678",
        "******78",
        "phone",
        "+66",
        "+6681234567890",
        "191",
        "0000000000",
        "👍",
    ],
)
def test_what_is_no_number_is_refused_in_words(written):
    assert read_phone(written) is None
    with pytest.raises(InvalidInput) as refused:
        parse_phone(written, "phone")
    assert (refused.value.code, refused.value.detail_code, refused.value.field) == ("invalid_input", "phone", "phone")


def test_numbers_are_found_in_a_message():
    text = "คุณเอ 081-234-5678 หรือ 02 123 4567 ส่ง 10900 เลขที่ 99/123 โทร 081 2345678"
    assert find_phones(text) == ["0812345678", "021234567"]


@pytest.mark.parametrize(
    ("typed", "fragment"),
    [
        ("5678", "5678"),
        ("234-56", "23456"),
        ("+6681", "081"),
        ("๕๖๗๘", "5678"),
        ("สมชาย", ""),
        ("081 234 5678", "0812345678"),
        ("66812345678", "0812345678"),
        ("", ""),
    ],
)
def test_a_part_of_a_number_is_searched_by_its_digits(typed, fragment):
    assert phone_fragment(typed) == fragment


def test_numbers_are_shown_grouped_and_masked():
    assert format_phone("0812345678") == "081-234-5678"
    assert format_phone("021234567") == "02-123-4567"
    assert format_phone("053123456") == "053-123-456"
    assert format_phone("+85251234567") == "+85251234567"
    assert mask_phone("0812345678") == "081xxxxx78"
    assert mask_phone("") == ""


@given(st.text(max_size=30))
@settings(max_examples=150, deadline=None)
def test_any_text_gives_a_number_in_house_form_or_none(text):
    phone = read_phone(text)
    assert phone is None or read_phone(phone) == phone


@given(st.from_regex(r"0[689][0-9]{8}", fullmatch=True), st.sampled_from(["-", " ", ".", ""]))
@settings(max_examples=60, deadline=None)
def test_a_number_survives_grouping_and_country_code(phone, separator):
    assert read_phone(separator.join([phone[:3], phone[3:6], phone[6:]])) == phone
    assert read_phone("+66" + phone[1:]) == phone
    assert read_phone(format_phone(phone)) == phone


def test_numbers_in_a_longer_text_are_found_and_masked_whatever_figures_follow():
    text = "สมใจ 081-234-5678 45/7 ม.2\n๐๒ ๑๒๓ ๔๕๖๗ ราคา 1590 บาท 10110 +66 89 111 2222"
    assert find_phones(text) == ["0812345678", "021234567", "0891112222"]
    masked = mask_phones(text)
    assert masked == "สมใจ 081xxxxx78 45/7 ม.2\n021xxxx67 ราคา 1590 บาท 10110 089xxxxx22"
