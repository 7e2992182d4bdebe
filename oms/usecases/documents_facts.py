"""Reads what a document is made of, in a fixed number of statements however many orders it is about."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import selectinload

from oms.catalog.models import Sku, VatClass
from oms.customers.models import Customer
from oms.db import Tx
from oms.documents.facts import Box, Facts, OrderFacts, Override, Paid
from oms.documents.kinds import Layout
from oms.documents.models import Document
from oms.documents.queries import find_seller, of_orders
from oms.errors import NotFound, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.payments.models import Allocation, GateOverride, PaymentClaim, ReceivingAccount
from oms.payments.refund_models import Refund
from oms.payments.states import ClaimStatus
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import ShipmentStatus

# Cash that a carrier reports as paid counts as money in before its round is in the bank; from then on the round's
# verified claim stands for it.
_MONEY = text(
    """
    SELECT o.id, coalesce(c.verified, 0) - coalesce(c.cod, 0) + greatest(coalesce(c.cod, 0), coalesce(e.remitted, 0))
        - coalesce(r.refunded, 0) AS paid, c.first_paid, s.first_left
    FROM orders o
    LEFT JOIN LATERAL (
      SELECT sum(a.amount) AS verified, sum(a.amount) FILTER (WHERE c.method = 'cod') AS cod,
        min(coalesce(c.paid_at, c.verified_at)) AS first_paid
      FROM allocations a JOIN payment_claims c ON c.id = a.claim_id
      WHERE a.order_id = o.id AND c.status = 'verified') c ON true
    LEFT JOIN LATERAL (
      SELECT sum(least(e.remitted, e.expected)) AS remitted FROM cod_entries e
      WHERE e.order_id = o.id AND e.status <> 'refused') e ON true
    LEFT JOIN LATERAL (
      SELECT sum(r.amount) AS refunded FROM refunds r WHERE r.order_id = o.id AND r.status = 'paid') r ON true
    LEFT JOIN LATERAL (
      SELECT min(s.handed_over_at) AS first_left FROM shipments s
      WHERE s.status <> 'canceled' AND s.id IN (SELECT l.shipment_id FROM shipment_lines l WHERE l.order_id = o.id)) s
      ON true
    WHERE o.id IN :ids
    """
).bindparams(bindparam("ids", expanding=True))
_PAYS = frozenset({Layout.MONEY, Layout.RECEIPT})
_BOXES = frozenset({Layout.PARCELS, Layout.GOODS, Layout.BILL})


def read_facts(
    tx: Tx, orders: Sequence[Order], layout: Layout | None = None, refund_id: int | None = None,
    leave_out: int | None = None,
) -> Facts:  # fmt: skip
    """The facts of these orders, as they are in this transaction. ``layout`` None reads what every kind needs;
    ``leave_out`` is a document that does not count."""
    tx.session.flush()  # the facts are read by SQL
    ids = [order.id for order in orders]
    money = {row.id: row for row in tx.session.execute(_MONEY, {"ids": ids})}
    skus = _skus(tx, orders)
    papers = _papers(tx, ids, leave_out)
    overrides = _overrides(tx, ids)
    first = orders[0]
    return Facts(
        seller=find_seller(tx.session, first.shop_id, first.warehouse_id),
        orders=[_order_facts(order, money[order.id], skus, papers, overrides) for order in orders],
        customer=tx.session.get(Customer, first.customer_id) if first.customer_id else None,
        payments=_payments(tx, ids) if layout is None or layout in _PAYS else (),
        boxes=_boxes(tx, ids) if layout is None or layout in _BOXES else (),
        refund=_refund(tx, refund_id, ids) if refund_id is not None else None,
    )


def _order_facts(
    order: Order, money: Any, skus: Mapping[int, tuple[VatClass, str]], papers: Mapping[int, list[Document]],
    overrides: Mapping[int, Override],
) -> OrderFacts:  # fmt: skip
    return OrderFacts(
        order=order,
        classes={sku: vat for sku, (vat, _) in skus.items()},
        places={sku: place for sku, (_, place) in skus.items()},
        paid=Money.satang(int(money.paid)),
        first_paid=money.first_paid,
        first_left=money.first_left,
        documents=papers.get(order.id, []),
        override=overrides.get(order.id),
    )


def _skus(tx: Tx, orders: Sequence[Order]) -> dict[int, tuple[VatClass, str]]:
    wanted = sorted({line.sku_id for order in orders for line in order.lines})
    rows = tx.session.execute(select(Sku.id, Sku.vat_class, Sku.location).where(Sku.id.in_(wanted)))
    return {sku: (vat, place) for sku, vat, place in rows}


def _papers(tx: Tx, ids: Collection[int], leave_out: int | None) -> dict[int, list[Document]]:
    found: dict[int, list[Document]] = {}
    pairs = [(i, document) for i, document in of_orders(tx.session, ids) if document.id != leave_out]
    if pairs:  # their shares, in one statement
        wanted = {document.id for _, document in pairs}
        shares = select(Document).where(Document.id.in_(sorted(wanted))).options(selectinload(Document.orders))
        tx.session.scalars(shares.execution_options(populate_existing=True)).all()
    for order_id, document in pairs:
        found.setdefault(order_id, []).append(document)
    return found


def _overrides(tx: Tx, ids: Collection[int]) -> dict[int, Override]:
    rows = tx.session.scalars(
        select(GateOverride)
        .where(GateOverride.order_id.in_(sorted(ids)), GateOverride.revoked_at.is_(None))
        .order_by(GateOverride.id)
    )
    return {row.order_id: Override(row.by, row.at, row.reason) for row in rows}


def _payments(tx: Tx, ids: Collection[int]) -> list[Paid]:
    """Payments of these orders that count or may come to count, the first first."""
    rows = tx.session.execute(
        select(Allocation.order_id, Allocation.amount, PaymentClaim, ReceivingAccount.bank)
        .join(PaymentClaim, PaymentClaim.id == Allocation.claim_id)
        .outerjoin(ReceivingAccount, ReceivingAccount.id == PaymentClaim.account_id)
        .where(
            Allocation.order_id.in_(sorted(ids)),
            PaymentClaim.status.in_([ClaimStatus.VERIFIED, ClaimStatus.SUBMITTED]),
        )
        .order_by(PaymentClaim.id, Allocation.id)
    )
    found: dict[tuple[int, int], Paid] = {}
    for order_id, amount, claim, bank in rows:
        before = found.get((claim.id, order_id))
        at = claim.paid_at or claim.verified_at or claim.submitted_at
        verified = claim.status is ClaimStatus.VERIFIED
        found[claim.id, order_id] = Paid(
            order_id, claim.method.value, amount + (before.amount if before else ZERO), at, verified, bank or ""
        )
    return [paid for paid in found.values() if paid.amount > ZERO]


def _boxes(tx: Tx, ids: Collection[int]) -> list[Box]:
    """The parcels of these orders, the first first."""
    mine = select(ShipmentLine.shipment_id).where(ShipmentLine.order_id.in_(sorted(ids)))
    shipments = tx.session.scalars(
        select(Shipment)
        .where(Shipment.id.in_(mine), Shipment.status != ShipmentStatus.CANCELED)
        .options(selectinload(Shipment.lines), selectinload(Shipment.parcels))
        .order_by(Shipment.id)
    ).all()
    cash = tx.session.execute(
        text("SELECT shipment_id, sum(to_collect) FROM cod_entries WHERE shipment_id = ANY(:ids) GROUP BY 1"),
        {"ids": [s.id for s in shipments]},
    )
    cod = {shipment_id: Money.satang(int(amount)) for shipment_id, amount in cash}
    found = []
    for shipment in shipments:
        inside = tuple(sorted({line.order_id for line in shipment.lines}))
        live = sorted((p for p in shipment.parcels if p.is_live), key=lambda p: (p.position, p.id))
        to_collect = cod.get(shipment.id, ZERO)
        if not live:
            found.append(
                Box(inside, shipment.number, shipment.carrier, "", shipment.handed_over_at, to_collect)
            )  # fmt: skip
        for i, parcel in enumerate(live):
            found.append(
                Box(
                    inside, shipment.number, parcel.carrier or shipment.carrier, parcel.tracking_no,
                    shipment.handed_over_at, ZERO if i else to_collect, parcel.weight_grams,
                )
            )  # fmt: skip
    return found


def _refund(tx: Tx, refund_id: int, ids: Collection[int]) -> Refund:
    found = tx.session.get(Refund, refund_id)
    if found is None or found.order_id not in ids:
        raise NotFound(say("There is no such refund, or it is not yours to see"), code="refund_not_found")
    return found
