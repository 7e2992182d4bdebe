"""Who reminded which buyer of a payment, so that two clerks do not nag the same one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from oms import clock
from oms.columns import UtcDateTime, money
from oms.db import Model


class PaymentReminder(Model):
    """One reminder; ``missing`` is what was asked for then."""

    __tablename__ = "payment_reminders"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    missing: Mapped[money] = mapped_column()
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    by_id: Mapped[int | None] = mapped_column(BigInteger)
    by: Mapped[str] = mapped_column(String(120))

    __table_args__ = (Index("ix_payment_reminders_order", "order_id", "id"),)
