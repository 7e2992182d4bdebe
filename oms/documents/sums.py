"""The arithmetic of bills, in whole satang: VAT once per document, half up, and line values that sum to it.

Prices include VAT: vat = round(total * 7 / 107), base = total - vat (docs/adr/0116). Pure functions of plain values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from oms.catalog.models import VatClass
from oms.money import Money


class LineKind(StrEnum):
    """Goods and the shipping fee stand in the table, a discount of the whole order under it."""

    GOODS = "goods"
    SHIPPING = "shipping"
    DISCOUNT = "discount"


@dataclass(frozen=True)
class Line:
    """One line of a bill. ``amount`` is what it adds to the total, VAT included; ``net`` is it without VAT.

    ``line_id`` and ``order`` say which order line it is copied from.
    """

    kind: LineKind
    name: str
    amount: int
    vat: VatClass = VatClass.STANDARD
    code: str = ""
    quantity: int = 1
    price: int = 0
    discount: int = 0
    net: int = 0
    line_id: int | None = None
    order: str = ""


@dataclass(frozen=True)
class Sums:
    """What a bill adds up to. ``base`` bears VAT; ``zero`` and ``exempt`` do not."""

    base: int
    vat: int
    zero: int
    exempt: int
    rate_bp: int | None

    @property
    def total(self) -> int:
        return self.base + self.vat + self.zero + self.exempt


def vat_in(total: int, rate_bp: int) -> int:
    """The VAT inside an amount that includes it, rounded half up to satang."""
    whole = 10_000 + rate_bp
    doubled = 2 * abs(total) * rate_bp
    found = (doubled + whole) // (2 * whole)
    return found if total >= 0 else -found


def add_up(lines: Iterable[Line], rate_bp: int | None) -> tuple[list[Line], Sums]:
    """The lines with their net values, and the sums. ``rate_bp`` None: the seller bears no VAT.

    Net values come from the running total, so they sum to the base exactly and each is within a satang of its own.
    """
    found: list[Line] = []
    running = before = zero = exempt = 0
    for line in lines:
        if rate_bp is None:
            found.append(replace(line, net=line.amount))
            running += line.amount
        elif line.vat is VatClass.STANDARD:
            running += line.amount
            base = running - vat_in(running, rate_bp)
            found.append(replace(line, net=base - before))
            before = base
        else:
            found.append(replace(line, net=line.amount))
            zero += line.amount if line.vat is VatClass.ZERO else 0
            exempt += line.amount if line.vat is VatClass.EXEMPT else 0
    vat = 0 if rate_bp is None else vat_in(running, rate_bp)
    return found, Sums(running - vat, vat, zero, exempt, rate_bp)


def spread(amount: int, lines: Sequence[Line], name: str, kind: LineKind, order: str) -> list[Line]:
    """An amount that belongs to all of these lines (a discount of the order), by VAT class in proportion to them."""
    weights: dict[VatClass, int] = {}
    for line in lines:
        weights[line.vat] = weights.get(line.vat, 0) + line.amount
    weights = {vat: weight for vat, weight in weights.items() if weight > 0} or {VatClass.STANDARD: 1}
    shares = Money.satang(abs(amount)).allocate(list(weights.values()))
    sign = -1 if amount < 0 else 1
    return [
        Line(kind, name, sign * share.in_satang, vat, order=order)
        for vat, share in zip(weights, shares, strict=True)
        if share
    ]


def class_of(lines: Sequence[Line]) -> VatClass:
    """How a shipping fee is taxed: like the goods when they are all alike, else as a service of its own."""
    classes = {line.vat for line in lines if line.kind is LineKind.GOODS}
    return classes.pop() if len(classes) == 1 else VatClass.STANDARD


@dataclass(frozen=True)
class Left:
    """What is left of an invoice after its notes: VAT-bearing total, the VAT in it, and what bears none."""

    taxed: int
    vat: int
    untaxed: int

    @property
    def total(self) -> int:
        return self.taxed + self.untaxed


def note_sums(amount: int, untaxed: int, left: Left, rate_bp: int, *, sign: int) -> Sums:
    """The sums of a credit or debit note of ``amount`` (VAT included), of which ``untaxed`` bears none.

    A credit note that takes the last of the taxed value takes the last of the VAT too, so that a sale taken back
    whole leaves nothing behind; otherwise the VAT of the difference is rounded like that of an invoice.
    """
    taxed = amount - untaxed
    vat = vat_in(taxed, rate_bp)
    if sign < 0:
        vat = left.vat if taxed == left.taxed else min(vat, left.vat)
    return Sums(taxed - vat, vat, 0, untaxed, rate_bp)


def as_json(line: Line) -> dict[str, object]:
    """A line as the frozen content keeps it; amounts in satang."""
    return {
        "kind": line.kind.value, "code": line.code, "name": line.name, "quantity": line.quantity, "price": line.price,
        "discount": line.discount, "amount": line.amount, "net": line.net, "vat": line.vat.value,
        "line": line.line_id, "order": line.order,
    }  # fmt: skip
