"""What the floor keeps: picking lists, who packs what, every scan, hand-over sheets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.catalog.models import Sku
from oms.columns import EnumText, UtcDateTime, money
from oms.db import Model
from oms.inventory.models import Warehouse
from oms.money import ZERO
from oms.shipping.floor.states import ManifestStatus, PackStatus, PickStatus, ScanKind
from oms.shipping.models import Parcel, Shipment


class PickBatch(Model):
    """Shipments of one warehouse picked in one walk; each has a tote (``PickSlot``)."""

    __tablename__ = "pick_batches"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    status: Mapped[PickStatus] = mapped_column(EnumText(PickStatus))
    picker: Mapped[str] = mapped_column(String(120), default="")
    idempotency_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    created_by: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    closed_by: Mapped[str] = mapped_column(String(120), default="")
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column()

    warehouse: Mapped[Warehouse] = relationship()
    slots: Mapped[list[PickSlot]] = relationship(back_populates="batch", order_by="PickSlot.tote")
    lines: Mapped[list[PickLine]] = relationship(back_populates="batch", order_by="PickLine.id")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (Index("ix_pick_batches_status", "status", "warehouse_id", "id"),)

    def __str__(self) -> str:
        return self.number


class PickSlot(Model):
    """One shipment's tote on a picking list. ``is_live``: the shipment is still to be picked or packed from it; a
    shipment has one live tote at most."""

    __tablename__ = "pick_slots"

    batch_id: Mapped[int] = mapped_column(ForeignKey("pick_batches.id"), primary_key=True, autoincrement=False)
    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipments.id"), primary_key=True, autoincrement=False)
    tote: Mapped[int] = mapped_column(Integer)
    is_live: Mapped[bool] = mapped_column(default=True)

    batch: Mapped[PickBatch] = relationship(back_populates="slots")
    shipment: Mapped[Shipment] = relationship()

    __table_args__ = (
        Index("uq_pick_slots_live", "shipment_id", unique=True, postgresql_where=text("is_live")),
        Index("uq_pick_slots_tote", "batch_id", "tote", unique=True),
    )


class PickLine(Model):
    """Pieces of one SKU for one tote, sets as their parts. ``location`` is where they lay when the list was made."""

    __tablename__ = "pick_lines"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("pick_batches.id"))
    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipments.id"))
    sku_id: Mapped[int] = mapped_column(ForeignKey("skus.id"))
    location: Mapped[str] = mapped_column(String(40), default="")
    wanted: Mapped[int] = mapped_column(Integer)
    picked: Mapped[int] = mapped_column(Integer, default=0)
    short: Mapped[int] = mapped_column(Integer, default=0)

    batch: Mapped[PickBatch] = relationship(back_populates="lines")
    sku: Mapped[Sku] = relationship()

    __table_args__ = (
        Index("uq_pick_lines", "batch_id", "shipment_id", "sku_id", unique=True),
        CheckConstraint("wanted > 0 AND picked >= 0 AND short >= 0 AND picked + short <= wanted", name="pieces"),
    )


class PackingSession(Model):
    """One packer's work on one shipment at one station. A shipment is packed by one person at a time, and a station of
    a person has one shipment open. ``stopped_by`` is the scan that stopped the work until somebody says they saw it.
    ``boxes`` holds one ``{"grams": ...}`` per box, the last one being filled."""

    __tablename__ = "packing_sessions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipments.id"))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    status: Mapped[PackStatus] = mapped_column(EnumText(PackStatus))
    station: Mapped[str] = mapped_column(String(40))
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    packer: Mapped[str] = mapped_column(String(120))
    boxes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=lambda: [{}])
    stopped_by: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(500), default="")
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column()

    shipment: Mapped[Shipment] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index("uq_packing_sessions_shipment", "shipment_id", unique=True, postgresql_where=text("status = 'open'")),
        Index("uq_packing_sessions_station", "user_id", "station", unique=True,
              postgresql_where=text("status = 'open'")),
        Index("ix_packing_sessions_shipment", "shipment_id", "id"),
        Index("ix_packing_sessions_closed", "warehouse_id", "closed_at"),
    )  # fmt: skip


class PackingScan(Model):
    """One scan or key on the floor and what the program said to it. Never changed: an undone scan is a second row with
    fewer pieces. ``key`` is given by the station, so that a scan sent twice counts once. ``scanned_at`` is the
    station's clock: scans made without a network arrive later."""

    __tablename__ = "packing_scans"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[ScanKind] = mapped_column(EnumText(ScanKind))
    code: Mapped[str] = mapped_column(String(200), default="")
    outcome: Mapped[str] = mapped_column(String(64))
    message: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("packing_sessions.id"))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("pick_batches.id"))
    manifest_id: Mapped[int | None] = mapped_column(ForeignKey("manifests.id"))
    shipment_id: Mapped[int | None] = mapped_column(ForeignKey("shipments.id"))
    warehouse_id: Mapped[int | None] = mapped_column(ForeignKey("warehouses.id"))
    sku_id: Mapped[int | None] = mapped_column(ForeignKey("skus.id"))
    quantity: Mapped[int] = mapped_column(Integer, default=0)
    box: Mapped[int] = mapped_column(Integer, default=0)
    undoes_id: Mapped[int | None] = mapped_column(BigInteger)
    by_hand: Mapped[bool] = mapped_column(default=False)
    station: Mapped[str] = mapped_column(String(40), default="")
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(120))
    scanned_at: Mapped[datetime] = mapped_column(UtcDateTime)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    __table_args__ = (
        Index("ix_packing_scans_session", "session_id", "id"),
        Index("ix_packing_scans_manifest", "manifest_id", "id", postgresql_where=text("manifest_id IS NOT NULL")),
        Index("ix_packing_scans_shipment", "shipment_id", "id", postgresql_where=text("shipment_id IS NOT NULL")),
        Index("ix_packing_scans_user", "user_id", "at"),
        Index("uq_packing_scans_undoes", "undoes_id", unique=True, postgresql_where=text("undoes_id IS NOT NULL")),
    )


class PackingRules(Model):
    """How one warehouse packs. ``by_hand``: an item may be counted without its barcode. ``quantity_from``: lines of at
    least so many pieces may be counted by one scan and a number; 0 never. ``weigh``: a box needs its weight."""

    __tablename__ = "packing_rules"

    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"), primary_key=True, autoincrement=False)
    by_hand: Mapped[bool] = mapped_column(default=True)
    quantity_from: Mapped[int] = mapped_column(Integer, default=5)
    weigh: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (CheckConstraint("quantity_from >= 0", name="quantity_from"),)


class Manifest(Model):
    """What one driver of one carrier takes from one warehouse in one round. The figures are those of its closing."""

    __tablename__ = "manifests"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    carrier: Mapped[str] = mapped_column(String(80))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    round: Mapped[int] = mapped_column(Integer)
    status: Mapped[ManifestStatus] = mapped_column(EnumText(ManifestStatus))
    driver: Mapped[str] = mapped_column(String(120), default="")
    note: Mapped[str] = mapped_column(String(500), default="")
    parcels: Mapped[int] = mapped_column(Integer, default=0)
    cod_total: Mapped[money] = mapped_column(default=ZERO)
    opened_by: Mapped[str] = mapped_column(String(120))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    closed_by: Mapped[str] = mapped_column(String(120), default="")
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column()

    warehouse: Mapped[Warehouse] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index("uq_manifests_open", "carrier", "warehouse_id", unique=True, postgresql_where=text("status = 'open'")),
        Index("ix_manifests_at", "warehouse_id", "opened_at"),
    )

    def __str__(self) -> str:
        return self.number


class ManifestParcel(Model):
    """A box scanned onto a sheet. ``is_live``: it is on it. Taken off again, or refused at the closing with ``code``
    and the sentence why, the row stays. ``cod`` is the cash its shipment was to bring when the sheet was closed; it
    stands at the shipment's first box."""

    __tablename__ = "manifest_parcels"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    manifest_id: Mapped[int] = mapped_column(ForeignKey("manifests.id"), index=True)
    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcels.id"))
    shipment_id: Mapped[int] = mapped_column(ForeignKey("shipments.id"))
    is_live: Mapped[bool] = mapped_column(default=True)
    code: Mapped[str] = mapped_column(String(64), default="")
    message: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    cod: Mapped[money] = mapped_column(default=ZERO)
    scanned_by: Mapped[str] = mapped_column(String(120))
    scanned_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    manifest: Mapped[Manifest] = relationship()
    parcel: Mapped[Parcel] = relationship()
    shipment: Mapped[Shipment] = relationship()

    __table_args__ = (
        Index("uq_manifest_parcels_live", "parcel_id", unique=True, postgresql_where=text("is_live")),
        Index("ix_manifest_parcels_shipment", "shipment_id"),
    )


class ShipmentRun(Model):
    """One action on many shipments and what came of each: ``results`` are [id, number, code, sentence]."""

    __tablename__ = "shipment_runs"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    action: Mapped[str] = mapped_column(String(32))
    params: Mapped[dict[str, Any]] = mapped_column(JSONB)
    results: Mapped[list[Any]] = mapped_column(JSONB)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    user_label: Mapped[str] = mapped_column(String(120))
    idempotency_key: Mapped[str] = mapped_column(String(120), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
