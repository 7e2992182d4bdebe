"""Amounts in Thai words, as the Royal Society writes them and as bills must print them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

_DIGITS = ("", "หนึ่ง", "สอง", "สาม", "สี่", "ห้า", "หก", "เจ็ด", "แปด", "เก้า")
_PLACES = ("", "สิบ", "ร้อย", "พัน", "หมื่น", "แสน")
_MILLION = 10**6


def _below_million(number: int, *, alone: bool) -> str:
    """Words of 1 to 999,999. A last 1 is เอ็ด unless it stands alone."""
    words = []
    for place, digit in reversed(list(enumerate(map(int, reversed(str(number)))))):
        if not digit:
            continue
        if place == 1:
            words.append({1: "", 2: "ยี่"}.get(digit, _DIGITS[digit]) + _PLACES[1])
        elif place == 0 and digit == 1 and not (alone and number == 1):
            words.append("เอ็ด")
        else:
            words.append(_DIGITS[digit] + _PLACES[place])
    return "".join(words)


def _words(number: int) -> str:
    """Words of a whole number above zero: groups of six digits joined by ล้าน."""
    millions, rest = divmod(number, _MILLION)
    if not millions:
        return _below_million(rest, alone=True)
    return _words(millions) + "ล้าน" + (_below_million(rest, alone=False) if rest else "")


def baht_text(amount: Decimal) -> str:
    """The amount in baht, rounded half up to satang, in Thai words: 101 is หนึ่งร้อยเอ็ดบาทถ้วน."""
    if not isinstance(amount, Decimal) or not amount.is_finite():
        raise TypeError("baht_text takes a finite Decimal")
    scaled = (abs(amount) * 100).quantize(Decimal(1), ROUND_HALF_UP) if abs(amount) < Decimal(10) ** 20 else None
    if scaled is None:
        raise ValueError("the amount is beyond anything a bill can carry")
    baht, satang = divmod(int(scaled), 100)
    if not baht and not satang:
        return "ศูนย์บาทถ้วน"
    words = _words(baht) + "บาท" if baht else ""
    words += _words(satang) + "สตางค์" if satang else "ถ้วน"
    return ("ลบ" if amount < 0 else "") + words
