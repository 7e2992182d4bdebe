"""Money: an exact amount in one currency. Stored as integer satang (1 baht = 100 satang)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import total_ordering

from oms.errors import InvalidInput, say

CURRENCY = "THB"
CENT = Decimal("0.01")
MAX_SATANG = 10**13  # one hundred billion baht; anything above is a typing error, and BIGINT sums stay safe


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """An amount rounded half up to satang. Refuses floats and refuses to mix currencies."""

    amount: Decimal
    currency: str = CURRENCY

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError("Money takes a Decimal")
        if not self.amount.is_finite():
            raise InvalidInput(say("This amount is not a number"), code="money_not_finite")
        object.__setattr__(self, "amount", self.amount.quantize(CENT, ROUND_HALF_UP))

    @classmethod
    def satang(cls, value: int) -> Money:
        """From integer satang."""
        return _exact(Decimal(value).scaleb(-2), CURRENCY)

    @classmethod
    def parse(cls, text: str, field: str | None = None) -> Money:
        """From what a person or a file wrote: ``1,234.50``, ``฿390``, ``890.-``, ``650บาท``. Raises InvalidInput."""
        cleaned = text.strip().replace(",", "").replace("฿", "").replace("บาท", "").replace("THB", "").strip()
        cleaned = cleaned.removesuffix(".-").removesuffix("-") if cleaned[:1] != "-" else cleaned
        try:
            amount = Decimal(cleaned)
            if not amount.is_finite() or abs(amount) >= MAX_SATANG // 100:
                raise InvalidInput(
                    say("“{text}” is too large for an amount", text=text), field=field, code="money_range"
                )
        except InvalidOperation:
            raise InvalidInput(say("“{text}” is not an amount", text=text), field=field, code="money_text") from None
        return cls(amount)

    @property
    def in_satang(self) -> int:
        return int(self.amount.scaleb(2))

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"cannot mix {self.currency} and {other.currency}")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return _exact(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return _exact(self.amount - other.amount, self.currency)

    def __mul__(self, factor: int | Decimal) -> Money:
        return Money(self.amount * factor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount < other.amount

    def __bool__(self) -> bool:
        return self.amount != 0

    def allocate(self, weights: Sequence[int]) -> list[Money]:
        """Split by weights without losing a satang; the first shares take what is left over."""
        total = sum(weights)
        if total <= 0:
            raise ValueError("weights must sum to more than zero")
        whole = self.in_satang
        shares = [whole * w // total for w in weights]
        for i in range(whole - sum(shares)):
            shares[i % len(shares)] += 1
        return [Money.satang(s) for s in shares]

    def __str__(self) -> str:
        return f"{self.amount:,.2f}"


def _exact(amount: Decimal, currency: str) -> Money:
    """Money of an amount that is known to have two decimals: sums of money need no rounding."""
    made = object.__new__(Money)
    object.__setattr__(made, "amount", amount)
    object.__setattr__(made, "currency", currency)
    return made


ZERO = Money(Decimal(0))
