"""Goods coming back: what was asked, what came, how it ended; parcels nobody expected; claims against carriers."""

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
from oms.inventory.models import Warehouse
from oms.money import ZERO
from oms.orders.models import Order, OrderLine
from oms.payments.refund_models import Refund
from oms.returns.states import (
    ArrivalStatus,
    CarrierClaimReason,
    CarrierClaimStatus,
    Resolution,
    ReturnKind,
    ReturnReason,
    ReturnStatus,
)
from oms.shipping.models import Shipment


class Return(Model):
    """Goods of one order that come back, or a complaint settled without them.

    ``shipment_id``: the shipment that comes back, or from which the pieces are. ``warehouse_id``: where the goods are
    expected, then where they are. ``goods_stay``: nothing is to come (lost, or the buyer keeps it). ``tracking_no`` is
    the number of the way back; ``scanned`` what was scanned at the door. ``carrier_returned_at``: since when the
    carrier says that it gave the parcel back. ``credit`` is what the order owes less because of it, ``trip_cost`` what
    the useless trip cost us.
    """

    __tablename__ = "returns"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    kind: Mapped[ReturnKind] = mapped_column(EnumText(ReturnKind))
    status: Mapped[ReturnStatus] = mapped_column(EnumText(ReturnStatus))
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    shipment_id: Mapped[int | None] = mapped_column(ForeignKey("shipments.id"))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    reason: Mapped[ReturnReason] = mapped_column(EnumText(ReturnReason))
    note: Mapped[str] = mapped_column(String(500), default="")
    goods_stay: Mapped[bool] = mapped_column(default=False)
    carrier: Mapped[str] = mapped_column(String(80), default="")
    tracking_no: Mapped[str] = mapped_column(String(80), default="")
    scanned: Mapped[str] = mapped_column(String(80), default="")

    requested_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    requested_by: Mapped[int | None] = mapped_column(BigInteger)
    requested_label: Mapped[str] = mapped_column(String(120))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_label: Mapped[str] = mapped_column(String(120), default="")
    decision_note: Mapped[str] = mapped_column(String(500), default="")
    in_transit_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    carrier_returned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    received_label: Mapped[str] = mapped_column(String(120), default="")
    inspected_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    inspected_label: Mapped[str] = mapped_column(String(120), default="")
    count_note: Mapped[str] = mapped_column(String(500), default="")
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resolved_label: Mapped[str] = mapped_column(String(120), default="")
    resolution: Mapped[Resolution | None] = mapped_column(EnumText(Resolution))
    resolution_note: Mapped[str] = mapped_column(String(500), default="")
    credit: Mapped[money] = mapped_column(default=ZERO)
    store_credit: Mapped[money] = mapped_column(default=ZERO)
    trip_cost: Mapped[money] = mapped_column(default=ZERO)
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("refunds.id"))
    new_order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    credit_note_id: Mapped[int | None] = mapped_column(BigInteger)
    credit_note: Mapped[str] = mapped_column(String(40), default="")
    idempotency_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    version: Mapped[int] = mapped_column()

    order: Mapped[Order] = relationship(foreign_keys=[order_id])
    new_order: Mapped[Order | None] = relationship(foreign_keys=[new_order_id])
    shipment: Mapped[Shipment | None] = relationship()
    warehouse: Mapped[Warehouse] = relationship()
    refund: Mapped[Refund | None] = relationship()
    lines: Mapped[list[ReturnLine]] = relationship(back_populates="ret", order_by="ReturnLine.id")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("credit >= 0 AND store_credit >= 0 AND trip_cost >= 0", name="amounts"),
        CheckConstraint("credit = 0 OR status = 'resolved'", name="credit"),
        CheckConstraint("(status = 'resolved') = (resolution IS NOT NULL)", name="resolution"),
        CheckConstraint(
            "status NOT IN ('received', 'inspected') OR (received_at IS NOT NULL AND received_label <> '')",
            name="received",
        ),
        Index(
            "uq_returns_rto", "shipment_id", "order_id", unique=True,
            postgresql_where=text("kind = 'rto' AND status = 'in_transit'"),
        ),
        Index(
            "ix_returns_open", "status", "requested_at",
            postgresql_where=text("status IN ('requested', 'approved', 'in_transit', 'received', 'inspected')"),
        ),
        Index("ix_returns_shipment", "shipment_id"),
        Index("ix_returns_tracking", "tracking_no", postgresql_where=text("tracking_no <> ''")),
        Index("ix_returns_new_order", "new_order_id", postgresql_where=text("new_order_id IS NOT NULL")),
    )  # fmt: skip

    def __str__(self) -> str:
        return self.number


class ReturnLine(Model):
    """Pieces of one order line in a return: how many are to come, and what they turned out to be. Once counted, the
    five conditions add up to ``quantity``."""

    __tablename__ = "return_lines"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    return_id: Mapped[int] = mapped_column(ForeignKey("returns.id"))
    order_line_id: Mapped[int] = mapped_column(ForeignKey("order_lines.id"), index=True)
    shipment_id: Mapped[int | None] = mapped_column(ForeignKey("shipments.id"))
    quantity: Mapped[int] = mapped_column(Integer)
    reason: Mapped[ReturnReason | None] = mapped_column(EnumText(ReturnReason))
    is_counted: Mapped[bool] = mapped_column(default=False)
    resell: Mapped[int] = mapped_column(Integer, default=0)
    repair: Mapped[int] = mapped_column(Integer, default=0)
    damaged: Mapped[int] = mapped_column(Integer, default=0)
    missing: Mapped[int] = mapped_column(Integer, default=0)
    wrong: Mapped[int] = mapped_column(Integer, default=0)

    ret: Mapped[Return] = relationship(back_populates="lines")
    order_line: Mapped[OrderLine] = relationship()

    __table_args__ = (
        Index("uq_return_lines", "return_id", "order_line_id", "shipment_id", unique=True),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("resell >= 0 AND repair >= 0 AND damaged >= 0 AND missing >= 0 AND wrong >= 0", name="counts"),
        CheckConstraint(
            "resell + repair + damaged + missing + wrong = CASE WHEN is_counted THEN quantity ELSE 0 END",
            name="counted",
        ),
    )

    @property
    def back(self) -> int:
        """Pieces that are here again."""
        return self.resell + self.repair + self.damaged


class ReturnArrival(Model):
    """A parcel that came and that no number of ours explains. It waits until somebody finds out whose it is."""

    __tablename__ = "return_arrivals"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    status: Mapped[ArrivalStatus] = mapped_column(EnumText(ArrivalStatus))
    code: Mapped[str] = mapped_column(String(80))
    carrier: Mapped[str] = mapped_column(String(80), default="")
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    note: Mapped[str] = mapped_column(String(500), default="")
    arrived_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    arrived_label: Mapped[str] = mapped_column(String(120))
    return_id: Mapped[int | None] = mapped_column(ForeignKey("returns.id"))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_label: Mapped[str] = mapped_column(String(120), default="")
    close_note: Mapped[str] = mapped_column(String(500), default="")
    version: Mapped[int] = mapped_column()

    warehouse: Mapped[Warehouse] = relationship()
    ret: Mapped[Return | None] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index(
            "uq_return_arrivals_waiting", "warehouse_id", "code", unique=True,
            postgresql_where=text("status = 'waiting'"),
        ),
        Index("ix_return_arrivals_code", "code"),
        CheckConstraint("(status = 'attached') = (return_id IS NOT NULL)", name="attached"),
        CheckConstraint("code <> ''", name="code"),
    )  # fmt: skip

    def __str__(self) -> str:
        return self.code


class CarrierClaim(Model):
    """What we ask a carrier to pay for. ``amount`` is asked, ``accepted`` agreed to, ``paid`` what came."""

    __tablename__ = "carrier_claims"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    status: Mapped[CarrierClaimStatus] = mapped_column(EnumText(CarrierClaimStatus))
    reason: Mapped[CarrierClaimReason] = mapped_column(EnumText(CarrierClaimReason))
    carrier: Mapped[str] = mapped_column(String(80))
    tracking_no: Mapped[str] = mapped_column(String(80), default="")
    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipments.id"), index=True)
    return_id: Mapped[int | None] = mapped_column(ForeignKey("returns.id"))
    amount: Mapped[money] = mapped_column()
    accepted: Mapped[money] = mapped_column(default=ZERO)
    paid: Mapped[money] = mapped_column(default=ZERO)
    note: Mapped[str] = mapped_column(String(500), default="")
    reference: Mapped[str] = mapped_column(String(80), default="")
    due_on: Mapped[date] = mapped_column(Date)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    opened_label: Mapped[str] = mapped_column(String(120))
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_label: Mapped[str] = mapped_column(String(120), default="")
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decision_note: Mapped[str] = mapped_column(String(500), default="")
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paid_label: Mapped[str] = mapped_column(String(120), default="")
    payment_reference: Mapped[str] = mapped_column(String(80), default="")
    version: Mapped[int] = mapped_column()

    shipment: Mapped[Shipment] = relationship()
    ret: Mapped[Return | None] = relationship()
    files: Mapped[list[CarrierClaimFile]] = relationship(back_populates="claim", order_by="CarrierClaimFile.id")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("amount > 0 AND accepted >= 0 AND accepted <= amount AND paid >= 0", name="amounts"),
        CheckConstraint("(status = 'paid') = (paid > 0)", name="paid"),
        CheckConstraint("status NOT IN ('accepted', 'paid') OR accepted > 0", name="accepted"),
        Index(
            "uq_carrier_claims_open", "shipment_id", "reason", unique=True,
            postgresql_where=text("status IN ('open', 'sent', 'accepted')"),
        ),
        Index(
            "ix_carrier_claims_open", "status", "due_on",
            postgresql_where=text("status IN ('open', 'sent', 'accepted')"),
        ),
        Index("ix_carrier_claims_return", "return_id", postgresql_where=text("return_id IS NOT NULL")),
    )  # fmt: skip

    def __str__(self) -> str:
        return self.number


class CarrierClaimFile(Model):
    """A picture that proves a claim; made anew from what was uploaded, never changed."""

    __tablename__ = "carrier_claim_files"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("carrier_claims.id"), index=True)
    file_key: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(200))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    added_label: Mapped[str] = mapped_column(String(120))

    claim: Mapped[CarrierClaim] = relationship(back_populates="files")

    __table_args__ = (UniqueConstraint("claim_id", "file_key"),)


class ReturnRules(Model):
    """The one row of what was agreed about returns. ``alert_days``: how long after the carrier says "given back" a
    parcel may be on nobody's table; ``claim_days``: how many days after hand-over a carrier takes claims."""

    __tablename__ = "return_rules"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    alert_days: Mapped[int] = mapped_column(Integer, default=3)
    claim_days: Mapped[int] = mapped_column(Integer, default=30)
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("id = 1", name="one"),
        CheckConstraint("alert_days BETWEEN 0 AND 90 AND claim_days BETWEEN 1 AND 365", name="days"),
    )
