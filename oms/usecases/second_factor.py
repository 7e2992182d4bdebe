"""The second factor: a code from an authenticator app at each login, for who wants one.

The secret is kept sealed; whoever calls opens it first. A code works once. Ten backup codes help when a phone is lost.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

import pyotp
from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert

from oms import audit, clock
from oms.db import Tx
from oms.errors import InvalidInput, Refused, say
from oms.staff.models import StaffBackupCode, StaffSecondFactor

ISSUER = "Ruam"
STEP_SECONDS = 30
DRIFT = (0, -1, 1)  # steps a phone's clock may be off
BACKUP_CODES = 10


@dataclass(frozen=True)
class SwitchedOn:
    """The backup codes, shown once."""

    codes: tuple[str, ...]


def new_secret() -> str:
    """A fresh secret, for the app's QR code."""
    return pyotp.random_base32()


def address(secret: str, username: str) -> str:
    """What the QR code says."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)


def find(tx: Tx, user_id: int) -> StaffSecondFactor | None:
    """The second factor of a login, confirmed or only begun."""
    return tx.session.get(StaffSecondFactor, user_id)


def begin(tx: Tx, sealed: str) -> None:
    """Keep the secret of one's own app until the first code confirms it."""
    user_id = _self(tx)
    known = find(tx, user_id)
    if known is not None and known.confirmed_at is not None:
        raise Refused(say("Two-step login is on already; switch it off first"), code="second_factor_on")
    values = {"secret": sealed, "confirmed_at": None, "last_step": 0}
    kept = insert(StaffSecondFactor).values(user_id=user_id, **values)
    tx.session.execute(kept.on_conflict_do_update(index_elements=[StaffSecondFactor.user_id], set_=values))


def confirm(tx: Tx, secret: str, code: str, username: str) -> SwitchedOn:
    """Switch the second factor on: the app shows the right code."""
    row = tx.session.get(StaffSecondFactor, _self(tx), with_for_update=True)
    if row is None or row.confirmed_at is not None:
        raise Refused(say("Start again: there is nothing to confirm"), code="second_factor_not_begun")
    step = matching_step(secret, code, clock.now())
    if step is None:
        raise _wrong()
    row.confirmed_at, row.last_step = clock.now(), step
    tx.session.execute(delete(StaffBackupCode).where(StaffBackupCode.user_id == row.user_id))
    codes = tuple(f"{secrets.token_hex(2)}-{secrets.token_hex(2)}" for _ in range(BACKUP_CODES))
    tx.session.add_all(StaffBackupCode(user_id=row.user_id, code_hash=_hash(c)) for c in codes)
    audit.record(tx, "second_factor.on", "staff", row.user_id, username)
    return SwitchedOn(codes)


def check(tx: Tx, user_id: int, secret: str, code: str, username: str) -> None:
    """Accept a code at the login, each only once, or a backup code. Raises InvalidInput."""
    row = tx.session.get(StaffSecondFactor, user_id, with_for_update=True)
    step = matching_step(secret, code, clock.now())
    if row is not None and step is not None and step > row.last_step:
        row.last_step = step
        return
    used = tx.session.scalar(
        update(StaffBackupCode)
        .where(
            StaffBackupCode.user_id == user_id,
            StaffBackupCode.code_hash == _hash(code),
            StaffBackupCode.used_at.is_(None),
        )
        .values(used_at=clock.now())
        .returning(StaffBackupCode.id)
    )
    if used is None:
        raise _wrong()
    audit.record(tx, "second_factor.backup_code", "staff", user_id, username)


def switch_off(tx: Tx, user_id: int, username: str) -> None:
    """Switch it off: one's own, or somebody's who lost the phone and the codes (keeper of staff)."""
    if user_id != tx.actor.user_id:
        tx.actor.require("staff.edit")
    tx.session.execute(delete(StaffBackupCode).where(StaffBackupCode.user_id == user_id))
    gone = tx.session.execute(
        delete(StaffSecondFactor).where(StaffSecondFactor.user_id == user_id).returning(StaffSecondFactor.confirmed_at)
    ).one_or_none()
    if gone is not None and gone.confirmed_at is not None:
        audit.record(tx, "second_factor.off", "staff", user_id, username)


def matching_step(secret: str, code: str, at: datetime) -> int | None:
    """The time step whose code this is, near ``at``, or None."""
    digits, now_step = code.replace(" ", ""), int(at.timestamp()) // STEP_SECONDS
    totp = pyotp.TOTP(secret)
    for drift in DRIFT:
        if secrets.compare_digest(totp.generate_otp(now_step + drift).encode(), digits.encode()):
            return now_step + drift
    return None


def _self(tx: Tx) -> int:
    if tx.actor.user_id is None:
        raise Refused(say("Only a person can have two-step login"), code="second_factor_person")
    return tx.actor.user_id


def _hash(code: str) -> str:
    return hashlib.sha256(code.strip().lower().encode()).hexdigest()


def _wrong() -> InvalidInput:
    return InvalidInput(
        say("This code is not right; use the newest one in the app"), field="code", code="second_factor_wrong"
    )
