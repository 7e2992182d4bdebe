"""The cash of the demo shop: parcels refused, carriers' rounds week by week, all in the bank but the newest; one
carrier that has not paid for weeks, one parcel paid too little, one payment for a parcel nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import select

from oms import clock
from oms.carriers.names import CARRIER_LABELS
from oms.db import Tx
from oms.demo.plan import OrderPlan, Step
from oms.money import Money
from oms.payments.cod_models import CodEntry
from oms.payments.cod_rules import OPEN
from oms.payments.states import CodRefusal
from oms.usecases.cod import RefuseCod, refuse_cod
from oms.usecases.cod_banking import BankRound, bank_round
from oms.usecases.cod_rounds import PaidParcel, TakeParcels, take_parcels

if TYPE_CHECKING:
    from oms.demo.life import Life

LATE, LATE_SINCE = CARRIER_LABELS["jt"], timedelta(days=24)  # this one pays late
SHORT = CARRIER_LABELS["flash"]  # this one pays one parcel twenty baht short
STRANGE = CARRIER_LABELS["kex"]  # this one pays for a parcel nobody knows
NEWEST = timedelta(days=7)  # rounds younger than this are not in the bank yet
FEE = Decimal("0.0321")  # three percent and VAT
REFUSALS = (CodRefusal.AT_DOOR, CodRefusal.AFTER_OPENING, CodRefusal.NOT_REACHED)


def refuse(life: Life, tx: Tx, plan: OrderPlan, _step: Step) -> None:
    """The buyer does not take the parcel."""
    wanted = select(CodEntry.id).where(CodEntry.order_id == life.standing[plan.no].order_id)
    for entry_id in tx.session.scalars(wanted.where(CodEntry.status.in_(sorted(OPEN)))).all():
        refuse_cod(tx, RefuseCod(entry_id, REFUSALS[plan.no % len(REFUSALS)], "ขนส่งแจ้งว่าผู้รับไม่รับของ"))


def remit(life: Life, tx: Tx, listed: Sequence[tuple[OrderPlan, Step]]) -> None:
    """The carriers pay, each its own round of this week."""
    ids = [life.standing[plan.no].order_id for plan, _ in listed]
    wanted = select(CodEntry).where(CodEntry.order_id.in_(ids), CodEntry.status.in_(sorted(OPEN))).order_by(CodEntry.id)
    rounds: dict[str, list[CodEntry]] = {}
    for entry in tx.session.scalars(wanted):
        rounds.setdefault(entry.carrier, []).append(entry)
    for carrier, entries in sorted(rounds.items()):
        if carrier != LATE or clock.now() < life.end - LATE_SINCE:
            _round(life, tx, carrier, entries)


def _round(life: Life, tx: Tx, carrier: str, entries: Sequence[CodEntry]) -> None:
    newest = clock.now() > life.end - NEWEST
    today = clock.local(clock.now()).date()
    reference = f"{carrier[:2].upper()}-{today:%y%m%d}"
    parcels = [_paid(no, entry, reference) for no, entry in enumerate(entries, 1)]
    if newest and carrier == SHORT:
        parcels[0] = replace(parcels[0], amount=parcels[0].amount - Money(Decimal(20)))
    if newest and carrier == STRANGE:
        strange = Money(Decimal(350))
        parcels.append(PaidParcel(len(parcels) + 1, "TH9990000001", strange, Money(strange.amount * FEE), reference))
    taken = take_parcels(tx, TakeParcels(carrier, None, tuple(replace(p, paid_on=today) for p in parcels)))
    round_id = next((t.round_id for t in taken if t.round_id is not None), None)
    if round_id is not None and not newest:
        account = life.goods.accounts[len(reference) % len(life.goods.accounts)]
        bank_round(tx, BankRound(round_id, account_id=account, note="เห็นยอดเข้าในแอปธนาคารแล้ว"))


def _paid(no: int, entry: CodEntry, reference: str) -> PaidParcel:
    owed = entry.expected - entry.remitted
    return PaidParcel(no, entry.tracking_no, owed, Money(owed.amount * FEE), reference)
