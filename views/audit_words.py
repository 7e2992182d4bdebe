"""What the audit's codes mean in words. A code without a word here is shown as it is."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from flask_babel import gettext, lazy_gettext

from oms.catalog.models import CHANNEL_LABELS
from oms.inventory.models import ADJUST_LABELS
from oms.orders.states import (
    BOARD_LABELS,
    CANCEL_LABELS,
    HOLD_LABELS,
    ORDER,
    PAYMENT_LABELS,
    TERM_LABELS,
)
from oms.returns.states import CARRIER_CLAIM_LABELS, CONDITION_LABELS, REASON_LABELS, RESOLUTION_LABELS
from views.audit_words_api import API_KIND_NAMES, API_TITLES
from views.audit_words_carriers import CARRIER_TITLES
from views.audit_words_messages import MESSAGE_TITLES
from views.audit_words_more import (
    CHANNEL_TITLES,
    MORE_FIELD_NAMES,
    MORE_KIND_NAMES,
    PEOPLE_TITLES,
    RESTOCK_NAMES,
    RETURN_TITLES,
    STOCK_NAMES,
    WORK_TITLES,
)
from views.audit_words_stock import STOCK_KIND_NAMES, STOCK_TITLES
from views.filters import moment, tr

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d")

COD_TITLES: dict[str, Any] = {
    "cod.remitted": lazy_gettext("Carrier paid the cash"),
    "cod.short": lazy_gettext("Carrier paid too little"),
    "cod.over": lazy_gettext("Carrier paid too much"),
    "cod.paid_twice": lazy_gettext("Carrier paid a parcel again"),
    "cod.paid_returned": lazy_gettext("Carrier paid a refused parcel"),
    "cod.refused": lazy_gettext("COD refused"),
    "cod.reopened": lazy_gettext("COD expected again"),
    "cod.corrected": lazy_gettext("COD amount corrected"),
    "cod.written_off": lazy_gettext("COD rest written off"),
    "cod.banked": lazy_gettext("COD round booked to the bank"),
    "cod.unbanked": lazy_gettext("COD round taken out of the bank"),
    "cod.round_fee": lazy_gettext("Fee of a COD round set"),
    "cod.late_days": lazy_gettext("Terms of a carrier set"),
}
DOCUMENT_TITLES: dict[str, Any] = {
    "document.issued": lazy_gettext("Document issued"),
    "document.voided": lazy_gettext("Document voided"),
    "document.replaced": lazy_gettext("Document replaced"),
    "document.printed": lazy_gettext("Document printed"),
    "company.edited": lazy_gettext("Company changed"),
    "branch.created": lazy_gettext("Branch added"),
    "branch.edited": lazy_gettext("Branch changed"),
    "series.edited": lazy_gettext("Series of documents changed"),
    "vat_rate.added": lazy_gettext("Rate of VAT added"),
}
SHIPMENT_TITLES: dict[str, Any] = {
    "shipment.made_ready": lazy_gettext("Shipment ready to pick"),
    "shipment.picking": lazy_gettext("Picking started"),
    "shipment.packed": lazy_gettext("Shipment packed"),
    "shipment.labeled": lazy_gettext("Label printed"),
    "shipment.label_printed": lazy_gettext("Label printed before packing"),
    "shipment.label_voided": lazy_gettext("Label voided"),
    "shipment.tracking_set": lazy_gettext("Tracking number set"),
    "shipment.carrier_changed": lazy_gettext("Carrier changed"),
    "shipments.bulk": lazy_gettext("Bulk work on shipments"),
    "picking.started": lazy_gettext("Picking list made"),
    "picking.finished": lazy_gettext("Picking list finished"),
    "picking.given_up": lazy_gettext("Picking list given up"),
    "picking.short": lazy_gettext("Pieces missing on the shelf"),
    "packing.rules_set": lazy_gettext("How a warehouse packs was set"),
    "manifest.opened": lazy_gettext("Hand-over sheet opened"),
    "manifest.closed": lazy_gettext("Hand-over sheet closed"),
    "manifest.canceled": lazy_gettext("Hand-over sheet given up"),
    "stock.location_set": lazy_gettext("Shelf written down"),
    "shipment.pulled_back": lazy_gettext("Shipment pulled back"),
    "shipment.canceled": lazy_gettext("Shipment canceled"),
    "shipment.split": lazy_gettext("Shipment split"),
    "shipment.combined": lazy_gettext("Orders put in one box"),
    "shipment.uncombined": lazy_gettext("Box taken apart"),
}
ACTIONS: dict[str, Any] = {
    **CHANNEL_TITLES,
    **PEOPLE_TITLES,
    **WORK_TITLES,
    **RETURN_TITLES,
    **SHIPMENT_TITLES,
    **DOCUMENT_TITLES,
    **STOCK_TITLES,
    "order.created": lazy_gettext("Order entered"),
    "order.draft_edited": lazy_gettext("Draft changed"),
    "order.confirmed": lazy_gettext("Order confirmed"),
    "order.canceled": lazy_gettext("Order canceled"),
    "order.expired": lazy_gettext("Order expired unpaid"),
    "order.completed": lazy_gettext("Order completed"),
    "order.held": lazy_gettext("Order put on hold"),
    "order.hold_released": lazy_gettext("Hold released"),
    "order.assigned": lazy_gettext("Order assigned"),
    "order.tagged": lazy_gettext("Tag added"),
    "order.untagged": lazy_gettext("Tag removed"),
    "order.note_added": lazy_gettext("Note written"),
    "order.attachment_added": lazy_gettext("File put to an order"),
    "order.attachment_removed": lazy_gettext("File of an order removed"),
    "order.amended": lazy_gettext("Order amended"),
    "order.change_opened": lazy_gettext("Amendment begun"),
    "order.change_proposed": lazy_gettext("Amendment proposed"),
    "order.change_discarded": lazy_gettext("Amendment dropped"),
    "order.channel_updated": lazy_gettext("Order updated by the channel"),
    "order.channel_refused": lazy_gettext("Channel's change not taken over"),
    "order.tracking_filled": lazy_gettext("Tracking number filled in"),
    "order.shipped": lazy_gettext("Order shipped"),
    "order.delivered": lazy_gettext("Order delivered"),
    "order.stock_reserved": lazy_gettext("Waiting order got its stock"),
    "order.duplicate_accepted": lazy_gettext("Possible duplicate accepted"),
    "orders.bulk_started": lazy_gettext("Bulk work started"),
    "payment.claimed": lazy_gettext("Payment notice recorded"),
    "payment.verified": lazy_gettext("Payment verified"),
    "payment.rejected": lazy_gettext("Payment rejected"),
    "payment.reversed": lazy_gettext("Payment reversed"),
    "slip.received": lazy_gettext("Slip received"),
    "slip.read": lazy_gettext("Slip read"),
    "slip.attached": lazy_gettext("Slip put to an order"),
    "slip.confirmed": lazy_gettext("Slip confirmed"),
    "slip.rejected": lazy_gettext("Slip rejected"),
    "slip.duplicate": lazy_gettext("Slip used before"),
    "slip.proves": lazy_gettext("Slip put to a typed notice"),
    "slip.reopened": lazy_gettext("Slip looked at again"),
    "slip.checked": lazy_gettext("Slip verifier answered"),
    "slip.check_asked": lazy_gettext("Slip verifier asked again"),
    "verifier.created": lazy_gettext("Slip verifier added"),
    "verifier.changed": lazy_gettext("Slip verifier changed"),
    "verifier.tested": lazy_gettext("Slip verifier tried"),
    "verifier.stopped": lazy_gettext("Slip verifier stopped"),
    "verifier.resealed": lazy_gettext("Keys sealed anew"),
    "payment.duplicate": lazy_gettext("Payment used before"),
    "payment.moved": lazy_gettext("Payment shared out anew"),
    "payment.reminded": lazy_gettext("Customer reminded of the payment"),
    "order.expiry_extended": lazy_gettext("More time to pay given"),
    "gate.overridden": lazy_gettext("Shipping before payment allowed"),
    "gate.override_revoked": lazy_gettext("Shipping before payment taken back"),
    **COD_TITLES,
    **CARRIER_TITLES,
    **MESSAGE_TITLES,
    **API_TITLES,
    "payment.channel_confirmed": lazy_gettext("Payment confirmed by the channel"),
    "statement.matched": lazy_gettext("Statement line matched"),
    "statement.ticked": lazy_gettext("Statement line ticked off by its reference"),
    "statement.unmatched": lazy_gettext("Match of a statement line undone"),
    "statement.ignored": lazy_gettext("Statement line ignored"),
    "statement.reopened": lazy_gettext("Statement line opened again"),
    "payment.term_approved": lazy_gettext("COD or credit approved"),
    "refund.requested": lazy_gettext("Refund asked for"),
    "refund.approved": lazy_gettext("Refund approved"),
    "refund.denied": lazy_gettext("Refund declined"),
    "refund.paid_there": lazy_gettext("Paid back by the channel"),
    "refund.paid": lazy_gettext("Refund paid back"),
    "refund.failed": lazy_gettext("Refund's transfer failed"),
    "refund.retried": lazy_gettext("Refund tried again"),
    "day.closed": lazy_gettext("Day closed"),
    "approval.requested": lazy_gettext("Approval asked for"),
    "approval.approved": lazy_gettext("Approved"),
    "approval.declined": lazy_gettext("Declined"),
    "approval.policy": lazy_gettext("Two-person rule switched"),
    "product.created": lazy_gettext("Product added"),
    "product.edited": lazy_gettext("Product changed"),
    "sku.created": lazy_gettext("SKU added"),
    "sku.edited": lazy_gettext("SKU changed"),
    "channel_sku.mapped": lazy_gettext("Name on a channel added"),
    "channel_sku.edited": lazy_gettext("Name on a channel changed"),
    "warehouse.created": lazy_gettext("Warehouse added"),
    "warehouse.edited": lazy_gettext("Warehouse changed"),
    "shop.created": lazy_gettext("Shop added"),
    "shop.edited": lazy_gettext("Shop changed"),
    "account.created": lazy_gettext("Receiving account added"),
    "account.edited": lazy_gettext("Receiving account changed"),
    "stock.receive": lazy_gettext("Goods received"),
    "stock.opening": lazy_gettext("Opening stock"),
    "stock.adjust": lazy_gettext("Stock adjusted"),
    "stock.damage": lazy_gettext("Damage reported"),
    "customer.created": lazy_gettext("Customer added"),
    "customer.edited": lazy_gettext("Customer changed"),
    "customer.identity_added": lazy_gettext("Customer's identity added"),
    "customer.identity_corrected": lazy_gettext("Customer's identity mended"),
    "customer.address_added": lazy_gettext("Customer's address added"),
    "customer.address_edited": lazy_gettext("Customer's address changed"),
    "intake.received": lazy_gettext("File received"),
    "intake.committed": lazy_gettext("File taken in"),
    "intake.canceled": lazy_gettext("File's import canceled"),
    "intake.conflict_decided": lazy_gettext("Conflict decided"),
    "intake.map_saved": lazy_gettext("Column map saved"),
    "export.run": lazy_gettext("List exported"),
    "login.started": lazy_gettext("Logged in"),
    "login.ended": lazy_gettext("Session ended"),
    "login.failed": lazy_gettext("Failed login"),
    "login.locked": lazy_gettext("Name locked after failed logins"),
    "login.unlocked": lazy_gettext("Name unlocked"),
    "second_factor.on": lazy_gettext("Two-step login on"),
    "second_factor.off": lazy_gettext("Two-step login off"),
    "second_factor.backup_code": lazy_gettext("Backup code used"),
    "staff.added": lazy_gettext("Staff member added"),
    "staff.edited": lazy_gettext("Staff member changed"),
    "staff.limits": lazy_gettext("Staff member's limits changed"),
    "staff.roles_changed": lazy_gettext("Staff member's roles changed"),
    "staff.password_changed": lazy_gettext("Password changed"),
    "staff.let_in": lazy_gettext("Login opened"),
    "staff.kept_out": lazy_gettext("Login closed"),
    "role.added": lazy_gettext("Role added"),
    "role.changed": lazy_gettext("Role changed"),
    "permissions.synced": lazy_gettext("Permissions brought up to date"),
    "permission.refused": lazy_gettext("Tried without permission"),
    "saved_view.saved": lazy_gettext("Filter saved"),
    "saved_view.dropped": lazy_gettext("Saved filter deleted"),
    "outbox.retried": lazy_gettext("Background work retried"),
    "outbox.closed": lazy_gettext("Background work closed"),
    "audit.verified": lazy_gettext("Audit log checked"),
}
KINDS: dict[str, Any] = {
    **MORE_KIND_NAMES,
    **STOCK_KIND_NAMES,
    **API_KIND_NAMES,
    "slip": lazy_gettext("slip"),
    "return": lazy_gettext("return"),
    "return_arrival": lazy_gettext("unknown parcel"),
    "carrier_claim": lazy_gettext("claim against a carrier"),
    "cod_round": lazy_gettext("COD round"),
    "cod_carrier": lazy_gettext("terms of a carrier"),
    "verifier": lazy_gettext("slip verifier"),
    "payment": lazy_gettext("payment"),
    "order": lazy_gettext("order"),
    "product": lazy_gettext("product"),
    "sku": lazy_gettext("SKU"),
    "channel_sku": lazy_gettext("name on a channel"),
    "customer": lazy_gettext("customer"),
    "warehouse": lazy_gettext("warehouse"),
    "shop": lazy_gettext("shop"),
    "account": lazy_gettext("receiving account"),
    "stock_paper": lazy_gettext("stock paper"),
    "staff": lazy_gettext("staff"),
    "role": lazy_gettext("role"),
    "intake_run": lazy_gettext("imported file"),
    "column_map": lazy_gettext("column map"),
    "outbox": lazy_gettext("background work"),
    "screen": lazy_gettext("screen"),
    "saved_view": lazy_gettext("saved filter"),
    "audit": lazy_gettext("audit log"),
    "approval_policy": lazy_gettext("rule"),
    "installation": lazy_gettext("installation"),
    "export": lazy_gettext("export"),
    "day": lazy_gettext("business day"),
    "document": lazy_gettext("document"),
    "company": lazy_gettext("company"),
    "branch": lazy_gettext("branch"),
    "document_setting": lazy_gettext("series of documents"),
    "vat_rate": lazy_gettext("rate of VAT"),
}
SOURCES: dict[str, Any] = {
    "screen": lazy_gettext("Screen"),
    "csv": lazy_gettext("File"),
    "api": lazy_gettext("API"),
    "job": lazy_gettext("Background"),
    "cli": lazy_gettext("Command"),
    "public": lazy_gettext("Customer's link"),
}
FIELDS: dict[str, Any] = {
    **MORE_FIELD_NAMES,
    "code": lazy_gettext("Code"), "name": lazy_gettext("Name"), "name_en": lazy_gettext("English name"),
    "category": lazy_gettext("Category"), "description": lazy_gettext("Description"), "option": lazy_gettext("Option"),
    "price": lazy_gettext("Price"), "cost": lazy_gettext("Cost"), "weight_g": lazy_gettext("Weight (grams)"),
    "location": lazy_gettext("Shelf"), "low_stock": lazy_gettext("Warn below"), "barcodes": lazy_gettext("Barcodes"),
    "parts": lazy_gettext("Parts of a set"), "is_active": lazy_gettext("In use"), "product": lazy_gettext("Product"),
    "shop": lazy_gettext("Shop"), "sku": lazy_gettext("SKU"), "external_sku": lazy_gettext("Name there"),
    "multiplier": lazy_gettext("Pieces in one"), "province": lazy_gettext("Province"),
    "address": lazy_gettext("Address"), "phone": lazy_gettext("Phone"), "rank": lazy_gettext("Rank"),
    "channel": lazy_gettext("Channel"), "warehouse_id": lazy_gettext("Sends from"),
    "expire_hours": lazy_gettext("Expires after (h)"), "ship_within_hours": lazy_gettext("Send within (h)"),
    "contact_url": lazy_gettext("Link to the chat"), "bank": lazy_gettext("Bank or wallet"),
    "account_no": lazy_gettext("Account number"), "account_name": lazy_gettext("Account name"),
    "promptpay": lazy_gettext("PromptPay"), "warehouse": lazy_gettext("Warehouse"), "lines": lazy_gettext("Lines"),
    "reason": lazy_gettext("Reason"), "status": lazy_gettext("State"), "board": lazy_gettext("Board"),
    "total": lazy_gettext("Total"), "discount": lazy_gettext("Discount"), "roles": lazy_gettext("Roles"),
    "actions": lazy_gettext("Permissions"), "given": lazy_gettext("Permissions given"),
    "taken": lazy_gettext("Permissions taken"), "warehouses": lazy_gettext("Warehouses"),
    "shops": lazy_gettext("Shops"), "own_orders_only": lazy_gettext("Sees only their own orders"),
    "discount_limit": lazy_gettext("Discount they may give alone (%)"), "first_name": lazy_gettext("First name"),
    "last_name": lazy_gettext("Last name"), "email": lazy_gettext("E-mail"), "group": lazy_gettext("Group"),
    "note": lazy_gettext("Note"), "tax_name": lazy_gettext("Name on tax invoices"), "tax_id": lazy_gettext("Tax id"),
    "tax_branch": lazy_gettext("Branch"), "tax_address": lazy_gettext("Address on tax invoices"),
    "session": lazy_gettext("Session"), "sessions": lazy_gettext("Sessions"), "failures": lazy_gettext("Failures"),
    "action": lazy_gettext("Permission"), "path": lazy_gettext("Address"), "method": lazy_gettext("Method"),
    "refund": lazy_gettext("Refund"), "to": lazy_gettext("To the customer's"),
    "due": lazy_gettext("Due"), "unexplained": lazy_gettext("Unexplained"),
    "slips_waiting": lazy_gettext("Slips waiting"),
    "stock": lazy_gettext("Stock"), "payment_status": lazy_gettext("Payment"), "amount": lazy_gettext("Amount"),
    "cancel_reason": lazy_gettext("Reason"), "carrier": lazy_gettext("Carrier"), "key": lazy_gettext("Key"),
    "tracking_no": lazy_gettext("Tracking number"), "shipment": lazy_gettext("Shipment"), "hold": lazy_gettext("Hold"),
    "external_id": lazy_gettext("Number or name there"), "label": lazy_gettext("Remark"),
    "asked_by": lazy_gettext("Asked by"), "percent": lazy_gettext("Percent off"), "checked": lazy_gettext("Checked"),
    "unsealed": lazy_gettext("Not sealed yet"), "broken": lazy_gettext("Broken at"), "rows": lazy_gettext("Rows"),
    "format": lazy_gettext("Format"), "list": lazy_gettext("List"), "is_on": lazy_gettext("Switched on"),
    "recipient": lazy_gettext("Recipient"), "line": lazy_gettext("House number, village, road"),
    "subdistrict": lazy_gettext("Subdistrict"), "district": lazy_gettext("District"),
    "postcode": lazy_gettext("Postcode"), "shop_id": lazy_gettext("Shop number"),
    "cod": lazy_gettext("Cash on delivery"), "expected": lazy_gettext("Expected"),
    "remitted": lazy_gettext("Paid to us"), "cod_collected": lazy_gettext("Collected"),
    "round": lazy_gettext("Round"), "round_fee": lazy_gettext("Fee of the round"), "net": lazy_gettext("Net"),
    "gross": lazy_gettext("Gross"), "claim": lazy_gettext("Payment"), "late_days": lazy_gettext("Late after (days)"),
    "refusal": lazy_gettext("Why refused"), "written_off": lazy_gettext("Written off"),
    "external_no": lazy_gettext("Channel's number"), "verifier": lazy_gettext("Slip verifier"),
    "outcome": lazy_gettext("Answer"), "provider": lazy_gettext("Provider"), "host": lazy_gettext("Address"),
    "secrets": lazy_gettext("Keys entered"), "options": lazy_gettext("Settings"),
    "account_id": lazy_gettext("Receiving account"), "quota_left": lazy_gettext("Checks left"),
    "return": lazy_gettext("Return"), "return_reason": lazy_gettext("Why it comes back"),
    "claim_reason": lazy_gettext("What the carrier answers for"), "alert_days": lazy_gettext("Missed after (days)"),
    "claim_days": lazy_gettext("Carriers take claims for (days)"),
    "resolution": lazy_gettext("How it was settled"), "trip_cost": lazy_gettext("Cost of the useless trip"),
    "new_order": lazy_gettext("New order"), "credit_note": lazy_gettext("Credit note"),
    "pieces": lazy_gettext("Pieces"), "goods_stay": lazy_gettext("Goods stay with the buyer"),
    **{kind.value: lazy_gettext(label) for kind, label in CONDITION_LABELS.items()},
    "last_error": lazy_gettext("Last trouble"), "stopped": lazy_gettext("Stopped"), "works": lazy_gettext("Works"),
}  # fmt: skip
VALUES: dict[str, dict[str, Any]] = {
    "reason": {kind.value: label for kind, label in ADJUST_LABELS.items()},
    "claim_reason": {kind.value: label for kind, label in CARRIER_CLAIM_LABELS.items()},
    "resolution": {kind.value: label for kind, label in RESOLUTION_LABELS.items()},
    "return_reason": {kind.value: label for kind, label in REASON_LABELS.items()},
    "cancel_reason": {kind.value: label for kind, label in CANCEL_LABELS.items()},
    "board": {kind.value: label for kind, label in BOARD_LABELS.items()},
    "payment_status": {kind.value: label for kind, label in PAYMENT_LABELS.items()},
    "payment_term": {kind.value: label for kind, label in TERM_LABELS.items()},
    "stock": STOCK_NAMES,
    "restock": RESTOCK_NAMES,
    "hold": {kind.value: label for kind, label in HOLD_LABELS.items()},
    "status": {kind.value: label for kind, label in ORDER.labels.items()},
    "channel": {kind.value: label for kind, label in CHANNEL_LABELS.items()},
}
REASONS: dict[str, Any] = {
    "logout": lazy_gettext("logged out"),
    "password changed": lazy_gettext("password changed"),
    "ended by staff": lazy_gettext("ended by staff"),
    "login closed": lazy_gettext("login closed"),
    **VALUES["cancel_reason"],
}


def action(code: str) -> str:
    """What was done."""
    return tr(ACTIONS[code]) if code in ACTIONS else code


def kind(code: str) -> str:
    """What sort of record."""
    return tr(KINDS[code]) if code in KINDS else code


def source(code: str) -> str:
    """Which way in."""
    return tr(SOURCES[code]) if code in SOURCES else code


def field(code: str) -> str:
    """A column's name."""
    return tr(FIELDS[code]) if code in FIELDS else code.replace("_", " ")


def reason(text: str) -> str:
    """Why; known codes in words."""
    return tr(REASONS[text]) if text in REASONS else text or "–"


def value(key: str, stored: Any) -> str:
    """A stored value in words: lists on one line each, truths as yes and no."""
    if stored is None or stored == "":
        return "–"
    if isinstance(stored, bool):
        return gettext("Yes") if stored else gettext("No")
    if isinstance(stored, list):
        return ", ".join(value(key, item) for item in stored) or "–"
    if isinstance(stored, dict):
        return ", ".join(f"{field(k)}: {value(k, v)}" for k, v in stored.items()) or "–"
    if isinstance(stored, str) and _TIME.fullmatch(stored):
        return moment(datetime.fromisoformat(stored))
    known = VALUES.get(key, {})
    return tr(known[stored]) if isinstance(stored, str) and stored in known else str(stored)
