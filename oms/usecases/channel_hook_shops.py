"""Webhooks of platforms that send all shops of a program to one address: each goes to the shop it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from oms.channels.models import ChannelConnection
from oms.db import Tx
from oms.sealing import Sealer
from oms.usecases.channel_hooks import Raw, keep_hook, mark_elsewhere
from oms.usecases.channel_lease import get_connection
from oms.usecases.channels import reach

NUMBERS = ("shop_id", "seller_id")  # the facts of a grant that number its shop
PROGRAM = ("partner_id", "app_key")  # the settings that name the program


def pass_on(tx: Tx, connection_id: int, told: Sequence[tuple[Raw, str]], sealer: Sealer) -> None:
    """Hand webhooks of other shops to their connections, where they are checked once more with that shop's own keys;
    what names a shop nobody connected is kept under its number. ``told``: with the number each names."""
    shops = _siblings(tx, get_connection(tx, connection_id), sealer)
    lost: dict[int, str] = {}
    passed: dict[int, str] = {}
    for raw, number in told:
        if (row := shops.get(number)) is None:
            lost[raw.id] = number[:80]
        else:
            keep_hook(tx, row.id, raw.called)
            passed[raw.id] = row.shop.code
    mark_elsewhere(tx, lost, passed)


def _siblings(tx: Tx, row: ChannelConnection, sealer: Sealer) -> Mapping[str, ChannelConnection]:
    """The other connected shops of the same program on the same server, by the platform's number."""
    rows = tx.session.scalars(
        select(ChannelConnection)
        .where(
            ChannelConnection.connector == row.connector, ChannelConnection.is_active, ChannelConnection.id != row.id,
            ChannelConnection.sealed_grant != b"",
        )
        .order_by(ChannelConnection.id)
    )  # fmt: skip
    mine = _program(row)
    found: dict[str, ChannelConnection] = {}
    for other in rows:
        if _program(other) == mine:
            facts = reach(other, sealer).grant.facts
            found |= {facts[name]: other for name in NUMBERS if facts.get(name)}
    return found


def _program(row: ChannelConnection) -> tuple[object, ...]:
    return (row.host, *(row.options.get(name) for name in PROGRAM))
