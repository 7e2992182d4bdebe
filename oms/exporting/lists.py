"""What can be exported: each list with its columns, who may see them, and the statement behind it."""

from __future__ import annotations

from sqlalchemy import func, select

from oms.audit import AuditLog
from oms.catalog import finding
from oms.catalog.models import ChannelSku, Product, Shop, Sku, SkuBarcode
from oms.customers import queries as customers
from oms.customers.models import Customer
from oms.errors import NotFound, say
from oms.exporting.cod_lists import COD_ENTRIES, COD_ROUNDS
from oms.exporting.documents import DOCUMENTS
from oms.exporting.parcels import PARCELS
from oms.exporting.payments import PAYMENTS
from oms.exporting.people import STAFF
from oms.exporting.places import PLACE_LISTS
from oms.exporting.refunds import REFUNDS
from oms.exporting.returns import CARRIER_CLAIMS, RETURNS
from oms.exporting.shape import COST, PHONE, PRICE, Column, ExportList, own_orders, own_places, own_shops
from oms.exporting.shipments import MANIFESTS, SHIPMENTS
from oms.exporting.statements import STATEMENT_LINES
from oms.inventory.models import StockLevel, StockMovement, StockPaper, Warehouse
from oms.inventory.queries import narrow_movements
from oms.orders.models import Order, OrderLine
from oms.payments.models import ReceivingAccount
from oms.shipping.models import Parcel, ShipmentLine

_TRACKING = (
    select(func.string_agg(Parcel.tracking_no.distinct(), ", "))
    .join(ShipmentLine, ShipmentLine.shipment_id == Parcel.shipment_id)
    .where(ShipmentLine.order_id == Order.id, Parcel.is_live, Parcel.tracking_no != "")
    .correlate(Order)
    .scalar_subquery()
)
_ORDER_HEAD = {
    "number": Column("Order", Order.number),
    "external_no": Column("Channel's number", Order.external_no),
    "channel": Column("Channel", Order.channel),
    "shop": Column("Shop", Shop.code),
    "placed_at": Column("Ordered on", Order.placed_at),
    "status": Column("Status", Order.status),
    "board": Column("State", Order.board),
}
_BUYER = {
    "ship_name": Column("Recipient", Order.ship_name),
    "ship_phone": Column("Phone", Order.ship_phone, PHONE),
    "ship_province": Column("Province", Order.ship_province),
}
ORDERS = ExportList(
    "orders", "Orders", "order.view",
    {
        **_ORDER_HEAD,
        "channel_status": Column("Channel's state", Order.channel_status),
        "payment_term": Column("Payment term", Order.payment_term),
        "payment_status": Column("Payment", Order.payment_status),
        "fulfillment_status": Column("Shipping", Order.fulfillment_status),
        "stock_state": Column("Stock", Order.stock_state),
        "hold_reasons": Column("On hold for", Order.hold_reasons),
        "warehouse": Column("Warehouse", Warehouse.code),
        **_BUYER,
        "ship_line": Column("Address", Order.ship_line),
        "ship_subdistrict": Column("Subdistrict", Order.ship_subdistrict),
        "ship_district": Column("District", Order.ship_district),
        "ship_postcode": Column("Postcode", Order.ship_postcode),
        "items_summary": Column("Items", Order.items_summary),
        "item_count": Column("Pieces", Order.item_count),
        "goods_total": Column("Goods total", Order.goods_total, PRICE),
        "discount": Column("Discount", Order.discount, PRICE),
        "shipping_fee": Column("Shipping fee", Order.shipping_fee, PRICE),
        "total": Column("Total", Order.total, PRICE),
        "verified_amount": Column("Verified payment", Order.verified_amount, PRICE),
        "channel_discount": Column("Discount by the platform", Order.channel_discount, PRICE),
        "channel_fee": Column("Platform fee", Order.channel_fee, PRICE),
        "carrier": Column("Carrier", Order.carrier),
        "tracking": Column("Tracking number", _TRACKING),
        "ship_by": Column("Ship by", Order.ship_by),
        "tags": Column("Tags", Order.tags),
        "owner": Column("Person in charge", Order.owner),
        "buyer_note": Column("Buyer's note", Order.buyer_note),
        "confirmed_at": Column("Confirmed on", Order.confirmed_at),
        "cancel_reason": Column("Reason of cancellation", Order.cancel_reason),
    },
    lambda actor: own_orders(
        actor,
        select().select_from(Order).join(Shop, Shop.id == Order.shop_id)
        .join(Warehouse, Warehouse.id == Order.warehouse_id).order_by(Order.placed_at.desc(), Order.id.desc()),
    ),
    find=(Order.number, Order.external_no, Order.ship_name, Order.ship_phone),
    more={"shop_id": Order.shop_id, "warehouse_id": Order.warehouse_id, "owner_id": Order.owner_id},
)  # fmt: skip
ORDER_LINES = ExportList(
    "order_lines", "Order lines", "order.view",
    {
        **_ORDER_HEAD,
        **_BUYER,
        "position": Column("Line", OrderLine.position),
        "sku": Column("SKU", OrderLine.sku_code),
        "name": Column("Product name", OrderLine.name),
        "quantity": Column("Quantity", OrderLine.quantity),
        "canceled": Column("Canceled", OrderLine.canceled),
        "shipped": Column("Shipped", OrderLine.shipped),
        "returned": Column("Returned", OrderLine.returned),
        "unit_price": Column("Price per piece", OrderLine.unit_price, PRICE),
        "discount": Column("Discount", OrderLine.discount, PRICE),
        "total": Column("Total", OrderLine.total, PRICE),
    },
    lambda actor: own_orders(
        actor,
        select().select_from(Order).join(OrderLine, OrderLine.order_id == Order.id)
        .join(Shop, Shop.id == Order.shop_id)
        .order_by(Order.placed_at.desc(), Order.id.desc(), OrderLine.position),
    ),
    find=(Order.number, Order.external_no, OrderLine.sku_code),
    more={"shop_id": Order.shop_id, "warehouse_id": Order.warehouse_id, "owner_id": Order.owner_id},
)  # fmt: skip
CUSTOMERS = ExportList(
    "customers", "Customers", "customer.view",
    {
        "name": Column("Name", Customer.name),
        "phone": Column("Phone", Customer.phone, PHONE),
        "email": Column("Email", Customer.email),
        "group": Column("Group", Customer.group),
        "note": Column("Note", Customer.note),
        "tax_name": Column("Tax name", Customer.tax_name),
        "tax_id": Column("Tax ID", Customer.tax_id, PHONE),
        "tax_branch": Column("Branch", Customer.tax_branch),
        "tax_address": Column("Tax address", Customer.tax_address),
        "created_at": Column("Known since", Customer.created_at),
    },
    lambda _: select().select_from(Customer).order_by(Customer.id),
    search=customers.narrow,
)  # fmt: skip
PRODUCTS = ExportList(
    "products", "Products", "stock.view",
    {
        "code": Column("Code", Product.code),
        "name": Column("Name", Product.name),
        "name_en": Column("English name", Product.name_en),
        "category": Column("Category", Product.category),
        "is_active": Column("Active", Product.is_active),
        "created_at": Column("Created on", Product.created_at),
    },
    lambda _: select().select_from(Product).order_by(Product.id),
    find=(Product.code, Product.name, Product.name_en),
)  # fmt: skip
_BARCODES = (
    select(func.string_agg(SkuBarcode.barcode, ", ")).where(SkuBarcode.sku_id == Sku.id).correlate(Sku)
    .scalar_subquery()
)  # fmt: skip
SKUS = ExportList(
    "skus", "SKUs", "stock.view",
    {
        "sku": Column("SKU", Sku.code),
        "name": Column("Name", Sku.name),
        "option": Column("Option", Sku.option),
        "product": Column("Product code", Product.code),
        "category": Column("Category", Product.category),
        "price": Column("Price", Sku.price, PRICE),
        "cost": Column("Cost", Sku.cost, COST),
        "weight_g": Column("Weight (g)", Sku.weight_g),
        "barcode": Column("Barcode", _BARCODES),
        "location": Column("Location", Sku.location),
        "low_stock": Column("Low stock", Sku.low_stock),
        "is_bundle": Column("Bundle", Sku.is_bundle),
        "is_active": Column("Active", Sku.is_active),
    },
    lambda _: select().select_from(Sku).join(Product, Product.id == Sku.product_id).order_by(Sku.code),
    search=finding.narrow,
)  # fmt: skip
CHANNEL_SKUS = ExportList(
    "channel_skus", "Names of SKUs in shops", "stock.view",
    {
        "shop": Column("Shop", Shop.code),
        "external_sku": Column("Name in the shop", ChannelSku.external_sku),
        "sku": Column("Our SKU", Sku.code),
        "multiplier": Column("Pieces", ChannelSku.multiplier),
    },
    lambda actor: own_shops(
        actor,
        select().select_from(ChannelSku).join(Shop, Shop.id == ChannelSku.shop_id)
        .join(Sku, Sku.id == ChannelSku.sku_id).order_by(ChannelSku.id),
        ChannelSku.shop_id,
    ),
    find=(ChannelSku.external_sku,),
)  # fmt: skip


STOCK = ExportList(
    "stock", "Stock", "stock.view",
    {
        "sku": Column("SKU", Sku.code),
        "name": Column("Name", Sku.name),
        "warehouse": Column("Warehouse", Warehouse.code),
        "on_hand": Column("On hand", StockLevel.on_hand),
        "reserved": Column("Reserved", StockLevel.reserved),
        "available": Column("Available", StockLevel.on_hand - StockLevel.reserved),
        "damaged": Column("Damaged", StockLevel.damaged),
        "incoming": Column("Incoming", StockLevel.incoming),
        "location": Column("Location", func.coalesce(func.nullif(StockLevel.location, ""), Sku.location)),
        "cost": Column("Cost", Sku.cost, COST),
    },
    lambda actor: own_places(
        actor,
        select().select_from(StockLevel).join(Sku, Sku.id == StockLevel.sku_id)
        .join(Warehouse, Warehouse.id == StockLevel.warehouse_id).order_by(Sku.code, Warehouse.code),
        StockLevel.warehouse_id,
    ),
    search=finding.narrow,
    more={"warehouse_id": StockLevel.warehouse_id, "sku_id": StockLevel.sku_id},
)  # fmt: skip
MOVEMENTS = ExportList(
    "stock_movements", "Stock movements", "stock.view",
    {
        "at": Column("When", StockMovement.at),
        "sku": Column("SKU", Sku.code),
        "name": Column("Name", Sku.name),
        "warehouse": Column("Warehouse", Warehouse.code),
        "bucket": Column("Balance", StockMovement.bucket),
        "quantity": Column("Quantity", StockMovement.quantity),
        "kind": Column("Kind", StockMovement.kind),
        "document": Column("Document", StockMovement.document),
        "reason": Column("Reason", StockMovement.reason),
        "actor": Column("By", StockMovement.actor),
    },
    lambda actor: own_places(
        actor,
        select().select_from(StockMovement).join(Sku, Sku.id == StockMovement.sku_id)
        .join(Warehouse, Warehouse.id == StockMovement.warehouse_id).order_by(StockMovement.id.desc()),
        StockMovement.warehouse_id,
    ),
    search=narrow_movements,
    more={"warehouse_id": StockMovement.warehouse_id, "sku_id": StockMovement.sku_id},
)  # fmt: skip
PAPERS = ExportList(
    "stock_papers", "Stock papers", "stock.view",
    {
        "number": Column("Number", StockPaper.number),
        "at": Column("When", StockPaper.at),
        "kind": Column("Kind", StockPaper.kind),
        "status": Column("Status", StockPaper.status),
        "warehouse": Column("Warehouse", Warehouse.code),
        "pieces": Column("Pieces", StockPaper.pieces),
        "reason": Column("Reason", StockPaper.reason),
        "reference": Column("Reference", StockPaper.reference),
        "note": Column("Note", StockPaper.note),
        "actor": Column("By", StockPaper.actor),
    },
    lambda actor: own_places(
        actor,
        select().select_from(StockPaper).join(Warehouse, Warehouse.id == StockPaper.warehouse_id)
        .order_by(StockPaper.id.desc()),
        StockPaper.warehouse_id,
    ),
    find=(StockPaper.number, StockPaper.reference, StockPaper.note),
    more={"warehouse_id": StockPaper.warehouse_id},
)  # fmt: skip
WAREHOUSES = ExportList(
    "warehouses", "Warehouses", "stock.view",
    {
        "code": Column("Code", Warehouse.code), "name": Column("Name", Warehouse.name),
        "province": Column("Province", Warehouse.province), "address": Column("Address", Warehouse.address),
        "phone": Column("Phone", Warehouse.phone), "rank": Column("Rank", Warehouse.rank),
        "is_active": Column("Active", Warehouse.is_active),
    },
    lambda actor: own_places(actor, select().select_from(Warehouse).order_by(Warehouse.id), Warehouse.id),
    find=(Warehouse.code, Warehouse.name, Warehouse.province),
)  # fmt: skip
SHOPS = ExportList(
    "shops", "Shops", "order.view",
    {
        "code": Column("Code", Shop.code), "name": Column("Name", Shop.name),
        "channel": Column("Channel", Shop.channel),
        "warehouse": Column("Warehouse", Warehouse.code),
        "expire_hours": Column("Unpaid orders expire after hours", Shop.expire_hours),
        "ship_within_hours": Column("Ship within hours", Shop.ship_within_hours),
        "is_active": Column("Active", Shop.is_active),
    },
    lambda actor: own_shops(
        actor, select().select_from(Shop).join(Warehouse, Warehouse.id == Shop.warehouse_id).order_by(Shop.id), Shop.id
    ),
    find=(Shop.code, Shop.name),
)  # fmt: skip
ACCOUNTS = ExportList(
    "accounts", "Receiving accounts", "order.price",
    {
        "code": Column("Code", ReceivingAccount.code), "bank": Column("Bank", ReceivingAccount.bank),
        "account_no": Column("Account number", ReceivingAccount.account_no),
        "account_name": Column("Account name", ReceivingAccount.account_name),
        "is_active": Column("Active", ReceivingAccount.is_active),
    },
    lambda _: select().select_from(ReceivingAccount).order_by(ReceivingAccount.id),
    find=(ReceivingAccount.code, ReceivingAccount.bank, ReceivingAccount.account_no, ReceivingAccount.account_name),
)  # fmt: skip
AUDIT = ExportList(
    "audit", "Audit log", "audit.view",
    {
        "at": Column("When", AuditLog.at), "actor": Column("Who", AuditLog.actor),
        "role": Column("Role", AuditLog.role),
        "action": Column("What", AuditLog.action), "subject_type": Column("Kind", AuditLog.subject_type),
        "subject": Column("Of what", AuditLog.subject), "before": Column("Before", AuditLog.before),
        "after": Column("After", AuditLog.after), "reason": Column("Reason", AuditLog.reason),
        "source": Column("Way in", AuditLog.source), "ip": Column("From where", AuditLog.ip),
        "request_id": Column("Request", AuditLog.request_id),
    },
    lambda _: select().select_from(AuditLog).order_by(AuditLog.id.desc()),
    find=(AuditLog.actor, AuditLog.subject, AuditLog.reason),
    more={"user_id": AuditLog.user_id, "subject_id": AuditLog.subject_id},
)  # fmt: skip
LISTS: dict[str, ExportList] = {
    made.name: made
    for made in (
        ORDERS, ORDER_LINES, CUSTOMERS, PRODUCTS, SKUS, CHANNEL_SKUS, STOCK, MOVEMENTS, PAPERS, PAYMENTS, REFUNDS,
        WAREHOUSES, SHOPS, ACCOUNTS, STAFF, AUDIT, STATEMENT_LINES, COD_ENTRIES, COD_ROUNDS,
        SHIPMENTS, MANIFESTS, PARCELS, RETURNS, CARRIER_CLAIMS, DOCUMENTS, *PLACE_LISTS,
    )
}  # fmt: skip


def find_list(name: str) -> ExportList:
    """A list by its name. Raises NotFound."""
    if name not in LISTS:
        raise NotFound(say("There is no list called “{name}” to export", name=name), code="list_not_found")
    return LISTS[name]
