"""A simulated web shop running on its own port, and an adapter of ours that asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from werkzeug.wrappers import Request, Response

from oms import clock
from oms.channels.port import Ability, Called, Channel, OrderNews, WebhookNews, WebhookRefused
from oms.channels.registry import CONNECTORS, open_channel
from oms.net.transport import Patience
from views.sandbox.channel import ChannelSandbox
from views.sandbox.channel_medusa import MedusaSandbox
from views.sandbox.channel_shopify import Bucket, ShopifySandbox
from views.sandbox.channel_vendure import VendureSandbox
from views.sandbox.channel_woocommerce import WooCommerceSandbox
from views.sandbox.market import Stall
from views.sandbox.server import running

PATIENT = Patience(connect=10.0, read=15.0, whole=20.0)  # a page of a hundred orders on a busy machine
IMPATIENT = Patience(connect=3.0, read=1.5, whole=2.5)  # for tests where nobody answers
MADE: dict[str, Callable[[], Any]] = {
    "woocommerce": WooCommerceSandbox, "shopify": ShopifySandbox, "vendure": VendureSandbox, "medusa": MedusaSandbox,
}  # fmt: skip
ALL = tuple(MADE)
HOUR = timedelta(hours=1)


@dataclass
class Play:
    """One shop on stage."""

    code: str
    sandbox: Any
    host: str
    channel: Channel
    patience: Patience = PATIENT

    @property
    def stall(self) -> Stall:
        """The shop behind the platform's words."""
        return self.sandbox.stall

    def can(self, ability: Ability) -> bool:
        """Whether the adapter says it can."""
        return ability in self.channel.abilities

    def again(self, **changed: str) -> Channel:
        """Another account with other settings."""
        return opened(self.code, self.host, self.sandbox.keys() | changed, self.patience)

    def changed(self, since: datetime | None = None, until: datetime | None = None) -> list[OrderNews]:
        """Every order that changed in a span, page by page."""
        now = clock.now()
        return paged(lambda c: self.channel.list_changed(since or now - HOUR, until or now + HOUR, c))

    def one(self, number: str) -> OrderNews:
        """An order as the channel tells it now."""
        (found,) = self.channel.refresh([self.no(number)])
        return found

    def no(self, number: str) -> str:
        """The number we keep for an order of the stall."""
        return self.sandbox.external(number) if hasattr(self.sandbox, "external") else number

    @property
    def asked(self) -> list[str]:
        """The addresses that were asked."""
        return [f"{c.method} {c.path}" for c in self.stall.calls]


def paged(ask: Callable[[str], Any]) -> list[Any]:
    """All pages together."""
    found, cursor = [], ""
    for _ in range(500):
        page = ask(cursor)
        found += page.news if hasattr(page, "news") else page.listings
        cursor = page.cursor
        if not cursor:
            return found
    raise AssertionError("it never ends")


def opened(code: str, host: str, settings: Mapping[str, str], patience: Patience = PATIENT) -> Channel:
    """An account with its defaults."""
    defaults = {f.name: f.default for f in CONNECTORS[code].fields}
    return open_channel(code, host, defaults | dict(settings), patience=patience)


@contextmanager
def on_stage(code: str, patience: Patience = PATIENT) -> Iterator[Play]:
    """Start it, ask it, stop it."""
    sandbox: ChannelSandbox = MADE[code]()
    if isinstance(sandbox, ShopifySandbox):
        sandbox.bucket = Bucket(1e6)  # points are a matter of tests of their own
    with running(sandbox) as url:
        channel = opened(code, url, sandbox.keys(), patience)
        try:
            yield Play(code, sandbox, url, channel, patience)
        finally:
            channel.close()


class Ear:
    """A server of ours that hears webhooks."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.heard: list[WebhookNews] = []
        self.refused: list[WebhookRefused] = []

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        request = Request(environ)
        called = Called(dict(request.headers), request.get_data(), request.base_url, dict(request.args))
        try:
            news = self.channel.read_webhook(called)
        except WebhookRefused as refusal:
            self.refused.append(refusal)
            return Response(status=refusal.http_status)(environ, start)
        self.heard.append(news)
        answer = news.answer
        return Response(answer.body, status=answer.status, content_type=answer.content_type)(environ, start)
