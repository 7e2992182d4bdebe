"""Lazada seller center, order export (xlsx): camelCase headings, one row per piece, grouped by order and SKU."""

from __future__ import annotations

from oms.importing.formats.columns import Format, heading_key
from oms.intake.records import Stage

_STAGES = {
    Stage.UNPAID: ("unpaid", "รอการชำระเงิน"),
    Stage.TO_SHIP: (
        "pending",
        "topack",
        "packed",
        "repacked",
        "ready_to_ship",
        "ready_to_ship_pending",
        "toship",
        "confirmed to ship",
    ),
    Stage.SHIPPED: ("shipped", "failed_delivery", "out_for_delivery", "in_transit"),
    Stage.DELIVERED: ("delivered",),
    Stage.COMPLETED: ("confirmed", "completed"),
    Stage.RETURNED: (
        "returned",
        "shipped_back",
        "shipped_back_success",
        "shipped_back_failed",
        "lost_by_3pl",
        "damaged_by_3pl",
        "package scrapped",
        "Package Returned",
        "In Transit: Returning to seller",
        "Lost by 3PL",
        "Damaged by 3PL",
    ),
    Stage.CANCELED: ("canceled", "cancelled"),
}

LAZADA = Format(
    code="lazada",
    label="Lazada",
    channels=frozenset({"lazada"}),
    unit_rows=True,
    shipping_per_row=True,
    required=frozenset({"external_no", "status", "sku", "line_id"}),
    stages={heading_key(word): stage for stage, words in _STAGES.items() for word in words},
    columns={
        "external_no": ("orderNumber", "Order Number"),
        "status": ("status",),
        "line_id": ("orderItemId", "Order Item Id"),
        "sku": ("sellerSku", "Seller SKU"),
        "parent_sku": ("lazadaSku",),
        "placed_at": ("createTime", "Created at"),
        "ship_by": ("ttsSla", "rtsSla", "promisedShippingTime"),
        "completed_at": ("deliveredDate",),
        "buyer_id": ("customerEmail",),
        "name": ("shippingName", "customerName"),
        "address": ("shippingAddress",),
        "address2": ("shippingAddress2",),
        "province": ("shippingAddress3", "shippingRegion"),
        "district": ("shippingAddress4", "shippingCity"),
        "subdistrict": ("shippingAddress5",),
        "phone": ("shippingPhone", "shippingPhone2"),
        "postcode": ("shippingPostCode",),
        "payment_method": ("payMethod",),
        "paid_price": ("paidPrice",),
        "unit_price": ("unitPrice",),
        "line_seller_discount": ("sellerDiscountTotal",),
        "shipping_fee": ("shippingFee",),
        "item_name": ("itemName",),
        "variation": ("variation",),
        "carrier": ("shippingProvider", "cdShippingProvider"),
        "tracking": ("trackingCode", "cdTrackingCode"),
        "cancel_reason": ("buyerFailedDeliveryReason",),
        "note": ("sellerNote",),
    },
)
