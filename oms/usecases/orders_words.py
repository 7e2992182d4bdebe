"""What is said of an order before it is placed, and what is answered: the words of ``place_orders``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from oms.catalog.queries import ShopFacts, SkuFacts
from oms.customers.finding import Buyer
from oms.money import ZERO, Money
from oms.orders.states import PaymentTerm
from oms.payments.cod_risk import CodRisk


class Stock(StrEnum):
    """What happens when a confirmed order finds too little stock."""

    MUST_RESERVE = "must_reserve"  # the order is refused, and the reader told what is left
    MAY_WAIT = "may_wait"  # the order stands and waits for stock: a marketplace has sold it already
    LEFT_BEFORE = "left_before"  # the goods had left before Ruam knew the order: no stock is kept for it


@dataclass(frozen=True)
class ShipTo:
    """Where the parcel goes, as the buyer gave it."""

    name: str
    phone: str = ""
    line: str = ""
    subdistrict: str = ""
    district: str = ""
    province: str = ""
    postcode: str = ""


@dataclass(frozen=True)
class NewLine:
    """One SKU. ``unit_price`` None means the catalog's price; ``discount`` is for the whole line."""

    sku_id: int
    quantity: int
    unit_price: Money | None = None
    discount: Money = ZERO
    name: str = ""
    external_id: str = ""


@dataclass(frozen=True)
class AgreedPrices:
    """What SKUs cost the buyer's group, read from the price list by whoever enters the order (``customer_groups``)."""

    group: str
    prices: Mapping[int, Money]


@dataclass(frozen=True)
class PlaceOrder:
    """An order to place. ``confirm`` also reserves its stock, in the same transaction.

    ``priced_by_channel``: prices and discounts are the channel's word, no staff limit applies (needs
    ``intake.import``). ``term_approved``: the marketplace says the buyer has paid it.
    """

    shop_id: int
    lines: tuple[NewLine, ...]
    ship_to: ShipTo
    customer_id: int | None = None
    buyer: Buyer | None = None
    payment_term: PaymentTerm = PaymentTerm.PREPAID
    term_approved: bool = False
    discount: Money = ZERO
    shipping_fee: Money = ZERO
    channel_discount: Money = ZERO
    channel_fee: Money = ZERO
    warehouse_id: int | None = None
    external_no: str | None = None
    channel_status: str = ""
    content_hash: str = ""
    placed_at: datetime | None = None
    ship_by: datetime | None = None
    carrier: str = ""
    buyer_note: str = ""
    tags: tuple[str, ...] = ()
    owner_id: int | None = None
    owner: str = ""
    idempotency_key: str | None = None
    copied_from: int | None = None
    priced_by_channel: bool = False
    agreed: AgreedPrices | None = None
    confirm: bool = False
    stock: Stock = Stock.MUST_RESERVE


@dataclass(frozen=True)
class OrderPlaced:
    """``created`` False: the same order was there already (same key or same external number), nothing was done."""

    order_id: int
    number: str
    created: bool = True
    waits_for_stock: bool = False


@dataclass(frozen=True)
class Priced:
    """An order whose words were understood: known SKUs, checked figures."""

    cmd: PlaceOrder
    shop: ShopFacts
    skus: Mapping[int, SkuFacts]
    goods_total: Money
    total: Money
    warehouse_id: int
    cod_risk: CodRisk | None = None  # refused before, or on the blacklist: a person approves it first

    def listed(self, sku_id: int) -> Money:
        """What a piece costs this buyer when nobody says otherwise."""
        agreed = self.cmd.agreed
        return agreed.prices.get(sku_id, self.skus[sku_id].price) if agreed else self.skus[sku_id].price
