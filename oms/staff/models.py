"""What the business must know of a staff login: limits, row scope, how it gets in. Keyed by the panel's user id."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from oms.columns import UtcDateTime
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


class StaffSession(Model):
    """One browser that logged in. The cookie holds a token; only its hash is kept. Ended rows stay as history."""

    __tablename__ = "staff_sessions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ip: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(200))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_reason: Mapped[str] = mapped_column(String(32), default="")

    __table_args__ = (Index("ix_staff_sessions_live", "user_id", "seen_at", postgresql_where=text("ended_at IS NULL")),)


class LoginFailure(Model):
    """Failed attempts at one user name, whether or not such a user exists, so that nobody learns which names do."""

    __tablename__ = "login_failures"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StaffSecondFactor(Model):
    """The authenticator app of one login. ``secret`` is sealed; ``last_step`` keeps a code from being used twice."""

    __tablename__ = "staff_second_factors"

    user_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    secret: Mapped[str] = mapped_column(String(400))
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)


class StaffBackupCode(Model):
    """A one-time code for the day the phone is lost; only its hash is kept."""

    __tablename__ = "staff_backup_codes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger, index=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
