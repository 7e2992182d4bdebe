"""Remote sites, the numbered packages exchanged with them, every message ever said, and what was told of shipments."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import EnumText, UtcDateTime
from oms.db import Model
from oms.inventory.models import Warehouse
from oms.remote.packages import Way
from oms.remote.states import MessageState, OrderState, PackageState, SiteMode


class RemoteSite(Model):
    """A warehouse whose work is done in another system.

    ``out_seq``: the last package made for it; ``out_have``: the last one it says it has applied. ``in_seq``: the last
    of its packages applied here, whose checksum is ``in_previous``. ``told_have``: the ``have`` of our last package.
    ``secrets`` are sealed: the signing secret and the token it calls with; by ``token_sha256`` the site is found.
    ``snapshot`` is what it last said of its whole stock, compared with ours when it was applied.
    """

    __tablename__ = "remote_sites"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"), unique=True)
    mode: Mapped[SiteMode] = mapped_column(EnumText(SiteMode))
    is_active: Mapped[bool] = mapped_column(default=True)
    secrets: Mapped[bytes] = mapped_column(LargeBinary)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    silent_hours: Mapped[int] = mapped_column(Integer, default=24)
    out_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    out_previous: Mapped[str] = mapped_column(String(64), default="")
    out_have: Mapped[int] = mapped_column(BigInteger, default=0)
    in_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    in_previous: Mapped[str] = mapped_column(String(64), default="")
    told_have: Mapped[int] = mapped_column(BigInteger, default=0)
    heard_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    trouble: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    trouble_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    snapshot: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    snapshot_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    version: Mapped[int] = mapped_column()

    warehouse: Mapped[Warehouse] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("out_have >= 0 AND out_have <= out_seq AND in_seq >= 0", name="numbers"),
        CheckConstraint("silent_hours BETWEEN 1 AND 720", name="silent_hours"),
    )

    def __str__(self) -> str:
        return self.name


class RemotePackage(Model):
    """A package as it travelled, byte for byte."""

    __tablename__ = "remote_packages"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("remote_sites.id"))
    way: Mapped[Way] = mapped_column(EnumText(Way))
    seq: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    state: Mapped[PackageState] = mapped_column(EnumText(PackageState))
    messages: Mapped[int] = mapped_column(Integer)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    __table_args__ = (
        Index("uq_remote_packages", "site_id", "way", "seq", unique=True, postgresql_where=text("state <> 'conflict'")),
        Index("ix_remote_packages_site", "site_id", "id"),
    )


class RemoteMessage(Model):
    """One thing said by one side. ``uid`` is unique per site and way for ever, so a repeat is known (invariant 7)."""

    __tablename__ = "remote_messages"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("remote_sites.id"))
    way: Mapped[Way] = mapped_column(EnumText(Way))
    uid: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    package_seq: Mapped[int | None] = mapped_column(BigInteger)
    shipment_id: Mapped[int | None] = mapped_column(ForeignKey("shipments.id"))
    state: Mapped[MessageState] = mapped_column(EnumText(MessageState))
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    problem_code: Mapped[str] = mapped_column(String(64), default="")
    decided_by: Mapped[str] = mapped_column(String(120), default="")
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    note: Mapped[str] = mapped_column(String(500), default="")

    site: Mapped[RemoteSite] = relationship()

    __table_args__ = (
        Index("uq_remote_messages", "site_id", "way", "uid", unique=True),
        Index("ix_remote_messages_parked", "site_id", "id", postgresql_where=text("state = 'parked'")),
        Index("ix_remote_messages_waiting", "site_id", "id", postgresql_where=text("state IN ('waiting', 'packed')")),
        Index("ix_remote_messages_shipment", "shipment_id", postgresql_where=text("shipment_id IS NOT NULL")),
    )


class RemoteOrder(Model):
    """What the site was last told of a shipment: which revision, and a mark of what that said."""

    __tablename__ = "remote_orders"

    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipments.id"), primary_key=True, autoincrement=False)
    site_id: Mapped[int] = mapped_column(ForeignKey("remote_sites.id"))
    revision: Mapped[int] = mapped_column(Integer)
    mark: Mapped[str] = mapped_column(String(64))
    state: Mapped[OrderState] = mapped_column(EnumText(OrderState))

    __table_args__ = (Index("ix_remote_orders_told", "site_id", postgresql_where=text("state = 'told'")),)
