"""From the asking to the file: what is on paper, what a killed worker leaves behind, two at once, waybills, cancels."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import time
from collections import Counter

import pypdfium2
import pytest
import zxingcpp
from sqlalchemy import select, update

from jobs import labels as job
from oms import clock, outbox
from oms.actor import system
from oms.db import db, transaction
from oms.documents.foreign import ForeignReader
from oms.documents.labels.models import BatchStatus, LabelBatch, LabelPrint, LabelRow
from oms.documents.labels.papers import Paper
from oms.errors import OmsError
from oms.intake import files
from oms.inventory.models import Warehouse
from oms.orders.states import CancelReason
from oms.outbox import Outbox, OutboxStatus
from oms.shipping.models import Shipment
from oms.usecases import labels_print
from oms.usecases.labels import CancelBatch, MakeLabelBatch, cancel_batch, make_label_batch
from oms.usecases.labels_setup import Look
from oms.usecases.labels_waybills import TakeWaybills, UploadedPdf, take_waybills
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.shipping_boxes import make_ready
from tests.documents.test_labels import text_of, waybill
from tests.shop import small_shop
from tests.usecases.money import paid, placed


def stocked():
    with transaction(system("test")) as tx:
        made = small_shop(tx, pieces=1000)
        place = tx.session.get_one(Warehouse, made.bkk)
        place.address, place.phone = "88/8 หมู่ 4 ต.บางพลีใหญ่ สมุทรปราการ 10540", "021234567"
        return made


@pytest.fixture
def shop(isolated):
    return stocked()


@pytest.fixture
def root(isolated):
    return isolated.extensions["oms.settings"].files_dir


def boxes(shop, count: int, **facts) -> list[tuple[int, int, str]]:
    """(order id, shipment id, shipment number) of orders ready to pick."""
    found = []
    with transaction(system("test")) as tx:
        for _ in range(count):
            order = placed(tx, shop, **facts)
            paid(tx, (order.id, order.total.amount))
            made = make_ready(tx, [order.id])[order.id]
            assert not isinstance(made, OmsError)
            found.append((order.id, made.shipment_id, made.number))
    return found


def ask(*shipment_ids: int, **facts) -> int:
    with transaction(system("clerk")) as tx:
        return make_label_batch(tx, MakeLabelBatch(tuple(shipment_ids), **facts)).batch_id


def claim() -> outbox.Work:
    """The oldest batch that waits, or that a dead worker left."""
    with transaction(system("worker")) as tx:
        tx.session.execute(update(Outbox).where(Outbox.topic == job.TOPIC).values(lease_until=None))
        waiting = (OutboxStatus.WAITING, OutboxStatus.RUNNING)
        found = select(Outbox.id).where(Outbox.topic == job.TOPIC, Outbox.status.in_(waiting)).order_by(Outbox.id)
        work = outbox.claim(tx, tx.session.scalars(found).first())
    assert work is not None
    return work


def batch(batch_id: int) -> LabelBatch:
    db.session.expire_all()
    return db.session.get_one(LabelBatch, batch_id)


def pdf(root, batch_id: int) -> bytes:
    return files.path_of(root, batch(batch_id).file_key).read_bytes()


def pages(data: bytes) -> int:
    return len(pypdfium2.PdfDocument(data))


def test_a_batch_becomes_one_file_with_a_cover_in_pick_order(shop, root):
    made = boxes(shop, 4)
    with transaction(system("test")) as tx:
        cancel_order(tx, CancelOrder(made[2][0], CancelReason.CUSTOMER))
    batch_id = ask(*(b for _, b, _ in made), paper=Paper.TALL)
    job.walk(claim())
    data = pdf(root, batch_id)
    assert pages(data) == 1 + 3
    found = [
        {c.text for c in zxingcpp.read_barcodes(page.render(scale=203 / 72).to_pil())}
        for page in pypdfium2.PdfDocument(data)
    ]
    assert found == [set(), {made[0][2]}, {made[1][2]}, {made[3][2]}]
    cover = text_of(data).split("ไม่ได้พิมพ์")[1]
    assert made[2][2] in cover
    stored = batch(batch_id)
    assert (stored.status, stored.printed, stored.refused) == (BatchStatus.DONE, 3, 1)
    assert all(r.facts is None for r in db.session.scalars(select(LabelRow)))


def test_one_label_alone_needs_no_cover(shop, root):
    (_, box, _), *_ = boxes(shop, 1)
    batch_id = ask(box)
    job.walk(claim())
    assert pages(pdf(root, batch_id)) == 1


def test_a_worker_that_dies_half_way_leaves_nothing_undone_and_nothing_twice(shop, root, monkeypatch):
    made = boxes(shop, 7)
    batch_id = ask(*(b for _, b, _ in made), look=Look(cover=False))
    real, calls = labels_print.print_next, []

    def dying(tx, wanted, most=3):
        calls.append(wanted)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(tx, wanted, most)

    monkeypatch.setattr(job, "print_next", dying)
    with pytest.raises(KeyboardInterrupt):
        job.walk(claim())
    assert batch(batch_id).printed == 6
    monkeypatch.setattr(job, "draw", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    monkeypatch.setattr(job, "print_next", real)
    with pytest.raises(KeyboardInterrupt):
        job.walk(claim())
    monkeypatch.undo()
    job.walk(claim())
    assert pages(pdf(root, batch_id)) == 7
    prints = Counter(db.session.scalars(select(LabelPrint.shipment_id)))
    assert prints == {b: 1 for _, b, _ in made}
    assert batch(batch_id).printed == 7


def test_a_cancel_while_it_runs_draws_what_is_on_record(shop, root, monkeypatch):
    made = boxes(shop, 6)
    batch_id = ask(*(b for _, b, _ in made), look=Look(cover=False))
    real = labels_print.print_next

    def slowly(tx, wanted, most=2):
        return real(tx, wanted, most)

    def then_cancel(tx, wanted, most=2):
        done = real(tx, wanted, most)
        tx.session.flush()
        cancel_batch(tx, CancelBatch(wanted))
        monkeypatch.setattr(job, "print_next", slowly)
        return done

    monkeypatch.setattr(job, "print_next", then_cancel)
    job.walk(claim())
    stored = batch(batch_id)
    assert (stored.status, stored.printed, stored.canceled) == (BatchStatus.CANCELED, 2, 4)
    assert pages(pdf(root, batch_id)) == 2


def test_a_batch_of_which_nothing_may_be_printed_is_a_cover_that_says_why(shop, root):
    made = boxes(shop, 2)
    with transaction(system("test")) as tx:
        for order_id, _, _ in made:
            cancel_order(tx, CancelOrder(order_id, CancelReason.CUSTOMER))
    batch_id = ask(*(b for _, b, _ in made))
    job.walk(claim())
    text = text_of(pdf(root, batch_id))
    assert all(number in text for _, _, number in made)


def test_waybills_stand_at_their_place_among_our_own_labels(shop, root):
    first, second, third = boxes(shop, 3)
    data = waybill("SPXTH5550001112")
    with ForeignReader() as reader:
        looked = reader.look_at(data)
    kept = files.keep(root, io.BytesIO(data), "spx.pdf")
    with transaction(system("test")) as tx:
        take_waybills(tx, TakeWaybills((UploadedPdf(kept, looked),), shipment_id=second[1]))
    batch_id = ask(first[1], second[1], third[1], paper=Paper.A4_4, look=Look(cover=False))
    job.walk(claim())
    (page,) = pypdfium2.PdfDocument(pdf(root, batch_id))
    seen = page.render(scale=203 / 72).to_pil()
    at = {c.text: (c.position.top_left.x > seen.width / 2, c.position.top_left.y > seen.height / 2)
          for c in zxingcpp.read_barcodes(seen)}  # fmt: skip
    assert at[first[2]] == (False, False)
    assert at["SPXTH5550001112"] == (True, False)
    assert at[third[2]] == (False, True)
    again = ask(second[1], reason="เลอะ", paper=Paper.TALL)
    job.walk(claim())
    assert "สำเนา1/COPY1" in text_of(pdf(root, again))


def _print(settings, batch_id: int, gate) -> None:
    """A worker of its own."""
    from app import create_worker_app

    app = create_worker_app(settings)
    real = labels_print.print_next
    job.print_next = lambda tx, wanted: real(tx, wanted, 2)
    with app.app_context():
        with transaction(system("worker")) as tx:
            found = tx.session.scalars(select(Outbox).where(Outbox.key == f"{job.TOPIC}:{batch_id}")).one()
            work = outbox.claim(tx, found.id)
        gate.wait(60)
        job.walk(work)
    os._exit(0)


@pytest.mark.deep
@pytest.mark.race
def test_two_people_printing_the_same_shipments_at_once_get_each_label_once(committed, settings):
    made = boxes(stocked(), 12)
    ids = [b for _, b, _ in made]
    first, second = ask(*ids), ask(*reversed(ids))
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(2)
    workers = [context.Process(target=_print, args=(settings, i, gate)) for i in (first, second)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [w.exitcode for w in workers] == [0, 0]
    assert Counter(db.session.scalars(select(LabelPrint.shipment_id))) == dict.fromkeys(ids, 1)
    one, two = batch(first), batch(second)
    assert one.printed + two.printed == 12
    assert one.refused + two.refused == 12
    root = committed.extensions["oms.settings"].files_dir
    text = text_of(pdf(root, first)) + text_of(pdf(root, second))
    assert all(number in text for _, _, number in made)


@pytest.mark.faults
def test_a_worker_killed_in_the_middle_is_finished_by_the_next(committed, settings):
    made = boxes(stocked(), 20)
    batch_id = ask(*(b for _, b, _ in made), look=Look(cover=False))
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(1)  # kept here: the worker opens it by name
    worker = context.Process(target=_print, args=(settings, batch_id, gate))
    worker.start()
    while batch(batch_id).printed < 4 and worker.is_alive():
        db.session.rollback()
        time.sleep(0.01)
    assert worker.is_alive()
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(20)
    db.session.rollback()
    before = batch(batch_id)
    assert before.printed >= 4
    if before.status is not BatchStatus.DONE:
        job.walk(claim())
    root = committed.extensions["oms.settings"].files_dir
    assert pages(pdf(root, batch_id)) == 20
    assert Counter(db.session.scalars(select(LabelPrint.shipment_id))) == {b: 1 for _, b, _ in made}
    assert db.session.scalars(select(Shipment)).first() is not None
    assert clock.now() > before.created_at
