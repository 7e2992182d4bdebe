"""A simulated provider running on its own port, and a verifier of ours that asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from oms.banks.verifiers.port import Answer, Question, SlipVerifier, ask
from oms.banks.verifiers.registry import open_verifier
from oms.clock import BANGKOK
from oms.net.transport import Patience
from views.sandbox.book import Entry, Sandbox
from views.sandbox.server import running
from views.sandbox.slip_qr import code_of
from views.sandbox.verifiers import EasySlipSandbox, Slip2GoSandbox, SlipOkSandbox
from views.sandbox.verifiers_banks import KBankSandbox, ScbSandbox

IMPATIENT = Patience(connect=3.0, read=0.8, whole=1.6)  # still long on a busy machine
PAID_AT = datetime(2026, 11, 22, 20, 14, 5, tzinfo=BANGKOK)
SETTINGS: dict[str, dict[str, str]] = {
    "slipok": {"branch_id": "12345", "api_key": "SLIPOK-key"},
    "easyslip": {"api_key": "easyslip-key"},
    "slip2go": {"api_secret": "slip2go-secret"},
    "scb": {"application_key": "scb-key", "application_secret": "scb-secret"},
    "kbank": {"consumer_id": "kb-id", "consumer_secret": "kb-secret"},
}
MADE: dict[str, Callable[[], Any]] = {
    "slipok": SlipOkSandbox, "easyslip": EasySlipSandbox, "slip2go": Slip2GoSandbox, "scb": ScbSandbox,
    "kbank": KBankSandbox,
}  # fmt: skip
PORTALS, BANKS = ("slipok", "easyslip", "slip2go"), ("scb", "kbank")


def transfer(reference: str = "015073144041ATF00999", **facts: Any) -> Entry:
    """A transfer to our account 123-4-55366-7 at SCB."""
    words: dict[str, Any] = {
        "sending_bank": "004", "receiving_bank": "014", "amount": Decimal("1590.25"), "at": PAID_AT,
    }  # fmt: skip
    return Entry(reference, **(words | facts))


def question(entry: Entry) -> Question:
    """What the slip of this transfer lets us ask."""
    return Question(entry.sending_bank, entry.reference, code_of(entry.sending_bank, entry.reference))


@dataclass
class Play:
    """One provider on stage."""

    provider: str
    sandbox: Any
    host: str
    verifier: SlipVerifier

    def known(self, **facts: Any) -> Question:
        """A transfer the provider knows, as a question."""
        return question(self.sandbox.book.add(transfer(**facts)))

    def ask(self, asked: Question) -> Answer:
        return ask(self.verifier, asked)

    def again(self, **changed: str) -> SlipVerifier:
        """Another verifier with other settings."""
        return open_verifier(self.provider, self.host, SETTINGS[self.provider] | changed, IMPATIENT)

    @property
    def asked(self) -> int:
        """Questions that arrived, tokens not counted."""
        return sum("oauth" not in call.path for call in self.sandbox.book.calls)


@contextmanager
def on_stage(provider: str, sandbox: Sandbox | None = None) -> Iterator[Play]:
    """Start it, ask it, stop it."""
    played: Any = sandbox or MADE[provider]()
    with running(played) as url:
        host = f"{url}{played.root}"
        verifier = open_verifier(provider, host, SETTINGS[provider], IMPATIENT)
        try:
            yield Play(provider, played, host, verifier)
        finally:
            verifier.close()


MINUTES = {n: timedelta(minutes=n) for n in (3, 7, 15)}
