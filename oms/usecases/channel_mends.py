"""What a person put right in an order that a channel told: where it goes, when the channel's own words cannot be read.

The words stay as they came. What was put right counts for later words of the same order too, so that an order that is
here does not wait again for a telephone number nobody can read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import and_, select

from oms.channels.models import ChannelMessage
from oms.db import Tx
from oms.intake.models import IntakeItem
from oms.intake.queries import one_of
from oms.intake.records import CellProblem, OrderIn

RECIPIENT: Final = "recipient"  # under this name the fields stand in an item's mended cells
FIELDS: Final = ("name", "phone", "address", "subdistrict", "district", "province", "postcode")


def mended(
    order: OrderIn, problems: Sequence[CellProblem], fixes: Mapping[str, str]
) -> tuple[OrderIn, tuple[CellProblem, ...]]:
    """The order with what a person put right, and what is wrong with it still."""
    kept: dict[str, Any] = {name: fixes[name] for name in FIELDS if fixes.get(name)}
    rest = tuple(p for p in problems if p.line or p.column not in kept)
    return replace(order, recipient=replace(order.recipient, **kept)), rest


def fixes_of(tx: Tx, shop_id: int, numbers: Collection[str]) -> dict[str, dict[str, str]]:
    """What people put right last in these orders of a shop, by number."""
    if not numbers:
        return {}
    rows = tx.session.execute(
        select(ChannelMessage.external_no, IntakeItem.mended)
        .join(IntakeItem, and_(IntakeItem.run_id == ChannelMessage.run_id, IntakeItem.no == ChannelMessage.item_no))
        .where(
            ChannelMessage.shop_id == shop_id, one_of(ChannelMessage.external_no, numbers),
            IntakeItem.mended.is_not(None),
        )
        .order_by(ChannelMessage.id)
    )  # fmt: skip
    return {number: dict((cells or {}).get(RECIPIENT) or {}) for number, cells in rows}
