"""Hand-over sheets: boxes scanned onto a sheet per carrier and round; closing it is the hand-over of all that is on it.

A box that may not leave stops at the scan. What changed between scan and closing stays behind with its reason, and the
rest leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time

from sqlalchemy import func, select

from oms import audit, clock, numbering
from oms.carriers.names import carrier_name
from oms.db import Tx
from oms.errors import Conflict, Forbidden, InvalidInput, NotFound, OmsError, Refused, Say, say
from oms.inventory.models import Warehouse
from oms.money import ZERO, Money
from oms.payments.cod_models import CodEntry
from oms.shipping.floor import queries
from oms.shipping.floor.models import Manifest, ManifestParcel, PackingScan
from oms.shipping.floor.rules import OK, is_stop
from oms.shipping.floor.states import MANIFEST, ManifestStatus, ScanKind
from oms.shipping.models import Parcel, Shipment
from oms.shipping.queries import lock_with_orders
from oms.usecases.keeping import bounded
from oms.usecases.manifest_checks import check_box, find_box, whole
from oms.usecases.sentences import pack, unpack
from oms.usecases.shipping_work import hand_over_shipments

MOST = 2000  # boxes on one sheet


@dataclass(frozen=True)
class OpenManifest:
    carrier: str
    warehouse_id: int


@dataclass(frozen=True)
class ManifestOpened:
    """``repeated``: the sheet of this carrier was open already."""

    manifest_id: int
    number: str
    repeated: bool = False


@dataclass(frozen=True)
class ScanParcel:
    """A box scanned onto the sheet, or (``out``) taken off it. ``key``: sent again, it counts once."""

    manifest_id: int
    key: str
    code: str
    out: bool = False


@dataclass(frozen=True)
class ParcelScanned:
    outcome: str
    message: Say | None = None
    parcel_id: int | None = None
    repeated: bool = False

    @property
    def stops(self) -> bool:
        return is_stop(self.outcome)


@dataclass(frozen=True)
class CloseManifest:
    """The driver takes everything on the sheet."""

    manifest_id: int
    driver: str = ""
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class ManifestClosed:
    """``refused``: shipments that stay behind, by number, and why."""

    manifest_id: int
    number: str
    shipments: int
    parcels: int
    cod_total: Money
    refused: Mapping[str, OmsError]


def open_manifest(tx: Tx, cmd: OpenManifest) -> ManifestOpened:
    """Begin the sheet of a carrier's round; one that is open already is gone on with."""
    tx.actor.require("shipment.hand_over")
    place = tx.session.get(Warehouse, cmd.warehouse_id)
    if place is None:
        raise InvalidInput(say("Choose an open warehouse"), field="warehouse_id", code="warehouse_closed")
    if not tx.actor.sees_warehouse(place.id):
        raise Forbidden(
            say("{warehouse} is not one of your warehouses", warehouse=place.code),
            field="warehouse_id", code="warehouse_scope",
        )  # fmt: skip
    carrier = carrier_name(bounded(cmd.carrier, 80, "carrier", missing=say("Choose the carrier")))
    same = (Manifest.carrier == carrier, Manifest.warehouse_id == place.id)
    standing = tx.session.scalars(
        select(Manifest).where(*same, Manifest.status == ManifestStatus.OPEN)
    ).one_or_none()  # fmt: skip
    if standing is not None:
        return ManifestOpened(standing.id, standing.number, repeated=True)
    midnight = datetime.combine(clock.today(), time(), clock.BANGKOK)
    earlier = tx.session.scalar(
        select(func.count()).where(
            *same, Manifest.opened_at >= midnight, Manifest.status != ManifestStatus.CANCELED
        )
    )  # fmt: skip
    made = Manifest(
        number=numbering.allot_yearly(tx, "MF"), carrier=carrier, warehouse_id=place.id, round=int(earlier or 0) + 1,
        status=ManifestStatus.OPEN, opened_by=tx.actor.label[:120], opened_at=clock.now(),
    )  # fmt: skip
    tx.session.add(made)
    tx.session.flush()  # the audit row names it
    after = {"carrier": carrier, "warehouse": place.code, "round": made.round}
    audit.record(tx, "manifest.opened", "manifest", made.id, made.number, after=after)
    return ManifestOpened(made.id, made.number)


def lock_manifest(tx: Tx, manifest_id: int, version: int | None = None) -> Manifest:
    """One sheet of the actor's warehouses, locked. Raises NotFound, or Conflict when ``version`` is another one."""
    found = tx.session.scalars(
        queries.visible_manifests(tx.actor)
        .where(Manifest.id == manifest_id)
        .with_for_update(of=Manifest)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound(say("There is no such hand-over sheet, or it is not yours to see"), code="manifest_not_found")
    if version is not None and found.version != version:
        raise Conflict(say("Someone else changed this sheet; reload and look again"), code="stale")
    return found


def scan_parcel(tx: Tx, cmd: ScanParcel) -> ParcelScanned:
    """Judge one scan at the sheet. A box that may not go on it is answered and written down, never raised."""
    tx.actor.require("shipment.hand_over")
    bounded(cmd.key, 64, "key", missing=say("The scan has no number of its own; load the page anew"))
    sheet = lock_manifest(tx, cmd.manifest_id)
    if earlier := tx.session.scalars(select(PackingScan).where(PackingScan.key == cmd.key)).one_or_none():
        return ParcelScanned(earlier.outcome, unpack(earlier.message), repeated=True)
    row = PackingScan(
        key=cmd.key, kind=ScanKind.MANIFEST_OUT if cmd.out else ScanKind.MANIFEST,
        code=cmd.code.replace("\x00", "")[:200], outcome=OK, manifest_id=sheet.id, warehouse_id=sheet.warehouse_id,
        user_id=tx.actor.user_id, actor=tx.actor.label[:120], scanned_at=clock.now(), at=clock.now(), quantity=0,
    )  # fmt: skip
    parcel, message = None, None
    try:
        with tx.session.begin_nested():
            if sheet.status is not ManifestStatus.OPEN:
                raise Refused(say("The sheet {number} is closed", number=sheet.number), code="sheet_closed")
            parcel = _take_off(tx, sheet, cmd.code) if cmd.out else _put_on(tx, sheet, cmd.code)
            row.shipment_id, row.quantity = parcel.shipment_id, -1 if cmd.out else 1
    except OmsError as refusal:
        row.outcome, message = refusal.detail_code, refusal.message
    row.message = pack(message)
    tx.session.add(row)
    return ParcelScanned(row.outcome, message, parcel.id if parcel else None)


def _put_on(tx: Tx, sheet: Manifest, code: str) -> Parcel:
    shipment, parcel = find_box(tx, sheet, code)
    check_box(tx, sheet, shipment, parcel)
    count = tx.session.scalar(
        select(func.count()).where(ManifestParcel.manifest_id == sheet.id, ManifestParcel.is_live)
    )  # fmt: skip
    if (count or 0) >= MOST:
        raise Refused(say("A sheet takes {most} boxes; close it and open the next", most=MOST), code="sheet_full")
    tx.session.add(
        ManifestParcel(
            manifest_id=sheet.id, parcel_id=parcel.id, shipment_id=shipment.id, is_live=True,
            scanned_by=tx.actor.label[:120], scanned_at=clock.now(),
        )
    )  # fmt: skip
    return parcel


def _take_off(tx: Tx, sheet: Manifest, code: str) -> Parcel:
    _, parcel = find_box(tx, sheet, code)
    row = tx.session.scalars(
        select(ManifestParcel).where(
            ManifestParcel.manifest_id == sheet.id, ManifestParcel.parcel_id == parcel.id, ManifestParcel.is_live
        )
    ).one_or_none()
    if row is None:
        raise Refused(say("This box is not on the sheet"), code="not_on_sheet")
    row.is_live, row.code = False, "taken_off"
    return parcel


def cancel_manifest(tx: Tx, manifest_id: int, reason: str = "") -> int:
    """Nobody came for it: the boxes on it are free for another sheet. Answers how many."""
    tx.actor.require("shipment.hand_over")
    sheet = lock_manifest(tx, manifest_id)
    MANIFEST.fire(sheet, "cancel")
    sheet.closed_at, sheet.closed_by, sheet.note = clock.now(), tx.actor.label[:120], bounded(reason, 500, "reason")
    rows = _live(tx, sheet)
    for row in rows:
        row.is_live, row.code = False, "sheet_canceled"
    audit.record(
        tx, "manifest.canceled", "manifest", sheet.id, sheet.number, before={"status": ManifestStatus.OPEN},
        after={"status": sheet.status, "parcels": len(rows)}, reason=reason,
    )  # fmt: skip
    return len(rows)


def _live(tx: Tx, sheet: Manifest) -> list[ManifestParcel]:
    return list(
        tx.session.scalars(
            select(ManifestParcel)
            .where(ManifestParcel.manifest_id == sheet.id, ManifestParcel.is_live)
            .order_by(ManifestParcel.id)
        )
    )


def close_manifest(tx: Tx, cmd: CloseManifest) -> ManifestClosed:
    """Hand everything on the sheet over. What may not leave any more comes off it, with the reason.

    Raises Refused, and nothing is changed, when nothing on it may leave.
    """
    tx.actor.require("shipment.hand_over")
    driver, note = bounded(cmd.driver, 120, "driver"), bounded(cmd.note, 500, "note")
    sheet = lock_manifest(tx, cmd.manifest_id, cmd.version)
    MANIFEST.check(sheet, "close")
    rows = _live(tx, sheet)
    if not rows:
        raise Refused(say("No box is on the sheet yet"), code="sheet_empty")
    locked = lock_with_orders(tx, {row.shipment_id for row in rows})
    refused = _behind(rows, locked.shipments)
    going = [i for i in sorted(locked.shipments) if i not in refused]
    for i in going:
        _name_carrier(locked.shipments[i], sheet.carrier)
    answers = hand_over_shipments(tx, going) if going else {}
    refused |= {i: answer for i, answer in answers.items() if isinstance(answer, OmsError)}
    gone = [i for i in going if i not in refused]
    if not gone:
        raise next(iter(refused.values()))
    _settle(tx, sheet, rows, refused)
    MANIFEST.fire(sheet, "close")
    sheet.driver, sheet.note, sheet.closed_at, sheet.closed_by = driver, note, clock.now(), tx.actor.label[:120]
    after = {"carrier": sheet.carrier, "shipments": len(gone), "parcels": sheet.parcels, "refused": len(refused)}
    audit.record(
        tx, "manifest.closed", "manifest", sheet.id, sheet.number, before={"status": ManifestStatus.OPEN},
        after={"status": sheet.status, "amount": sheet.cod_total, **after},
    )  # fmt: skip
    names = {locked.shipments[i].number if i in locked.shipments else f"#{i}": why for i, why in refused.items()}
    return ManifestClosed(sheet.id, sheet.number, len(gone), sheet.parcels, sheet.cod_total, names)


def _behind(rows: list[ManifestParcel], shipments: Mapping[int, Shipment]) -> dict[int, OmsError]:
    """Shipments that cannot leave as they stand on the sheet: a box is missing, or its label was voided since."""
    on_sheet: dict[int, set[int]] = {}
    for row in rows:
        on_sheet.setdefault(row.shipment_id, set()).add(row.parcel_id)
    refused: dict[int, OmsError] = {}
    for shipment_id, parcels in on_sheet.items():
        shipment = shipments.get(shipment_id)
        if shipment is None:
            refused[shipment_id] = NotFound(say("It is not yours to see any more"), code="shipment_not_found")
        elif reason := whole(shipment, parcels):
            refused[shipment_id] = reason
    return refused


def _name_carrier(shipment: Shipment, carrier: str) -> None:
    """Goods nobody had named a carrier for go with the one whose driver takes them."""
    shipment.carrier = shipment.carrier or carrier
    for parcel in shipment.parcels:
        if parcel.is_live:
            parcel.carrier = parcel.carrier or shipment.carrier


def _settle(tx: Tx, sheet: Manifest, rows: list[ManifestParcel], refused: Mapping[int, OmsError]) -> None:
    """Write what left and what did not; the cash stands at the first box of each shipment."""
    tx.session.flush()  # the entries of the cash are read by SQL
    to_collect = (
        select(CodEntry.shipment_id, func.sum(CodEntry.to_collect).label("amount"))
        .where(CodEntry.shipment_id.in_({row.shipment_id for row in rows}))
        .group_by(CodEntry.shipment_id)
    )
    cash = {row.shipment_id: row.amount for row in tx.session.execute(to_collect)}
    sheet.parcels, sheet.cod_total = 0, ZERO
    for row in rows:
        if why := refused.get(row.shipment_id):
            row.is_live, row.code, row.message = False, why.detail_code, pack(why.message)
            continue
        row.cod = cash.pop(row.shipment_id, ZERO)
        sheet.parcels += 1
        sheet.cod_total += row.cod
