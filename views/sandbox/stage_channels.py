"""Every platform's simulator over one market, below one address: what ``oms sandbox`` sells on.

Adding a platform: its dialect goes into ``DIALECTS``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.wrappers import Request, Response

from views.sandbox.book import plain
from views.sandbox.channel import ChannelSandbox
from views.sandbox.channel_lazada import LazadaSandbox
from views.sandbox.channel_line_shopping import LineShoppingSandbox
from views.sandbox.channel_shopee import ShopeeSandbox
from views.sandbox.channel_tiktok import TikTokSandbox
from views.sandbox.market import Market, Stall
from views.sandbox.stage_webshops import WEBSHOPS

FETCHED_AFTER = 12.0  # seconds until a carrier takes what was arranged with the platform

DIALECTS: dict[str, Callable[[Stall], ChannelSandbox]] = {  # by the code of the connector
    "lazada": lambda stall: LazadaSandbox(stall, fetch_after=FETCHED_AFTER),
    "line_shopping": LineShoppingSandbox,
    "shopee": lambda stall: ShopeeSandbox(stall, fetch_after=FETCHED_AFTER),
    "tiktok": lambda stall: TikTokSandbox(stall, fetch_after=FETCHED_AFTER),
    **WEBSHOPS,
}


def dialects(market: Market) -> dict[str, ChannelSandbox]:
    """One shop on every platform."""
    return {code: make(market.open(code)) for code, make in DIALECTS.items()}


def together(market: Market, mounted: dict[str, Any]) -> Any:
    """One server: each simulator below its name, the books of all at ``/_books``."""
    return DispatcherMiddleware(_root(market), {f"/{name}": app for name, app in mounted.items()})


def _root(market: Market) -> Any:
    @Request.application
    def books(request: Request) -> Response:
        if request.method == "GET" and request.path == "/_books":
            text = json.dumps(market.books(), ensure_ascii=False, default=plain)
            return Response(text, content_type="application/json; charset=utf-8")
        return Response("{}", status=404, content_type="application/json")

    return books
