"""All simulators at once, for trying the program by hand: ``oms sandbox``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal

from oms import clock
from views.sandbox.book import Entry
from views.sandbox.server import running
from views.sandbox.slip_qr import code_of
from views.sandbox.verifiers import EasySlipSandbox, Slip2GoSandbox, SlipOkSandbox
from views.sandbox.verifiers_banks import KBankSandbox, ScbSandbox


def play(first_port: int, tell: Callable[[str], object], stop: threading.Event) -> None:
    """Run every simulated slip verifier on ports of this machine from ``first_port`` on until ``stop`` is set."""
    slipok, easyslip, slip2go = SlipOkSandbox(), EasySlipSandbox(), Slip2GoSandbox()
    scb, kbank = ScbSandbox(), KBankSandbox()
    made = (
        (slipok, {"branch": slipok.branch, "key": slipok.key}), (easyslip, {"key": easyslip.key}),
        (slip2go, {"secret": slip2go.secret}), (scb, {"key": scb.key, "secret": scb.secret}),
        (kbank, {"consumer": kbank.key, "secret": kbank.secret}),
    )  # fmt: skip
    entry = Entry("DEMO202611230001", "004", "014", Decimal("1590.00"), clock.now() - timedelta(minutes=5))
    with ExitStack() as stack:
        for place, (sandbox, keys) in enumerate(made):
            sandbox.book.add(entry)
            url = stack.enter_context(running(sandbox, first_port + place))
            shown = "  ".join(f"{name}={value}" for name, value in keys.items())
            tell(f"{sandbox.name:<9} {url}{sandbox.root}  {shown}")
        tell(f"a transfer they all know: {code_of(entry.sending_bank, entry.reference)}")
        tell("books: GET /_books   more transfers: POST /_transfers   trouble on command: POST /_faults   Ctrl-C stops")
        stop.wait()
