"""What the business must know of a staff login: limits and row scope. Keyed by the panel's user id."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from oms.db import Model


class StaffProfile(Model):
    """Limits of one login; a login without a row has its role's limits and sees every row."""

    __tablename__ = "staff_profiles"

    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    discount_limit: Mapped[int | None] = mapped_column(Integer)
    own_orders_only: Mapped[bool] = mapped_column(default=False)
    language: Mapped[str] = mapped_column(String(8), default="th")
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (CheckConstraint("discount_limit BETWEEN 0 AND 100", name="discount_limit"),)


class StaffScope(Model):
    """One warehouse or shop a login is limited to. No rows of a kind: all of them."""

    __tablename__ = "staff_scopes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(16))
    ref_id: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        Index("uq_staff_scopes", "user_id", "kind", "ref_id", unique=True),
        CheckConstraint("kind IN ('warehouse', 'shop')", name="kind"),
    )
