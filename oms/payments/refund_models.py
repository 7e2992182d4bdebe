"""Money going back to customers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import EnumText, UtcDateTime, money
from oms.db import Model
from oms.orders.models import Order
from oms.payments.models import ReceivingAccount
from oms.payments.states import PaymentMethod, RefundStatus


class Refund(Model):
    """Money of one order to be paid back. All that is asked for, approved, failed or paid stays within what was
    verified for the order (invariant 4)."""

    __tablename__ = "refunds"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    status: Mapped[RefundStatus] = mapped_column(EnumText(RefundStatus))
    amount: Mapped[money] = mapped_column()
    reason: Mapped[str] = mapped_column(String(500))
    method: Mapped[PaymentMethod] = mapped_column(EnumText(PaymentMethod))
    to_bank: Mapped[str] = mapped_column(String(40), default="")
    to_account: Mapped[str] = mapped_column(String(40), default="")
    to_name: Mapped[str] = mapped_column(String(200), default="")
    account_id: Mapped[int | None] = mapped_column(ForeignKey("receiving_accounts.id"))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    requested_by: Mapped[int | None] = mapped_column(BigInteger)
    requested_label: Mapped[str] = mapped_column(String(120))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(BigInteger)
    decided_label: Mapped[str] = mapped_column(String(120), default="")
    decision_note: Mapped[str] = mapped_column(String(500), default="")
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paid_label: Mapped[str] = mapped_column(String(120), default="")
    reference: Mapped[str] = mapped_column(String(80), default="")
    proof_key: Mapped[str] = mapped_column(String(80), default="")
    failure: Mapped[str] = mapped_column(String(500), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    idempotency_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    version: Mapped[int] = mapped_column()

    order: Mapped[Order] = relationship()
    account: Mapped[ReceivingAccount | None] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        Index(
            "ix_refunds_open", "requested_at",
            postgresql_where=text("status IN ('requested', 'approved', 'failed')"),
        ),
        Index("ix_refunds_paid", "paid_at", postgresql_where=text("paid_at IS NOT NULL")),
    )  # fmt: skip

    def __str__(self) -> str:
        return self.number
