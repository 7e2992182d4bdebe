"""The market's orders, returns and listings in the words of TikTok Shop's interface."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from views.sandbox.market import Listing, Order, Return, State
from views.sandbox.pieces import pieces_of

S = State
STATUSES = {
    S.UNPAID: "UNPAID", S.PAID: "AWAITING_SHIPMENT", S.ACCEPTED: "AWAITING_COLLECTION", S.SHIPPED: "IN_TRANSIT",
    S.DELIVERED: "DELIVERED", S.COMPLETED: "COMPLETED", S.CANCELED: "CANCELLED", S.RETURNED: "COMPLETED",
}  # fmt: skip
GONE = frozenset({S.SHIPPED, S.DELIVERED, S.COMPLETED, S.CANCELED, S.RETURNED})
RETURNS = {
    "asked": "RETURN_OR_REFUND_REQUEST_PENDING", "approved": "AWAITING_BUYER_SHIP",
    "received": "RETURN_OR_REFUND_REQUEST_COMPLETE", "refused": "RETURN_OR_REFUND_REQUEST_REJECT",
    "sent": "BUYER_SHIPPED_ITEM", "dropped": "RETURN_OR_REFUND_REQUEST_CANCEL",
}  # fmt: skip
PRODUCTS, SKUS = 1_729_000_000_000_000_000, 1_729_500_000_000_000_000


def name_it(serial: int, random: Random) -> str:
    """An order number: eighteen digits."""
    return f"57{serial:010d}{random.randrange(100_000, 999_999)}"


def baht(amount: Decimal) -> str:
    """As text."""
    return f"{amount:.2f}"


def status_of(order: Order) -> str:
    """The word for how far it is."""
    return str(order.facts.get("status") or STATUSES[order.state])


def parcel_of(order: Order) -> str:
    """The number of its parcel."""
    return f"{1_152_000_000_000 + order.serial}"


def stars(text: str) -> str:
    """As a platform hides it."""
    return f"{text[:1]}***{text[-1:]}" if text else ""


def whole(order: Order) -> dict[str, Any]:
    """An order with every field; the buyer is hidden once it left."""
    home = order.buyer.home
    hide = stars if order.state in GONE else str
    levels = [("L0", "country", "Thailand"), ("L1", "province", home.province), ("L2", "district", home.district),
              ("L3", "subdistrict", home.subdistrict)]  # fmt: skip
    place = {
        "name": hide(home.name), "phone_number": hide(f"(+66){home.phone.replace('-', '')[1:]}"),
        "full_address": hide(f"Thailand, {home.province}, {home.district}, {home.subdistrict}, {home.line}"),
        "postal_code": home.postcode, "region_code": "TH",
        "district_info": [{"address_level": a, "address_level_name": b, "address_name": c} for a, b, c in levels],
    }  # fmt: skip
    told: dict[str, Any] = {
        "id": order.number, "status": status_of(order), "create_time": int(order.placed_at.timestamp()),
        "update_time": int(order.updated_at.timestamp()), "user_id": str(7_494_000_000 + order.serial),
        "paid_time": int(order.paid_at.timestamp()) if order.paid_at else None,
        "rts_sla_time": int((order.placed_at + timedelta(days=2)).timestamp()), "is_on_hold_order": False,
        "payment": {
            "currency": "THB", "total_amount": baht(order.total), "sub_total": baht(order.goods_total - order.discount),
            "shipping_fee": baht(order.shipping_fee), "seller_discount": baht(order.discount),
            "platform_discount": "0", "tax": "0",
        },
        "payment_method_name": "Cash on delivery" if order.cod else "PromptPay", "is_cod": order.cod,
        "buyer_message": order.note, "recipient_address": place, "line_items": _pieces(order),
        "packages": [] if order.state is S.UNPAID else [{"id": parcel_of(order)}], "tracking_number": order.tracking,
        "shipping_provider": order.carrier, "shipping_type": order.facts.get("shipping_type", "TIKTOK"),
        "warehouse_id": "7000714532876273420", "fulfillment_type": "FULFILLMENT_BY_SELLER",
        "is_buyer_request_cancel": order.cancel_asked, "cancel_reason": order.cancel_reason,
        "cancel_order_sla_time": 0, "delivery_option_id": "7091146663229654785",
    }  # fmt: skip
    return told | order.facts.get("extra", {})


def _pieces(order: Order) -> list[dict[str, Any]]:
    """One row for each piece; the order's discount is spread over them."""
    made = []
    for line, number, off in pieces_of(order):
        made.append({
            "id": number, "product_id": str(PRODUCTS + int(line.listing_id)),
            "sku_id": str(SKUS + int(line.listing_id)), "seller_sku": line.sku, "product_name": line.name,
            "sku_name": "Default", "sale_price": baht(line.price - off), "original_price": baht(line.price),
            "seller_discount": baht(off), "platform_discount": "0", "display_status": status_of(order),
            "package_id": parcel_of(order), "cancel_reason": order.cancel_reason, "currency": "THB",
            **order.facts.get("item", {}),
        })  # fmt: skip
    for row, word in zip(made, order.facts.get("statuses", []), strict=False):
        row["display_status"] = word
    return made


def give_back(order: Order, told: Return) -> dict[str, Any]:
    """A row of the returns."""
    lines = [
        {"order_line_item_id": f"{line.id}{n:02d}", "seller_sku": line.sku, "sku_id": str(SKUS + int(line.listing_id))}
        for line, pieces in told.of(order)
        for n in range(line.quantity - pieces, line.quantity)
    ]
    return {
        "return_id": told.number, "order_id": told.order_no, "return_type": "RETURN_AND_REFUND",
        "return_status": RETURNS[told.status], "return_reason": "ecom_order_delivered_refund_reason_damaged",
        "return_reason_text": told.reason, "refund_amount": {"currency": "THB", "refund_total": baht(told.refund)},
        "return_line_items": lines, "return_tracking_number": told.tracking,
        "update_time": int(told.updated_at.timestamp()),
    }  # fmt: skip


def product(listing: Listing, warehouse: str) -> dict[str, Any]:
    """A row of the products."""
    stock = [{"warehouse_id": warehouse, "quantity": listing.quantity}]
    sku = {"id": str(SKUS + int(listing.id)), "seller_sku": listing.sku, "inventory": stock}
    return {"id": str(PRODUCTS + int(listing.id)), "title": listing.name, "status": "ACTIVATE", "skus": [sku]}
