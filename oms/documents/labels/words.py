"""Why a label was not printed, in the few words a cover sheet has room for; the screen says it in full."""

from __future__ import annotations

from typing import Final

REASONS: Final[dict[str, str]] = {
    "gate_closed": "ด่านก่อนส่งปิด ดูเหตุผลในคำสั่งซื้อ",
    "stock_short": "สินค้าไม่ครบ",
    "nothing_open": "ไม่มีสินค้าค้างส่ง",
    "label_printed_before": "พิมพ์ไปแล้ว",
    "label_no_address": "ที่อยู่ไม่ครบ",
    "label_no_sender": "ไม่มีที่อยู่หรือเบอร์ผู้ส่ง",
    "label_address_long": "ที่อยู่ยาวเกินกระดาษ",
    "label_sender_long": "ที่อยู่ผู้ส่งยาวเกินกระดาษ",
    "label_number": "เลขพัสดุทำบาร์โค้ดไม่ได้",
    "missing_glyph": "มีตัวอักษรที่พิมพ์ไม่ได้",
    "shipment_label_refused": "สถานะพัสดุพิมพ์ไม่ได้ (ยกเลิก ส่งแล้ว หรือยังไม่พร้อม)",
    "shipment_not_found": "ไม่พบการจัดส่ง",
    "order_not_found": "ไม่พบคำสั่งซื้อ",
}


def reason(code: str) -> str:
    """The few words for a code."""
    return REASONS.get(code, "ดูเหตุผลในระบบ")
