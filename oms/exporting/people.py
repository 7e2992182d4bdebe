"""The list of staff logins. Their tables belong to the panel's library, so they are named here, not modeled."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Integer, String, and_, column, func, select, table

from oms.catalog.models import Shop
from oms.exporting.shape import Column, ExportList
from oms.inventory.models import Warehouse
from oms.staff.models import StaffProfile, StaffScope

_USER: Final = table(
    "ab_user", column("id", Integer), column("username", String), column("first_name", String),
    column("last_name", String), column("email", String), column("active", Boolean),
)  # fmt: skip
_ROLE: Final = table("ab_role", column("id", Integer), column("name", String))
_HAS: Final = table("ab_user_role", column("user_id", Integer), column("role_id", Integer))

_ROLES = (
    select(func.string_agg(_ROLE.c.name, ", "))
    .join(_HAS, _HAS.c.role_id == _ROLE.c.id)
    .where(_HAS.c.user_id == _USER.c.id)
    .correlate(_USER)
    .scalar_subquery()
)


def _places(kind: str, place: type[Warehouse | Shop]) -> object:
    """The codes a login is limited to; empty for one that sees all."""
    return (
        select(func.coalesce(func.string_agg(place.code, ", "), ""))
        .join(StaffScope, and_(StaffScope.ref_id == place.id, StaffScope.kind == kind))
        .where(StaffScope.user_id == _USER.c.id)
        .correlate(_USER)
        .scalar_subquery()
    )


STAFF = ExportList(
    "staff", "Staff", "staff.edit",
    {
        "username": Column("User name", _USER.c.username),
        "first_name": Column("First name", _USER.c.first_name),
        "last_name": Column("Last name", _USER.c.last_name),
        "email": Column("E-mail", _USER.c.email),
        "roles": Column("Roles", _ROLES),
        "warehouses": Column("Warehouses", _places("warehouse", Warehouse)),
        "shops": Column("Shops", _places("shop", Shop)),
        "discount_limit": Column("Discount they may give alone (%)", StaffProfile.discount_limit),
        "active": Column("May log in", _USER.c.active),
    },
    lambda _: (
        select().select_from(_USER).outerjoin(StaffProfile, StaffProfile.user_id == _USER.c.id)
        .order_by(_USER.c.username)
    ),
    find=(_USER.c.username, _USER.c.first_name, _USER.c.last_name),
)  # fmt: skip
