"""What happens to messages by the clock: staff is warned once of what is new, quotas are looked at, Meta's window opens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from oms import outbox
from oms.db import db, transaction
from oms.errors import Forbidden, InvalidInput
from oms.notifications.alerts import Alert
from oms.notifications.catalogue import Route
from oms.notifications.models import MessageAccount, StaffSubscription
from oms.outbox import Outbox
from oms.usecases.staff_alerts import Subscribe, digest, subscribe
from tests.notifications.office import WHO, office_of


@pytest.fixture
def office(committed):
    yield from office_of(committed)


def minute(office) -> None:
    """The clock's turn."""
    office.ready_again()
    office.work()


def fail_some(n: int) -> None:
    with transaction(WHO) as tx:
        for i in range(n):
            outbox.add(tx, "test.broken", f"broken{n}.{i}")
        tx.session.execute(update(Outbox).where(Outbox.topic == "test.broken").values(status="needs_person"))


def row() -> StaffSubscription:
    db.session.rollback()
    rows = select(StaffSubscription).execution_options(populate_existing=True)
    return db.session.scalars(rows).one()


def test_staff_is_warned_of_what_is_new_and_of_nothing_twice(office, actor):
    office.route(Route.EMAIL)
    with transaction(actor("owner")) as tx:
        subscribe(tx, Subscribe(Route.EMAIL, "owner@example.com", frozenset({Alert.FAILED_JOB}), "th"))
    minute(office)
    assert office.mail.letters == []
    fail_some(2)
    minute(office)
    minute(office)
    assert [e.rcpt_tos for e in office.mail.letters] == [["owner@example.com"]]
    fail_some(3)
    minute(office)
    assert len(office.mail.letters) == 1  # left alone for half an hour
    with office.later(timedelta(minutes=40)):
        office.ready_again()
        office.work()
    assert len(office.mail.letters) == 2


def test_a_warning_that_could_not_be_sent_says_why_and_comes_again(office, actor):
    office.route(Route.EMAIL)
    with transaction(actor("owner")) as tx:
        subscribe(tx, Subscribe(Route.EMAIL, "owner@example.com", frozenset({Alert.FAILED_JOB})))
    fail_some(1)
    office.mail.at_rcpt.append("550 5.1.1 User unknown")
    minute(office)
    assert "User unknown" in row().error
    with office.later(timedelta(minutes=40)):
        office.ready_again()
        office.work()
    assert (row().error, len(office.mail.letters)) == ("", 1)


def test_nobody_hears_of_work_that_is_not_theirs(office, actor):
    fail_some(1)
    with transaction(actor("owner")) as tx:
        assert dict(digest(tx.session, tx.actor))[Alert.FAILED_JOB] == 1
    with transaction(actor("warehouse")) as tx:
        assert Alert.FAILED_JOB not in dict(digest(tx.session, tx.actor))
    with transaction(actor("sales")) as tx, pytest.raises(InvalidInput):
        subscribe(tx, Subscribe(Route.LINE, "0812345678", frozenset({Alert.LATE_ORDER})))
    with transaction(WHO) as tx, pytest.raises(Forbidden):
        subscribe(tx, Subscribe(Route.EMAIL, "a@b.co", frozenset({Alert.LATE_ORDER})))
    db.session.rollback()
    assert db.session.scalars(select(StaffSubscription)).all() == []


def test_a_quota_that_was_filled_up_ends_the_stop_by_itself(office):
    office.route(Route.LINE)
    with transaction(WHO) as tx:
        tx.session.execute(update(MessageAccount).values(stopped="quota", quota=5, used=5))
    office.stages[Route.LINE].book.quota = 300
    minute(office)
    account = office.account(Route.LINE)
    assert (account.stopped, account.quota, account.used) == ("", 300, 0)
    calls = len(office.stages[Route.LINE].book.calls)
    minute(office)
    assert len(office.stages[Route.LINE].book.calls) == calls  # once an hour
