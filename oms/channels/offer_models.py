"""What is on sale in each shop, how much of the stock it may show, and what it was told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms.catalog.models import Shop, Sku
from oms.columns import UtcDateTime
from oms.db import Model


class ChannelListing(Model):
    """One thing on sale in a shop. ``sku_id`` None: nobody has said which of ours it is; ``multiplier`` of ours are one
    sold there.

    ``shown``: what the channel said it shows. ``wanted``: what it should show. ``sent``: what it was told last and
    took; None when that is not known. A listing owes a word while ``wanted`` and ``sent`` differ.
    """

    __tablename__ = "channel_listings"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    external_id: Mapped[str] = mapped_column(String(200))
    external_sku: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(300), default="", server_default="")
    sku_id: Mapped[int | None] = mapped_column(ForeignKey("skus.id"))
    multiplier: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    shown: Mapped[int | None] = mapped_column(Integer)
    shown_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    wanted: Mapped[int | None] = mapped_column(Integer)
    wanted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent: Mapped[int | None] = mapped_column(Integer)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(String(300), default="", server_default="")
    is_live: Mapped[bool] = mapped_column(Boolean, default=True, server_default=text("true"))

    shop: Mapped[Shop] = relationship()
    sku: Mapped[Sku | None] = relationship()

    __table_args__ = (
        UniqueConstraint("shop_id", "external_id"),
        Index("ix_channel_listings_sku", "sku_id"),
        Index(
            "ix_channel_listings_owed", "shop_id", "wanted_at",
            postgresql_where=text("is_live AND wanted IS NOT NULL AND wanted IS DISTINCT FROM sent"),
        ),
    )  # fmt: skip


class OfferRule(Model):
    """How much of the free stock a shop shows: a share of it, less a buffer, at most so many; fewer than ``least`` is
    shown as none. ``sku_id`` None: for everything in the shop. The closest rule counts."""

    __tablename__ = "offer_rules"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    sku_id: Mapped[int | None] = mapped_column(ForeignKey("skus.id"))
    percent: Mapped[int] = mapped_column(Integer, default=100, server_default="100")
    buffer: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    least: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    most: Mapped[int | None] = mapped_column(Integer)
    version: Mapped[int] = mapped_column()

    shop: Mapped[Shop] = relationship()
    sku: Mapped[Sku | None] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index("uq_offer_rules", "shop_id", "sku_id", unique=True, postgresql_nulls_not_distinct=True),
        CheckConstraint("percent BETWEEN 0 AND 100", name="percent"),
        CheckConstraint("buffer >= 0 AND least >= 0 AND most >= 0", name="pieces"),
    )


class OfferPolicy(Model):
    """How shops share one SKU (or, ``sku_id`` None, every SKU without its own row). ``over_offer``: all shops may show
    the same pieces at once, so that their offers together exceed the stock. ``last_pieces``: when no more than so many
    are free, only ``last_shop_id`` shows them."""

    __tablename__ = "offer_policies"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    sku_id: Mapped[int | None] = mapped_column(ForeignKey("skus.id"))
    over_offer: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
    last_pieces: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    last_shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    version: Mapped[int] = mapped_column()

    sku: Mapped[Sku | None] = relationship()
    last_shop: Mapped[Shop | None] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index("uq_offer_policies", "sku_id", unique=True, postgresql_nulls_not_distinct=True),
        CheckConstraint("last_pieces >= 0", name="last_pieces"),
    )


class StockTouch(Model):
    """A SKU whose free pieces changed; written by the database beside the change itself, read by whoever works offers
    out."""

    __tablename__ = "stock_touches"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    sku_id: Mapped[int] = mapped_column(BigInteger)
