"""All simulators at once, for trying the program by hand: ``oms sandbox``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from oms import clock
from views.sandbox.book import Entry, Simulator
from views.sandbox.carriers_flash import FlashSandbox
from views.sandbox.carriers_ninjavan import NinjaVanSandbox
from views.sandbox.carriers_shippop import ShippopSandbox
from views.sandbox.carriers_thaipost import ThailandPostSandbox
from views.sandbox.market import Market
from views.sandbox.messages import LineSandbox, MetaSandbox, SmsMktSandbox, ThaiBulkSmsSandbox
from views.sandbox.selling import Seller
from views.sandbox.server import running
from views.sandbox.slip_qr import code_of
from views.sandbox.stage_channels import dialects, together
from views.sandbox.verifiers import EasySlipSandbox, Slip2GoSandbox, SlipOkSandbox
from views.sandbox.verifiers_banks import KBankSandbox, ScbSandbox

POSTED = "ED852942182TH"


@dataclass(frozen=True)
class Options:
    """How the sandbox plays. ``rate``: orders a minute over all shops, 0 for none by itself."""

    port: int = 8300
    rate: float = 0.0
    seed: int = 1
    skus: int = 60
    pieces: int = 1000


def play(options: Options, tell: Callable[[str], object], stop: threading.Event) -> None:
    """Run every simulator below one address of this machine until ``stop`` is set; buyers order at the chosen rate."""
    entry = Entry("DEMO202611230001", "004", "014", Decimal("1590.00"), clock.now() - timedelta(minutes=5))
    market = Market(options.seed, skus=options.skus, pieces=options.pieces)
    shops = dialects(market, options.seed)
    others = [*_verifiers(entry), *_carriers(), *_messages()]
    seller = Seller(market, options.rate)
    mounted = {s.name: s for s in (*shops.values(), *(o for o, _ in others))}
    with running(together(market, mounted, seller), options.port) as url:
        for sandbox in shops.values():
            tell(f"{sandbox.name:<14} {url}/{sandbox.name}  {_shown(sandbox.keys())}")
        for other, keys in others:
            tell(f"{other.name:<14} {url}/{other.name}{other.root}  {_shown(keys)}")
        tell(f"a transfer all verifiers know: {code_of(entry.sending_bank, entry.reference)}")
        tell(f"a parcel Thailand Post knows: {POSTED}")
        tell(f"books of all shops: GET {url}/_books   first access to them: POST {url}/_connect")
        tell("of each: GET /_books, POST /_faults /_orders /_deeds /_hooks /_limit /_listings /_transfers /_parcels")
        tell(f"buyers at another pace: POST {url}/_rate")
        if options.rate:
            tell(f"buyers order {options.rate:g} times a minute")
            seller.start()
        tell("Ctrl-C stops")
        stop.wait()


def _shown(keys: Mapping[str, str]) -> str:
    return "  ".join(f"{name}={value}" for name, value in keys.items())


def _verifiers(entry: Entry) -> list[tuple[Simulator, dict[str, str]]]:
    slipok, easyslip, slip2go = SlipOkSandbox(), EasySlipSandbox(), Slip2GoSandbox()
    scb, kbank = ScbSandbox(), KBankSandbox()
    for sandbox in (slipok, easyslip, slip2go, scb, kbank):
        sandbox.book.add(entry)
    return [
        (slipok, {"branch": slipok.branch, "key": slipok.key}), (easyslip, {"key": easyslip.key}),
        (slip2go, {"secret": slip2go.secret}), (scb, {"key": scb.key, "secret": scb.secret}),
        (kbank, {"consumer": kbank.key, "secret": kbank.secret}),
    ]  # fmt: skip


def _carriers() -> list[tuple[Simulator, dict[str, str]]]:
    flash, post, ninja, shippop = FlashSandbox(), ThailandPostSandbox(), NinjaVanSandbox(), ShippopSandbox()
    post.post(POSTED)
    post.book.travel(POSTED, "delivered", 2)
    return [
        (flash, {"merchant": flash.merchant, "key": flash.key}),
        (post, {"key": post.key, "hook_key": post.hook_key}),
        (ninja, {"client": ninja.client, "secret": ninja.secret, "prefix": ninja.prefix}),
        (shippop, {"key": shippop.key, "email": shippop.email}),
    ]


def _messages() -> list[tuple[Simulator, dict[str, str]]]:
    line, bulk, mkt, meta = LineSandbox(), ThaiBulkSmsSandbox(), SmsMktSandbox(), MetaSandbox()
    return [
        (line, {"access_token": line.token, "channel_secret": line.secret}),
        (bulk, {"api_key": bulk.key, "api_secret": bulk.secret, "sender": "RUAM"}),
        (mkt, {"api_key": mkt.key, "secret_key": mkt.secret}),
        (meta, {"page_id": meta.page, "access_token": meta.token, "app_secret": meta.secret}),
    ]
