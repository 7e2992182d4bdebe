"""Column types and annotated aliases shared by every model."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import mapped_column
from sqlalchemy.types import TypeDecorator

from oms.money import Money


class MoneyAmount(TypeDecorator[Money]):
    """Money as integer satang in a BIGINT: exact sums in SQL."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Money | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else value.in_satang

    def process_result_value(self, value: int | None, dialect: Dialect) -> Money | None:  # noqa: ARG002
        return None if value is None else Money.satang(value)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. Naive values raise ValueError instead of meaning something else on every machine."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)


class EnumText(TypeDecorator[StrEnum]):
    """A StrEnum stored by value in a VARCHAR; a value the program does not know raises on reading."""

    impl = String(32)
    cache_ok = True

    def __init__(self, kind: type[StrEnum]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: StrEnum | str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        return (value if type(value) is self.kind else self.kind(value)).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002
        return None if value is None else self.kind(value)


pk = Annotated[int, mapped_column(BigInteger, primary_key=True)]
code = Annotated[str, mapped_column(String(64))]
name = Annotated[str, mapped_column(String(200))]
text = Annotated[str, mapped_column(Text)]
count = Annotated[int, mapped_column(Integer)]
moment = Annotated[datetime, mapped_column(UtcDateTime)]
money = Annotated[Money, mapped_column(MoneyAmount)]
json = Annotated[dict[str, Any], mapped_column(JSONB)]
