"""All simulators at once, for trying the program by hand: ``oms sandbox``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal

from oms import clock
from views.sandbox.book import Entry, Simulator
from views.sandbox.carriers_flash import FlashSandbox
from views.sandbox.carriers_ninjavan import NinjaVanSandbox
from views.sandbox.carriers_shippop import ShippopSandbox
from views.sandbox.carriers_thaipost import ThailandPostSandbox
from views.sandbox.messages import LineSandbox, MetaSandbox, SmsMktSandbox, ThaiBulkSmsSandbox
from views.sandbox.server import running
from views.sandbox.slip_qr import code_of
from views.sandbox.verifiers import EasySlipSandbox, Slip2GoSandbox, SlipOkSandbox
from views.sandbox.verifiers_banks import KBankSandbox, ScbSandbox

POSTED = "ED852942182TH"


def play(first_port: int, tell: Callable[[str], object], stop: threading.Event) -> None:
    """Run every simulator on ports of this machine from ``first_port`` on until ``stop`` is set."""
    entry = Entry("DEMO202611230001", "004", "014", Decimal("1590.00"), clock.now() - timedelta(minutes=5))
    with ExitStack() as stack:
        for place, (sandbox, keys) in enumerate((*_verifiers(entry), *_carriers(), *_messages())):
            url = stack.enter_context(running(sandbox, first_port + place))
            shown = "  ".join(f"{name}={value}" for name, value in keys.items())
            tell(f"{sandbox.name:<9} {url}{sandbox.root}  {shown}")
        tell(f"a transfer all verifiers know: {code_of(entry.sending_bank, entry.reference)}")
        tell(f"a parcel Thailand Post knows: {POSTED}")
        tell("books: GET /_books   more transfers: POST /_transfers   trouble on command: POST /_faults")
        tell("parcels: GET and POST /_parcels   webhooks: POST /_hooks   Ctrl-C stops")
        stop.wait()


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
