"""How a placed order is laid down in tables: ids drawn ahead, rows built, one bulk write per table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from oms import audit, clock, outbox
from oms.asking import Question, Rows
from oms.catalog.models import Routing
from oms.db import Tx, insert_rows
from oms.inventory.sharing import Need
from oms.money import ZERO
from oms.numbering import buddhist_year
from oms.orders.models import Order, OrderHold, OrderLine, OrderSearch
from oms.orders.rules import line_total
from oms.orders.states import HoldReason, HoldStatus, OrderStatus, PaymentTerm
from oms.payments.cod_risk import CodRisk
from oms.payments.rules import MoneyFacts
from oms.thai.phone import read_phone
from oms.thai.text import clean, grams, normalize
from oms.usecases.derived import Derived, Facts, derive
from oms.usecases.orders_words import PlaceOrder, Priced, Stock
from oms.usecases.routing import Asking, Plan, case_of
from oms.usecases.sentences import pack

_DRAW = text(
    "SELECT 0, nextval('orders_id_seq') FROM generate_series(1, :orders)"
    " UNION ALL SELECT 1, nextval('order_lines_id_seq') FROM generate_series(1, :lines)"
)


@dataclass(frozen=True)
class Drawn:
    """Ids of an order and its lines, drawn before it is written."""

    order_id: int
    line_ids: tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One order as it goes into the tables."""

    number: str
    order: dict[str, Any]
    lines: list[dict[str, Any]]
    haystack: str
    risk: CodRisk | None = None


def about_ids(line_counts: Mapping[int, int]) -> Question[dict[int, Drawn]]:
    """Ids for every order and line. Ids of refused orders are never used: numbers may skip."""
    wanted = {"orders": len(line_counts), "lines": sum(line_counts.values())}
    return Question(_DRAW if line_counts else None, lambda rows: _dealt(rows, line_counts), wanted)


def _dealt(rows: Rows, line_counts: Mapping[int, int]) -> dict[int, Drawn]:
    order_ids = sorted(value for kind, value in rows if not kind)
    line_ids = sorted(value for kind, value in rows if kind)
    answer: dict[int, Drawn] = {}
    start = 0
    for order_id, (i, count) in zip(order_ids, line_counts.items(), strict=True):
        answer[i] = Drawn(order_id, tuple(line_ids[start : start + count]))
        start += count
    return answer


def order_number(order_id: int) -> str:
    """Our number: year and id, ``SO69-004218``."""
    return f"SO{buddhist_year()}-{order_id:06d}"


def asking_of(priced: Priced, drawn: Drawn) -> Asking:
    """What an order wants of stock, bundles expanded, and how its places are found."""
    cmd, shop = priced.cmd, priced.shop
    place = (clean(cmd.ship_to.province)[:100], clean(cmd.ship_to.postcode)[:10])
    skus = [priced.skus[line.sku_id] for line in cmd.lines]
    automatic = shop.routing is Routing.AUTOMATIC and not _is_pinned(priced)
    return Asking(
        drawn.order_id,
        case_of(shop.channel, shop.id, place, skus),
        tuple(
            Need(line_id, line.quantity, priced.skus[line.sku_id].parts)
            for line_id, line in zip(drawn.line_ids, cmd.lines, strict=True)
        ),
        priced.warehouse_id,
        places=() if automatic else (priced.warehouse_id,),
        may_split=shop.may_split and automatic,
    )


def _is_pinned(priced: Priced) -> bool:
    """Whether somebody chose the warehouse, rather than the shop."""
    asked, shop = priced.cmd.warehouse_id, priced.shop
    return asked is not None and (shop.routing is Routing.AUTOMATIC or asked != shop.warehouse_id)


def kept_phone(text: str) -> str:
    """A phone in the one form searches and duplicate checks compare; what is none stays as it was written."""
    return read_phone(text) or clean(text)[:40]


def search_text(number: str, cmd: PlaceOrder, sku_codes: Sequence[str]) -> str:
    """What an order is found by: numbers, name, phone, SKUs."""
    return normalize(
        " ".join([number, cmd.external_no or "", cmd.ship_to.name, kept_phone(cmd.ship_to.phone), *sku_codes])
    )


def row_of(priced: Priced, drawn: Drawn, plan: Plan | None = None) -> Row:
    """Build the rows of one order, derived columns included. ``plan``: where its pieces come from; None for none."""
    number = order_number(drawn.order_id)
    lines = [_line_row(priced, drawn, position) for position in range(len(priced.cmd.lines))]
    derived = derive(_facts(priced, is_reserved=plan is not None and not plan.short))
    codes = [priced.skus[line.sku_id].code for line in priced.cmd.lines]
    order = _order_row(priced, drawn, number, derived) | _places(priced, plan)
    return Row(number, order, lines, search_text(number, priced.cmd, codes), priced.cod_risk)


def _places(priced: Priced, plan: Plan | None) -> dict[str, Any]:
    """Where an order is sent from, and why."""
    return {
        "warehouse_id": plan.warehouse_id if plan else priced.warehouse_id, "warehouse_pinned": _is_pinned(priced),
        "warehouse_reason": (plan and pack(plan.reason)) or {}, "also_in": list(plan.also_in) or None if plan else None,
    }  # fmt: skip


def _left_before(priced: Priced) -> bool:
    return priced.cmd.stock is Stock.LEFT_BEFORE


def _is_approved(priced: Priced) -> bool:
    """COD is approved with the order, unless the phone refused COD before; a marketplace's guarantee when it says so;
    credit by a person, later."""
    cmd = priced.cmd
    return cmd.term_approved or (cmd.confirm and cmd.payment_term is PaymentTerm.COD and not priced.cod_risk)


def _facts(priced: Priced, *, is_reserved: bool) -> Facts:
    cmd = priced.cmd
    gone = _left_before(priced)
    quantities = tuple((line.quantity, 0, line.quantity if gone else 0) for line in cmd.lines)
    return Facts(
        status=OrderStatus.CONFIRMED if cmd.confirm else OrderStatus.DRAFT,
        money=MoneyFacts(
            total=priced.total, due=priced.total, term=cmd.payment_term, term_approved=_is_approved(priced)
        ),
        quantities=quantities,
        open_lines=0 if gone else len(cmd.lines),
        unreserved_lines=0 if is_reserved or gone else len(cmd.lines),
        holds=(HoldReason.COD_RISK,) if priced.cod_risk else (),
    )


def _line_row(priced: Priced, drawn: Drawn, position: int) -> dict[str, Any]:
    line = priced.cmd.lines[position]
    sku = priced.skus[line.sku_id]
    usual = priced.listed(sku.id)
    unit_price = usual if line.unit_price is None else line.unit_price
    agreed = priced.cmd.agreed
    return {
        "id": drawn.line_ids[position], "order_id": drawn.order_id, "position": position + 1, "sku_id": sku.id,
        "sku_code": sku.code, "name": (clean(line.name) or sku.name)[:300], "quantity": line.quantity, "canceled": 0,
        "shipped": line.quantity if _left_before(priced) else 0, "returned": 0,
        "list_price": sku.price if not priced.cmd.priced_by_channel else unit_price, "unit_price": unit_price,
        "discount": line.discount, "total": line_total(line.quantity, unit_price, line.discount),
        "external_id": line.external_id,
        "price_reason": agreed.group[:60] if agreed and sku.id in agreed.prices and unit_price == usual else "",
    }  # fmt: skip


def items_summary(first_name: str, first_quantity: int, others: int) -> str:
    """What a list shows of an order's items: the first one and how many more."""
    more = f" +{others}" if others else ""
    return f"{first_name[:260]} ×{first_quantity}{more}"


def _order_row(priced: Priced, drawn: Drawn, number: str, derived: Derived) -> dict[str, Any]:
    cmd, shop, at = priced.cmd, priced.shop, clock.now()
    placed_at = cmd.placed_at or at
    first = cmd.lines[0]
    ship_by = cmd.ship_by or (placed_at + timedelta(hours=shop.ship_within_hours) if shop.ship_within_hours else None)
    expires = cmd.confirm and cmd.payment_term is PaymentTerm.PREPAID and shop.expire_hours
    to = cmd.ship_to
    return {
        "id": drawn.order_id, "number": number, "shop_id": shop.id, "channel": shop.channel,
        "external_no": cmd.external_no or None, "status": OrderStatus.CONFIRMED if cmd.confirm else OrderStatus.DRAFT,
        "board": derived.board, "payment_term": cmd.payment_term, "payment_status": derived.payment_status,
        "fulfillment_status": derived.fulfillment_status, "stock_state": derived.stock_state,
        "hold_reasons": derived.hold_reasons,
        "warehouse_id": priced.warehouse_id, "customer_id": cmd.customer_id,
        "ship_name": clean(to.name)[:200], "ship_phone": kept_phone(to.phone), "ship_line": clean(to.line)[:1000],
        "ship_subdistrict": clean(to.subdistrict)[:100], "ship_district": clean(to.district)[:100],
        "ship_province": clean(to.province)[:100], "ship_postcode": clean(to.postcode)[:10],
        "goods_total": priced.goods_total, "discount": cmd.discount, "shipping_fee": cmd.shipping_fee,
        "total": priced.total, "verified_amount": ZERO, "channel_discount": cmd.channel_discount,
        "channel_fee": cmd.channel_fee, "item_count": sum(line.quantity for line in cmd.lines),
        "items_summary": items_summary(
            clean(first.name) or priced.skus[first.sku_id].name, first.quantity, len(cmd.lines) - 1
        ),
        "carrier": cmd.carrier[:80], "tags": sorted({clean(t)[:40] for t in cmd.tags if clean(t)}),
        "owner_id": cmd.owner_id, "owner": cmd.owner[:120], "buyer_note": cmd.buyer_note,
        "channel_status": cmd.channel_status[:120], "content_hash": cmd.content_hash, "staff_edits": {},
        "left_before": _left_before(priced), "idempotency_key": cmd.idempotency_key, "copied_from": cmd.copied_from,
        "placed_at": placed_at, "created_at": at, "confirmed_at": at if cmd.confirm else None,
        "term_approved_at": at if _is_approved(priced) else None, "ship_by": ship_by,
        "expires_at": at + timedelta(hours=shop.expire_hours or 0) if expires else None,
        "closed_at": at if derived.is_closed else None, "cancel_reason": "", "revision": 0, "version": 1,
    }  # fmt: skip


def insert(tx: Tx, rows: Sequence[Row]) -> None:
    """Write orders with everything that belongs to them: one statement per table."""
    if not rows:
        return
    insert_rows(tx, Order, [{**row.order, "entered_by": tx.actor.user_id} for row in rows])
    insert_rows(tx, OrderLine, [line for row in rows for line in row.lines])
    insert_rows(
        tx,
        OrderSearch,
        [{"order_id": row.order["id"], "haystack": row.haystack, "grams": grams(row.haystack)} for row in rows],
    )
    insert_rows(tx, OrderHold, [_hold(tx, row, row.risk) for row in rows if row.risk])
    audit.record_many(tx, [entry for row in rows for entry in _entries(row)])
    outbox.add(tx, "orders.placed", f"orders.placed:{rows[0].order['id']}", order_ids=_ids(rows))


def _ids(rows: Sequence[Row]) -> str:
    return ",".join(str(row.order["id"]) for row in rows)


def _hold(tx: Tx, row: Row, risk: CodRisk) -> dict[str, Any]:
    """A risky COD order waits for a person, who reads why."""
    return {
        "order_id": row.order["id"], "reason": HoldReason.COD_RISK, "note": risk.note, "status": HoldStatus.ACTIVE,
        "placed_at": row.order["created_at"], "placed_by": tx.actor.label[:120],
    }  # fmt: skip


def _entries(row: Row) -> list[audit.Entry]:
    order = row.order
    facts = {
        "shop_id": order["shop_id"],
        "external_no": order["external_no"],
        "total": order["total"],
        "lines": [[line["sku_code"], line["quantity"], line["unit_price"]] for line in row.lines],
    }
    entries = [audit.Entry("order.created", "order", order["id"], row.number, after=facts)]
    if order["status"] is OrderStatus.CONFIRMED:
        entries.append(
            audit.Entry(
                "order.confirmed",
                "order",
                order["id"],
                row.number,
                before={"status": "draft"},
                after={"status": "confirmed", "stock": order["stock_state"], "board": order["board"]},
            )
        )
    if row.risk:
        held = {"hold": HoldReason.COD_RISK, "board": order["board"]}
        entries.append(audit.Entry("order.held", "order", order["id"], row.number, after=held, reason=row.risk.note))
    return entries
