"""Files kept under names nobody can guess: uploads as they came, and files made for download."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from sqlalchemy import select

from oms import clock
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, say
from oms.intake.models import StoredFile

_CHUNK = 1 << 20
_NAME_LENGTH = 200


@dataclass(frozen=True)
class Kept:
    """A file in the store: ``key`` is its name there."""

    key: str
    name: str
    size: int
    sha256: str


def path_of(root: Path, key: str) -> Path:
    """Where a kept file lies. Raises NotFound for a key that is none of ours."""
    if not key or not key.isalnum():
        raise NotFound(say("There is no such file"), code="file_not_found")
    return root / key[:2] / key


def new_path(root: Path) -> tuple[str, Path]:
    """A fresh key and the place for its file; the folder is made."""
    key = secrets.token_hex(24)
    path = path_of(root, key)
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    return key, path


def keep(root: Path, source: IO[bytes], name: str, limit: int | None = None) -> Kept:
    """Write a stream into the store. Raises InvalidInput, and keeps nothing, when it is longer than ``limit`` bytes."""
    key, path = new_path(root)
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as out:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if limit is not None and size > limit:
                break
            digest.update(chunk)
            out.write(chunk)
    if limit is not None and size > limit:
        path.unlink()
        raise InvalidInput(
            say("The file is larger than {limit} MB. Export a shorter period", limit=limit // (1024 * 1024)),
            field="file",
            code="file_too_large",
        )
    return Kept(key, tidy_name(name), size, digest.hexdigest())


def measured(root: Path, key: str, name: str) -> Kept:
    """A file that was written in the store by other means."""
    path, digest = path_of(root, key), hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return Kept(key, tidy_name(name), path.stat().st_size, digest.hexdigest())


def tidy_name(name: str) -> str:
    """A file name without folders or control characters."""
    bare = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in bare if c.isprintable())[-_NAME_LENGTH:] or "file"


def register(tx: Tx, kept: Kept, purpose: str, mime: str, expires_at: datetime | None = None) -> StoredFile:
    """Put a kept file on record, so that it can be found, downloaded and cleared away."""
    row = StoredFile(
        key=kept.key, name=kept.name, mime=mime, size=kept.size, sha256=kept.sha256, purpose=purpose,
        user_id=tx.actor.user_id, created_at=clock.now(), expires_at=expires_at,
    )  # fmt: skip
    tx.session.add(row)
    return row


def find_file(tx: Tx, key: str) -> StoredFile:
    """The record of a kept file. Raises NotFound, also when its time is over."""
    row = tx.session.scalars(select(StoredFile).where(StoredFile.key == key)).one_or_none()
    if row is None or (row.expires_at is not None and row.expires_at < clock.now()):
        raise NotFound(say("There is no such file, or it is too old"), code="file_not_found")
    return row


def purge_expired(tx: Tx, root: Path, limit: int = 500) -> int:
    """Remove files whose time is over, and their records; answers how many. A file goes before its record, so that a
    crash in between leaves a record that is taken up again, never a file nobody knows of."""
    due = select(StoredFile).where(StoredFile.expires_at < clock.now()).order_by(StoredFile.id).limit(limit)
    rows = list(tx.session.scalars(due.with_for_update(skip_locked=True)))
    for row in rows:
        path_of(root, row.key).unlink(missing_ok=True)
        tx.session.delete(row)
    return len(rows)
