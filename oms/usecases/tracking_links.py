"""Public pages of an order: links nobody can guess, made when first wanted, taken back with a click.

What the page of the whole order lets its buyer do is in ``order_links``.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, func, select, true, update
from sqlalchemy.orm import InstrumentedAttribute, joinedload

from oms import audit, clock
from oms.db import Tx
from oms.errors import NotFound, say
from oms.orders.models import Order
from oms.orders.queries import lock_order
from oms.shipping.link_models import Opens, TrackingLink
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import ShipmentStatus

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
TOKEN_BYTES: Final = 16  # 128 bits
_WORDS: Final = {Opens.PARCEL: "tracking", Opens.ORDER: "order"}
OPEN_FOR: Final = timedelta(days=60)  # after the last thing that happened to the order's goods


def plain_token(text: str) -> str:
    """A token out of an address; "" for what none can be."""
    return text if _TOKEN.fullmatch(text) else ""


@dataclass(frozen=True)
class LinkMade:
    """The token of an order's page; ``fresh`` when it was made now."""

    token: str
    fresh: bool


def tracking_link(tx: Tx, order_id: int) -> LinkMade:
    """The link of the public page of an order's parcels; the one that lives, else a new one."""
    tx.actor.require("order.note")
    return make_link(tx, lock_order(tx, order_id), Opens.PARCEL)


def revoke_link(tx: Tx, order_id: int) -> bool:
    """The page is shut at once; a new link has another address. False when none lives."""
    tx.actor.require("order.note")
    return shut_link(tx, lock_order(tx, order_id), Opens.PARCEL)


def make_link(tx: Tx, order: Order, opens: Opens) -> LinkMade:
    """The living link of this kind, kept alive when its time was over, else a new one. The order is locked."""
    link = tx.session.scalars(living(order.id, opens)).one_or_none()
    if link is None:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        tx.session.add(TrackingLink(token=token, order_id=order.id, opens=opens, created_by=tx.actor.label[:120]))
        audit.record(tx, f"{_WORDS[opens]}.link_made", "order", order.id, order.number)
        return LinkMade(token, fresh=True)
    if link_over(tx, link) < clock.now():
        keep_link(tx, order, link, OPEN_FOR)
    return LinkMade(link.token, fresh=False)


def keep_link(tx: Tx, order: Order, link: TrackingLink, longer: timedelta) -> datetime:
    """Let a link live ``longer`` than now or than it would; answers until when."""
    link.kept_until = max(link_over(tx, link), clock.now()) + longer
    audit.record(
        tx, f"{_WORDS[link.opens]}.link_kept", "order", order.id, order.number, after={"until": link.kept_until}
    )
    return link.kept_until


def shut_link(tx: Tx, order: Order, opens: Opens) -> bool:
    """Take the living link of this kind back. The order is locked."""
    link = tx.session.scalars(living(order.id, opens)).one_or_none()
    if link is None:
        return False
    link.revoked_at, link.revoked_by = clock.now(), tx.actor.label[:120]
    tx.session.flush()  # a new one may follow at once
    audit.record(tx, f"{_WORDS[opens]}.link_revoked", "order", order.id, order.number)
    return True


def living(order_id: int, opens: Opens) -> Select[TrackingLink]:
    """The link of a kind that was not taken back."""
    return select(TrackingLink).where(
        TrackingLink.order_id == order_id, TrackingLink.opens == opens, TrackingLink.revoked_at.is_(None)
    )


def open_link(tx: Tx, token: str, opens: Opens = Opens.PARCEL) -> Order:
    """The order behind a link, for its page; the visit is counted. Raises NotFound for links that were guessed, taken
    back, are over, or lead to less: one answer for all, after the same statement, so that nobody learns which."""
    gone = NotFound(say("This link is not valid any more"), code="link_not_found")
    goods = _goods(TrackingLink.order_id).lateral("goods")
    row = tx.session.execute(
        select(TrackingLink, goods.c.arrived, goods.c.under_way)
        .join(goods, true())
        .where(TrackingLink.token == plain_token(token), TrackingLink.revoked_at.is_(None))
        .options(joinedload(TrackingLink.order).joinedload(Order.shop))
    ).one_or_none()
    if row is None or _ends(*row) < clock.now() or row[0].opens not in {opens, Opens.ORDER}:
        raise gone
    link: TrackingLink = row[0]
    tx.session.execute(
        update(TrackingLink)
        .where(TrackingLink.id == link.id)
        .values(seen=TrackingLink.seen + 1, seen_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    return link.order


def link_over(tx: Tx, link: TrackingLink) -> datetime:
    """When a link ends: some weeks after the goods arrived, or after it was made; not while they are on their way, and
    not before somebody wanted it to."""
    return _ends(link, *tx.session.execute(_goods(link.order_id)).one())


def _goods(order_id: InstrumentedAttribute[int] | int) -> Select[datetime | None, int]:
    """When the last goods of an order arrived or left, and how many of its lines are under way."""
    latest = func.coalesce(Shipment.delivered_at, Shipment.handed_over_at, Shipment.created_at)
    return (
        select(
            func.max(latest).label("arrived"),
            func.count()
            .filter(Shipment.status.in_([ShipmentStatus.HANDED_OVER, ShipmentStatus.RETURNING]))
            .label("under_way"),
        )
        .join(ShipmentLine, ShipmentLine.shipment_id == Shipment.id)
        .where(ShipmentLine.order_id == order_id, Shipment.status != ShipmentStatus.CANCELED)
    )


def _ends(link: TrackingLink, arrived: datetime | None, under_way: int) -> datetime:
    begins = max(link.created_at, arrived or link.created_at)
    ends = (max(begins, clock.now()) if under_way else begins) + OPEN_FOR
    return max(ends, link.kept_until or ends)
