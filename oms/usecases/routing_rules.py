"""The rules that choose warehouses, and which shops go by them. Rules are switched off, never deleted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select

from oms import audit
from oms.catalog.models import Channel, Product, Routing, Shop, Sku
from oms.db import Tx
from oms.errors import Conflict, InvalidInput, NotFound, say
from oms.inventory.models import Warehouse, WarehouseKind
from oms.inventory.routing_models import RoutingRule, RuleAction
from oms.thai.provinces import PLACES
from oms.usecases.keeping import Saved, bounded, known, lock_row, names, put

MOST_RULES = 200
MOST_GOODS = 500
_STEP = 10


@dataclass(frozen=True)
class RuleFacts:
    """One rule as it shall be; empty conditions fit every order. The days are included."""

    name: str
    action: RuleAction
    warehouse_id: int
    channels: tuple[str, ...] = ()
    shop_ids: tuple[int, ...] = ()
    provinces: tuple[str, ...] = ()
    sku_ids: tuple[int, ...] = ()
    product_ids: tuple[int, ...] = ()
    starts_on: date | None = None
    ends_on: date | None = None
    is_active: bool = True


@dataclass(frozen=True)
class EditRule:
    """``version`` is what the editor saw."""

    rule_id: int
    version: int
    facts: RuleFacts


@dataclass(frozen=True)
class MoveRule:
    """One place up or down in the order the rules are read in."""

    rule_id: int
    up: bool


@dataclass(frozen=True)
class SetShopRouting:
    """How the orders of a shop find their warehouse from now on."""

    shop_id: int
    routing: Routing
    may_split: bool
    version: int | None = None


def create_rule(tx: Tx, facts: RuleFacts) -> Saved:
    """Add a rule behind the others."""
    tx.actor.require("stock.route")
    fields = _checked(tx, facts)
    count, last = tx.session.execute(select(func.count(), func.max(RoutingRule.rank))).one()
    if count >= MOST_RULES:
        raise InvalidInput(say("At most {most} rules; change one that is there", most=MOST_RULES), code="rules_many")
    row = RoutingRule(rank=(last or 0) + _STEP, **fields)
    tx.session.add(row)
    tx.session.flush()  # the audit row names it
    audit.record(tx, "routing_rule.created", "routing_rule", row.id, row.name, after=known(fields))
    return Saved(row.id)


def edit_rule(tx: Tx, cmd: EditRule) -> Saved:
    """Change a rule, or switch it on or off. Orders that have their warehouse keep it."""
    tx.actor.require("stock.route")
    row = lock_row(tx, RoutingRule, cmd.rule_id, cmd.version)
    before, after = put(row, _checked(tx, cmd.facts))
    if not after:
        return Saved(row.id, changed=False)
    audit.record(tx, "routing_rule.changed", "routing_rule", row.id, row.name, before=before, after=after)
    return Saved(row.id)


def move_rule(tx: Tx, cmd: MoveRule) -> bool:
    """Let a rule be read before, or after, its neighbour. False at the end of the list."""
    tx.actor.require("stock.route")
    rows = list(tx.session.scalars(select(RoutingRule).order_by(RoutingRule.id).with_for_update(key_share=True)))
    rows.sort(key=lambda row: (row.rank, row.id))
    at = next((i for i, row in enumerate(rows) if row.id == cmd.rule_id), None)
    if at is None:
        raise NotFound(say("There is no such record"), code="record_not_found")
    to = at - 1 if cmd.up else at + 1
    if not 0 <= to < len(rows):
        return False
    moved = rows[at]
    rows[at], rows[to] = rows[to], rows[at]
    for turn, row in enumerate(rows, 1):
        if row.rank != turn * _STEP:
            row.rank = turn * _STEP
    audit.record(
        tx,
        "routing_rule.moved",
        "routing_rule",
        moved.id,
        moved.name,
        before={"place": at + 1},
        after={"place": to + 1},
    )
    return True


def set_shop_routing(tx: Tx, cmd: SetShopRouting) -> Saved:
    """Let a shop's orders choose their warehouse, or bind them to the shop's own. Orders that have theirs keep it."""
    tx.actor.require("stock.route")
    row = lock_row(tx, Shop, cmd.shop_id)
    if not tx.actor.sees_shop(row.id):
        raise NotFound(say("There is no such record"), code="record_not_found")
    if cmd.version is not None and cmd.version != row.version:
        raise Conflict(say("Someone else changed this shop; look again before you save"), code="stale")
    split = cmd.may_split and cmd.routing is Routing.AUTOMATIC
    before, after = put(row, {"routing": cmd.routing, "may_split": split})
    if not after:
        return Saved(row.id, changed=False)
    audit.record(tx, "shop.routing", "shop", row.id, row.code, before=before, after=after)
    return Saved(row.id)


def _checked(tx: Tx, facts: RuleFacts) -> dict[str, Any]:
    """The columns of a rule, or InvalidInput."""
    fields = asdict(facts)
    fields["name"] = bounded(facts.name, 120, "name", missing=say("Give the rule a name, so that orders can say it"))
    place = tx.session.get(Warehouse, facts.warehouse_id)
    if place is None or place.kind is not WarehouseKind.OWN or not tx.actor.sees_warehouse(place.id):
        raise InvalidInput(say("Choose an open warehouse"), field="warehouse_id", code="warehouse_closed")
    if facts.starts_on and facts.ends_on and facts.ends_on < facts.starts_on:
        raise InvalidInput(say("The last day is before the first"), field="ends_on", code="days_reversed")
    channels = {channel.value for channel in Channel}
    if strange := [x for x in facts.channels if x not in channels] or [x for x in facts.provinces if x not in PLACES]:
        raise InvalidInput(say("“{value}” is not known", value=strange[0]), field="provinces", code="condition_unknown")
    _check_ids(tx, Shop, facts.shop_ids, "shop_ids")
    _check_ids(tx, Sku, facts.sku_ids, "goods")
    _check_ids(tx, Product, facts.product_ids, "goods")
    lists = {"channels", "shop_ids", "provinces", "sku_ids", "product_ids"}
    return {key: sorted(set(value)) if key in lists else value for key, value in fields.items()}


def _check_ids(tx: Tx, model: Any, ids: Sequence[int], field: str) -> None:
    if len(ids) > MOST_GOODS:
        raise InvalidInput(say("At most {most} in one rule", most=MOST_GOODS), field=field, code="condition_many")
    if ids and len(tx.session.scalars(select(model.id).where(model.id.in_(set(ids)))).all()) != len(set(ids)):
        raise InvalidInput(say("Something chosen here does not exist any more"), field=field, code="condition_unknown")


def read_goods(tx: Tx, typed: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(SKU ids, product ids) of codes typed one a line or with commas. Raises InvalidInput naming the unknown ones."""
    codes = list(dict.fromkeys(code for part in re.split(r"[\n,;]", typed) if (code := part.strip())))
    if len(codes) > MOST_GOODS:
        raise InvalidInput(say("At most {most} in one rule", most=MOST_GOODS), field="goods", code="condition_many")
    skus = {row.code: row.id for row in tx.session.execute(select(Sku.id, Sku.code).where(Sku.code.in_(codes)))}
    rest = [code for code in codes if code not in skus]
    found = select(Product.id, Product.code).where(Product.code.in_(rest))
    products = {row.code: row.id for row in tx.session.execute(found)}
    if unknown := [code for code in rest if code not in products]:
        raise InvalidInput(
            say("No SKU or product is called {codes}", codes=names(unknown)), field="goods", code="sku_unknown"
        )
    return tuple(sorted(skus.values())), tuple(sorted(products.values()))
