"""What runs low, where, and what to do about it; how many days a warehouse's stock should last."""

from __future__ import annotations

from flask import Flask, flash, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from oms.actor import Actor
from oms.db import db
from oms.errors import InvalidInput, say
from oms.inventory import cover
from oms.inventory.availability import places
from oms.inventory.cover_models import StockMinimum
from oms.inventory.models import Warehouse
from oms.usecases.covering import SetCoverDays, SetMinimum, set_cover_days, set_minimum
from views import listing, nav
from views.base import OmsView, current_actor, page, safe_path, unit
from views.fields import whole_number
from views.order_actions import text, version


class CoverView(OmsView):
    """Low stock per warehouse."""

    route_base = "/stock/cover"
    default_view = "list"
    requires = "stock.view"
    requires_for = {"minimum": "stock.adjust", "days": "stock.adjust"}

    @page("/")
    def list(self) -> str:
        """Balances that are under their level, or last too few days."""
        actor = current_actor()
        window = request.args.get("days", cover.USUAL, type=int)
        window = window if window in cover.WINDOWS else cover.USUAL
        place = request.args.get("warehouse", 0, type=int)
        place = place if 0 < place < 2**63 and actor.sees_warehouse(place) else 0
        found = listing.fetch(cover.low_places(actor, window, place), scalars=False)
        mine = {p.id for p in places(db.session(), actor, partners=True)}
        rows = db.session.scalars(select(Warehouse).where(Warehouse.id.in_(mine)).order_by(Warehouse.rank))
        return self.show_page(
            "stock_cover.html", title=gettext("Low stock"), page=found, window=window, windows=cover.WINDOWS,
            rows=cover.advise(db.session(), found.rows, window), warehouses=list(rows), place=place,
        )  # fmt: skip

    @page("/minimum", methods=("POST",))
    def minimum(self) -> Response:
        """The warning level of one SKU in one warehouse."""
        sku, place = request.form.get("sku_id", 0, type=int), request.form.get("warehouse_id", 0, type=int)
        with unit() as tx:
            set_minimum(tx, SetMinimum(sku, place, _number("minimum")))
        flash(gettext("Warning level saved"), "success")
        return redirect(safe_path(request.form.get("next")) or url_for("CoverView.list"), 303)

    @page("/days/<int:warehouse_id>", methods=("POST",))
    def days(self, warehouse_id: int) -> Response:
        """How many days the stock of a warehouse should last."""
        with unit() as tx:
            set_cover_days(tx, SetCoverDays(warehouse_id, _number("days"), version()))
        flash(gettext("Saved"), "success")
        return redirect(url_for("CoverView.list"), 303)


def _number(name: str) -> int:
    try:
        return whole_number(text(name, 20), 0) or 0
    except ValueError:
        wrong = say("“{text}” is not a whole number", text=text(name, 20))
        raise InvalidInput(wrong, field=name, code="not_a_number") from None


def minimums_of(sku_id: int) -> dict[int, int]:
    """Warehouse id -> warning level of a SKU; for its stock card."""
    rows = db.session.execute(
        select(StockMinimum.warehouse_id, StockMinimum.minimum).where(StockMinimum.sku_id == sku_id)
    )
    return {row[0]: row[1] for row in rows}


def counts(actor: Actor) -> nav.Waiting:
    """How many balances ran low when the clock last looked."""
    return {"low_stock": cover.low_count(actor)} if actor.may("stock.view") else {}


def install(app: Flask) -> None:
    """Put the count into the menu, and the levels into the stock card."""
    nav.add_counts(app, counts)
    app.jinja_env.globals.update(minimums_of=minimums_of)


VIEWS = (CoverView,)
NAV = (nav.Item("stock", "Low stock", "CoverView.list", "stock.view", icon="alert", order=20, count="low_stock"),)
