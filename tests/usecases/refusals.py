"""Assert that a verb refuses, with which code on which field, and that nothing at all changed."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from sqlalchemy import func, select

from oms.audit import AuditLog
from oms.db import Base
from oms.errors import OmsError
from oms.outbox import Outbox


def count(tx, model: type[Base]) -> int:
    return tx.session.scalar(select(func.count()).select_from(model))


@contextmanager
def refused(tx, code: str, field: str | None = None, *models: type[Base]):
    """The block raises an OmsError with this code (and field); audit, outbox and the named tables keep their counts."""
    tx.session.flush()
    kept = (AuditLog, Outbox, *models)
    before = [count(tx, m) for m in kept]
    savepoint = tx.session.begin_nested()
    with pytest.raises(OmsError) as caught:
        yield caught
    assert code in [p.code for p in caught.value.problems()], caught.value.problems()
    if field is not None:
        assert field in [p.field for p in caught.value.problems()]
    with tx.session.no_autoflush:
        assert [count(tx, m) for m in kept] == before
    savepoint.rollback()
    tx.session.expire_all()


def last_audit(tx) -> AuditLog:
    return tx.session.scalars(select(AuditLog).order_by(AuditLog.id.desc()).limit(1)).one()
