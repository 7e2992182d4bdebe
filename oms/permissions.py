"""Named actions and the seeded roles. Verbs ask ``tx.actor.require(name)``; the panel edits which role has which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ACTIONS: Final[dict[str, str]] = {
    "order.view": "See orders",
    "order.create": "Enter and change draft orders",
    "order.confirm": "Confirm orders",
    "order.amend": "Amend confirmed orders",
    "order.cancel": "Cancel orders",
    "order.hold": "Put orders on hold",
    "order.release_hold": "Release holds",
    "order.assign": "Assign orders to staff",
    "order.note": "Write notes and tags",
    "order.price": "See prices and amounts",
    "order.override_price": "Change prices by hand",
    "order.approve_discount": "Approve discounts over the limit",
    "order.backdate": "Enter orders of the past",
    "payment.claim": "Record a customer's payment notice",
    "payment.verify": "Verify or reject payments",
    "payment.approve_cod": "Approve cash on delivery",
    "payment.statement": "Take bank statements in and match them",
    "payment.cod": "Keep the COD ledger",
    "payment.write_off": "Write off cash a carrier does not pay",
    "gate.override": "Ship before the money is in",
    "refund.request": "Ask for refunds",
    "refund.approve": "Approve refunds",
    "refund.pay": "Pay approved refunds back",
    "document.view": "See bills and other documents",
    "document.issue": "Issue bills, receipts and tax invoices",
    "document.void": "Void documents",
    "document.design": "Change how documents look",
    "shipment.pack": "Pick and pack",
    "shipment.label": "Print labels",
    "shipment.void_label": "Void labels, change address or carrier after printing",
    "shipment.combine": "Combine and split parcels",
    "shipment.hand_over": "Hand parcels over",
    "shipment.track": "Record what carriers say",
    "shipment.claim": "Claim damage and loss from carriers",
    "carrier.edit": "Keep carriers, their keys and fees",
    "return.request": "Ask for returns",
    "return.approve": "Approve returns",
    "return.receive": "Receive, count and grade returns",
    "return.resolve": "Settle returns: refund, exchange, credit",
    "stock.view": "See stock",
    "stock.receive": "Receive stock",
    "stock.adjust": "Adjust stock",
    "stock.approve_adjust": "Approve stock adjustments",
    "stock.transfer": "Move stock between warehouses",
    "stock.count": "Count stock",
    "stock.approve_count": "Approve stock counts",
    "stock.route": "Choose warehouses for orders, move reservations",
    "consignment.settle": "Settle with consignment partners",
    "remote.manage": "Keep links to remote warehouses",
    "stock.cost": "See cost and profit",
    "catalog.edit": "Keep products and SKU maps",
    "customer.view": "See customers",
    "customer.edit": "Keep customers",
    "customer.phone": "See whole phone numbers",
    "message.view": "See messages to customers",
    "message.send": "Send, copy and resend messages",
    "message.design": "Change the words of messages",
    "customer.merge": "Merge customers and undo merges",
    "customer.block": "Put phones and addresses on the blacklist",
    "link.share": "Make and shut the order pages of customers",
    "privacy.manage": "Export, erase and answer requests about personal data",
    "shop.edit": "Keep shops, warehouses and receiving accounts",
    "staff.edit": "Keep staff, roles and scopes",
    "intake.import": "Import files",
    "intake.resolve": "Mend and release quarantined rows",
    "export.run": "Export lists",
    "audit.view": "Read the audit log",
    "report.view": "Read reports",
    "api.manage": "Make and revoke keys of the API, keep outgoing webhooks",
    "operations.view": "See background work",
    "operations.manage": "Retry and close background work",
}


@dataclass(frozen=True)
class Role:
    """A seeded role: its actions, and the discount percent its people may give alone."""

    name: str
    label: str
    actions: frozenset[str]
    discount_limit: int = 0


_SALES = frozenset({
    "order.view", "order.create", "order.confirm", "order.amend", "order.cancel", "order.hold", "order.assign",
    "order.note", "order.price", "payment.claim", "refund.request", "stock.view", "customer.view", "customer.edit",
    "customer.phone", "intake.import", "intake.resolve", "document.view", "document.issue", "return.request",
    "shipment.combine", "customer.merge", "link.share", "message.view", "message.send",
})  # fmt: skip
_CASHIER = frozenset({
    "order.view", "order.hold", "order.note", "order.price", "payment.claim", "payment.verify", "payment.approve_cod",
    "payment.statement", "payment.cod", "refund.request", "refund.pay", "customer.view", "customer.phone",
    "report.view", "document.view", "document.issue", "return.request", "return.resolve",
    "link.share", "message.view", "message.send",
})  # fmt: skip
_WAREHOUSE = frozenset({
    "order.view", "order.hold", "order.note", "stock.view", "stock.receive", "stock.adjust", "stock.transfer",
    "stock.count", "shipment.pack", "shipment.label", "shipment.combine", "shipment.hand_over", "shipment.track",
    "return.receive",
})  # fmt: skip
_ACCOUNTANT = frozenset({
    "order.view", "order.price", "customer.view", "stock.view", "stock.cost", "report.view", "export.run", "audit.view",
    "document.view", "document.issue", "consignment.settle",
})  # fmt: skip
_VIEWER = frozenset({
    "order.view", "order.price", "stock.view", "customer.view", "report.view", "document.view", "message.view",
})  # fmt: skip
_MANAGER = frozenset(ACTIONS) - {"staff.edit"}

ROLES: Final[tuple[Role, ...]] = (
    Role("owner", "Owner", frozenset(ACTIONS), 100),
    Role("manager", "Manager", _MANAGER, 50),
    Role("sales", "Sales", _SALES, 10),
    Role("cashier", "Cashier", _CASHIER),
    Role("warehouse", "Warehouse", _WAREHOUSE),
    Role("accountant", "Accountant", _ACCOUNTANT),
    Role("viewer", "Viewer", _VIEWER),
)
