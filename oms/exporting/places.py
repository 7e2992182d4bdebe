"""Export lists of warehouses: transfers line by line, counts with their differences, what runs low, partners' debts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from oms.actor import Actor
from oms.catalog.models import Sku
from oms.exporting.shape import COST, Column, ExportList, own_places
from oms.inventory.consignment_models import Settlement, SettlementLine
from oms.inventory.count_models import CountLine, StockCount
from oms.inventory.cover import FREE, MINIMUM, low_places
from oms.inventory.cover_models import StockPace
from oms.inventory.models import StockLevel, Warehouse
from oms.inventory.queries import transfers_of
from oms.inventory.transfer_models import Transfer, TransferLine

_FROM, _TO = aliased(Warehouse), aliased(Warehouse)
_OPEN = (
    TransferLine.quantity - TransferLine.received - TransferLine.damaged - TransferLine.lost - TransferLine.came_back
)
_DIFFERENCE = CountLine.counted - CountLine.expected


def _transfers(actor: Actor) -> Select[Any]:
    return transfers_of(
        actor,
        select().select_from(Transfer).join(TransferLine, TransferLine.transfer_id == Transfer.id)
        .join(Sku, Sku.id == TransferLine.sku_id).join(_FROM, _FROM.id == Transfer.from_id)
        .join(_TO, _TO.id == Transfer.to_id).order_by(Transfer.id.desc(), TransferLine.position),
    )  # fmt: skip


TRANSFERS = ExportList(
    "transfers", "Transfers", "stock.view",
    {
        "number": Column("Number", Transfer.number), "status": Column("State", Transfer.status),
        "from": Column("From", _FROM.code), "to": Column("To", _TO.code),
        "created_at": Column("Drafted", Transfer.created_at), "sent_at": Column("Sent", Transfer.sent_at),
        "closed_at": Column("Closed", Transfer.closed_at), "sku": Column("SKU", Sku.code),
        "name": Column("Name", Sku.name), "quantity": Column("Sent pieces", TransferLine.quantity),
        "received": Column("Received", TransferLine.received), "damaged": Column("Damaged", TransferLine.damaged),
        "lost": Column("Lost", TransferLine.lost), "came_back": Column("Came back", TransferLine.came_back),
        "surplus": Column("Surplus", TransferLine.surplus), "open": Column("Under way", _OPEN),
        "cost": Column("Cost", Sku.cost, COST), "reference": Column("Reference", Transfer.reference),
        "note": Column("Note", Transfer.note),
    },
    _transfers,
    find=(Transfer.number, Transfer.reference, Transfer.note),
    more={"from_id": Transfer.from_id, "to_id": Transfer.to_id},
)  # fmt: skip


def _one_count(statement: Select[Any], filters: Mapping[str, str]) -> Select[Any]:
    """The lines of one count, or only those that differ."""
    wanted = filters.get("count", "")
    if wanted.isdecimal() and len(wanted) < 19:
        statement = statement.where(StockCount.id == int(wanted))
    return statement.where(_DIFFERENCE != 0) if filters.get("part") == "different" else statement


COUNTS = ExportList(
    "counts", "Stock counts", "stock.approve_count",
    {
        "number": Column("Number", StockCount.number), "status": Column("State", StockCount.status),
        "warehouse": Column("Warehouse", Warehouse.code), "sku": Column("SKU", Sku.code),
        "name": Column("Name", Sku.name), "location": Column("Shelf", CountLine.location),
        "counted": Column("Counted", CountLine.counted), "expected": Column("By the books", CountLine.expected),
        "boxed": Column("In packed boxes", CountLine.boxed), "difference": Column("Difference", _DIFFERENCE),
        "first": Column("Counted first", CountLine.first_counted), "cost": Column("Cost", Sku.cost, COST),
        "value": Column("Value of the difference", _DIFFERENCE * Sku.cost, COST),
        "counted_by": Column("Counted by", CountLine.counted_by), "counted_at": Column("When", CountLine.counted_at),
    },
    lambda actor: own_places(
        actor,
        select().select_from(CountLine).join(StockCount, StockCount.id == CountLine.count_id)
        .join(Sku, Sku.id == CountLine.sku_id).join(Warehouse, Warehouse.id == StockCount.warehouse_id)
        .order_by(StockCount.id.desc(), CountLine.position),
        StockCount.warehouse_id,
    ),
    find=(StockCount.number,),
    narrow=_one_count,
)  # fmt: skip
LOW = ExportList(
    "low_stock", "Low stock", "stock.view",
    {
        "sku": Column("SKU", Sku.code), "name": Column("Name", Sku.name),
        "warehouse": Column("Warehouse", Warehouse.code), "free": Column("Available", FREE),
        "incoming": Column("Incoming", StockLevel.incoming), "minimum": Column("Warn below", MINIMUM),
        "sold_30": Column("Sold in 30 days", func.coalesce(StockPace.sold_30, 0)),
        "days": Column("Days left", FREE * 30 / func.nullif(StockPace.sold_30, 0)),
        "cost": Column("Cost", Sku.cost, COST),
    },
    low_places,
    more={"warehouse_id": StockLevel.warehouse_id},
)  # fmt: skip
SETTLEMENTS = ExportList(
    "settlements", "Settlements", "consignment.settle",
    {
        "number": Column("Number", Settlement.number), "status": Column("State", Settlement.status),
        "partner": Column("Partner", Settlement.partner), "at": Column("When", Settlement.at),
        "sold_from": Column("Sold from", Settlement.sold_from), "sold_to": Column("Sold up to", Settlement.sold_to),
        "sku": Column("SKU", Sku.code), "name": Column("Name", Sku.name),
        "quantity": Column("Pieces", SettlementLine.quantity), "unit_price": Column("Price", SettlementLine.unit_price),
        "line_total": Column("Sum", SettlementLine.total), "sold": Column("Sold in all", Settlement.sold),
        "commission": Column("Commission", Settlement.commission), "due": Column("Due", Settlement.due),
        "due_on": Column("Due on", Settlement.due_on), "paid_on": Column("Paid on", Settlement.paid_on),
        "reference": Column("Reference", Settlement.reference),
    },
    lambda actor: own_places(
        actor,
        select().select_from(SettlementLine).join(Settlement, Settlement.id == SettlementLine.settlement_id)
        .join(Sku, Sku.id == SettlementLine.sku_id).order_by(Settlement.id.desc(), SettlementLine.position),
        Settlement.warehouse_id,
    ),
    find=(Settlement.number, Settlement.partner, Settlement.reference),
    more={"warehouse_id": Settlement.warehouse_id},
)  # fmt: skip
PLACE_LISTS = (TRANSFERS, COUNTS, LOW, SETTLEMENTS)
