"""What is dropped by the clock and after an erasure: once, however often the work is asked for."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from jobs.handlers import TOPICS
from jobs.privacy import PURGE
from oms import clock, outbox
from oms.actor import system
from oms.audit import AuditLog
from oms.db import db, transaction
from oms.intake.files import path_of
from oms.orders.attachments import AttachmentKind, OrderAttachment
from oms.orders.models import Order
from oms.orders.states import CancelReason, PaymentTerm
from oms.outbox import Outbox, OutboxStatus
from oms.payments.slip_models import Slip
from oms.payments.states import SlipStatus
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_place import place_order
from oms.usecases.privacy_erase import DROP_FILES, Anonymise, anonymise_customer
from oms.usecases.privacy_retention import BATCH
from tests.jobs.test_orders import claimed
from tests.shop import small_shop


def kept(app, key: str):
    path = path_of(app.extensions["oms.settings"].files_dir, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_old_slips_go_batch_after_batch_and_the_rest_is_owed_again(isolated):
    long_ago = clock.now() - timedelta(days=3000)
    paths = [kept(isolated, f"feed{i:04d}") for i in range(BATCH + 1)]
    with transaction(system("test")) as tx:
        for i in range(BATCH + 1):
            facts = {"picture_key": f"feed{i:04d}", "decided_at": long_ago + timedelta(minutes=i)}
            tx.session.add(Slip(status=SlipStatus.CONFIRMED, sha256=f"{i:064d}", uploaded_label="x", **facts))
        outbox.add(tx, PURGE, f"{PURGE}@1")
    work = claimed(PURGE)
    TOPICS[PURGE].perform(work)
    assert [p.exists() for p in paths] == [False] * BATCH + [True]
    TOPICS[PURGE].perform(work)  # told a second time: it is settled
    assert paths[-1].exists()
    rest = db.session.scalars(select(Outbox).where(Outbox.topic == PURGE, Outbox.status != OutboxStatus.DONE)).one()
    with transaction(system("test")) as tx:
        again = outbox.claim(tx, rest.id)
    TOPICS[PURGE].perform(again)
    assert not paths[-1].exists()
    noted = db.session.scalars(select(AuditLog.after).where(AuditLog.action == "privacy.purged").order_by(AuditLog.id))
    assert [after["slips"] for after in noted] == [BATCH, 1]


def test_the_files_of_a_forgotten_person_are_removed_in_the_background(isolated):
    with transaction(system("test")) as tx:
        shop = small_shop(tx)
        order = place_order(tx, shop.order(confirm=True, payment_term=PaymentTerm.COD)).order_id
        tx.session.add(
            OrderAttachment(
                order_id=order, kind=AttachmentKind.CHAT, name="แชต.png", file_key="beef01", thumb_key="beef02",
                sha256="0" * 64, by="x",
            )
        )  # fmt: skip
        cancel_order(tx, CancelOrder(order, CancelReason.CUSTOMER))
    paths = [kept(isolated, key) for key in ("beef01", "beef02")]
    with transaction(system("test")) as tx:
        anonymise_customer(tx, Anonymise(tx.session.get_one(Order, order).customer_id, "ลูกค้าขอ"))
    assert all(p.exists() for p in paths)  # not before the transaction is through
    work = claimed(DROP_FILES)
    TOPICS[DROP_FILES].perform(work)
    TOPICS[DROP_FILES].perform(work)
    assert not any(p.exists() for p in paths)
    assert db.session.scalars(select(OrderAttachment.file_key)).one() == ""
