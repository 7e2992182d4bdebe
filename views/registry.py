"""Every screen of the panel, in one table. A module lists its ``VIEWS`` and its menu items ``NAV``, and may have an
``install(app)`` for what is neither."""

from __future__ import annotations

from types import ModuleType

from flask import Flask
from flask_appbuilder import AppBuilder

from views import (
    account,
    approvals,
    audit,
<<<<<<< HEAD
    carrier_claims,
=======
    carrier_hooks,
>>>>>>> main
    carriers,
    cashier_day,
    cod,
    cod_rounds,
    control,
    customers,
    desk,
    document_issue,
    document_notes,
    document_parts,
    document_setup,
    documents,
    exports,
    fraud,
    home,
    intake,
    intake_work,
    lookups,
    manifests,
    nav,
    number_ranges,
    operations,
    order_actions,
    order_amend,
    order_bulk,
    order_entry,
    order_entry_lookup,
    order_money,
    order_places,
    order_qr,
    order_shipments,
    order_table,
    orders,
    pack,
    parked,
    payments,
    picking,
    products,
    refund_forms,
    refunds,
<<<<<<< HEAD
    returns,
    returns_forms,
    returns_station,
=======
    routing,
>>>>>>> main
    setup,
    shipment_page,
    shipments,
    slips,
    slips_review,
    staff,
    statements,
    stock,
    stock_approvals,
    stock_locations,
    stock_work,
    verifiers,
)

MODULES: tuple[ModuleType, ...] = (
    account,
    approvals,
    audit,
<<<<<<< HEAD
    carrier_claims,
=======
    carrier_hooks,
>>>>>>> main
    carriers,
    cashier_day,
    cod,
    cod_rounds,
    control,
    customers,
    desk,
    document_issue,
    document_notes,
    document_parts,
    document_setup,
    documents,
    exports,
    fraud,
    home,
    intake,
    intake_work,
    lookups,
    manifests,
    number_ranges,
    operations,
    order_actions,
    order_amend,
    order_bulk,
    order_entry,
    order_entry_lookup,
    order_money,
    order_places,
    order_qr,
    order_shipments,
    order_table,
    orders,
    pack,
    parked,
    payments,
    picking,
    products,
    refund_forms,
    refunds,
<<<<<<< HEAD
    returns,
    returns_forms,
    returns_station,
=======
    routing,
>>>>>>> main
    setup,
    shipment_page,
    shipments,
    slips,
    slips_review,
    staff,
    statements,
    stock,
    stock_approvals,
    stock_locations,
    stock_work,
    verifiers,
)


def register(app: Flask, appbuilder: AppBuilder) -> None:
    """Wire the table into an app."""
    for module in MODULES:
        for view in getattr(module, "VIEWS", ()):
            appbuilder.add_view_no_menu(view)
        nav.add_items(app, getattr(module, "NAV", ()))
        if hasattr(module, "install"):
            module.install(app)
