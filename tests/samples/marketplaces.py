"""Order files as the seller centres export them, made from one set of invented orders and a seed."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import xlsxwriter

FIRST = ("กนกวรรณ", "ธนพล", "สุดารัตน์", "ปิยะ", "อรทัย", "ณัฐวุฒิ", "พิมพ์ชนก", "วีระ", "Somchai", "จิราพร")
LAST = ("แก้วใส", "ศรีสุข", "ทองดี", "บุญมา", "พรหมรักษ์", "อินทร์แก้ว", "Jaidee", "วงศ์สวัสดิ์")
AREAS = (
    ("ลาดยาว", "จตุจักร", "กรุงเทพมหานคร", "10900"),
    ("สุเทพ", "เมืองเชียงใหม่", "เชียงใหม่", "50200"),
    ("หาดใหญ่", "หาดใหญ่", "สงขลา", "90110"),
    ("ในเมือง", "เมืองขอนแก่น", "ขอนแก่น", "40000"),
)
SHOPEE_STATUS = {
    "unpaid": "รอการชำระเงิน", "to_ship": "ที่ต้องจัดส่ง", "shipped": "กำลังจัดส่ง", "delivered": "จัดส่งสำเร็จแล้ว",
    "completed": "สำเร็จแล้ว", "canceled": "ยกเลิกแล้ว", "returned": "คืนเงิน/คืนสินค้า",
}  # fmt: skip
LAZADA_STATUS = {
    "unpaid": "unpaid", "to_ship": "pending", "shipped": "shipped", "delivered": "delivered", "completed": "confirmed",
    "canceled": "canceled", "returned": "returned",
}  # fmt: skip
TIKTOK_STATUS = {
    "unpaid": "Unpaid", "to_ship": "To ship", "shipped": "Shipped", "delivered": "Delivered", "completed": "Completed",
    "canceled": "Canceled", "returned": "Returned",
}  # fmt: skip
SHOPEE_HEAD = (
    "หมายเลขคำสั่งซื้อ", "สถานะการสั่งซื้อ", "Hot Listing", "เหตุผลในการยกเลิกคำสั่งซื้อ", "สถานะการคืนเงินหรือคืนสินค้า",
    "ชื่อผู้ใช้ (ผู้ซื้อ)", "วันที่ทำการสั่งซื้อ", "เวลาการชำระสินค้า", "ช่องทางการชำระเงิน", "ตัวเลือกการจัดส่ง", "วิธีการจัดส่ง",
    "*หมายเลขติดตามพัสดุ", "เวลาส่งสินค้า", "เลขอ้างอิง Parent SKU", "ชื่อสินค้า", "เลขอ้างอิง SKU (SKU Reference No.)",
    "ชื่อตัวเลือก", "ราคาตั้งต้น", "ราคาขาย", "จำนวน", "จำนวนที่ส่งคืน", "ราคาขายสุทธิ", "ส่วนลดจาก Shopee",
    "โค้ดส่วนลดชำระโดยผู้ขาย", "โค้ด Coins Cashback ชำระโดยผู้ขาย", "โค้ดส่วนลดชำระโดย Shopee (เช่น โค้ดส่วนลด Shopee)",
    "โค้ดส่วนลด", "ส่วนลดจากการใช้เหรียญ", "ค่าคอมมิชชั่น", "Transaction Fee", "ราคาสินค้าที่ชำระโดยผู้ซื้อ (THB)",
    "ค่าจัดส่งที่ชำระโดยผู้ซื้อ", "ค่าจัดส่งสินค้าคืน", "ค่าบริการ", "จำนวนเงินทั้งหมด", "ชื่อผู้รับ", "หมายเลขโทรศัพท์",
    "หมายเหตุจากผู้ซื้อ", "ที่อยู่ในการจัดส่ง", "ประเทศ", "จังหวัด", "เขต/อำเภอ", "รหัสไปรษณีย์", "เวลาที่ทำการสั่งซื้อสำเร็จ",
)  # fmt: skip
LAZADA_HEAD = (
    "orderItemId", "orderType", "Guarantee", "deliveryType", "lazadaId", "sellerSku", "lazadaSku", "wareHouse",
    "createTime", "updateTime", "rtsSla", "ttsSla", "orderNumber", "invoiceRequired", "invoiceNumber", "deliveredDate",
    "customerName", "customerEmail", "nationalRegistrationNumber", "shippingName", "shippingAddress",
    "shippingAddress2", "shippingAddress3", "shippingAddress4", "shippingAddress5", "shippingPhone", "shippingPhone2",
    "shippingCity", "shippingPostCode", "shippingCountry", "shippingRegion", "payMethod", "paidPrice", "unitPrice",
    "sellerDiscountTotal", "shippingFee", "walletCredit", "itemName", "variation", "shippingProvider", "trackingCode",
    "status", "buyerFailedDeliveryReason", "sellerNote",
)  # fmt: skip
TIKTOK_HEAD = (
    "Order ID", "Order Status", "Order Substatus", "Cancelation/Return Type", "Normal or Pre-order", "SKU ID",
    "Seller SKU", "Product Name", "Variation", "Quantity", "Sku Quantity of return", "SKU Unit Original Price",
    "SKU Subtotal Before Discount", "SKU Platform Discount", "SKU Seller Discount", "SKU Subtotal After Discount",
    "Shipping Fee After Discount", "Original Shipping Fee", "Payment platform discount", "Taxes", "Order Amount",
    "Order Refund Amount", "Created Time", "Paid Time", "RTS Time", "Shipped Time", "Delivered Time", "Cancelled Time",
    "Cancel By", "Cancel Reason", "Fulfillment Type", "Warehouse Name", "Tracking ID", "Delivery Option",
    "Shipping Provider Name", "Buyer Message", "Buyer Username", "Recipient", "Phone #", "Country", "Province",
    "District", "Zipcode", "Detail Address", "Additional address information", "Payment Method", "Weight(kg)",
)  # fmt: skip
LINE_HEAD = (
    "หมายเลขคำสั่งซื้อ", "สถานะคำสั่งซื้อ", "สถานะการชำระเงิน", "สถานะการจัดส่ง", "วันที่สั่งซื้อ", "วันที่ชำระเงิน", "วิธีการชำระเงิน",
    "รหัสสินค้า (SKU)", "ชื่อสินค้า", "ตัวเลือกสินค้า", "จำนวน", "ราคาต่อหน่วย", "ส่วนลด", "ค่าจัดส่ง", "ยอดรวม", "ชื่อผู้รับ",
    "เบอร์โทรศัพท์", "ที่อยู่", "แขวง/ตำบล", "เขต/อำเภอ", "จังหวัด", "รหัสไปรษณีย์", "ขนส่ง", "เลขพัสดุ", "หมายเหตุ",
)  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One SKU of a sample order; price in baht."""

    sku: str
    quantity: int = 1
    price: int = 100
    name: str = "เสื้อยืดคอกลม"
    variation: str = "ดำ,XL"


@dataclass(frozen=True)
class Sample:
    """One invented order."""

    number: str
    items: tuple[Item, ...] = (Item("RU-0001"),)
    stage: str = "to_ship"
    placed: datetime = datetime(2026, 11, 1, 9, 30)
    name: str = "กนกวรรณ แก้วใส"
    phone: str = "0812345678"
    area: tuple[str, str, str, str] = AREAS[0]
    address: str = "99/12 ซอยลาดพร้าว 1"
    buyer: str = "kanok_w"
    payment: str = "ชำระเงินออนไลน์"
    tracking: str = ""
    carrier: str = "SPX Express"
    shipping: int = 40
    seller_voucher: int = 0
    platform_voucher: int = 0
    note: str = ""
    cancel_reason: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def goods(self) -> int:
        return sum(i.quantity * i.price for i in self.items)

    @property
    def total(self) -> int:
        return self.goods + self.shipping - self.seller_voucher - self.platform_voucher

    def now(self, stage: str, **changes) -> Sample:
        """The same order in a later export."""
        return replace(self, stage=stage, **changes)


def samples(
    count: int, seed: int = 1, skus: Sequence[str] = (), lines: int = 3, stage: str = "to_ship"
) -> list[Sample]:
    """``count`` orders of ``lines`` lines each; the same for the same seed."""
    rng = random.Random(seed)
    skus = skus or [f"RU-{n:04d}" for n in range(1, 201)]
    made = []
    for n in range(count):
        placed = datetime(2026, 11, 1) + timedelta(minutes=rng.randrange(20 * 24 * 60))
        made.append(
            Sample(
                number=f"{placed:%y%m%d}{seed:02d}{n:06d}",
                items=tuple(Item(s, rng.randint(1, 3), rng.randrange(50, 900)) for s in rng.sample(list(skus), lines)),
                stage=stage,
                placed=placed,
                name=f"{rng.choice(FIRST)} {rng.choice(LAST)}",
                phone=f"08{rng.randrange(10**8):08d}",
                area=rng.choice(AREAS),
                address=f"{rng.randrange(1, 400)}/{rng.randrange(1, 99)} หมู่ {rng.randrange(1, 12)}",
                buyer=f"buyer{rng.randrange(10**6)}",
                seller_voucher=rng.choice((0, 0, 20)),
                platform_voucher=rng.choice((0, 0, 15)),
                tracking="" if stage in {"to_ship", "unpaid"} else f"TH{rng.randrange(10**11):011d}",
            )
        )
    return made


def _table(head: Sequence[str], rows: list[dict[str, str]]) -> list[list[str]]:
    return [list(head), *[[str(row.get(h, "")) for h in head] for row in rows]]


def shopee(orders: Sequence[Sample], *, old: bool = False) -> list[list[str]]:
    """Rows with their headings. ``old``: the order's own fields stand in its first row only."""
    rows = []
    for o in orders:
        own = {
            "หมายเลขคำสั่งซื้อ": o.number, "สถานะการสั่งซื้อ": SHOPEE_STATUS.get(o.stage, o.stage),
            "เหตุผลในการยกเลิกคำสั่งซื้อ": o.cancel_reason, "ชื่อผู้ใช้ (ผู้ซื้อ)": o.buyer,
            "วันที่ทำการสั่งซื้อ": f"{o.placed:%Y-%m-%d %H:%M}", "เวลาการชำระสินค้า": f"{o.placed:%Y-%m-%d %H:%M}",
            "ช่องทางการชำระเงิน": o.payment, "ตัวเลือกการจัดส่ง": o.carrier, "*หมายเลขติดตามพัสดุ": o.tracking,
            "โค้ดส่วนลดชำระโดยผู้ขาย": f"{o.seller_voucher}.00",
            "โค้ดส่วนลดชำระโดย Shopee (เช่น โค้ดส่วนลด Shopee)": f"{o.platform_voucher}.00",
            "ค่าจัดส่งที่ชำระโดยผู้ซื้อ": f"{o.shipping}.00", "จำนวนเงินทั้งหมด": f"{o.total}.00", "ชื่อผู้รับ": o.name,
            "หมายเลขโทรศัพท์": o.phone, "หมายเหตุจากผู้ซื้อ": o.note,
            "ที่อยู่ในการจัดส่ง": f"{o.address} แขวง/ตำบล{o.area[0]}", "ประเทศ": "TH", "จังหวัด": o.area[2],
            "เขต/อำเภอ": o.area[1], "รหัสไปรษณีย์": o.area[3], **o.extra,
        }  # fmt: skip
        for n, item in enumerate(o.items):
            line = {
                "ชื่อสินค้า": item.name, "เลขอ้างอิง SKU (SKU Reference No.)": item.sku, "ชื่อตัวเลือก": item.variation,
                "ราคาตั้งต้น": f"{item.price + 50}.00", "ราคาขาย": f"{item.price}.00", "จำนวน": str(item.quantity),
                "ราคาขายสุทธิ": f"{item.price * item.quantity}.00",
            }  # fmt: skip
            rows.append({**own, **line} if n == 0 or not old else line)
    return _table(SHOPEE_HEAD, rows)


def lazada(orders: Sequence[Sample]) -> list[list[str]]:
    """Rows with their headings, one per piece."""
    rows = []
    for o in orders:
        pieces = [item for item in o.items for _ in range(item.quantity)]
        for n, item in enumerate(pieces):
            rows.append({
                "orderItemId": f"9{o.number}{n:02d}", "sellerSku": item.sku, "createTime": f"{o.placed:%d %b %Y %H:%M}",
                "updateTime": f"{o.placed:%d %b %Y %H:%M}", "orderNumber": o.number, "customerName": o.name,
                "shippingName": o.name, "shippingAddress": o.address, "shippingAddress3": o.area[2],
                "shippingAddress4": o.area[1], "shippingAddress5": o.area[0], "shippingPhone": o.phone and f"66{o.phone[1:]}",
                "shippingPostCode": o.area[3], "payMethod": "COD" if "ปลายทาง" in o.payment else "MIXEDCARD",
                "paidPrice": f"{item.price}.00", "unitPrice": f"{item.price}.00", "sellerDiscountTotal": "0",
                "shippingFee": f"{o.shipping}.00" if n == 0 else "0.00", "itemName": item.name,
                "variation": item.variation, "shippingProvider": o.carrier, "trackingCode": o.tracking,
                "status": LAZADA_STATUS.get(o.stage, o.stage), **o.extra,
            })  # fmt: skip
    return _table(LAZADA_HEAD, rows)


def tiktok(orders: Sequence[Sample]) -> list[list[str]]:
    """Rows with their headings and the line of explanations under them."""
    rows = [{"Order ID": "Platform unique order ID.", "Order Status": "Current order status."}]
    for o in orders:
        for n, item in enumerate(o.items):
            rows.append({
                "Order ID": o.number, "Order Status": TIKTOK_STATUS.get(o.stage, o.stage), "SKU ID": f"1729{n:014d}",
                "Seller SKU": item.sku, "Product Name": item.name, "Variation": item.variation,
                "Quantity": str(item.quantity), "SKU Unit Original Price": f"{item.price}",
                "SKU Platform Discount": "0", "SKU Seller Discount": str(o.seller_voucher if n == 0 else 0),
                "Shipping Fee After Discount": str(o.shipping), "Order Amount": str(o.total),
                "Created Time": f"{o.placed:%d/%m/%Y %H:%M:%S}", "Paid Time": f"{o.placed:%d/%m/%Y %H:%M:%S}",
                "Tracking ID": o.tracking, "Shipping Provider Name": o.carrier, "Buyer Username": o.buyer,
                "Recipient": o.name, "Phone #": o.phone and f"(+66){o.phone[1:]}", "Country": "Thailand", "Province": o.area[2],
                "District": o.area[1], "Zipcode": o.area[3], "Detail Address": o.address,
                "Payment Method": o.payment, "Cancel Reason": o.cancel_reason, "Buyer Message": o.note, **o.extra,
            })  # fmt: skip
    return _table(TIKTOK_HEAD, rows)


def line_shopping(orders: Sequence[Sample]) -> list[list[str]]:
    """Rows with their headings; dates in BE, as its Thai users write them."""
    rows = []
    shipping = {"shipped": "กำลังจัดส่ง", "delivered": "จัดส่งแล้ว", "completed": "จัดส่งแล้ว"}
    for o in orders:
        placed = f"{o.placed.day:02d}/{o.placed.month:02d}/{o.placed.year + 543} {o.placed:%H:%M}"
        own = {
            "หมายเลขคำสั่งซื้อ": o.number, "วันที่สั่งซื้อ": placed, "วันที่ชำระเงิน": placed, "วิธีการชำระเงิน": o.payment,
            "สถานะคำสั่งซื้อ": {"canceled": "ยกเลิก", "completed": "สำเร็จ"}.get(o.stage, "FINALIZED"),
            "สถานะการชำระเงิน": "รอชำระเงิน" if o.stage == "unpaid" else "ชำระเงินแล้ว",
            "สถานะการจัดส่ง": shipping.get(o.stage, "รอจัดส่ง"), "ส่วนลด": str(o.seller_voucher),
            "ค่าจัดส่ง": str(o.shipping), "ยอดรวม": f"{o.total:,}.00", "ชื่อผู้รับ": o.name, "เบอร์โทรศัพท์": o.phone,
            "ที่อยู่": o.address, "แขวง/ตำบล": o.area[0], "เขต/อำเภอ": o.area[1], "จังหวัด": o.area[2],
            "รหัสไปรษณีย์": o.area[3], "ขนส่ง": o.carrier, "เลขพัสดุ": o.tracking, "หมายเหตุ": o.note, **o.extra,
        }  # fmt: skip
        rows += [
            {**own, "รหัสสินค้า (SKU)": i.sku, "ชื่อสินค้า": i.name, "ตัวเลือกสินค้า": i.variation, "จำนวน": str(i.quantity),
             "ราคาต่อหน่วย": f"{i.price}"} for i in o.items
        ]  # fmt: skip
    return _table(LINE_HEAD, rows)


def as_csv(rows: Sequence[Sequence[str]], encoding: str = "utf-8-sig", delimiter: str = ",") -> bytes:
    """The rows as a text file."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode(encoding)


def write_csv(path: Path, rows: Sequence[Sequence[str]], encoding: str = "utf-8-sig", delimiter: str = ",") -> Path:
    path.write_bytes(as_csv(rows, encoding, delimiter))
    return path


def write_xlsx(path: Path, rows: Sequence[Sequence[object]], above: Sequence[Sequence[str]] = ()) -> Path:
    """The rows as a workbook: texts as text cells, numbers as number cells; ``above`` stands over the headings."""
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("orders")
        for r, row in enumerate([*above, *rows]):
            for c, cell in enumerate(row):
                if isinstance(cell, int | float):
                    sheet.write_number(r, c, cell)
                elif cell != "":
                    sheet.write_string(r, c, str(cell))
    return path
