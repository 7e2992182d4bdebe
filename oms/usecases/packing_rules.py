"""How a warehouse packs: what may be counted without a barcode, what must be weighed."""

from __future__ import annotations

from dataclasses import dataclass

from oms import audit
from oms.db import Tx
from oms.inventory.models import Warehouse
from oms.shipping.floor.models import PackingRules
from oms.usecases import stock_checks as checks
from oms.usecases.keeping import Saved, between, put


@dataclass(frozen=True)
class SetPackingRules:
    """``quantity_from``: lines of at least so many pieces may be counted by one scan and a number; 0: never."""

    warehouse_id: int
    by_hand: bool
    quantity_from: int
    weigh: bool


def set_packing_rules(tx: Tx, cmd: SetPackingRules) -> Saved:
    """Say how a warehouse packs; every station there follows at its next scan."""
    tx.actor.require("shop.edit")
    checks.check_place(tx, cmd.warehouse_id)
    place = tx.session.get_one(Warehouse, cmd.warehouse_id)
    rules = tx.session.get(PackingRules, place.id, with_for_update=True)
    if rules is None:
        rules = PackingRules(warehouse_id=place.id, by_hand=True, quantity_from=5, weigh=False)
        tx.session.add(rules)
    wanted = {
        "by_hand": cmd.by_hand, "quantity_from": between(cmd.quantity_from, 0, 10_000, "quantity_from"),
        "weigh": cmd.weigh,
    }  # fmt: skip
    before, after = put(rules, wanted)
    if after:
        audit.record(
            tx, "packing.rules_set", "warehouse", place.id, place.code, before=before, after=after
        )  # fmt: skip
    return Saved(place.id, changed=bool(after))
