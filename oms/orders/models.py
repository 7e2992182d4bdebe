"""What was agreed. Names, addresses, prices and totals are copied onto the order and never recomputed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, String, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.catalog.models import Channel, Shop, Sku
from oms.columns import EnumText, UtcDateTime, money
from oms.customers.models import Customer
from oms.db import Model
from oms.inventory.models import Warehouse
from oms.money import ZERO, Money
from oms.orders.states import (
    Board,
    ChangeStatus,
    FulfillmentStatus,
    HoldReason,
    HoldStatus,
    OrderStatus,
    PaymentStatus,
    PaymentTerm,
    StockState,
)


class Order(Model):
    """One agreement with one buyer through one shop.

    ``number`` is ours and may skip; (shop, ``external_no``) is the channel's and unique for ever. ``payment_status``,
    ``fulfillment_status``, ``stock_state`` and ``board`` cache what ``usecases.derived`` computes. ``warehouse_id`` is
    the main one; ``also_in`` names the others that hold or sent pieces, ``warehouse_reason`` says why (a packed
    sentence), ``warehouse_pinned`` that a person chose. ``is_urgent``: freed stock serves it first.
    ``term_approved_at`` says when COD, credit or the marketplace's guarantee was accepted. ``left_before`` marks goods
    that had left before Ruam knew the order, so that no stock is kept for it. ``staff_edits`` names what staff changed,
    field by field, so that a later channel file does not silently undo it.
    """

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    channel: Mapped[Channel] = mapped_column(EnumText(Channel))
    external_no: Mapped[str | None] = mapped_column(String(80))
    status: Mapped[OrderStatus] = mapped_column(EnumText(OrderStatus))
    board: Mapped[Board] = mapped_column(EnumText(Board))
    payment_term: Mapped[PaymentTerm] = mapped_column(EnumText(PaymentTerm))
    payment_status: Mapped[PaymentStatus] = mapped_column(EnumText(PaymentStatus))
    fulfillment_status: Mapped[FulfillmentStatus] = mapped_column(EnumText(FulfillmentStatus))
    stock_state: Mapped[StockState] = mapped_column(EnumText(StockState))
    hold_reasons: Mapped[list[str]] = mapped_column(ARRAY(String(32)), default=list)
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    warehouse_pinned: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    warehouse_reason: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
    also_in: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    is_urgent: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"))

    ship_name: Mapped[str] = mapped_column(String(200))
    ship_phone: Mapped[str] = mapped_column(String(40), default="")
    ship_line: Mapped[str] = mapped_column(String(1000), default="")
    ship_subdistrict: Mapped[str] = mapped_column(String(100), default="")
    ship_district: Mapped[str] = mapped_column(String(100), default="")
    ship_province: Mapped[str] = mapped_column(String(100), default="")
    ship_postcode: Mapped[str] = mapped_column(String(10), default="")

    goods_total: Mapped[money] = mapped_column()
    discount: Mapped[money] = mapped_column(default=ZERO)
    shipping_fee: Mapped[money] = mapped_column(default=ZERO)
    total: Mapped[money] = mapped_column()
    verified_amount: Mapped[money] = mapped_column(default=ZERO)
    channel_discount: Mapped[money] = mapped_column(default=ZERO)
    channel_fee: Mapped[money] = mapped_column(default=ZERO)

    item_count: Mapped[int] = mapped_column(Integer)
    items_summary: Mapped[str] = mapped_column(String(300), default="")
    carrier: Mapped[str] = mapped_column(String(80), default="")
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(40)), default=list)
    owner_id: Mapped[int | None] = mapped_column(BigInteger)
    owner: Mapped[str] = mapped_column(String(120), default="")
    buyer_note: Mapped[str] = mapped_column(Text, default="")
    channel_status: Mapped[str] = mapped_column(String(120), default="")
    content_hash: Mapped[str] = mapped_column(String(64), default="")
    staff_edits: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    left_before: Mapped[bool] = mapped_column(default=False)
    idempotency_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    copied_from: Mapped[int | None] = mapped_column(BigInteger)

    placed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    term_approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    entered_by: Mapped[int | None] = mapped_column(BigInteger)
    ship_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancel_reason: Mapped[str] = mapped_column(String(32), default="")
    revision: Mapped[int] = mapped_column(Integer, default=0)
    version: Mapped[int] = mapped_column(default=1)

    shop: Mapped[Shop] = relationship()
    warehouse: Mapped[Warehouse] = relationship()
    customer: Mapped[Customer | None] = relationship()
    lines: Mapped[list[OrderLine]] = relationship(back_populates="order", order_by="OrderLine.position")
    holds: Mapped[list[OrderHold]] = relationship(back_populates="order", order_by="OrderHold.id")
    notes: Mapped[list[OrderNote]] = relationship(back_populates="order", order_by="OrderNote.id")

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index("uq_orders_external", "shop_id", "external_no", unique=True),
        Index("ix_orders_placed", text("placed_at DESC"), text("id DESC")),
        Index("ix_orders_shop_placed", "shop_id", text("placed_at DESC"), text("id DESC")),
        Index("ix_orders_board", "board", text("placed_at DESC"), text("id DESC")),
        Index(
            "ix_orders_open",
            "board",
            "shop_id",
            "warehouse_id",
            "owner_id",
            postgresql_include=["also_in"],
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index(
            "ix_orders_short",
            text("is_urgent DESC"),
            "confirmed_at",
            "id",
            postgresql_where=text("stock_state = 'short' AND closed_at IS NULL"),
        ),
        Index("ix_orders_work", "board", "ship_by", "id", postgresql_where=text("closed_at IS NULL")),
        Index("ix_orders_ship_by", "ship_by", "id", postgresql_where=text("closed_at IS NULL")),
        Index(
            "ix_orders_owner",
            "owner_id",
            text("placed_at DESC"),
            text("id DESC"),
            postgresql_where=text("owner_id IS NOT NULL"),
        ),
        Index("ix_orders_customer", "customer_id", text("placed_at DESC")),
        Index("ix_orders_phone", "ship_phone", text("placed_at DESC")),
        Index("ix_orders_expires", "expires_at", postgresql_where=text("status = 'confirmed'")),
        Index("ix_orders_tags", "tags", postgresql_using="gin"),
        Index(
            "ix_orders_owing",
            "id",
            postgresql_include=["payment_term", "total", "verified_amount", "term_approved_at", "status"],
            postgresql_where=text(
                "fulfillment_status IN ('partial', 'shipped', 'delivered', 'returned') AND payment_status NOT IN"
                " ('paid', 'overpaid', 'partially_refunded', 'refunded', 'nothing_due')"
            ),
        ),
        CheckConstraint("total >= 0 AND discount >= 0 AND shipping_fee >= 0", name="amounts"),
    )

    @property
    def ship_address(self) -> str:
        """The address on one line, without name and phone."""
        parts = (self.ship_line, self.ship_subdistrict, self.ship_district, self.ship_province, self.ship_postcode)
        return " ".join(p for p in parts if p)

    def __str__(self) -> str:
        return self.number


class OrderLine(Model):
    """One SKU of an order. ordered = canceled + open + shipped, all >= 0; ``discount`` is for the whole line.

    ``returned`` pieces were counted back; ``coming_back`` are asked back, under way or here and not counted.
    ``price_reason``: the buyer's group whose price this is, "" for the catalog's or one set by hand.
    """

    __tablename__ = "order_lines"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    position: Mapped[int] = mapped_column(Integer)
    sku_id: Mapped[int] = mapped_column(ForeignKey("skus.id"), index=True)
    sku_code: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(300))
    quantity: Mapped[int] = mapped_column(Integer)
    canceled: Mapped[int] = mapped_column(Integer, default=0)
    shipped: Mapped[int] = mapped_column(Integer, default=0)
    returned: Mapped[int] = mapped_column(Integer, default=0)
    coming_back: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    list_price: Mapped[money] = mapped_column()
    unit_price: Mapped[money] = mapped_column()
    discount: Mapped[money] = mapped_column(default=ZERO)
    total: Mapped[money] = mapped_column()
    external_id: Mapped[str] = mapped_column(String(120), default="")
    price_reason: Mapped[str] = mapped_column(String(60), default="", server_default="")

    order: Mapped[Order] = relationship(back_populates="lines")
    sku: Mapped[Sku] = relationship()

    __table_args__ = (
        Index("ix_order_lines_order", "order_id", "position"),
        Index("ix_order_lines_canceled", "order_id", postgresql_where=text("canceled > 0")),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("canceled >= 0 AND shipped >= 0 AND canceled + shipped <= quantity", name="open"),
        CheckConstraint("returned >= 0 AND coming_back >= 0 AND returned + coming_back <= shipped", name="returned"),
        CheckConstraint("unit_price >= 0 AND discount >= 0 AND total >= 0", name="amounts"),
    )

    @property
    def usual_price(self) -> Money:
        """What a discount is measured from: the price of the buyer's group, else the catalog's."""
        return self.unit_price if self.price_reason else self.list_price

    @property
    def open(self) -> int:
        """Pieces still to ship."""
        return self.quantity - self.canceled - self.shipped


class OrderHold(Model):
    """A reason why work on an order stops. Several may be active at once."""

    __tablename__ = "order_holds"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    reason: Mapped[HoldReason] = mapped_column(EnumText(HoldReason))
    note: Mapped[str] = mapped_column(String(500), default="")
    status: Mapped[HoldStatus] = mapped_column(EnumText(HoldStatus))
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    placed_by: Mapped[str] = mapped_column(String(120))
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    released_by: Mapped[str] = mapped_column(String(120), default="")
    release_note: Mapped[str] = mapped_column(String(500), default="")

    order: Mapped[Order] = relationship(back_populates="holds")

    __table_args__ = (
        Index(
            "uq_order_holds_active",
            "order_id",
            "reason",
            unique=True,
            postgresql_where=text("status = 'active'"),
        ),
    )


class OrderNote(Model):
    """A remark: for the team, or for the customer to read."""

    __tablename__ = "order_notes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    for_customer: Mapped[bool] = mapped_column(default=False)
    body: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    order: Mapped[Order] = relationship(back_populates="notes")


class OrderChange(Model):
    """An amendment after confirmation: a versioned change set with its price difference; one open at a time."""

    __tablename__ = "order_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    status: Mapped[ChangeStatus] = mapped_column(EnumText(ChangeStatus))
    base_revision: Mapped[int] = mapped_column(Integer)
    proposal: Mapped[dict[str, Any]] = mapped_column(JSONB)
    difference: Mapped[money] = mapped_column()
    reason: Mapped[str] = mapped_column(String(500), default="")
    opened_by: Mapped[str] = mapped_column(String(120))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    closed_by: Mapped[str] = mapped_column(String(120), default="")
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        Index(
            "uq_order_changes_open",
            "order_id",
            unique=True,
            postgresql_where=text("status = 'open'"),
        ),
    )


class OrderSearch(Model):
    """The text an order is found by, with its n-grams; apart from the row, so that status changes stay cheap."""

    __tablename__ = "order_search"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True, autoincrement=False)
    haystack: Mapped[str] = mapped_column(Text)
    grams: Mapped[list[str]] = mapped_column(ARRAY(Text))

    __table_args__ = (Index("ix_order_search_grams", "grams", postgresql_using="gin"),)


class SavedView(Model):
    """A named set of filters on the order list. Shared ones are seen by everybody, kept by whoever made them."""

    __tablename__ = "saved_views"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    filters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    user_id: Mapped[int] = mapped_column(BigInteger)
    owner: Mapped[str] = mapped_column(String(120))
    is_shared: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    __table_args__ = (Index("uq_saved_views", "user_id", "name", unique=True),)

    def __str__(self) -> str:
        return self.name


class BulkRun(Model):
    """One action on many orders. ``actor`` is who asked, with the rights and row scope of that moment."""

    __tablename__ = "bulk_runs"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    action: Mapped[str] = mapped_column(String(32))
    params: Mapped[dict[str, Any]] = mapped_column(JSONB)
    order_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    actor: Mapped[dict[str, Any]] = mapped_column(JSONB)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    user_label: Mapped[str] = mapped_column(String(120))
    idempotency_key: Mapped[str] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BulkRow(Model):
    """What came of one order of a bulk run; written in the transaction of its change."""

    __tablename__ = "bulk_rows"

    run_id: Mapped[int] = mapped_column(ForeignKey("bulk_runs.id", ondelete="CASCADE"), primary_key=True)
    order_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(Integer)
    number: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(64))
    message: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
