"""Files of products, customers and opening stock: headings per field, as people write them in their own sheets."""

from __future__ import annotations

from oms.importing.formats.columns import Format
from oms.intake.states import IntakeKind

PRODUCTS = Format(
    code="products",
    label="Products",
    required=frozenset({"sku", "item_name"}),
    stages={},
    columns={
        "sku": ("SKU", "SKU code", "รหัส SKU", "รหัสสินค้า", "รหัส", "code"),
        "item_name": ("Name", "Product name", "ชื่อสินค้า", "ชื่อ"),
        "name_en": ("English name", "ชื่ออังกฤษ", "ชื่อภาษาอังกฤษ"),
        "variation": ("Option", "Variation", "ตัวเลือก", "ชื่อตัวเลือก", "แบบ"),
        "product": ("Product code", "รหัสกลุ่มสินค้า", "กลุ่มสินค้า", "Parent SKU"),
        "category": ("Category", "หมวด", "หมวดหมู่"),
        "price": ("Price", "ราคา", "ราคาขาย"),
        "cost": ("Cost", "ทุน", "ราคาทุน", "ต้นทุน"),
        "weight": ("Weight (g)", "Weight", "น้ำหนัก", "น้ำหนัก (กรัม)", "น้ำหนัก (g)"),
        "barcode": ("Barcode", "Barcodes", "บาร์โค้ด", "รหัสแท่ง"),
        "location": ("Location", "ที่เก็บ", "ชั้นวาง", "ตำแหน่ง"),
        "low_stock": ("Low stock", "แจ้งเตือนเมื่อเหลือ", "สต็อกขั้นต่ำ"),
        "active": ("Active", "ใช้งาน", "สถานะ"),
    },
)
CUSTOMERS = Format(
    code="customers",
    label="Customers",
    required=frozenset({"name"}),
    stages={},
    columns={
        "name": ("Name", "Customer", "ชื่อ", "ชื่อลูกค้า", "ชื่อ-นามสกุล"),
        "phone": ("Phone", "Mobile", "Tel", "โทร", "โทรศัพท์", "เบอร์", "เบอร์โทร", "เบอร์โทรศัพท์"),
        "email": ("Email", "E-mail", "อีเมล"),
        "group": ("Group", "กลุ่ม", "กลุ่มลูกค้า"),
        "note": ("Note", "หมายเหตุ"),
        "line": ("LINE ID", "LINE", "ไลน์", "ไอดีไลน์"),
        "facebook": ("Facebook", "เฟซบุ๊ก", "เฟสบุ๊ค"),
        "instagram": ("Instagram", "IG", "ไอจี"),
        "address": ("Address", "ที่อยู่"),
        "subdistrict": ("Subdistrict", "ตำบล", "แขวง", "แขวง/ตำบล", "ตำบล/แขวง"),
        "district": ("District", "อำเภอ", "เขต", "เขต/อำเภอ", "อำเภอ/เขต"),
        "province": ("Province", "จังหวัด"),
        "postcode": ("Postcode", "Zip Code", "รหัสไปรษณีย์"),
        "tax_name": ("Tax name", "ชื่อผู้เสียภาษี", "ชื่อออกใบกำกับ"),
        "tax_id": ("Tax ID", "เลขผู้เสียภาษี", "เลขประจำตัวผู้เสียภาษี"),
        "tax_branch": ("Branch", "สาขา"),
        "tax_address": ("Tax address", "ที่อยู่ออกใบกำกับ"),
    },
)
STOCK = Format(
    code="stock",
    label="Stock",
    required=frozenset({"sku", "warehouse"}),
    stages={},
    columns={
        "sku": ("SKU", "SKU code", "รหัส SKU", "รหัสสินค้า", "รหัส"),
        "warehouse": ("Warehouse", "คลัง", "รหัสคลัง"),
        "quantity": ("On hand", "Quantity", "Qty", "จำนวน", "คงเหลือ", "ยอดคงเหลือ", "จำนวนคงเหลือ"),
        "location": ("Location", "ที่เก็บ", "ชั้นวาง", "ตำแหน่ง"),
        "minimum": ("Minimum", "Warn below", "ขั้นต่ำ", "สต็อกขั้นต่ำ", "แจ้งเตือนเมื่อเหลือ"),
    },
)
FORMS: dict[IntakeKind, Format] = {
    IntakeKind.PRODUCTS: PRODUCTS,
    IntakeKind.CUSTOMERS: CUSTOMERS,
    IntakeKind.STOCK: STOCK,
}


def form_of(kind: IntakeKind) -> Format:
    """The format of a master file."""
    return FORMS[kind]
