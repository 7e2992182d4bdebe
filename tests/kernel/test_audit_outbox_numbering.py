"""What every verb leans on: the audit chain, the outbox, gapless numbers, the one transaction."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import select, text

from oms import audit, clock, numbering, outbox
from oms.actor import Actor, system
from oms.audit import AuditLog
from oms.catalog.models import Sku
from oms.db import db, insert_rows, transaction
from oms.errors import Forbidden, InvalidInput, Refused
from oms.outbox import Outbox, OutboxStatus
from oms.usecases.operations import close_work, retry_work
from tests.shop import small_shop


def write_three(tx):
    for i in range(3):
        audit.record(tx, "test.done", "thing", i, f"thing {i}", before={"a": i}, after={"a": i + 1}, reason="ทดสอบ")


def test_the_chain_covers_committed_rows_and_verifies(tx):
    write_three(tx)
    assert audit.seal(tx) >= 3
    assert audit.seal(tx) == 0
    report = audit.verify(tx.session)
    assert (report.broken, report.unsealed) == (None, 0)


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE audit_log SET actor = 'somebody else' WHERE id = :id",
        "UPDATE audit_log SET after = '{\"a\": 99}' WHERE id = :id",
        "UPDATE audit_seal SET hash = repeat('0', 64) WHERE audit_id = :id",
        "DELETE FROM audit_seal WHERE audit_id = :id",
    ],
)
def test_tampering_is_found_and_the_first_row_named(committed, owner_connection, tamper):
    with transaction(system("test")) as tx:
        write_three(tx)
    with transaction(system("test")) as tx:
        audit.seal(tx)
        ids = list(tx.session.scalars(select(AuditLog.id).order_by(AuditLog.id)))
    owner_connection.execute("SET session_replication_role = replica")
    owner_connection.execute(tamper.replace(":id", str(ids[1])))
    owner_connection.commit()
    with transaction(system("test")) as tx:
        report = audit.verify(tx.session)
    assert report.broken == (ids[2] if tamper.startswith("DELETE") else ids[1])


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "DELETE FROM stock_movements"]
)
def test_the_program_itself_may_not_change_what_is_append_only(committed, statement):
    with transaction(system("test")) as tx:
        write_three(tx)
    with pytest.raises(Exception) as refusal, transaction(system("test")) as tx:
        tx.session.execute(text(statement))
    assert isinstance(refusal.value.orig, psycopg.errors.InsufficientPrivilege | psycopg.errors.RaiseException)


def test_a_side_effect_is_owed_once_and_claimed_by_one(tx):
    outbox.add(tx, "test.topic", "key-1", order_id=7)
    outbox.add(tx, "test.topic", "key-1", order_id=8)
    [owed] = [row.id for row in outbox.due(tx, 10)]
    work = outbox.claim(tx, owed)
    assert work.payload == {"order_id": 7}
    assert outbox.claim(tx, owed) is None
    assert outbox.settle(tx, owed)
    assert not outbox.settle(tx, owed)
    assert outbox.due(tx, 10) == []


def test_a_dead_worker_loses_only_its_lease(tx):
    outbox.add(tx, "test.topic", "key-1", order_id=7)
    [owed] = [row.id for row in outbox.due(tx, 10)]
    outbox.claim(tx, owed)
    assert outbox.due(tx, 10) == []
    with clock.at(clock.now() + outbox.LEASE + timedelta(seconds=1)):
        assert [row.id for row in outbox.due(tx, 10)] == [owed]
        assert outbox.claim(tx, owed).attempts == 2


def test_work_that_keeps_failing_waits_for_a_person_who_retries_or_closes_it(tx, actor):
    outbox.add(tx, "test.topic", "key-1", order_id=7)
    owed = outbox.due(tx, 10)[0].id
    moment = clock.now()
    for _ in range(len(outbox.BACKOFF_SECONDS) + 1):
        with clock.at(moment):
            outbox.claim(tx, owed)
            outbox.park(tx, owed, "provider is down", retryable=True)
        moment += timedelta(hours=1)
    row = tx.session.get_one(Outbox, owed)
    tx.session.flush()
    assert (row.status, row.last_error) == (OutboxStatus.NEEDS_PERSON, "provider is down")
    with pytest.raises(Forbidden):
        retry_work(type(tx)(tx.session, actor("sales")), owed)
    retry_work(tx, owed)
    assert row.status is OutboxStatus.WAITING
    with pytest.raises(InvalidInput):
        close_work(tx, owed, " ")
    close_work(tx, owed, "ทำมือแล้ว")
    assert row.status is OutboxStatus.CLOSED
    with pytest.raises(Refused):
        retry_work(tx, owed)


def test_a_rolled_back_transaction_gives_its_number_back(committed):
    with transaction(system("test")) as tx:
        first = numbering.allot_yearly(tx, "RC")
    with pytest.raises(ZeroDivisionError), transaction(system("test")) as tx:  # noqa: PT012
        numbering.allot_yearly(tx, "RC")
        raise ZeroDivisionError
    with transaction(system("test")) as tx:
        second = numbering.allot_yearly(tx, "RC")
    assert int(second[-6:]) == int(first[-6:]) + 1


def test_a_transaction_does_not_nest_and_drops_what_a_form_left(committed):
    with transaction(system("test")), pytest.raises(RuntimeError, match="nest"), transaction(system("test")):
        pass
    db.session.add(
        Outbox(
            topic="left",
            key="left",
            payload={},
            status=OutboxStatus.WAITING,
            created_at=clock.now(),
            next_try_at=clock.now(),
        )
    )
    with transaction(system("test")) as tx:
        assert tx.session.scalar(select(Outbox.id)) is None


def test_nobody_may_do_what_their_role_does_not_name():
    with pytest.raises(Forbidden) as refusal:
        Actor("user", "แนน", actions=frozenset({"order.view"})).require("order.cancel")
    assert refusal.value.http_status == 403


@pytest.mark.parametrize("rows", [1, 60])
@pytest.mark.parametrize("tags", [[], ["a"], ['he said "no"', "back\\slash", "a,b", "{x}", "NULL", "ไทย", ""]])
def test_lists_of_texts_are_written_as_they_are_by_insert_and_by_copy(tx, rows, tags):
    shop = small_shop(tx)
    sku = tx.session.get_one(Sku, shop.skus[0])
    facts = {c.key: getattr(sku, c.key) for c in Sku.__table__.columns if c.key not in {"id", "code", "grams"}}
    insert_rows(tx, Sku, [facts | {"code": f"X-{i}", "grams": tags} for i in range(rows)])
    assert list(tx.session.scalars(select(Sku.grams).where(Sku.code.like("X-%")))) == [tags] * rows
