"""What an amendment proposes: lines, discount, fee and address as they shall be. Kept as JSON on the change set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from oms.errors import InvalidInput, Problem, say
from oms.money import ZERO, Money
from oms.orders import rules
from oms.orders.models import Order
from oms.thai.phone import read_phone
from oms.thai.text import clean

ADDRESS = (
    "ship_name", "ship_phone", "ship_line", "ship_subdistrict", "ship_district", "ship_province", "ship_postcode",
)  # fmt: skip
_LENGTHS = {"ship_name": 200, "ship_phone": 40, "ship_line": 1000, "ship_postcode": 10}


@dataclass(frozen=True)
class AmendedLine:
    """One line as it shall be. ``line_id`` None adds the SKU; quantity 0 takes a line out.

    ``unit_price`` None keeps the line's price, or takes the catalog's for an added one.
    """

    sku_id: int
    quantity: int
    line_id: int | None = None
    unit_price: Money | None = None
    discount: Money = ZERO


@dataclass(frozen=True)
class Proposal:
    """The whole order as it shall be after the amendment."""

    lines: tuple[AmendedLine, ...]
    discount: Money
    shipping_fee: Money
    address: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Amounts in satang."""
        return {
            "lines": [
                asdict(line)
                | {
                    "unit_price": None if line.unit_price is None else line.unit_price.in_satang,
                    "discount": line.discount.in_satang,
                }
                for line in self.lines
            ],
            "discount": self.discount.in_satang,
            "shipping_fee": self.shipping_fee.in_satang,
            "address": dict(self.address),
        }


def from_json(stored: Mapping[str, Any]) -> Proposal:
    """The proposal of a stored change set."""
    return Proposal(
        lines=tuple(
            AmendedLine(
                sku_id=line["sku_id"],
                quantity=line["quantity"],
                line_id=line["line_id"],
                unit_price=None if line["unit_price"] is None else Money.satang(line["unit_price"]),
                discount=Money.satang(line["discount"]),
            )
            for line in stored["lines"]
        ),
        discount=Money.satang(stored["discount"]),
        shipping_fee=Money.satang(stored["shipping_fee"]),
        address=dict(stored["address"]),
    )


def as_it_is(order: Order) -> Proposal:
    """The proposal that changes nothing: where every amendment starts, and what it is compared with."""
    return Proposal(
        lines=tuple(
            AmendedLine(line.sku_id, line.open, line.id, line.unit_price, line.discount)
            for line in order.lines
            if line.open
        ),
        discount=order.discount,
        shipping_fee=order.shipping_fee,
        address={name: getattr(order, name) for name in ADDRESS},
    )


def cleaned(proposal: Proposal) -> Proposal:
    """With an address fit for storing. Raises InvalidInput without a name to send to."""
    address = {n: clean(proposal.address.get(n, ""))[: _LENGTHS.get(n, 100)] for n in ADDRESS}
    address["ship_phone"] = read_phone(address["ship_phone"]) or address["ship_phone"]
    if not address["ship_name"]:
        raise InvalidInput(say("Who gets the parcel? Enter a name"), field="ship_name", code="name_missing")
    return Proposal(proposal.lines, proposal.discount, proposal.shipping_fee, address)


@dataclass(frozen=True)
class PricedLine:
    """A proposed line with its price settled."""

    line_id: int | None
    sku_id: int
    quantity: int
    list_price: Money
    unit_price: Money
    discount: Money

    @property
    def total(self) -> Money:
        return rules.line_total(self.quantity, self.unit_price, self.discount)


@dataclass(frozen=True)
class Priced:
    """A checked proposal. ``listed`` is what the goods cost by the catalog."""

    lines: tuple[PricedLine, ...]
    goods_total: Money
    total: Money
    listed: Money


def price(order: Order, proposal: Proposal, catalog: Mapping[int, Money]) -> Priced:
    """Check every figure and add it up. ``catalog``: price by SKU id. Raises InvalidInput with all that is wrong."""
    known = {line.id: line for line in order.lines}
    problems: list[Problem] = []
    priced: list[PricedLine] = []
    named: set[int] = set()
    for i, line in enumerate(proposal.lines):
        place, stored = f"lines.{i}", known.get(line.line_id or 0)
        if line.sku_id not in catalog or (line.line_id is not None and stored is None) or line.line_id in named:
            problems.append(Problem("sku_unknown", say("There is no such SKU"), place))
            continue
        if line.line_id is not None:
            named.add(line.line_id)
        if line.quantity == 0:
            continue
        listed = stored.list_price if stored else catalog[line.sku_id]
        unit = line.unit_price if line.unit_price is not None else (stored.unit_price if stored else listed)
        try:
            rules.check_line(line.quantity, unit, line.discount, place)
        except InvalidInput as refusal:
            problems += refusal.problems()
            continue
        sku_id = stored.sku_id if stored else line.sku_id
        priced.append(PricedLine(line.line_id, sku_id, line.quantity, listed, unit, line.discount))
    if problems:
        first, *rest = problems
        raise InvalidInput(first.message, field=first.field, code=first.code, others=tuple(rest))
    if not priced:
        raise InvalidInput(say("Nothing would be left of the order; cancel it instead"), field="lines", code="no_lines")
    goods = sum((line.total for line in priced), start=ZERO)
    return Priced(
        lines=tuple(priced),
        goods_total=goods,
        total=rules.order_total(goods, proposal.discount, proposal.shipping_fee),
        listed=sum((line.list_price * line.quantity for line in priced), start=ZERO),
    )
