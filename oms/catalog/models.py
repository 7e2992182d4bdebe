"""Products, the SKUs stock is kept of, bundles, and the shops that sell them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Identity, Index, Integer, String, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import EnumText, UtcDateTime, money
from oms.db import Model
from oms.money import ZERO


class Channel(StrEnum):
    """A kind of place where orders come from."""

    SHOPEE = "shopee"
    LAZADA = "lazada"
    TIKTOK = "tiktok"
    LINE_SHOPPING = "line_shopping"
    LINE = "line"
    FACEBOOK = "facebook"
    INSTAGRAM = "instagram"
    WEB = "web"
    CONSIGNMENT = "consignment"
    OTHER = "other"


CHANNEL_LABELS: dict[Channel, str] = {
    Channel.SHOPEE: "Shopee",
    Channel.LAZADA: "Lazada",
    Channel.TIKTOK: "TikTok Shop",
    Channel.LINE_SHOPPING: "LINE SHOPPING",
    Channel.LINE: "LINE",
    Channel.FACEBOOK: "Facebook",
    Channel.INSTAGRAM: "Instagram",
    Channel.WEB: "Web shop",
    Channel.CONSIGNMENT: "Consignment",
    Channel.OTHER: "Other channel",
}


class VatClass(StrEnum):
    """How the VAT law treats what is sold. Prices include what VAT there is."""

    STANDARD = "standard"
    ZERO = "zero"
    EXEMPT = "exempt"


VAT_LABELS: dict[VatClass, str] = {
    VatClass.STANDARD: "VAT included",
    VatClass.ZERO: "VAT 0 %",
    VatClass.EXEMPT: "Exempt from VAT",
}

PLATFORMS = frozenset({Channel.SHOPEE, Channel.LAZADA, Channel.TIKTOK})  # these take the money and make the waybill
MARKETPLACES = frozenset({Channel.SHOPEE, Channel.LAZADA, Channel.TIKTOK, Channel.LINE_SHOPPING})


class Routing(StrEnum):
    """How the orders of a shop find their warehouse: always its own, or the best one for each order."""

    FIXED = "fixed"
    AUTOMATIC = "automatic"


ROUTING_LABELS: dict[Routing, str] = {
    Routing.FIXED: "Always its own warehouse",
    Routing.AUTOMATIC: "The best one for each order",
}


class Shop(Model):
    """One account on one channel. ``expire_hours`` None: unpaid orders of this shop never expire.

    ``may_split``: an order for which no single warehouse has everything is sent from several.
    """

    __tablename__ = "shops"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    channel: Mapped[Channel] = mapped_column(EnumText(Channel))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    expire_hours: Mapped[int | None] = mapped_column(Integer)
    ship_within_hours: Mapped[int | None] = mapped_column(Integer)
    contact_url: Mapped[str] = mapped_column(String(300), default="")
    routing: Mapped[Routing] = mapped_column(
        EnumText(Routing), default=Routing.FIXED, server_default=Routing.FIXED.value
    )
    may_split: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    is_active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("expire_hours > 0", name="expire_hours"),
        CheckConstraint("ship_within_hours > 0", name="ship_within_hours"),
    )

    def __str__(self) -> str:
        return f"{self.code} · {self.name}"


class Product(Model):
    """What a customer thinks of as one thing; its SKUs are the options of it."""

    __tablename__ = "products"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(300))
    name_en: Mapped[str] = mapped_column(String(300), default="")
    category: Mapped[str] = mapped_column(String(100), default="")
    description: Mapped[str] = mapped_column(Text, default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    version: Mapped[int] = mapped_column()

    skus: Mapped[list[Sku]] = relationship(back_populates="product", order_by="Sku.code")

    __mapper_args__ = {"version_id_col": version}

    def __str__(self) -> str:
        return self.name


class Sku(Model):
    """The smallest thing stock is kept of, or a bundle of such things. Weight in grams, prices include VAT."""

    __tablename__ = "skus"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(String(64), unique=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"), index=True)
    name: Mapped[str] = mapped_column(String(300))
    option: Mapped[str] = mapped_column(String(200), default="")
    price: Mapped[money] = mapped_column(default=ZERO)
    cost: Mapped[money] = mapped_column(default=ZERO)
    weight_g: Mapped[int] = mapped_column(Integer, default=0)
    location: Mapped[str] = mapped_column(String(40), default="")
    low_stock: Mapped[int] = mapped_column(Integer, default=0)
    vat_class: Mapped[VatClass] = mapped_column(
        EnumText(VatClass), default=VatClass.STANDARD, server_default=VatClass.STANDARD.value
    )
    is_bundle: Mapped[bool] = mapped_column(Boolean, default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    haystack: Mapped[str] = mapped_column(Text, default="")
    grams: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    version: Mapped[int] = mapped_column()

    product: Mapped[Product] = relationship(back_populates="skus")
    barcodes: Mapped[list[SkuBarcode]] = relationship(back_populates="sku", order_by="SkuBarcode.barcode")
    components: Mapped[list[BundleItem]] = relationship(
        back_populates="bundle", foreign_keys="BundleItem.bundle_id", order_by="BundleItem.component_id"
    )

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index("ix_skus_grams", "grams", postgresql_using="gin"),
        CheckConstraint("price >= 0", name="price"),
        CheckConstraint("weight_g >= 0", name="weight"),
    )

    def __str__(self) -> str:
        return f"{self.code} · {self.name}"


class SkuBarcode(Model):
    """A barcode that means this SKU; a SKU may have several."""

    __tablename__ = "sku_barcodes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    sku_id: Mapped[int] = mapped_column(ForeignKey("skus.id"), index=True)
    barcode: Mapped[str] = mapped_column(String(64), unique=True)

    sku: Mapped[Sku] = relationship(back_populates="barcodes")

    def __str__(self) -> str:
        return self.barcode


class BundleItem(Model):
    """How many of a component one bundle holds. Components are never bundles themselves."""

    __tablename__ = "bundle_items"

    bundle_id: Mapped[int] = mapped_column(ForeignKey("skus.id"), primary_key=True)
    component_id: Mapped[int] = mapped_column(ForeignKey("skus.id"), primary_key=True)
    quantity: Mapped[int] = mapped_column(Integer)

    bundle: Mapped[Sku] = relationship(back_populates="components", foreign_keys=[bundle_id])
    component: Mapped[Sku] = relationship(foreign_keys=[component_id])

    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("bundle_id <> component_id", name="not_itself"),
    )

    def __str__(self) -> str:
        return f"{self.component.code} ×{self.quantity}"


class ChannelSku(Model):
    """What a shop calls a SKU. Many names may mean one SKU; ``multiplier`` pieces of it are one sold there."""

    __tablename__ = "channel_skus"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    external_sku: Mapped[str] = mapped_column(String(200))
    sku_id: Mapped[int] = mapped_column(ForeignKey("skus.id"), index=True)
    multiplier: Mapped[int] = mapped_column(Integer, default=1)
    version: Mapped[int] = mapped_column()

    shop: Mapped[Shop] = relationship()
    sku: Mapped[Sku] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index("uq_channel_skus", "shop_id", "external_sku", unique=True),
        CheckConstraint("multiplier > 0", name="multiplier"),
    )

    def __str__(self) -> str:
        return self.external_sku
