"""What a QR code in a picture means: the mini-QR of a transfer slip, a QR to pay with, or neither.

A slip's QR carries the sending bank and the bank's reference of the transfer; no amount, no receiver, no date. It
proves nothing alone; (sending bank, reference) is what may be used only once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from oms.banks.codes import TRUEMONEY
from oms.banks.emv import Payload, PayloadRefused, read_payload, read_tags, seal, write_tags
from oms.payments.states import SlipKind

SLIP_API = "000001"  # the mini-QR standard's "slip verification"
PAYMENT_START = "000201"
PAID_BY = frozenset(f"{tag:02d}" for tag in range(2, 52))  # merchant accounts, one of them in every code to pay with


@dataclass(frozen=True)
class SlipCode:
    """One QR code, understood. ``payload`` is the text as it was printed (verifiers ask with it).

    ``crc_ok`` None: there is no checksum to prove.
    """

    kind: SlipKind
    sending_bank: str = ""
    reference: str = ""
    crc_ok: bool | None = None
    payload: str = ""


NOTHING = SlipCode(SlipKind.NONE)


def understand(text: str) -> SlipCode:
    """Say what a QR code's text is. Never raises: any text that is no payload is ``none``."""
    text = text.strip()
    try:
        payload = read_payload(text)
        slip = _bank_slip(payload, text) or _wallet_slip(payload, text)
    except PayloadRefused:
        return NOTHING
    if slip is not None:
        return slip
    if text.startswith(PAYMENT_START) and PAID_BY & payload.tags.keys():
        return SlipCode(SlipKind.PAYMENT_QR, crc_ok=payload.crc_ok, payload=text)
    return NOTHING


def _inner(payload: Payload) -> dict[str, str]:
    outer = payload.tags.get("00", "")
    return read_tags(outer) if len(outer) > 2 else {}


def _bank_slip(payload: Payload, text: str) -> SlipCode | None:
    """00 = {00 = 000001, 01 = bank, 02 = reference of up to 25 letters and digits, case matters}, 51 = TH, 91 = CRC."""
    inner = _inner(payload)
    bank, reference = inner.get("01", ""), inner.get("02", "")
    if inner.get("00") != SLIP_API or not _is_reference(reference):
        return None
    if len(bank) != 3 or not (bank.isascii() and bank.isdecimal()):
        return None
    return SlipCode(SlipKind.SLIP, bank, reference, payload.crc_ok, text)


def _wallet_slip(payload: Payload, text: str) -> SlipCode | None:
    """TrueMoney: 00 = {00 = 01, 01 = 01, 02 = event, 03 = transaction, 04 = DDMMYYYY}, 91 = CRC in lower case."""
    inner = _inner(payload)
    reference = inner.get("03", "")
    if inner.get("00") != "01" or inner.get("01") != "01" or "91" not in payload.tags:
        return None
    if not inner.get("02", "").isalnum() or not _is_reference(reference):
        return None
    return SlipCode(SlipKind.SLIP, TRUEMONEY, reference, payload.crc_ok, text)


def _is_reference(text: str) -> bool:
    return 0 < len(text) <= 50 and text.isascii() and text.isprintable() and " " not in text


def write_slip(bank: str, reference: str) -> str:
    """The mini-QR text a bank would print (demo slips, simulators, tests)."""
    inner = write_tags([("00", SLIP_API), ("01", bank), ("02", reference)])
    return seal(write_tags([("00", inner), ("51", "TH")]), "91")


def choose(texts: Iterable[str]) -> tuple[SlipCode, tuple[SlipCode, ...]]:
    """Of all codes in a picture the one that counts, and the other slips beside it.

    A slip with a right checksum before one without, before a QR to pay with, before nothing.
    """
    seen = list(dict.fromkeys(understand(text) for text in texts))
    slips = sorted((c for c in seen if c.kind is SlipKind.SLIP), key=lambda c: c.crc_ok is not True)
    if slips:
        return slips[0], tuple(slips[1:])
    return next((c for c in seen if c.kind is SlipKind.PAYMENT_QR), NOTHING), ()
