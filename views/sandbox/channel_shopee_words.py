"""The market's orders, returns and listings in the words of Shopee's interface."""

from __future__ import annotations

import string
from datetime import timedelta
from random import Random
from typing import Any

from oms import clock
from views.sandbox.market import BEFORE_LEAVING, Listing, Order, Return, State

S = State
STATUSES = {
    S.UNPAID: "UNPAID", S.PAID: "READY_TO_SHIP", S.ACCEPTED: "PROCESSED", S.SHIPPED: "SHIPPED",
    S.DELIVERED: "TO_CONFIRM_RECEIVE", S.COMPLETED: "COMPLETED", S.CANCELED: "CANCELLED", S.RETURNED: "TO_RETURN",
}  # fmt: skip
LOGISTICS = {
    S.UNPAID: "LOGISTICS_NOT_START", S.PAID: "LOGISTICS_READY", S.ACCEPTED: "LOGISTICS_REQUEST_CREATED",
    S.SHIPPED: "LOGISTICS_PICKUP_DONE", S.CANCELED: "LOGISTICS_REQUEST_CANCELED",
}  # fmt: skip
RETURNS = {
    "asked": "REQUESTED", "approved": "ACCEPTED", "sent": "PROCESSING", "received": "REFUND_PAID", "refused": "CLOSED",
    "dropped": "CANCELLED",
}  # fmt: skip
GONE = frozenset({S.SHIPPED, S.DELIVERED, S.COMPLETED, S.CANCELED, S.RETURNED})
DEFAULT = (
    "order_sn", "region", "currency", "cod", "order_status", "message_to_seller", "create_time", "update_time",
    "days_to_ship", "ship_by_date",
)  # fmt: skip
OPTIONAL = frozenset({
    "buyer_user_id", "buyer_username", "estimated_shipping_fee", "recipient_address", "actual_shipping_fee",
    "goods_to_declare", "note", "note_update_time", "item_list", "pay_time", "dropshipper", "dropshipper_phone",
    "split_up", "buyer_cancel_reason", "cancel_by", "cancel_reason", "actual_shipping_fee_confirmed", "buyer_cpf_id",
    "fulfillment_flag", "pickup_done_time", "package_list", "shipping_carrier", "payment_method", "total_amount",
    "invoice_data", "order_chargeable_weight_gram", "return_request_due_date", "edt", "payment_info",
    "international_label",
})  # fmt: skip


def name_it(serial: int, random: Random) -> str:
    """An order number: the day, then eight signs."""
    signs = "".join(random.choice(string.ascii_uppercase + string.digits) for _ in range(4))
    return f"{clock.local(clock.now()):%y%m%d}{signs}{serial % 10_000:04d}"


def ids_of(listing_id: str) -> tuple[int, int]:
    """(item, model): every other listing is an item with models."""
    number = int(listing_id)
    return (900_000 + number, number) if number % 2 else (number, 0)


def listing_of(item: int, model: int) -> str:
    """The way back."""
    return str(model or item)


def seconds(moment: Any) -> int:
    """Seconds since 1970; 0 for none."""
    return int(moment.timestamp()) if moment else 0


def status_of(order: Order) -> str:
    """The word for how far it is."""
    told = order.facts.get("status")
    asked = order.cancel_asked and order.state in BEFORE_LEAVING
    return str(told) if told else "IN_CANCEL" if asked else STATUSES[order.state]


def stars(text: str) -> str:
    """As a platform hides it."""
    return f"{text[:1]}****{text[-1:]}" if text else ""


def whole(order: Order) -> dict[str, Any]:
    """An order with every field there is; address and phone are hidden once it left."""
    told: dict[str, Any] = {
        "order_sn": order.number, "region": "TH", "currency": "THB", "cod": order.cod, "order_status": status_of(order),
        "message_to_seller": order.note, "create_time": seconds(order.placed_at),
        "update_time": seconds(order.updated_at), "days_to_ship": 2,
        "ship_by_date": seconds((order.paid_at or order.placed_at) + timedelta(days=2)),
        "buyer_user_id": 7_000_000 + order.serial, "buyer_username": order.buyer.handle,
        "estimated_shipping_fee": float(order.shipping_fee), "actual_shipping_fee": 0,
        "recipient_address": _address(order), "note": "",
        "item_list": [_item(order, i) for i in range(len(order.lines))],
        "pay_time": seconds(order.paid_at) or None, "buyer_cancel_reason": order.cancel_reason,
        "cancel_by": order.cancel_by, "cancel_reason": order.cancel_reason,
        "fulfillment_flag": "fulfilled_by_local_seller",
        "pickup_done_time": seconds(order.shipped_at), "shipping_carrier": order.carrier,
        "payment_method": "Cash on Delivery" if order.cod else "PromptPay", "total_amount": float(order.total),
        "package_list": [{
            "package_number": f"OFG{order.serial:012d}",
            "logistics_status": LOGISTICS.get(order.state, "LOGISTICS_DELIVERY_DONE"),
            "logistics_channel_id": 70021, "shipping_carrier": order.carrier, "allow_self_design_awb": False,
            "item_list": [], "parcel_chargeable_weight": 500, "group_shipment_id": 0,
        }],
    }  # fmt: skip
    return told | order.facts.get("extra", {})


def _address(order: Order) -> dict[str, str]:
    home = order.buyer.home
    hide = stars if order.state in GONE else str
    area = [home.subdistrict, home.district, home.province, home.postcode]
    return {
        "name": hide(home.name), "phone": hide(f"66{home.phone.replace('-', '')[1:]}"), "town": home.subdistrict,
        "district": home.district, "city": home.district, "state": home.province, "region": "TH",
        "zipcode": home.postcode, "full_address": hide(", ".join([home.line, *filter(None, area)])),
    }  # fmt: skip


def _item(order: Order, at: int) -> dict[str, Any]:
    line = order.lines[at]
    item, model = ids_of(line.listing_id)
    price = (line.price * line.quantity - line.discount) / line.quantity
    return {
        "item_id": item, "item_name": line.name, "item_sku": "" if model else line.sku, "model_id": model,
        "model_name": "M" if model else "", "model_sku": line.sku if model else "",
        "model_quantity_purchased": line.quantity, "model_original_price": float(line.price),
        "model_discounted_price": float(price), "order_item_id": item, "line_item_id": int(line.id),
        "promotion_group_id": 0, "promotion_type": "", "promotion_id": 0, "promotion_list": [], "add_on_deal": False,
        "main_item": False, "product_location_id": ["TH"], "image_info": {"image_url": ""}, "weight": 0.5,
        "wholesale": False, "is_prescription_item": False, **order.facts.get("item", {}),
    }  # fmt: skip


def give_back(order: Order, told: Return) -> dict[str, Any]:
    """A row of get_return_list."""
    items = []
    for line, pieces in told.of(order):
        item, model = ids_of(line.listing_id)
        items.append({
            "item_id": item, "model_id": model, "item_sku": "" if model else line.sku,
            "variation_sku": line.sku if model else "", "amount": pieces, "item_price": float(line.price),
            "name": line.name,
        })  # fmt: skip
    return {
        "return_sn": told.number, "order_sn": told.order_no, "status": RETURNS[told.status], "reason": "ITEM_DAMAGED",
        "text_reason": told.reason, "refund_amount": float(told.refund), "currency": "THB",
        "create_time": seconds(told.updated_at), "update_time": seconds(told.updated_at), "due_date": 0,
        "tracking_number": told.tracking, "needs_logistics": True, "item": items, "return_solution": 0,
        "return_refund_type": "RRBOC", "return_refund_request_type": 0, "validation_type": "seller_validation",
    }  # fmt: skip


def stock(listing: Listing) -> dict[str, Any]:
    """What a listing shows."""
    return {"summary_info": {"total_reserved_stock": 0, "total_available_stock": listing.quantity}}
