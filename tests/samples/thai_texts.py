"""Thai addresses and names of goods made at random from real place names and common words, for fuzzing papers."""

from __future__ import annotations

import random

import geothai

_NAMES = ["สมชาย ใจดี", "ปู่น้ำทิพย์ ฟั่นเฟือง", "ณัฏฐ์ธนัน กุลวัฒน์ศิริโชติ", "น.ส. อรุณี บุญมี", "ร.ต.อ. ญาณวุฒิ ณ อยุธยา", "ร้านป้าแจ๋ว"]
_HOMES = [
    "หมู่บ้านพฤกษาลีลา",
    "คอนโดลุมพินี ทาวน์ชิป",
    "อาคารชุดศุภาลัย เวอเรนด้า",
    "หอพักสตรีรุ่งเรือง",
    "ตลาดไท อาคาร A",
    "Baan Mai 2/1",
]
_ROADS = ["ถ.สุขุมวิท", "ถนนพหลโยธิน", "ซ.รามอินทรา39", "ซอยลาดพร้าว 101/3", "ถ.มิตรภาพ กม.18+500", "ตรอกข้าวสาร"]
_NOTES = [
    "",
    " (ใกล้เซเว่น ตรงข้ามวัด)",
    " *โทรก่อนส่ง*",
    " ฝากป้อม รปภ.",
    " บ้านสีฟ้า รั้วดำ ๆ",
    " Tel. 0812345678/021234567 ต่อ 12",
]
_GOODS = ["น้ำพริกเผา", "เสื้อยืดคอกลม", "กระเป๋าผ้าแคนวาส", "ปุ๋ยอินทรีย์น้ำ", "เครื่องปั่นน้ำผลไม้", "ผ้าปูที่นอน 6 ฟุต", "ยาหม่องสมุนไพร"]
_KINDS = ["สีดำ", "สีน้ำเงินเข้ม", "ไซซ์ XL", "รสต้มยำกุ้งน้ำข้น", "500 มล. x 12", "แพ็กคู่!!", "ฟรี! ของแถม", "รุ่น SN-2000/B"]


def addresses(rng: random.Random, count: int) -> list[str]:
    """Names with addresses on one line."""
    provinces = geothai.provinces()
    found = []
    for _ in range(count):
        province = rng.choice(provinces)
        district = rng.choice(geothai.districts(province.code))
        sub = rng.choice(geothai.subdistricts(district.code))
        parts = [
            rng.choice(_NAMES), f"{rng.randint(1, 999)}/{rng.randint(1, 99)}", rng.choice(_HOMES), rng.choice(_ROADS),
            f"ต.{sub.name_th}", f"อ.{district.name_th}", f"จ.{province.name_th}", f"{rng.randint(10000, 96999)}",
        ]  # fmt: skip
        found.append(rng.choice(["", " "]).join(parts) + rng.choice(_NOTES))
    return found


def goods(rng: random.Random, count: int) -> list[str]:
    """Names of goods, some with a long code that holds no space."""
    found = []
    for _ in range(count):
        words = [rng.choice(_GOODS), *rng.sample(_KINDS, rng.randint(1, 4))]
        if rng.random() < 0.3:
            words.append("SKU-" + "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", k=rng.randint(6, 60))))
        found.append(rng.choice(["", " ", " - "]).join(words))
    return found
