"""Personal data: what people asked for and agreed to, and how long raw data is kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Identity, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import EnumText, UtcDateTime
from oms.customers.models import Customer
from oms.customers.states import Purpose, RequestKind, RequestStatus
from oms.db import Model


class PrivacyRequest(Model):
    """What somebody asked about their data, by when it is to be answered, and how it was."""

    __tablename__ = "privacy_requests"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    kind: Mapped[RequestKind] = mapped_column(EnumText(RequestKind))
    status: Mapped[RequestStatus] = mapped_column(EnumText(RequestStatus))
    note: Mapped[str] = mapped_column(String(500), default="")
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_by: Mapped[str] = mapped_column(String(120))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str] = mapped_column(String(120), default="")
    answer: Mapped[str] = mapped_column(String(500), default="")

    customer: Mapped[Customer] = relationship()

    __table_args__ = (
        Index("ix_privacy_requests_open", "due_at", "id", postgresql_where=text("status = 'open'")),
        CheckConstraint("status <> 'refused' OR answer <> ''", name="refused"),
    )


class Consent(Model):
    """A yes or a no, with its wording and how it was given; the latest of a purpose counts. Added, never changed."""

    __tablename__ = "consents"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    purpose: Mapped[Purpose] = mapped_column(EnumText(Purpose))
    given: Mapped[bool] = mapped_column(Boolean)
    source: Mapped[str] = mapped_column(String(60))
    wording: Mapped[str] = mapped_column(String(60), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    by: Mapped[str] = mapped_column(String(120))

    __table_args__ = (Index("ix_consents_customer", "customer_id", "purpose", "id"),)


class RetentionRules(Model):
    """One row: after how many days what came raw is dropped, and how many years papers of the tax law are kept."""

    __tablename__ = "retention_rules"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    intake_days: Mapped[int] = mapped_column(Integer, default=180)
    slip_days: Mapped[int] = mapped_column(Integer, default=1825)
    paper_years: Mapped[int] = mapped_column(Integer, default=7)
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("id = 1", name="one"),
        CheckConstraint("intake_days >= 30 AND slip_days >= 365 AND paper_years >= 5", name="least"),
    )
