"""What an order being typed would come to: the same arithmetic as placing it, but nothing is refused or saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from oms.catalog.queries import sku_facts
from oms.customers.fingerprint import address_key
from oms.customers.models import Customer, IdentityKind
from oms.customers.queries import find_by_identity
from oms.db import Tx
from oms.errors import OmsError, Problem, say
from oms.inventory.availability import available, places
from oms.money import ZERO, Money
from oms.orders import rules
from oms.payments.cod_risk import cod_risks
from oms.thai.addresses import address_problems
from oms.thai.phone import read_phone
from oms.usecases.customer_groups import agreed_prices
from oms.usecases.orders_duplicates import Twin, find_duplicates
from oms.usecases.orders_place import NewLine, ShipTo


@dataclass(frozen=True)
class LinePreview:
    """One line as it stands. ``free``: warehouse id -> pieces free. ``total`` None: its figures are wrong. ``listed``:
    what a piece costs this buyer; ``group``: whose price list says so."""

    sku_id: int
    total: Money | None
    free: Mapping[int, int]
    is_short: bool
    listed: Money | None = None
    group: str = ""


@dataclass(frozen=True)
class Preview:
    """``percent``: how far under the catalog's prices. ``warnings`` do not stop saving; ``problems`` do."""

    lines: tuple[LinePreview, ...] = ()
    goods_total: Money = ZERO
    total: Money = ZERO
    percent: Decimal = Decimal(0)
    over_limit: bool = False
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    twins: tuple[Twin, ...] = ()
    known: Customer | None = None


@dataclass(frozen=True)
class PreviewOrder:
    """What is on the screen. ``warehouse_id`` None: any warehouse. ``draft_id``: the draft being edited, no twin of
    itself."""

    lines: Sequence[NewLine]
    ship_to: ShipTo
    warehouse_id: int | None = None
    customer_id: int | None = None
    discount: Money = ZERO
    shipping_fee: Money = ZERO
    draft_id: int | None = None
    looks_for_twins: bool = field(default=True)


def preview_order(tx: Tx, cmd: PreviewOrder) -> Preview:
    """Add up what is there, and say what is short, doubtful or doubled."""
    tx.actor.require("order.create")
    skus = sku_facts(tx.session, {line.sku_id for line in cmd.lines})
    known_lines = [line for line in cmd.lines if line.sku_id in skus]
    free = available(tx.session, [line.sku_id for line in known_lines], [p.id for p in places(tx.session, tx.actor)])
    agreed = agreed_prices(tx, cmd.customer_id, cmd.ship_to.phone, skus)
    prices = {sku.id: sku.price for sku in skus.values()} | dict(agreed.prices if agreed else {})
    problems: list[Problem] = []
    lines = []
    for i, line in enumerate(cmd.lines):
        total = None
        if line.sku_id in skus:
            unit_price = prices[line.sku_id] if line.unit_price is None else line.unit_price
            try:
                rules.check_line(line.quantity, unit_price, line.discount, f"lines.{i}")
                total = rules.line_total(line.quantity, unit_price, line.discount)
            except OmsError as refusal:
                problems += refusal.problems()
        mine = free.get(line.sku_id, {})
        there = sum(mine.values()) if cmd.warehouse_id is None else mine.get(cmd.warehouse_id, 0)
        short = there < _asked(cmd.lines, line.sku_id)
        group = agreed.group if agreed and line.sku_id in agreed.prices else ""
        lines.append(LinePreview(line.sku_id, total, mine, short, prices.get(line.sku_id), group))
    goods_total = sum((line.total for line in lines if line.total is not None), start=ZERO)
    total = goods_total
    try:
        total = rules.order_total(goods_total, cmd.discount, cmd.shipping_fee)
    except OmsError as refusal:
        problems += refusal.problems()
    listed = sum((prices[line.sku_id] * line.quantity for line in known_lines), start=ZERO)
    percent = rules.discount_percent(listed, goods_total - cmd.discount)
    return Preview(
        lines=tuple(lines),
        goods_total=goods_total,
        total=total,
        percent=percent,
        over_limit=percent > tx.actor.discount_limit,
        problems=tuple(problems),
        warnings=(*_risks(tx, cmd.ship_to), *_warnings(cmd.ship_to)),
        twins=tuple(_twins(tx, cmd)),
        known=_known(tx, cmd),
    )


def _asked(lines: Sequence[NewLine], sku_id: int) -> int:
    """Pieces of one SKU over all lines."""
    return sum(line.quantity for line in lines if line.sku_id == sku_id)


def _warnings(to: ShipTo) -> list[Problem]:
    """What does not fit in the address, once any of it was typed."""
    parts = (to.subdistrict, to.district, to.province, to.postcode)
    return address_problems(*parts) if any(part.strip() for part in parts) else []


def _risks(tx: Tx, to: ShipTo) -> list[Problem]:
    """What speaks against sending cash on delivery to this phone or address."""
    place = (read_phone(to.phone) or "", address_key(to.line, to.postcode))
    risk = cod_risks(tx.session, [place]).get(place)
    if risk is None:
        return []
    said = [say("Blacklisted: {reason}", reason=reason) for reason in risk.blocked]
    if risk.by_phone:
        said.append(say("This phone refused {n} cash-on-delivery parcels before", n=risk.by_phone))
    if risk.by_address:
        said.append(say("At this address {n} cash-on-delivery parcels were refused before", n=risk.by_address))
    return [Problem("cod_risk", sentence, "phone") for sentence in said]


def _twins(tx: Tx, cmd: PreviewOrder) -> list[Twin]:
    if not cmd.looks_for_twins:
        return []
    items = [(line.sku_id, line.quantity) for line in cmd.lines]
    return find_duplicates(tx.session, tx.actor, phone=cmd.ship_to.phone, items=items, exclude=cmd.draft_id)


def _known(tx: Tx, cmd: PreviewOrder) -> Customer | None:
    """Whose phone was typed, when nobody was chosen yet."""
    phone = read_phone(cmd.ship_to.phone)
    if cmd.customer_id is not None or not phone or not tx.actor.may("customer.view"):
        return None
    return find_by_identity(tx.session, IdentityKind.PHONE, phone)
