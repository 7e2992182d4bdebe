"""The simulators' own reader of slip QR codes, strict, sharing nothing with the program it tests."""

from __future__ import annotations


class NoSlip(ValueError):
    """The text is no slip code."""


def _crc(text: str) -> str:
    register = 0xFFFF
    for byte in text.encode():
        register ^= byte << 8
        for _ in range(8):
            register = ((register << 1) ^ 0x1021) & 0xFFFF if register & 0x8000 else (register << 1) & 0xFFFF
    return f"{register:04X}"


def _fields(text: str) -> dict[str, str]:
    found, at = {}, 0
    while at < len(text):
        head = text[at : at + 4]
        if len(head) < 4 or not head.isdecimal():
            raise NoSlip(text)
        length = int(head[2:])
        value = text[at + 4 : at + 4 + length]
        if len(value) != length or head[:2] in found:
            raise NoSlip(text)
        found[head[:2]] = value
        at += 4 + length
    return found


def bank_and_reference(text: str) -> tuple[str, str]:
    """What the code names. Raises NoSlip."""
    fields = _fields(text)
    if list(fields) != ["00", "51", "91"] or fields["91"] != _crc(text[:-4]):
        raise NoSlip(text)
    inner = _fields(fields["00"])
    if inner.get("00") != "000001" or "01" not in inner or "02" not in inner:
        raise NoSlip(text)
    return inner["01"], inner["02"]


def code_of(bank: str, reference: str) -> str:
    """The code a bank would print for a transfer."""
    inner = f"0006000001{'01'}{len(bank):02d}{bank}02{len(reference):02d}{reference}"
    text = f"00{len(inner):02d}{inner}5102TH9104"
    return text + _crc(text)
