"""Money received: where it went, who said so, how much of it belongs to which order."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import EnumText, UtcDateTime, money
from oms.db import Model
from oms.payments.states import ClaimStatus, PaymentMethod


class ReceivingAccount(Model):
    """An account of ours that customers pay into."""

    __tablename__ = "receiving_accounts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    bank: Mapped[str] = mapped_column(String(40))
    account_no: Mapped[str] = mapped_column(String(40))
    account_name: Mapped[str] = mapped_column(String(200))
    promptpay: Mapped[str] = mapped_column(String(20), default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}

    def __str__(self) -> str:
        return f"{self.bank} {self.account_no}"


class PaymentClaim(Model):
    """ "I paid": an amount by a method, until somebody has verified it. Amounts are never edited, only reversed."""

    __tablename__ = "payment_claims"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    status: Mapped[ClaimStatus] = mapped_column(EnumText(ClaimStatus))
    method: Mapped[PaymentMethod] = mapped_column(EnumText(PaymentMethod))
    amount: Mapped[money] = mapped_column()
    account_id: Mapped[int | None] = mapped_column(ForeignKey("receiving_accounts.id"))
    sending_bank: Mapped[str] = mapped_column(String(10), default="")
    reference: Mapped[str | None] = mapped_column(String(80))
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    note: Mapped[str] = mapped_column(String(500), default="")
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    submitted_by: Mapped[int | None] = mapped_column(BigInteger)
    submitted_label: Mapped[str] = mapped_column(String(120))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(BigInteger)
    decided_label: Mapped[str] = mapped_column(String(120), default="")
    decision_note: Mapped[str] = mapped_column(String(500), default="")
    idempotency_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    version: Mapped[int] = mapped_column()

    account: Mapped[ReceivingAccount | None] = relationship()
    allocations: Mapped[list[Allocation]] = relationship(back_populates="claim")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        Index(
            "uq_payment_claims_reference",
            "sending_bank",
            "reference",
            unique=True,
            postgresql_where=text("reference IS NOT NULL"),
        ),
        Index("ix_payment_claims_waiting", "submitted_at", postgresql_where=text("status = 'submitted'")),
    )


class Allocation(Model):
    """How much of a claim belongs to which order."""

    __tablename__ = "allocations"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("payment_claims.id"), index=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    amount: Mapped[money] = mapped_column()

    claim: Mapped[PaymentClaim] = relationship(back_populates="allocations")

    __table_args__ = (CheckConstraint("amount > 0", name="amount"),)
