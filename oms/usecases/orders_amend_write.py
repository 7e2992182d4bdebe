"""How an applied amendment is written onto an order: lines, totals, address, search text, what staff edited."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from oms import clock
from oms.catalog.queries import SkuFacts
from oms.db import Tx
from oms.money import ZERO
from oms.orders.amending import ADDRESS, Priced, PricedLine, Proposal
from oms.orders.models import Order, OrderLine, OrderSearch
from oms.thai.text import grams, normalize
from oms.usecases.orders_write import items_summary


def amended_facts(order: Order) -> dict[str, Any]:
    """What an amendment may change, for the audit's before and after."""
    facts: dict[str, Any] = {name: getattr(order, name) for name in ADDRESS}
    facts |= {"discount": order.discount, "shipping_fee": order.shipping_fee, "total": order.total}
    facts["lines"] = [[x.sku_code, x.open, x.unit_price, x.discount] for x in order.lines if x.open]
    return facts


def write_amendment(tx: Tx, order: Order, proposal: Proposal, priced: Priced, skus: dict[int, SkuFacts]) -> None:
    """Put a checked proposal onto a locked order. Stock promises and derived columns are the caller's."""
    before = amended_facts(order)
    _write_lines(order, priced, skus)
    for name in ADDRESS:
        setattr(order, name, proposal.address[name])
    order.discount, order.shipping_fee = proposal.discount, proposal.shipping_fee
    order.goods_total, order.total = priced.goods_total, priced.total
    kept = [line for line in order.lines if line.quantity > line.canceled]
    order.item_count = sum(line.quantity - line.canceled for line in kept)
    order.items_summary = items_summary(kept[0].name, kept[0].quantity, len(kept) - 1)
    order.revision += 1
    after = amended_facts(order)
    at = clock.now().isoformat()
    edited = {name: {"by": tx.actor.label, "at": at} for name in after if after[name] != before[name]}
    order.staff_edits = {**order.staff_edits, **edited}
    tx.session.flush()  # new lines get their ids before stock is promised to them
    _write_search(tx, order, kept)


def _write_lines(order: Order, priced: Priced, skus: dict[int, SkuFacts]) -> None:
    wanted: dict[int, PricedLine] = {line.line_id: line for line in priced.lines if line.line_id is not None}
    for line in order.lines:
        asked = wanted.get(line.id)
        if asked:
            line.quantity, line.canceled = asked.quantity, 0
            line.unit_price, line.discount, line.total = asked.unit_price, asked.discount, asked.total
        elif line.open:
            line.canceled, line.total = line.quantity, ZERO
    position = max(line.position for line in order.lines)
    for asked in priced.lines:
        if asked.line_id is not None:
            continue
        position += 1
        sku = skus[asked.sku_id]
        order.lines.append(
            OrderLine(
                position=position,
                sku_id=sku.id,
                sku_code=sku.code,
                name=sku.name[:300],
                quantity=asked.quantity,
                canceled=0,
                shipped=0,
                returned=0,
                list_price=asked.list_price,
                unit_price=asked.unit_price,
                discount=asked.discount,
                total=asked.total,
            )
        )


def _write_search(tx: Tx, order: Order, kept: list[OrderLine]) -> None:
    words = [order.number, order.external_no or "", order.ship_name, order.ship_phone, *(x.sku_code for x in kept)]
    haystack = normalize(" ".join(words))
    tx.session.execute(
        update(OrderSearch).where(OrderSearch.order_id == order.id).values(haystack=haystack, grams=grams(haystack))
    )
