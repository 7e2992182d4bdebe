"""Words on papers in both languages: (Thai, English). Papers are bilingual whatever the reader's language."""

from __future__ import annotations

from typing import Final

from oms.orders.states import PaymentTerm
from oms.payments.states import PaymentMethod
from oms.thai.tax_id import HEAD_OFFICE

METHODS: Final[dict[PaymentMethod, tuple[str, str]]] = {
    PaymentMethod.TRANSFER: ("โอนเงินผ่านธนาคาร", "Bank transfer"),
    PaymentMethod.PROMPTPAY: ("พร้อมเพย์", "PromptPay"),
    PaymentMethod.EWALLET: ("วอลเล็ต", "E-wallet"),
    PaymentMethod.CARD: ("บัตร", "Card"),
    PaymentMethod.CASH: ("เงินสด", "Cash"),
    PaymentMethod.PAYOUT: ("ผ่านมาร์เก็ตเพลส", "Marketplace payout"),
    PaymentMethod.CREDIT_NOTE: ("ใบลดหนี้", "Credit note"),
    PaymentMethod.COD: ("เก็บเงินปลายทาง", "Cash on delivery"),
}
TERMS: Final[dict[PaymentTerm, tuple[str, str]]] = {
    PaymentTerm.PREPAID: ("ชำระก่อนส่ง", "Prepaid"),
    PaymentTerm.COD: ("เก็บเงินปลายทาง", "Cash on delivery"),
    PaymentTerm.CREDIT: ("เครดิต", "Credit"),
    PaymentTerm.MARKETPLACE: ("ชำระผ่านแพลตฟอร์ม", "Paid through the platform"),
}

_ONES: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES: Final = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"), (100, "hundred"))


def branch_words(code: str) -> tuple[str, str]:
    """The branch as a tax invoice names it."""
    return ("สำนักงานใหญ่", "Head office") if code == HEAD_OFFICE else (f"สาขาที่ {code}", f"Branch {code}")


def english_number(number: int) -> str:
    """A whole number of zero or more in English words."""
    for scale, name in _SCALES:
        if number >= scale:
            rest = number % scale
            return f"{english_number(number // scale)} {name}" + (f" {english_number(rest)}" if rest else "")
    if number < 20:
        return _ONES[number]
    return _TENS[number // 10] + (f"-{_ONES[number % 10]}" if number % 10 else "")


def english_baht(satang: int) -> str:
    """An amount in English words: One hundred baht and fifty satang only."""
    baht, rest = divmod(abs(satang), 100)
    words = f"{english_number(baht)} baht" if baht or not rest else ""
    words += (" and " if words and rest else "") + (f"{english_number(rest)} satang" if rest else "")
    said = ("minus " if satang < 0 else "") + words
    return f"{said[0].upper()}{said[1:]} only"
