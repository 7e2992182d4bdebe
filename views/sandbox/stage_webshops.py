"""The simulated web shops, by the code of their connector."""

from __future__ import annotations

from collections.abc import Callable

from views.sandbox.channel import ChannelSandbox
from views.sandbox.channel_inbound import InboundSandbox
from views.sandbox.channel_medusa import MedusaSandbox
from views.sandbox.channel_shopify import ShopifySandbox
from views.sandbox.channel_vendure import VendureSandbox
from views.sandbox.channel_woocommerce import WooCommerceSandbox
from views.sandbox.market import Stall

WEBSHOPS: dict[str, Callable[[Stall], ChannelSandbox]] = {
    "inbound": InboundSandbox,
    "medusa": MedusaSandbox,
    "shopify": ShopifySandbox,
    "vendure": VendureSandbox,
    "woocommerce": WooCommerceSandbox,
}
