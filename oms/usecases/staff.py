"""Limits of a login: which warehouses and shops it sees, how much discount it may give alone."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from oms import audit
from oms.catalog.models import Shop
from oms.db import Tx
from oms.errors import Conflict, InvalidInput, say
from oms.inventory.models import Warehouse
from oms.staff.models import StaffProfile, StaffScope


@dataclass(frozen=True)
class SetLimits:
    """What one login may see and give. Empty scopes mean everything; ``discount_limit`` None means the role's."""

    user_id: int
    username: str
    warehouses: frozenset[int] = frozenset()
    shops: frozenset[int] = frozenset()
    discount_limit: int | None = None
    own_orders_only: bool = False
    version: int | None = None


@dataclass(frozen=True)
class Limits:
    """The limits of one login as they stand. ``version`` 0: nothing was set yet."""

    warehouses: frozenset[int]
    shops: frozenset[int]
    discount_limit: int | None
    own_orders_only: bool
    version: int


def limits_of(tx: Tx, user_id: int) -> Limits:
    """Read them."""
    profile = tx.session.get(StaffProfile, user_id)
    rows = tx.session.execute(select(StaffScope.kind, StaffScope.ref_id).where(StaffScope.user_id == user_id)).all()
    return Limits(
        frozenset(ref for kind, ref in rows if kind == "warehouse"),
        frozenset(ref for kind, ref in rows if kind == "shop"),
        profile.discount_limit if profile else None,
        own_orders_only=bool(profile and profile.own_orders_only),
        version=profile.version if profile else 0,
    )


def set_limits(tx: Tx, cmd: SetLimits) -> None:
    """Set what a login may see and give; refuses to write over a newer change."""
    tx.actor.require("staff.edit")
    if cmd.discount_limit is not None and not 0 <= cmd.discount_limit <= 100:
        raise InvalidInput(say("A percentage lies between 0 and 100"), field="discount_limit", code="percent_range")
    _known(tx, cmd)
    profile = tx.session.get(StaffProfile, cmd.user_id, with_for_update=True)
    before = limits_of(tx, cmd.user_id)
    if cmd.version is not None and cmd.version != before.version:
        raise Conflict(say("Someone else changed this record; reload and try again"), code="stale")
    if profile is None:
        profile = StaffProfile(user_id=cmd.user_id)
        tx.session.add(profile)
    profile.discount_limit, profile.own_orders_only = cmd.discount_limit, cmd.own_orders_only
    tx.session.execute(delete(StaffScope).where(StaffScope.user_id == cmd.user_id))
    scopes = [{"user_id": cmd.user_id, "kind": "warehouse", "ref_id": ref} for ref in sorted(cmd.warehouses)]
    scopes += [{"user_id": cmd.user_id, "kind": "shop", "ref_id": ref} for ref in sorted(cmd.shops)]
    if scopes:
        tx.session.execute(insert(StaffScope), scopes)
    was, now = audit.changes(_facts(before), _facts(cmd))
    if now:
        audit.record(tx, "staff.limits_changed", "staff", cmd.user_id, cmd.username, before=was, after=now)


def _facts(limits: Limits | SetLimits) -> dict[str, object]:
    return {
        "warehouses": sorted(limits.warehouses),
        "shops": sorted(limits.shops),
        "discount_limit": limits.discount_limit,
        "own_orders_only": limits.own_orders_only,
    }


def _known(tx: Tx, cmd: SetLimits) -> None:
    houses = set(tx.session.scalars(select(Warehouse.id).where(Warehouse.id.in_(cmd.warehouses))))
    shops = set(tx.session.scalars(select(Shop.id).where(Shop.id.in_(cmd.shops))))
    if houses != cmd.warehouses or shops != cmd.shops:
        raise InvalidInput(say("There is no such warehouse or shop"), code="scope_unknown")
