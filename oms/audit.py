"""Who did what: append-only rows written in the transaction of the change, chained by hash afterwards.

The program's database role may only insert and read ``audit_log``. A sealer job adds one ``audit_seal`` row per
audit row in small batches, each hashing the row with the seal before it, so that writers never queue for the chain.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String, insert, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from oms import clock
from oms.columns import UtcDateTime, moment
from oms.db import Model, Tx, insert_rows
from oms.money import Money

SEALER_LOCK = 0x52554153  # advisory lock: one sealer at a time


class AuditLog(Model):
    """One thing somebody did. Never updated, never deleted."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[moment] = mapped_column(index=True)
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(120))
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    role: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    subject_type: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int | None] = mapped_column(BigInteger)
    subject: Mapped[str] = mapped_column(String(200))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    reason: Mapped[str] = mapped_column(String(500))
    source: Mapped[str] = mapped_column(String(16))
    request_id: Mapped[str] = mapped_column(String(64))
    ip: Mapped[str] = mapped_column(String(64))

    __table_args__ = (
        Index("ix_audit_log_subject", "subject_type", "subject_id", "id"),
        Index("ix_audit_log_action", "action", "id"),
        Index("ix_audit_log_user", "user_id", "id"),
    )


class AuditSeal(Model):
    """A link of the hash chain over committed audit rows."""

    __tablename__ = "audit_seal"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    audit_id: Mapped[int] = mapped_column(ForeignKey("audit_log.id"), unique=True)
    hash: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime] = mapped_column(UtcDateTime)


def plain(value: Any) -> Any:
    """A value as JSON can hold it, exact: money as text in baht, moments as ISO."""
    if isinstance(value, Money):
        return f"{value.amount:.2f}"
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if value is None or isinstance(value, str | int | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@dataclass(frozen=True)
class Entry:
    """What one audit row says. ``before``/``after`` hold only what changed."""

    action: str
    subject_type: str
    subject_id: int | None
    subject: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    reason: str = ""


def record_many(tx: Tx, entries: Sequence[Entry]) -> None:
    """Write audit rows in one statement."""
    if not entries:
        return
    actor, at = tx.actor, clock.now()
    insert_rows(
        tx,
        AuditLog,
        [
            {
                "at": at,
                "actor_kind": actor.kind,
                "actor": actor.label[:120],
                "user_id": actor.user_id,
                "role": actor.role,
                "action": e.action,
                "subject_type": e.subject_type,
                "subject_id": e.subject_id,
                "subject": e.subject[:200],
                "before": plain(e.before),
                "after": plain(e.after),
                "reason": e.reason[:500],
                "source": actor.source,
                "request_id": actor.request_id[:64],
                "ip": actor.ip[:64],
            }
            for e in entries
        ],
    )


def record(
    tx: Tx,
    action: str,
    subject_type: str,
    subject_id: int | None,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> None:
    """Write one audit row in the caller's transaction."""
    record_many(tx, [Entry(action, subject_type, subject_id, subject, before, after, reason)])


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Only what differs, as (before, after)."""
    keys = [k for k in after if plain(before.get(k)) != plain(after[k])]
    return {k: before.get(k) for k in keys}, {k: after[k] for k in keys}


def _digest(previous: str, row: AuditLog) -> str:
    facts = [
        previous, row.id, row.at.isoformat(), row.actor_kind, row.actor, row.user_id, row.role, row.action,
        row.subject_type, row.subject_id, row.subject, row.before, row.after, row.reason, row.source,
        row.request_id, row.ip,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _last_seal(session: Session) -> str:
    return session.scalar(select(AuditSeal.hash).order_by(AuditSeal.id.desc()).limit(1)) or ""


def seal(tx: Tx, limit: int = 2000) -> int:
    """Chain the committed rows that have no seal yet; returns how many. One sealer works at a time."""
    if not tx.session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": SEALER_LOCK}):
        return 0
    previous = _last_seal(tx.session)
    unsealed = (
        select(AuditLog)
        .where(~select(AuditSeal.id).where(AuditSeal.audit_id == AuditLog.id).exists())
        .order_by(AuditLog.id)
        .limit(limit)
    )
    rows = list(tx.session.scalars(unsealed))
    links, at = [], clock.now()
    for row in rows:
        previous = _digest(previous, row)
        links.append({"audit_id": row.id, "hash": previous, "sealed_at": at})
    if links:
        tx.session.execute(insert(AuditSeal), links)
    return len(links)


@dataclass(frozen=True)
class ChainReport:
    """What the check found: ``broken`` names the first bad audit row, with a sentence in ``why``."""

    checked: int
    unsealed: int
    broken: int | None = None
    why: str = ""


_PAIRS = (
    select(AuditSeal, AuditLog)
    .outerjoin(AuditLog, AuditLog.id == AuditSeal.audit_id)
    .order_by(AuditSeal.id)
    .execution_options(yield_per=2000, populate_existing=True)
)


def verify(session: Session) -> ChainReport:
    """Walk the chain and name the first row that was changed, removed or put in."""
    previous, checked = "", 0
    with session.execute(_PAIRS) as pairs:  # closed even when the walk ends early
        for link, found in pairs:
            row: AuditLog | None = found  # the join is an outer one
            if row is None:
                return ChainReport(checked, 0, link.audit_id, "the row is missing")
            expected = _digest(previous, row)
            if expected != link.hash:
                return ChainReport(checked, 0, row.id, "the row or its link was changed")
            previous, checked = link.hash, checked + 1
    unsealed = session.scalar(
        text("SELECT count(*) FROM audit_log a WHERE NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.audit_id = a.id)")
    )
    return ChainReport(checked, int(unsealed or 0))
