"""What sending costs the buyer: rate tables kept in the panel, and the fee they propose for an order being typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from oms import audit
from oms.carriers.fees import Fee, RateTable, ToSend, as_data, fee, read_table
from oms.catalog.models import Shop, Sku
from oms.db import Tx
from oms.errors import InvalidInput, say
from oms.money import ZERO, Money
from oms.shipping.carrier_models import Carrier, FeeTable
from oms.usecases.carrier_defaults import chosen_for
from oms.usecases.keeping import Saved, bounded, lock_row, put, refuse_taken
from oms.usecases.masters import Edit


@dataclass(frozen=True)
class FeeFacts:
    """A rate table. ``shop_id`` and ``carrier_id`` None: for every shop, whichever the carrier."""

    name: str
    rates: RateTable
    shop_id: int | None = None
    carrier_id: int | None = None
    is_active: bool = True


def create_fee_table(tx: Tx, facts: FeeFacts) -> Saved:
    """Keep a rate table. Raises InvalidInput when one for the same shop and carrier is in use."""
    tx.actor.require("carrier.edit")
    fields = _fields(tx, facts)
    row = FeeTable(**fields)
    tx.session.add(row)
    tx.session.flush()  # the audit row names it
    audit.record(tx, "fees.created", "fee_table", row.id, row.name, after=fields)
    return Saved(row.id)


def edit_fee_table(tx: Tx, edit: Edit, facts: FeeFacts) -> Saved:
    """Change a rate table; orders keep the fee that was agreed."""
    tx.actor.require("carrier.edit")
    row = lock_row(tx, FeeTable, edit.id, edit.version)
    before, after = put(row, _fields(tx, facts, row.id))
    if not after:
        return Saved(row.id, changed=False)
    audit.record(tx, "fees.changed", "fee_table", row.id, row.name, before=before, after=after)
    return Saved(row.id)


def _fields(tx: Tx, facts: FeeFacts, own_id: int | None = None) -> dict[str, Any]:
    name = bounded(facts.name, 80, "name", missing=say("Enter a name"))
    refuse_taken(tx, FeeTable.name, name, "name", own_id)
    for model, key, field in ((Shop, facts.shop_id, "shop_id"), (Carrier, facts.carrier_id, "carrier_id")):
        if key is not None and tx.session.get(model, key) is None:
            raise InvalidInput(say("There is no such record"), field=field, code="place_unknown")
    other = tx.session.scalars(
        select(FeeTable).where(
            FeeTable.shop_id.is_not_distinct_from(facts.shop_id),
            FeeTable.carrier_id.is_not_distinct_from(facts.carrier_id), FeeTable.is_active,
            FeeTable.id != (own_id or 0),
        )
    ).one_or_none()  # fmt: skip
    if other is not None and facts.is_active:
        raise InvalidInput(
            say("“{name}” is for the same shop and carrier; switch it off first", name=other.name), field="shop_id",
            code="fees_twice",
        )  # fmt: skip
    rates = as_data(facts.rates)
    read_table(rates)  # whatever a form or a program made of it: it must be readable again
    return {
        "name": name, "shop_id": facts.shop_id, "carrier_id": facts.carrier_id, "rates": rates,
        "is_active": facts.is_active,
    }  # fmt: skip


@dataclass(frozen=True)
class ProposeFee:
    """An order being typed: pieces by SKU, where it goes, what is collected at the door."""

    shop_id: int
    pieces: Mapping[int, int]
    postcode: str
    cod: Money = ZERO
    warehouse_id: int | None = None


def propose_fee(tx: Tx, cmd: ProposeFee) -> tuple[FeeTable, Fee] | None:
    """The fee by the closest rate table, with how it came about; None when no table is kept. Raises InvalidInput when
    the table does not say: a weight or the postcode is missing."""
    tx.actor.require("order.create")
    table = table_for(tx.session, cmd.shop_id, cmd.warehouse_id)
    if table is None:
        return None
    grams = _grams(tx.session, cmd.pieces)
    asked = ToSend(cmd.postcode, weight_grams=grams, pieces=sum(cmd.pieces.values()), cod=cmd.cod)
    return table, fee(read_table(table.rates), asked)


def _grams(session: Session, pieces: Mapping[int, int]) -> int:
    """What the goods weigh; 0 when one of them has no weight, because less than all would be a wrong answer."""
    weights = {
        row.id: row.weight_g for row in session.execute(select(Sku.id, Sku.weight_g).where(Sku.id.in_(sorted(pieces))))
    }
    if any(not weights.get(sku_id) for sku_id in pieces):
        return 0
    return sum(weights[sku_id] * count for sku_id, count in pieces.items())


def table_for(session: Session, shop_id: int, warehouse_id: int | None = None) -> FeeTable | None:
    """The rate table that counts for a shop: its own for its usual carrier, its own, the carrier's, the one for all."""
    rows: Sequence[FeeTable] = session.scalars(select(FeeTable).where(FeeTable.is_active)).all()
    if not rows:
        return None
    chosen = chosen_for(session, {(shop_id, warehouse_id)}).get((shop_id, warehouse_id))
    carrier = chosen.carrier.id if chosen else 0
    known = {(row.shop_id, row.carrier_id): row for row in rows}
    for key in ((shop_id, carrier), (shop_id, None), (None, carrier), (None, None)):
        if key in known:
            return known[key]
    return None
