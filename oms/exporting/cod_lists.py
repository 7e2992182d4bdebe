"""Export lists of the COD ledger: every parcel with cash to collect, every round of a carrier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, select

from oms.catalog.models import Shop
from oms.exporting.shape import Column, ExportList, own_orders
from oms.orders.models import Order
from oms.payments import cod_queries
from oms.payments.cod_models import CodEntry, CodRound


def _part(statement: Select[Any], filters: Mapping[str, str]) -> Select[Any]:
    """The figure of the overview that the list shows."""
    part = filters.get("part", "")
    return statement.where(cod_queries.condition(part)) if part in cod_queries.BUCKETS else statement


COD_ENTRIES = ExportList(
    "cod_entries", "COD parcels", "payment.cod",
    {
        "tracking_no": Column("Tracking number", CodEntry.tracking_no),
        "number": Column("Order", Order.number),
        "shop": Column("Shop", Shop.code),
        "carrier": Column("Carrier", CodEntry.carrier),
        "status": Column("State", CodEntry.status),
        "to_collect": Column("To collect at the door", CodEntry.to_collect),
        "expected": Column("Expected", CodEntry.expected),
        "collected": Column("Collected", CodEntry.collected),
        "remitted": Column("Paid to us", CodEntry.remitted),
        "fee": Column("Fee", CodEntry.fee),
        "written_off": Column("Written off", CodEntry.written_off),
        "handed_over_at": Column("Handed over", CodEntry.handed_over_at),
        "collected_at": Column("Collected on", CodEntry.collected_at),
        "settle_from": Column("Carrier pays from", CodEntry.settle_from),
        "remitted_at": Column("Paid on", CodEntry.remitted_at),
        "refused_at": Column("Refused on", CodEntry.refused_at),
        "refusal": Column("Why refused", CodEntry.refusal),
        "note": Column("Note", CodEntry.note),
    },
    lambda actor: own_orders(
        actor,
        select().select_from(CodEntry).join(Order, Order.id == CodEntry.order_id)
        .join(Shop, Shop.id == Order.shop_id).order_by(CodEntry.handed_over_at, CodEntry.id),
    ),
    find=(CodEntry.tracking_no, Order.number),
    narrow=_part,
)  # fmt: skip
COD_ROUNDS = ExportList(
    "cod_rounds", "COD rounds", "payment.cod",
    {
        "carrier": Column("Carrier", CodRound.carrier),
        "reference": Column("Round", CodRound.reference),
        "paid_on": Column("Paid on", CodRound.paid_on),
        "gross": Column("Gross", CodRound.gross),
        "fees": Column("Fees of parcels", CodRound.fees),
        "round_fee": Column("Fee of the round", CodRound.round_fee),
        "net": Column("Net", CodRound.net),
        "banked_at": Column("In the bank since", CodRound.banked_at),
        "banked_by": Column("Booked by", CodRound.banked_by),
        "created_at": Column("Taken in on", CodRound.created_at),
        "created_by": Column("Taken in by", CodRound.created_by),
        "note": Column("Note", CodRound.note),
    },
    lambda _: select().select_from(CodRound).order_by(CodRound.id.desc()),
    find=(CodRound.reference, CodRound.carrier),
    more={"run_id": CodRound.run_id},
)  # fmt: skip
