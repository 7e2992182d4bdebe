"""From the upload to the reading: files, the decoding process, the outbox, and what stays on disk."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from PIL import Image
from sqlalchemy import func, select

from jobs import slips as job
from oms import outbox
from oms.actor import system
from oms.banks.decoder import Decoder
from oms.db import db, transaction
from oms.errors import Refused, say
from oms.intake import files
from oms.outbox import Outbox, OutboxStatus
from oms.payments.models import PaymentClaim, TransferKey
from oms.payments.slip_models import Slip
from oms.payments.states import ClaimStatus, SlipKind, SlipStatus
from oms.usecases.orders_place import place_order
from oms.usecases.slips import ReceiveSlip, receive_slip
from oms.usecases.slips_read import READ, TROUBLE_LABELS
from tests.samples import slips as drawn
from tests.shop import small_shop


@pytest.fixture
def shop(isolated):
    with transaction(system("test")) as tx:
        return small_shop(tx)


@pytest.fixture
def root(isolated, shop):
    yield isolated.extensions["oms.settings"].files_dir
    if decoder := isolated.extensions.pop("oms.decoder", None):
        decoder.close()


def order(shop) -> int:
    with transaction(system("test")) as tx:
        return place_order(tx, shop.order(confirm=True)).order_id


def upload(root, data: bytes, name: str = "slip.jpg", order_id: int | None = None) -> int:
    kept = files.keep(root, io.BytesIO(data), name)
    with transaction(system("test")) as tx:
        return receive_slip(tx, ReceiveSlip(kept, order_id)).slip_id


def claimed() -> list[outbox.Work]:
    ids = db.session.scalars(
        select(Outbox.id).where(Outbox.topic == READ, Outbox.status == OutboxStatus.WAITING).order_by(Outbox.id)
    ).all()
    db.session.rollback()
    with transaction(system("worker")) as tx:
        return [work for i in ids if (work := outbox.claim(tx, i))]


def work_off() -> None:
    for work in claimed():
        job.walk(work)


def slip(slip_id: int) -> Slip:
    db.session.rollback()
    return db.session.get_one(Slip, slip_id, populate_existing=True)


def on_disk(root) -> set[str]:
    return {path.name for path in root.rglob("*") if path.is_file()}


def test_a_photo_becomes_a_safe_picture_with_its_facts_and_the_upload_is_gone(root, shop):
    exif = Image.Exif()
    exif[0x010F] = "SecretPhone"
    made = drawn.Slip()
    slip_id = upload(root, drawn.jpeg(drawn.draw(made), 85, exif=exif), order_id=order(shop))
    before = on_disk(root)
    work_off()
    found = slip(slip_id)
    assert (found.status, found.sending_bank, found.reference) == (SlipStatus.WAITING, made.bank, made.reference)
    kept = files.path_of(root, found.picture_key).read_bytes()
    assert (Image.open(io.BytesIO(kept)).size, b"SecretPhone" in kept) == ((found.width, found.height), False)
    assert on_disk(root) - before == {found.picture_key, found.thumb_key}
    assert before - on_disk(root)  # the raw upload
    assert db.session.scalars(select(Outbox.status).where(Outbox.topic == READ)).all() == [OutboxStatus.DONE]


def test_a_file_that_is_no_picture_waits_with_the_reason_and_leaves_no_copy(root, shop):
    before = on_disk(root)
    slip_id = upload(root, b"not a picture at all", "slip.jpg", order(shop))
    work_off()
    found = slip(slip_id)
    assert (found.status, found.kind) == (SlipStatus.WAITING, SlipKind.NONE)
    assert "no picture" in found.trouble
    assert on_disk(root) - before == {found.raw_key}


def test_a_file_that_was_lost_says_so(root):
    slip_id = upload(root, drawn.jpeg(drawn.draw(drawn.Slip())))
    files.path_of(root, slip(slip_id).raw_key).unlink()
    work_off()
    assert slip(slip_id).trouble == TROUBLE_LABELS["gone"]


def test_the_same_work_done_twice_has_one_effect_and_one_copy(root):
    slip_id = upload(root, drawn.jpeg(drawn.draw(drawn.Slip())))
    [work] = claimed()
    job.walk(work)
    kept = on_disk(root)
    job.walk(work)
    assert on_disk(root) == kept
    assert db.session.scalar(select(func.count()).select_from(TransferKey).where(TransferKey.slip_id == slip_id)) == 1


def test_a_slip_that_a_clerk_works_on_meanwhile_is_written_down_a_moment_later(root, monkeypatch):
    slip_id = upload(root, drawn.jpeg(drawn.draw(drawn.Slip())))
    real, calls = job.record_reading, []

    def busy(tx, *args):
        calls.append(args)
        if len(calls) < 3:
            raise Refused(say("Somebody else is working on this slip; reload and look again"), code="stale")
        return real(tx, *args)

    monkeypatch.setattr(job, "record_reading", busy)
    work_off()
    assert (len(calls), slip(slip_id).status) == (3, SlipStatus.WAITING)


def test_what_fails_leaves_no_copies_behind_and_is_done_again(root, monkeypatch):
    slip_id = upload(root, drawn.jpeg(drawn.draw(drawn.Slip())))
    before = on_disk(root)

    def fail(*args):
        raise Refused(say("no"), code="other")

    with monkeypatch.context() as patched:
        patched.setattr(job, "record_reading", fail)
        [work] = claimed()
        with pytest.raises(Refused):
            job.walk(work)
    assert on_disk(root) == before
    job.walk(work)
    assert slip(slip_id).status is SlipStatus.WAITING


@pytest.mark.race
@pytest.mark.parametrize("turn", range(4))
def test_one_transfer_sent_as_several_pictures_at_the_same_moment_pays_once(committed, turn):
    root = committed.extensions["oms.settings"].files_dir
    with transaction(system("test")) as tx:
        shop = small_shop(tx)
    picture = drawn.draw(drawn.Slip())
    ids = [upload(root, drawn.jpeg(picture, q), f"{q}.jpg", order(shop)) for q in (90, 70, 60)]
    works = claimed()
    with Decoder() as decoder:
        committed.extensions["oms.decoder"] = decoder
        readings = {
            w.id: job.look_at(root, files.path_of(root, slip(int(w.payload["slip_id"])).raw_key)) for w in works
        }
        del committed.extensions["oms.decoder"]
    start = Barrier(len(works))

    def record(work):
        with committed.app_context():
            start.wait()
            try:
                return job._record(work, int(work.payload["slip_id"]), readings[work.id])
            finally:
                db.session.remove()

    with ThreadPoolExecutor(len(works)) as pool:
        assert list(pool.map(record, works)) == [True] * 3
    states = sorted(slip(i).status for i in ids)
    assert states == [SlipStatus.DUPLICATE, SlipStatus.DUPLICATE, SlipStatus.WAITING]
    claims = sorted(db.session.scalars(select(PaymentClaim.status)))
    assert claims == [ClaimStatus.DUPLICATE, ClaimStatus.DUPLICATE, ClaimStatus.SUBMITTED]
    assert db.session.scalar(select(func.count()).select_from(TransferKey)) == 1
