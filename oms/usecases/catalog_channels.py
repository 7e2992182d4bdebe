"""What each shop calls our SKUs: many names may mean one SKU, and one name may mean several pieces of it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from oms import audit
from oms.catalog.models import ChannelSku, Shop, Sku
from oms.db import Tx
from oms.errors import Forbidden, InvalidInput, say
from oms.usecases.keeping import Saved, between, bounded, lock_row, put


@dataclass(frozen=True)
class MapChannelSku:
    """A shop's name for a SKU; ``multiplier`` pieces of ours are one sold there."""

    shop_id: int
    external_sku: str
    sku_id: int
    multiplier: int = 1


@dataclass(frozen=True)
class EditChannelSku:
    """Mend a name or point it at another SKU. Orders taken in before stay as they are."""

    mapping_id: int
    version: int
    external_sku: str
    sku_id: int
    multiplier: int = 1


def map_channel_sku(tx: Tx, cmd: MapChannelSku) -> Saved:
    """Remember what a shop calls a SKU. Refused when the shop's name means another SKU already."""
    tx.actor.require("catalog.edit")
    shop = lock_row(tx, Shop, cmd.shop_id)
    _own_shop(tx, shop)
    name = _name(cmd.external_sku)
    _refuse_taken(tx, shop, name)
    sku = _sku(tx, cmd.sku_id)
    row = ChannelSku(
        shop_id=shop.id, external_sku=name, sku_id=sku.id, multiplier=between(cmd.multiplier, 1, 10_000, "multiplier")
    )
    tx.session.add(row)
    tx.session.flush()  # the audit row names it by id
    after = {"shop": shop.code, "external_sku": name, "sku": sku.code, "multiplier": row.multiplier}
    audit.record(tx, "channel_sku.mapped", "channel_sku", row.id, f"{shop.code} · {name}", after=after)
    return Saved(row.id)


def edit_channel_sku(tx: Tx, cmd: EditChannelSku) -> Saved:
    """Change what a shop's name means, over the version the editor saw."""
    tx.actor.require("catalog.edit")
    row = lock_row(tx, ChannelSku, cmd.mapping_id, cmd.version)
    shop = lock_row(tx, Shop, row.shop_id)
    _own_shop(tx, shop)
    name = _name(cmd.external_sku)
    _refuse_taken(tx, shop, name, row.id)
    sku = _sku(tx, cmd.sku_id)
    was = tx.session.get_one(Sku, row.sku_id).code
    fields = {"external_sku": name, "sku_id": sku.id, "multiplier": between(cmd.multiplier, 1, 10_000, "multiplier")}
    before, after = put(row, fields)
    if not after:
        return Saved(row.id, changed=False)
    if after.pop("sku_id", None):
        before.pop("sku_id")
        before, after = {**before, "sku": was}, {**after, "sku": sku.code}
    audit.record(tx, "channel_sku.edited", "channel_sku", row.id, f"{shop.code} · {name}", before=before, after=after)
    return Saved(row.id)


def _own_shop(tx: Tx, shop: Shop) -> None:
    if not tx.actor.sees_shop(shop.id):
        raise Forbidden(say("{shop} is not one of your shops", shop=shop.code), field="shop_id", code="shop_scope")


def _name(text: str) -> str:
    return bounded(text, 200, "external_sku", missing=say("Enter the name the shop uses"))


def _sku(tx: Tx, sku_id: int) -> Sku:
    sku = tx.session.get(Sku, sku_id)
    if sku is None:
        raise InvalidInput(say("Choose the SKU it means"), field="sku_id", code="sku_unknown")
    return sku


def _refuse_taken(tx: Tx, shop: Shop, name: str, own_id: int = 0) -> None:
    taken = tx.session.scalar(
        select(Sku.code)
        .join(ChannelSku, ChannelSku.sku_id == Sku.id)
        .where(ChannelSku.shop_id == shop.id, ChannelSku.external_sku == name, ChannelSku.id != own_id)
    )
    if taken:
        raise InvalidInput(
            say("{shop} uses “{name}” for {sku} already; change that row", shop=shop.code, name=name, sku=taken),
            field="external_sku",
            code="channel_sku_taken",
        )
