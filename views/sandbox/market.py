"""One seller's shops on many simulated platforms, behind every platform's dialect.

A platform's simulator (``views.sandbox.channel.ChannelSandbox``) holds no orders of its own. It is given a ``Stall``
(one shop on one platform) and says in the platform's words what the stall knows:

- reads: ``stall.changed(since, until)`` (oldest change first), ``stall.placed(start, end)``, ``stall.get(number)``,
  ``stall.listings``, ``stall.returns_changed(since, until)``;
- deeds of the seller, as our program asks for them: ``accept``, ``ship``, ``cancel``, ``answer_cancel``,
  ``set_stock``, ``hear`` (a chat message). Each raises ``No`` with a code (``unknown``, ``too_late``, ``done``,
  ``wrong``) that the dialect turns into the platform's own error; ``done`` is a repeat of what was done already;
- deeds of buyers and of the platform, by a test or by ``Seller``: ``make``, ``pay``, ``deliver``, ``complete``,
  ``cancel``, ``ask_cancel``, ``ask_return``, and ``step_return`` by the deeds of ``market_facts.RETURN_STEPS``.

What a dialect needs beside that it keeps in ``order.facts`` and ``stall.facts``. ``stall.name_it`` makes order numbers
in the platform's shape, ``stall.still`` names deeds after which this platform does not move ``updated_at``
(``{"pay", "ship"}``), ``stall.shift()`` lets another order change while pages are read. ``stall.told`` is called after
every deed with (order, deed): ``ChannelSandbox`` sends webhooks from there. A ``Stall`` is a ``Ledger``, so calls,
limits and faults on command work as in every simulator.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

from oms import clock
from oms.demo import words
from oms.demo.people import Person, people
from views.sandbox.book import Ledger
from views.sandbox.market_facts import BEFORE_LEAVING, RETURN_STEPS, Line, Listing, No, Order, Return, S, State

__all__ = ["BEFORE_LEAVING", "Line", "Listing", "Market", "No", "Order", "Return", "Stall", "State"]

BUYERS = 400
CARRIERS = ("SPX Express", "Flash Express", "J&T Express", "Thailand Post")


def _plain(serial: int, _: Random) -> str:
    return f"ORD{serial:08d}"


@dataclass
class Stall(Ledger):
    """One shop on one platform. Safe for several threads."""

    code: str = ""
    random: Random = field(default_factory=lambda: Random(1))  # noqa: S311  a play
    buyers: Sequence[Person] = ()
    listings: dict[str, Listing] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    returns: dict[str, Return] = field(default_factory=dict)
    pushes: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, str]] = field(default_factory=list)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    name_it: Callable[[int, Random], str] = _plain
    still: frozenset[str] = frozenset()
    told: Callable[[Order, str], None] = lambda _order, _deed: None
    tallies: dict[str, int] = field(default_factory=dict)
    serial: Iterable[int] = field(default_factory=lambda: itertools.count(1))
    shifts: int = 0
    leaving: list[str] = field(default_factory=list)

    # reads

    def get(self, number: str) -> Order:
        """An order by number. Raises No("unknown")."""
        with self.lock:
            if number not in self.orders:
                raise No("unknown", number)
            return self.orders[number]

    def changed(self, since: datetime, until: datetime) -> list[Order]:
        """Orders whose last change lies in a span, both ends counted, oldest change first."""
        with self.lock:
            found = [o for o in self.orders.values() if since <= o.updated_at <= until]
        return sorted(found, key=lambda o: (o.updated_at, o.serial))

    def placed(self, start: datetime, end: datetime) -> list[Order]:
        """Orders placed in a span, the end left out, oldest first."""
        with self.lock:
            return [o for o in self.orders.values() if start <= o.placed_at < end]

    def returns_changed(self, since: datetime, until: datetime) -> list[Return]:
        """Returns whose last change lies in a span, oldest change first."""
        with self.lock:
            found = [r for r in self.returns.values() if since <= r.updated_at <= until]
        return sorted(found, key=lambda r: (r.updated_at, r.number))

    def listing_of(self, sku: str) -> Listing | None:
        """What is on sale under a seller's word."""
        with self.lock:
            return next((x for x in self.listings.values() if x.sku == sku), None)

    # deeds of buyers and of the platform

    def make(
        self, skus: Mapping[str, int] | None = None, *, pay: bool = False, cod: bool = False,
        placed_at: datetime | None = None, **facts: Any,
    ) -> Order:  # fmt: skip
        """A buyer orders: pieces by SKU word, or a few things that are there. Raises No("wrong") when nothing is."""
        with self.lock:
            wanted = dict(skus) if skus is not None else self._choose()
            serial, at = next(iter(self.serial)), placed_at or clock.now()
            number = self.name_it(serial, self.random)
            lines = tuple(self._sell(f"{serial}{i:02d}", sku, n) for i, (sku, n) in enumerate(wanted.items(), 1))
            buyer = self.random.choice(self.buyers)
            order = Order(number, serial, buyer, lines, at, at, cod=cod, shipping_fee=Decimal(38), **facts)
            order.carrier = order.carrier or CARRIERS[serial % len(CARRIERS)]
            self.orders[number] = order
        self._done(order, "make")
        if pay or cod:
            self.pay(number)
        return order

    def pay(self, number: str) -> Order:
        """The buyer paid, or will at the door: the seller may send it."""
        return self._move(number, "pay", {S.UNPAID}, S.PAID, paid_at=clock.now())

    def deliver(self, number: str) -> Order:
        """It arrived."""
        return self._move(number, "deliver", {S.SHIPPED}, S.DELIVERED)

    def complete(self, number: str) -> Order:
        """The time to complain is over."""
        return self._move(number, "complete", {S.DELIVERED}, S.COMPLETED, completed_at=clock.now())

    def ask_cancel(self, number: str, reason: str = "เปลี่ยนใจ") -> Order:
        """The buyer asks to cancel; the seller answers."""
        with self.lock:
            order = self.get(number)
            if order.state not in BEFORE_LEAVING:
                raise No("too_late", order.state)
            order.cancel_asked, order.cancel_reason = True, reason
        return self._done(order, "ask_cancel")

    def ask_return(self, number: str, reason: str = "สินค้าชำรุด", lines: Mapping[str, int] | None = None) -> Return:
        """The buyer wants to give pieces of some lines back, or everything."""
        with self.lock:
            order = self.get(number)
            if order.state not in {S.DELIVERED, S.COMPLETED}:
                raise No("wrong", order.state)
            whole = {line.id: line.quantity for line in order.lines}
            back = dict(lines) if lines else whole
            if any(n > whole.get(line, 0) for line, n in back.items()):
                raise No("wrong", "these pieces are not in the order")
            made = Return(f"R{number}", number, {}, order.goods_total, reason, clock.now(), lines=back)
            for line, pieces in made.of(order):
                made.amounts[line.sku] = made.amounts.get(line.sku, 0) + pieces
            self.returns[made.number] = made
        self._done(order, "ask_return")
        return made

    def step_return(self, number: str, step: str, tracking: str = "") -> Return:
        """A return goes on: "agree_return", "send_return" and so on. Raises No when it is not there yet, or past it."""
        with self.lock:
            if number not in self.returns:
                raise No("unknown", number)
            told, (before, after) = self.returns[number], RETURN_STEPS[step]
            if told.status not in before:
                raise No("too_late", told.status)
            told.status, told.tracking = after, tracking or told.tracking
            told.updated_at = max(clock.now(), told.updated_at + timedelta(microseconds=1))
        self._done(self.orders[told.order_no], step)
        return told

    def shift(self, times: int = 1) -> None:
        """While the next pages are read, an order that was on them changes, ``times`` in all."""
        with self.lock:
            self.shifts += times

    def page_read(self, shown: Sequence[Order]) -> None:
        """A dialect gave a page away; it calls this so that pages can shift under the reader."""
        with self.lock:
            if not self.shifts or not shown:
                return
            self.shifts -= 1
            shown[0].note = "แก้ไขแล้ว"
        self._done(shown[0], "touch")

    # deeds of the seller

    def accept(self, number: str, tracking: str = "") -> Order:
        """The seller will send it."""
        with self.lock:
            order = self.get(number)
            order.tracking = order.tracking or tracking
        return self._move(number, "accept", {S.PAID}, S.ACCEPTED)

    def ship(self, number: str, tracking: str = "", carrier: str = "") -> Order:
        """The goods left."""
        with self.lock:
            order = self.get(number)
            if order.state in {S.PAID, S.ACCEPTED}:
                order.tracking, order.carrier = tracking or order.tracking, carrier or order.carrier
        return self._move(number, "ship", {S.PAID, S.ACCEPTED}, S.SHIPPED, shipped_at=clock.now())

    def cancel(self, number: str, reason: str = "", by: str = "seller") -> Order:
        """Taken back before it left; its pieces are on sale again."""
        with self.lock:
            order = self.get(number)
            order = self._move(
                number, "cancel", BEFORE_LEAVING, S.CANCELED, cancel_reason=reason, cancel_by=by, cancel_asked=False,
                tell=False,
            )  # fmt: skip
            for line in order.lines:
                self.listings[line.listing_id].quantity += line.quantity
                self.listings[line.listing_id].sold -= line.quantity
        return self._done(order, "cancel")

    def answer_cancel(self, number: str, *, agree: bool) -> Order:
        """Yes or no to a buyer who asked to cancel."""
        with self.lock:
            order = self.get(number)
            if not order.cancel_asked:
                raise No("done" if order.state is S.CANCELED else "wrong")
            if not agree:
                order.cancel_asked = False
        return self.cancel(number, order.cancel_reason, "buyer") if agree else self._done(order, "refuse_cancel")

    def set_stock(self, listing_id: str, quantity: int) -> Listing:
        """So many are on sale from now on. Raises No("unknown") or No("wrong")."""
        with self.lock:
            if listing_id not in self.listings:
                raise No("unknown", listing_id)
            if quantity < 0:
                raise No("wrong", "quantity")
            listing = self.listings[listing_id]
            was, listing.quantity = listing.quantity, quantity
            row = {"sku": listing.sku, "id": listing_id, "was": was, "quantity": quantity, "at": clock.now()}
            self.pushes.append(row)
            return listing

    def hear(self, to: str, text: str, key: str = "") -> None:
        """A buyer got a message; a repeat of ``key`` is the same message."""
        with self.lock:
            if not key or all(m["key"] != key for m in self.messages):
                self.messages.append({"to": to, "text": text, "key": key})

    def just_left(self) -> list[str]:
        """Orders that left since this was asked last."""
        with self.lock:
            gone, self.leaving = self.leaving, []
        return gone

    # inside

    def _choose(self) -> dict[str, int]:
        there = [x for x in self.listings.values() if x.quantity > 0]
        if not there:
            raise No("wrong", "nothing is left")
        some = self.random.sample(there, min(len(there), self.random.choice((1, 1, 1, 2, 3))))
        return {x.sku: min(x.quantity, self.random.choice((1, 1, 1, 2))) for x in some}

    def _sell(self, line_id: str, sku: str, pieces: int) -> Line:
        listing = self.listing_of(sku)
        if listing is None or listing.quantity < pieces:
            raise No("wrong", f"{sku} is not there")
        listing.quantity -= pieces
        listing.sold += pieces
        return Line(line_id, listing.id, sku, listing.name, pieces, listing.price)

    def _move(
        self, number: str, deed: str, before: Iterable[State], to: State, *, tell: bool = True, **facts: Any
    ) -> Order:
        with self.lock:
            order = self.get(number)
            if order.state is to:
                raise No("done", order.state)
            if order.state not in set(before):
                raise No("too_late", order.state)
            order.state = to
            for name, value in facts.items():
                setattr(order, name, value)
        return self._done(order, deed) if tell else order

    def _done(self, order: Order, deed: str) -> Order:
        with self.lock:
            now = clock.now()
            order.history.append((deed, now))
            self.tallies[deed] = self.tallies.get(deed, 0) + 1
            if deed == "ship":
                self.leaving.append(order.number)
            if deed not in self.still and deed != "make":
                order.updated_at = max(now, order.updated_at + timedelta(microseconds=1))
        self.told(order, deed)
        return order

    def counted(self) -> dict[str, Any]:
        """The books of this shop without its calls."""
        with self.lock:
            count = self.tallies.get
            return {
                "made": count("make", 0), "paid": count("pay", 0), "accepted": count("accept", 0),
                "canceled": count("cancel", 0), "shipped": count("ship", 0), "delivered": count("deliver", 0),
                "returns": len(self.returns), "stock_pushed": len(self.pushes), "messages": len(self.messages),
                "orders": {number: order.state.value for number, order in self.orders.items()},
                "listings": {x.sku: {"quantity": x.quantity, "sold": x.sold} for x in self.listings.values()},
            }  # fmt: skip

    def shown(self) -> dict[str, Any]:
        """What ``GET /_books`` of this platform tells."""
        return super().shown() | self.counted() | {"pushes": self.pushes, "hooks": self.hooks}


@cache
def goods(count: int) -> tuple[tuple[str, str, Decimal], ...]:
    """(SKU word, name, price) of what the seller has: the same as in the demo shop."""
    made = itertools.islice(_options(), count)
    return tuple((f"RU-{n:04d}", name, price) for n, (name, price) in enumerate(made, 1))


def _options() -> Iterator[tuple[str, Decimal]]:
    for family in words.FAMILIES:
        for noun, _english, price, _weight in family.nouns:
            for i, (style, _) in enumerate(family.styles):
                for option in family.options:
                    yield f"{noun} {style} {option}".strip(), Decimal(price + 20 * i)


@cache
def buyers(seed: int) -> tuple[Person, ...]:
    """Who buys, whatever the platform: made once for a seed."""
    return tuple(people(Random(seed), BUYERS))  # noqa: S311  a play


class Market:
    """All shops of the seller, made from one seed: the same seed, the same goods, buyers and choices."""

    def __init__(self, seed: int = 1, skus: int = 40, pieces: int = 100) -> None:
        self.seed, self.pieces, self.goods = seed, pieces, goods(skus)
        self.buyers = buyers(seed)
        self.stalls: dict[str, Stall] = {}
        self.lock = threading.RLock()

    def open(self, code: str, **facts: Any) -> Stall:
        """The shop on a platform, with everything on sale."""
        with self.lock:
            stall = Stall(code=code, random=Random(f"{self.seed} {code}"), buyers=self.buyers, **facts)  # noqa: S311
            for n, (sku, name, price) in enumerate(self.goods, 1):
                stall.listings[str(1000 + n)] = Listing(str(1000 + n), sku, name, price, self.pieces)
            self.stalls[code] = stall
        return stall

    def books(self) -> dict[str, Any]:
        """Everything together and by shop, as ``GET /_books`` of the sandbox tells it."""
        shops = {code: stall.counted() for code, stall in self.stalls.items()}
        names = ("made", "paid", "accepted", "canceled", "shipped", "delivered", "returns", "stock_pushed", "messages")
        return {name: sum(shop[name] for shop in shops.values()) for name in names} | {"shops": shops}
