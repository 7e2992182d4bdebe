"""QR codes that buyers pay with: PromptPay transfer (tag 29) and bill payment (tag 30).

A transfer QR carries who is paid and how much, and has no place for a reference. A bill payment carries the order
number as its first reference, which the bank hands back with the money: it matches itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from oms.banks.emv import Payload, PayloadRefused, read_payload, read_tags, seal, write_tags
from oms.errors import InvalidInput, say
from oms.money import ZERO, Money
from oms.thai.phone import is_mobile, read_phone
from oms.thai.text import arabic_digits

TRANSFER_AID = "A000000677010111"
BILL_AID = "A000000677010112"
THB, THAILAND = "764", "TH"
REFERENCE_LENGTH = 20
MAX_AMOUNT = Money.satang(999_999_999_999)  # 13 characters of tag 54: 9999999999.99
_SEPARATORS = re.compile(r"[\s().\-–/]")
_REFERENCE = re.compile(r"^[A-Z0-9]{1,20}$")
_TERMINAL = re.compile(r"^[A-Z0-9]{1,26}$")


class TargetKind(StrEnum):
    PHONE = "phone"
    TAX_ID = "tax_id"
    EWALLET = "ewallet"


_SUB_TAG = {TargetKind.PHONE: "01", TargetKind.TAX_ID: "02", TargetKind.EWALLET: "03"}


@dataclass(frozen=True)
class Target:
    """A PromptPay id of ours: ``id`` in house form (0812345678; 13 digits; 15 digits)."""

    kind: TargetKind
    id: str


@dataclass(frozen=True)
class Bill:
    """Who bills, and what for. ``biller_id`` is the tax id and a suffix of two; ``ref3`` the bank's prefix (SCB)."""

    biller_id: str
    ref1: str
    ref2: str = ""
    ref3: str = ""


@dataclass(frozen=True)
class Payment:
    """What a QR to pay with says, for comparing: ``amount`` None leaves it to the payer."""

    target: Target | None
    bill: Bill | None
    amount: Money | None


def read_target(text: str) -> Target:
    """A PromptPay id as an owner types it. Raises InvalidInput naming the three shapes there are."""
    digits = _SEPARATORS.sub("", arabic_digits(text).strip())
    if digits.isascii() and digits.isdecimal():
        if len(digits) == 15:
            return Target(TargetKind.EWALLET, digits)
        if len(digits) == 13 and not digits.startswith("0066"):
            return Target(TargetKind.TAX_ID, digits)
    phone = read_phone(text)
    if phone is not None and is_mobile(phone):
        return Target(TargetKind.PHONE, phone)
    raise InvalidInput(
        say(
            "“{text}” is no PromptPay id: a mobile number has 10 digits, a citizen or tax id 13, an e-wallet 15",
            text=text,
        ),
        field="promptpay",
        code="promptpay_id",
    )


def transfer(target: Target, amount: Money | None = None) -> str:
    """The payload of a PromptPay transfer. Raises InvalidInput for an amount that no QR can carry."""
    value = "0066" + target.id[1:] if target.kind is TargetKind.PHONE else target.id
    inner = write_tags([("00", TRANSFER_AID), (_SUB_TAG[target.kind], value)])
    return _payload("29", inner, amount)


def bill_payment(bill: Bill, amount: Money | None = None) -> str:
    """The payload of a bill payment. Raises InvalidInput for references that banks refuse."""
    if not re.fullmatch(r"[0-9]{15}", bill.biller_id):
        raise InvalidInput(
            say("A biller id has 15 digits: the tax id and two more; “{text}” has not", text=bill.biller_id),
            field="biller_id", code="biller_id",
        )  # fmt: skip
    for reference in filter(None, (bill.ref1, bill.ref2)):
        if not _REFERENCE.match(reference):
            raise InvalidInput(
                say("A bill reference is up to 20 capital letters and digits; “{text}” is not", text=reference),
                field="ref1", code="bill_reference",
            )  # fmt: skip
    if not bill.ref1:
        raise InvalidInput(say("A bill payment needs a reference"), field="ref1", code="bill_reference")
    if bill.ref3 and not _TERMINAL.match(bill.ref3):
        raise InvalidInput(
            say("A bill reference is up to 20 capital letters and digits; “{text}” is not", text=bill.ref3),
            field="ref3_prefix", code="bill_reference",
        )  # fmt: skip
    tags = [("00", BILL_AID), ("01", bill.biller_id), ("02", bill.ref1)]
    if bill.ref2:
        tags.append(("03", bill.ref2))
    extra = [("62", write_tags([("07", bill.ref3)]))] if bill.ref3 else []
    return _payload("30", write_tags(tags), amount, extra)


def _payload(tag: str, inner: str, amount: Money | None, extra: list[tuple[str, str]] | None = None) -> str:
    if amount is not None and not ZERO < amount <= MAX_AMOUNT:
        raise InvalidInput(say("A QR code cannot ask for {amount}", amount=amount), field="amount", code="qr_amount")
    tags = [("00", "01"), ("01", "11" if amount is None else "12"), (tag, inner), ("53", THB), ("58", THAILAND)]
    if amount is not None:
        tags.append(("54", f"{amount.amount:.2f}"))
    return seal(write_tags([*tags, *(extra or [])]))


def reference_of(number: str) -> str:
    """An order number as a bill reference: capital letters and digits only, the last 20 of them."""
    kept = "".join(c for c in number.upper() if c.isascii() and c.isalnum())
    return kept[-REFERENCE_LENGTH:]


def read_payment(text: str) -> Payment:
    """What a QR to pay with says. Raises PayloadRefused when it is no Thai payment QR or its checksum is wrong."""
    payload = read_payload(text)
    target, bill = _target(payload), _bill(payload)
    if not payload.crc_ok or (target is None and bill is None):
        raise PayloadRefused(say("This QR code is no PromptPay code"))
    written = payload.tags.get("54")
    return Payment(target, bill, None if written is None else Money.parse(written, "amount"))


def _target(payload: Payload) -> Target | None:
    inner = read_tags(payload.tags.get("29", ""))
    if inner.get("00") != TRANSFER_AID:
        return None
    if phone := inner.get("01"):
        return Target(TargetKind.PHONE, "0" + phone.removeprefix("0066"))
    if tax_id := inner.get("02"):
        return Target(TargetKind.TAX_ID, tax_id)
    wallet = inner.get("03")
    return Target(TargetKind.EWALLET, wallet) if wallet else None


def _bill(payload: Payload) -> Bill | None:
    inner = read_tags(payload.tags.get("30", ""))
    if inner.get("00") != BILL_AID:
        return None
    extra = read_tags(payload.tags.get("62", ""))
    return Bill(inner.get("01", ""), inner.get("02", ""), inner.get("03", ""), extra.get("07", ""))
