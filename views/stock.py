"""Stock on screen: balances, movements, papers, the card of a SKU, what runs low."""

from __future__ import annotations

from typing import Any

from flask import request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import lazy_gettext
from markupsafe import Markup
from sqlalchemy import Select, desc
from sqlalchemy.orm import joinedload
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from oms.catalog.finding import narrow
from oms.catalog.models import Sku
from oms.db import db
from oms.errors import NotFound, say
from oms.inventory import queries
from oms.inventory.models import (
    ADJUST_LABELS,
    STOCK_PAPER_LABELS,
    MovementKind,
    StockLevel,
    StockMovement,
    StockPaper,
    StockPaperStatus,
)
from views import listing, nav
from views.base import OmsView, current_actor, page
from views.filters import cell, moment, number, tr
from views.modelview import OmsModelView

MOVEMENT_LABELS = {
    MovementKind.OPENING: lazy_gettext("Opening stock"),
    MovementKind.RECEIVE: lazy_gettext("Received"),
    MovementKind.ADJUST: lazy_gettext("Adjusted"),
    MovementKind.SHIP: lazy_gettext("Shipped"),
    MovementKind.RETURN: lazy_gettext("Returned"),
    MovementKind.TRANSFER_OUT: lazy_gettext("Sent to another warehouse"),
    MovementKind.TRANSFER_IN: lazy_gettext("Came from another warehouse"),
    MovementKind.DAMAGE: lazy_gettext("Damage"),
    MovementKind.CONSIGN_SOLD: lazy_gettext("Sold by a partner"),
}
PAPER_STATUS = {
    StockPaperStatus.WAITING: lazy_gettext("Waits for a second person"),
    StockPaperStatus.POSTED: lazy_gettext("Done"),
    StockPaperStatus.DECLINED: lazy_gettext("Declined"),
}
BUCKETS = {bucket: lazy_gettext(label) for bucket, label in queries.BUCKET_LABELS.items()}
LABELS = {
    "sku": lazy_gettext("SKU"), "warehouse": lazy_gettext("Warehouse"), "on_hand": lazy_gettext("On hand"),
    "reserved": lazy_gettext("Reserved"), "available": lazy_gettext("Available"), "damaged": lazy_gettext("Damaged"),
    "incoming": lazy_gettext("Incoming"), "sku_id": lazy_gettext("SKU"), "warehouse_id": lazy_gettext("Warehouse"),
    "at": lazy_gettext("When"), "bucket": lazy_gettext("Balance"), "quantity": lazy_gettext("Pieces"),
    "kind": lazy_gettext("Why"), "document": lazy_gettext("Document"), "reason": lazy_gettext("Remark"),
    "actor": lazy_gettext("Who"), "number": lazy_gettext("Number"), "status": lazy_gettext("State"),
    "reference": lazy_gettext("Supplier's paper"), "note": lazy_gettext("Note"), "pieces": lazy_gettext("Pieces"),
    "paper_reason": lazy_gettext("Reason"), "location": lazy_gettext("Shelf"),
}  # fmt: skip


REASONS = {
    "order.shipped": lazy_gettext("Order shipped"),
    "order.canceled": lazy_gettext("Order canceled"),
    **{f"adjust.{reason.value}": label for reason, label in ADJUST_LABELS.items()},
}


def remark(text: str) -> str | Markup:
    """Why a movement was made: the known reason in the reader's language, then what was written."""
    code, _, rest = text.partition(" · ")
    if code not in REASONS:
        return cell(text)
    return " · ".join(part for part in (tr(REASONS[code]), rest) if part)


def on_one_line(at: Any) -> Markup:
    """A moment that does not break."""
    return unbroken(moment(at))


def unbroken(text: str) -> Markup:
    """A short text that does not break."""
    return Markup('<span class="nowrap">{}</span>').format(text or "–")


def signed(value: int) -> str:
    """+5, −3."""
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{abs(value):,}"


class StockLevelView(OmsModelView):
    """Balances per SKU and warehouse; a row leads to the card of its SKU."""

    datamodel = SQLAInterface(StockLevel)
    route_base = "/stock"
    requires = "stock.view"
    list_template = "stock_list.html"
    list_title = lazy_gettext("Stock")
    list_columns = ["sku", "warehouse", "location", "on_hand", "reserved", "available", "damaged", "incoming"]
    order_columns = ["on_hand", "reserved", "damaged", "incoming"]
    label_columns = LABELS
    find_columns = ["sku_id"]
    search_columns = ["location", "on_hand", "reserved", "damaged", "incoming"]
    numeric_columns = ["on_hand", "reserved", "available", "damaged", "incoming"]
    load_options = (joinedload(StockLevel.sku), joinedload(StockLevel.warehouse))
    export_list = "stock"
    empty_text = lazy_gettext("Receive goods, or import the opening stock.")

    def base_statement(self) -> Select[Any]:
        """Balances of one's own warehouses."""
        return queries.visible_levels(current_actor())

    def find(self, statement: Select[Any], text: str) -> Select[Any]:
        """By SKU, name or barcode."""
        return narrow(statement, text)

    def ordered(self, statement: Select[Any]) -> Select[Any]:
        """By SKU and warehouse, unless the address names a balance."""
        wanted = request.args.get("sort", "")
        name = wanted.removeprefix("-")
        if name in self.order_columns:
            column = getattr(StockLevel, name)
            statement = statement.order_by(desc(column) if wanted.startswith("-") else column)
        else:
            statement = statement.order_by(Sku.code)
        return statement.order_by(StockLevel.sku_id, StockLevel.warehouse_id)

    def key(self, row: Any) -> Any:
        """Rows lead to the card of their SKU."""
        return row.sku_id

    def value(self, row: Any, name: str) -> Any:
        """A cell; balances with thousands."""
        value = getattr(row, name)
        if name == "location":
            return unbroken(value or row.sku.location)
        return number(value) if name in self.numeric_columns else super().value(row, name)

    @page("/show/<int:pk>")
    def show(self, pk: int) -> Response:
        """The card of the SKU."""
        return redirect(url_for("StockCardView.card", sku_id=pk))


class StockMovementView(OmsModelView):
    """Every change of every balance, newest first."""

    datamodel = SQLAInterface(StockMovement)
    base_permissions = ["can_list"]
    route_base = "/stock/movements"
    requires = "stock.view"
    list_title = lazy_gettext("Stock movements")
    list_columns = ["at", "sku", "warehouse", "quantity", "bucket", "kind", "document", "reason", "actor"]
    order_columns = ["at"]
    base_order = ("id", "desc")
    label_columns = LABELS
    empty_text = lazy_gettext("Every piece that comes, goes or is counted leaves a line here.")
    find_columns = ["document"]
    formatters_columns = {"at": on_one_line, "document": unbroken, "quantity": signed, "reason": remark}
    search_columns = ["at", "kind", "bucket", "document", "actor", "quantity"]
    choice_labels = {"kind": MOVEMENT_LABELS, "bucket": BUCKETS}
    numeric_columns = ["quantity"]
    load_options = (joinedload(StockMovement.sku), joinedload(StockMovement.warehouse))
    export_list = "stock_movements"

    def base_statement(self) -> Select[Any]:
        """Movements of one's own warehouses."""
        return queries.visible_movements(current_actor())

    def find(self, statement: Select[Any], text: str) -> Select[Any]:
        """By document number, or else by SKU, name or barcode."""
        return queries.narrow_movements(statement, text)


class StockPaperView(OmsModelView):
    """Receipts, adjustments and damage reports."""

    datamodel = SQLAInterface(StockPaper)
    route_base = "/stock/papers"
    requires = "stock.view"
    list_title, show_title = lazy_gettext("Stock papers"), lazy_gettext("Stock paper")
    list_columns = ["number", "at", "kind", "warehouse", "pieces", "reference", "note", "actor", "status"]
    show_columns = [
        "number", "at", "kind", "status", "warehouse", "pieces", "paper_reason", "reference", "note", "actor",
    ]  # fmt: skip
    order_columns = ["at", "number"]
    base_order = ("id", "desc")
    label_columns = LABELS
    find_columns = ["number", "reference", "note"]
    search_columns = ["at", "kind", "status", "actor", "reference"]
    choice_labels = {"kind": STOCK_PAPER_LABELS, "status": PAPER_STATUS}
    numeric_columns = ["pieces"]
    load_options = (joinedload(StockPaper.warehouse),)
    formatters_columns = {"at": on_one_line, "pieces": signed}
    show_template = "stock_paper.html"
    export_list = "stock_papers"
    empty_text = lazy_gettext("Every receipt and every adjustment is kept here under its number.")

    def base_statement(self) -> Select[Any]:
        """Papers of one's own warehouses."""
        return queries.visible_papers(current_actor())

    def value(self, row: StockPaper, name: str) -> Any:
        """A cell; the reason of an adjustment in words."""
        if name == "paper_reason":
            return tr(REASONS.get(f"adjust.{row.reason}", row.reason)) or cell("")
        return super().value(row, name)

    def moved(self, paper: StockPaper) -> Any:
        """What the paper did."""
        return queries.movements_of(db.session(), paper.number)


class StockCardView(OmsView):
    """The story of one SKU, and the list of what runs low."""

    route_base = "/stock"
    requires = "stock.view"

    @page("/card/<int:sku_id>")
    def card(self, sku_id: int) -> str:
        """Balances per warehouse, and the movements of one of them with the running balance."""
        sku, actor = db.session.get(Sku, sku_id), current_actor()
        if sku is None:
            raise NotFound(say("There is no such SKU"), code="sku_not_found")
        balances = queries.balances(db.session(), actor, sku)
        here = {balance.place.id: balance.place for balance in balances}
        place = here.get(request.args.get("warehouse", 0, type=int)) or next(
            (b.place for b in balances if b.on_hand or b.damaged), next(iter(here.values()), None)
        )
        before = request.args.get("before", type=int)
        steps = [] if place is None or sku.is_bundle else queries.steps(db.session(), sku.id, place.id, before)
        more = steps[-1].movement.id if len(steps) == queries.MOVEMENTS else None
        return self.show_page(
            "stock_card.html", title=sku.code, sku=sku, balances=balances, place=place, steps=steps, more=more,
            before=before, kinds=MOVEMENT_LABELS, buckets=BUCKETS, signed=signed, remark=remark,
        )  # fmt: skip

    @page("/low")
    def low(self) -> str:
        """SKUs with fewer free pieces than their warning level."""
        statement = queries.low_stock(current_actor())
        found = listing.fetch(statement, scalars=False)
        return self.show_page("stock_low.html", title=lazy_gettext("Low stock"), page=found)


VIEWS = (StockCardView, StockLevelView, StockMovementView, StockPaperView)
NAV = (
    nav.Item("stock", "Stock", "StockLevelView.list", "stock.view", icon="box", order=10),
    nav.Item("stock", "Stock papers", "StockPaperView.list", "stock.view", icon="doc", order=50),
    nav.Item("stock", "Stock movements", "StockMovementView.list", "stock.view", icon="history", order=60),
)
