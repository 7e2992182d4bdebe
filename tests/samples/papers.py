"""Contents of invented documents of every kind, made by the builders from plain facts; no database."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from PIL import Image, ImageDraw

from oms import clock
from oms.catalog.models import Channel, VatClass
from oms.documents.content import Asked, build, finish
from oms.documents.facts import Box, Facts, OrderFacts, Override, Paid
from oms.documents.kinds import KINDS
from oms.documents.models import Document
from oms.documents.notes import Correction, build_note
from oms.documents.parties import Buyer, Seller
from oms.documents.states import DocumentKind as K
from oms.documents.states import DocumentStatus
from oms.money import Money
from oms.orders.states import PaymentTerm

NOW = datetime(2026, 11, 14, 3, 30, tzinfo=UTC)
NAMES = (
    "เสื้อยืดคอกลม ผ้าคอตตอน สีดำ ไซซ์ L", "กางเกงยีนส์ขากระบอกเอวสูง ยืดได้ สีฟ้าซีด ไซซ์ 29 (รุ่นใหม่ปี 2569)",
    "กระเป๋าผ้าแคนวาสพับได้", "น้ำหอมกลิ่นดอกปีบ 50 มล.", "ผ้าปูที่นอน 6 ฟุต ครบชุด 5 ชิ้น ลายดอกไม้ญี่ปุ่น",
    "Bluetooth Speaker X200 (สีขาว)", "แก้วเก็บความเย็น 30 ออนซ์ พร้อมฝาและหลอด",
)  # fmt: skip
SELLER = Seller(
    "บริษัท รวมค้าออนไลน์ จำกัด", "Ruam Trading Co., Ltd.", "0003560000025", True, None, "00000", "",
    "99/9 ถนนรัชดาภิเษก แขวงดินแดง เขตดินแดง\nกรุงเทพมหานคร 10400", "99/9 Ratchadaphisek Road, Bangkok 10400",
    "02-000-1111", "bill@example.test", "https://panel.example.test",
)  # fmt: skip
BUYER = Buyer(
    "บริษัท ตัวอย่างผู้ซื้อ จำกัด", "0005560000019", "00002",
    "9 อาคารสีลมพลาซ่า ชั้น 12 ถนนสีลม แขวงสีลม เขตบางรัก กรุงเทพมหานคร 10500", "0200000000",
)  # fmt: skip


def baht(amount: object) -> Money:
    return Money(Decimal(str(amount)))


def order(number: int, lines: int, names: tuple[str, ...] = NAMES, **facts: Any) -> Any:
    """An order as builders read it."""
    rows = [
        SimpleNamespace(
            id=number * 1000 + i, sku_id=i, sku_code=f"RU-{i + 1:04d}", name=names[i % len(names)],
            quantity=i % 3 + 1, canceled=0, shipped=0, returned=1, open=i % 3 + 1, unit_price=baht(199 + i),
            total=baht((199 + i) * (i % 3 + 1)) - baht(20 if i % 4 == 1 else 0),
        )
        for i in range(lines)
    ]  # fmt: skip
    known = {
        "id": number, "number": f"SO69-{number:06d}", "external_no": "260212GQR5R54C", "channel": Channel.SHOPEE,
        "placed_at": NOW, "payment_term": PaymentTerm.PREPAID, "ship_name": "กนกวรรณ ป้อมปราการ",
        "ship_phone": "0800001234", "ship_province": "เชียงใหม่", "ship_postcode": "50210",
        "ship_address": "45/7 หมู่ 2 ตำบลสันทรายน้อย อำเภอสันทราย จังหวัดเชียงใหม่ 50210", "carrier": "Flash Express",
        "buyer_note": "ฝากไว้ที่ป้อมยาม", "discount": baht("45.50"), "shipping_fee": baht(50),
        "channel_discount": baht(30), "customer_id": 1, "lines": rows,
    }  # fmt: skip
    return SimpleNamespace(**(known | facts))


def facts_of(orders: list[Any], *, seller: Seller = SELLER, mixed: bool = False) -> Facts:
    """Everything known of these orders: paid in part, packed, left before the money was in, a refund paid."""
    refund = SimpleNamespace(
        id=7, number="RF69-000007", amount=baht(390), method=SimpleNamespace(value="transfer"), to_bank="กสิกรไทย",
        to_account="1234567890", to_name="กนกวรรณ ป้อมปราการ", reason="สินค้าชำรุด", reference="2026111400001", paid_at=NOW,
        requested_label="ฝน", decided_label="พี่หน่อย", paid_label="แอน",
    )  # fmt: skip
    return Facts(
        seller=seller,
        orders=[
            OrderFacts(
                o, {1: VatClass.EXEMPT} if mixed else {}, {i: f"A{i + 1}-02" for i in range(50)}, paid=baht(100_000),
                override=Override("พี่หน่อย", NOW, "ลูกค้าประจำ"),
            )
            for o in orders
        ],
        payments=[Paid(o.id, "transfer", baht(300), NOW, i % 2 == 0, "KBANK") for i, o in enumerate(orders)],
        boxes=[Box((o.id,), f"SH69-{o.id:06d}", "Flash Express", f"TH012345{o.id:04d}A", NOW, baht(390)) for o in orders],
        refund=refund,
    )  # fmt: skip


def content(
    kind: K, lines: int = 3, orders: int = 1, language: str = "th", *, seller: Seller = SELLER, buyer: Buyer = BUYER,
    names: tuple[str, ...] = NAMES, mixed: bool = False, **facts: Any,
) -> dict[str, Any]:  # fmt: skip
    """The content of a document of this kind, issued on 14 November 2569."""
    with clock.at(NOW):
        known = facts_of([order(i + 1, lines, names, **facts) for i in range(orders)], seller=seller, mixed=mixed)
        if KINDS[kind].sign:
            return _note(kind, known, buyer, language)
        return _done(_draft(kind, known, buyer, language))


def logo() -> str:
    """A logo as the shop's settings keep one: few colors, within the size that is frozen with a document."""
    out = io.BytesIO()
    picture = Image.new("RGB", (360, 110), "white")
    ImageDraw.Draw(picture).rounded_rectangle((4, 8, 356, 102), 30, fill="#17456b", outline="#c33", width=6)
    picture.quantize(16).save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _draft(kind: K, facts: Facts, buyer: Buyer, language: str) -> Any:
    row = KINDS[kind]
    asked = Asked(date(2026, 11, 13), language, "ส่งตามที่นัดไว้")
    rate = 700 if row.has_prices and facts.seller.is_vat else None
    draft = build(row, facts, buyer if row.has_buyer else Buyer(""), asked, rate)
    return replace(draft, content={**draft.content, "footer": "ขอบคุณที่อุดหนุน"}, prefix=f"{row.prefix}69")


def _done(draft: Any) -> dict[str, Any]:
    return finish(draft, f"{draft.prefix}-000123", "code-on-the-paper-24ch", "ฝน")


def _note(kind: K, facts: Facts, buyer: Buyer, language: str) -> dict[str, Any]:
    made = _draft(K.TAX_INVOICE, facts, buyer, language)
    invoice = Document(
        id=1, kind=K.TAX_INVOICE, status=DocumentStatus.ISSUED, number="IV69-000122", issued_on=date(2026, 11, 1),
        net=Money.satang(made.sums.base), vat=Money.satang(made.sums.vat), exempt=Money.satang(made.sums.exempt),
        total=made.total, vat_rate_bp=700, content=_done(made), branch="00000", customer_id=1,
    )  # fmt: skip
    code = "CDNG05" if KINDS[kind].sign < 0 else "DBNG01"
    first = facts.first
    asked = Correction(baht(107), {first.lines[0].id: 1}, code, ("รับคืนสินค้า", "คืนหนึ่งชิ้น"), first.id, first.number)
    note = build_note(KINDS[kind], invoice, [], asked, language)
    return _done(replace(note, content={**note.content, "footer": ""}, prefix=f"{KINDS[kind].prefix}69"))
