"""QR texts: taken apart, proved, and never a surprise; bank names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cemacqr import parse_payload
from hypothesis import given
from hypothesis import strategies as st

from oms.banks import emv
from oms.banks.codes import BANKS, TRUEMONEY, bank_name, bank_short, find_bank
from oms.banks.slip_code import choose, understand, write_slip
from oms.payments.states import SlipKind

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
SLIPS = {name: v for name, v in VECTORS.items() if name.startswith("slip.")}
KBANK = VECTORS["slip.kbank"]["payload"]


def test_the_checksum_is_the_one_of_the_standard():
    assert emv.crc("123456789") == 0x29B1


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_every_known_payload_is_taken_apart_as_a_second_library_does(name):
    text = VECTORS[name]["payload"]
    payload, other = emv.read_payload(text), parse_payload(text)
    assert payload.crc_ok
    assert dict(payload.tags) == {tag: other.get(tag) for tag in other.tags}


@pytest.mark.parametrize("name", sorted(SLIPS))
def test_a_slip_tells_its_bank_and_reference(name):
    found = understand(SLIPS[name]["payload"])
    assert (found.kind, found.sending_bank, found.reference, found.crc_ok) == (
        SlipKind.SLIP, SLIPS[name]["bank"], SLIPS[name]["ref"], True,
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(VECTORS) - set(SLIPS)))
def test_a_qr_to_pay_with_is_no_slip(name):
    found = understand(VECTORS[name]["payload"])
    assert (found.kind, found.reference, found.crc_ok) == (SlipKind.PAYMENT_QR, "", True)


def test_a_qr_to_pay_with_is_told_without_its_checksum_too():
    text = VECTORS["promptpay.phone_100"]["payload"]
    assert (understand(text[:-8]).kind, understand(text[:-8]).crc_ok) == (SlipKind.PAYMENT_QR, None)
    assert (understand(text[:-4] + "0000").kind, understand(text[:-4] + "0000").crc_ok) == (SlipKind.PAYMENT_QR, False)


def test_we_write_the_slip_that_the_banks_write():
    for vector in SLIPS.values():
        if vector["bank"] != TRUEMONEY:
            assert write_slip(vector["bank"], vector["ref"]) == vector["payload"]


def _slip_with_small_checksum() -> str:
    return next(p for n in range(10_000) if (p := write_slip("004", f"REF{n:06d}"))[-4:].startswith("00"))


def test_a_checksum_that_lost_its_leading_zeros_is_still_right():
    text = _slip_with_small_checksum()
    bare = text[-4:].lstrip("0")
    for shortened in (text[:-4] + bare, text[:-6] + f"{len(bare):02d}" + bare, text[:-4] + bare.lower()):
        found = understand(shortened)
        assert (found.kind, found.reference, found.crc_ok) == (SlipKind.SLIP, understand(text).reference, True), (
            shortened
        )


def test_a_changed_letter_breaks_the_checksum_and_the_slip_is_still_told():
    found = understand(KBANK.replace("ATF00999", "ATF00998"))
    assert (found.kind, found.reference, found.crc_ok) == (SlipKind.SLIP, "015073144041ATF00998", False)


def test_case_of_a_reference_is_kept():
    assert understand(VECTORS["slip.scb"]["payload"]).reference == "202401011a2B3c4D5e6F7g8H9"


def test_a_slip_without_checksum_has_nothing_to_prove():
    assert understand(KBANK[:-8]).crc_ok is None


@pytest.mark.parametrize(
    "text",
    ["", " ", "x", "0", "00", "000", "0001", "00029", "https://line.me/ti/p/x", "0006abc", "00๐๒01", "0002010002010", "9104",
     "91040000", "A" * 5000, "0041000600000101030040220015073144041ATF00999" * 3, "00020101", "000201" + "99", "0006000001",
     "00170006000001010300A", "00100006000001"],
)  # fmt: skip
def test_anything_else_is_nothing(text):
    assert understand(text).kind is SlipKind.NONE


@given(st.text(max_size=120) | st.from_regex(r"[0-9A-Za-z]{0,90}", fullmatch=True))
def test_no_text_whatsoever_raises(text):
    assert understand(text).kind in set(SlipKind)


@given(st.integers(0, len(KBANK) - 1), st.characters())
def test_no_damaged_slip_raises(at, letter):
    understand(KBANK[:at] + letter + KBANK[at + 1 :])
    understand(KBANK[:at])


@given(st.text("ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkm0123456789", min_size=1, max_size=25), st.sampled_from(sorted(BANKS)))
def test_what_is_written_is_read(reference, bank):
    if bank != TRUEMONEY:
        found = understand(write_slip(bank, reference))
        assert (found.sending_bank, found.reference, found.crc_ok) == (bank, reference, True)


def test_of_several_codes_the_slip_counts_and_the_other_slip_is_told():
    first, second = KBANK, VECTORS["slip.scb"]["payload"]
    best, others = choose(["https://example.com", VECTORS["promptpay.phone_100"]["payload"], first, second, first])
    assert (best.sending_bank, [o.sending_bank for o in others]) == ("004", ["014"])
    broken = first.replace("ATF00999", "ATF00998")
    best, others = choose([broken, second])
    assert (best.sending_bank, [o.crc_ok for o in others]) == ("014", [False])
    assert choose([]) == choose(["hello"])


def test_banks_are_found_by_code_and_by_name():
    assert (find_bank("004"), find_bank("4"), find_bank(" kbank ")) == (BANKS["004"],) * 3
    assert (bank_short("025"), bank_short("069")) == ("BAY", "KKP")
    assert bank_name("014", "ไทยพาณิชย์", "en") == "Siam Commercial Bank"
    assert bank_name("014", "ไทยพาณิชย์", "th") == "ไทยพาณิชย์"
    assert bank_name("", "พร้อมเพย์", "en") == bank_name("999", "พร้อมเพย์", "en") == "พร้อมเพย์"
    assert find_bank("nothing") is None
    assert len({b.short for b in BANKS.values()}) == len(BANKS) >= 34
