"""What a person does about background work that needs one: try again, or close it with a reason."""

from __future__ import annotations

from oms import audit, clock
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.outbox import Outbox, OutboxStatus


def _open_work(tx: Tx, outbox_id: int) -> Outbox:
    tx.actor.require("operations.manage")
    row = tx.session.get(Outbox, outbox_id, with_for_update=True)
    if row is None:
        raise NotFound(say("There is no such work"))
    if row.status not in {OutboxStatus.NEEDS_PERSON, OutboxStatus.WAITING}:
        raise Refused(say("This work is running or already finished"), code="outbox_not_open")
    return row


def retry_work(tx: Tx, outbox_id: int) -> None:
    """A person says: try again now."""
    row = _open_work(tx, outbox_id)
    row.status, row.attempts, row.next_try_at, row.lease_until = OutboxStatus.WAITING, 0, clock.now(), None
    audit.record(tx, "outbox.retried", "outbox", row.id, row.topic, after={"key": row.key})


def close_work(tx: Tx, outbox_id: int, reason: str) -> None:
    """A person says: this is not owed any more, and why."""
    if not reason.strip():
        raise InvalidInput(say("Say why this work is closed"), field="reason", code="reason_missing")
    row = _open_work(tx, outbox_id)
    row.status, row.done_at = OutboxStatus.CLOSED, clock.now()
    audit.record(tx, "outbox.closed", "outbox", row.id, row.topic, after={"key": row.key}, reason=reason)
