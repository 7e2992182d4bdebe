"""A repeated request is answered like the first: the answer is kept in the transaction of the change.

The row is written before the work and filled in after it. Whoever sends the same key meanwhile waits at the unique
index until that transaction has ended, and then reads its answer. A request that was refused leaves no row, as it
changed nothing: the same key may be tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select, text

from oms import clock
from oms.api.models import ApiAnswer
from oms.asking import Question, ask, write
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


_BEGIN = text(
    "INSERT INTO api_answers (key_id, idempotency_key, request_sha256, status, body, created_at)"
    " VALUES (:key_id, :idempotency_key, :request_sha256, 0, '', :at)"
    " ON CONFLICT (key_id, idempotency_key) DO NOTHING RETURNING id"
)
_KEEP = text("UPDATE api_answers SET status = :status, body = :body WHERE id = :id")


def begin_answer(tx: Tx, key_id: int, idempotency_key: str, request_sha256: str) -> Begun | Answered:
    """Begin a request, or answer what the same one was answered. Raises InvalidInput for another body."""
    asked = {"key_id": key_id, "idempotency_key": idempotency_key, "request_sha256": request_sha256, "at": clock.now()}
    fresh = ask(tx.connection, Question(_BEGIN, lambda rows: rows[0][0] if rows else None, asked))
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
    facts = {"id": begun.answer_id, "status": status, "body": body}
    tx.last.append(lambda: write(tx.connection, _KEEP, facts))


def forget_answers(tx: Tx, limit: int = 50_000) -> int:
    """Remove answers nobody will ask for again; returns how many."""
    old = select(ApiAnswer.id).where(ApiAnswer.created_at < clock.now() - KEEP).order_by(ApiAnswer.id).limit(limit)
    return len(tx.session.execute(delete(ApiAnswer).where(ApiAnswer.id.in_(old)).returning(ApiAnswer.id)).all())
