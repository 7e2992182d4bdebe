"""The frozen facts of a document: everything its paper shows, copied once. Amounts are whole satang.

``build`` makes them for every kind that is made of orders; notes are made of an invoice (``notes.py``). What is given
at issue (number, token) is put in by ``finish``; the checksum covers all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from oms import clock
from oms.documents.facts import Facts, OrderFacts
from oms.documents.kinds import Kind, Layout
from oms.documents.parties import Buyer
from oms.documents.printable import printable
from oms.documents.states import DocumentKind as K
from oms.documents.sums import Line, LineKind, Sums, add_up, as_json
from oms.errors import InvalidInput, Refused, say
from oms.money import ZERO, Money

LAYOUT_VERSION = 2  # which templates print it: a change of their look is a new version (docs/adr/0117)


@dataclass(frozen=True)
class Draft:
    """A document that has no number yet. ``shares``: how much of its total belongs to which order."""

    kind: Kind
    content: dict[str, Any]
    buyer: Buyer
    issued_on: date
    tax_point: date
    shares: Mapping[int, Money]
    sums: Sums
    total: Money
    branch: str
    customer_id: int | None = None
    refers_to_id: int | None = None
    refund_id: int | None = None
    replaces_id: int | None = None
    warnings: tuple[Any, ...] = ()
    prefix: str = ""


@dataclass(frozen=True)
class Asked:
    """What the person at the form may choose."""

    tax_point: date
    language: str = "th"
    remark: str = ""
    amount: Money | None = None
    pieces: Mapping[int, int] = field(default_factory=dict)


def build(kind: Kind, facts: Facts, buyer: Buyer, asked: Asked, rate_bp: int | None) -> Draft:
    """The content of a document of orders. ``rate_bp`` None: no VAT is shown."""
    draft = Draft(
        kind=kind, content=head(kind, facts, buyer, asked), buyer=buyer, issued_on=clock.today(),
        tax_point=asked.tax_point, shares=dict.fromkeys((o.id for o in facts.orders), ZERO),
        sums=Sums(0, 0, 0, 0, rate_bp), total=ZERO, branch=facts.seller.branch, customer_id=facts.first.customer_id,
    )  # fmt: skip
    if kind.layout is Layout.PARCELS:
        return _parcels(draft, facts)
    if kind.layout is Layout.GOODS:
        return _goods(draft, facts, asked)
    if kind.layout is Layout.VOUCHER:
        return _voucher(draft, facts)
    return _priced(draft, facts, asked, rate_bp)


def finish(draft: Draft, number: str, token: str, issued_by: str) -> dict[str, Any]:
    """The content with what only the issuing transaction gives."""
    site = draft.content["seller"].get("site_url", "")
    return {
        **printable(draft.content), "number": number, "series": draft.prefix, "issued_by": issued_by,
        "link": f"{site.rstrip('/')}/d/{token}" if site else "",
    }  # fmt: skip


def head(kind: Kind, facts: Facts, buyer: Buyer, asked: Asked) -> dict[str, Any]:
    """Who, to whom, when, about which orders: the same on every kind."""
    seller, override = facts.seller, facts.override
    return {
        "layout": LAYOUT_VERSION, "body": kind.layout.value, "kind": kind.kind.value, "language": asked.language,
        "title": [kind.thai, kind.english], "is_tax": kind.is_tax, "is_short": kind.is_short, "in_set": kind.in_set,
        "copy_mark": kind.copy_mark, "signs": [list(pair) for pair in kind.signs], "etda": kind.etda,
        "issued_on": clock.today().isoformat(), "tax_point": asked.tax_point.isoformat(), "remark": asked.remark,
        "seller": {
            "name": seller.name, "name_en": seller.name_en, "tax_id": seller.tax_id, "branch": seller.branch,
            "branch_name": seller.branch_name, "address": seller.address, "address_en": seller.address_en,
            "phone": seller.phone, "email": seller.email, "site_url": seller.site_url,
            "is_vat": seller.bears_vat(asked.tax_point),
        },
        "buyer": asdict(buyer),
        **seller.letterhead(),
        "orders": [_order(of, prices=kind.has_prices) for of in facts.orders],
        "override": None if override is None else {
            "by": override.by, "at": override.at.isoformat(), "reason": override.reason if kind.is_internal else "",
        },
    }  # fmt: skip


def _order(of: OrderFacts, *, prices: bool) -> dict[str, Any]:
    order = of.order
    facts: dict[str, Any] = {
        "number": order.number, "external_no": order.external_no or "", "channel": order.channel.value,
        "placed_on": clock.local(order.placed_at).date().isoformat(), "term": order.payment_term.value,
        "ship_name": order.ship_name, "ship_phone": order.ship_phone, "ship_address": order.ship_address,
        "carrier": order.carrier, "buyer_note": order.buyer_note,
    }  # fmt: skip
    if prices:
        facts |= {"total": of.due.in_satang, "platform": order.channel_discount.in_satang}
    return facts


def _priced(draft: Draft, facts: Facts, asked: Asked, rate_bp: int | None) -> Draft:
    """Goods with prices; for receipts also the money received, for payment details what was paid."""
    kind = draft.kind
    lines, sums = add_up([line for of in facts.orders for line in of.lines()], rate_bp)
    check_sums(sums)
    content = draft.content | {"lines": [as_json(line) for line in lines], "sums": sums_json(sums, lines)}
    shares = {of.id: of.due for of in facts.orders}
    total = Money.satang(sums.total)
    if kind.layout is Layout.MONEY:
        content |= {"payments": _payments(facts), "money": _money_json(facts)}
    if kind.layout is Layout.RECEIPT:
        shares = _received(kind, facts, asked.amount)
        total = sum(shares.values(), start=ZERO)
        content |= {"payments": [p for p in _payments(facts) if p["verified"]], "money": _receipt_json(facts, total)}
        if not kind.bills_goods:  # what came in, whatever it is for
            sums = Sums(total.in_satang, 0, 0, 0, None)
    if kind.kind is K.DELIVERY_NOTE or kind.kind is K.DELIVERY_TAX_INVOICE:
        content["boxes"] = _boxes(facts)
    return replace(draft, content=content, shares=shares, sums=sums, total=total)


def _received(kind: Kind, facts: Facts, amount: Money | None) -> dict[int, Money]:
    """How much of the money the receipt acknowledges for each order: all of it, or the amount asked for, the first
    order first."""
    room = {of.id: of.receivable for of in facts.orders}
    whole = sum(room.values(), start=ZERO)
    if amount is None or (kind.bills_goods and amount == whole):
        return room
    if kind.bills_goods:
        raise InvalidInput(
            say("It is for the whole amount of {amount}", amount=whole), field="amount", code="amount_whole"
        )
    if not ZERO < amount <= whole:
        raise InvalidInput(
            say("A receipt can be for at most {amount}, what is verified and has none yet", amount=whole),
            field="amount", code="receipt_amount",
        )  # fmt: skip
    shares, left = {}, amount
    for order_id, most in room.items():
        shares[order_id] = min(most, left)
        left -= shares[order_id]
    return shares


def check_sums(sums: Sums) -> None:
    """Raise Refused when a discount is larger than what is left of the goods it was given on."""
    if min(sums.base, sums.vat, sums.zero, sums.exempt) < 0:
        raise Refused(say("The discount is more than what is left of the goods"), code="sums_negative")


def sums_json(sums: Sums, lines: list[Line]) -> dict[str, Any]:
    """The sums as the paper prints them."""
    by_kind = {kind: sum(line.amount for line in lines if line.kind is kind) for kind in LineKind}
    return {
        "goods": by_kind[LineKind.GOODS], "shipping": by_kind[LineKind.SHIPPING],
        "discount": -by_kind[LineKind.DISCOUNT],
        "base": sums.base, "vat": sums.vat, "zero": sums.zero, "exempt": sums.exempt, "total": sums.total,
        "rate_bp": sums.rate_bp,
    }  # fmt: skip


def _payments(facts: Facts) -> list[dict[str, Any]]:
    numbers = {of.id: of.order.number for of in facts.orders}
    return [
        {
            "order": numbers[paid.order_id], "method": paid.method, "amount": paid.amount.in_satang,
            "on": clock.local(paid.at).date().isoformat(), "verified": paid.verified, "account": paid.account,
        }
        for paid in facts.payments
    ]  # fmt: skip


def _money_json(facts: Facts) -> dict[str, int]:
    due = sum((of.due for of in facts.orders), start=ZERO)
    paid = sum((of.paid for of in facts.orders), start=ZERO)
    return {"due": due.in_satang, "paid": paid.in_satang, "outstanding": max(due - paid, ZERO).in_satang}


def _receipt_json(facts: Facts, received: Money) -> dict[str, int]:
    due = sum((of.due for of in facts.orders), start=ZERO)
    before = sum((of.receipted for of in facts.orders), start=ZERO)
    left = max(due - before - received, ZERO)
    return {"due": due.in_satang, "before": before.in_satang, "received": received.in_satang, "left": left.in_satang}


def _boxes(facts: Facts) -> list[dict[str, Any]]:
    numbers = {of.id: of.order.number for of in facts.orders}
    people = {of.id: of.order for of in facts.orders}
    found = []
    for box in facts.boxes:
        mine = [i for i in box.order_ids if i in numbers]
        order = people[mine[0]]
        found.append(
            {
                "orders": [numbers[i] for i in mine], "shipment": box.shipment, "carrier": box.carrier,
                "tracking_no": box.tracking_no, "cod": box.cod.in_satang, "weight": box.weight_grams,
                "to": order.ship_name, "province": order.ship_province, "postcode": order.ship_postcode,
                "left_on": clock.local(box.left_at).date().isoformat() if box.left_at else "",
            }
        )  # fmt: skip
    return found


def _parcels(draft: Draft, facts: Facts) -> Draft:
    """Boxes for the carrier to sign for."""
    boxes = _boxes(facts)
    cash = sum(int(box["cod"]) for box in boxes)
    return replace(draft, content=draft.content | {"boxes": boxes, "cash": cash})


def _goods(draft: Draft, facts: Facts, asked: Asked) -> Draft:
    """Pieces to pick, to pack, or that came back. ``asked.pieces`` narrows it to those; a picking list joins orders."""
    found: list[dict[str, Any]] = []
    for of in facts.orders:
        for row in of.order.lines:
            live = row.quantity - row.canceled
            pieces = asked.pieces.get(row.id, 0) if asked.pieces else _default_pieces(draft.kind, row, live)
            if pieces > live:
                raise InvalidInput(
                    say("{sku}: only {n} were ordered", sku=row.sku_code, n=live), code="too_many_pieces"
                )
            if pieces > 0:
                found.append(
                    {
                        "code": row.sku_code, "name": row.name, "quantity": pieces, "line": row.id,
                        "order": of.order.number, "place": of.places.get(row.sku_id, ""),
                    }
                )  # fmt: skip
    if not found:
        raise Refused(say("There are no pieces to put on it"), code="no_pieces")
    if draft.kind.kind is K.PICKING_LIST:
        found = _joined(found)
    pieces = sum(int(row["quantity"]) for row in found)
    return replace(draft, content=draft.content | {"goods": found, "pieces": pieces, "boxes": _boxes(facts)})


def _default_pieces(kind: Kind, row: Any, live: int) -> int:
    """What the paper is about when nothing else is said: came back, still to go, or all."""
    if kind.kind is K.RETURN_RECEIPT:
        return int(row.returned)
    return int(row.open) or live


def _joined(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line per SKU in shelf order, with the orders it is for."""
    by_code: dict[str, dict[str, Any]] = {}
    for row in rows:
        found = by_code.setdefault(row["code"], {**row, "quantity": 0, "orders": []})
        found["quantity"] += row["quantity"]
        if row["order"] not in found["orders"]:
            found["orders"].append(row["order"])
    return sorted(by_code.values(), key=lambda row: (row["place"] == "", row["place"], row["code"]))


def _voucher(draft: Draft, facts: Facts) -> Draft:
    """Money paid back: how much, to whom, how, why."""
    refund = facts.refund
    if refund is None or refund.paid_at is None:
        raise Refused(say("A refund voucher is for a refund that was paid"), code="refund_not_paid")
    hidden = "•" * max(len(refund.to_account) - 4, 0) + refund.to_account[-4:]
    paid = {
        "refund": refund.number, "amount": refund.amount.in_satang, "method": refund.method.value,
        "bank": refund.to_bank, "account": hidden, "name": refund.to_name, "reason": refund.reason,
        "reference": refund.reference, "on": clock.local(refund.paid_at).date().isoformat(),
        "asked_by": refund.requested_label, "approved_by": refund.decided_label, "paid_by": refund.paid_label,
    }  # fmt: skip
    buyer = Buyer(refund.to_name or draft.buyer.name, address=draft.buyer.address, phone=draft.buyer.phone)
    return replace(
        draft, content=draft.content | {"refund": paid, "buyer": asdict(buyer)},
        shares={facts.first.id: refund.amount}, total=refund.amount,
        sums=Sums(refund.amount.in_satang, 0, 0, 0, None), refund_id=refund.id, buyer=buyer,
    )  # fmt: skip
