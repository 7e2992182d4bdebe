"""A second person's agreement: who asked for what, and who decided. The verbs are in ``usecases.approvals``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, String, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from oms.columns import UtcDateTime
from oms.db import Model


class Approval(Model):
    """One request, open until a person with the named action agrees or declines."""

    __tablename__ = "approvals"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(64))
    subject_type: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(BigInteger)
    subject: Mapped[str] = mapped_column(String(200))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    reason: Mapped[str] = mapped_column(String(500), default="")
    status: Mapped[str] = mapped_column(String(16), default="open")
    requested_by: Mapped[int | None] = mapped_column(BigInteger)
    requested_label: Mapped[str] = mapped_column(String(120))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(BigInteger)
    decided_label: Mapped[str] = mapped_column(String(120), default="")
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decision_note: Mapped[str] = mapped_column(String(500), default="")
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("status IN ('open', 'approved', 'declined', 'withdrawn')", name="status"),
        Index(
            "uq_approvals_open",
            "kind",
            "subject_type",
            "subject_id",
            unique=True,
            postgresql_where=text("status = 'open'"),
        ),
        Index("ix_approvals_open", "requested_at", postgresql_where=text("status = 'open'")),
    )


POLICY_LABELS: dict[str, str] = {
    "stock.adjust": "Stock adjustments",
    "payment.verify": "Verifying payments: not by whoever entered the order or the payment",
    "refund": "Refunds",
    "document.void": "Voiding documents: not by whoever issued them",
}


class ApprovalPolicy(Model):
    """Whether one kind of work needs a second person. No row: it does not."""

    __tablename__ = "approval_policies"

    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    is_on: Mapped[bool] = mapped_column()
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}


def needs_second_person(session: Session, kind: str) -> bool:
    """Whether this kind of work waits for another person to agree."""
    return bool(session.scalar(select(ApprovalPolicy.is_on).where(ApprovalPolicy.kind == kind)))
