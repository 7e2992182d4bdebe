"""The ledger of cash on delivery: what each carrier is to collect, has collected, and has paid us."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import EnumText, UtcDateTime, money
from oms.db import Model
from oms.money import ZERO
from oms.orders.models import Order
from oms.payments.states import CodRefusal, CodStatus, RoundLineOutcome


class CodEntry(Model):
    """The cash of one order in one shipment. ``expected`` is set at hand-over and falls to zero when it is refused.

    ``settle_from`` is the first moment the carrier may pay: it holds the money five days for the recipient
    (OCPB notice on COD parcels, in force since 3 Oct 2024). ``to_collect`` never changes; ``expected`` is put right
    with a reason. Who pays is ``carrier``: the marketplace itself where a marketplace collects.
    """

    __tablename__ = "cod_entries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipments.id"))
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    carrier: Mapped[str] = mapped_column(String(80))
    tracking_no: Mapped[str] = mapped_column(String(80), default="")
    phone: Mapped[str] = mapped_column(String(40), default="", server_default="")
    address_key: Mapped[str] = mapped_column(String(120), default="", server_default="")
    status: Mapped[CodStatus] = mapped_column(EnumText(CodStatus))
    to_collect: Mapped[money] = mapped_column()
    expected: Mapped[money] = mapped_column()
    collected: Mapped[money] = mapped_column(default=ZERO)
    remitted: Mapped[money] = mapped_column(default=ZERO)
    fee: Mapped[money] = mapped_column(default=ZERO)
    written_off: Mapped[money] = mapped_column(default=ZERO, server_default="0")
    handed_over_at: Mapped[datetime] = mapped_column(UtcDateTime)
    collected_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settle_from: Mapped[datetime | None] = mapped_column(UtcDateTime)
    remitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refusal: Mapped[CodRefusal | None] = mapped_column(EnumText(CodRefusal))
    note: Mapped[str] = mapped_column(String(500), default="")
    version: Mapped[int] = mapped_column(default=1)

    order: Mapped[Order] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        UniqueConstraint("shipment_id", "order_id"),
        CheckConstraint("to_collect > 0 AND expected >= 0 AND collected >= 0 AND remitted >= 0", name="amounts"),
        CheckConstraint("status <> 'refused' OR (expected = 0 AND collected = 0 AND remitted = 0)", name="refused"),
        CheckConstraint("status NOT IN ('expected', 'collected') OR remitted = 0", name="unpaid"),
        CheckConstraint("status <> 'short' OR remitted < expected", name="short"),
        CheckConstraint("status <> 'remitted' OR remitted + written_off >= expected", name="remitted"),
        Index("ix_cod_entries_tracking", "tracking_no", "carrier"),
        Index("ix_cod_entries_refused", "phone", postgresql_where=text("status = 'refused'")),
        Index(
            "ix_cod_entries_refused_at", "address_key",
            postgresql_where=text("status = 'refused' AND address_key <> ''"),
        ),
        Index(
            "ix_cod_entries_open", "carrier", "handed_over_at",
            postgresql_where=text("status IN ('expected', 'collected', 'short')"),
        ),
    )  # fmt: skip

    def __str__(self) -> str:
        return self.tracking_no or f"#{self.id}"


class CodRound(Model):
    """One pay-out of a carrier, as its pay file says: gross, fees and net tie to the satang."""

    __tablename__ = "cod_rounds"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    carrier: Mapped[str] = mapped_column(String(80))
    reference: Mapped[str] = mapped_column(String(80))
    paid_on: Mapped[date | None] = mapped_column(Date)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("intake_runs.id"))
    gross: Mapped[money] = mapped_column()
    fees: Mapped[money] = mapped_column()
    round_fee: Mapped[money] = mapped_column(default=ZERO)
    net: Mapped[money] = mapped_column()
    claim_id: Mapped[int | None] = mapped_column(ForeignKey("payment_claims.id"))
    banked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    banked_by: Mapped[str] = mapped_column(String(120), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    created_by: Mapped[str] = mapped_column(String(120))
    note: Mapped[str] = mapped_column(String(500), default="", server_default="")
    version: Mapped[int] = mapped_column(default=1)

    lines: Mapped[list[CodRoundLine]] = relationship(back_populates="round")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        UniqueConstraint("carrier", "reference"),
        CheckConstraint("net = gross - fees - round_fee", name="ties"),
        Index("ix_cod_rounds_open", "id", postgresql_where=text("banked_at IS NULL")),
    )

    def __str__(self) -> str:
        return self.reference


class CodRoundLine(Model):
    """One parcel in a carrier's pay file. Never changed: a line that is understood later is taken back by a negative
    row that names it, and written anew."""

    __tablename__ = "cod_round_lines"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    round_id: Mapped[int] = mapped_column(ForeignKey("cod_rounds.id"))
    line: Mapped[int] = mapped_column(Integer)
    tracking_no: Mapped[str] = mapped_column(String(80))
    amount: Mapped[money] = mapped_column()
    fee: Mapped[money] = mapped_column(default=ZERO)
    outcome: Mapped[RoundLineOutcome] = mapped_column(EnumText(RoundLineOutcome))
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("cod_entries.id"), index=True)
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("cod_round_lines.id"), unique=True)

    round: Mapped[CodRound] = relationship(back_populates="lines")

    __table_args__ = (
        UniqueConstraint("round_id", "line"),
        CheckConstraint("(amount >= 0) = (reverses_id IS NULL) OR amount = 0", name="amount"),
        Index("ix_cod_round_lines_tracking", "tracking_no"),
    )


class CodCarrier(Model):
    """What we agreed with a carrier: days after ``settle_from`` until its payment counts as late."""

    __tablename__ = "cod_carriers"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    carrier: Mapped[str] = mapped_column(String(80), unique=True)
    late_days: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (CheckConstraint("late_days BETWEEN 0 AND 90", name="late_days"),)
