"""Place orders: the one way an order comes into being, from the entry screen, a file, the API or a job.

``place_orders`` takes many at once and needs the same few statements for one as for five hundred.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from sqlalchemy import text

from oms.asking import Question, Rows, ask, ask_all
from oms.catalog.queries import ShopFacts, SkuFacts, about_shops, about_skus
from oms.customers.finding import Buyer, Known, about_people, find_or_create
from oms.customers.fingerprint import address_key
from oms.db import COPY_FROM, Tx, together
from oms.errors import InvalidInput, NeedsApproval, NotFound, OmsError, Problem, say
from oms.inventory import reserving
from oms.money import ZERO, Money
from oms.orders import rules
from oms.orders.states import PaymentTerm
from oms.payments.cod_risk import Place, about_cod_risks
from oms.usecases import orders_write
from oms.usecases.orders_words import NewLine, OrderPlaced, PlaceOrder, Priced, ShipTo, Stock
from oms.usecases.orders_write import Drawn
from oms.usecases.routing import Plan, holder_name, plan_orders, short_refusal
from oms.usecases.stock_checks import check_sender

__all__ = ["NewLine", "OrderPlaced", "PlaceOrder", "ShipTo", "Stock", "place_order", "place_orders"]


@dataclass
class Batch:
    """What becomes of each command, by its place in the list; buyers who are known, and ids that were drawn ahead."""

    people: Mapping[Known, int]
    drawn: Mapping[int, Drawn]
    outcome: dict[int, OrderPlaced | OmsError] = field(default_factory=dict)
    priced: dict[int, Priced] = field(default_factory=dict)


def place_order(tx: Tx, cmd: PlaceOrder) -> OrderPlaced:
    """Place one order. Raises InvalidInput, NotFound, Forbidden, NeedsApproval or StockShort; then nothing is saved."""
    outcome = place_orders(tx, [cmd])[0]
    if isinstance(outcome, OmsError):
        raise outcome
    return outcome


def place_orders(tx: Tx, cmds: Sequence[PlaceOrder]) -> list[OrderPlaced | OmsError]:
    """Place many orders; each is placed or refused by itself, in order. Raises Forbidden for the whole."""
    batch = _understand(tx, cmds)
    drawn = _draw(tx, batch)
    askings = {i: orders_write.asking_of(p, drawn[i]) for i, p in batch.priced.items() if _reserves(p.cmd)}
    planned = plan_orders(tx, list(askings.values()))
    plans = {i: planned[asking.order_id] for i, asking in askings.items()}
    for i, plan in plans.items():
        if plan.short and cmds[i].stock is Stock.MUST_RESERVE:
            refused = batch.priced.pop(i)
            named = holder_name(plan.short[0].sku_id, refused.skus.values())
            batch.outcome[i] = short_refusal(plan.short, named)
    _save(tx, batch, drawn, {i: plan for i, plan in plans.items() if i in batch.priced})
    return [batch.outcome[i] for i in range(len(cmds))]


def rehearse_orders(tx: Tx, cmds: Sequence[PlaceOrder]) -> list[OmsError | None]:
    """What ``place_orders`` would refuse, and why, without placing anything; None where it would not.

    For orders that need no stock promise (``MAY_WAIT``, ``LEFT_BEFORE``, drafts): a promise is decided when it is made.
    """
    if any(_reserves(c) and c.stock is Stock.MUST_RESERVE for c in cmds):
        raise ValueError("stock that must be reserved cannot be rehearsed")
    answers = _understand(tx, cmds, draw=False).outcome
    refusals = {i: answer for i, answer in answers.items() if isinstance(answer, OmsError)}
    return [refusals.get(i) for i in range(len(cmds))]


def _understand(tx: Tx, cmds: Sequence[PlaceOrder], *, draw: bool = True) -> Batch:
    """Ask for permission, find what is there already, check every figure of the rest. All that has to be read is read
    at once; with it ids are drawn for orders that cannot be there already, unless nothing is to be placed."""
    _require(tx, cmds)
    surely_new = {i: len(c.lines) for i, c in enumerate(cmds) if not c.idempotency_key and c.external_no is None}
    risky = {i: place for i, c in enumerate(cmds) if (place := _cod_place(c))}
    existing, shops, skus, risks, people, drawn = ask_all(tx.connection, [
        _about_existing(cmds),
        about_shops({c.shop_id for c in cmds}),
        about_skus({line.sku_id for c in cmds for line in c.lines}),
        about_cod_risks(set(risky.values())),
        about_people([_buyer(c) for c in cmds if c.customer_id is None]),
        orders_write.about_ids(surely_new if draw else {}),
    ])  # fmt: skip
    batch = Batch(people=people, drawn=drawn)
    _set_existing(cmds, existing, batch)
    for i, cmd in enumerate(cmds):
        if i not in batch.outcome:
            try:
                priced = price(tx, cmd, shops, skus)
                batch.priced[i] = replace(priced, cod_risk=risks.get(risky[i])) if i in risky else priced
            except OmsError as refusal:
                batch.outcome[i] = refusal
    return batch


def _cod_place(cmd: PlaceOrder) -> Place | None:
    """Where a COD order goes, to be compared with the phones and addresses that refused COD parcels before or are on
    the blacklist. None without COD; what a marketplace answers for is its own risk."""
    if not cmd.confirm or cmd.payment_term is not PaymentTerm.COD or cmd.term_approved:
        return None
    return orders_write.kept_phone(cmd.ship_to.phone), address_key(cmd.ship_to.line, cmd.ship_to.postcode)


def _draw(tx: Tx, batch: Batch) -> Mapping[int, Drawn]:
    """Ids of every order that is to be placed."""
    left = {i: len(p.cmd.lines) for i, p in batch.priced.items() if i not in batch.drawn}
    return {**batch.drawn, **ask(tx.connection, orders_write.about_ids(left))}


def _require(tx: Tx, cmds: Sequence[PlaceOrder]) -> None:
    tx.actor.require("order.create")
    if any(c.confirm for c in cmds):
        tx.actor.require("order.confirm")
    if any(c.priced_by_channel or c.term_approved or c.stock is not Stock.MUST_RESERVE for c in cmds):
        tx.actor.require("intake.import")
    if any(c.placed_at is not None and not c.priced_by_channel for c in cmds):
        tx.actor.require("order.backdate")


def _reserves(cmd: PlaceOrder) -> bool:
    return cmd.confirm and cmd.stock is not Stock.LEFT_BEFORE


_EXISTING = text(
    "SELECT id, number, idempotency_key, shop_id, external_no FROM orders"
    " WHERE idempotency_key = ANY(CAST(:keys AS varchar[]))"
    " UNION SELECT o.id, o.number, o.idempotency_key, o.shop_id, o.external_no FROM orders o"
    " JOIN unnest(CAST(:shops AS bigint[]), CAST(:externals AS varchar[])) AS w(shop_id, external_no)"
    " ON o.shop_id = w.shop_id AND o.external_no = w.external_no"
)


def _about_existing(cmds: Sequence[PlaceOrder]) -> Question[dict[object, OrderPlaced]]:
    """Orders that are there, by their key and by (shop, external number)."""
    keys = {c.idempotency_key for c in cmds if c.idempotency_key}
    externals = sorted({(c.shop_id, c.external_no) for c in cmds if c.external_no is not None})
    facts = {
        "keys": sorted(keys),
        "shops": [shop for shop, _ in externals],
        "externals": [external for _, external in externals],
    }
    return Question(_EXISTING if keys or externals else None, _read_existing, facts)


def _read_existing(rows: Rows) -> dict[object, OrderPlaced]:
    known: dict[object, OrderPlaced] = {}
    for order_id, number, key, shop_id, external_no in rows:
        known[key] = known[shop_id, external_no] = OrderPlaced(order_id, number, created=False)
    return known


def _set_existing(cmds: Sequence[PlaceOrder], known: Mapping[object, OrderPlaced], batch: Batch) -> None:
    """An order with the same key or the same (shop, external number) is that order, for ever."""
    seen: dict[object, int] = {}
    for i, cmd in enumerate(cmds):
        names = [n for n in (cmd.idempotency_key, (cmd.shop_id, cmd.external_no) if cmd.external_no else None) if n]
        if found := next((known[n] for n in names if n in known), None):
            batch.outcome[i] = found
        elif any(seen.setdefault(n, i) != i for n in names):
            batch.outcome[i] = InvalidInput(
                say("The same order stands twice in what was sent"), field="external_no", code="order_twice"
            )


def price(
    tx: Tx,
    cmd: PlaceOrder,
    shops: Mapping[int, ShopFacts],
    skus: Mapping[int, SkuFacts],
    kept: Collection[tuple[int, Money]] = (),
) -> Priced:
    """Check every figure of one order and add it up. Raises what is wrong, all of it at once where it can.

    ``kept``: (SKU, price) pairs that somebody with the permission has set before.
    """
    shop = shops.get(cmd.shop_id)
    if shop is None or not tx.actor.sees_shop(cmd.shop_id):
        raise NotFound(say("There is no such shop, or it is not yours to use"), field="shop_id", code="shop_not_found")
    warehouse_id = cmd.warehouse_id or shop.warehouse_id
    if not tx.actor.sees_warehouse(warehouse_id):
        raise NotFound(
            say("There is no such warehouse, or it is not yours to use"),
            field="warehouse_id",
            code="warehouse_not_found",
        )
    if cmd.warehouse_id is not None:
        check_sender(tx, cmd.warehouse_id)
    _check_words(cmd)
    problems: list[Problem] = []
    totals: list[Money] = []
    asked = Priced(cmd, shop, skus, ZERO, ZERO, warehouse_id)
    for i, line in enumerate(cmd.lines):
        try:
            totals.append(_line_total(line, asked, f"lines.{i}"))
        except OmsError as refusal:
            problems += refusal.problems()
    if problems:
        raise InvalidInput(
            problems[0].message, field=problems[0].field, code=problems[0].code, others=tuple(problems[1:])
        )
    if not cmd.priced_by_channel:
        check_prices(tx, cmd.lines, skus, {*kept, *(cmd.agreed.prices.items() if cmd.agreed else ())})
    goods_total = sum(totals, start=ZERO)
    total = rules.order_total(goods_total, cmd.discount, cmd.shipping_fee)
    priced = replace(asked, goods_total=goods_total, total=total)
    if cmd.confirm and not cmd.priced_by_channel:
        listed = sum((priced.listed(line.sku_id) * line.quantity for line in cmd.lines), start=ZERO)
        check_discount(tx, listed, goods_total - cmd.discount)
    return priced


def _check_words(cmd: PlaceOrder) -> None:
    if not cmd.lines:
        raise InvalidInput(say("The order has no items yet"), field="lines", code="no_lines")
    if len(cmd.lines) > rules.MAX_LINES:
        raise InvalidInput(
            say("An order holds at most {most} lines", most=rules.MAX_LINES), field="lines", code="too_many"
        )
    if not cmd.ship_to.name.strip():
        raise InvalidInput(say("Who gets the parcel? Enter a name"), field="ship_to.name", code="name_missing")


def _line_total(line: NewLine, asked: Priced, place: str) -> Money:
    if line.sku_id not in asked.skus:
        raise InvalidInput(say("There is no such SKU"), field=place, code="sku_unknown")
    unit_price = asked.listed(line.sku_id) if line.unit_price is None else line.unit_price
    rules.check_line(line.quantity, unit_price, line.discount, place)
    return rules.line_total(line.quantity, unit_price, line.discount)


def check_prices(
    tx: Tx, lines: Sequence[NewLine], skus: Mapping[int, SkuFacts], kept: Collection[tuple[int, Money]] = ()
) -> None:
    """Raise Forbidden when a price was changed by hand and the actor may not."""
    for line in lines:
        listed = skus[line.sku_id].price
        if line.unit_price not in {None, listed} and (line.sku_id, line.unit_price) not in kept:
            tx.actor.require("order.override_price")


def check_discount(tx: Tx, listed: Money, asked: Money) -> None:
    """Raise NeedsApproval when the goods are cheaper than this actor may give them alone."""
    percent = rules.discount_percent(listed, asked)
    if percent > tx.actor.discount_limit:
        raise NeedsApproval(
            say(
                "This is {percent}% off; your limit is {limit}%. Save it as a draft and ask for approval",
                percent=f"{percent:.1f}",
                limit=tx.actor.discount_limit,
            ),
            field="discount",
            code="discount_over_limit",
        )


def _save(tx: Tx, batch: Batch, drawn: Mapping[int, Drawn], plans: Mapping[int, Plan]) -> None:
    """Write the accepted orders: customers first, then orders, lines, promises, search text, audit, outbox."""
    unknown = [i for i, p in batch.priced.items() if p.cmd.customer_id is None]
    people = find_or_create(tx, [_buyer(batch.priced[i].cmd) for i in unknown], batch.people)
    customers: dict[int, int | None] = dict(zip(unknown, people, strict=True))
    rows = []
    for i, priced in batch.priced.items():
        cmd = replace(priced.cmd, customer_id=priced.cmd.customer_id or customers.get(i))
        plan = plans.get(i)
        rows.append(orders_write.row_of(replace(priced, cmd=cmd), drawn[i], plan))
        waits = cmd.confirm and cmd.stock is Stock.MAY_WAIT and plan is not None and bool(plan.short)
        batch.outcome[i] = OrderPlaced(drawn[i].order_id, rows[-1].number, waits_for_stock=waits)
    wants = [want for plan in plans.values() for want in plan.wants]
    few = max(sum(len(row.lines) for row in rows), len(wants), 3 * len(rows)) < COPY_FROM
    with together(tx) if few else nullcontext():
        orders_write.insert(tx, rows)
        reserving.take(tx, wants)


def _buyer(cmd: PlaceOrder) -> Buyer:
    return cmd.buyer or Buyer(cmd.ship_to.name, cmd.ship_to.phone)
