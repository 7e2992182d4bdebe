"""How much of the stock each shop may show, and how shops share it: kept by people, worked out anew at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select

from oms import audit
from oms.catalog.models import ChannelSku, Shop, Sku
from oms.channels.models import ChannelConnection
from oms.channels.offer_models import ChannelListing, OfferPolicy, OfferRule
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.usecases.keeping import MAX_PIECES, Saved, between, checked, put
from oms.usecases.offers import work_out


@dataclass(frozen=True)
class SetRule:
    """What a shop shows: of one product, or (``sku_id`` None) of everything without a rule of its own."""

    shop_id: int
    sku_id: int | None = None
    percent: int = 100
    buffer: int = 0
    least: int = 0
    most: int | None = None


@dataclass(frozen=True)
class SetPolicy:
    """How shops share one product, or (``sku_id`` None) every product without a row of its own."""

    sku_id: int | None = None
    over_offer: bool = False
    last_pieces: int = 0
    last_shop_id: int | None = None


def set_rule(tx: Tx, cmd: SetRule) -> Saved:
    """Say how much a shop shows."""
    tx.actor.require("catalog.edit")
    shop = _shop(tx, cmd.shop_id)
    sku = _sku(tx, cmd.sku_id)
    fields = checked(
        percent=lambda: between(cmd.percent, 0, 100, "percent"),
        buffer=lambda: between(cmd.buffer, 0, MAX_PIECES, "buffer"),
        least=lambda: between(cmd.least, 0, MAX_PIECES, "least"),
        most=lambda: None if cmd.most is None else between(cmd.most, 0, MAX_PIECES, "most"),
    )
    mine = select(OfferRule).where(OfferRule.shop_id == shop.id, OfferRule.sku_id.is_not_distinct_from(cmd.sku_id))
    return _keep(tx, tx.session.scalars(mine.with_for_update()).one_or_none(),
                 OfferRule(shop_id=shop.id, sku_id=cmd.sku_id), fields, f"{shop.code} · {sku.code if sku else '*'}",
                 "offer_rule", sku)  # fmt: skip


def drop_rule(tx: Tx, rule_id: int) -> None:
    """The rule of the shop, or none, counts again."""
    tx.actor.require("catalog.edit")
    row = tx.session.get(OfferRule, rule_id, with_for_update=True)
    if row is None or not tx.actor.sees_shop(row.shop_id):
        raise NotFound(say("There is no such record"), code="record_not_found")
    sku_id = row.sku_id
    audit.record(tx, "offer_rule.dropped", "offer_rule", row.id, row.shop.code)
    tx.session.execute(delete(OfferRule).where(OfferRule.id == rule_id))
    work_out(tx, None if sku_id is None else {sku_id})


def set_policy(tx: Tx, cmd: SetPolicy) -> Saved:
    """Say how shops share a product."""
    tx.actor.require("catalog.edit")
    sku = _sku(tx, cmd.sku_id)
    if cmd.last_pieces and cmd.last_shop_id is None:
        raise InvalidInput(say("Choose the shop that sells the last pieces"), field="last_shop", code="last_shop")
    fields: dict[str, Any] = {
        "over_offer": cmd.over_offer, "last_pieces": between(cmd.last_pieces, 0, MAX_PIECES, "last_pieces"),
        "last_shop_id": _shop(tx, cmd.last_shop_id).id if cmd.last_shop_id else None,
    }  # fmt: skip
    mine = select(OfferPolicy).where(OfferPolicy.sku_id.is_not_distinct_from(cmd.sku_id)).with_for_update()
    return _keep(
        tx, tx.session.scalars(mine).one_or_none(), OfferPolicy(sku_id=cmd.sku_id), fields, sku.code if sku else "*",
        "offer_policy", sku,
    )  # fmt: skip


def _keep(
    tx: Tx, row: Any, fresh: OfferRule | OfferPolicy, fields: dict[str, Any], label: str, kind: str, sku: Sku | None
) -> Saved:
    if row is None:
        row = fresh
        for name, value in fields.items():
            setattr(row, name, value)
        tx.session.add(row)
        before: dict[str, Any] = {}
        after = fields
    else:
        before, after = put(row, fields)
    tx.session.flush()  # what is worked out reads it
    if not after:
        return Saved(row.id, changed=False)
    audit.record(tx, f"{kind}.set", kind, row.id, label, before=before, after=after)
    work_out(tx, None if sku is None else {sku.id})
    return Saved(row.id)


def list_by_map(tx: Tx, shop_id: int) -> int:
    """A shop without an interface: what it sells is what its SKU map says; returns how many."""
    tx.actor.require("catalog.edit")
    shop = _shop(tx, shop_id)
    connected = select(ChannelConnection.id).where(ChannelConnection.shop_id == shop_id, ChannelConnection.offers)
    if tx.session.scalar(connected) is not None:
        raise Refused(say("This shop says itself what is on sale there"), code="listings_by_channel")
    known = {
        x.external_id: x for x in tx.session.scalars(select(ChannelListing).where(ChannelListing.shop_id == shop.id))
    }
    rows = tx.session.scalars(select(ChannelSku).where(ChannelSku.shop_id == shop.id)).all()
    for row in rows:
        mine = known.pop(row.external_sku, None)
        if mine is None:
            mine = ChannelListing(shop_id=shop.id, external_id=row.external_sku)
            tx.session.add(mine)
        mine.external_sku, mine.sku_id, mine.multiplier, mine.is_live = (
            row.external_sku,
            row.sku_id,
            row.multiplier,
            True,
        )
    for gone in known.values():
        gone.is_live = False
    tx.session.flush()  # what is worked out reads them
    work_out(tx, {row.sku_id for row in rows})
    return len(rows)


def _shop(tx: Tx, shop_id: int) -> Shop:
    shop = tx.session.get(Shop, shop_id)
    if shop is None or not tx.actor.sees_shop(shop_id):
        raise NotFound(say("There is no such shop, or it is not yours to use"), field="shop", code="shop_not_found")
    return shop


def _sku(tx: Tx, sku_id: int | None) -> Sku | None:
    if sku_id is None:
        return None
    sku = tx.session.get(Sku, sku_id)
    if sku is None:
        raise InvalidInput(say("There is no such SKU"), field="sku", code="sku_unknown")
    return sku
