"""Files of tracking numbers out of carriers' portals: which order or shipment, which number. What is not found is said
by a saved column map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.importing.formats import cod
from oms.importing.formats.columns import Format

TRACKING_FIELDS = ("reference", "tracking", "carrier")
_REFERENCE = (
    "Order No", "Order Number", "Order ID", "Customer Order No", "Customer Order Number", "Merchant Order No",
    "Shipper Order Ref No", "Shipper Order No", "Customer Reference", "Customer Ref", "Reference", "Reference No",
    "Reference Number", "Ref No", "Ref", "Ref 1", "outTradeNo", "Shipment No", "Shipment Number",
    "เลขที่คำสั่งซื้อ", "หมายเลขคำสั่งซื้อ", "เลขคำสั่งซื้อ", "เลขที่ออเดอร์", "เลขออเดอร์", "หมายเลขออเดอร์", "เลขที่ออเดอร์ลูกค้า",
    "เลขที่อ้างอิง", "หมายเลขอ้างอิง", "เลขอ้างอิง", "รหัสอ้างอิง", "เลขที่การจัดส่ง", "เลขการจัดส่ง", "เลขที่ใบสั่งซื้อ",
)  # fmt: skip
_CARRIER = ("Carrier", "Courier", "Courier Name", "Logistics", "ขนส่ง", "บริษัทขนส่ง", "ผู้ให้บริการขนส่ง")
REQUIRED = frozenset({"reference", "tracking"})


def form_of(carrier: str, column_map: Mapping[str, Any] | None) -> Format:
    """How such a file of a carrier is read: by a saved map, or by its own words for a parcel and the common ones."""
    columns = (column_map or {}).get("columns")
    if columns:
        own = {name: (heading,) for name, heading in columns.items() if heading and name in TRACKING_FIELDS}
        return Format(code="map", label="Other file", columns=own, required=REQUIRED, stages={})
    numbers = cod.form_of(carrier, None)
    known = {"reference": _REFERENCE, "tracking": numbers.columns["tracking"], "carrier": _CARRIER}
    return Format(code=numbers.code, label=numbers.label, columns=known, required=REQUIRED, stages={})
