"""Every table, imported for its effect on the one metadata: migrations and start-up need them all."""

from oms.approvals import Approval
from oms.audit import AuditLog, AuditSeal
from oms.catalog.models import BundleItem, ChannelSku, Product, Shop, Sku, SkuBarcode
from oms.customers.models import Customer, CustomerAddress, CustomerIdentity, CustomerSearch
from oms.inventory.models import Reservation, StockLevel, StockMovement, Warehouse
from oms.numbering import NumberSeries
from oms.orders.models import Order, OrderChange, OrderHold, OrderLine, OrderNote, OrderSearch
from oms.orders.saved import BulkRow, BulkRun, SavedView
from oms.outbox import Outbox
from oms.payments.models import Allocation, PaymentClaim, ReceivingAccount
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.staff.models import StaffProfile, StaffScope

ALL = (
    Approval, AuditLog, AuditSeal, BulkRow, BulkRun, SavedView,
    BundleItem, ChannelSku, Product, Shop, Sku, SkuBarcode, Customer,
    CustomerAddress, CustomerIdentity, CustomerSearch, Reservation, StockLevel, StockMovement, Warehouse,
    NumberSeries, Order, OrderChange, OrderHold, OrderLine, OrderNote, OrderSearch, Outbox, Allocation,
    PaymentClaim, ReceivingAccount, Parcel, Shipment, ShipmentLine, StaffProfile, StaffScope,
)  # fmt: skip
