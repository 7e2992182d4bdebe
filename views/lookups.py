"""Suggestions while one types: SKUs, products, customers. JSON of {items: [{id, text, hint, exact}]}."""

from __future__ import annotations

from typing import Any

from flask import jsonify, request
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from oms.catalog import finding
from oms.catalog.models import Product, Sku
from oms.customers import queries
from oms.db import db
from views.base import OmsView, page
from views.filters import masked, money
from views.listing import apply_find

MOST = 12


def _typed() -> str:
    return request.args.get("q", "").replace("\x00", "")[:200]


def sku_label(sku_id: int) -> str:
    """A SKU as the box of a form shows it."""
    row = db.session.get(Sku, sku_id)
    return "" if row is None else sku_text(row)


def sku_text(row: Any) -> str:
    """Code and name."""
    return f"{row.code} · {row.name}"


def resolve_sku(text: str) -> int | None:
    """The SKU whose code, barcode or shown text was typed."""
    found = finding.by_code_or_barcode(db.session(), text.partition(" · ")[0])
    return None if found is None else found.id


def product_label(product_id: int) -> str:
    """A product as the box of a form shows it."""
    row = db.session.get(Product, product_id)
    return "" if row is None else f"{row.code} · {row.name}"


def resolve_product(text: str) -> int | None:
    """The product whose code or shown text was typed."""
    return db.session.scalar(select(Product.id).where(Product.code == text.partition(" · ")[0].strip()))


class LookupView(OmsView):
    """What the boxes of forms ask."""

    route_base = "/lookup"
    requires = "stock.view"
    requires_for = {"customers": "customer.view"}

    @page("/skus")
    def skus(self) -> Response:
        """SKUs by code, barcode or any part of the name; ``plain`` leaves sets out."""
        found = finding.search(db.session(), _typed(), MOST)
        if request.args.get("plain"):
            found = [hit for hit in found if not hit.is_bundle]
        hints = [
            " · ".join(p for p in (h.option, gettext("Set") if h.is_bundle else "", money(h.price)) if p) for h in found
        ]
        return jsonify(
            items=[
                {"id": h.id, "text": sku_text(h), "hint": hint, "exact": h.exact, "code": h.code}
                for h, hint in zip(found, hints, strict=True)
            ]
        )

    @page("/products")
    def products(self) -> Response:
        """Products by code or any part of the name."""
        statement = apply_find(select(Product).where(Product.is_active), [Product.code, Product.name], _typed())
        rows = db.session.scalars(statement.order_by(Product.code).limit(MOST))
        return jsonify(items=[{"id": r.id, "text": f"{r.code} · {r.name}", "hint": r.category} for r in rows])

    @page("/customers")
    def customers(self) -> Response:
        """People by phone fragment or name."""
        found = queries.search(db.session(), _typed(), MOST)
        return jsonify(items=[{"id": h.id, "text": h.name, "hint": masked(h.phone) if h.phone else ""} for h in found])


VIEWS = (LookupView,)
NAV = ()
