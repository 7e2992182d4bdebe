"""Where goods lie: the shelf of a SKU in one warehouse, so that picking lists lead along the shelves."""

from __future__ import annotations

from dataclasses import dataclass

from oms import audit
from oms.catalog.models import Sku
from oms.db import Tx
from oms.errors import InvalidInput, say
from oms.inventory import moving
from oms.inventory.models import Warehouse
from oms.usecases import stock_checks as checks
from oms.usecases.keeping import Saved, bounded


@dataclass(frozen=True)
class SetLocation:
    """The SKU lies here from now on. An empty ``location``: where the SKU itself says."""

    sku_id: int
    warehouse_id: int
    location: str


def set_location(tx: Tx, cmd: SetLocation) -> Saved:
    """Write down on which shelf a SKU lies. No pieces move. Raises InvalidInput for sets and unknown SKUs."""
    tx.actor.require("stock.receive")
    checks.check_place(tx, cmd.warehouse_id)
    sku = tx.session.get(Sku, cmd.sku_id)
    if sku is None:
        raise InvalidInput(say("This product does not exist"), field="sku_id", code="sku_unknown")
    if sku.is_bundle:
        raise InvalidInput(
            say("{sku} is a set; its parts have shelves of their own", sku=sku.code), field="sku_id",
            code="sku_is_bundle",
        )  # fmt: skip
    wanted = bounded(cmd.location, 40, "location").upper()
    level = moving.lock(tx, cmd.warehouse_id, [sku.id])[sku.id]
    if level.location == wanted:
        return Saved(sku.id, changed=False)
    before, level.location = level.location, wanted
    place = tx.session.get_one(Warehouse, cmd.warehouse_id)
    audit.record(
        tx, "stock.location_set", "sku", sku.id, sku.code,
        before={"location": before}, after={"location": wanted, "warehouse": place.code},
    )  # fmt: skip
    return Saved(sku.id)
