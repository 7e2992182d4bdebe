"""Lines of the seller in what was pasted: questions and requests that nobody who buys would write. They tell nothing of
the order, so that none of them becomes its name, its items or its note."""

from __future__ import annotations

import re

_SPEAKER = re.compile(
    r"^\s*(?:แอดมิน|แอด|admin|แม่ค้า|พ่อค้า|คนขาย|ผู้ขาย|seller|เพจ|page|ร้านค้า|ทางร้าน)\s?\S{0,12}\s*[:：]\s", re.IGNORECASE
)
_HELLO = r"^\s*(?:(?:สวัสดี|ขอบคุณ|ยินดี|ได้เลย|โอเค)\S{0,12}\s+)?(?:(?:คุณ)?(?:ลูกค้า|พี่)\s*)?"
_WHICH = r"(?:อะไร|กี่(?!วัน|โมง)|(?:สี|ไซส์|ไซซ์|รุ่น|แบบ|ลาย|รส|กลิ่น|ขนาด|เบอร์)\s?(?:อะไร|ไหน)|(?:ตัว|อัน|ชิ้น|ชุด)ไหน)"
_ASKS = (
    re.compile(_HELLO + rf"(?:รับ|สนใจ|ต้องการ)(?:เป็น)?(?:สินค้า)?\s?{_WHICH}"),
    re.compile(_HELLO + r"รับ(?:อะไร|สินค้า)?เพิ่ม(?:เติม|อีก)?\s?(?:ไหม|มั้ย|ไม๊|หรือเปล่า)"),
    re.compile(
        _HELLO + r"(?:รบกวน)?(?:ขอ|แจ้ง|พิมพ์|ทิ้ง|ส่ง)(?:ทราบ)?\s?(?:ชื่อ|ที่อยู่|เบอร์(?:โทร)?)(?!\S*(?:นี้|เดิม|ใหม่|ร้าน|บัญชี|พัสดุ))"
        r"(?:[\s,/\-–+]|และ|กับ|พร้อม|ชื่อ|นามสกุล|ที่อยู่|เบอร์|โทร(?:ศัพท์)?|ติดต่อ|ผู้รับ|จัดส่ง|สำหรับ|ใน(?:การ)?|ให้|มา)*+"
        r"(?:ด้วย|หน่อย|ได้เลย|เลย|ไว้|นะ|ค่ะ|คะ|ครับ|คับ|จ้า)"
    ),
    re.compile(r"โอน(?:เงิน)?\s?หรือ(?:ว่า|จะ|เป็น)?\s?(?:เก็บ(?:เงิน)?)?ปลายทาง|ปลายทาง\s?หรือ(?:ว่า|จะ|เป็น)?\s?โอน"),
    re.compile(_HELLO + r"สะดวก(?:ชำระ|จ่าย|โอน|รับ)?(?:เงิน|ของ)?(?:เป็น)?\s?(?:แบบ|ทาง|ช่องทาง|วัน|ที่)ไหน"),
    re.compile(_HELLO + r"(?:ยืนยัน|คอนเฟิร์ม)(?:ออเดอร์|ที่อยู่|รายการ|คำสั่งซื้อ)?(?:ตามนี้|นี้)?(?:เลย)?\s?(?:ไหม|มั้ย|หรือเปล่า)"),
    re.compile(r"(?:รบกวน|โอนแล้ว)\s?(?:ขอ|ส่ง|แนบ|แจ้ง)(?:ดู)?\s?สลิป\S*(?:ด้วย|หน่อย|ได้เลย|มาได้)"),
    re.compile(_HELLO + r"(?:ให้)?(?:จัด)?ส่ง(?:ของ)?(?:ให้)?ที่ไหน"),
    re.compile(r"คุณลูกค้า(?![:：\s])|ลูกค้า(?=รับ|สนใจ|สะดวก|โอน|แจ้ง|ต้องการ|ชำระ|เลือก|ทัก|รอ(?!ด))"),
)
_TOLD = re.compile(r"[\d๐-๙]{5}|(?<![ก-๙])[ตอจ]\.\s?[ก-๙]")  # a postcode, a phone, a place: somebody's own words


def is_sellers(line: str) -> bool:
    """Whether a line can only be the seller's. One that tells a number or a place is taken for the buyer's."""
    if _SPEAKER.match(line):
        return True
    return not _TOLD.search(line) and any(pattern.search(line) for pattern in _ASKS)


def without_seller(text: str) -> tuple[str, list[str]]:
    """The text without the seller's lines, and these."""
    lines = text.split("\n")
    asked = [line for line in lines if is_sellers(line)]
    return ("\n".join(line for line in lines if not is_sellers(line)), asked) if asked else (text, [])
