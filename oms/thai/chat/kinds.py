"""What a message is about, from its words and from what could be read out of it."""

from __future__ import annotations

import re

from oms.thai.chat.facts import ChatOrder, Kind
from oms.thai.chat.money import TRANSFERRED
from oms.thai.chat.words import QUESTION

_CANCEL = re.compile(
    r"(?:ขอ|จะ|อยาก|รบกวน)?(?:ยกเลิก|แคนเซิล|แคนเซล|cancel)|(?:ไม่เอา|ไม่รับ|ขอไม่)(?:ของ|แล้ว|ออเดอร์|ต่อ)|ไม่เอาแล้ว",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"(?:เปลี่ยน|แก้ไข|แก้|ย้าย|อัปเดต|อัพเดท)\s*(?:ที่อยู่|ที่จัดส่ง|ที่ส่ง|สถานที่|บ้านเลขที่|รหัสไปรษณีย์)|ที่อยู่ใหม่|(?:ส่ง|จัดส่ง)ที่(?:อยู่)?นี้แทน|ที่อยู่ผิด|ส่งผิดที่|เปลี่ยนไปส่ง|change.{0,12}address",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"(?:ขอ|รบกวน|อยาก|จะ)?\s?(?:เปลี่ยน|แก้(?!ว))(?!ที่อยู่).{0,40}?(?:เป็น|จาก|ไซส์|ไซซ์|สี|จำนวน|ออเดอร์|แบบ)|(?:ขอ|จะ|ฝาก|รบกวน)\s?(?:สั่ง)?เพิ่ม|เพิ่ม.{0,30}อีก|(?:ขอ)?ลด(?:จำนวน|เหลือ|ลง)|เหลือ\s?\d+\s?(?:ตัว|ชิ้น|อัน)|เอา.{0,30}ออก|ตัด.{0,30}ออก|แก้ออเดอร์|จาก.{1,40}เป็น",
)
_CF = re.compile(r"^\W*(?:cf|c\.f\.|ซีเอฟ|f\s?\d|\+\s?1\b|จอง)", re.IGNORECASE)


def kind_of(text: str, order: ChatOrder) -> Kind:
    """The first that fits: what takes an order back or changes it, then money, then an order, then nothing of it."""
    complete = bool(order.subdistrict_code or order.province) and bool(order.phones or order.name)
    if _CANCEL.search(text) and not complete:
        return Kind.CANCEL
    if _ADDRESS.search(text) and not order.items:
        return Kind.ADDRESS_CHANGE
    if _CF.search(text) and not complete:
        return Kind.CF
    if TRANSFERRED.search(text) and not complete and not order.items:
        return Kind.PAYMENT_NOTICE
    if _CHANGE.search(text) and not complete:
        return Kind.ORDER_CHANGE
    if complete or order.phones or order.subdistrict_code or order.address_line:
        return Kind.ORDER
    if order.items and not QUESTION.search(text):
        return Kind.ORDER
    return Kind.NOT_ORDER
