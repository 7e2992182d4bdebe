"""What every simulated platform stands on: a stall of the market, webhooks about it, deeds of buyers on command.

A dialect subclasses ``ChannelSandbox``: ``name`` (also its folder in ``oms sandbox``: the platform is then at
``http://127.0.0.1:PORT/<name>``, so every path it answers must work below a prefix: ``request.path`` is without it),
``handle(request, fault)`` (raise ``book.Refusal`` for the platform's errors) and ``hook(order, deed)`` where the
platform sends webhooks. ``keys()`` says what has to be entered in the panel for it. ``views/sandbox/stage_channels.py``
has the list of dialects: adding one is a row there.

Commands of the play: ``POST /_orders`` with ``{"skus", "pay", "cod"}`` makes one; ``POST /_deeds`` with ``{"deed",
"number", ...}`` does anything ``market.Stall`` can; ``POST /_hooks`` with ``{"url"}`` has webhooks sent from then on
(``{"url", "numbers", "times", "order", "spoil"}``: sends those again, at once); ``POST /_shift`` lets pages shift;
``POST /_limit`` with ``{"per_minute"}``; ``POST /_listings`` with ``{"listings": [{"sku", "name", "price",
"quantity"}]}`` replaces what is on sale.
"""

from __future__ import annotations

import inspect
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any, ClassVar

import httpx
from werkzeug.wrappers import Request

from views.sandbox import commands
from views.sandbox.book import Simulator
from views.sandbox.market import Listing, Market, No, Order, Stall
from views.sandbox.market_facts import RETURN_STEPS
from views.sandbox.telling import teller

DEEDS = frozenset({
    "pay", "deliver", "complete", "ask_cancel", "ask_return", "step_return", "accept", "ship", "cancel",
    "answer_cancel",
})  # fmt: skip
COMMANDS: Mapping[str, Mapping[str, commands.Part]] = {
    "/_orders": {
        "skus": commands.counts(), "pay": commands.flag(), "cod": commands.flag(), "note": commands.text(),
    },
    "/_deeds": {
        "deed": commands.one_of(DEEDS, needed=True), "number": commands.text(needed=True), "reason": commands.text(),
        "lines": commands.counts(), "step": commands.one_of(RETURN_STEPS), "tracking": commands.text(),
        "carrier": commands.text(), "by": commands.one_of({"buyer", "seller", "system"}), "agree": commands.flag(),
    },
    "/_hooks": {
        "url": commands.url(needed=True), "numbers": commands.texts(), "times": commands.whole(),
        "order": commands.one_of({"", "reversed", "shuffled"}), "spoil": commands.one_of({"", "signature", "body"}),
    },
    "/_shift": {"times": commands.whole()},
    "/_limit": {"per_minute": commands.whole(empty=True)},
    "/_listings": {
        "listings": commands.objects({
            "sku": commands.text(needed=True), "price": commands.amount(needed=True),
            "quantity": commands.whole(needed=True), "name": commands.text(),
            "id": commands.Part(lambda v: str(v).isascii() and str(v).isdecimal() and len(str(v)) < 10, "a number"),
        }),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Hook:
    """A webhook as the platform sends it."""

    headers: Mapping[str, str]
    body: bytes
    query: str = ""


class ChannelSandbox(Simulator):
    """One simulated platform with one shop on it."""

    accepts: ClassVar[str] = ""  # what the answer to a webhook must be, "" for any
    repeats: ClassVar[int] = 0  # how often a webhook that was not taken is sent again, a second apart

    def __init__(self, stall: Stall | None = None) -> None:
        self.stall = stall or Market().open(self.name)
        super().__init__(self.stall)
        self.hook_url = ""
        self._owed: queue.Queue[tuple[str, Order, str]] = queue.Queue()
        self._sender: threading.Thread | None = None
        self.stall.told = self._told

    def keys(self) -> dict[str, str]:
        """What the panel has to know to reach this shop, by the names of the connector's fields."""
        return {}

    def hook(self, order: Order, deed: str) -> Hook | None:  # noqa: ARG002  theirs
        """The webhook of a deed, signed; None: the platform sends none for it."""
        return None

    def missigned(self, told: Hook) -> Hook:
        """The same with a wrong signature; a dialect overrides it for its own way of signing."""

        def bent(name: str, value: str) -> str:
            signs = any(word in name.lower() for word in ("sig", "auth", "hmac"))
            return f"{'1' if value[:1] == '0' else '0'}{value[1:]}" if signs else value

        return Hook({k: bent(k, v) for k, v in told.headers.items()}, told.body, told.query)

    def control(self, request: Request) -> dict[str, Any] | None:
        """What a test or a person lets happen."""
        if (request.method, request.path) == ("GET", "/_orders"):
            return {"orders": {n: o.state.value for n, o in self.stall.orders.items()}}
        if request.method != "POST" or request.path not in COMMANDS:
            return None
        facts = commands.read(request, COMMANDS[request.path])
        match request.path:
            case "/_orders":
                return self._make(facts)
            case "/_deeds":
                return self._deed(facts)
            case "/_hooks":
                return self._hooks(**facts)
            case "/_shift":
                self.stall.shift(facts.get("times", 1))
            case "/_limit":
                self.stall.per_minute = facts.get("per_minute")
            case "/_listings":
                self._replace(facts["listings"])
        return {}

    def _make(self, facts: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"number": self.stall.make(**facts).number}
        except No as no:
            raise commands.Wrong(f"nobody can order that: {no}") from None

    def _deed(self, facts: dict[str, Any]) -> dict[str, Any]:
        deed = facts.pop("deed")
        takes = inspect.signature(getattr(self.stall, deed)).parameters.values()
        if strange := sorted(set(facts) - {p.name for p in takes}):
            raise commands.Wrong(f"“{strange[0]}” is not taken by {deed}")
        if missing := [p.name for p in takes if p.default is p.empty and p.name not in facts]:
            raise commands.Wrong(f"{deed} needs “{missing[0]}”")
        try:
            getattr(self.stall, deed)(**facts)
        except No as no:
            return {"no": no.code}
        return {}

    def _replace(self, listings: Sequence[Mapping[str, Any]]) -> None:
        with self.stall.lock:
            self.stall.listings.clear()
            for n, row in enumerate(listings, 1):
                number = str(row.get("id") or 1000 + n)
                self.stall.listings[number] = Listing(
                    number, row["sku"], row.get("name", row["sku"]), Decimal(str(row["price"])), int(row["quantity"])
                )

    # webhooks

    def _hooks(
        self, url: str, numbers: Sequence[str] = (), times: int = 1, order: str = "", spoil: str = ""
    ) -> dict[str, Any]:
        if unknown := sorted(set(numbers) - set(self.stall.orders)):
            raise commands.Wrong(f"there is no order {unknown[0]}")
        self.hook_url = url
        return {"answers": self.send_hooks(url, numbers, times, order, spoil)} if numbers else {}

    def send_hooks(
        self, url: str, numbers: Sequence[str], times: int = 1, order: str = "", spoil: str = ""
    ) -> list[int]:
        """Tell a webhook of every deed of these orders, each ``times``; ``order``: "reversed" or "shuffled"; ``spoil``:
        "signature" or "body". What was answered."""
        told = [
            (self.stall.get(n), deed) for n in numbers for deed, _ in self.stall.get(n).history for _ in range(times)
        ]
        if order == "reversed":
            told.reverse()
        elif order == "shuffled":
            Random(len(told)).shuffle(told)  # noqa: S311  a play
        return [status for known, deed in told if (status := self._tell(url, known, deed, spoil))]

    def _told(self, order: Order, deed: str) -> None:
        if not self.hook_url:
            return
        if self._sender is None:
            self._sender = threading.Thread(target=self._send, daemon=True)
            self._sender.start()
        self._owed.put((self.hook_url, order, deed))

    def _send(self) -> None:
        while True:
            url, order, deed = self._owed.get()
            for again in range(self.repeats + 1):
                status = self._tell(url, order, deed, "")
                if status < 300:
                    break
                if again < self.repeats:
                    time.sleep(1)

    def _tell(self, url: str, order: Order, deed: str, spoil: str) -> int:
        told = self.hook(order, deed)
        if told is None:
            return 0
        if spoil == "signature":
            told = self.missigned(told)
        body = told.body[: len(told.body) // 2] if spoil == "body" else told.body
        try:
            answer = teller().post(f"{url}{told.query}", headers=dict(told.headers), content=body)
            status, text = answer.status_code, answer.text.strip()
        except httpx.HTTPError:
            status, text = 599, ""
        taken = status < 300 and (not self.accepts or text == self.accepts)
        with self.stall.lock:
            self.stall.hooks.append({"number": order.number, "deed": deed, "status": status, "accepted": taken})
        return status
