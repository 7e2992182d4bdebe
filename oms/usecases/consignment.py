"""Goods on partners' shelves: sent there by transfer, sold by the partner, settled with a paper (W16).

Only what the partner says was sold leaves our books; what it owes is sold goods less commission, kept as figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import select

from oms import audit, clock, numbering
from oms.catalog.models import Sku
from oms.db import Tx
from oms.errors import Conflict, InvalidInput, NotFound, say
from oms.inventory import moving
from oms.inventory.consignment_models import ConsignmentPartner, Settlement, SettlementLine
from oms.inventory.models import MovementKind, Warehouse, WarehouseKind
from oms.inventory.moving import Move, Why
from oms.inventory.states import SETTLEMENT, SettlementStatus
from oms.money import ZERO, Money
from oms.orders.rules import MAX_PRICE
from oms.thai.tax_id import is_tax_id
from oms.usecases import stock_checks as checks
from oms.usecases.keeping import Saved, between, bounded, checked, known, lock_row, put, refuse_taken
from oms.usecases.masters import code_of
from oms.usecases.stock_checks import StockLine

PREFIX = "CS"
ACTION = "consignment.settle"


@dataclass(frozen=True)
class PartnerFacts:
    """A partner and its shelf. ``commission`` in percent of the sold price."""

    code: str
    name: str
    commission: Decimal
    contact: str = ""
    phone: str = ""
    province: str = ""
    address: str = ""
    tax_id: str = ""
    pay_days: int = 30
    note: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class EditPartner:
    """``version`` is what the editor saw."""

    warehouse_id: int
    version: int
    facts: PartnerFacts


@dataclass(frozen=True)
class Sold:
    """Pieces of one SKU the partner sold. ``unit_price`` None: the catalog's."""

    sku_id: int
    quantity: int
    unit_price: Money | None = None


@dataclass(frozen=True)
class ReportSold:
    """What a partner says it sold in some days. ``commission`` None: what is agreed."""

    warehouse_id: int
    lines: tuple[Sold, ...]
    idempotency_key: str
    sold_from: date | None = None
    sold_to: date | None = None
    reference: str = ""
    note: str = ""
    commission: Decimal | None = None


@dataclass(frozen=True)
class SettlementMade:
    """``repeated``: it was saved before with this key."""

    settlement_id: int
    number: str
    sold: Money
    commission: Money
    due: Money
    repeated: bool = False


@dataclass(frozen=True)
class PaySettlement:
    settlement_id: int
    paid_on: date
    reference: str = ""
    version: int | None = None


@dataclass(frozen=True)
class CancelSettlement:
    settlement_id: int
    reason: str
    version: int | None = None


def create_partner(tx: Tx, facts: PartnerFacts) -> Saved:
    """Open a partner's place. Goods are sent there by transfer; orders never are."""
    tx.actor.require(ACTION)
    place, partner = _checked(facts)
    refuse_taken(tx, Warehouse.code, place["code"], "code")
    row = Warehouse(kind=WarehouseKind.CONSIGNMENT, rank=1000, cover_days=0, **place)
    tx.session.add(row)
    tx.session.flush()  # the partner names its place
    tx.session.add(ConsignmentPartner(warehouse_id=row.id, **partner))
    audit.record(tx, "partner.created", "partner", row.id, row.code, after=known(place | partner))
    return Saved(row.id)


def edit_partner(tx: Tx, cmd: EditPartner) -> Saved:
    """Change a partner. Settlements made before keep their figures."""
    tx.actor.require(ACTION)
    partner = lock_partner(tx, cmd.warehouse_id, cmd.version)
    row = lock_row(tx, Warehouse, cmd.warehouse_id)
    place, facts = _checked(cmd.facts)
    refuse_taken(tx, Warehouse.code, place["code"], "code", row.id)
    if row.is_active and not place["is_active"]:
        checks.refuse_stock(tx, row)
    before, after = put(row, place)
    was, now = put(partner, facts)
    if not (after or now):
        return Saved(row.id, changed=False)
    audit.record(tx, "partner.edited", "partner", row.id, row.code, before=before | was, after=after | now)
    return Saved(row.id)


def lock_partner(tx: Tx, warehouse_id: int, version: int | None = None) -> ConsignmentPartner:
    """A partner of one of the actor's places, locked. Raises NotFound or Conflict."""
    statement = (
        select(ConsignmentPartner)
        .where(ConsignmentPartner.warehouse_id == warehouse_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    partner = tx.session.scalars(statement).one_or_none()
    if partner is None or not tx.actor.sees_warehouse(warehouse_id):
        raise NotFound(say("There is no such partner, or it is not yours to see"), code="partner_not_found")
    if version is not None and partner.version != version:
        raise Conflict(say("Someone else changed this partner; reload and look again"), code="stale")
    return partner


def _checked(facts: PartnerFacts) -> tuple[dict[str, Any], dict[str, Any]]:
    place = checked(
        code=lambda: code_of(facts.code, 20).upper(),
        name=lambda: bounded(facts.name, 200, "name", missing=say("Enter a name")),
        province=lambda: bounded(facts.province, 100, "province"),
        address=lambda: bounded(facts.address, 500, "address"),
        phone=lambda: bounded(facts.phone, 20, "phone"),
        is_active=lambda: facts.is_active,
    )
    partner = checked(
        name=lambda: bounded(facts.name, 200, "name"),
        contact=lambda: bounded(facts.contact, 200, "contact"),
        phone=lambda: bounded(facts.phone, 40, "phone"),
        tax_id=lambda: _tax_id(facts.tax_id),
        commission=lambda: percent(facts.commission),
        pay_days=lambda: between(facts.pay_days, 0, 365, "pay_days"),
        note=lambda: bounded(facts.note, 500, "note"),
    )
    return place, partner


def _tax_id(text: str) -> str:
    digits = "".join(c for c in bounded(text, 20, "tax_id") if c.isdigit())
    if text.strip() and not is_tax_id(digits):
        raise InvalidInput(say("A tax id has 13 digits and a check digit that fits"), field="tax_id", code="tax_id")
    return digits


def percent(value: Decimal) -> Decimal:
    """A commission in percent with two decimals at most, or InvalidInput."""
    rounded = value.quantize(Decimal("0.01"), ROUND_HALF_UP)
    if not 0 <= value <= 100 or rounded != value:
        raise InvalidInput(
            say("A commission is from 0 to 100 percent, with two decimals at most"), field="commission",
            code="commission_range",
        )  # fmt: skip
    return rounded


def report_sold(tx: Tx, cmd: ReportSold) -> SettlementMade:
    """Take sold pieces off a partner's shelf and make the settlement. The same key again answers like the first time.

    Raises StockShort for more pieces than lie there, InvalidInput for figures that cannot be.
    """
    tx.actor.require(ACTION)
    checks.take_turn(tx, cmd.idempotency_key)
    earlier = tx.session.scalars(
        select(Settlement).where(Settlement.idempotency_key == cmd.idempotency_key)
    ).one_or_none()
    if earlier is not None:
        return _made(earlier, repeated=True)
    partner = lock_partner(tx, cmd.warehouse_id)
    lines = _lines(tx, cmd.lines)
    sold = sum((line.total for line in lines), start=ZERO)
    rate = percent(cmd.commission) if cmd.commission is not None else partner.commission
    fee = commission_of(sold, rate)
    moves = _moves(lines, -1)
    levels = moving.lock(tx, cmd.warehouse_id, [move.sku_id for move in moves])
    checks.refuse_impossible(tx, cmd.warehouse_id, levels, moves)
    settlement = Settlement(
        number=numbering.allot_yearly(tx, PREFIX), status=SettlementStatus.OPEN, partner=partner.name, lines=lines,
        pieces=sum(line.quantity for line in lines), sold=sold, percent=rate, commission=fee, due=sold - fee,
        due_on=clock.today() + timedelta(days=partner.pay_days), at=clock.now(), actor=tx.actor.label[:120],
        **_words(cmd),
    )  # fmt: skip
    tx.session.add(settlement)
    tx.session.flush()  # movements and the audit row name it
    moving.post(tx, cmd.warehouse_id, levels, moves, Why(MovementKind.CONSIGN_SOLD, settlement.number, partner.name))
    _tell(tx, "settlement.made", settlement, after={"sold": sold, "commission": fee, "due": settlement.due,
                                                     "percent": str(rate), "pieces": settlement.pieces})  # fmt: skip
    return _made(settlement)


def _words(cmd: ReportSold) -> dict[str, Any]:
    if cmd.sold_from and cmd.sold_to and cmd.sold_to < cmd.sold_from:
        raise InvalidInput(say("The last day is before the first"), field="sold_to", code="days_reversed")
    return {
        "warehouse_id": cmd.warehouse_id, "sold_from": cmd.sold_from, "sold_to": cmd.sold_to,
        "reference": bounded(cmd.reference, 80, "reference"), "note": bounded(cmd.note, 500, "note"),
        "idempotency_key": cmd.idempotency_key,
    }  # fmt: skip


def _lines(tx: Tx, sold: Sequence[Sold]) -> list[SettlementLine]:
    once = tuple(StockLine(sku, 1) for sku in dict.fromkeys(line.sku_id for line in sold))
    checks.check_lines(tx, once, low=1)
    listed = {row.id: row.price for row in tx.session.scalars(select(Sku).where(Sku.id.in_({x.sku_id for x in sold})))}
    made = []
    for at, line in enumerate(sold, 1):
        price = listed[line.sku_id] if line.unit_price is None else line.unit_price
        if not 1 <= line.quantity <= moving.MOST:
            raise InvalidInput(say("Enter whole numbers of pieces"), field="lines", code="quantity_range")
        if not ZERO <= price <= MAX_PRICE:
            raise InvalidInput(
                say("The price must be from 0 to {most}, not {price}", most=MAX_PRICE, price=price), field="lines",
                code="price_range",
            )  # fmt: skip
        made.append(
            SettlementLine(
                position=at, sku_id=line.sku_id, quantity=line.quantity, unit_price=price, total=price * line.quantity
            )
        )
    return made


def commission_of(sold: Money, rate: Decimal) -> Money:
    """The partner's share, to the satang, half up."""
    satang = (Decimal(sold.in_satang) * rate / 100).quantize(Decimal(1), ROUND_HALF_UP)
    return Money.satang(int(satang))


def _moves(lines: Sequence[SettlementLine], sign: int) -> list[Move]:
    pieces: dict[int, int] = defaultdict(int)
    for line in lines:
        pieces[line.sku_id] += line.quantity
    return [Move(sku, sign * n) for sku, n in sorted(pieces.items())]


def pay_settlement(tx: Tx, cmd: PaySettlement) -> SettlementMade:
    """The partner paid what it owed."""
    settlement = lock_settlement(tx, cmd.settlement_id, cmd.version)
    reference = bounded(cmd.reference, 80, "reference")
    if cmd.paid_on > clock.today():
        raise InvalidInput(say("This day has not come yet"), field="paid_on", code="future")
    SETTLEMENT.fire(settlement, "pay")
    settlement.paid_on, settlement.paid_reference = cmd.paid_on, reference
    _close(tx, settlement)
    _tell(
        tx, "settlement.paid", settlement, after={"due": settlement.due, "paid_on": cmd.paid_on, "reference": reference}
    )
    return _made(settlement)


def cancel_settlement(tx: Tx, cmd: CancelSettlement) -> SettlementMade:
    """A wrong report: its pieces lie on the partner's shelf again, its number stays."""
    settlement = lock_settlement(tx, cmd.settlement_id, cmd.version)
    reason = bounded(cmd.reason, 500, "reason", missing=say("Say in a few words why"))
    SETTLEMENT.fire(settlement, "cancel")
    moves = _moves(settlement.lines, 1)
    levels = moving.lock(tx, settlement.warehouse_id, [move.sku_id for move in moves])
    moving.post(tx, settlement.warehouse_id, levels, moves, Why(MovementKind.CONSIGN_SOLD, settlement.number, reason))
    _close(tx, settlement)
    _tell(tx, "settlement.canceled", settlement, after={"due": settlement.due}, reason=reason)
    return _made(settlement)


def lock_settlement(tx: Tx, settlement_id: int, version: int | None = None) -> Settlement:
    """A settlement of one of the actor's places, locked. Raises NotFound or Conflict."""
    tx.actor.require(ACTION)
    statement = (
        select(Settlement)
        .where(Settlement.id == settlement_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    found = tx.session.scalars(statement).one_or_none()
    if found is None or not tx.actor.sees_warehouse(found.warehouse_id):
        raise NotFound(say("There is no such settlement, or it is not yours to see"), code="settlement_not_found")
    if version is not None and found.version != version:
        raise Conflict(say("Someone else changed this settlement; reload and look again"), code="stale")
    return found


def _close(tx: Tx, settlement: Settlement) -> None:
    settlement.closed_at, settlement.closed_by = clock.now(), tx.actor.label[:120]


def _made(settlement: Settlement, *, repeated: bool = False) -> SettlementMade:
    return SettlementMade(
        settlement.id, settlement.number, settlement.sold, settlement.commission, settlement.due, repeated
    )


def _tell(tx: Tx, action: str, settlement: Settlement, *, after: dict[str, object], reason: str = "") -> None:
    facts = {"partner": settlement.partner, "status": settlement.status, **after}
    audit.record(tx, action, "settlement", settlement.id, settlement.number, after=facts, reason=reason)
