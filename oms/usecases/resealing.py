"""Everything that is kept sealed, sealed anew with the newest key; then an old key of the installation may go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, update

from oms import audit
from oms.api.models import ApiHook
from oms.channels.models import ChannelConnection
from oms.db import Tx
from oms.notifications.models import MessageAccount
from oms.payments.slip_models import VerifierAccount
from oms.remote.models import RemoteSite
from oms.sealing import Sealer
from oms.shipping.carrier_models import Carrier


@dataclass(frozen=True)
class Sealed:
    """A table with sealed columns, and what its sealing is called in the log."""

    model: type[Any]
    action: str
    subject: str
    columns: tuple[str, ...] = ("secrets",)


VERIFIERS: Final = Sealed(VerifierAccount, "verifier.resealed", "verifier")
CARRIERS: Final = Sealed(Carrier, "carrier.resealed", "carrier")
SITES: Final = Sealed(RemoteSite, "remote.resealed", "remote_site")
ROUTES: Final = Sealed(MessageAccount, "message.routes_resealed", "message_route")
CHANNELS: Final = Sealed(ChannelConnection, "channel.resealed", "channel_connection", ("secrets", "sealed_grant"))
HOOKS: Final = Sealed(ApiHook, "api_hook.resealed", "api_hook")
EVERYTHING: Final = (VERIFIERS, CARRIERS, SITES, ROUTES, CHANNELS, HOOKS)


def reseal(tx: Tx, sealer: Sealer, *kept: Sealed) -> int:
    """Seal what these tables keep with the newest key. Returns how many rows have something sealed."""
    tx.actor.require("shop.edit")
    return sum(_reseal(tx, sealer, one) for one in kept)


def _reseal(tx: Tx, sealer: Sealer, kept: Sealed) -> int:
    table: Any = kept.model.__table__
    columns = [table.c[name] for name in kept.columns]
    count = 0
    for row in tx.session.execute(select(table.c.id, *columns).order_by(table.c.id).with_for_update()).all():
        fresh = {name: sealer.renew(sealed) for name in kept.columns if (sealed := getattr(row, name))}
        if fresh:
            tx.session.execute(update(table).where(table.c.id == row.id).values(**fresh))
            count += 1
    if count:
        audit.record(tx, kept.action, kept.subject, None, str(count), after={"count": count})
    return count
