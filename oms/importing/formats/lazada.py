"""Lazada seller center, order export (xlsx): camelCase headings, one row per piece, grouped by order and SKU."""

from __future__ import annotations

from oms.importing.formats.columns import Format
from oms.intake import stages

LAZADA = Format(
    code="lazada",
    label="Lazada",
    channels=frozenset({"lazada"}),
    unit_rows=True,
    shipping_per_row=True,
    required=frozenset({"external_no", "status", "sku", "line_id"}),
    stages=stages.LAZADA,
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
