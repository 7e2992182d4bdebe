"""Shopee seller centre, order export (xlsx), Thai and English. One row per item; the old form fills an order's own
fields in its first row only."""

from __future__ import annotations

from oms.importing.formats.columns import Format
from oms.intake import stages

SHOPEE = Format(
    code="shopee",
    label="Shopee",
    channels=frozenset({"shopee"}),
    carry_down=True,
    required=frozenset({"external_no", "status", "sku", "quantity"}),
    stages=stages.SHOPEE,
    columns={
        "external_no": ("หมายเลขคำสั่งซื้อ", "Order ID", "Order SN", "เลขที่คำสั่งซื้อ"),
        "status": ("สถานะการสั่งซื้อ", "สถานะคำสั่งซื้อ", "Order Status"),
        "return_state": ("สถานะการคืนเงินหรือคืนสินค้า", "Return / Refund Status"),
        "cancel_reason": ("เหตุผลในการยกเลิกคำสั่งซื้อ", "Cancel reason", "Cancellation reason"),
        "buyer_id": ("ชื่อผู้ใช้ (ผู้ซื้อ)", "Username (Buyer)"),
        "placed_at": ("วันที่ทำการสั่งซื้อ", "Order Creation Date", "Order Creation Time"),
        "paid_at": ("เวลาการชำระสินค้า", "Order Paid Time", "เวลาที่ชำระเงิน"),
        "payment_method": ("ช่องทางการชำระเงิน", "Payment Method"),
        "carrier": ("ตัวเลือกการจัดส่ง", "Shipping Option", "วิธีการจัดส่ง", "Shipment Method"),
        "tracking": ("หมายเลขติดตามพัสดุ", "Tracking Number"),
        "ship_by": ("วันที่คาดว่าจะทำการจัดส่งสินค้า", "Estimated Ship Out Date"),
        "shipped_at": ("เวลาส่งสินค้า", "Ship Time"),
        "completed_at": ("เวลาที่ทำการสั่งซื้อสำเร็จ", "Order Complete Time"),
        "parent_sku": ("เลขอ้างอิง Parent SKU", "Parent SKU Reference No."),
        "item_name": ("ชื่อสินค้า", "Product Name"),
        "sku": ("เลขอ้างอิง SKU (SKU Reference No.)", "เลขอ้างอิง SKU", "SKU Reference No."),
        "variation": ("ชื่อตัวเลือก", "Variation Name"),
        "list_price": ("ราคาตั้งต้น", "Original Price"),
        "unit_price": ("ราคาขาย", "Deal Price"),
        "quantity": ("จำนวน", "Quantity"),
        "returned": ("จำนวนที่ส่งคืน", "Returned quantity"),
        "line_total": ("ราคาขายสุทธิ", "Product Subtotal"),
        "seller_discount": ("โค้ดส่วนลดชำระโดยผู้ขาย", "Seller Voucher"),
        "seller_discount2": ("ส่วนลด Bundle Deal ชำระโดยผู้ขาย", "Seller Bundle Discount"),
        "platform_discount": ("โค้ดส่วนลดชำระโดย Shopee", "Shopee Voucher"),
        "platform_discount2": ("ส่วนลดจากการใช้เหรียญ", "Shopee Coins Offset"),
        "platform_discount3": ("ส่วนลด Bundle Deal ชำระโดย Shopee", "Shopee Bundle Discount"),
        "fee": ("ค่าคอมมิชชั่น", "Commission Fee"),
        "fee2": ("Transaction Fee", "ค่าธุรกรรมการชำระเงิน"),
        "fee3": ("ค่าบริการ", "Service Fee"),
        "shipping_fee": ("ค่าจัดส่งที่ชำระโดยผู้ซื้อ", "Buyer Paid Shipping Fee"),
        "total": ("จำนวนเงินทั้งหมด", "Grand Total", "Total Amount"),
        "name": ("ชื่อผู้รับ", "Receiver Name"),
        "phone": ("หมายเลขโทรศัพท์", "Phone Number"),
        "note": ("หมายเหตุจากผู้ซื้อ", "Remark from buyer"),
        "address": ("ที่อยู่ในการจัดส่ง", "Delivery Address"),
        "province": ("จังหวัด", "Province"),
        "district": ("เขต/อำเภอ", "District"),
        "subdistrict": ("แขวง/ตำบล", "ตำบล", "Town"),
        "postcode": ("รหัสไปรษณีย์", "Zip Code"),
    },
)
