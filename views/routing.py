"""Choosing warehouses: which shops do it, by which rules, and what would become of an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import BooleanField, DateField, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import Optional

from oms import clock
from oms.catalog.models import CHANNEL_LABELS, ROUTING_LABELS, Channel, Product, Routing, Sku
from oms.db import db
from oms.errors import InvalidInput, OmsError
from oms.inventory.availability import places
from oms.inventory.routing_models import RULE_LABELS, RoutingRule, RuleAction
from oms.reports.routing import dry_run, find_by_number, get_rule, list_rules
from oms.thai.provinces import REGION_LABELS, REGIONS
from oms.usecases.routing_rules import (
    EditRule,
    MoveRule,
    RuleFacts,
    SetShopRouting,
    create_rule,
    edit_rule,
    move_rule,
    read_goods,
    set_shop_routing,
)
from views import nav
from views.base import OmsView, current_actor, page, pin_problems, unit
from views.fields import Chosen, choices
from views.filters import tr
from views.order_actions import choice, text, version
from views.order_parts import shops

POST = ("POST",)


class RuleForm(FlaskForm):
    """A rule. Conditions left empty fit every order."""

    name = StringField(
        lazy_gettext("Name"),
        [Chosen()],
        description=lazy_gettext("Orders say it as the reason, such as: South goes first"),
    )
    action = RadioField(lazy_gettext("The rule says"), default=RuleAction.USE.value)
    warehouse_id = SelectField(lazy_gettext("Warehouse"), coerce=int)
    channels = SelectMultipleField(lazy_gettext("Channels"))
    shop_ids = SelectMultipleField(lazy_gettext("Shops"), coerce=int)
    provinces = SelectMultipleField(lazy_gettext("Provinces it is sent to"))
    goods = TextAreaField(
        lazy_gettext("SKUs or products"), render_kw={"rows": 3},
        description=lazy_gettext("Codes, one on each line. The rule fits when one of them is in the order; a set counts"
                                 " as itself and as its parts."),
    )  # fmt: skip
    starts_on = DateField(lazy_gettext("From"), [Optional()])
    ends_on = DateField(lazy_gettext("Up to"), [Optional()])
    is_active = BooleanField(lazy_gettext("In use"), default=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.action.choices = choices((kind.value, tr(RULE_LABELS[kind])) for kind in RuleAction)
        mine = places(db.session(), current_actor())
        self.warehouse_id.choices = choices((p.id, f"{p.code} · {p.name}") for p in mine)
        self.channels.choices = [(c.value, tr(CHANNEL_LABELS[c])) for c in Channel]
        self.shop_ids.choices = [(shop.id, shop.name) for shop in shops().values()]
        self.provinces.choices = [(name, name) for towns in REGIONS.values() for name in towns]

    def facts(self, tx: Any) -> RuleFacts:
        """The rule as the verb takes it. Raises InvalidInput for codes nobody knows."""
        sku_ids, product_ids = read_goods(tx, self.goods.data or "")
        return RuleFacts(
            self.name.data or "", RuleAction(self.action.data), self.warehouse_id.data,
            tuple(self.channels.data or ()), tuple(self.shop_ids.data or ()), tuple(self.provinces.data or ()),
            sku_ids, product_ids, self.starts_on.data, self.ends_on.data, is_active=bool(self.is_active.data),
        )  # fmt: skip


def _shown(row: RoutingRule) -> dict[str, Any]:
    """A stored rule as its form shows it."""
    names = ("name", "warehouse_id", "channels", "shop_ids", "provinces", "starts_on", "ends_on", "is_active")
    return {name: getattr(row, name) for name in names} | {"action": row.action.value, "goods": _codes(row)}


def _codes(row: RoutingRule) -> str:
    skus = db.session.scalars(select(Sku.code).where(Sku.id.in_(row.sku_ids)).order_by(Sku.code))
    products = db.session.scalars(select(Product.code).where(Product.id.in_(row.product_ids)).order_by(Product.code))
    return "\n".join([*skus, *products])


def _when(row: RoutingRule, today: date) -> str:
    """Why a rule says nothing today, or an empty text."""
    if not row.is_active:
        return gettext("switched off")
    if not row.warehouse.is_active:
        return gettext("its warehouse is closed")
    if row.starts_on and today < row.starts_on:
        return gettext("not yet")
    return gettext("over") if row.ends_on and today > row.ends_on else ""


class RoutingView(OmsView):
    """Rules, shops, and a try."""

    route_base = "/routing"
    default_view = "list"
    requires = "stock.route"

    @page("/")
    def list(self) -> str:
        """Which shops choose, the rules in their order, and a dry run over an order number."""
        return self._show()

    def _show(self) -> str:
        actor, number = current_actor(), request.args.get("number", "")
        tried, problem = None, None
        if number.strip():
            with unit() as tx:
                try:
                    tried = dry_run(tx, find_by_number(tx, number))
                except InvalidInput as exc:
                    problem = tr(exc.message)
                return self._page(actor, number, tried, problem)
        return self._page(actor, number, tried, problem)

    def _page(self, actor: Any, number: str, tried: Any, problem: str | None) -> str:
        rules = list_rules(db.session, actor)
        listed = [shop for shop in shops().values() if shop.is_active]
        return self.show_page(
            "routing/list.html",
            title=gettext("Choosing the warehouse"),
            rules=rules,
            shops=listed,
            tried=tried,
            number=number,
            problem=problem,
            warehouses={p.id: p for p in places(db.session(), actor)},
            when=_when,
            today=clock.today(),
            routing_labels=ROUTING_LABELS,
            rule_labels=RULE_LABELS,
            automatic=any(shop.routing is Routing.AUTOMATIC for shop in listed),
        )

    @page("/shops/<int:shop_id>", methods=POST)
    def shop(self, shop_id: int) -> Response:
        """How one shop's orders find their warehouse."""
        with unit() as tx:
            done = set_shop_routing(
                tx, SetShopRouting(shop_id, choice(Routing, "routing"), "may_split" in request.form, version())
            )
        if done.changed:
            flash(gettext("Saved. Orders that have their warehouse keep it."), "success")
        return redirect(url_for("RoutingView.list"), 303)

    @page("/rules/new", methods=("GET", "POST"))
    def new(self) -> Response | str:
        """A new rule."""
        form = RuleForm()
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    create_rule(tx, form.facts(tx))
            except OmsError as exc:
                pin_problems(form, exc)
            else:
                flash(gettext("Rule added. It is read after the others; move it up if it matters more."), "success")
                return redirect(url_for("RoutingView.list"), 303)
        return self._form(form, gettext("Add a rule"))

    @page("/rules/<int:rule_id>", methods=("GET", "POST"))
    def edit(self, rule_id: int) -> Response | str:
        """Change a rule."""
        with unit() as tx:
            row = get_rule(tx, rule_id)
            shown, seen = _shown(row), row.version
        form = RuleForm(data=shown)
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    edit_rule(tx, EditRule(rule_id, version() or 0, form.facts(tx)))
            except OmsError as exc:
                pin_problems(form, exc)
            else:
                flash(gettext("Rule saved. Orders that have their warehouse keep it."), "success")
                return redirect(url_for("RoutingView.list"), 303)
        return self._form(form, gettext("Change the rule"), version() or seen)

    def _form(self, form: RuleForm, title: str, seen: int | None = None) -> str:
        return self.show_page(
            "routing/rule.html", title=title, form=form, seen=seen, regions=REGIONS, region_labels=REGION_LABELS,
            chosen=set(form.provinces.data or ()),
        )  # fmt: skip

    @page("/rules/<int:rule_id>/switch", methods=POST)
    def switch(self, rule_id: int) -> Response:
        """On or off, with everything else as it is."""
        with unit() as tx:
            row = get_rule(tx, rule_id)
            facts = {name: getattr(row, name) for name in RuleFacts.__dataclass_fields__}
            lists: Sequence[str] = ("channels", "shop_ids", "provinces", "sku_ids", "product_ids")
            facts |= {name: tuple(facts[name]) for name in lists}
            edit_rule(tx, EditRule(rule_id, version() or 0, replace(RuleFacts(**facts), is_active=not row.is_active)))
        return redirect(url_for("RoutingView.list"), 303)

    @page("/rules/<int:rule_id>/move", methods=POST)
    def move(self, rule_id: int) -> Response:
        """One place up or down."""
        with unit() as tx:
            move_rule(tx, MoveRule(rule_id, up=text("way") == "up"))
        return redirect(url_for("RoutingView.list", _anchor=f"rule-{rule_id}"), 303)


VIEWS = (RoutingView,)
NAV = (nav.Item("setup", "Choosing the warehouse", "RoutingView.list", "stock.route", icon="warehouse", order=22),)
