"""The market's orders, returns and listings in the words of Lazada's interface."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Any

from oms import clock
from views.sandbox.market import Listing, Order, Return, State
from views.sandbox.pieces import pieces_of

S = State
SINGAPORE = timezone(timedelta(hours=8))
STATUSES = {
    S.UNPAID: "unpaid", S.PAID: "pending", S.ACCEPTED: "packed", S.SHIPPED: "shipped", S.DELIVERED: "delivered",
    S.COMPLETED: "confirmed", S.CANCELED: "canceled", S.RETURNED: "returned",
}  # fmt: skip
GONE = frozenset({S.SHIPPED, S.DELIVERED, S.COMPLETED, S.CANCELED, S.RETURNED})
RETURNS = {
    "asked": "REQUEST_INITIATE", "approved": "SELLER_AGREE_RETURN", "received": "REFUND_SUCCESS",
    "refused": "SELLER_REJECT_RETURN", "sent": "BUYER_RETURN_ITEM", "dropped": "REQUEST_CANCEL",
}  # fmt: skip


def name_it(serial: int, random: Random) -> str:
    """An order number: fifteen digits."""
    return f"{900_000_000 + serial}{random.randrange(100_000, 999_999)}"


def text(moment: datetime) -> str:
    """A moment as Lazada writes it, on the clock of Singapore."""
    return moment.astimezone(SINGAPORE).strftime("%Y-%m-%d %H:%M:%S %z")


def status_of(order: Order) -> str:
    """The word for every piece."""
    told = order.facts.get("status")
    return str(told) if told else "ready_to_ship" if order.facts.get("rts") and order.state is S.ACCEPTED else STATUSES[
        order.state]  # fmt: skip


def package_of(order: Order) -> str:
    """The number of its parcel."""
    return f"FP{order.serial:012d}" if order.tracking or order.state not in {S.UNPAID, S.PAID, S.CANCELED} else ""


def baht(amount: Decimal) -> str:
    """As text with two decimals."""
    return f"{amount:.2f}"


def stars(word: str) -> str:
    """As a platform hides it."""
    return f"{word[:1]}*****{word[-1:]}" if word else ""


def whole(order: Order) -> dict[str, Any]:
    """A row of /orders/get; the buyer is hidden once it left."""
    home = order.buyer.home
    hide = stars if order.state in GONE else str
    place = {
        "first_name": hide(home.name), "last_name": "", "phone": hide(f"66{home.phone.replace('-', '')[1:]}"),
        "phone2": "", "address1": hide(home.line), "address2": "", "address3": f"{home.province}/ Province",
        "address4": f"{home.district}/ District", "address5": f"{home.subdistrict}/ Subdistrict",
        "city": f"{home.district}/ District", "post_code": home.postcode, "country": "Thailand",
    }  # fmt: skip
    told: dict[str, Any] = {
        "order_id": int(order.number), "order_number": int(order.number), "created_at": text(order.placed_at),
        "updated_at": text(order.updated_at), "customer_first_name": hide(home.name), "customer_last_name": "",
        "payment_method": "COD" if order.cod else "MIXEDCARD", "price": baht(order.goods_total),
        "shipping_fee": baht(order.shipping_fee), "shipping_fee_original": baht(order.shipping_fee),
        "shipping_fee_discount_seller": "0.00", "shipping_fee_discount_platform": "0.00",
        "voucher": baht(order.discount),
        "voucher_platform": "0.00", "voucher_seller": baht(order.discount), "voucher_code": "",
        "items_count": sum(line.quantity for line in order.lines), "statuses": [status_of(order)],
        "warehouse_code": "dropshipping", "promised_shipping_times": "", "delivery_info": "", "remarks": order.note,
        "gift_option": False, "gift_message": "", "branch_number": "", "tax_code": "",
        "national_registration_number": "",
        "extra_attributes": "{}", "address_updated_at": text(order.placed_at), "address_billing": place,
        "address_shipping": place,
    }  # fmt: skip
    return told | order.facts.get("extra", {})


def items(order: Order) -> list[dict[str, Any]]:
    """One row for each piece; the order's discount is spread over them."""
    made = []
    for line, number, off in pieces_of(order):
        made.append({
            "order_item_id": int(number), "order_id": int(order.number), "status": status_of(order),
            "name": line.name, "sku": line.sku, "shop_sku": f"{line.sku}-TH", "variation": "",
            "item_price": float(line.price), "paid_price": float(line.price - off), "tax_amount": 0.0,
            "voucher_amount": float(off), "voucher_seller": float(off), "voucher_platform": 0, "currency": "THB",
            "shipping_amount": 0, "wallet_credits": 0, "package_id": package_of(order), "tracking_code": order.tracking,
            "tracking_code_pre": "", "shipment_provider": order.carrier, "shipping_type": "Dropshipping",
            "shipping_provider_type": "standard", "warehouse_code": "dropshipping", "reason": order.cancel_reason,
            "reason_detail": order.cancel_reason, "cancel_return_initiator": "", "return_status": "",
            "promised_shipping_time": text(order.placed_at + timedelta(days=2)), "is_digital": 0, "is_fbl": 0,
            "is_reroute": 0, "delivery_option_sof": 0, "order_type": "Normal", "buyer_id": 4_000_000 + order.serial,
            "created_at": text(order.placed_at), "updated_at": text(order.updated_at), **order.facts.get("item", {}),
        })  # fmt: skip
    statuses = order.facts.get("statuses", [])
    for row, word in zip(made, statuses, strict=False):
        row["status"] = word
    return made


def give_back(order: Order, told: Return) -> dict[str, Any]:
    """A row of getreverseordersforseller."""
    lines = [
        {
            "reverse_order_line_id": int(f"7{line.id}{n}"), "trade_order_line_id": int(f"{line.id}{n:02d}"),
            "reverse_status": RETURNS[told.status], "ofc_status": "", "is_need_refund": True,
            "product": {"product_id": line.listing_id, "product_sku": line.sku}, "reason_text": told.reason,
            "tracking_number": told.tracking,
        }
        for line, pieces in told.of(order) for n in range(line.quantity - pieces, line.quantity)
    ]  # fmt: skip
    return {
        "reverse_order_id": told.number, "trade_order_id": int(order.number), "request_type": "RETURN", "is_rtm": True,
        "shipping_type": "", "reverse_order_lines": lines,
    }  # fmt: skip


def product(listing: Listing) -> dict[str, Any]:
    """A row of /products/get."""
    sku = {
        "SkuId": 50_000 + int(listing.id), "SellerSku": listing.sku, "quantity": listing.quantity,
        "Available": listing.quantity, "price": float(listing.price), "Status": "active",
    }  # fmt: skip
    return {"item_id": int(listing.id), "attributes": {"name": listing.name}, "skus": [sku], "status": "Active"}


def today() -> str:
    """The moment of a push message."""
    return str(int(clock.now().timestamp() * 1000))
