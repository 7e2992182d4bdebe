"""The public page of an order's parcels: a link nobody can guess, made when first wanted, taken back with a click."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import joinedload

from oms import audit, clock
from oms.db import Tx
from oms.errors import NotFound, say
from oms.orders.models import Order
from oms.orders.queries import lock_order
from oms.shipping.link_models import TrackingLink
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.states import ShipmentStatus

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
TOKEN_BYTES: Final = 16  # 128 bits
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
    """The link of an order's public page; the one that lives, else a new one."""
    tx.actor.require("order.note")
    order = lock_order(tx, order_id)
    living = select(TrackingLink.token).where(TrackingLink.order_id == order.id, TrackingLink.revoked_at.is_(None))
    token = tx.session.scalar(living)
    if token is not None:
        return LinkMade(token, fresh=False)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    tx.session.add(TrackingLink(token=token, order_id=order.id, created_by=tx.actor.label[:120]))
    audit.record(tx, "tracking.link_made", "order", order.id, order.number)
    return LinkMade(token, fresh=True)


def revoke_link(tx: Tx, order_id: int) -> bool:
    """The page is shut at once; a new link has another address. False when none lives."""
    tx.actor.require("order.note")
    order = lock_order(tx, order_id)
    ids = tx.session.scalars(
        update(TrackingLink)
        .where(TrackingLink.order_id == order.id, TrackingLink.revoked_at.is_(None))
        .values(revoked_at=clock.now(), revoked_by=tx.actor.label[:120])
        .returning(TrackingLink.id)
        .execution_options(synchronize_session=False)
    ).all()
    if ids:
        audit.record(tx, "tracking.link_revoked", "order", order.id, order.number)
    return bool(ids)


def open_link(tx: Tx, token: str) -> Order:
    """The order behind a link, for its page; the visit is counted. Raises NotFound for links that were guessed, taken
    back or are over: one answer for all, so that nobody learns which."""
    gone = NotFound(say("This link is not valid any more"), code="link_not_found")
    link = tx.session.scalars(
        select(TrackingLink)
        .where(TrackingLink.token == plain_token(token), TrackingLink.revoked_at.is_(None))
        .options(joinedload(TrackingLink.order).joinedload(Order.shop))
    ).one_or_none()
    if link is None or link_over(tx, link) < clock.now():
        raise gone
    tx.session.execute(
        update(TrackingLink)
        .where(TrackingLink.id == link.id)
        .values(seen=TrackingLink.seen + 1, seen_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    return link.order


def link_over(tx: Tx, link: TrackingLink) -> datetime:
    """When a link ends: some weeks after the goods arrived, or after it was made while they are on their way."""
    arrived, under_way = tx.session.execute(
        select(
            func.max(func.coalesce(Shipment.delivered_at, Shipment.handed_over_at, Shipment.created_at)),
            func.count().filter(Shipment.status.in_([ShipmentStatus.HANDED_OVER, ShipmentStatus.RETURNING])),
        ).where(
            Shipment.id.in_(select(ShipmentLine.shipment_id).where(ShipmentLine.order_id == link.order_id)),
            Shipment.status != ShipmentStatus.CANCELED,
        )
    ).one()
    begins = max(link.created_at, arrived or link.created_at)
    return max(begins, clock.now()) + OPEN_FOR if under_way else begins + OPEN_FOR
