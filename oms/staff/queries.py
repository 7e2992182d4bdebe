"""Reads of staff logins."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from oms.staff.models import StaffProfile, StaffScope


@dataclass(frozen=True)
class Scope:
    """The rows a login sees; None: all of them."""

    warehouses: frozenset[int] | None = None
    shops: frozenset[int] | None = None
    own_orders_only: bool = False


def scope_of(session: Session, user_id: int) -> Scope:
    """What a login is limited to."""
    found: dict[str, set[int]] = {"warehouse": set(), "shop": set()}
    for kind, ref in session.execute(select(StaffScope.kind, StaffScope.ref_id).where(StaffScope.user_id == user_id)):
        found[kind].add(ref)
    own = session.scalar(select(StaffProfile.own_orders_only).where(StaffProfile.user_id == user_id))
    return Scope(frozenset(found["warehouse"]) or None, frozenset(found["shop"]) or None, bool(own))
