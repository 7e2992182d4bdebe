"""Dates: BE and CE, day first, two-digit years by source."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.errors import InvalidInput
from oms.thai.dates import MONTHS, MONTHS_SHORT, Era, format_date, format_moment, parse_date, parse_moment

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("text", "era", "day"),
    [
        ("14 พ.ย. 2568", Era.AUTO, date(2025, 11, 14)),
        ("14 พฤศจิกายน พ.ศ. 2568", Era.AUTO, date(2025, 11, 14)),
        ("วันที่ ๑๔ พ.ย. ๒๕๖๘", Era.AUTO, date(2025, 11, 14)),
        ("14พย68", Era.BE, date(2025, 11, 14)),
        ("29/02/2567", Era.AUTO, date(2024, 2, 29)),
        ("29 ก.พ. 2567", Era.AUTO, date(2024, 2, 29)),
        ("01/03/69", Era.BE, date(2026, 3, 1)),
        ("18-09-26", Era.CE, date(2026, 9, 18)),
        ("12/11/68", Era.AUTO, date(2025, 11, 12)),
        ("12/11/26", Era.AUTO, date(2026, 11, 12)),
        ("2026-11-02", Era.AUTO, date(2026, 11, 2)),
        ("2569-11-02", Era.AUTO, date(2026, 11, 2)),
        ("2/11/2026", Era.CE, date(2026, 11, 2)),
        ("04 Jul 2022", Era.AUTO, date(2022, 7, 4)),
        ("4-Sept-2022", Era.AUTO, date(2022, 9, 4)),
    ],
)
def test_a_date_is_read_as_its_source_writes_it(text, era, day):
    assert parse_date(text, era, today=TODAY) == day


@pytest.mark.parametrize(
    "text", ["", "พรุ่งนี้", "31/02/2569", "29/02/2566", "0/1/2569", "14 ฟฟ 2568", "32 ม.ค. 2569", "1/1/0001/2"]
)
def test_what_is_no_day_is_refused_with_the_text(text):
    with pytest.raises(InvalidInput) as refused:
        parse_date(text, today=TODAY, field="placed_at")
    assert refused.value.field == "placed_at"
    assert refused.value.facts["text"] == text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-02 23:59", datetime(2026, 11, 2, 16, 59, tzinfo=UTC)),
        ("02/11/2569 07:05:09", datetime(2026, 11, 2, 0, 5, 9, tzinfo=UTC)),
        ("04 Jul 2022 11:46", datetime(2022, 7, 4, 4, 46, tzinfo=UTC)),
        ("2 พ.ย. 69 เวลา".removesuffix(" เวลา") + " 14:30 น.", datetime(2026, 11, 2, 7, 30, tzinfo=UTC)),
        ("2026-11-02T06:00:00", datetime(2026, 11, 1, 23, 0, tzinfo=UTC)),
        ("11/02/2026 12:15 am", datetime(2026, 2, 10, 17, 15, tzinfo=UTC)),
        ("2026-11-02", datetime(2026, 11, 1, 17, 0, tzinfo=UTC)),
    ],
)
def test_a_moment_is_on_the_bangkok_clock(text, moment):
    assert parse_moment(text, today=TODAY) == moment


def test_an_impossible_hour_is_refused():
    with pytest.raises(InvalidInput) as refused:
        parse_moment("2026-11-02 25:00")
    assert refused.value.detail_code == "time_range"


def test_dates_show_be_in_thai_and_ce_in_english():
    day = date(2025, 11, 14)
    assert format_date(day) == "14 พ.ย. 2568"
    assert format_date(day, long=True) == "14 พฤศจิกายน 2568"
    assert format_date(day, "en") == "14 Nov 2025"
    assert format_moment(datetime(2025, 11, 14, 18, 5, tzinfo=UTC)) == "15 พ.ย. 2568 01:05"
    assert len(set(MONTHS)) == len(set(MONTHS_SHORT)) == 12


@given(st.dates(date(1990, 1, 1), date(2090, 12, 31)), st.sampled_from(["th", "en"]), st.booleans())
@settings(max_examples=80, deadline=None)
def test_what_is_shown_reads_back(day, language, long):
    assert parse_date(format_date(day, language, long=long), today=TODAY) == day


@given(st.dates(TODAY - timedelta(days=700), TODAY + timedelta(days=300)), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_two_digit_year_near_today_is_read_in_either_era(day, be):
    year = (day.year + (543 if be else 0)) % 100
    assert parse_date(f"{day.day:02}/{day.month:02}/{year:02}", today=TODAY) == day
