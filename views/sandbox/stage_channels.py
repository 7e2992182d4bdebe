"""Every platform's simulator over one market, below one address: what ``oms sandbox`` sells on.

Adding a platform: its dialect goes into ``DIALECTS``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.wrappers import Request, Response

from oms import clock
from oms.channels.port import Grant
from views.sandbox import commands
from views.sandbox.book import plain
from views.sandbox.channel import ChannelSandbox
from views.sandbox.channel_lazada import LazadaSandbox
from views.sandbox.channel_line_shopping import LineShoppingSandbox
from views.sandbox.channel_shopee import ShopeeSandbox
from views.sandbox.channel_tiktok import TikTokSandbox
from views.sandbox.grants import Grants
from views.sandbox.market import Market, Stall
from views.sandbox.selling import Seller
from views.sandbox.stage_webshops import WEBSHOPS

FETCHED_AFTER = 12.0  # seconds until a carrier takes what was arranged with the platform

DIALECTS: dict[str, Callable[[Stall], ChannelSandbox]] = {  # by the code of the connector
    "lazada": lambda stall: LazadaSandbox(stall, fetch_after=FETCHED_AFTER),
    "line_shopping": LineShoppingSandbox,
    "shopee": lambda stall: ShopeeSandbox(stall, fetch_after=FETCHED_AFTER),
    "tiktok": lambda stall: TikTokSandbox(stall, fetch_after=FETCHED_AFTER),
    **WEBSHOPS,
}


def dialects(market: Market, seed: int = 0) -> dict[str, ChannelSandbox]:
    """One shop on every platform. Another ``seed`` gives other order numbers."""
    start = seed % 1000 * 100_000 + 1
    return {code: make(market.open(code, serial=itertools.count(start))) for code, make in DIALECTS.items()}


def first_grant(sandbox: ChannelSandbox) -> Grant | None:
    """Access as the consent page would have given it; None for a platform that needs none."""
    grants: Grants | None = getattr(sandbox, "grants", None)
    if grants is None:
        return None
    pair, told = grants.pair(), {"shopee": "shop_id", "lazada": "seller_id", "tiktok": "shop_id"}
    number = str(getattr(sandbox, "shop", "") or getattr(sandbox, "seller", ""))
    facts = {told[sandbox.name]: number} if sandbox.name in told else {}
    facts |= {"shop_cipher": cipher} if (cipher := str(getattr(sandbox, "cipher", ""))) else {}
    now = clock.now()
    return Grant(pair.access, pair.refresh, now + timedelta(seconds=grants.life), now + timedelta(days=30), facts)


def together(market: Market, mounted: dict[str, Any], seller: Seller | None = None) -> Any:
    """One server: each simulator below its name, the books of all at ``/_books``. ``POST /_connect`` answers what has
    to be entered for each shop, with a first access as its consent page would have given it; ``POST /_rate`` with
    ``{"per_minute"}`` has buyers order so often from then on, and answers what they still have in mind."""
    return DispatcherMiddleware(_root(market, mounted, seller), {f"/{name}": app for name, app in mounted.items()})


def _ways_in(mounted: dict[str, Any]) -> dict[str, Any]:
    shops = {name: s for name, s in mounted.items() if isinstance(s, ChannelSandbox)}
    found: dict[str, Any] = {}
    for name, sandbox in shops.items():
        grant = first_grant(sandbox)
        found[name] = {"path": f"/{name}{sandbox.root}", "keys": sandbox.keys(), "grant": grant and asdict(grant)}
    return found


def _root(market: Market, mounted: dict[str, Any], seller: Seller | None) -> Any:
    @Request.application
    def books(request: Request) -> Response:
        match (request.method, request.path):
            case ("POST", "/_connect"):
                told = _ways_in(mounted)
            case ("GET", "/_books"):
                told = market.books()
            case ("POST", "/_rate") if seller is not None:
                try:
                    wanted = commands.read(request, {"per_minute": commands.number(needed=True)})["per_minute"]
                except commands.Wrong as wrong:
                    no = json.dumps({"no": str(wrong)}, ensure_ascii=False)
                    return Response(no, status=400, content_type="application/json; charset=utf-8")
                told = {"planned": seller.sell(float(wanted))}
            case _:
                return Response("{}", status=404, content_type="application/json")
        text = json.dumps(told, ensure_ascii=False, default=plain)
        return Response(text, content_type="application/json; charset=utf-8")

    return books
