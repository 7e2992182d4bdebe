"""Work on single COD entries: refused, delivered after all, put right, written off. Each needs a reason and is audited.

Entries are opened by hand-over, collected by delivery (``cod_entries``) and paid by rounds (``cod_rounds``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from oms import audit, clock
from oms.carriers.names import carrier_name
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import lock_orders
from oms.payments.cod_models import CodCarrier, CodEntry
from oms.payments.cod_rules import outstanding
from oms.payments.states import COD_ENTRY, CodRefusal, CodStatus
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases import derived
from oms.usecases.cod_rounds import settle_waiting
from oms.usecases.payments import need_reason
from oms.usecases.shipping import complete_done


@dataclass(frozen=True)
class RefuseCod:
    """No cash will come for this parcel. The goods themselves come back as a return."""

    entry_id: int
    refusal: CodRefusal
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class ReopenCod:
    """It was delivered after all."""

    entry_id: int
    note: str
    version: int | None = None


@dataclass(frozen=True)
class CorrectCod:
    """The carrier is to bring another amount than the label said: a discount at the door, a part paid by transfer."""

    entry_id: int
    expected: Money
    note: str
    version: int | None = None


@dataclass(frozen=True)
class WriteOffCod:
    """The carrier will not pay the rest; we let it go."""

    entry_id: int
    note: str
    version: int | None = None


@dataclass(frozen=True)
class SetLateDays:
    carrier: str
    late_days: int
    version: int | None = None


@dataclass(frozen=True)
class EntryChanged:
    entry_id: int
    order_id: int
    status: CodStatus


def refuse_cod(tx: Tx, cmd: RefuseCod) -> EntryChanged:
    """Nothing is expected any more. Also after collection: for five days the recipient may open, send back and get
    the cash back from the carrier (OCPB notice)."""
    tx.actor.require("payment.cod")
    if cmd.refusal is CodRefusal.OTHER:
        need_reason(cmd.note)
    entry, order = lock_entry(tx, cmd.entry_id, cmd.version)
    return _refuse(tx, entry, order, cmd.refusal, cmd.note)


def refuse_parcels(
    tx: Tx, orders: Mapping[int, Order], refusals: Mapping[int, CodRefusal], note: str
) -> list[EntryChanged]:
    """The goods of these shipments (id: why) will never be paid for at the door: for the verbs that have them back, or
    know them lost. The orders are locked by the caller. What a carrier paid already stays as it is."""
    entries = tx.session.scalars(
        select(CodEntry)
        .where(CodEntry.shipment_id.in_(sorted(refusals)), CodEntry.order_id.in_(sorted(orders)))
        .order_by(CodEntry.id)
        .with_for_update(of=CodEntry)
        .execution_options(populate_existing=True)
    )
    return [
        _refuse(tx, entry, orders[entry.order_id], refusals[entry.shipment_id], note)
        for entry in list(entries)
        if COD_ENTRY.refusal(entry, "refuse") is None
    ]


def _refuse(tx: Tx, entry: CodEntry, order: Order, refusal: CodRefusal, note: str) -> EntryChanged:
    before = _facts(entry)
    COD_ENTRY.fire(entry, "refuse")
    entry.expected = entry.collected = ZERO
    entry.collected_at = entry.settle_from = None
    entry.refused_at, entry.refusal, entry.note = clock.now(), refusal, note.strip()[:500]
    return _done(tx, entry, order, "cod.refused", before, note)


def reopen_cod(tx: Tx, cmd: ReopenCod) -> EntryChanged:
    """The whole cash is expected again; money that came for it meanwhile is booked."""
    tx.actor.require("payment.cod")
    need_reason(cmd.note)
    entry, order = lock_entry(tx, cmd.entry_id, cmd.version)
    before = _facts(entry)
    COD_ENTRY.check(entry, "reopen")
    shipment = tx.session.get_one(Shipment, entry.shipment_id)
    if shipment.status is ShipmentStatus.RETURNED:
        raise Refused(say("The goods of {number} are back with us", number=shipment.number), code="cod_came_back")
    COD_ENTRY.fire(entry, "reopen")
    entry.expected, entry.refused_at, entry.refusal = entry.to_collect, None, None
    entry.note = cmd.note.strip()[:500]
    settle_waiting(tx, entry, order)
    return _done(tx, entry, order, "cod.reopened", before, cmd.note)


def correct_cod(tx: Tx, cmd: CorrectCod) -> EntryChanged:
    """Say what really is to come: no more than the label said, no less than has come. What a carrier pays beyond the
    label belongs to nobody yet."""
    tx.actor.require("payment.cod")
    need_reason(cmd.note)
    entry, order = lock_entry(tx, cmd.entry_id, cmd.version)
    _need_open(entry)
    if not max(entry.remitted, Money.satang(1)) <= cmd.expected <= entry.to_collect:
        raise InvalidInput(
            say(
                "From {least} to the {most} on the label; use “Refused” when nothing comes",
                least=entry.remitted,
                most=entry.to_collect,
            ),
            field="expected",
            code="expected_range",
        )
    before = _facts(entry)
    entry.expected = cmd.expected
    if entry.status is not CodStatus.EXPECTED:
        entry.collected = cmd.expected
    if entry.status is CodStatus.SHORT and entry.remitted == cmd.expected:
        COD_ENTRY.fire(entry, "remit")
    entry.note = cmd.note.strip()[:500]
    return _done(tx, entry, order, "cod.corrected", before, cmd.note)


def write_off_cod(tx: Tx, cmd: WriteOffCod) -> EntryChanged:
    """Let go what the carrier does not pay. It needs a permission of its own; the order counts as settled."""
    tx.actor.require("payment.write_off")
    need_reason(cmd.note)
    entry, order = lock_entry(tx, cmd.entry_id, cmd.version)
    if entry.status not in {CodStatus.COLLECTED, CodStatus.SHORT}:
        raise Refused(say("Only collected cash that the carrier did not pay can be written off"), code="cod_not_open")
    before = _facts(entry)
    entry.written_off = outstanding(entry)
    COD_ENTRY.fire(entry, "remit")
    entry.remitted_at, entry.note = entry.remitted_at or clock.now(), cmd.note.strip()[:500]
    return _done(tx, entry, order, "cod.written_off", before, cmd.note)


def set_late_days(tx: Tx, cmd: SetLateDays) -> None:
    """After how many days a carrier's payment counts as late."""
    tx.actor.require("payment.cod")
    name = carrier_name(cmd.carrier)
    if not name or not 0 <= cmd.late_days <= 90:
        raise InvalidInput(say("The days must be from 0 to {most}", most=90), field="late_days", code="late_days")
    found = tx.session.scalars(select(CodCarrier).where(CodCarrier.carrier == name).with_for_update()).one_or_none()
    before = {"late_days": found.late_days} if found else None
    if found is None:
        found = CodCarrier(carrier=name)
        tx.session.add(found)
    found.late_days = cmd.late_days
    tx.session.flush()  # the audit row names the id
    audit.record(tx, "cod.late_days", "cod_carrier", found.id, name, before=before, after={"late_days": cmd.late_days})


def lock_entry(tx: Tx, entry_id: int, version: int | None = None) -> tuple[CodEntry, Order]:
    """An entry with its order, locked: the order first. Raises NotFound, or Refused "stale"."""
    wanted = select(CodEntry.order_id).where(CodEntry.id == min(entry_id, 2**63 - 1))
    order = next(iter(lock_orders(tx, set(tx.session.scalars(wanted)))), None)
    entry = tx.session.get(CodEntry, entry_id, with_for_update=True, populate_existing=True) if order else None
    if entry is None or order is None:
        raise NotFound(say("There is no such COD parcel, or it is not yours to see"), code="cod_not_found")
    if version is not None and entry.version != version:
        raise Refused(say("Someone else changed this parcel's cash; reload and look again"), code="stale")
    return entry, order


def _need_open(entry: CodEntry) -> None:
    if entry.status in {CodStatus.REMITTED, CodStatus.REFUSED}:
        label = say(COD_ENTRY.labels[entry.status])
        raise Refused(say("It is {state}; this needs another state", state=label), code="cod_not_open")


def _facts(entry: CodEntry) -> dict[str, Any]:
    return {"cod": entry.status, "expected": entry.expected, "remitted": entry.remitted}


def _done(tx: Tx, entry: CodEntry, order: Order, action: str, before: Mapping[str, Any], note: str) -> EntryChanged:
    derived.refresh(tx, [order])
    after = {**_facts(entry), "carrier": entry.carrier, "tracking_no": entry.tracking_no}
    after |= {"refusal": entry.refusal} if entry.refusal else {}
    after |= {"written_off": entry.written_off} if entry.written_off else {}
    audit.record(tx, action, "order", order.id, order.number, before=before, after=after, reason=note.strip())
    complete_done(tx, [order])
    return EntryChanged(entry.id, order.id, entry.status)
