"""Stock offers: what each shop shows of what is free, what it was told, and the rules behind both."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import Response as FlaskResponse
from flask import flash, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from oms.catalog.models import Shop, Sku
from oms.channels.models import ChannelConnection
from oms.channels.offer_models import ChannelListing, OfferPolicy, OfferRule
from oms.db import db
from oms.errors import InvalidInput, NotFound, say
from oms.exporting import writing
from oms.usecases.offer_rules import SetPolicy, SetRule, drop_rule, list_by_map, set_policy, set_rule
from oms.usecases.offers import free_pieces
from views import listing, nav
from views.base import OmsView, current_actor, page, unit


class OfferView(OmsView):
    """What shops may sell."""

    route_base = "/offers"
    default_view = "offers"
    requires = "stock.view"
    requires_for = dict.fromkeys(("rule", "drop", "policy", "list_by_map"), "catalog.edit")

    @page("/")
    def offers(self) -> str:
        """Every listing of a shop: free, to be shown, told, shown there."""
        shops = _shops()
        chosen = next((s for s in shops if str(s.id) == request.args.get("shop", "")), shops[0] if shops else None)
        rules: Sequence[OfferRule] = ()
        found, row = None, None
        if chosen is not None:
            statement = select(ChannelListing).where(ChannelListing.shop_id == chosen.id, ChannelListing.is_live)
            if request.args.get("only") == "wrong":
                statement = statement.where(
                    ChannelListing.sku_id.is_(None) | ChannelListing.wanted.is_distinct_from(ChannelListing.sent)
                )
            found = listing.fetch(
                statement.options(joinedload(ChannelListing.sku)).order_by(ChannelListing.external_sku)
            )
            rules = db.session.scalars(
                select(OfferRule).where(OfferRule.shop_id == chosen.id).options(joinedload(OfferRule.sku))
                .order_by(OfferRule.sku_id.nulls_first())
            ).all()  # fmt: skip
            row = db.session.scalars(
                select(ChannelConnection).where(ChannelConnection.shop_id == chosen.id)
            ).one_or_none()
        policies = db.session.scalars(
            select(OfferPolicy)
            .options(joinedload(OfferPolicy.sku), joinedload(OfferPolicy.last_shop))
            .order_by(OfferPolicy.sku_id.nulls_first())
        ).all()
        free = free_pieces(db.session(), {x.sku_id for x in found.rows if x.sku_id} if found else set())
        return self.show_page(
            "channels/offers.html", title=gettext("Stock offers"), shops=shops, shop=chosen, page=found, rules=rules,
            policies=policies, free=free, row=row, all_shops=_all_shops(),
        )  # fmt: skip

    @page("/<int:shop_id>/rule", methods=("POST",))
    def rule(self, shop_id: int) -> Response:
        """How much this shop shows."""
        form = request.form
        with unit() as tx:
            set_rule(tx, SetRule(
                shop_id, _sku(form.get("sku", "")), _number("percent", 100), _number("buffer", 0), _number("least", 0),
                _number("most", None),
            ))  # fmt: skip
        flash(gettext("Saved; the shop is told in a moment"), "success")
        return redirect(url_for("OfferView.offers", shop=shop_id) + "#rules", 303)

    @page("/<int:shop_id>/rules/<int:rule_id>/drop", methods=("POST",))
    def drop(self, shop_id: int, rule_id: int) -> Response:
        """This rule no more."""
        with unit() as tx:
            drop_rule(tx, rule_id)
        flash(gettext("Removed"), "success")
        return redirect(url_for("OfferView.offers", shop=shop_id) + "#rules", 303)

    @page("/<int:shop_id>/policy", methods=("POST",))
    def policy(self, shop_id: int) -> Response:
        """How shops share a product."""
        form = request.form
        last = form.get("last_shop", "")
        with unit() as tx:
            set_policy(tx, SetPolicy(
                _sku(form.get("sku", "")), form.get("over_offer") == "1", _number("last_pieces", 0) or 0,
                int(last) if last.isdecimal() and len(last) < 18 else None,
            ))  # fmt: skip
        flash(gettext("Saved; the shops are told in a moment"), "success")
        return redirect(url_for("OfferView.offers", shop=shop_id) + "#sharing", 303)

    @page("/<int:shop_id>/map", methods=("POST",))
    def list_by_map(self, shop_id: int) -> Response:
        """A shop without an interface: its SKU map says what is on sale."""
        with unit() as tx:
            found = list_by_map(tx, shop_id)
        flash(gettext("%(n)s listings", n=found), "success")
        return redirect(url_for("OfferView.offers", shop=shop_id), 303)

    @page("/<int:shop_id>/file/<form>")
    def file(self, shop_id: int, form: str) -> Response:
        """What the shop may sell as a file, for a seller centre that takes one."""
        shop = db.session.get(Shop, shop_id)
        if shop is None or form not in {"csv", "xlsx"} or not current_actor().sees_shop(shop_id):
            raise NotFound(say("There is no such record"))
        rows = db.session.execute(
            select(ChannelListing.external_sku, Sku.code, ChannelListing.wanted)
            .join(Sku, Sku.id == ChannelListing.sku_id)
            .where(ChannelListing.shop_id == shop_id, ChannelListing.is_live, ChannelListing.wanted.is_not(None))
            .order_by(ChannelListing.external_sku)
        ).all()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"offers.{form}"
            headings = [gettext("SKU of the channel"), gettext("Our SKU"), gettext("Quantity")]
            writing.write(form, path, headings, (tuple(row) for row in rows))
            data = path.read_bytes()
        kind = "text/csv" if form == "csv" else "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        name = f"offers-{shop.code}.{form}"
        return FlaskResponse(data, mimetype=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _all_shops() -> list[Shop]:
    actor = current_actor()
    shops = db.session.scalars(select(Shop).where(Shop.is_active).order_by(Shop.name))
    return [shop for shop in shops if actor.sees_shop(shop.id)]


def _shops() -> list[Shop]:
    """Shops that are offered stock first."""
    offered = set(db.session.scalars(select(ChannelListing.shop_id).distinct()))
    return sorted(_all_shops(), key=lambda s: s.id not in offered)


def _sku(code: str) -> int | None:
    if not code.strip():
        return None
    found = db.session.scalars(select(Sku.id).where(Sku.code == code.strip())).one_or_none()
    if found is None:
        raise InvalidInput(say("There is no SKU “{sku}”", sku=code.strip()), field="sku", code="sku_unknown")
    return found


def _number(name: str, default: Any) -> Any:
    text = request.form.get(name, "").strip().replace(",", "")
    if not text:
        return default
    if not text.isdecimal() or len(text) > 8:
        raise InvalidInput(say("Enter a whole number"), field=name, code="number")
    return int(text)


VIEWS = (OfferView,)
NAV = (nav.Item("stock", "Stock offers", "OfferView.offers", "stock.view", icon="shop", order=60),)
