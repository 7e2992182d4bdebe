"""The sales-tax report (รายงานภาษีขาย, Revenue Code s.87) of a month and branch: every tax document by its tax point,
voided ones with nothing, credit notes taken off; and whether it ties to the orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from oms import clock
from oms.actor import Actor
from oms.db import Tx
from oms.documents.kinds import KINDS, NOTES, TAX_INVOICES
from oms.documents.models import CompanyBranch, Document, DocumentOrder
from oms.documents.queries import find_seller, visible
from oms.documents.states import DocumentKind, DocumentStatus
from oms.errors import InvalidInput, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import visible as seen_orders
from oms.shipping.models import Shipment, ShipmentLine
from oms.usecases import derived
from oms.usecases.day_sheet import bounds

TAX_KINDS: Final = tuple(sorted(TAX_INVOICES | NOTES))
SHOWN = 100  # orders named in a check
CHUNK = 500


@dataclass(frozen=True)
class Month:
    """A tax month."""

    first: date

    @property
    def last(self) -> date:
        return self.following.first - timedelta(days=1)

    @property
    def following(self) -> Month:
        return Month((self.first + timedelta(days=31)).replace(day=1))

    @property
    def before(self) -> Month:
        return Month((self.first - timedelta(days=1)).replace(day=1))

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


def read_month(text: str) -> Month:
    """The month asked for, this one when nothing is said. Raises InvalidInput for what is no month."""
    try:
        found = date.fromisoformat(f"{text}-01") if text else clock.today().replace(day=1)
    except ValueError:
        raise InvalidInput(say("That is no month"), field="month", code="month") from None
    if not 2000 <= found.year <= 2200:
        raise InvalidInput(say("That is no month"), field="month", code="month")
    return Month(found)


@dataclass(frozen=True)
class TaxRow:
    """One document of the report; amounts are signed, and zero when it is voided."""

    document_id: int
    number: str
    kind: DocumentKind
    day: date
    buyer: str
    tax_id: str
    branch: str
    net: Money
    vat: Money
    exempt: Money
    is_voided: bool
    voided_late: bool
    refers_to: str = ""

    @property
    def total(self) -> Money:
        return self.net + self.vat + self.exempt


@dataclass(frozen=True)
class Untied:
    """An order whose live tax documents say another amount than is due for it."""

    order_id: int
    number: str
    papers: Money
    due: Money


@dataclass(frozen=True)
class TaxReport:
    """A month of one branch ("" all of them). ``unbilled``: orders whose goods left in it without a tax invoice."""

    month: Month
    branch: str
    rows: Sequence[TaxRow]
    net: Money = ZERO
    vat: Money = ZERO
    exempt: Money = ZERO
    untied: Sequence[Untied] = ()
    unbilled: Sequence[Any] = ()
    unbilled_count: int = 0
    branches: Sequence[str] = field(default_factory=tuple)

    @property
    def total(self) -> Money:
        return self.net + self.vat + self.exempt

    @property
    def voided(self) -> int:
        return sum(1 for row in self.rows if row.is_voided)

    @property
    def ties(self) -> bool:
        return not self.untied


def tax_rows(session: Session, actor: Actor, month: Month, branch: str = "") -> list[TaxRow]:
    """Every tax document of the month as the actor may see it, by day and number. Two statements."""
    statement = (
        visible(actor)
        .where(
            Document.kind.in_(TAX_KINDS), Document.tax_point >= month.first, Document.tax_point <= month.last,
        )
        .order_by(Document.tax_point, Document.number)
    )  # fmt: skip
    if branch:
        statement = statement.where(Document.branch == branch)
    found = list(session.scalars(statement))
    invoices = {d.refers_to_id for d in found if d.refers_to_id}
    named = select(Document.id, Document.number).where(Document.id.in_(sorted(invoices)))
    numbers = {row[0]: row[1] for row in session.execute(named)}
    end = bounds(month.last)["end"]
    return [
        _row(d, numbers.get(d.refers_to_id or 0, ""), late=d.voided_at is not None and d.voided_at >= end)
        for d in found
    ]


def _row(d: Document, refers_to: str, *, late: bool) -> TaxRow:
    sign = KINDS[d.kind].sign or 1
    is_voided = d.status is DocumentStatus.VOIDED
    net, vat, exempt = (ZERO, ZERO, ZERO) if is_voided else (d.net * sign, d.vat * sign, d.exempt * sign)
    return TaxRow(
        d.id, d.number, d.kind, d.tax_point, d.buyer_name, d.buyer_tax_id, d.buyer_branch, net, vat, exempt,
        is_voided, late, refers_to,
    )  # fmt: skip


def tax_report(tx: Tx, month: Month, branch: str = "") -> TaxReport:
    """The report, and both checks against the orders. Raises Forbidden."""
    tx.actor.require("document.view")
    rows = tax_rows(tx.session, tx.actor, month, branch)
    unbilled, count = _unbilled(tx, month) if find_seller(tx.session).is_vat else ((), 0)
    return TaxReport(
        month, branch, rows,
        net=sum((r.net for r in rows), start=ZERO), vat=sum((r.vat for r in rows), start=ZERO),
        exempt=sum((r.exempt for r in rows), start=ZERO), untied=untied_orders(tx, month, branch),
        unbilled=unbilled, unbilled_count=count,
        branches=tuple(tx.session.scalars(select(CompanyBranch.code).order_by(CompanyBranch.code))),
    )  # fmt: skip


def untied_orders(tx: Tx, month: Month, branch: str = "") -> list[Untied]:
    """Orders with a live tax invoice in the month whose invoices, less credit, plus debit notes are not what is due."""
    live = (
        select(DocumentOrder.order_id)
        .join(Document, Document.id == DocumentOrder.document_id)
        .where(
            DocumentOrder.is_live_tax, Document.tax_point >= month.first, Document.tax_point <= month.last,
            *([Document.branch == branch] if branch else []),
        )
        .distinct()
    )  # fmt: skip
    ids = sorted(tx.session.scalars(live))
    found: list[Untied] = []
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        papers = _papers(tx.session, part)
        orders = list(tx.session.scalars(select(Order).where(Order.id.in_(part)).options(selectinload(Order.lines))))
        facts = derived.read_facts(tx, orders)
        for order in orders:
            due = facts[order.id].money.due
            if papers.get(order.id, ZERO) != due:
                found.append(Untied(order.id, order.number, papers.get(order.id, ZERO), due))
    return found


def _papers(session: Session, order_ids: Sequence[int]) -> dict[int, Money]:
    """What the live tax documents of these orders come to, whenever they were issued."""
    rows = session.execute(
        select(DocumentOrder.order_id, Document.kind, func.sum(DocumentOrder.amount))
        .join(Document, Document.id == DocumentOrder.document_id)
        .where(
            DocumentOrder.order_id.in_(order_ids), Document.kind.in_(TAX_KINDS),
            Document.status == DocumentStatus.ISSUED,
        )
        .group_by(DocumentOrder.order_id, Document.kind)
    )  # fmt: skip
    found: dict[int, Money] = {}
    for order_id, kind, amount in rows:
        found[order_id] = found.get(order_id, ZERO) + amount * (KINDS[kind].sign or 1)
    return found


def _unbilled(tx: Tx, month: Month) -> tuple[Sequence[Any], int]:
    """Orders whose goods left in the month and that have no live tax invoice."""
    begin, end = bounds(month.first)["start"], bounds(month.last)["end"]
    left = (
        select(ShipmentLine.order_id)
        .join(Shipment, Shipment.id == ShipmentLine.shipment_id)
        .where(Shipment.handed_over_at >= begin, Shipment.handed_over_at < end)
    )
    billed = select(DocumentOrder.order_id).where(DocumentOrder.is_live_tax)
    statement = select(Order.id, Order.number, Order.ship_name, Order.total).where(
        Order.id.in_(left), Order.id.not_in(billed), Order.id.in_(seen_orders(tx.actor).with_only_columns(Order.id))
    )
    count = tx.session.scalar(select(func.count()).select_from(statement.subquery())) or 0
    return tx.session.execute(statement.order_by(Order.id).limit(SHOWN)).all(), count
