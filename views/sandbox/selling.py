"""Buyers: they order in every shop of the market at a chosen rate, pay, change their minds, get parcels, send back."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from dataclasses import dataclass, field
from random import Random

from views.sandbox.market import Market, No, Stall
from views.sandbox.market_facts import RETURN_STEPS

TICK = 0.05  # seconds
GIVEN_BACK = ("agree_return", "send_return", "pay_return")


@dataclass(frozen=True)
class Ways:
    """How buyers are. Shares of all orders; delays in seconds."""

    cod: float = 0.25
    unpaid: float = 0.05  # never pay
    changes_mind: float = 0.04  # ask to cancel
    gone: float = 0.03  # the platform cancels before it leaves
    sends_back: float = 0.05
    pays_within: float = 3.0
    reacts_within: float = 20.0
    arrives_within: float = 30.0
    refuses: float = 0.15  # of the returns are declined by the platform


@dataclass
class Seller:
    """Runs the buyers of a market in a thread of its own. ``rate``: orders a minute over all shops."""

    market: Market
    rate: float
    ways: Ways = field(default_factory=Ways)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.random = Random(f"{self.market.seed} buyers")  # noqa: S311  a play
        self._later: list[tuple[float, int, Stall, str, str]] = []
        self._serial = itertools.count()
        self._running: threading.Thread | None = None

    def start(self) -> threading.Thread:
        """Begin, unless they have."""
        if self._running is None:
            self._running = threading.Thread(target=self.run, daemon=True)
            self._running.start()
        return self._running

    def sell(self, rate: float) -> int:
        """So many orders a minute from now on; what buyers still have in mind (to pay, to cancel, to send back)."""
        self.rate = rate
        self.start()
        return len(self._later)

    def run(self) -> None:
        """Until told to stop."""
        owed, last = 0.0, time.monotonic()
        while not self.stopping.wait(TICK):
            now = time.monotonic()
            owed += (now - last) * self.rate / 60
            last = now
            while owed >= 1:
                owed -= 1
                self.order(now)
            self.turn(now)

    def order(self, now: float) -> None:
        """One buyer orders somewhere."""
        stall = self.random.choice(list(self.market.stalls.values()))
        cod = self.random.random() < self.ways.cod
        try:
            number = stall.make(cod=cod).number
        except No:
            return  # sold out
        if not cod and self.random.random() >= self.ways.unpaid:
            self._plan(now, self.ways.pays_within, stall, "pay", number)
        dice = self.random.random()
        if dice < self.ways.changes_mind:
            self._plan(now, self.ways.reacts_within, stall, "ask_cancel", number)
        elif dice < self.ways.changes_mind + self.ways.gone:
            self._plan(now, self.ways.reacts_within, stall, "cancel", number)

    def turn(self, now: float) -> None:
        """Do what is due, and let parcels that left arrive."""
        while self._later and self._later[0][0] <= now:
            _, _, stall, deed, number = heapq.heappop(self._later)
            self._do(now, stall, deed, number)
        for stall in self.market.stalls.values():
            for number in stall.just_left():
                self._plan(now, self.ways.arrives_within, stall, "deliver", number)

    def _do(self, now: float, stall: Stall, deed: str, number: str) -> None:
        try:
            if deed in RETURN_STEPS:
                stall.step_return(number, deed, f"TH{number[-10:]}" if deed == "send_return" else "")
            else:
                getattr(stall, deed)(number)
        except No:
            return  # something else happened first
        if deed == "deliver":
            back = self.random.random() < self.ways.sends_back
            self._plan(now, self.ways.reacts_within, stall, "ask_return" if back else "complete", number)
        elif deed == "ask_return":
            self._give_back(now, stall, f"R{number}")

    def give_back_soon(self, stall: Stall, orders: int) -> None:
        """Orders that have arrived already, and whose buyers soon want to give them back; before buyers start."""
        for _ in range(orders):
            try:
                number = stall.make(pay=True).number
                stall.ship(number, f"TH9{number[-8:]}", "Flash Express")
                stall.deliver(number)
            except No:
                return  # sold out
            stall.just_left()
            self._plan(time.monotonic(), self.ways.reacts_within, stall, "ask_return", number)

    def _give_back(self, now: float, stall: Stall, number: str) -> None:
        """What becomes of a return: declined, or agreed to, sent and paid back."""
        steps = ["refuse_return"] if self.random.random() < self.ways.refuses else list(GIVEN_BACK)
        for n, step in enumerate(steps, 1):
            at = now + n * self.ways.reacts_within
            heapq.heappush(self._later, (at, next(self._serial), stall, step, number))

    def _plan(self, now: float, within: float, stall: Stall, deed: str, number: str) -> None:
        at = now + self.random.random() * within
        heapq.heappush(self._later, (at, next(self._serial), stall, deed, number))
