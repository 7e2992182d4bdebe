"""Every provider: what it is called, where it is, what has to be entered for it, and how it is opened.

Adding one: a module with ``verify``, ``quota`` and ``close``, a row here, a strict simulator in ``views/sandbox``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from oms.banks.verifiers.easyslip import EasySlip
from oms.banks.verifiers.kbank import KBank
from oms.banks.verifiers.port import Answer, Quota, SlipVerifier, answer_of
from oms.banks.verifiers.scb import Scb
from oms.banks.verifiers.slip2go import Slip2Go
from oms.banks.verifiers.slipok import SlipOk
from oms.errors import InvalidInput
from oms.net.settings import Field, secret_names
from oms.net.silence import Silence
from oms.net.transport import Patience, Transport, secure
from oms.payments.states import CheckOutcome

Make = Callable[[Transport, Mapping[str, str]], SlipVerifier]


@dataclass(frozen=True)
class Provider:
    """One kind of verifier. ``host``: its address when nothing else is entered."""

    code: str
    name: str
    host: str
    fields: tuple[Field, ...]
    make: Make

    @property
    def secret_names(self) -> tuple[str, ...]:
        """What is sealed."""
        return secret_names(self.fields)


FIELD_LABELS: dict[str, str] = {
    "branch_id": "Branch number",
    "api_key": "API key",
    "api_secret": "API secret",
    "application_key": "Application key",
    "application_secret": "Application secret",
    "consumer_id": "Consumer ID",
    "consumer_secret": "Consumer secret",
    "certificate": "Client certificate (PEM)",
    "certificate_key": "Key of the certificate (PEM)",
    "authority": "Certificate authority of the server (PEM)",
}


def _field(name: str, *, secret: bool = True, required: bool = True, long: bool = False) -> Field:
    return Field(name, FIELD_LABELS[name], secret=secret, required=required, long=long)


_MUTUAL_TLS = (
    _field("certificate", required=False, long=True),
    _field("certificate_key", required=False, long=True),
    _field("authority", secret=False, required=False, long=True),
)

PROVIDERS: Mapping[str, Provider] = {
    p.code: p
    for p in (
        Provider(
            "slipok", "SlipOK", "https://api.slipok.com/api/line/apikey",
            (_field("branch_id", secret=False), _field("api_key")), SlipOk,
        ),
        Provider("easyslip", "EasySlip", "https://api.easyslip.com/v2", (_field("api_key"),), EasySlip),
        Provider(
            "slip2go", "Slip2Go", "https://connect.slip2go.com/api", (_field("api_secret"),), Slip2Go
        ),
        Provider(
            "scb", "SCB", "https://api.partners.scb/partners",
            (_field("application_key", secret=False), _field("application_secret"), *_MUTUAL_TLS), Scb,
        ),
        Provider(
            "kbank", "KBank", "https://openapi.kasikornbank.com",
            (_field("consumer_id", secret=False), _field("consumer_secret"), *_MUTUAL_TLS), KBank,
        ),
    )
}  # fmt: skip


def open_verifier(code: str, host: str, settings: Mapping[str, str], patience: Patience | None = None) -> SlipVerifier:
    """A verifier ready to ask. Raises InvalidInput for an address or a certificate that cannot be used."""
    tls = secure(settings.get("certificate", ""), settings.get("certificate_key", ""), settings.get("authority", ""))
    return PROVIDERS[code].make(Transport(host, tls=tls, patience=patience), settings)


HASTY = Patience(connect=4.0, read=8.0, whole=10.0)  # somebody waits in front of a screen


def try_out(code: str, host: str, settings: Mapping[str, str]) -> Quota | Answer:
    """Whether these settings work: what is left, or the answer that says why not. Costs no check."""
    try:
        verifier = open_verifier(code, host, settings, HASTY)
    except InvalidInput as refusal:
        return Answer(CheckOutcome.REFUSED, code="settings", message=str(refusal), reached=False)
    try:
        return verifier.quota()
    except Silence as silence:
        return answer_of(silence)
    finally:
        verifier.close()
