"""Take in what a channel says about its orders: new ones are placed, known ones follow, the rest waits for a person.

The same verb serves a file and, later, an API: one order for each (shop, external number), for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select

from oms import clock
from oms.catalog.models import MARKETPLACES, Channel, ChannelSku, Sku
from oms.catalog.queries import ShopFacts, shop_facts
from oms.customers.finding import Buyer
from oms.customers.models import IdentityKind
from oms.db import Tx, insert_rows
from oms.errors import NotFound, OmsError, Say, say
from oms.intake.models import ImportedOrder
from oms.intake.queries import one_of
from oms.intake.records import CellProblem, LineIn, OrderIn, Stage
from oms.intake.states import Outcome
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import hold_orders
from oms.orders.states import CancelReason, HoldReason, PaymentTerm
from oms.shipping.models import Parcel
from oms.usecases.intake_merge import PAID_THERE, Follow, follow_orders, note_conflict, snapshot_of
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_holds import HoldOrder, hold_order
from oms.usecases.orders_place import NewLine, OrderPlaced, PlaceOrder, ShipTo, Stock, place_orders, rehearse_orders
from oms.usecases.shipping import LeftBefore, record_left_before

LEFT = frozenset({Stage.SHIPPED, Stage.DELIVERED, Stage.COMPLETED, Stage.RETURNED})
ARRIVED = frozenset({Stage.DELIVERED, Stage.COMPLETED})


@dataclass(frozen=True)
class Incoming:
    """One order as its channel tells it. ``no`` is the caller's own key; ``fingerprint`` that of the raw words."""

    no: int
    order: OrderIn
    fingerprint: str = ""


@dataclass(frozen=True)
class TakeOrders:
    """Orders of one shop, each at most once. ``run_id`` names the file they came in. ``rehearse``: new orders are
    judged but not placed; the caller undoes what known orders did. ``vouched``: the shop itself said so, by its
    interface: an order that it asks us to send is paid there."""

    shop_id: int
    run_id: int
    orders: Sequence[Incoming]
    rehearse: bool = False
    vouched: bool = False


@dataclass(frozen=True)
class Taken:
    """What became of one order, and why it waits when it does."""

    no: int
    outcome: Outcome
    order_id: int | None = None
    problems: tuple[CellProblem, ...] = ()
    unknown_skus: tuple[str, ...] = ()


@dataclass(frozen=True)
class Meaning:
    """What a shop's word for a product means here: one sold there is ``multiplier`` pieces of ``sku_id``."""

    sku_id: int
    multiplier: int = 1


@dataclass
class _Work:
    """The batch on its way: the shop, what SKU words mean, and what became of each order."""

    shop: ShopFacts
    run_id: int
    meanings: Mapping[str, Meaning]
    vouched: bool = False
    taken: dict[int, Taken] = field(default_factory=dict)


def take_orders(tx: Tx, cmd: TakeOrders) -> list[Taken]:
    """Place the new orders and let the known ones follow their channel. Raises Forbidden or NotFound for the whole."""
    tx.actor.require("intake.import")
    shop = shop_facts(tx.session, [cmd.shop_id]).get(cmd.shop_id)
    if shop is None or not tx.actor.sees_shop(cmd.shop_id):
        raise NotFound(say("There is no such shop, or it is not yours to use"), field="shop", code="shop_not_found")
    words = {line.sku for i in cmd.orders for line in i.order.lines}
    work = _Work(shop, cmd.run_id, sku_meanings(tx, cmd.shop_id, words), cmd.vouched and shop.channel is Channel.WEB)
    known = _known(tx, cmd.shop_id, [i.order.external_no for i in cmd.orders])
    hold_orders(tx, known.values())  # before any stock: whoever sends goods locks orders first and balances after
    fresh = [i for i in cmd.orders if i.order.external_no not in known]
    (_rehearse if cmd.rehearse else _place)(tx, work, fresh)
    later = {known[i.order.external_no]: i for i in cmd.orders if i.order.external_no in known}
    follows = [Follow(order_id, i.order, i.fingerprint, work.vouched) for order_id, i in later.items()]
    for order_id, changed in follow_orders(tx, cmd.shop_id, cmd.run_id, follows).items():
        outcome = Outcome.UPDATED if changed else Outcome.UNCHANGED
        work.taken[later[order_id].no] = Taken(later[order_id].no, outcome, order_id)
    return [work.taken[i.no] for i in cmd.orders]


def sku_meanings(tx: Tx, shop_id: int, words: set[str]) -> dict[str, Meaning]:
    """What the shop's words for products mean: by its own map first, else by our SKU code, whatever its case."""
    wanted = sorted(w for w in words if w)
    if not wanted:
        return {}
    folded = {w.casefold(): w for w in wanted}
    found: dict[str, Meaning] = {}
    codes = select(Sku.code, Sku.id).where(func.lower(Sku.code).in_(sorted(folded)), Sku.is_active)
    for code, sku_id in tx.session.execute(codes):
        for word in wanted:
            if word == code or (word.casefold() == code.casefold() and word not in found):
                found[word] = Meaning(sku_id)
    mapped = select(ChannelSku.external_sku, ChannelSku.sku_id, ChannelSku.multiplier).where(
        ChannelSku.shop_id == shop_id, ChannelSku.external_sku.in_(wanted)
    )
    return found | {word: Meaning(sku_id, times) for word, sku_id, times in tx.session.execute(mapped)}


def _known(tx: Tx, shop_id: int, numbers: Sequence[str]) -> dict[str, int]:
    rows = tx.session.execute(
        select(Order.external_no, Order.id).where(Order.shop_id == shop_id, one_of(Order.external_no, numbers))
    )
    return {number: order_id for number, order_id in rows if number}


def _ready(work: _Work, fresh: Sequence[Incoming]) -> list[tuple[Incoming, PlaceOrder]]:
    """The new orders that can be placed, with their commands; the others wait for a person."""
    ready = []
    for incoming in fresh:
        problems, unknown = _obstacles(work, incoming.order)
        if problems:
            work.taken[incoming.no] = Taken(incoming.no, Outcome.QUARANTINED, None, problems, unknown)
        else:
            ready.append((incoming, _command(work, incoming)))
    return ready


def _refused(work: _Work, incoming: Incoming, refusal: OmsError) -> None:
    problems = _as_cell_problems(incoming.order, refusal)
    work.taken[incoming.no] = Taken(incoming.no, Outcome.QUARANTINED, None, problems)


def _rehearse(tx: Tx, work: _Work, fresh: Sequence[Incoming]) -> None:
    ready = _ready(work, fresh)
    for (incoming, _), refusal in zip(ready, rehearse_orders(tx, [command for _, command in ready]), strict=True):
        if refusal is None:
            work.taken[incoming.no] = Taken(incoming.no, Outcome.CREATED)
        else:
            _refused(work, incoming, refusal)


def _place(tx: Tx, work: _Work, fresh: Sequence[Incoming]) -> None:
    ready = _ready(work, fresh)
    placed: list[tuple[Incoming, OrderPlaced]] = []
    for (incoming, _), answer in zip(ready, place_orders(tx, [command for _, command in ready]), strict=True):
        if isinstance(answer, OmsError):
            _refused(work, incoming, answer)
        else:
            placed.append((incoming, answer))
            work.taken[incoming.no] = Taken(incoming.no, Outcome.CREATED, answer.order_id)
    remember(tx, work.shop.id, work.run_id, [(i, answer.order_id) for i, answer in placed])
    _bring_up_to_date(tx, work, placed)


def _problem(line: int, code: str, sentence: Say) -> CellProblem:
    return CellProblem(line, "", code, sentence)


def _obstacles(work: _Work, order: OrderIn) -> tuple[tuple[CellProblem, ...], tuple[str, ...]]:
    """Why an order cannot be placed: words for products nobody has mapped, or a state nobody knows."""
    unknown = tuple(dict.fromkeys(line.sku for line in order.lines if line.sku not in work.meanings))
    problems = [
        _problem(line.line, "sku_unknown", say("The SKU “{sku}” is not mapped: which of our SKUs is it?", sku=line.sku))
        for line in order.lines
        if line.sku in unknown
    ]
    if order.stage is Stage.UNKNOWN:
        first = order.lines[0].line if order.lines else 0
        problems.append(
            _problem(first, "status_unknown", say("The state “{word}” is not known", word=order.channel_status))
        )
    return tuple(problems), unknown


def _as_cell_problems(order: OrderIn, refusal: OmsError) -> tuple[CellProblem, ...]:
    found = []
    for problem in refusal.problems():
        part, _, index = (problem.field or "").partition(".")
        at = int(index) if part == "lines" and index.isdigit() and int(index) < len(order.lines) else 0
        found.append(CellProblem(order.lines[at].line if order.lines else 0, "", problem.code, problem.message))
    return tuple(found)


def _term(shop: ShopFacts, order: OrderIn, *, vouched: bool) -> tuple[PaymentTerm, bool]:
    """Who vouches for the money, and whether they have: a marketplace that asks us to ship holds it already, and so
    does the gateway of a web shop that says so itself. COD of our own shops is approved as if it were typed in: not for
    a phone that refused before."""
    if order.is_cod:
        return PaymentTerm.COD, shop.channel in MARKETPLACES or order.stage in LEFT
    if shop.channel in MARKETPLACES:
        return PaymentTerm.MARKETPLACE, order.stage not in {Stage.UNPAID, Stage.CANCELED}
    if vouched and order.stage in PAID_THERE:
        return PaymentTerm.MARKETPLACE, True
    return PaymentTerm.PREPAID, False


def _command(work: _Work, incoming: Incoming) -> PlaceOrder:
    order, to = incoming.order, incoming.order.recipient
    term, approved = _term(work.shop, order, vouched=work.vouched)
    name = to.name or order.buyer_id
    return PlaceOrder(
        shop_id=work.shop.id,
        external_no=order.external_no,
        channel_status=order.channel_status,
        content_hash=incoming.fingerprint,
        lines=tuple(_new_line(line, work.meanings[line.sku]) for line in order.lines),
        ship_to=ShipTo(name, to.phone, to.address, to.subdistrict, to.district, to.province, to.postcode),
        buyer=Buyer(name, to.phone, _identity_kind(work.shop), order.buyer_id if "*" not in order.buyer_id else ""),
        payment_term=term,
        term_approved=approved,
        discount=order.seller_discount,
        shipping_fee=order.shipping_fee,
        channel_discount=sum((line.platform_discount for line in order.lines), start=order.platform_discount),
        channel_fee=order.channel_fee,
        placed_at=order.placed_at or clock.now(),
        ship_by=order.ship_by,
        carrier=order.carrier,
        buyer_note=order.buyer_note,
        priced_by_channel=True,
        confirm=order.stage is not Stage.CANCELED,
        stock=Stock.LEFT_BEFORE if order.stage in LEFT else Stock.MAY_WAIT,
    )


def _identity_kind(shop: ShopFacts) -> IdentityKind | None:
    return IdentityKind(shop.channel.value) if shop.channel.value in set(IdentityKind) else None


def _new_line(line: LineIn, meaning: Meaning) -> NewLine:
    """The line in our SKUs. A pack price is spread over its pieces; what does not divide becomes discount."""
    pieces = line.quantity * meaning.multiplier
    price, discount = line.unit_price, line.seller_discount
    if price is not None and meaning.multiplier > 1:
        whole = price * line.quantity
        price = Money.satang(-(-price.in_satang // meaning.multiplier))
        discount += price * pieces - whole
    name = f"{line.name} {line.variation}".strip()
    return NewLine(meaning.sku_id, pieces, price, discount or ZERO, name, line.external_id)


def remember(tx: Tx, shop_id: int, run_id: int, taken: Sequence[tuple[Incoming, int]]) -> None:
    """Keep what the channel said, so that a later file can be compared with it."""
    at = clock.now()
    insert_rows(
        tx,
        ImportedOrder,
        [
            {
                "order_id": order_id, "shop_id": shop_id, "external_no": i.order.external_no,
                "channel_status": i.order.channel_status, "stage": i.order.stage.value, "fingerprint": i.fingerprint,
                "snapshot": snapshot_of(i.order), "placed_at": i.order.placed_at or at, "run_id": run_id,
                "changed_at": at,
            }
            for i, order_id in taken
        ],
    )  # fmt: skip


def _bring_up_to_date(tx: Tx, work: _Work, placed: Sequence[tuple[Incoming, OrderPlaced]]) -> None:
    """Orders first seen late: goods that left, orders canceled, cancellations asked for."""
    _left(tx, work, [(i.order, answer.order_id) for i, answer in placed if i.order.stage in LEFT])
    for incoming, answer in placed:
        order = incoming.order
        if order.stage is Stage.CANCELED:
            note = order.cancel_reason or order.channel_status
            cancel_order(tx, CancelOrder(answer.order_id, CancelReason.CHANNEL, note))
        elif order.cancel_requested:
            hold_order(tx, HoldOrder(answer.order_id, HoldReason.CHANNEL_CANCEL_REQUEST, order.channel_status))


def _left(tx: Tx, work: _Work, gone: Sequence[tuple[OrderIn, int]]) -> None:
    """Record goods that left before. A tracking number that another parcel has is shown to a person instead."""
    numbers = sorted({order.tracking for order, _ in gone if order.tracking})
    rows = tx.session.execute(
        select(Parcel.carrier, Parcel.tracking_no).where(Parcel.tracking_no.in_(numbers), Parcel.is_live)
    )
    used = {(carrier, number) for carrier, number in rows}
    commands = []
    for order, order_id in gone:
        tracking = order.tracking
        if tracking and (order.carrier, tracking) in used:
            note_conflict(tx, order_id, work.shop.id, work.run_id, "tracking", "", tracking)
            tracking = ""
        used.add((order.carrier, tracking))
        shipped_at = order.shipped_at or order.placed_at
        commands.append(LeftBefore(order_id, order.carrier, tracking, order.stage in ARRIVED, shipped_at))
    if commands:
        record_left_before(tx, commands)
