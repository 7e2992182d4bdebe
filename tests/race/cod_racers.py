"""Races of COD: one pay file taken in by many at once while others bank the round, take it out and refuse parcels."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import select

from oms.db import db
from oms.money import Money
from oms.payments.cod_models import CodEntry, CodRound
from oms.payments.states import CodRefusal
from oms.usecases.cod import RefuseCod, refuse_cod
from oms.usecases.cod_banking import BankRound, UnbankRound, bank_round, unbank_round
from oms.usecases.cod_rounds import PaidParcel, TakeParcels, take_parcels


def cod_file(client: Any) -> None:
    """Every client takes the same file in at once, its lines in an order of its own."""
    for reference, numbers in client.plan["rounds"]:
        amount = Money(Decimal(100))
        mine = client.random.sample(numbers, len(numbers))
        parcels = tuple(PaidParcel(i, n, amount, Money(Decimal(3)), reference) for i, n in enumerate(mine, 1))
        client.barrier.wait(60)
        client.do(take_parcels, TakeParcels("Flash Express", None, parcels))


def cod_bank(client: Any) -> None:
    """All bank the same round at once, take it out again, or refuse one of its parcels meanwhile."""
    for _ in range(client.plan["turns"]):
        rounds = db.session.scalars(select(CodRound.id).order_by(CodRound.id)).all()
        entries = db.session.scalars(select(CodEntry.id).order_by(CodEntry.id)).all()
        db.session.remove()
        client.barrier.wait(60)
        way, round_id = client.random.random(), client.random.choice(rounds)
        if way < 0.5:
            client.do(bank_round, BankRound(round_id, account_id=client.plan["account"], note="race"))
        elif way < 0.75:
            client.do(unbank_round, UnbankRound(round_id, "race"))
        else:
            client.do(refuse_cod, RefuseCod(client.random.choice(entries), CodRefusal.AT_DOOR))


RACES = {"cod_file": cod_file, "cod_bank": cod_bank}
