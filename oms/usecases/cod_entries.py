"""COD entries follow the goods: opened when they leave, collected when they arrive. Called where goods move."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, text, update

from oms import clock
from oms.carriers.names import carrier_name
from oms.catalog.models import CHANNEL_LABELS, PLATFORMS
from oms.customers.fingerprint import address_key
from oms.db import Tx, insert_rows
from oms.errors import Refused, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.states import PaymentTerm
from oms.payments.cod_models import CodEntry
from oms.payments.cod_rules import HOLD_DAYS
from oms.payments.states import COD_ENTRY, CodStatus
from oms.shipping.models import Shipment
from oms.shipping.states import BEFORE_HAND_OVER
from oms.usecases.derived import Facts, read_facts

_KNOWN = text(
    """
    SELECT o.id,
      (SELECT coalesce(sum(e.expected), 0) FROM cod_entries e WHERE e.order_id = o.id) AS expected,
      (SELECT coalesce(sum(a.amount), 0) FROM allocations a JOIN payment_claims c ON c.id = a.claim_id
         WHERE a.order_id = o.id AND c.status = 'verified' AND c.method = 'cod') AS banked,
      (SELECT min(s.id) FROM shipment_lines sl JOIN shipments s ON s.id = sl.shipment_id
         WHERE sl.order_id = o.id AND s.status IN ('planned', 'ready', 'picking', 'packed', 'labeled')) AS waiting
    FROM orders o WHERE o.id IN :ids
    """
).bindparams(bindparam("ids", expanding=True))


@dataclass(frozen=True)
class Departure:
    """Goods of one order in one shipment that leave now, or left before."""

    order: Order
    shipment_id: int
    carrier: str
    tracking_no: str
    handed_over_at: datetime
    delivered: bool = False


def pays_us(order: Order, carrier: str) -> str:
    """Who hands the cash over: the carrier, or the marketplace that collects for its own orders."""
    return CHANNEL_LABELS[order.channel] if order.channel in PLATFORMS else carrier_name(carrier)


def plain_number(tracking_no: str) -> str:
    """A tracking number in the form it is found by."""
    return "".join(tracking_no.split()).upper()[:80]


def is_cod(order: Order) -> bool:
    """Whether somebody at the door is to pay for this order."""
    return order.payment_term is PaymentTerm.COD


def open_entries(tx: Tx, leaving: Sequence[Departure], facts: Mapping[int, Facts]) -> dict[int, Money]:
    """Write down what each parcel is to bring; answers the amount per order.

    What is due and not in goes with the first shipment of the order, whole, as its label says: one that leaves before
    it brings nothing, a later one only what became due since. A deposit lowers it. An order with nothing missing gets
    no entry.
    """
    cash = [d for d in leaving if is_cod(d.order)]
    if not cash:
        return {}
    known = {row.id: row for row in tx.session.execute(_KNOWN, {"ids": sorted({d.order.id for d in cash})})}
    rows: list[dict[str, object]] = []
    opened: dict[int, Money] = {}
    for departure in cash:
        order_id = departure.order.id
        money, before = facts[order_id].money, known[order_id]
        promised = Money.satang(int(before.expected) - int(before.banked))
        amount = money.due - money.net - promised - opened.get(order_id, ZERO)
        is_carried = before.waiting is None or departure.shipment_id < before.waiting
        if amount > ZERO and is_carried:
            rows.append(_row(departure, amount))
            opened[order_id] = opened.get(order_id, ZERO) + amount
    insert_rows(tx, CodEntry, rows)
    return opened


def cash_at_the_door(tx: Tx, shipments: Sequence[Shipment]) -> dict[int, Money]:
    """What each of these is to bring, by shipment id: for labels and bookings. Those that bring nothing are missing.

    Once it has left, that is what was written down for it; before, what ``open_entries`` would write down now.
    """
    found: dict[int, Money] = {}
    written = select(CodEntry.shipment_id, CodEntry.to_collect).where(
        CodEntry.shipment_id.in_([s.id for s in shipments])
    )
    for shipment_id, amount in tx.session.execute(written):
        found[shipment_id] = found.get(shipment_id, ZERO) + amount
    waiting = [s for s in shipments if s.status in BEFORE_HAND_OVER]
    inside = {line.order_id for s in waiting for line in s.lines}
    cash = select(Order).where(Order.id.in_(sorted(inside)), Order.payment_term == PaymentTerm.COD)
    orders = list(tx.session.scalars(cash)) if inside else []
    if not orders:
        return found
    facts = read_facts(tx, orders)
    for row in tx.session.execute(_KNOWN, {"ids": sorted(facts)}):
        money, promised = facts[row.id].money, Money.satang(int(row.expected) - int(row.banked))
        amount = money.due - money.net - promised
        if row.waiting is not None and amount > ZERO and row.waiting in {s.id for s in waiting}:
            found[row.waiting] = found.get(row.waiting, ZERO) + amount
    return found


def cash_on_labels(tx: Tx, shipments: Sequence[Shipment]) -> dict[int, Money]:
    """``cash_at_the_door`` of those whose printed labels name an amount; costs nothing when there are none."""
    printed = [s for s in shipments if s.label_cash is not None]
    return cash_at_the_door(tx, printed) if printed else {}


def check_label_cash(shipment: Shipment, due: Mapping[int, Money]) -> None:
    """Raise Refused when a printed label tells the carrier to collect another amount than is due now."""
    now = due.get(shipment.id, ZERO)
    if shipment.label_cash is not None and shipment.label_cash != now:
        raise Refused(
            say(
                "The label of {number} says {printed} to collect, but {due} is due; print it again",
                number=shipment.number, printed=shipment.label_cash, due=now,
            ),
            code="label_cash",
        )  # fmt: skip


def _row(departure: Departure, amount: Money) -> dict[str, object]:
    now = clock.now()
    arrived = departure.delivered
    return {
        "shipment_id": departure.shipment_id, "order_id": departure.order.id,
        "carrier": pays_us(departure.order, departure.carrier), "tracking_no": plain_number(departure.tracking_no),
        "phone": departure.order.ship_phone,
        "address_key": address_key(departure.order.ship_line, departure.order.ship_postcode),
        "status": CodStatus.COLLECTED if arrived else CodStatus.EXPECTED, "to_collect": amount, "expected": amount,
        "collected": amount if arrived else ZERO, "handed_over_at": departure.handed_over_at,
        "collected_at": now if arrived else None, "settle_from": now + HOLD_DAYS if arrived else None,
    }  # fmt: skip


def collect_entries(tx: Tx, orders: Sequence[Order], shipment_ids: Collection[int]) -> dict[int, Money]:
    """The parcels arrived, so the cash is in the carrier's hands; answers the amount per order. The five days that the
    carrier must hold it begin."""
    if not shipment_ids or not any(is_cod(order) for order in orders):
        return {}
    now = clock.now()
    sources = sorted(COD_ENTRY.transitions["collect"].sources)
    rows = tx.session.execute(
        update(CodEntry)
        .where(CodEntry.shipment_id.in_(sorted(shipment_ids)), CodEntry.status.in_(sources))
        .values(
            status=COD_ENTRY.transitions["collect"].target, collected=CodEntry.expected, collected_at=now,
            settle_from=now + HOLD_DAYS, version=CodEntry.version + 1,
        )
        .returning(CodEntry.order_id, CodEntry.expected)
        .execution_options(synchronize_session="fetch")
    )  # fmt: skip
    found: dict[int, Money] = {}
    for order_id, amount in rows:
        found[order_id] = found.get(order_id, ZERO) + amount
    return found


def name_parcel(tx: Tx, order: Order, shipment_id: int, carrier: str, tracking_no: str, was: str = "") -> None:
    """The tracking number of a parcel became known after it left, or was put right: its cash can be found by it."""
    if not is_cod(order):
        return
    tx.session.execute(
        update(CodEntry)
        .where(
            CodEntry.shipment_id == shipment_id,
            CodEntry.order_id == order.id,
            CodEntry.tracking_no.in_({"", plain_number(was)}),
        )
        .values(tracking_no=plain_number(tracking_no), carrier=pays_us(order, carrier), version=CodEntry.version + 1)
        .execution_options(synchronize_session="fetch")
    )


def still_to_come(tx: Tx, orders: Sequence[Order], facts: Mapping[int, Facts]) -> dict[int, Money]:
    """What the next parcel of each of these orders is to bring, by today's facts; orders without cash are left out."""
    cash = [order for order in orders if is_cod(order)]
    if not cash:
        return {}
    known = {row.id: row for row in tx.session.execute(_KNOWN, {"ids": sorted(order.id for order in cash)})}
    found = {}
    for order in cash:
        money, before = facts[order.id].money, known[order.id]
        amount = money.due - money.net - Money.satang(int(before.expected) - int(before.banked))
        if amount > ZERO:
            found[order.id] = amount
    return found
