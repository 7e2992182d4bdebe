"""Money received: where it went, who said so, how much of it belongs to which order."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Identity,
    Index,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import EnumText, MoneyAmount, UtcDateTime, money
from oms.db import Model
from oms.money import Money
from oms.payments.states import ClaimStatus, PaymentMethod


class ReceivingAccount(Model):
    """An account of ours that customers pay into. ``bank_code``: three digits as slips name banks; "wallet" for an
    e-wallet. ``biller_id`` (15 digits) and ``ref3_prefix`` are for bill payment by QR."""

    __tablename__ = "receiving_accounts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    bank: Mapped[str] = mapped_column(String(40))
    account_no: Mapped[str] = mapped_column(String(40))
    account_name: Mapped[str] = mapped_column(String(200))
    promptpay: Mapped[str] = mapped_column(String(20), default="")
    bank_code: Mapped[str] = mapped_column(String(10), default="", server_default="")
    biller_id: Mapped[str] = mapped_column(String(15), default="", server_default="")
    ref3_prefix: Mapped[str] = mapped_column(String(20), default="", server_default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}

    def __str__(self) -> str:
        return f"{self.bank} {self.account_no}"


class PaymentClaim(Model):
    """ "I paid": an amount by a method, until somebody has verified it. ``amount`` is what is claimed until it is
    verified, then what came in; from then on it is frozen and only reversed. ``said_amount`` keeps what was said when
    that was something else. What is not allocated of a verified claim is the customer's credit. ``decided_at`` is the
    last decision; ``verified_at`` keeps when a reversed claim had been verified, so that old days stay as they were."""

    __tablename__ = "payment_claims"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    status: Mapped[ClaimStatus] = mapped_column(EnumText(ClaimStatus))
    method: Mapped[PaymentMethod] = mapped_column(EnumText(PaymentMethod))
    amount: Mapped[money] = mapped_column()
    said_amount: Mapped[Money | None] = mapped_column(MoneyAmount)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))
    payer_name: Mapped[str] = mapped_column(String(200), default="", server_default="")
    account_id: Mapped[int | None] = mapped_column(ForeignKey("receiving_accounts.id"))
    sending_bank: Mapped[str] = mapped_column(String(10), default="")
    reference: Mapped[str | None] = mapped_column(String(80))
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    note: Mapped[str] = mapped_column(String(500), default="")
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    submitted_by: Mapped[int | None] = mapped_column(BigInteger)
    submitted_label: Mapped[str] = mapped_column(String(120))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
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
        Index("ix_payment_claims_money", "account_id", "amount", "paid_at"),
        Index("ix_payment_claims_decided", "decided_at", postgresql_where=text("decided_at IS NOT NULL")),
        Index("ix_payment_claims_verified", "verified_at", postgresql_where=text("verified_at IS NOT NULL")),
        Index("ix_payment_claims_customer", "customer_id", postgresql_where=text("customer_id IS NOT NULL")),
    )


class Allocation(Model):
    """How much of a claim belongs to which order. Rows are never changed: a reversal is a row of its own, negative,
    that names the row it takes back."""

    __tablename__ = "allocations"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("payment_claims.id"), index=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    amount: Mapped[money] = mapped_column()
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("allocations.id"), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, server_default=func.now())
    by: Mapped[str] = mapped_column(String(120), default="", server_default="")

    claim: Mapped[PaymentClaim] = relationship(back_populates="allocations")

    __table_args__ = (CheckConstraint("(amount > 0) = (reverses_id IS NULL) AND amount <> 0", name="amount"),)


class TransferKey(Model):
    """A transfer reference that was used once: by a slip, by a claim, also by one that was rejected (invariant 7)."""

    __tablename__ = "transfer_keys"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    sending_bank: Mapped[str] = mapped_column(String(10))
    reference: Mapped[str] = mapped_column(String(80))
    slip_id: Mapped[int | None] = mapped_column(ForeignKey("slips.id"))
    claim_id: Mapped[int | None] = mapped_column(ForeignKey("payment_claims.id"))
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    taken_label: Mapped[str] = mapped_column(String(120))

    __table_args__ = (
        UniqueConstraint("sending_bank", "reference"),
        Index("ix_transfer_keys_reference", text("upper(reference)")),
    )


class GateOverride(Model):
    """Somebody with that right let an order's goods leave although ``covers`` satang were missing. It holds for that
    much and no more: when more is missing later, the gate closes again."""

    __tablename__ = "gate_overrides"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    covers: Mapped[money] = mapped_column()
    reason: Mapped[str] = mapped_column(String(500))
    by_id: Mapped[int | None] = mapped_column(BigInteger)
    by: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str] = mapped_column(String(120), default="")

    __table_args__ = (
        CheckConstraint("covers > 0", name="covers"),
        CheckConstraint("reason <> ''", name="reason"),
        Index("uq_gate_overrides_live", "order_id", unique=True, postgresql_where=text("revoked_at IS NULL")),
        Index("ix_gate_overrides_at", "at"),
    )


class DayClosing(Model):
    """The close-of-day sheet as it stood when somebody closed the day; ``figures`` in satang, frozen."""

    __tablename__ = "day_closings"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    day: Mapped[date] = mapped_column(Date, unique=True)
    figures: Mapped[dict[str, Any]] = mapped_column(JSONB)
    ties: Mapped[bool] = mapped_column()
    note: Mapped[str] = mapped_column(String(500), default="")
    closed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    closed_by: Mapped[str] = mapped_column(String(120))
