"""Webhooks of carriers: kept as they came, answered at once, read later. What is not signed only makes us look."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from oms import clock, outbox
from oms.carriers.port import ParcelNews as Told
from oms.db import Tx
from oms.errors import NotFound, say
from oms.outbox import Owed
from oms.shipping.carrier_models import Carrier, CarrierBooking, CarrierMessage
from oms.shipping.models import Parcel
from oms.shipping.states import MessageStatus
from oms.usecases.booking_results import found_by_reference
from oms.usecases.bookings import OPEN
from oms.usecases.tracking import ParcelNews, Recorded, record_events
from oms.usecases.tracking_links import plain_token
from oms.usecases.tracking_polls import HOOK

HEAR = "carrier.hear"
MAX_BODY: Final = 256 * 1024
KEEP: Final = timedelta(days=90)  # raw bodies; what they said stays as events
LOOK_EVERY: Final = 3  # seconds: messages of that long are read together
AT_ONCE: Final = 500
SECRET_HEADERS: Final = frozenset({"cookie", "forwarded", "host", "connection"})
M = MessageStatus


@dataclass(frozen=True)
class Heard:
    """A message that was kept. ``fresh`` False: the same body came before."""

    message_id: int
    carrier_id: int
    fresh: bool


def carrier_of_hook(tx: Tx, token: str) -> Carrier:
    """The carrier whose webhook address this is. Raises NotFound, the same for all that lead nowhere."""
    found = tx.session.scalars(select(Carrier).where(Carrier.hook_token == plain_token(token))).one_or_none()
    if found is None or not found.is_active or not found.adapter:
        raise NotFound(say("There is no such page"), code="hook_not_found")
    return found


def keep_message(tx: Tx, carrier_id: int, headers: Mapping[str, str], body: bytes) -> Heard:
    """Keep a message before anybody reads it, and have it read. A repeat is only counted, unless the first was read
    already: then something may have happened since."""
    now = clock.now()
    digest = hashlib.sha256(body).hexdigest()
    kept = {k: v[:500] for k, v in list(headers.items())[:40] if k.lower() not in SECRET_HEADERS}
    statement = insert(CarrierMessage).values(
        carrier_id=carrier_id, digest=digest, headers=kept, body=body, status=M.WAITING, times=1, note="",
        received_at=now, last_at=now,
    )  # fmt: skip
    row = tx.session.execute(
        statement.on_conflict_do_update(
            index_elements=[CarrierMessage.carrier_id, CarrierMessage.digest],
            set_={"times": CarrierMessage.times + 1, "last_at": now, "status": M.WAITING, "headers": kept},
        ).returning(CarrierMessage.id, CarrierMessage.times)
    ).one()
    have_read(tx, carrier_id)
    return Heard(row.id, carrier_id, fresh=row.times == 1)


def have_read(tx: Tx, carrier_id: int) -> None:
    """Have the waiting messages of a carrier read, once for all that come within a few seconds: when those are over."""
    turn = int(clock.now().timestamp()) // LOOK_EVERY + 1
    at = datetime.fromtimestamp(turn * LOOK_EVERY, UTC)
    outbox.add_many(tx, [Owed(HEAR, f"{HEAR}:{carrier_id}:{turn}", {"carrier_id": carrier_id}, at)])


def left_waiting(tx: Tx) -> list[int]:
    """Carriers with messages that should have been read by now."""
    late = clock.now() - timedelta(minutes=1)
    rows = select(CarrierMessage.carrier_id).where(CarrierMessage.status == M.WAITING, CarrierMessage.last_at < late)
    return list(tx.session.scalars(rows.distinct()))


def refuse_message(tx: Tx, message_id: int, why: str) -> None:
    """Its signature or form is wrong: nothing in it is believed."""
    _mark(tx, [message_id], M.REFUSED, why)


@dataclass(frozen=True)
class Raw:
    """A message to be read."""

    id: int
    headers: Mapping[str, str]
    body: bytes


def waiting_messages(tx: Tx, carrier_id: int, after: int = 0) -> list[Raw]:
    """The next messages of a carrier that nobody has read."""
    rows = tx.session.execute(
        select(CarrierMessage.id, CarrierMessage.headers, CarrierMessage.body)
        .where(
            CarrierMessage.carrier_id == carrier_id, CarrierMessage.status == M.WAITING, CarrierMessage.id > after
        )
        .order_by(CarrierMessage.id)
        .limit(AT_ONCE)
    )  # fmt: skip
    return [Raw(row.id, row.headers, row.body) for row in rows]


def mark_read(tx: Tx, ours: Collection[int], strange: Collection[int], refused: Mapping[int, str]) -> None:
    """What became of messages: read, about parcels nobody knows here, or not to be believed."""
    _mark(tx, ours, M.DONE)
    _mark(tx, strange, M.NOT_OURS)
    for message_id, why in refused.items():
        _mark(tx, [message_id], M.REFUSED, why)


def _mark(tx: Tx, ids: Collection[int], status: MessageStatus, note: str = "") -> None:
    if ids:
        tx.session.execute(
            update(CarrierMessage)
            .where(CarrierMessage.id.in_(sorted(ids)), CarrierMessage.status == M.WAITING)
            .values(status=status, note=note[:300], read_at=clock.now())
            .execution_options(synchronize_session=False)
        )


def match_numbers(tx: Tx, carrier_id: int, told: Sequence[Told]) -> dict[str, tuple[int, ...]]:
    """Parcel ids by the number the carrier named: live ones, else ones that had the number before. Numbers nobody has
    are left out."""
    name = tx.session.get_one(Carrier, carrier_id).name
    spelled: dict[str, str] = {}
    for item in told:
        for number in (item.tracking_no, *item.other_numbers):
            spelled |= {number: item.tracking_no, number.upper(): item.tracking_no}
    rows = tx.session.execute(
        select(Parcel.id, Parcel.tracking_no, Parcel.is_live, Parcel.carrier)
        .where(Parcel.tracking_no.in_(sorted(set(spelled) - {""})))
        .order_by(Parcel.id)
    ).all()
    found: dict[str, list[tuple[bool, bool, int]]] = {}
    for row in rows:
        found.setdefault(spelled[row.tracking_no], []).append((row.is_live, row.carrier == name, row.id))
    answer = {}
    for number, candidates in found.items():
        best = max((live, same) for live, same, _ in candidates)
        answer[number] = tuple(i for live, same, i in candidates if (live, same) == best)
    return answer


def believe(tx: Tx, carrier_id: int, told: Sequence[Told]) -> Recorded:
    """What a signed message says, written down; a booking it names by our reference gets its number."""
    for item in told:
        if item.reference and item.tracking_no:
            found_by_reference(tx, carrier_id, item.reference, item.tracking_no)
    tx.session.flush()  # numbers that were just taken are matched too
    known = match_numbers(tx, carrier_id, told)
    news = [
        ParcelNews(parcel_id, item.events) for item in told for parcel_id in known.get(item.tracking_no, ())
    ]  # fmt: skip
    return record_events(tx, news, HOOK)


def unnamed(tx: Tx, carrier_id: int, told: Sequence[Told]) -> dict[str, str]:
    """Our references in an unsigned message, by number, of bookings whose number nobody knows yet: the carrier is asked
    about the number before it is believed."""
    refs = {item.reference: item.tracking_no for item in told if item.reference and item.tracking_no}
    if not refs:
        return {}
    rows = tx.session.scalars(
        select(CarrierBooking.ref).where(
            CarrierBooking.carrier_id == carrier_id, CarrierBooking.ref.in_(sorted(refs)),
            CarrierBooking.status.in_(OPEN),
        )
    )  # fmt: skip
    return {refs[ref]: ref for ref in rows}


def forget_old(tx: Tx, limit: int = 2000) -> int:
    """Remove raw bodies that were read long ago; what they said stays."""
    old = (
        select(CarrierMessage.id)
        .where(CarrierMessage.last_at < clock.now() - KEEP, CarrierMessage.status != M.WAITING)
        .limit(limit)
    )
    rows = tx.session.execute(
        delete(CarrierMessage).where(CarrierMessage.id.in_(old)).returning(CarrierMessage.id)
    ).all()  # fmt: skip
    return len(rows)
