"""Goods put on shelves: scan a shelf, then everything that lies on it; and the shelf of one SKU from its card."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from oms.catalog.models import Sku
from oms.db import db
from oms.errors import InvalidInput, say
from oms.inventory.availability import Place, places
from oms.inventory.models import StockLevel
from oms.thai.keyboard import latin_keys
from oms.thai.text import clean
from oms.usecases.locations import SetLocation, set_location
from views.base import OmsView, current_actor, page, safe_path, unit
from views.lookups import resolve_sku

SHOWN = 200


def _place(mine: list[Place]) -> Place | None:
    wanted = request.values.get("warehouse_id", 0, type=int)
    return next((p for p in mine if p.id == wanted), next(iter(mine), None))


class LocationView(OmsView):
    """Shelves."""

    route_base = "/stock/shelves"
    requires = "stock.receive"
    default_view = "put_away"

    @page("/")
    def put_away(self) -> str:
        """Scan a shelf, then what lies on it."""
        mine = places(db.session(), current_actor())
        place, shelf = _place(mine), clean(latin_keys(request.args.get("location", "")))[:40].upper()
        here = []
        if place and shelf:
            lying = (
                select(Sku.id, Sku.code, Sku.name, Sku.option, StockLevel.on_hand)
                .join(StockLevel, StockLevel.sku_id == Sku.id)
                .where(StockLevel.warehouse_id == place.id, StockLevel.location == shelf)
            )
            here = db.session.execute(lying.order_by(Sku.code).limit(SHOWN)).all()
        facts = {"places": mine, "place": place, "shelf": shelf, "lying": here}
        return self.show_page("stock_shelves.html", title=gettext("Put on shelves"), **facts)

    @page("/keep", methods=("POST",))
    def keep(self) -> Response:
        """A SKU lies on a shelf; or, scanned instead of a SKU, the next shelf."""
        place_id, shelf = request.form.get("warehouse_id", 0, type=int), request.form.get("location", "")
        typed = request.form.get("sku", "")
        sku_id = request.form.get("sku_id", 0, type=int) or resolve_sku(typed) or resolve_sku(latin_keys(typed))
        target = url_for("LocationView.put_away", warehouse_id=place_id, location=shelf)
        if sku_id is None:
            known = select(StockLevel.sku_id).where(
                StockLevel.warehouse_id == place_id, StockLevel.location == clean(latin_keys(typed)).upper()
            )
            if typed.strip() and db.session.scalar(known.limit(1)):
                return redirect(url_for("LocationView.put_away", warehouse_id=place_id, location=typed), 303)
            raise InvalidInput(say("No product has the code “{code}”", code=clean(typed)), code="sku_unknown")
        with unit() as tx:
            saved = set_location(tx, SetLocation(sku_id, place_id, shelf))
            code = tx.session.get_one(Sku, sku_id).code
        word = gettext("%(sku)s lies on %(shelf)s", sku=code, shelf=shelf) if shelf else gettext("Saved")
        flash(word, "success" if saved.changed else "info")
        return redirect(safe_path(request.form.get("next")) or target, 303)


VIEWS = (LocationView,)
NAV = ()
