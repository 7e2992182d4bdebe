"""LINE SHOPPING (MyShop), order export. Order, payment and shipping states stand in three columns.

No public sample of the export is known: the headings are the vendor's API names and their usual Thai wordings; other
wordings are read with a saved column map.
"""

from __future__ import annotations

from oms.importing.formats.columns import Format
from oms.intake import stages

LINE_SHOPPING = Format(
    code="line_shopping",
    label="LINE SHOPPING",
    channels=frozenset({"line_shopping", "line"}),
    carry_down=True,
    required=frozenset({"external_no", "status", "shipping_state", "sku", "quantity"}),
    stages=stages.LINE_SHOPPING,
    columns={
        "external_no": ("orderNumber", "Order No.", "Order Number", "หมายเลขคำสั่งซื้อ", "เลขที่คำสั่งซื้อ", "เลขออเดอร์"),
        "status": ("orderStatus", "Order Status", "สถานะคำสั่งซื้อ", "สถานะออเดอร์"),
        "payment_state": ("paymentStatus", "Payment Status", "สถานะการชำระเงิน"),
        "shipping_state": ("shipmentStatus", "Shipment Status", "Shipping Status", "สถานะการจัดส่ง"),
        "placed_at": ("checkoutAt", "Checkout Date", "Order Date", "วันที่สั่งซื้อ", "วันที่ทำรายการ"),
        "paid_at": ("paidAt", "Paid Date", "วันที่ชำระเงิน"),
        "payment_method": ("paymentMethod", "Payment Method", "วิธีการชำระเงิน", "ช่องทางการชำระเงิน"),
        "sku": ("sku", "SKU", "รหัสสินค้า (SKU)", "รหัสสินค้า"),
        "item_name": ("Product Name", "productName", "ชื่อสินค้า"),
        "variation": ("variants", "Variant", "ตัวเลือกสินค้า", "ตัวเลือก"),
        "quantity": ("quantity", "Quantity", "จำนวน"),
        "list_price": ("price", "Price", "ราคาปกติ", "ราคา"),
        "unit_price": ("discountedPrice", "Discounted Price", "ราคาขาย", "ราคาต่อหน่วย"),
        "seller_discount": ("discountAmount", "Discount", "ส่วนลด"),
        "shipping_fee": ("shipmentPrice", "Shipping Fee", "ค่าจัดส่ง", "ค่าส่ง"),
        "total": ("totalPrice", "Total Price", "Total", "ยอดรวม", "ราคารวม", "ยอดรวมทั้งหมด"),
        "name": ("recipientName", "Recipient Name", "ชื่อผู้รับ"),
        "phone": ("phoneNumber", "Phone Number", "เบอร์โทรศัพท์", "เบอร์โทร", "หมายเลขโทรศัพท์"),
        "buyer_id": ("buyerName", "LINE name", "ชื่อไลน์", "ชื่อ LINE"),
        "address": ("address", "Address", "ที่อยู่", "ที่อยู่จัดส่ง"),
        "subdistrict": ("subDistrict", "Sub District", "แขวง/ตำบล", "ตำบล/แขวง", "ตำบล"),
        "district": ("district", "District", "เขต/อำเภอ", "อำเภอ/เขต", "อำเภอ"),
        "province": ("province", "Province", "จังหวัด"),
        "postcode": ("postalCode", "Postal Code", "รหัสไปรษณีย์"),
        "carrier": ("shipmentCompanyNameTh", "Shipment Company", "ผู้ให้บริการจัดส่ง", "บริษัทขนส่ง", "ขนส่ง"),
        "tracking": ("trackingNumber", "Tracking Number", "เลขพัสดุ", "หมายเลขพัสดุ", "หมายเลขติดตามพัสดุ"),
        "note": ("remarkBuyer", "Remark", "หมายเหตุ", "หมายเหตุจากผู้ซื้อ"),
    },
)
