"""Getting in and out: sessions that really end, attempts that run out, a second factor when a person wants one.

Whether a password is right is the panel's business; what follows from it is decided here.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from oms import audit, clock
from oms.db import Tx
from oms.errors import NotFound, Refused, say
from oms.staff.models import LoginFailure, StaffProfile, StaffSession

MAX_FAILURES = 8
LOCK = timedelta(minutes=15)
FORGET_FAILURES = timedelta(hours=1)
IDLE = timedelta(hours=12)
LONGEST = timedelta(days=14)
TOUCH_EVERY = timedelta(minutes=1)


def token_hash(token: str) -> str:
    """What is kept of a session's token."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True)
class SessionStarted:
    """The token for the cookie; it cannot be read back later."""

    session_id: int
    token: str


def start_session(tx: Tx, user_id: int, user: str, agent: str) -> SessionStarted:
    """Open a session after the password (and the second factor, when on) was right."""
    token, at = secrets.token_urlsafe(32), clock.now()
    row = StaffSession(
        user_id=user_id, token_hash=token_hash(token), started_at=at, seen_at=at, ip=tx.actor.ip[:64], agent=agent[:200]
    )
    tx.session.add(row)
    tx.session.flush()  # the id goes into the audit row
    tx.session.execute(delete(LoginFailure).where(LoginFailure.name == user.lower()[:128]))
    audit.record(tx, "login.started", "staff", user_id, user, after={"session": row.id})
    return SessionStarted(row.id, token)


def live_clause(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """The conditions under which a session still counts."""
    return (
        StaffSession.ended_at.is_(None),
        StaffSession.seen_at > now - IDLE,
        StaffSession.started_at > now - LONGEST,
    )


def touch_session(tx: Tx, session_id: int) -> None:
    """Note that the session is in use (asked at most once a minute)."""
    tx.session.execute(update(StaffSession).where(StaffSession.id == session_id).values(seen_at=clock.now()))


def end_session(tx: Tx, session_id: int, user: str, reason: str = "logout") -> None:
    """End one session: its owner may always; another's needs the staff permission. Ending twice changes nothing."""
    row = tx.session.get(StaffSession, session_id, with_for_update=True)
    if row is None:
        raise NotFound(say("There is no such session"))
    if row.user_id != tx.actor.user_id:
        tx.actor.require("staff.edit")
    if row.ended_at is not None:
        return
    row.ended_at, row.end_reason = clock.now(), reason
    audit.record(tx, "login.ended", "staff", row.user_id, user, after={"session": row.id}, reason=reason)


def end_all_sessions(tx: Tx, user_id: int, user: str, reason: str, keep: int | None = None) -> int:
    """End every session of a login, but ``keep``: after a new password, or when the owner says so."""
    if user_id != tx.actor.user_id:
        tx.actor.require("staff.edit")
    ended = tx.session.execute(
        update(StaffSession)
        .where(StaffSession.user_id == user_id, StaffSession.ended_at.is_(None), StaffSession.id != (keep or 0))
        .values(ended_at=clock.now(), end_reason=reason)
        .returning(StaffSession.id)
    ).all()
    if ended:
        audit.record(tx, "login.ended", "staff", user_id, user, after={"sessions": len(ended)}, reason=reason)
    return len(ended)


def list_sessions(tx: Tx, user_id: int) -> list[StaffSession]:
    """The live sessions of a login, newest use first."""
    if user_id != tx.actor.user_id:
        tx.actor.require("staff.edit")
    statement = select(StaffSession).where(StaffSession.user_id == user_id, *live_clause(clock.now()))
    return list(tx.session.scalars(statement.order_by(StaffSession.seen_at.desc()).limit(50)))


def check_not_locked(tx: Tx, name: str) -> None:
    """Raise Refused while a user name is locked after too many failures."""
    row = tx.session.get(LoginFailure, name.lower()[:128])
    if row is not None and row.locked_until is not None and row.locked_until > clock.now():
        minutes = int((row.locked_until - clock.now()).total_seconds() // 60) + 1
        raise Refused(
            say(
                "Too many failed attempts. This name is locked for {minutes} more minutes; "
                "the owner can unlock it sooner",
                minutes=minutes,
            ),
            code="login_locked",
        )


def note_failure(tx: Tx, name: str, user_id: int | None) -> bool:
    """Count a failed attempt; True when this one locked the name."""
    at, key = clock.now(), name.lower()[:128]
    insertion = insert(LoginFailure).values(name=key, failures=1, last_at=at)
    counted = insertion.on_conflict_do_update(
        index_elements=[LoginFailure.name], set_={"failures": LoginFailure.failures + 1, "last_at": at}
    )
    tx.session.execute(
        delete(LoginFailure).where(LoginFailure.name == key, LoginFailure.last_at < at - FORGET_FAILURES)
    )
    failures = int(tx.session.scalar(counted.returning(LoginFailure.failures)) or 0)
    locks = failures % MAX_FAILURES == 0
    if locks:
        tx.session.execute(update(LoginFailure).where(LoginFailure.name == key).values(locked_until=at + LOCK))
    audit.record(tx, "login.locked" if locks else "login.failed", "staff", user_id, key, after={"failures": failures})
    return locks


def unlock(tx: Tx, name: str, user_id: int) -> None:
    """The owner lets a locked name in again at once."""
    tx.actor.require("staff.edit")
    tx.session.execute(delete(LoginFailure).where(LoginFailure.name == name.lower()[:128]))
    audit.record(tx, "login.unlocked", "staff", user_id, name)


def set_language(tx: Tx, language: str) -> None:
    """Keep the language a person chose on their own account."""
    if tx.actor.user_id is None or language not in {"th", "en"}:
        return
    chosen = insert(StaffProfile).values(user_id=tx.actor.user_id, language=language, own_orders_only=False, version=1)
    tx.session.execute(
        chosen.on_conflict_do_update(
            index_elements=[StaffProfile.user_id],
            set_={"language": language, "version": StaffProfile.version + 1},
        )
    )
