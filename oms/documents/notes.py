"""What a credit or debit note is made of: the invoice it corrects, as frozen, and the notes before it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from oms import clock
from oms.catalog.models import VatClass
from oms.documents.content import LAYOUT_VERSION, Draft
from oms.documents.kinds import KINDS, Kind
from oms.documents.models import Document
from oms.documents.parties import Buyer
from oms.documents.states import DocumentKind
from oms.documents.sums import Left, Line, LineKind, Sums, as_json, note_sums
from oms.errors import InvalidInput, Refused, say
from oms.money import ZERO, Money


@dataclass(frozen=True)
class Correction:
    """What a note says: how much (VAT included), which pieces, why. ``order`` is the number of the order it is of."""

    amount: Money
    pieces: Mapping[int, int]
    code: str
    reason: tuple[str, str]  # in Thai as the law has it, and in one's own words
    order_id: int
    order: str


def left_of(invoice: Document, notes: Sequence[Document]) -> Left:
    """What is left of an invoice after the notes on it."""
    taxed, vat, untaxed = (invoice.net + invoice.vat).in_satang, invoice.vat.in_satang, invoice.exempt.in_satang
    for note in notes:
        sign = KINDS[note.kind].sign
        taxed += sign * (note.net + note.vat).in_satang
        vat += sign * note.vat.in_satang
        untaxed += sign * note.exempt.in_satang
    return Left(taxed, vat, untaxed)


def goods_of(invoice: Document, order: str) -> dict[int, dict[str, Any]]:
    """The invoice's lines of goods of one order, by order line."""
    rows = invoice.content["lines"]
    return {row["line"]: row for row in rows if row["kind"] == LineKind.GOODS.value and row["order"] == order}


def pieces_left(invoice: Document, notes: Sequence[Document], order: str) -> dict[int, int]:
    """How many pieces of each line earlier credit notes have left."""
    left = {line: int(row["quantity"]) for line, row in goods_of(invoice, order).items()}
    for note in notes:
        for row in note.content["lines"]:
            if note.kind is DocumentKind.CREDIT_NOTE and row["line"] in left:
                left[row["line"]] -= int(row["quantity"])
    return left


def worth(invoice: Document, order: str, pieces: Mapping[int, int]) -> list[Line]:
    """Lines for these pieces at the price they were billed, their share of the order's discount taken off."""
    rows = [row for row in invoice.content["lines"] if row["order"] == order]
    goods = goods_of(invoice, order)
    total = sum(int(row["amount"]) for row in goods.values())
    off = -sum(int(row["amount"]) for row in rows if row["kind"] == LineKind.DISCOUNT.value)
    found = []
    for line, count in pieces.items():
        if not count:
            continue
        row = goods.get(line)
        if row is None or not 0 < count <= int(row["quantity"]):
            raise InvalidInput(say("These pieces are not on the invoice"), field="pieces", code="pieces_unknown")
        amount = int(row["amount"]) * count // int(row["quantity"])
        amount -= amount * off // total if total else 0
        found.append(
            Line(
                LineKind.GOODS, row["name"], amount, VatClass(row["vat"]), row["code"], count, line_id=line, order=order
            )
        )  # fmt: skip
    return found


def shared(lines: Sequence[Line], amount: int) -> list[Line]:
    """The same lines, their values in proportion made to sum to ``amount``."""
    weights = [line.amount for line in lines]
    if not sum(weights):
        weights = [1] * len(lines)
    shares = Money.satang(amount).allocate(weights)
    return [
        replace(line, amount=share.in_satang, price=share.in_satang // line.quantity)
        for line, share in zip(lines, shares, strict=True)
    ]


def untaxed_part(lines: Sequence[Line], amount: int, left: Left) -> int:
    """How much of the amount bears no VAT: as the pieces say, else in proportion to what is left of the invoice."""
    if lines:
        part = sum(line.amount for line in lines if line.vat is not VatClass.STANDARD)
    else:
        part = amount * left.untaxed // left.total if left.total else 0
    return part


def build_note(kind: Kind, invoice: Document, notes: Sequence[Document], asked: Correction, language: str) -> Draft:
    """The note, without a number. Raises Refused when a credit note takes more than is left."""
    left, amount = left_of(invoice, notes), asked.amount.in_satang
    if amount <= 0:
        raise InvalidInput(say("The amount must be more than 0"), field="amount", code="amount_range")
    if kind.sign < 0 and amount > left.total:
        raise Refused(
            say("Only {amount} of {number} is left to credit", amount=Money.satang(left.total), number=invoice.number),
            field="amount", code="credit_too_much",
        )  # fmt: skip
    lines = shared(worth(invoice, asked.order, asked.pieces), amount) if any(asked.pieces.values()) else []
    untaxed = untaxed_part(lines, amount, left)
    if kind.sign < 0:  # never more of either part than there is
        untaxed = max(min(untaxed, left.untaxed), amount - left.taxed)
    rate = invoice.vat_rate_bp or 0
    sums = note_sums(amount, untaxed, left, rate, sign=kind.sign)
    if not lines:
        lines = [Line(LineKind.GOODS, asked.reason[0], amount, price=amount, order=asked.order)]
    return Draft(
        kind=kind, content=_content(kind, invoice, left, asked, lines, sums, language), buyer=_buyer(invoice),
        issued_on=clock.today(), tax_point=clock.today(), shares={asked.order_id: asked.amount}, sums=sums,
        total=asked.amount, branch=invoice.branch, customer_id=invoice.customer_id, refers_to_id=invoice.id,
    )  # fmt: skip


def _buyer(invoice: Document) -> Buyer:
    return Buyer(**invoice.content["buyer"])


def _content(
    kind: Kind, invoice: Document, left: Left, asked: Correction, lines: Sequence[Line], sums: Sums, language: str
) -> dict[str, Any]:
    frozen = invoice.content
    original = (invoice.net + invoice.exempt).in_satang
    before = left.total - left.vat
    difference = sums.base + sums.exempt
    return {
        "layout": LAYOUT_VERSION, "body": kind.layout.value, "kind": kind.kind.value, "language": language,
        "title": [kind.thai, kind.english], "is_tax": True, "is_short": False, "in_set": False,
        "copy_mark": kind.copy_mark, "signs": [list(pair) for pair in kind.signs], "etda": kind.etda,
        "issued_on": clock.today().isoformat(), "tax_point": clock.today().isoformat(), "remark": "",
        "seller": frozen["seller"], "buyer": frozen["buyer"], "override": None,
        "orders": [row for row in frozen["orders"] if row["number"] == asked.order],
        "lines": [as_json(line) for line in lines],
        "sums": {
            "base": sums.base, "vat": sums.vat, "zero": 0, "exempt": sums.exempt, "total": sums.total,
            "rate_bp": sums.rate_bp, "goods": sums.total, "shipping": 0, "discount": 0,
        },
        "note": {
            "number": invoice.number, "on": invoice.issued_on.isoformat(), "title": frozen["title"],
            "original": original, "before": before, "right": before + kind.sign * difference, "difference": difference,
            "code": asked.code, "reason": asked.reason[0], "words": asked.reason[1],
        },
    }  # fmt: skip


def whole(invoice: Document, notes: Sequence[Document]) -> Money:
    """All that is left of an invoice."""
    return max(Money.satang(left_of(invoice, notes).total), ZERO)
