"""Carriers by the platform's own numbers: a person chooses once, and every word that waits for it is told."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from oms import audit, clock
from oms.channels.market_fields import CARRIERS, with_carrier
from oms.channels.models import ChannelConnection, ChannelDeed
from oms.channels.states import DEED, DeedKind, DeedStatus
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.usecases.channel_deeds import CHOICES
from oms.usecases.keeping import lock_row


@dataclass(frozen=True)
class ChooseCarrier:
    """The carrier of a word that the platform did not know is this one of its own, by its number."""

    deed_id: int
    number: str


def choose_carrier(tx: Tx, cmd: ChooseCarrier) -> int:
    """Remember the platform's number for our carrier in this shop, and tell every word that waits for it; returns how
    many. Raises InvalidInput for a number that is not on the platform's list."""
    tx.actor.require("intake.resolve")
    asked = tx.session.get(ChannelDeed, min(cmd.deed_id, 2**63 - 1))
    if asked is None or not tx.actor.sees_shop(asked.shop_id):
        raise NotFound(say("There is no such record"), code="record_not_found")
    wanted = select(ChannelConnection.id).where(ChannelConnection.shop_id == asked.shop_id)
    row = lock_row(tx, ChannelConnection, tx.session.scalars(wanted).one())
    waiting = tx.session.scalars(
        select(ChannelDeed)
        .where(
            ChannelDeed.shop_id == asked.shop_id, ChannelDeed.kind == DeedKind.SHIP,
            ChannelDeed.status == DeedStatus.NEEDS_PERSON,
            ChannelDeed.facts["carrier"].astext == str(asked.facts.get("carrier", "")),
        )
        .order_by(ChannelDeed.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()  # fmt: skip
    if asked not in waiting:
        raise Refused(say("This word does not wait any more"), code="deed_not_waiting")
    choices = asked.facts.get(CHOICES) or {}
    if cmd.number not in choices:
        raise InvalidInput(say("Choose one of the platform's carriers"), field="number", code="carrier_number")
    name = str(asked.facts.get("carrier", "")).strip()
    if name:
        row.options = {**row.options, CARRIERS: with_carrier(row.options.get(CARRIERS, ""), name, cmd.number)}
    told = [deed for deed in waiting if CHOICES in deed.facts]
    for deed in told:
        DEED.fire(deed, "retry")
        kept = {k: v for k, v in deed.facts.items() if k != CHOICES}
        deed.facts, deed.attempts, deed.next_try_at = {**kept, "carrier_code": cmd.number}, 0, clock.now()
    after = {"carrier": name, "number": cmd.number, "name": choices[cmd.number], "count": len(told)}
    audit.record(tx, "channel.carrier_chosen", "channel_connection", row.id, row.shop.code, after=after)
    return len(told)
