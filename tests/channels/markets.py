"""A simulated marketplace running on its own port, and an adapter of ours that asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from oms import clock
from oms.channels.port import Ability, Called, Channel, Grant, OrderNews
from oms.channels.registry import open_channel
from oms.net.transport import Patience
from views.sandbox.channel_lazada import LazadaSandbox
from views.sandbox.channel_line_shopping import LineShoppingSandbox
from views.sandbox.channel_shopee import ShopeeSandbox
from views.sandbox.channel_tiktok import TikTokSandbox
from views.sandbox.market import Order, Stall
from views.sandbox.server import running

PATIENT = Patience(connect=10.0, read=15.0, whole=20.0)  # a page of a hundred orders on a busy machine
IMPATIENT = Patience(connect=3.0, read=0.9, whole=1.8)  # for tests where nobody answers
HOOK = "https://oms.example.com/hooks/1?x=1"


@dataclass(frozen=True)
class Platform:
    """How a platform is put on stage. ``facts``: what its access carries."""

    make: Callable[[], Any]
    settings: Mapping[str, str]
    facts: Mapping[str, str] = field(default_factory=dict)


PLATFORMS: dict[str, Platform] = {
    "shopee": Platform(
        ShopeeSandbox, {"partner_id": "2001234", "partner_key": "shopeesecretkey", "handover": "pickup"},
        {"shop_id": "600000"},
    ),
    "lazada": Platform(
        LazadaSandbox, {"app_key": "123456", "app_secret": "lazsecret"}, {"seller_id": "1234567"}
    ),
    "tiktok": Platform(
        TikTokSandbox, {"app_key": "abcd1234", "app_secret": "ttssecret"},
        {"shop_id": "7494726673780148744", "shop_cipher": "CIPHER"},
    ),
    "line_shopping": Platform(LineShoppingSandbox, {"shop_key": "line-shop-key"}),
}  # fmt: skip
ALL = tuple(PLATFORMS)


def opened(code: str, host: str, grant: Grant, patience: Patience = PATIENT, **changed: str) -> Channel:
    """A shop of ours."""
    return open_channel(code, host, {**PLATFORMS[code].settings, **changed}, grant, patience)


@dataclass
class Play:
    """One platform on stage."""

    code: str
    sandbox: Any
    host: str
    channel: Channel
    grant: Grant
    patience: Patience = PATIENT

    @property
    def stall(self) -> Stall:
        """Its shop."""
        return self.sandbox.stall

    def can(self, ability: Ability) -> bool:
        """Whether the adapter says it can."""
        return ability in self.channel.abilities

    def again(self, grant: Grant | None = None, **changed: str) -> Channel:
        """The same shop with other settings or another access."""
        return opened(self.code, self.host, grant or self.grant, self.patience, **changed)

    def order(self, **facts: Any) -> Order:
        """A paid order of two pieces of one thing."""
        return self.stall.make(**({"skus": {self.skus[0]: 2}, "pay": True} | facts))

    @property
    def skus(self) -> list[str]:
        """What is on sale."""
        return [x.sku for x in self.stall.listings.values()]

    def told(self, number: str) -> OrderNews:
        """An order as the channel tells it."""
        (news,) = self.channel.refresh([number])
        return news

    def changed(self, since: datetime, until: datetime, most: int = 1000) -> list[OrderNews]:
        """Everything of a span, page by page."""
        return list(pages(lambda c: self.channel.list_changed(since, until, c), "news", most))

    def hook(self, order: Order, deed: str = "pay", url: str = HOOK) -> Called:
        """A webhook as it would come in."""
        self.sandbox.hook_url = url
        told = self.sandbox.hook(order, deed)
        return Called(told.headers, told.body, url)

    @property
    def asked(self) -> list[str]:
        """The addresses that were asked."""
        return [c.path for c in self.stall.calls]


def pages(ask: Callable[[str], Any], name: str, most: int = 1000) -> Iterator[Any]:
    """All pages of an answer."""
    cursor = ""
    for _ in range(most):
        page = ask(cursor)
        part = getattr(page, name)
        yield from part
        cursor = page.cursor
        if not cursor:
            return
    raise AssertionError("it never ends")


@contextmanager
def on_stage(code: str, patience: Patience = PATIENT) -> Iterator[Play]:
    """Start it, ask it, stop it."""
    platform = PLATFORMS[code]
    sandbox = platform.make()
    pair = sandbox.grants.pair() if hasattr(sandbox, "grants") else None
    grant = Grant(pair.access, pair.refresh, facts=platform.facts) if pair else Grant("")
    with running(sandbox) as url:
        host = f"{url}{sandbox.root}"
        channel = opened(code, host, grant, patience)
        try:
            yield Play(code, sandbox, host, channel, grant, patience)
        finally:
            channel.close()


def yesterday(minutes: float = 0) -> datetime:
    """A moment of the day before, at a whole second."""
    start = (clock.now() - timedelta(days=1)).replace(microsecond=0, tzinfo=UTC)
    return start + timedelta(minutes=minutes)
