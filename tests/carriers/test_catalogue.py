"""Carriers as data: complete, honest about guesses, and a number only ever advises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oms.carriers.catalogue import CATALOGUE, looks_wrong, owners_of, suggest_carrier, suggest_carriers
from oms.carriers.names import CARRIER_LABELS, carrier_code
from oms.carriers.registry import ADAPTERS

SAMPLES = json.loads((Path(__file__).parent / "numbers.json").read_text())


def test_the_nine_carriers_are_there_with_their_names_services_and_limits():
    assert set(CATALOGUE) == set(CARRIER_LABELS) == {
        "thaipost", "flash", "jt", "kex", "spx", "dhl", "ninjavan", "best", "lalamove",
    }  # fmt: skip
    for code, known in CATALOGUE.items():
        assert carrier_code(known.name) == code
        assert known.services
        assert not known.adapter or ADAPTERS[known.adapter].carrier == code
        assert (known.cod_limit is None) or known.cod_allowed
        assert known.tracking_url.count("{number}") == bool(known.tracking_url)
        if known.tracking_url:
            assert known.tracking_url.startswith("https://")
            assert known.link("TH1").endswith("TH1")
        assert known.link("") == ""


def test_what_is_a_guess_is_marked_so_in_the_docs():
    page = (Path(__file__).parents[2] / "docs" / "carriers.md").read_text()
    table = page.split("\n\n")[2]
    rows = {line.split("|")[1].strip(): line for line in table.splitlines()}
    for known in CATALOGUE.values():
        row = rows[known.name]
        for name, shown in (
            ("cod_limit", known.cod_limit and f"{known.cod_limit.in_satang // 100:,}"),
            ("max_weight_grams", known.max_weight_grams and f"{known.max_weight_grams // 1000} kg"),
            ("max_girth_cm", known.max_girth_cm and f"{known.max_girth_cm} cm"),
            ("cut_off", known.cut_off),
            ("phone", known.phone),
        ):
            if shown:
                assert f"{shown}{' ?' if name in known.guesses else ' |'}" in row, (known.code, name)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s["in"])
def test_every_published_number_is_told(sample):
    found = owners_of(sample["in"])
    assert (found[0] if found else None) == sample["expect"]


def test_a_number_is_advice():
    assert suggest_carrier("ed 852942182 th") == "thaipost"
    assert suggest_carriers("TH2312345678901K") == ("spx", "flash")
    assert suggest_carrier("LEXDO0069388114") == "", "none of ours"
    assert suggest_carrier("12345678") == ""
    assert looks_wrong("thaipost", "EY145587896TH"), "its check digit is wrong"
    assert not looks_wrong("thaipost", "EY145587898TH")
    assert looks_wrong("flash", "SHP5054369172")
    assert not looks_wrong("lalamove", "anything"), "nobody knows what those look like"


@pytest.mark.parametrize("number", ["", " ", "ก" * 200, "๑๒๓๔๕๖๗๘๙๐๑๒๓", "EY๑๔๕๕๘๗๘๙๘TH", "-" * 300, "9" * 500])
def test_no_text_is_too_strange(number):
    suggest_carrier(number)
    looks_wrong("thaipost", number)
