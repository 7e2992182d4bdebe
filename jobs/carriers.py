"""Talking to carriers: parcels booked, taken back, their labels fetched; never with a transaction open meanwhile."""

from __future__ import annotations

import io
from dataclasses import replace

from flask import current_app

from jobs.context import program
from oms import outbox
from oms.carriers.port import (
    Ability,
    Booking,
    BookingRequest,
    Carrier,
    CarrierCannot,
    CarrierError,
    CarrierKeys,
    CarrierSilent,
    CarrierUnknown,
)
from oms.carriers.registry import open_carrier
from oms.db import transaction
from oms.errors import InvalidInput, say
from oms.intake import files
from oms.net.kept import Kept
from oms.outbox import Work
from oms.sealing import Sealer
from oms.usecases.booking_results import (
    LEASE,
    Cancel,
    begin_batch,
    begin_cancels,
    begin_one,
    keep_label,
    keep_resume,
    put_off,
    record_booking,
    record_cancel,
)
from oms.usecases.bookings import BOOK, CANCEL
from oms.usecases.carriers import Reached

__all__ = ["BOOK", "CANCEL", "book", "cancel", "opened", "sealer"]
LABEL_BYTES = 8 * 1024 * 1024


def sealer() -> Sealer:
    """The keys of this installation."""
    found: Sealer = current_app.extensions["oms.sealer"]
    return found


def opened(reached: Reached) -> Carrier:
    """The carrier's adapter, kept open in this process. Raises CarrierKeys when its settings cannot be used."""
    kept: Kept[Carrier] = current_app.extensions.setdefault("oms.carriers", Kept(open_carrier))
    try:
        return kept.get(reached.id, reached.adapter, reached.host, reached.settings)
    except InvalidInput as refusal:
        raise CarrierKeys(refusal.message) from refusal


def book(work: Work) -> None:
    """Book the parcels of one batch, one after the other. Silence or keys that fail end it; what is left waits."""
    carrier_id, ids = int(work.payload["carrier_id"]), [int(i) for i in work.payload["ids"]]
    with transaction(program(work)) as tx:
        batch = begin_batch(tx, carrier_id, ids, sealer())
    left = [w.booking_id for w in batch.wanted]
    while left and batch.reached is not None:
        booking_id = left.pop(0)
        with transaction(program(work)) as tx:
            outbox.extend(tx, work.id, LEASE)
            request = begin_one(tx, booking_id)
        if request is None:
            continue
        answer = _ask(work, batch.reached, booking_id, request)
        with transaction(program(work)) as tx:
            record_booking(tx, booking_id, answer)
        if isinstance(answer, Booking) and answer.label_available:
            _fetch_label(work, batch.reached, booking_id, answer.tracking_no)
        if isinstance(answer, CarrierKeys | CarrierSilent):
            _put_off(work, carrier_id, left)
            break
    with transaction(program(work)) as tx:
        outbox.settle(tx, work.id)


def _ask(work: Work, reached: Reached, booking_id: int, request: BookingRequest) -> Booking | CarrierError:
    try:
        carrier = opened(reached)
        if Ability.PREPARE in carrier.abilities and not request.resume:
            resume = carrier.prepare(request)
            with transaction(program(work)) as tx:
                keep_resume(tx, booking_id, resume)
            request = replace(request, resume=resume)
        return carrier.book(request)
    except CarrierError as error:
        return error


def _put_off(work: Work, carrier_id: int, left: list[int]) -> None:
    """What was not asked yet is owed again, when the carrier may answer."""
    if left:
        with transaction(program(work)) as tx:
            put_off(tx, carrier_id, left, f"after.{work.id}")


def _fetch_label(work: Work, reached: Reached, booking_id: int, number: str) -> None:
    """Keep the carrier's own label. Without it the panel draws one, so a failure here stops nothing."""
    try:
        pdf = opened(reached).label(number)
    except CarrierError:
        return
    root = current_app.extensions["oms.settings"].files_dir
    kept = files.keep(root, io.BytesIO(pdf), f"{number}.pdf", LABEL_BYTES)
    with transaction(program(work)) as tx:
        files.register(tx, kept, "carrier_label", "application/pdf")
        keep_label(tx, booking_id, kept.key)


def cancel(work: Work) -> None:
    """Take the parcels of one batch back."""
    carrier_id, ids = int(work.payload["carrier_id"]), [int(i) for i in work.payload["ids"]]
    with transaction(program(work)) as tx:
        reached, wanted = begin_cancels(tx, carrier_id, ids, sealer())
    for one in wanted if reached is not None else ():
        with transaction(program(work)) as tx:
            outbox.extend(tx, work.id, LEASE)
        error = _take_back(reached, one) if reached is not None else None
        with transaction(program(work)) as tx:
            record_cancel(tx, one.booking_id, error)
    with transaction(program(work)) as tx:
        outbox.settle(tx, work.id)


def _take_back(reached: Reached, one: Cancel) -> CarrierError | None:
    """None when the carrier has no such parcel any more."""
    try:
        carrier = opened(reached)
        number = one.tracking_no
        if not number:
            if one.request is None or Ability.FIND not in carrier.abilities:
                return CarrierCannot(say("Nobody knows whether the carrier has it; look into its portal"))
            found = carrier.find(one.request)
            number = found.tracking_no if found is not None else ""
        if number:
            carrier.cancel(number)
    except CarrierUnknown:
        return None
    except CarrierError as error:
        return error
    return None
