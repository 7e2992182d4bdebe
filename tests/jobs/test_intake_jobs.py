"""The background takes files in and makes exports; what was done is settled once."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from jobs import exports, intake
from oms import clock, outbox
from oms.actor import system
from oms.audit import AuditLog
from oms.db import db, transaction
from oms.exporting import making
from oms.intake import files
from oms.intake.models import ExportRun, IntakeRun, StoredFile
from oms.intake.states import IntakeKind, RunStatus
from oms.orders.models import Order
from oms.outbox import Outbox, OutboxStatus
from oms.usecases import intake as verbs
from tests.importing.test_formats import NOW
from tests.samples import marketplaces as market
from tests.samples.marketplaces import Sample
from tests.shop import small_shop


@pytest.fixture(autouse=True)
def _shop(isolated):
    with clock.at(NOW):
        with transaction(system("test")) as tx:
            small_shop(tx, pieces=100)
        yield


def work_off(topic: str, walk) -> None:
    """Claim and carry out everything owed under a topic, as the relay and a worker do."""
    for row_id in db.session.scalars(
        select(Outbox.id).where(Outbox.topic == topic, Outbox.status != OutboxStatus.DONE)
    ):
        with transaction(system("worker")) as tx:
            work = outbox.claim(tx, row_id)
        walk(work)


def test_a_file_is_checked_and_written_by_the_background_as_whoever_sent_it(isolated, actor, tmp_path):
    root = isolated.extensions["oms.settings"].files_dir
    source = market.write_csv(tmp_path / "a.csv", market.shopee([Sample("J1"), Sample("J2", stage="canceled")]))
    with source.open("rb") as stream:
        kept = files.keep(root, stream, "a.csv")
    sales = actor("sales")
    with transaction(sales) as tx:
        run_id = verbs.receive_file(tx, verbs.ReceiveFile(IntakeKind.ORDERS, kept, "shopee-th"))
    work_off(verbs.TOPIC, intake.walk)
    assert db.session.get(IntakeRun, run_id).status is RunStatus.CHECKED
    with transaction(sales) as tx:
        verbs.commit_run(tx, run_id)
    work_off(verbs.TOPIC, intake.walk)
    db.session.expire_all()
    assert db.session.get(IntakeRun, run_id).status is RunStatus.DONE
    assert db.session.scalar(select(func.count()).select_from(Order)) == 2
    assert set(db.session.scalars(select(Outbox.status).where(Outbox.topic == verbs.TOPIC))) == {OutboxStatus.DONE}
    made = db.session.scalars(select(AuditLog).where(AuditLog.action == "order.created")).first()
    assert (made.actor, made.source) == (sales.label, "csv")


def test_a_long_export_is_made_once_and_waits_for_its_asker(isolated, actor, monkeypatch):
    monkeypatch.setattr(making, "AT_ONCE", 1)
    with transaction(actor("owner")) as tx:
        asked = making.ask_export(tx, making.AskExport("skus", {}, form="xlsx"))
    work_off(making.TOPIC, exports.walk)
    db.session.expire_all()
    run = db.session.get(ExportRun, asked.run_id)
    assert run.rows == 5
    assert db.session.scalars(select(StoredFile.key).where(StoredFile.purpose == "export")).one() == run.file_key
