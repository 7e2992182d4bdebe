"""What a login may reach beyond its role: warehouses, shops, own orders only, how much discount it gives alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm.attributes import flag_modified

from oms import audit
from oms.catalog.models import Shop
from oms.db import Tx
from oms.errors import Conflict, InvalidInput, Refused, say
from oms.inventory.models import Warehouse
from oms.staff.models import StaffProfile, StaffScope
from oms.usecases.keeping import between

_PLACES: dict[str, Any] = {"warehouse": Warehouse, "shop": Shop}


@dataclass(frozen=True)
class SetLimits:
    """The whole of a login's limits as they shall be. No warehouses (or shops): all of them. ``discount_limit`` is
    percent; None leaves it to the role. ``version`` is 0 for a login that never had limits."""

    user_id: int
    username: str
    version: int
    discount_limit: int | None = None
    own_orders_only: bool = False
    warehouses: frozenset[int] = frozenset()
    shops: frozenset[int] = frozenset()


@dataclass(frozen=True)
class LimitsSet:
    """``changed`` is False when what was saved is what was there."""

    user_id: int
    changed: bool


def set_limits(tx: Tx, cmd: SetLimits) -> LimitsSet:
    """Limit a login to some warehouses and shops, to its own orders, to a discount. It counts from the next click."""
    tx.actor.require("staff.edit")
    if cmd.user_id == tx.actor.user_id and (cmd.warehouses or cmd.shops or cmd.own_orders_only):
        raise Refused(say("Limit somebody else; you would lock yourself out of rows"), code="own_limits")
    profile = _locked(tx, cmd)
    limit = None if cmd.discount_limit is None else between(cmd.discount_limit, 0, 100, "discount_limit")
    fields: dict[str, Any] = {"discount_limit": limit, "own_orders_only": cmd.own_orders_only}
    before, after = audit.changes({key: getattr(profile, key) for key in fields}, fields)
    for key, value in after.items():
        setattr(profile, key, value)
    for kind, wanted in (("warehouse", cmd.warehouses), ("shop", cmd.shops)):
        was, shall = _scope(tx, cmd.user_id, kind, wanted)
        if was != shall:
            before[f"{kind}s"], after[f"{kind}s"] = was, shall
    if after:
        flag_modified(profile, "own_orders_only")  # the version counts up although perhaps only the scopes changed
        audit.record(tx, "staff.limits", "staff", cmd.user_id, cmd.username, before=before, after=after)
    return LimitsSet(cmd.user_id, changed=bool(after))


def _locked(tx: Tx, cmd: SetLimits) -> StaffProfile:
    """The profile, locked, over the version the editor saw; made when there is none."""
    profile = tx.session.get(StaffProfile, cmd.user_id, with_for_update=True, populate_existing=True)
    if (profile.version if profile else 0) != cmd.version:
        raise Conflict(
            say("Someone else saved this while you were editing. Reload to see the change, then enter yours again"),
            code="stale",
        )
    if profile is None:
        profile = StaffProfile(user_id=cmd.user_id, own_orders_only=False, language="th")
        tx.session.add(profile)
        tx.session.flush()  # the scopes below belong to it, and a racing editor must meet it
    return profile


def _scope(tx: Tx, user_id: int, kind: str, wanted: Collection[int]) -> tuple[list[str], list[str]]:
    """Limit a login to these places; their codes before and after."""
    place = _PLACES[kind]
    codes = {row.id: row.code for row in tx.session.execute(select(place.id, place.code))}
    if not set(wanted) <= set(codes):
        raise InvalidInput(say("Choose from the list"), field=f"{kind}s", code="scope_unknown")
    mine = (StaffScope.user_id == user_id, StaffScope.kind == kind)
    there = set(tx.session.scalars(select(StaffScope.ref_id).where(*mine)))
    if there != set(wanted):
        tx.session.execute(delete(StaffScope).where(*mine))
        if wanted:
            rows = [{"user_id": user_id, "kind": kind, "ref_id": ref} for ref in sorted(wanted)]
            tx.session.execute(insert(StaffScope), rows)
    return sorted(codes[ref] for ref in there if ref in codes), sorted(codes[ref] for ref in wanted)
