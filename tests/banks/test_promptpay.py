"""PromptPay QR codes: the tags say what was meant, and another library reads them the same."""

from __future__ import annotations

import json
from pathlib import Path

import promptpay_qr
import pytest
from cemacqr import parse_payload
from hypothesis import given
from hypothesis import strategies as st

from oms.banks.emv import PayloadRefused, read_payload
from oms.banks.promptpay import (
    Bill,
    Payment,
    Target,
    TargetKind,
    bill_payment,
    read_payment,
    read_target,
    reference_of,
    transfer,
)
from oms.errors import InvalidInput
from oms.money import Money

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
amounts = st.integers(1, 999_999_999_999).map(Money.satang)
targets = (
    st.integers(0, 10**8 - 1).map(lambda n: Target(TargetKind.PHONE, f"08{n:08d}"))
    | st.integers(10**12, 10**13 - 1).map(lambda n: Target(TargetKind.TAX_ID, str(n)))
    | st.integers(0, 10**15 - 1).map(lambda n: Target(TargetKind.EWALLET, f"{n:015d}"))
)
references = st.from_regex(r"[A-Z0-9]{1,20}", fullmatch=True)


def without_checksum(text: str) -> dict[str, str]:
    """Tags without the checksum, which depends on their order."""
    return {tag: value for tag, value in read_payload(text).tags.items() if tag != "63"}


@pytest.mark.parametrize(
    ("name", "target"),
    [("phone_static", "080-123-4567"), ("phone_100", "+66 80 123 4567"), ("taxid_4222", "1-2345-67890-12-3"),
     ("ewallet", "012345678901234")],
)  # fmt: skip
def test_transfers_have_the_tags_of_the_known_payloads(name, target):
    known = VECTORS[f"promptpay.{name}"]
    amount = Money.parse(known["amount"]) if "amount" in known else None
    made = transfer(read_target(target), amount)
    assert without_checksum(made) == without_checksum(known["payload"])
    assert read_payment(made) == read_payment(known["payload"])


def test_a_bill_payment_has_the_tags_of_the_known_payload():
    known = VECTORS["promptpay.billpay"]
    made = bill_payment(
        Bill(known["biller"], known["ref1"], known["ref2"], known["ref3"]), Money.parse(known["amount"])
    )
    assert without_checksum(made) == without_checksum(known["payload"])


@given(targets, st.none() | amounts)
def test_a_second_library_reads_every_transfer(target, amount):
    text = transfer(target, amount)
    other = parse_payload(text)
    assert other.crc_ok
    inner = {"phone": "01", "tax_id": "02", "ewallet": "03"}[target.kind.value]
    assert other.get_in("29", "00") == "A000000677010111"
    assert other.get_in("29", inner) == ("0066" + target.id[1:] if target.kind is TargetKind.PHONE else target.id)
    assert (other.currency, other.country_code, other.is_static) == ("764", "TH", amount is None)
    assert other.amount_decimal == (None if amount is None else amount.amount)
    assert read_payment(text) == Payment(target, None, amount)


@given(targets, st.integers(1, 10_000_000).map(Money.satang))
def test_a_second_library_writes_the_same_transfer(target, amount):
    theirs = promptpay_qr.generate_payload(target.id, float(amount.amount))
    assert without_checksum(theirs) == without_checksum(transfer(target, amount))
    assert read_payment(theirs) == Payment(target, None, amount)


@given(st.integers(0, 10**15 - 1), references, st.just("") | references, amounts)
def test_a_second_library_reads_every_bill(biller, ref1, ref2, amount):
    bill = Bill(f"{biller:015d}", ref1, ref2, "SCB")
    other = parse_payload(bill_payment(bill, amount))
    assert other.crc_ok
    assert other.template("30") == {"00": "A000000677010112", "01": bill.biller_id, "02": ref1} | (
        {"03": ref2} if ref2 else {}
    )
    assert (other.get_in("62", "07"), other.amount_decimal) == ("SCB", amount.amount)
    assert read_payment(bill_payment(bill, amount)) == Payment(None, bill, amount)


def test_another_amount_makes_another_code():
    target = read_target("0812345678")
    assert transfer(target, Money.satang(100)) != transfer(target, Money.satang(101))


@pytest.mark.parametrize(
    "text", ["", "12345", "02-123-4567", "12345678901234", "abc", "08123456789", "1234567890123456"]
)
def test_what_is_no_promptpay_id_is_refused_with_the_shapes_there_are(text):
    with pytest.raises(InvalidInput) as refusal:
        read_target(text)
    assert (refusal.value.detail_code, refusal.value.field) == ("promptpay_id", "promptpay")


@pytest.mark.parametrize(
    ("bill", "code"),
    [(Bill("1234", "A"), "biller_id"), (Bill("0" * 15, "a"), "bill_reference"), (Bill("0" * 15, ""), "bill_reference"),
     (Bill("0" * 15, "A" * 21), "bill_reference"), (Bill("0" * 15, "RU-1"), "bill_reference"),
     (Bill("0" * 15, "A", "ก"), "bill_reference"), (Bill("0" * 15, "A", "", "s b"), "bill_reference")],
)  # fmt: skip
def test_what_banks_refuse_is_refused(bill, code):
    with pytest.raises(InvalidInput) as refusal:
        bill_payment(bill, Money.satang(100))
    assert refusal.value.detail_code == code


@pytest.mark.parametrize("satang", [0, -100, 10**12])
def test_an_amount_that_cannot_be_asked_for_is_refused(satang):
    with pytest.raises(InvalidInput) as refusal:
        transfer(read_target("0812345678"), Money.satang(satang))
    assert refusal.value.detail_code == "qr_amount"


def test_an_order_number_becomes_a_reference_that_banks_take():
    assert reference_of("RU69-000123") == "RU69000123"
    assert reference_of("ร้าน-ก/12 ab") == "12AB"
    assert len(reference_of("X" * 40)) == 20


def test_what_is_no_payment_code_is_refused():
    for text in (VECTORS["slip.kbank"]["payload"], "hello", transfer(read_target("0812345678"))[:-1] + "Z"):
        with pytest.raises(PayloadRefused):
            read_payment(text)
