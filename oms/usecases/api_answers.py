"""A repeated request is answered like the first: the answer is kept in the transaction of the change.

The row is written before the work and filled in after it. Whoever sends the same key meanwhile waits at the unique
index until that transaction has ended, and then reads its answer. A request that was refused leaves no row, as it
changed nothing: the same key may be tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from oms import clock
from oms.api.models import ApiAnswer
from oms.db import Tx
from oms.errors import InvalidInput, say

KEEP: Final = timedelta(days=30)


@dataclass(frozen=True)
class Begun:
    """The row of a request that is being worked on."""

    answer_id: int


@dataclass(frozen=True)
class Answered:
    """What the first one was answered."""

    status: int
    body: str


_CLAIM = insert(ApiAnswer).on_conflict_do_nothing().returning(ApiAnswer.id)


def begin_answer(tx: Tx, key_id: int, idempotency_key: str, request_sha256: str) -> Begun | Answered:
    """Begin a request, or answer what the same one was answered. Raises InvalidInput for another body."""
    fresh = tx.session.execute(
        _CLAIM,
        {
            "key_id": key_id, "idempotency_key": idempotency_key, "request_sha256": request_sha256, "status": 0,
            "body": "", "created_at": clock.now(),
        },
    ).scalar_one_or_none()  # fmt: skip
    if fresh is not None:
        return Begun(fresh)
    kept = tx.session.execute(
        select(ApiAnswer.request_sha256, ApiAnswer.status, ApiAnswer.body).where(
            ApiAnswer.key_id == key_id, ApiAnswer.idempotency_key == idempotency_key
        )
    ).one()
    if kept.request_sha256 != request_sha256:
        raise InvalidInput(
            say("This Idempotency-Key was used for another request; take a new one"),
            field="Idempotency-Key",
            code="idempotency_key_reused",
        )
    return Answered(kept.status, kept.body)


def keep_answer(tx: Tx, begun: Begun, status: int, body: str) -> None:
    """Remember the answer, with the change itself."""
    tx.session.execute(update(ApiAnswer).where(ApiAnswer.id == begun.answer_id).values(status=status, body=body))


def forget_answers(tx: Tx, limit: int = 50_000) -> int:
    """Remove answers nobody will ask for again; returns how many. An order still knows the key it came with."""
    old = select(ApiAnswer.id).where(ApiAnswer.created_at < clock.now() - KEEP).order_by(ApiAnswer.id).limit(limit)
    return len(tx.session.execute(delete(ApiAnswer).where(ApiAnswer.id.in_(old)).returning(ApiAnswer.id)).all())
