"""Goods between warehouses and on a partner's shelf, for the auditor to look at."""

from __future__ import annotations

from decimal import Decimal

from oms.inventory.states import StepKind
from oms.usecases.consignment import PartnerFacts, ReportSold, Sold, create_partner, report_sold
from oms.usecases.counts import (
    CloseCounting,
    OpenCount,
    RecordCounts,
    ShelfCount,
    open_count,
    record_counts,
    submit_count,
)
from oms.usecases.counts_posting import ApproveCount, approve_count
from oms.usecases.stock_checks import StockLine
from oms.usecases.transfers import MoveTransfer, PlanTransfer, create_transfer, send_transfer
from oms.usecases.transfers_receiving import Arrived, ReceiveTransfer, receive_transfer


def between_warehouses(tx, shop) -> None:
    """A transfer in part received, one over with differences, a posted count, a partner with a settlement."""
    first = create_transfer(tx, PlanTransfer(shop.bkk, shop.cnx, (StockLine(shop.skus[0], 4),), "t1")).transfer_id
    send_transfer(tx, MoveTransfer(first))
    receive_transfer(tx, ReceiveTransfer(first, (Arrived(shop.skus[0], 1),), "r1"))
    partner = create_partner(tx, PartnerFacts("PN", "ร้านฝากขาย", Decimal(30))).id
    second = create_transfer(tx, PlanTransfer(shop.bkk, partner, (StockLine(shop.skus[1], 5),), "t2")).transfer_id
    send_transfer(tx, MoveTransfer(second))
    odd = (Arrived(shop.skus[1], 4), Arrived(shop.skus[1], 1, StepKind.LOST))
    receive_transfer(tx, ReceiveTransfer(second, odd, "r2", "หาย 1"))
    report_sold(tx, ReportSold(partner, (Sold(shop.skus[1], 2),), "s1"))
    count = open_count(tx, OpenCount(shop.cnx, "c1", (shop.skus[0],))).count_id
    record_counts(tx, RecordCounts(count, (ShelfCount(shop.skus[0], 3),)))
    submit_count(tx, CloseCounting(count))
    approve_count(tx, ApproveCount(count))
