"""What the audit's codes of warehouses mean in words: rules, moves, transfers, counts, partners."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext

STOCK_TITLES: dict[str, Any] = {
    "transfer.created": lazy_gettext("Transfer drafted"),
    "transfer.edited": lazy_gettext("Transfer changed"),
    "transfer.sent": lazy_gettext("Transfer sent"),
    "transfer.departed": lazy_gettext("Transfer on the truck"),
    "transfer.received": lazy_gettext("Transfer received"),
    "transfer.canceled": lazy_gettext("Transfer canceled"),
    "count.opened": lazy_gettext("Count begun"),
    "count.submitted": lazy_gettext("Counting finished"),
    "count.recount": lazy_gettext("Counted again"),
    "count.posted": lazy_gettext("Count approved and posted"),
    "count.canceled": lazy_gettext("Count canceled"),
    "partner.created": lazy_gettext("Consignment partner added"),
    "partner.edited": lazy_gettext("Consignment partner changed"),
    "settlement.made": lazy_gettext("Partner's sales settled"),
    "settlement.paid": lazy_gettext("Settlement paid"),
    "settlement.canceled": lazy_gettext("Settlement canceled"),
    "stock.minimum_set": lazy_gettext("Warning level set"),
    "warehouse.cover_days": lazy_gettext("Days of stock set"),
    "shop.routing": lazy_gettext("Choice of warehouse set"),
    "routing_rule.created": lazy_gettext("Warehouse rule added"),
    "routing_rule.changed": lazy_gettext("Warehouse rule changed"),
    "routing_rule.moved": lazy_gettext("Warehouse rule moved"),
    "order.rerouted": lazy_gettext("Order's warehouse chosen"),
    "order.urgent": lazy_gettext("Order's turn for stock changed"),
    "order.pieces_given": lazy_gettext("Order's pieces given away"),
    "order.pieces_got": lazy_gettext("Pieces of another order taken"),
}
STOCK_KIND_NAMES: dict[str, Any] = {
    "routing_rule": lazy_gettext("warehouse rule"),
    "transfer": lazy_gettext("transfer"),
    "stock_count": lazy_gettext("stock count"),
    "partner": lazy_gettext("consignment partner"),
    "settlement": lazy_gettext("settlement"),
}
