"""Gapless numbers: one row per series, locked and advanced inside the transaction that uses the number.

A rolled-back transaction gives its number back with everything else, so a series has neither gap nor repeat. Orders do
not use this (they would queue for one row); their numbers come from a database sequence and may skip.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, String
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from oms import clock
from oms.db import Model, Tx


class NumberSeries(Model):
    """The last number given in a series such as ``RC69``."""

    __tablename__ = "number_series"

    series: Mapped[str] = mapped_column(String(40), primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)


def buddhist_year() -> str:
    """The Buddhist year of the business day, two digits: 2026 is 69."""
    return f"{(clock.today().year + 543) % 100:02d}"


def allot(tx: Tx, series: str) -> int:
    """The next number of the series. Holds the series until the transaction ends; ask as late as you can."""
    statement = (
        insert(NumberSeries)
        .values(series=series, last=1)
        .on_conflict_do_update(index_elements=[NumberSeries.series], set_={"last": NumberSeries.last + 1})
        .returning(NumberSeries.last)
    )
    return int(tx.session.scalar(statement) or 0)


def allot_yearly(tx: Tx, prefix: str) -> str:
    """The next number of this Buddhist year's series, as printed: ``RC69-000001``."""
    series = f"{prefix}{buddhist_year()}"
    return f"{series}-{allot(tx, series):06d}"
