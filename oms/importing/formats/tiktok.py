"""TikTok Shop seller center, order export (xlsx or csv). A line of explanations may follow the headings."""

from __future__ import annotations

from oms.importing.formats.columns import Format
from oms.intake import stages

TIKTOK = Format(
    code="tiktok",
    label="TikTok Shop",
    channels=frozenset({"tiktok"}),
    required=frozenset({"external_no", "status", "sku", "quantity"}),
    stages=stages.TIKTOK,
    columns={
        "external_no": ("Order ID", "หมายเลขคำสั่งซื้อ", "รหัสคำสั่งซื้อ"),
        "status": ("Order Status", "สถานะคำสั่งซื้อ"),
        "shipping_state": ("Order Substatus", "สถานะย่อยของคำสั่งซื้อ", "สถานะย่อย"),
        "return_state": ("Cancelation/Return Type", "Cancellation/Return Type", "ประเภทการยกเลิก/การคืนสินค้า"),
        "line_id": ("SKU ID", "รหัส SKU"),
        "sku": ("Seller SKU", "SKU ของผู้ขาย", "SKU ผู้ขาย"),
        "item_name": ("Product Name", "ชื่อสินค้า"),
        "variation": ("Variation", "ตัวเลือกสินค้า", "รูปแบบสินค้า"),
        "quantity": ("Quantity", "จำนวน"),
        "returned": ("Sku Quantity of return", "จำนวน SKU ที่คืน"),
        "unit_price": ("SKU Unit Original Price", "ราคาเดิมต่อหน่วยของ SKU"),
        "line_platform_discount": ("SKU Platform Discount", "ส่วนลด SKU จากแพลตฟอร์ม"),
        "line_seller_discount": ("SKU Seller Discount", "ส่วนลด SKU จากผู้ขาย"),
        "shipping_fee": ("Shipping Fee After Discount", "ค่าจัดส่งหลังหักส่วนลด"),
        "platform_discount": ("Payment platform discount", "ส่วนลดการชำระเงินจากแพลตฟอร์ม"),
        "total": ("Order Amount", "ยอดคำสั่งซื้อ", "จำนวนเงินของคำสั่งซื้อ"),
        "placed_at": ("Created Time", "เวลาที่สร้าง", "เวลาที่สร้างคำสั่งซื้อ"),
        "paid_at": ("Paid Time", "เวลาที่ชำระเงิน"),
        "shipped_at": ("Shipped Time", "เวลาที่จัดส่ง"),
        "completed_at": ("Delivered Time", "เวลาที่จัดส่งสำเร็จ"),
        "cancel_reason": ("Cancel Reason", "เหตุผลการยกเลิก", "เหตุผลในการยกเลิก"),
        "tracking": ("Tracking ID", "หมายเลขติดตามพัสดุ", "หมายเลขติดตาม"),
        "carrier": ("Shipping Provider Name", "ชื่อผู้ให้บริการจัดส่ง", "ชื่อผู้ให้บริการขนส่ง"),
        "note": ("Buyer Message", "ข้อความจากผู้ซื้อ"),
        "buyer_id": ("Buyer Username", "ชื่อผู้ใช้ของผู้ซื้อ"),
        "name": ("Recipient", "ผู้รับ", "ชื่อผู้รับ"),
        "phone": ("Phone #", "Phone", "หมายเลขโทรศัพท์"),
        "province": ("Province", "จังหวัด"),
        "district": ("District", "เขต/อำเภอ", "อำเภอ"),
        "subdistrict": ("Commune", "Subdistrict", "ตำบล", "แขวง/ตำบล"),
        "postcode": ("Zipcode", "Postcode", "รหัสไปรษณีย์"),
        "address": ("Detail Address", "ที่อยู่โดยละเอียด", "รายละเอียดที่อยู่"),
        "address2": ("Additional address information", "ข้อมูลที่อยู่เพิ่มเติม"),
        "payment_method": ("Payment Method", "วิธีการชำระเงิน"),
    },
)
