"""docs/how-to/add-a-carrier.md, followed: a toy carrier is added by the steps of the page and keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from oms.carriers import registry
from tests.carriers import play as stage
from tests.carriers import test_contract as contract
from tests.carriers import test_faults as faults
from tests.carriers import test_journeys as journeys
from tests.carriers.toy import KIND, TuktukSandbox

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-carrier.md"
CONTRACT = [
    contract.test_its_settings_are_proved_without_cost, contract.test_wrong_keys_are_trouble_with_our_settings,
    contract.test_an_address_that_cannot_be_used_is_trouble_with_our_settings,
    contract.test_trying_out_tells_the_same, contract.test_what_it_cannot_do_it_says,
    contract.test_the_same_reference_makes_one_parcel, contract.test_two_references_are_two_parcels,
    contract.test_a_parcel_that_is_not_there_is_not_found,
    contract.test_a_refusal_names_what_is_wrong_and_books_nothing, contract.test_the_label_is_a_pdf,
    contract.test_a_parcel_is_canceled_once_and_again_is_fine, contract.test_a_parcel_that_left_is_not_canceled,
    contract.test_nobody_knows_an_unknown_number,
    contract.test_events_are_aware_utc_oldest_first_with_the_carriers_words,
    contract.test_as_many_as_the_limit_says_are_asked_at_once, contract.test_strange_numbers_break_nothing,
    contract.test_too_many_questions_are_waited_for_and_did_nothing,
    contract.test_a_server_that_is_not_there_was_certainly_not_asked,
    faults.test_fields_nobody_has_heard_of_change_nothing,
    faults.test_an_answer_that_says_our_signature_is_wrong_is_trouble_with_our_settings,
    journeys.test_a_parcel_that_arrives, journeys.test_a_second_try_delivers,
    journeys.test_a_refused_parcel_comes_home_and_is_never_delivered, journeys.test_a_lost_parcel_is_not_on_its_way,
    journeys.test_a_code_nobody_has_heard_of_is_unknown_and_kept,
]  # fmt: skip


@pytest.fixture
def added(monkeypatch):
    monkeypatch.setitem(registry.ADAPTERS, "tuktuk", KIND)
    monkeypatch.setitem(stage.MADE, "tuktuk", TuktukSandbox)
    monkeypatch.setitem(stage.SETTINGS, "tuktuk", {"api_key": "tuk"})
    monkeypatch.setitem(stage.SERVICES, "tuktuk", "")


@pytest.mark.parametrize("expectation", CONTRACT, ids=lambda test: test.__name__)
def test_the_toy_keeps_the_contract(added, expectation):
    with stage.on_stage("tuktuk") as play:
        expectation(play)


@pytest.mark.parametrize("kind", [*faults.UNUSABLE, "silence"])
def test_the_toy_books_once_whatever_goes_wrong(added, kind):
    with stage.on_stage("tuktuk") as play:
        faults.test_a_booking_that_was_made_without_an_answer_is_looked_up_and_not_made_again(play, kind)


def test_the_page_names_what_there_is():
    text = PAGE.read_text()
    house = PAGE.parents[2]
    for name in ("oms/carriers/asking.py", "oms/carriers/registry.py", "oms/carriers/port.py", "views/sandbox/parcels.py",
                 "views/sandbox/stage.py", "tests/carriers/play.py", "tests/carriers/toy.py", "docs/carriers.md",
                 "oms/carriers/catalogue.py", "oms/carriers/names.py"):  # fmt: skip
        assert f"`{name}" in text, name
        assert (house / name).exists()
