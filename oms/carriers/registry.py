"""Every adapter: what it is called, where it is, what has to be entered for it, and how it is opened.

Adding one: a module that answers for its abilities, a row here, a strict simulator in ``views/sandbox``
(docs/how-to/add-a-carrier.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from oms.carriers.asking import Adapter
from oms.carriers.flash import Flash
from oms.carriers.ninjavan import NinjaVan
from oms.carriers.port import Ability, Carrier, CarrierKeys
from oms.carriers.shippop import Shippop
from oms.carriers.thaipost import ThailandPost
from oms.errors import InvalidInput
from oms.net.settings import Field, secret_names
from oms.net.transport import Patience, Transport, check_host, secure

MAX_BYTES = 8 * 1024 * 1024  # a hundred parcels with all they lived through, or a label
USUAL = Patience()
HASTY = Patience(connect=4.0, read=8.0, whole=10.0)  # somebody waits in front of a screen


@dataclass(frozen=True)
class Opening:
    """What an adapter is made from. ``to`` opens a further server of the same carrier."""

    transport: Transport
    settings: Mapping[str, str]
    to: Callable[[str], Transport]


@dataclass(frozen=True)
class AdapterKind:
    """One kind of adapter. ``carrier``: whose it is, by our code ("" for an aggregator); ``host``: its address when
    nothing else is entered, ``test_host`` where to practice; ``patience`` for its slowest answer."""

    code: str
    name: str
    carrier: str
    host: str
    fields: tuple[Field, ...]
    kind: type[Adapter]
    make: Callable[[Opening], Carrier]
    test_host: str = ""
    patience: Patience = field(default=USUAL)

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do."""
        return self.kind.abilities

    @property
    def secret_names(self) -> tuple[str, ...]:
        """What is sealed."""
        return secret_names(self.fields)


FIELD_LABELS: dict[str, str] = {
    "merchant": "Merchant number (mchId)",
    "api_key": "API key",
    "warehouse": "Warehouse number at Flash",
    "article": "Kind of goods (number of Flash)",
    "hook_key": "Word of the webhook (Bearer)",
    "hook_host": "Address of the webhook server",
    "language": "Language of the events (EN or TH)",
    "client_id": "Client ID",
    "client_secret": "Client secret",
    "prefix": "Prefix of the account's tracking numbers",
    "pickup": "Ask for a pick-up with every parcel (yes or no)",
    "email": "E-mail of the account",
}


def _field(name: str, *, secret: bool = False, required: bool = True, default: str = "") -> Field:
    return Field(name, FIELD_LABELS[name], secret=secret, required=required, default=default)


POST, POST_HOOKS = "https://trackapi.thailandpost.co.th", "https://trackwebhook.thailandpost.co.th"


def _post(opening: Opening) -> Carrier:
    """Where the first server is another one (a sandbox), the second is too unless it is named."""
    usual = POST_HOOKS if opening.transport.base_url == POST else opening.transport.base_url
    return ThailandPost(opening.transport, opening.settings, opening.to(opening.settings.get("hook_host") or usual))


ADAPTERS: dict[str, AdapterKind] = {
    a.code: a
    for a in (
        AdapterKind(
            "flash", "Flash Express", "flash", "https://open-api.flashexpress.com",
            (
                _field("merchant"), _field("api_key", secret=True), _field("warehouse", required=False),
                _field("article", required=False, default="99"),
            ),
            Flash, lambda o: Flash(o.transport, o.settings), "https://open-api-tra.flashexpress.com",
        ),
        AdapterKind(
            "thaipost", "Thailand Post", "thaipost", POST,
            (
                _field("api_key", secret=True), _field("hook_key", secret=True, required=False),
                _field("hook_host", required=False),
                _field("language", required=False, default="EN"),
            ),
            ThailandPost, _post,
        ),
        AdapterKind(
            "ninjavan", "Ninja Van", "ninjavan", "https://api.ninjavan.co/th",
            (
                _field("client_id"), _field("client_secret", secret=True), _field("prefix", required=False),
                _field("pickup", required=False, default="no"),
            ),
            NinjaVan, lambda o: NinjaVan(o.transport, o.settings), "https://api-sandbox.ninjavan.co/sg",
        ),
        AdapterKind(
            "shippop", "Shippop", "", "https://mkpservice.shippop.com",
            (_field("api_key", secret=True), _field("email")),
            Shippop, lambda o: Shippop(o.transport, o.settings), "https://mkpservice.shippop.dev",
            Patience(read=50.0, whole=55.0),
        ),
    )
}  # fmt: skip


def open_carrier(code: str, host: str, settings: Mapping[str, str], patience: Patience | None = None) -> Carrier:
    """An account ready to ask; ``host`` "" is the usual one. Raises InvalidInput for an address that cannot be used."""
    kind = ADAPTERS[code]
    tls = secure()

    def to(address: str) -> Transport:
        return Transport(address, tls=tls, patience=patience or kind.patience, max_bytes=MAX_BYTES)

    return kind.make(Opening(to(host or kind.host), settings, to))


def check_settings(code: str, host: str, settings: Mapping[str, str]) -> None:
    """Raises InvalidInput when an address among the settings cannot be used."""
    kind = ADAPTERS[code]
    check_host(host or kind.host)
    if settings.get("hook_host"):
        check_host(settings["hook_host"])


def try_out(code: str, host: str, settings: Mapping[str, str]) -> str:
    """Whether these settings work: a word of the account. Costs and changes nothing. Raises CarrierError."""
    try:
        carrier = open_carrier(code, host, settings, HASTY)
    except InvalidInput as refusal:
        raise CarrierKeys(refusal.message) from refusal
    try:
        return carrier.check()
    finally:
        carrier.close()
