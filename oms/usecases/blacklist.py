"""Phones and addresses that make a cash-on-delivery order wait for a person: put there with a reason and an end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from oms import audit, clock
from oms.customers.fingerprint import address_key
from oms.customers.people_models import Block, BlockKind
from oms.db import Tx
from oms.errors import InvalidInput, Refused, say
from oms.thai.phone import format_phone, parse_phone
from oms.usecases.keeping import Saved, bounded, lock_row

BLOCK: Final = "customer.block"
MOST_DAYS: Final = 730  # personal data is not kept against somebody for ever


@dataclass(frozen=True)
class BlockPhone:
    phone: str
    reason: str
    days: int
    customer_id: int | None = None


@dataclass(frozen=True)
class BlockAddress:
    line: str
    postcode: str
    reason: str
    days: int
    customer_id: int | None = None


def block_phone(tx: Tx, cmd: BlockPhone) -> Saved:
    """Put a phone on the blacklist. Raises InvalidInput without reason or end, Refused when it is there already."""
    tx.actor.require(BLOCK)
    phone = parse_phone(cmd.phone, "phone")
    return _block(tx, BlockKind.PHONE, phone, format_phone(phone), cmd.reason, cmd.days, cmd.customer_id)


def block_address(tx: Tx, cmd: BlockAddress) -> Saved:
    """Put an address on the blacklist. Raises InvalidInput for one that is too vague to tell homes apart."""
    tx.actor.require(BLOCK)
    value = address_key(cmd.line, cmd.postcode)
    if not value:
        raise InvalidInput(
            say("An address needs a house number and a postcode to be recognized"), field="line", code="address_vague"
        )
    shown = bounded(f"{cmd.line} {cmd.postcode}", 300, "line")
    return _block(tx, BlockKind.ADDRESS, value, shown, cmd.reason, cmd.days, cmd.customer_id)


def lift_block(tx: Tx, block_id: int, note: str) -> Saved:
    """Take a phone or an address off the blacklist, saying why. It stays on record."""
    tx.actor.require(BLOCK)
    words = bounded(note, 300, "note", missing=say("Say in a few words why"))
    row = lock_row(tx, Block, block_id)
    if row.lifted_at is not None:
        raise Refused(say("It was taken off the blacklist already"), code="lifted_before")
    row.lifted_at, row.lifted_by, row.lift_note = clock.now(), tx.actor.label[:120], words
    audit.record(tx, "customer.unblocked", "blacklist", row.id, row.shown, after={"kind": row.kind}, reason=words)
    return Saved(row.id)


def _block(tx: Tx, kind: BlockKind, value: str, shown: str, reason: str, days: int, customer_id: int | None) -> Saved:
    words = bounded(reason, 300, "reason", missing=say("Say in a few words why"))
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput(
            say("Say for how many days, from {low} to {high}", low=1, high=MOST_DAYS), field="days", code="block_days"
        )
    now = clock.now()
    same = select(Block).where(Block.kind == kind, Block.value == value, Block.lifted_at.is_(None)).with_for_update()
    row = tx.session.scalars(same).one_or_none()
    if row is not None and row.expires_at > now:
        raise Refused(say("{what} is on the blacklist already", what=shown), code="blocked_before")
    if row is not None:  # it ran out: that stays on record, a new one begins
        row.lifted_at, row.lifted_by = row.expires_at, "expired"
        tx.session.flush()
    until = now + timedelta(days=days)
    made = Block(
        kind=kind, value=value, shown=shown, reason=words, customer_id=customer_id, expires_at=until,
        created_by=tx.actor.label[:120],
    )  # fmt: skip
    tx.session.add(made)
    tx.session.flush()
    after = {"kind": kind, "until": _day(made.expires_at)}
    audit.record(tx, "customer.blocked", "blacklist", made.id, shown, after=after, reason=words)
    return Saved(made.id)


def _day(at: datetime) -> str:
    return clock.local(at).date().isoformat()
