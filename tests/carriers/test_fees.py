"""What sending costs, to the satang, with its reasons; and rate tables as data."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.carriers.fees import By, Fee, Rates, RateTable, Step, ToSend, as_data, billed_grams, fee, read_table
from oms.carriers.port import Size
from oms.carriers.zones import NEAR, REMOTE, Zone, is_remote, zone_of
from oms.errors import InvalidInput
from oms.money import ZERO, Money
from oms.thai.addresses import by_postcode


def baht(text: str) -> Money:
    return Money(Decimal(text))


TABLE = RateTable(
    {
        Zone.NEAR: Rates((Step(1000, baht("25")), Step(3000, baht("40"))), further=baht("10")),
        Zone.PROVINCE: Rates((Step(1000, baht("35")), Step(3000, baht("60")))),
    },
    divisor=5000, cod_percent=Decimal(3), cod_minimum=baht("10"), remote_extra=baht("50"),
)  # fmt: skip


def told(found: Fee) -> list[tuple[str, str]]:
    return [(str(line.why), str(line.amount)) for line in found.lines]


def test_weight_zone_cod_and_remote_places_add_up_with_their_reasons():
    found = fee(TABLE, ToSend("84140", 1500, cod=baht("1590.25")))
    assert found.zone is Zone.PROVINCE
    assert told(found) == [
        ("Provinces, 1.5 kg", "60.00"), ("Remote place 84140", "50.00"), ("COD 3% of 1,590.25", "47.71"),
    ]  # fmt: skip
    assert found.total == baht("157.71")


def test_a_step_ends_on_its_gram():
    assert fee(TABLE, ToSend("10110", 1000)).total == baht("25")
    assert fee(TABLE, ToSend("10110", 1001)).total == baht("40")


def test_above_the_last_step_each_started_kilogram_counts_or_nothing_is_proposed():
    assert fee(TABLE, ToSend("10110", 3001)).total == baht("50")
    assert fee(TABLE, ToSend("10110", 5000)).total == baht("60")
    with pytest.raises(InvalidInput) as refusal:
        fee(TABLE, ToSend("50000", 3001))
    assert (refusal.value.detail_code, refusal.value.field) == ("fee_above", "weight_grams")


@pytest.mark.parametrize(
    ("asked", "field"),
    [(ToSend("50000"), "weight_grams"), (ToSend("", 500), "postcode")],
)
def test_what_is_not_known_is_said(asked, field):
    with pytest.raises(InvalidInput) as refusal:
        fee(TABLE, asked)
    assert (refusal.value.detail_code, refusal.value.field) == ("fee_unknown", field)


def test_a_large_light_parcel_is_paid_by_its_size():
    large = Size(40, 50, 30)  # 60,000 cm3 by 5,000 is 12 kg
    assert billed_grams(TABLE, 2000, large) == 12_000
    assert billed_grams(replace(TABLE, divisor=None), 2000, large) == 2000
    assert billed_grams(TABLE, 2000, Size(10, 10, 10)) == 2000
    assert told(fee(TABLE, ToSend("10110", 2000, large))) == [("Bangkok and vicinity, 12 kg by size", "130.00")]


def test_small_cash_pays_the_least_fee():
    assert told(fee(TABLE, ToSend("10110", 500, cod=baht("100"))))[1] == ("COD, at least 10.00", "10.00")


def test_pieces_instead_of_weight():
    table = RateTable({Zone.PROVINCE: Rates((Step(1, baht("40")),), further=baht("10"))}, by=By.PIECES)
    assert fee(table, ToSend("10110", pieces=4)).total == baht("70")
    with pytest.raises(InvalidInput):
        fee(table, ToSend("10110", pieces=0))


def test_several_parcels_are_priced_one_by_one_and_the_cash_is_collected_once():
    found = fee(TABLE, ToSend("94000", 500, cod=baht("1000"), parcels=3))
    assert [amount for _, amount in told(found)] == ["105.00", "150.00", "30.00"]


def test_rounding_up_is_a_line_of_its_own():
    found = fee(replace(TABLE, whole_baht=True), ToSend("84140", 1500, cod=baht("1590.25")))
    assert told(found)[-1] == ("Rounded up to baht", "0.29")
    assert found.total == baht("158")


def test_places_of_the_lists_exist_and_lie_where_they_are_said_to():
    for place in REMOTE:
        assert any(by_postcode(place if len(place) == 5 else f"{place}{end}") for end in ("000", "110", "120")), place
    near = {"กรุงเทพมหานคร", "นนทบุรี", "ปทุมธานี", "สมุทรปราการ", "นครปฐม", "สมุทรสาคร"}
    for place in NEAR:
        provinces = {area.province for end in ("000", "110", "120") for area in by_postcode(f"{place}{end}")}
        assert provinces
        assert provinces <= near, place
    assert zone_of("10540") is Zone.NEAR
    assert zone_of("50210") is Zone.PROVINCE
    assert is_remote("83100")
    assert not is_remote("10110")


money = st.integers(0, 500_00).map(Money.satang)


@st.composite
def tables(draw: Any) -> RateTable:
    def rates() -> Rates:
        ends = sorted(draw(st.sets(st.integers(1, 30_000), min_size=1, max_size=6)))
        prices = sorted(draw(st.lists(money, min_size=len(ends), max_size=len(ends))))
        steps = tuple(Step(end, price) for end, price in zip(ends, prices, strict=True))
        return Rates(steps, draw(st.none() | money))

    zones = {Zone.PROVINCE: rates()} | ({Zone.NEAR: rates()} if draw(st.booleans()) else {})
    return RateTable(
        zones, draw(st.sampled_from(By)), draw(st.none() | st.integers(1000, 9000)),
        draw(st.decimals(0, 100, places=2)), draw(money), draw(money),
        whole_baht=draw(st.booleans()), remote=draw(st.just(REMOTE) | st.just(("84140", "95"))),
    )  # fmt: skip


def quoted(table: RateTable, asked: ToSend) -> Fee | str:
    """The fee, or why there is none."""
    try:
        return fee(table, asked)
    except InvalidInput as refusal:
        return refusal.detail_code


postcodes = st.sampled_from(["10110", "50210", "84140", "95000"])


@given(tables(), postcodes, st.integers(1, 60_000), st.integers(1, 50), money, st.integers(1, 5))
def test_a_fee_is_the_sum_of_its_lines(table, postcode, grams, pieces, cod, parcels):
    found = quoted(table, ToSend(postcode, grams, None, pieces, cod, parcels))
    if not isinstance(found, Fee):
        assert found == "fee_above"
        return
    assert found.total == sum((line.amount for line in found.lines), ZERO)
    assert found.total >= ZERO
    assert not table.whole_baht or found.total.in_satang % 100 == 0


@given(tables(), postcodes, st.integers(1, 60_000), st.integers(1, 60_000))
def test_more_weight_never_costs_less(table, postcode, one, other):
    table = replace(table, by=By.WEIGHT)
    light, heavy = (quoted(table, ToSend(postcode, grams)) for grams in sorted((one, other)))
    if isinstance(heavy, Fee):
        assert isinstance(light, Fee)
        assert light.total <= heavy.total


@given(tables())
def test_a_table_as_data_comes_back_the_same(table):
    assert read_table(as_data(table)) == table


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["zones", "province", "near", "steps", "further", "by", "divisor", "cod_percent", "remote", "x"]
    ), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([
    "by", "zones", "divisor", "cod_percent", "cod_minimum", "remote_extra", "near", "remote", "whole_baht", "x",
]), junk))  # fmt: skip
def test_any_other_data_is_refused_with_the_part_that_is_wrong(data):
    problems: list[Any] = []
    try:
        read_table(data)
    except InvalidInput as refusal:
        problems = refusal.problems()
    assert all(p.field for p in problems)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"zones": {}}, "zones"), ({"zones": {"near": {"steps": [[1, 1]]}}}, "zones"),
        ({"zones": {"province": {"steps": []}}}, "zones"), ({"cod_percent": "101"}, "cod_percent"),
        ({"zones": {"province": {"steps": [[2, 1], [1, 2]]}}}, "zones"), ({"divisor": 0}, "divisor"),
        ({"cod_percent": "NaN"}, "cod_percent"), ({"remote": "84140"}, "remote"), ({"remote": ["8"]}, "remote"),
        ({"cod_minimum": -1}, "cod_minimum"), ({"whole_baht": "yes"}, "whole_baht"), ({"surprise": 1}, "surprise"),
    ],
)  # fmt: skip
def test_each_wrong_part_is_named(change, field):
    with pytest.raises(InvalidInput) as refusal:
        read_table(as_data(TABLE) | change)
    assert [p.field for p in refusal.value.problems()] == [field]
