"""Lines of bank and e-wallet statements, and what they were found to be."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import EnumText, MoneyAmount, UtcDateTime, money
from oms.db import Model
from oms.money import Money
from oms.payments.models import ReceivingAccount
from oms.payments.states import LineStatus


class StatementLine(Model):
    """One movement of money on an account of ours, as the bank says. ``amount`` is negative for money going out.

    ``line_key`` is a hash of account, time, amount, description and balance; ``occurrence`` counts equal lines, so
    that two identical true transfers both count while the same line of a second file adds nothing.
    """

    __tablename__ = "statement_lines"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("receiving_accounts.id"))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("intake_runs.id"))
    line_key: Mapped[str] = mapped_column(String(40))
    occurrence: Mapped[int] = mapped_column(Integer, default=1)
    booked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    has_time: Mapped[bool] = mapped_column(default=True)
    amount: Mapped[money] = mapped_column()
    balance: Mapped[Money | None] = mapped_column(MoneyAmount)
    balance_breaks: Mapped[bool] = mapped_column(default=False)
    description: Mapped[str] = mapped_column(String(500), default="")
    channel: Mapped[str] = mapped_column(String(80), default="")
    payer_name: Mapped[str] = mapped_column(String(200), default="")
    payer_account: Mapped[str] = mapped_column(String(40), default="")
    status: Mapped[LineStatus] = mapped_column(EnumText(LineStatus))
    suggestions: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    duplicate_of: Mapped[int | None] = mapped_column(ForeignKey("statement_lines.id"))
    note: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    version: Mapped[int] = mapped_column(default=1)

    account: Mapped[ReceivingAccount] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        UniqueConstraint("account_id", "line_key", "occurrence"),
        CheckConstraint("amount <> 0", name="amount"),
        Index("ix_statement_lines_time", "account_id", text("booked_at DESC"), text("id DESC")),
        Index("ix_statement_lines_amount", "account_id", "amount", "booked_at"),
        Index("ix_statement_lines_listed", text("booked_at DESC"), text("id DESC")),
        Index("ix_statement_lines_payer", "payer_name", postgresql_where=text("payer_name <> ''")),
        Index(
            "ix_statement_lines_open", "booked_at", "id",
            postgresql_where=text("status IN ('unmatched', 'suggested', 'ambiguous')"),
        ),
    )  # fmt: skip


class StatementMatch(Model):
    """How much of a statement line is which claim, COD round or refund. Never changed: a reversal is a negative row.
    ``counts``: the match made the money count (it was verified by it), so undoing it takes the money back."""

    __tablename__ = "statement_matches"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("statement_lines.id"), index=True)
    claim_id: Mapped[int | None] = mapped_column(ForeignKey("payment_claims.id"), index=True)
    round_id: Mapped[int | None] = mapped_column(ForeignKey("cod_rounds.id"), index=True)
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("refunds.id"), index=True)
    amount: Mapped[money] = mapped_column()
    counts: Mapped[bool] = mapped_column(default=False, server_default="false")
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("statement_matches.id"), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    by: Mapped[str] = mapped_column(String(120))

    __table_args__ = (
        CheckConstraint("(amount > 0) = (reverses_id IS NULL) AND amount <> 0", name="amount"),
        CheckConstraint("num_nonnulls(claim_id, round_id, refund_id) = 1", name="one_thing"),
    )
