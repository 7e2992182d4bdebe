"""Background work on the screen: seen by who may, tried again, closed with a reason."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from jobs.handlers import TOPICS
from oms import outbox
from oms.actor import system
from oms.audit import AuditLog
from oms.db import db, transaction
from oms.outbox import Outbox, OutboxStatus
from tests.views.panel import Panel, make_logins
from views.operations import TOPIC_LABELS


@pytest.fixture
def failed(web) -> int:
    """A row that needs a person."""
    make_logins(web)
    with transaction(system("test")) as tx:
        outbox.add(tx, "stock.freed", "stock.freed:1", keys="1:1")
        pk = tx.session.scalar(select(Outbox.id))
        outbox.claim(tx, pk)
        outbox.park(tx, pk, "<b>The machine</b> is on fire", retryable=False)
    return pk


def status(pk: int) -> OutboxStatus:
    db.session.rollback()
    return db.session.scalar(select(Outbox.status).where(Outbox.id == pk))


def audited(action: str) -> int:
    return db.session.scalar(select(func.count()).select_from(AuditLog).where(AuditLog.action == action))


def test_what_needs_a_person_shows_first_with_its_reason(web, failed):
    page = Panel(web, "manager").get("/operations/").text
    assert "&lt;b&gt;The machine&lt;/b&gt; is on fire" in page
    assert f"/operations/{failed}/retry" in page


def test_a_person_tries_again(web, failed):
    panel = Panel(web, "manager")
    panel.get("/operations/")
    answer = panel.post(f"/operations/{failed}/retry")
    assert answer.status_code == 303
    assert status(failed) is OutboxStatus.WAITING
    assert audited("outbox.retried") == 1


def test_closing_needs_a_reason(web, failed):
    panel = Panel(web, "manager")
    panel.get("/operations/")
    panel.post(f"/operations/{failed}/close", reason="  ")
    assert status(failed) is OutboxStatus.NEEDS_PERSON
    assert audited("outbox.closed") == 0
    panel.get("/operations/")
    panel.post(f"/operations/{failed}/close", reason="the customer took it")
    assert status(failed) is OutboxStatus.CLOSED
    assert audited("outbox.closed") == 1


@pytest.mark.parametrize("role", ["sales", "cashier", "warehouse", "accountant", "viewer"])
def test_others_neither_see_nor_touch_it(web, failed, role):
    panel = Panel(web, role)
    assert panel.get("/operations/").status_code == 403
    panel.post(f"/operations/{failed}/close", reason="because")
    assert status(failed) is OutboxStatus.NEEDS_PERSON


@pytest.mark.parametrize("shelf", [*outbox.Shelf, "nonsense"])
def test_every_shelf_opens(web, failed, shelf):
    assert Panel(web, "owner").get(f"/operations/?shelf={shelf}").status_code == 200


def test_every_kind_of_work_has_a_name_on_the_screen():
    assert set(TOPICS) <= set(TOPIC_LABELS)
