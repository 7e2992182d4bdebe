"""Waybills that marketplaces and carriers make: taken in by the page, matched with the order they are of.

A page is matched by the numbers on it (bar codes, text) and in the name of its file: our numbers, the channel's order
number, a tracking number. A page that fits none or several waits for a person to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from oms import audit, clock
from oms.actor import Actor
from oms.db import Tx
from oms.documents.foreign import ForeignPage
from oms.documents.labels.models import Waybill
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.intake import files
from oms.intake.models import StoredFile
from oms.orders.models import Order
from oms.orders.queries import NO_ID, visible
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.queries import visible_shipments
from oms.shipping.states import BEFORE_HAND_OVER

KEPT_FOR = timedelta(days=60)  # the pages hold names and addresses; parcels have long left by then
_IN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{5,38}[A-Za-z0-9]")


@dataclass(frozen=True)
class UploadedPdf:
    """A file in the store that was looked at: its pages."""

    kept: files.Kept
    pages: tuple[ForeignPage, ...]


@dataclass(frozen=True)
class TakeWaybills:
    """``shipment_id``: these are all for one shipment, whatever stands on them."""

    uploads: tuple[UploadedPdf, ...]
    shipment_id: int | None = None


@dataclass(frozen=True)
class WaybillsTaken:
    """How many pages were matched, how many wait for a person, how many were taken in before."""

    matched: int
    waiting: int
    again: int


@dataclass(frozen=True)
class AssignWaybill:
    """Which shipment or order a waiting page is of, by any number of theirs; "" sets it aside."""

    waybill_id: int
    number: str


@dataclass(frozen=True)
class _Owner:
    order_id: int
    shipment_id: int | None


def take_waybills(tx: Tx, cmd: TakeWaybills) -> WaybillsTaken:
    """Keep the pages and match them. The same file again changes nothing. A newer page for the same order takes the
    place of the older ones. Raises NotFound for a shipment that is not there."""
    tx.actor.require("shipment.label")
    fixed = _of_shipment(tx, cmd.shipment_id) if cmd.shipment_id is not None else None
    uploads = _fresh(tx, cmd.uploads)
    owners = {} if fixed else _owners(tx, [n for u in uploads for p in u.pages for n in _numbers(u, p)])
    rows: list[Waybill] = []
    for upload in uploads:
        files.register(tx, upload.kept, "waybill", "application/pdf", clock.now() + KEPT_FOR)
        for number, page in enumerate(upload.pages):
            owner, by = (fixed, "upload") if fixed else _match(upload, page, owners)
            rows.append(
                Waybill(
                    file_key=upload.kept.key, name=upload.kept.name, page=number, width=round(page.width),
                    height=round(page.height), found=list(page.numbers)[:40], uploaded_by=tx.actor.label[:120],
                    user_id=tx.actor.user_id, uploaded_at=clock.now(), is_current=True, matched_by=by,
                    order_id=owner.order_id if owner else None, shipment_id=owner.shipment_id if owner else None,
                )
            )  # fmt: skip
    matched = [r for r in rows if r.order_id is not None]
    _supersede(tx, matched)
    tx.session.add_all(rows)
    tx.session.flush()
    taken = WaybillsTaken(len(matched), len(rows) - len(matched), len(cmd.uploads) - len(uploads))
    if rows:
        after = {"pages": len(rows), "matched": len(matched), "files": [u.kept.name for u in uploads]}
        audit.record(tx, "waybill.uploaded", "waybill", rows[0].id, uploads[0].kept.name, after=after)
    return taken


def _fresh(tx: Tx, uploads: Sequence[UploadedPdf]) -> list[UploadedPdf]:
    """Files that were not taken in before."""
    sums = [u.kept.sha256 for u in uploads]
    known = set(
        tx.session.scalars(
            select(StoredFile.sha256).where(StoredFile.purpose == "waybill", StoredFile.sha256.in_(sums))
        )
    )
    return list({u.kept.sha256: u for u in uploads if u.kept.sha256 not in known}.values())


def _numbers(upload: UploadedPdf, page: ForeignPage) -> list[str]:
    """What the page may be known by: what stands on it, and for a file of one page its name."""
    named = _IN_NAME.findall(upload.kept.name.rpartition(".")[0]) if len(upload.pages) == 1 else []
    return [*page.numbers, *(n.upper() for n in named)]


def _owners(tx: Tx, numbers: Sequence[str]) -> dict[str, set[_Owner]]:
    """Whose these numbers are, among what this actor may see and what has not left yet."""
    wanted = sorted({n for n in numbers if n})
    if not wanted:
        return {}
    found: dict[str, set[_Owner]] = {}
    orders = visible(tx.actor).with_only_columns(Order.id, Order.number, Order.external_no)
    for order_id, number, external in tx.session.execute(
        orders.where(Order.closed_at.is_(None), or_(Order.number.in_(wanted), Order.external_no.in_(wanted)))
    ):
        for known in {number, external or number} & set(wanted):
            found.setdefault(known, set()).add(_Owner(order_id, None))
    boxes = (
        visible_shipments(tx.actor)
        .join(ShipmentLine, ShipmentLine.shipment_id == Shipment.id)
        .outerjoin(Parcel, (Parcel.shipment_id == Shipment.id) & Parcel.is_live & (Parcel.tracking_no != ""))
        .where(
            Shipment.status.in_(sorted(BEFORE_HAND_OVER)),
            or_(Shipment.number.in_(wanted), Parcel.tracking_no.in_(wanted)),
        )
        .with_only_columns(Shipment.id, ShipmentLine.order_id, Shipment.number, Parcel.tracking_no)
    )
    by_box: dict[str, dict[int, int]] = {}
    for shipment_id, order_id, number, tracking in tx.session.execute(boxes):
        for known in {number, tracking} & set(wanted):
            orders_of = by_box.setdefault(known, {})
            orders_of[shipment_id] = min(order_id, orders_of.get(shipment_id, order_id))
    for known, places in by_box.items():
        found.setdefault(known, set()).update(_Owner(order, box) for box, order in places.items())
    return found


def _match(upload: UploadedPdf, page: ForeignPage, owners: dict[str, set[_Owner]]) -> tuple[_Owner | None, str]:
    """The one owner that the numbers of a page name, and by what; nobody when they name none or several."""
    for numbers, by in ((page.numbers, "page"), (_numbers(upload, page), "name")):
        found = {o for n in numbers for o in owners.get(n, ())}
        orders = {o.order_id for o in found}
        if len(orders) == 1:
            boxes = {o.shipment_id for o in found if o.shipment_id}
            return _Owner(orders.pop(), boxes.pop() if len(boxes) == 1 else None), by
        if found:
            return None, ""
    return None, ""


def _supersede(tx: Tx, fresh: Sequence[Waybill]) -> None:
    """Older pages of the same orders are no longer printed."""
    orders = sorted({w.order_id for w in fresh if w.order_id})
    if orders:
        tx.session.execute(
            update(Waybill).where(Waybill.order_id.in_(orders), Waybill.is_current).values(is_current=False)
        )


def _of_shipment(tx: Tx, shipment_id: int) -> _Owner:
    found = tx.session.scalars(
        visible_shipments(tx.actor).where(Shipment.id == min(shipment_id, NO_ID)).with_only_columns(Shipment.id)
    ).one_or_none()
    if found is None:
        raise NotFound(say("There is no such shipment, or it is not yours to see"), code="shipment_not_found")
    order_id = tx.session.scalars(
        select(ShipmentLine.order_id).where(ShipmentLine.shipment_id == shipment_id).order_by(ShipmentLine.order_id)
    ).first()
    return _Owner(order_id or 0, shipment_id)


def assign_waybill(tx: Tx, cmd: AssignWaybill) -> None:
    """Say which shipment or order a waiting page is of, or set it aside.

    Raises NotFound for a page or number that is not there, Refused for a page that is matched already.
    """
    tx.actor.require("shipment.label")
    row = tx.session.scalars(
        select(Waybill).where(Waybill.id == min(cmd.waybill_id, NO_ID)).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound(say("There is no such waybill"), code="waybill_not_found")
    if row.order_id is not None or not row.is_current:
        raise Refused(say("This page is matched already"), code="waybill_matched")
    number = "".join(cmd.number.split()).upper()
    if not number:
        row.is_current = False
        audit.record(tx, "waybill.set_aside", "waybill", row.id, row.name)
        return
    owners = _owners(tx, sorted({number, cmd.number.strip()}))
    found = {o for known in owners.values() for o in known}
    if len({o.order_id for o in found}) != 1:
        raise InvalidInput(
            say("No open order or shipment of yours is known as {number}", number=cmd.number.strip()[:60]),
            field="number",
            code="waybill_number",
        )
    owner = max(found, key=lambda o: o.shipment_id or 0)
    row.order_id, row.shipment_id, row.matched_by = owner.order_id, owner.shipment_id, "person"
    _supersede_others(tx, row)
    audit.record(tx, "waybill.assigned", "waybill", row.id, row.name, after={"order": owner.order_id})


def _supersede_others(tx: Tx, row: Waybill) -> None:
    """Pages of an older file; those of the same upload belong together."""
    tx.session.execute(
        update(Waybill)
        .where(
            Waybill.order_id == row.order_id, Waybill.is_current, Waybill.id != row.id,
            Waybill.file_key != row.file_key,
        )
        .values(is_current=False)
    )  # fmt: skip


def waiting_waybills(session: Session, actor: Actor, most: int = 200) -> list[Waybill]:
    """Pages that fit no order of their own accord; the newest first. People see what they uploaded, managers all."""
    statement: Select[Waybill] = select(Waybill).where(Waybill.is_current, Waybill.order_id.is_(None))
    if not actor.may("operations.manage"):
        statement = statement.where(Waybill.user_id == actor.user_id)
    return list(session.scalars(statement.order_by(Waybill.id.desc()).limit(most)))
