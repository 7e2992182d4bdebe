"""Goods between two warehouses: the paper, its lines, and what became of every piece."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.catalog.models import Sku
from oms.columns import EnumText, UtcDateTime
from oms.db import Model
from oms.inventory.models import Warehouse
from oms.inventory.states import StepKind, TransferStatus


class Transfer(Model):
    """One load from one warehouse to another. Between sending and receiving its pieces are in no warehouse."""

    __tablename__ = "transfers"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    status: Mapped[TransferStatus] = mapped_column(EnumText(TransferStatus))
    from_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    to_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    reference: Mapped[str] = mapped_column(String(80), default="")
    note: Mapped[str] = mapped_column(String(500), default="")
    idempotency_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    created_by: Mapped[str] = mapped_column(String(120))
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_by: Mapped[str] = mapped_column(String(120), default="")
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str] = mapped_column(String(120), default="")
    version: Mapped[int] = mapped_column()

    source: Mapped[Warehouse] = relationship(foreign_keys=[from_id])
    target: Mapped[Warehouse] = relationship(foreign_keys=[to_id])
    lines: Mapped[list[TransferLine]] = relationship(back_populates="transfer", order_by="TransferLine.position")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("from_id <> to_id", name="two_places"),
        Index("ix_transfers_from", "from_id", "status", "id"),
        Index("ix_transfers_to", "to_id", "status", "id"),
        Index("ix_transfers_open", "status", "id", postgresql_where=text("closed_at IS NULL")),
    )

    def __str__(self) -> str:
        return self.number


class TransferLine(Model):
    """One SKU of a load. The columns after ``quantity`` add up its steps; ``surplus`` came on top of it."""

    __tablename__ = "transfer_lines"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    transfer_id: Mapped[int] = mapped_column(ForeignKey("transfers.id"))
    position: Mapped[int] = mapped_column(Integer)
    sku_id: Mapped[int] = mapped_column(ForeignKey("skus.id"))
    quantity: Mapped[int] = mapped_column(Integer)
    received: Mapped[int] = mapped_column(Integer, default=0)
    damaged: Mapped[int] = mapped_column(Integer, default=0)
    lost: Mapped[int] = mapped_column(Integer, default=0)
    came_back: Mapped[int] = mapped_column(Integer, default=0)
    surplus: Mapped[int] = mapped_column(Integer, default=0)

    transfer: Mapped[Transfer] = relationship(back_populates="lines")
    sku: Mapped[Sku] = relationship()

    __table_args__ = (
        Index("uq_transfer_lines", "transfer_id", "sku_id", unique=True),
        CheckConstraint("quantity >= 0 AND received >= 0 AND damaged >= 0 AND lost >= 0", name="pieces"),
        CheckConstraint("came_back >= 0 AND surplus >= 0", name="more_pieces"),
        CheckConstraint("received + damaged + lost + came_back <= quantity", name="within_sent"),
    )

    @property
    def open(self) -> int:
        """Pieces still under way once the load was sent."""
        return self.quantity - self.received - self.damaged - self.lost - self.came_back

    @property
    def differs(self) -> bool:
        return bool(self.damaged or self.lost or self.came_back or self.surplus)


class TransferStep(Model):
    """So many pieces of a line arrived, broke, got lost, came back or were too many: who said so, and why. Never
    changed."""

    __tablename__ = "transfer_steps"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    transfer_id: Mapped[int] = mapped_column(ForeignKey("transfers.id"))
    line_id: Mapped[int] = mapped_column(ForeignKey("transfer_lines.id"))
    kind: Mapped[StepKind] = mapped_column(EnumText(StepKind))
    quantity: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(String(500), default="")
    receipt: Mapped[str] = mapped_column(String(120), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    actor: Mapped[str] = mapped_column(String(120))

    line: Mapped[TransferLine] = relationship()

    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        Index("ix_transfer_steps", "transfer_id", "id"),
        Index("ix_transfer_steps_line", "line_id"),
    )
