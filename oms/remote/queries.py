"""Reads and locks of remote sites."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, joinedload

from oms import clock
from oms.actor import Actor
from oms.db import Tx
from oms.errors import NotFound, say
from oms.remote.models import RemoteMessage, RemotePackage, RemoteSite
from oms.remote.packages import Way
from oms.remote.states import MessageState, PackageState


def visible_sites(actor: Actor) -> Select[RemoteSite]:
    """The sites of this actor's warehouses."""
    statement = select(RemoteSite).options(joinedload(RemoteSite.warehouse))
    if actor.warehouses is not None:
        statement = statement.where(RemoteSite.warehouse_id.in_(sorted(actor.warehouses)))
    return statement


def get_site(tx: Tx, site_id: int) -> RemoteSite:
    """One site of the actor's. Raises NotFound."""
    found = tx.session.scalars(visible_sites(tx.actor).where(RemoteSite.id == site_id)).one_or_none()
    if found is None:
        raise NotFound(say("There is no such site, or it is not yours to see"), code="site_not_found")
    return found


def lock_site(tx: Tx, site_id: int) -> RemoteSite:
    """One site, locked: its numbers move by one transaction at a time. Raises NotFound."""
    found = tx.session.scalars(
        select(RemoteSite)
        .where(RemoteSite.id == site_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound(say("There is no such site, or it is not yours to see"), code="site_not_found")
    return found


def token_mark(token: str) -> str:
    """What a site's token is found by; the token itself is stored sealed only."""
    return hashlib.sha256(token.encode()).hexdigest()


def site_by_token(session: Session, code: str, token: str) -> RemoteSite | None:
    """The active site that calls with this token, or None."""
    return session.scalars(
        select(RemoteSite).where(
            RemoteSite.code == code, RemoteSite.token_sha256 == token_mark(token), RemoteSite.is_active
        )
    ).one_or_none()


@dataclass(frozen=True)
class SiteState:
    """How a site stands. ``unsent`` and ``unacknowledged`` are messages to it; ``silent``: not heard for too long."""

    site: RemoteSite
    unsent: int = 0
    unacknowledged: int = 0
    parked: int = 0
    early: int = 0
    silent: bool = False


def is_silent(site: RemoteSite) -> bool:
    """Whether a site that should call has not for longer than it may."""
    since = site.heard_at or site.created_at
    return site.is_active and clock.now() - since > timedelta(hours=site.silent_hours)


def site_states(session: Session, actor: Actor) -> list[SiteState]:
    """Every site of the actor's with what waits on either side, in three statements."""
    sites = session.scalars(visible_sites(actor).order_by(RemoteSite.name)).all()
    waiting: dict[tuple[int, str], int] = {
        (row[0], row[1]): row[2]
        for row in session.execute(
            select(RemoteMessage.site_id, RemoteMessage.state, func.count())
            .where(RemoteMessage.state.in_([MessageState.WAITING, MessageState.PACKED, MessageState.PARKED]))
            .group_by(RemoteMessage.site_id, RemoteMessage.state)
        )
    }
    kept = select(RemotePackage.site_id, func.count()).where(RemotePackage.state == PackageState.EARLY)
    early: dict[int, int] = {row[0]: row[1] for row in session.execute(kept.group_by(RemotePackage.site_id))}
    return [
        SiteState(
            site, waiting.get((site.id, MessageState.WAITING), 0), waiting.get((site.id, MessageState.PACKED), 0),
            waiting.get((site.id, MessageState.PARKED), 0), early.get(site.id, 0), is_silent(site),
        )
        for site in sites
    ]  # fmt: skip


def attention(actor: Actor) -> Select[int]:
    """How much of remote sites needs a person: parked messages, and sites that fell silent."""
    mine = visible_sites(actor).with_only_columns(RemoteSite.id)
    parked = (
        select(func.count())
        .where(RemoteMessage.state == MessageState.PARKED, RemoteMessage.site_id.in_(mine))
        .select_from(RemoteMessage)
        .scalar_subquery()
    )
    since = func.coalesce(RemoteSite.heard_at, RemoteSite.created_at)
    late = since < clock.now() - func.make_interval(0, 0, 0, 0, RemoteSite.silent_hours)
    silent = (
        select(func.count())
        .select_from(RemoteSite)
        .where(RemoteSite.is_active, late, RemoteSite.id.in_(mine))
        .scalar_subquery()
    )
    return select(parked + silent)


def parked(session: Session, site_id: int, limit: int = 100) -> Sequence[RemoteMessage]:
    """What waits for a person, the oldest first."""
    return session.scalars(
        select(RemoteMessage)
        .where(RemoteMessage.site_id == site_id, RemoteMessage.state == MessageState.PARKED)
        .order_by(RemoteMessage.id)
        .limit(limit)
    ).all()


def recent_messages(session: Session, site_id: int, find: str = "", limit: int = 50) -> Sequence[RemoteMessage]:
    """The last messages of a site, or those that name a shipment number."""
    statement = select(RemoteMessage).where(RemoteMessage.site_id == site_id)
    if find:
        statement = statement.where(or_(RemoteMessage.body["shipment"].astext == find, RemoteMessage.uid == find[:64]))
    return session.scalars(statement.order_by(RemoteMessage.id.desc()).limit(limit)).all()


def recent_packages(session: Session, site_id: int, limit: int = 30) -> Sequence[Any]:
    """The last packages of a site, without their bytes."""
    columns = [
        RemotePackage.id, RemotePackage.way, RemotePackage.seq, RemotePackage.state, RemotePackage.messages,
        RemotePackage.sha256, RemotePackage.at,
    ]  # fmt: skip
    return session.execute(
        select(*columns).where(RemotePackage.site_id == site_id).order_by(RemotePackage.id.desc()).limit(limit)
    ).all()


def packages_after(session: Session, site_id: int, seq: int, limit: int) -> list[RemotePackage]:
    """Packages to a site from a number on, in order."""
    return list(
        session.scalars(
            select(RemotePackage)
            .where(RemotePackage.site_id == site_id, RemotePackage.way == Way.OUT, RemotePackage.seq > seq)
            .order_by(RemotePackage.seq)
            .limit(limit)
        )
    )
