"""Addresses: found by any part, checked against each other, never corrected."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from oms.thai import addresses
from oms.thai.addresses import (
    address_problems,
    area_line,
    check_address,
    find_district,
    find_province,
    resolve,
    suggest,
)
from oms.thai.reading import read_areas, take_apart

CHAT = json.loads((Path(__file__).parent / "chat_addresses.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("query", "code"),
    [("หนองหาร", "501408"), ("nong han", "501408"), ("ต.หนองหาร อ.สันทราย", "501408"), ("หนองหาร 50290", "501408"),
     ("แขวงจอมพล", "103004"), ("จอมพล เขตจตุจักร กทม", "103004"), ("Ko Pha-ngan", "840501")],
)  # fmt: skip
def test_a_place_is_found_by_what_is_typed(query, code):
    assert code in [a.code for a in suggest(query)][:3]


@pytest.mark.parametrize("query", ["", " ", "a", "ฟฟฟฟฟ", "<script>", "99999"])
def test_nothing_is_suggested_for_nothing_or_nonsense(query):
    assert suggest(query) == []


def test_a_postcode_suggests_its_places_even_from_another_table():
    assert {a.province for a in suggest("50290")} == {"เชียงใหม่"}
    assert {a.subdistrict for a in suggest("50210", limit=20)} >= {"สันทรายหลวง", "ป่าไผ่"}


def test_bangkok_names_its_parts_its_own_way():
    assert area_line("จอมพล", "จตุจักร", "กรุงเทพมหานคร", "10900") == "แขวงจอมพล เขตจตุจักร กรุงเทพมหานคร 10900"
    assert area_line("หนองหาร", "สันทราย", "เชียงใหม่") == "ต.หนองหาร อ.สันทราย จ.เชียงใหม่"
    assert area_line("แขวงจอมพล", "เขตจตุจักร", "กทม.") == "แขวงจอมพล เขตจตุจักร กทม."
    assert suggest("หนองหาร")[0].label("en") == "Nong Han, San Sai, Chiang Mai 50290"


def test_names_are_known_in_every_spelling():
    assert {find_province(p) for p in ("กทม", "กทม.", "กรุงเทพฯ", "Bangkok", "จังหวัดกรุงเทพมหานคร")} == {"กรุงเทพมหานคร"}
    assert find_province("โคราช") == find_province("Nakhon Ratchasima") == "นครราชสีมา"
    assert find_province("เชียงราบ") is None
    assert find_district("เมือง", "เชียงใหม่") == find_district("อ.เมืองเชียงใหม่", "เชียงใหม่") == "เมืองเชียงใหม่"
    assert find_district("เขตจตุจักร", "กรุงเทพมหานคร") == "จตุจักร"


def test_an_address_resolves_to_one_place_or_shows_all():
    assert [a.code for a in resolve("หนองหาร", "สันทราย", "เชียงใหม่", "50290")] == ["501408"]
    assert len(resolve("วังทอง")) > 3
    assert resolve("หนองหาร", "", "ไม่มีจังหวัดนี้") == []
    assert resolve("หนองหาร", "", "", "10900") == []


@pytest.mark.parametrize(
    "address",
    [("หนองหาร", "สันทราย", "เชียงใหม่", "50290"), ("สันทรายหลวง", "อ.สันทราย", "จ.เชียงใหม่", "50210"),
     ("สันทรายหลวง", "สันทราย", "เชียงใหม่", "50290"), ("ในเมือง", "เมือง", "โคราช", "30000"),
     ("แขวงจอมพล", "เขตจตุจักร", "กทม.", "10900"), ("Nong Han", "San Sai", "Chiang Mai", "50290")],
)  # fmt: skip
def test_an_address_that_agrees_in_any_known_table_has_no_warning(address):
    assert check_address(*address) == []


@pytest.mark.parametrize(
    ("address", "codes"),
    [
        (("หนองหาร", "สันทราย", "เชียงใหม่", "10900"), ["postcode_mismatch"]),
        (("หนองหาร", "สันทราย", "เชียงใหม่", ""), ["postcode_missing"]),
        (("หนองหาร", "แม่ริม", "เชียงใหม่", "50290"), ["subdistrict_unknown"]),
        (("หนองหาร", "จตุจักร", "เชียงใหม่", "50290"), ["district_unknown"]),
        (("บางนา", "บางนา", "กรุงเทพมหานคร", "10260"), ["subdistrict_abolished"]),
        (("x", "y", "ดาวอังคาร", "50290"), ["province_unknown"]),
        (("x", "y", "ดาวอังคาร", "99999"), ["province_unknown", "postcode_unknown"]),
        (("", "", "เชียงใหม่", "50290"), ["subdistrict_missing", "district_missing"]),
        (("", "", "เชียงใหม่", "10900"), ["subdistrict_missing", "district_missing", "postcode_mismatch"]),
        (("หนองหาร", "สันทราย", "เชียงใหม่", "5029"), ["postcode_digits"]),
        (("", "", "", ""), ["subdistrict_missing", "district_missing", "province_missing"]),
    ],
)
def test_what_does_not_agree_is_said(address, codes):
    assert [p.code for p in address_problems(*address)] == codes
    assert all(str(p.message) for p in address_problems(*address))


def test_a_mismatch_names_the_codes_that_would_fit():
    sentence = str(check_address("หนองหาร", "สันทราย", "เชียงใหม่", "10900")[0])
    assert "10900" in sentence
    assert "50290" in sentence


@pytest.mark.parametrize("message", CHAT, ids=range(len(CHAT)))
def test_the_area_is_read_out_of_a_chat_message(message):
    assert [a.code for a in read_areas(message["text"])] == [message["code"]]


@pytest.mark.parametrize("text", ["", "สวัสดีค่ะ", "โอนแล้ว 390 บาท โทร 081-000-1234", "ซอยสันทราย", "🐶" * 50])
def test_a_text_without_an_address_gives_no_guess(text):
    assert read_areas(text) == []


def test_every_known_code_of_a_place_is_offered():
    area = resolve("สันทรายหลวง", "สันทราย", "เชียงใหม่")[0]
    assert area.all_postcodes == ("50290", "50210")
    assert len(addresses.table().areas) == 7436


def test_importing_loads_no_table():
    code = "import oms.thai.addresses as a, oms.thai.reading; assert a.table.cache_info().currsize == 0"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


@pytest.mark.parametrize(
    ("text", "rest", "phones"),
    [
        ("45/7 หมู่ 2 ต.สันทรายน้อย อ.สันทราย จ.เชียงใหม่ 50210 โทร 081-000-4567", "45/7 หมู่ 2", ("0810004567",)),
        ("99/1 ถ.พหลโยธิน แขวงลาดยาว เขตจตุจักร กทม 10900", "99/1 ถ.พหลโยธิน", ()),
        ("ที่อยู่: 12 ซ.สันทราย 5 ต.หนองหาร อ.สันทราย เชียงใหม่ 50290", "12 ซ.สันทราย 5", ()),
        ("1 ถ.สุรนารายณ์ ต.ในเมือง อ.เมือง จ.โคราช 30000", "1 ถ.สุรนารายณ์", ()),
        ("บ้านเลขที่ 5 ฝากป้าแดงหน้าปากซอย", "บ้านเลขที่ 5 ฝากป้าแดงหน้าปากซอย", ()),
    ],
)
def test_a_pasted_address_is_taken_apart_and_nothing_is_lost(text, rest, phones):
    pasted = take_apart(text)
    assert (pasted.rest, pasted.phones) == (rest, phones)
