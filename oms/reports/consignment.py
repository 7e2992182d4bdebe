"""Partners at a glance: what lies on their shelves, what they sold, what they owe and since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, joinedload

from oms import clock
from oms.actor import Actor
from oms.catalog.models import Sku
from oms.db import Tx
from oms.errors import NotFound, say
from oms.inventory.consignment_models import ConsignmentPartner, Settlement, SettlementLine
from oms.inventory.models import StockLevel
from oms.inventory.queries import visible_settlements
from oms.inventory.states import SettlementStatus
from oms.money import ZERO, Money


@dataclass(frozen=True)
class Ageing:
    """What is owed: not due yet, up to 30 days late, later."""

    coming: Money = ZERO
    late: Money = ZERO
    very_late: Money = ZERO

    @property
    def total(self) -> Money:
        return self.coming + self.late + self.very_late


@dataclass(frozen=True)
class PartnerRow:
    """One partner. ``value``: the goods on its shelf at our prices."""

    partner: ConsignmentPartner
    pieces: int
    incoming: int
    value: Money
    owed: Ageing


def _money(value: object) -> Money:
    return value if isinstance(value, Money) else Money.satang(int(str(value or 0)))


def partners(session: Session, actor: Actor, warehouse_id: int = 0) -> list[PartnerRow]:
    """Every partner of the actor's places; three statements."""
    statement = select(ConsignmentPartner).options(joinedload(ConsignmentPartner.warehouse))
    if actor.warehouses is not None:
        statement = statement.where(ConsignmentPartner.warehouse_id.in_(sorted(actor.warehouses)))
    if warehouse_id:
        statement = statement.where(ConsignmentPartner.warehouse_id == warehouse_id)
    rows = list(session.scalars(statement.order_by(ConsignmentPartner.name, ConsignmentPartner.warehouse_id)))
    ids = [row.warehouse_id for row in rows]
    shelves = session.execute(
        select(
            StockLevel.warehouse_id, func.sum(StockLevel.on_hand), func.sum(StockLevel.incoming),
            func.sum(StockLevel.on_hand * Sku.price),
        )
        .join(Sku, Sku.id == StockLevel.sku_id)
        .where(StockLevel.warehouse_id.in_(ids))
        .group_by(StockLevel.warehouse_id)
    )  # fmt: skip
    held = {row[0]: (int(row[1]), int(row[2]), _money(row[3])) for row in shelves}
    owed = _owed(session, ids)
    return [
        PartnerRow(row, *held.get(row.warehouse_id, (0, 0, ZERO)), owed.get(row.warehouse_id, Ageing())) for row in rows
    ]


def _owed(session: Session, warehouse_ids: Sequence[int]) -> dict[int, Ageing]:
    today: date = clock.today()
    far = today - timedelta(days=30)
    parts = (
        Settlement.due_on >= today, (Settlement.due_on < today) & (Settlement.due_on >= far), Settlement.due_on < far,
    )  # fmt: skip
    sums = [func.sum(case((part, Settlement.due))) for part in parts]
    rows = session.execute(
        select(Settlement.warehouse_id, *sums)
        .where(Settlement.warehouse_id.in_(warehouse_ids), Settlement.status == SettlementStatus.OPEN)
        .group_by(Settlement.warehouse_id)
    )
    return {row[0]: Ageing(*(_money(value) for value in row[1:])) for row in rows}


def get_partner(tx: Tx, warehouse_id: int) -> PartnerRow:
    """One partner. Raises NotFound."""
    found = partners(tx.session, tx.actor, warehouse_id) if 0 < warehouse_id < 2**63 else []
    if not found:
        raise NotFound(say("There is no such partner, or it is not yours to see"), code="partner_not_found")
    return found[0]


def shelf(session: Session, warehouse_id: int) -> list[StockLevel]:
    """What lies on a partner's shelf."""
    statement = (
        select(StockLevel)
        .join(Sku, Sku.id == StockLevel.sku_id)
        .options(joinedload(StockLevel.sku))
        .where(
            StockLevel.warehouse_id == warehouse_id,
            (StockLevel.on_hand > 0) | (StockLevel.incoming > 0) | (StockLevel.damaged > 0),
        )
        .order_by(Sku.code)
        .limit(2000)
    )
    return list(session.scalars(statement))


def latest(session: Session, warehouse_id: int, most: int = 12) -> list[Settlement]:
    """The newest settlements of a partner."""
    statement = select(Settlement).where(Settlement.warehouse_id == warehouse_id).order_by(Settlement.id.desc())
    return list(session.scalars(statement.limit(most)))


def get_settlement(tx: Tx, settlement_id: int) -> Settlement:
    """One settlement with its lines. Raises NotFound."""
    statement = visible_settlements(tx.actor).where(Settlement.id == min(settlement_id, 2**63 - 1))
    found = tx.session.scalars(statement.options(joinedload(Settlement.warehouse))).one_or_none()
    if found is None:
        raise NotFound(say("There is no such settlement, or it is not yours to see"), code="settlement_not_found")
    lines = (
        select(SettlementLine).where(SettlementLine.settlement_id == found.id).options(joinedload(SettlementLine.sku))
    )
    list(tx.session.scalars(lines))  # known from here on
    return found
