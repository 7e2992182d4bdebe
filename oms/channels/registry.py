"""Every connector: what it is called, where it is, what has to be entered for it, and how it is opened.

Adding one: a module that answers for its abilities, a row here, a strict simulator in ``views/sandbox``
(docs/how-to/add-a-channel.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from oms.catalog.models import Channel as ChannelName
from oms.channels import market_fields, webshop_fields
from oms.channels import shopify_access as shopify
from oms.channels.asking import Adapter
from oms.channels.inbound import Inbound
from oms.channels.lazada import calls as lazada
from oms.channels.lazada.adapter import Lazada
from oms.channels.line_shopping import calls as line_shopping
from oms.channels.line_shopping.adapter import LineShopping
from oms.channels.medusa import Medusa
from oms.channels.port import Ability, Channel, ChannelKeys, Grant
from oms.channels.shopee import calls as shopee
from oms.channels.shopee.adapter import Shopee
from oms.channels.shopify import Shopify
from oms.channels.tiktok import calls as tiktok
from oms.channels.tiktok.adapter import TikTok
from oms.channels.vendure import Vendure
from oms.channels.woocommerce import WooCommerce
from oms.errors import InvalidInput
from oms.net.settings import Field, secret_names
from oms.net.transport import Patience, Transport, check_host, secure

MAX_BYTES = 16 * 1024 * 1024  # a hundred orders with everything, or a waybill
USUAL = Patience()
HASTY = Patience(connect=4.0, read=8.0, whole=10.0)  # somebody waits in front of a screen
NO_GRANT = Grant("")


@dataclass(frozen=True)
class Opening:
    """What an adapter is made from. ``to`` opens a further server of the same platform (the one that gives tokens)."""

    transport: Transport
    settings: Mapping[str, str]
    grant: Grant
    to: Callable[[str], Transport]


@dataclass(frozen=True)
class Consent:
    """How a seller lets us in by the browser: where to send them, and what comes of the code they bring back.
    ``address``: (host, settings, our callback, state) -> where to send the browser. ``exchange``: (opening, what came
    back in the query) -> the first grant; raises ChannelError."""

    address: Callable[[str, Mapping[str, str], str, str], str]
    exchange: Callable[[Opening, Mapping[str, str]], Grant]


@dataclass(frozen=True)
class ConnectorKind:
    """One kind of connector. ``channel``: whose orders it brings; ``host``: its address when nothing else is entered;
    ``per_second``: requests for one shop, over all workers; ``cadence``: seconds between two looks at usual times;
    ``look_again``: seconds after which an open order is asked for by number, whatever the list of changes says.
    """

    code: str
    name: str
    channel: ChannelName
    host: str
    fields: tuple[Field, ...]
    kind: type[Adapter]
    make: Callable[[Opening], Channel]
    consent: Consent | None = None
    per_second: float = 5.0
    cadence: int = 120
    look_again: int = 1800
    patience: Patience = field(default=USUAL)

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do."""
        return self.kind.abilities

    @property
    def is_asked(self) -> bool:
        """Whether it has an address of its own; one that only tells us has none."""
        return self.abilities != frozenset({Ability.WEBHOOK})

    @property
    def secret_names(self) -> tuple[str, ...]:
        """What is sealed."""
        return secret_names(self.fields)


def _lazada_grant(opening: Opening, back: Mapping[str, str]) -> Grant:
    door = opening.to(f"{lazada.door_of(opening.transport.base_url, opening.settings)}/rest")
    try:
        return lazada.exchange(door, opening.settings, back)
    finally:
        door.close()


def _tiktok_grant(opening: Opening, back: Mapping[str, str]) -> Grant:
    door = opening.to(tiktok.door_of(opening.transport.base_url, opening.settings))
    try:
        return tiktok.exchange(opening.transport, door, opening.settings, back)
    finally:
        door.close()


MARKETS = (
    ConnectorKind(
        "shopee", "Shopee", ChannelName.SHOPEE, "https://partner.shopeemobile.com", market_fields.SHOPEE,
        Shopee, lambda o: Shopee(o.transport, o.settings, o.grant),
        Consent(shopee.consent_address, lambda o, back: shopee.exchange(o.transport, o.settings, back)),
        per_second=10.0,
    ),
    ConnectorKind(
        "lazada", "Lazada", ChannelName.LAZADA, lazada.HOST, market_fields.LAZADA,
        Lazada, lambda o: Lazada(o.transport, o.settings, o.grant, o.to),
        Consent(lazada.consent_address, _lazada_grant), per_second=10.0,
    ),
    ConnectorKind(
        "tiktok", "TikTok Shop", ChannelName.TIKTOK, tiktok.HOST, market_fields.TIKTOK,
        TikTok, lambda o: TikTok(o.transport, o.settings, o.grant, o.to),
        Consent(tiktok.consent_address, _tiktok_grant), per_second=20.0,
    ),
    ConnectorKind(
        "line_shopping", "LINE SHOPPING", ChannelName.LINE_SHOPPING, line_shopping.HOST, market_fields.LINE_SHOPPING,
        LineShopping, lambda o: LineShopping(o.transport, o.settings), per_second=10.0,  # it names no limit
    ),
)  # fmt: skip
SHOPIFY_PACE = 5.0  # 100 points come back a second; the dearest usual question takes some 20 of them in the end
WEBSHOPS = (
    ConnectorKind(
        "woocommerce", "WooCommerce", ChannelName.WEB, "", webshop_fields.WOOCOMMERCE,
        WooCommerce, lambda o: WooCommerce(o.transport, o.settings), per_second=4.0,  # it has no limit; hosts have
    ),
    ConnectorKind(
        "shopify", "Shopify", ChannelName.WEB, "", webshop_fields.SHOPIFY,
        Shopify, lambda o: Shopify(o.transport, o.settings, o.grant), per_second=SHOPIFY_PACE,
    ),
    ConnectorKind(
        "shopify_app", "Shopify (OAuth)", ChannelName.WEB, "", webshop_fields.SHOPIFY_APP,
        Shopify, lambda o: Shopify(o.transport, o.settings, o.grant),
        Consent(shopify.consent_address, lambda o, back: shopify.exchange(o.transport, o.settings, back)),
        per_second=SHOPIFY_PACE,
    ),
    ConnectorKind(  # payments and parcels do not move its time of change: open orders are looked at often
        "vendure", "Vendure", ChannelName.WEB, "", webshop_fields.VENDURE,
        Vendure, lambda o: Vendure(o.transport, o.settings), look_again=120,
    ),
    ConnectorKind(  # payments do not move its time of change
        "medusa", "Medusa", ChannelName.WEB, "", webshop_fields.MEDUSA,
        Medusa, lambda o: Medusa(o.transport, o.settings), look_again=120,
    ),
    ConnectorKind(  # nobody is ever asked: the address leads nowhere
        "inbound", "Inbound API", ChannelName.WEB, "https://inbound.invalid", webshop_fields.INBOUND,
        Inbound, lambda o: Inbound(o.transport, o.settings),
    ),
)  # fmt: skip

CONNECTORS: dict[str, ConnectorKind] = {kind.code: kind for kind in (*MARKETS, *WEBSHOPS)}


def open_channel(
    code: str, host: str, settings: Mapping[str, str], grant: Grant = NO_GRANT, patience: Patience | None = None
) -> Channel:
    """A shop ready to be asked; ``host`` "" is the usual one. Raises InvalidInput for an unusable address."""
    kind = CONNECTORS[code]
    return kind.make(opening(code, host, settings, grant, patience))


def opening(
    code: str, host: str, settings: Mapping[str, str], grant: Grant = NO_GRANT, patience: Patience | None = None
) -> Opening:
    """What an adapter or a consent is given."""
    kind = CONNECTORS[code]
    tls = secure()

    def to(address: str) -> Transport:
        return Transport(address, tls=tls, patience=patience or kind.patience, max_bytes=MAX_BYTES)

    return Opening(to(host or kind.host), settings, grant, to)


def try_out(code: str, host: str, settings: Mapping[str, str], grant: Grant = NO_GRANT) -> str:
    """Whether these settings work: the shop's name. Costs and changes nothing. Raises ChannelError."""
    try:
        channel = open_channel(code, host, settings, grant, HASTY)
    except InvalidInput as refusal:
        raise ChannelKeys(refusal.message) from refusal
    try:
        return channel.check()
    finally:
        channel.close()


def check_settings(code: str, host: str) -> None:
    """Raises InvalidInput when the address cannot be used."""
    check_host(host or CONNECTORS[code].host)
