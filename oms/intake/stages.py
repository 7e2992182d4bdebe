"""How far an order is, by the words of each channel, whether a file or an interface uses them.

One table a channel: what its exports write in Thai and English and what its interface says. A word that is not in it
is ``Stage.UNKNOWN``.
"""

from __future__ import annotations

from collections.abc import Mapping

from oms.intake.headings import heading_key
from oms.intake.records import Stage


def words(told: Mapping[Stage, tuple[str, ...]]) -> dict[str, Stage]:
    """The words of a channel, in the form they are compared in."""
    return {heading_key(word): stage for stage, said in told.items() for word in said}


def stage_of(table: Mapping[str, Stage], word: str) -> Stage:
    """What a word means."""
    return table.get(heading_key(word), Stage.UNKNOWN)


SHOPEE = words(
    {
        Stage.UNPAID: ("รอการชำระเงิน", "ยังไม่ชำระ", "ยังไม่ได้ชำระเงิน", "Unpaid", "Pending payment", "Pending"),
        Stage.TO_SHIP: (
            "ที่ต้องจัดส่ง",
            "รอการจัดส่ง",
            "To ship",
            "Ready to ship",
            "Processed",
            "รอดำเนินการจัดส่ง",
            "กำลังเตรียมจัดส่ง",
            "อยู่ระหว่างการยกเลิก",
            "คำขอยกเลิก",
            "ขอยกเลิก",
            "In cancel",
            "Cancellation requested",
            "Retry ship",
            "Invoice pending",
        ),
        Stage.SHIPPED: (
            "กำลังจัดส่ง",
            "การจัดส่ง",
            "อยู่ระหว่างการจัดส่ง",
            "จัดส่งแล้ว",
            "ที่ต้องได้รับ",
            "Shipping",
            "Shipped",
            "To receive",
        ),
        Stage.DELIVERED: ("จัดส่งสำเร็จแล้ว", "จัดส่งสำเร็จ", "To confirm receive", "Delivered"),
        Stage.COMPLETED: ("สำเร็จแล้ว", "สำเร็จ", "คำสั่งซื้อสำเร็จ", "Completed"),
        Stage.RETURNED: ("คืนเงิน/คืนสินค้า", "การคืนเงิน/คืนสินค้า", "คืนสินค้าแล้ว", "Returned", "Return/refund", "To return"),
        Stage.CANCELED: ("ยกเลิกแล้ว", "ยกเลิก", "Cancelled", "Canceled"),
    }
)

LAZADA = words(
    {
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
            "packed_scrapped",
            "Package Returned",
            "In Transit: Returning to seller",
            "Lost by 3PL",
            "Damaged by 3PL",
        ),
        Stage.CANCELED: ("canceled", "cancelled"),
    }
)

TIKTOK = words(
    {
        Stage.UNPAID: ("Unpaid", "On hold", "รอการชำระเงิน", "ยังไม่ชำระเงิน"),  # on hold: may be taken back for an hour
        Stage.TO_SHIP: (
            "To ship",
            "Awaiting shipment",
            "Awaiting collection",
            "Partially shipping",
            "ที่ต้องจัดส่ง",
            "รอจัดส่ง",
            "รอเข้ารับ",
            "รอการจัดส่ง",
            "รอการเข้ารับสินค้า",
        ),
        Stage.SHIPPED: ("Shipped", "In transit", "จัดส่งแล้ว", "อยู่ระหว่างการขนส่ง", "กำลังจัดส่ง"),
        Stage.DELIVERED: ("Delivered", "จัดส่งสำเร็จ", "จัดส่งสำเร็จแล้ว", "ส่งถึงแล้ว"),
        Stage.COMPLETED: ("Completed", "เสร็จสมบูรณ์", "สำเร็จแล้ว", "เสร็จสิ้น", "สำเร็จ"),
        Stage.RETURNED: ("Returned", "คืนสินค้าแล้ว"),
        Stage.CANCELED: ("Canceled", "Cancelled", "ยกเลิกแล้ว", "ยกเลิก"),
    }
)

LINE_SHOPPING = words(
    {
        Stage.UNPAID: ("NO_PAYMENT", "PENDING", "รอชำระเงิน", "รอการชำระเงิน", "ยังไม่ชำระเงิน"),
        Stage.TO_SHIP: (
            "FINALIZED",
            "PAID",
            "NO_SHIPMENT",
            "SHIPMENT_READY",
            "ชำระเงินแล้ว",
            "รอจัดส่ง",
            "ที่ต้องจัดส่ง",
            "เตรียมจัดส่ง",
            "คำสั่งซื้อใหม่",
            "To ship",
            "Paid",
        ),
        Stage.SHIPPED: ("ON_DELIVERY", "กำลังจัดส่ง", "อยู่ระหว่างจัดส่ง", "Shipping"),
        Stage.DELIVERED: ("SHIPPED_ALL", "จัดส่งแล้ว", "จัดส่งสำเร็จ", "Shipped"),
        Stage.COMPLETED: ("COMPLETED", "สำเร็จ", "เสร็จสิ้น", "คำสั่งซื้อสำเร็จ"),
        Stage.RETURNED: ("REFUND", "PENDING_REFUND", "คืนเงินแล้ว"),
        Stage.CANCELED: ("CANCELED", "CANCELLED", "EXPIRED", "ยกเลิก", "ยกเลิกแล้ว", "หมดอายุ"),
    }
)
