"""Work for an installation that runs: a job of every heavy kind and a look at many screens, so that memory is measured of
programs that have done something."""

from __future__ import annotations

import io
import random
import urllib.error
from dataclasses import replace

from sqlalchemy import func, select

from app import create_worker_app
from oms import outbox
from oms.actor import system
from oms.db import db, transaction
from oms.documents.labels.papers import Paper
from oms.exporting.making import TOPIC as EXPORT
from oms.exporting.making import AskExport, ask_export
from oms.intake import files
from oms.intake.states import IntakeKind
from oms.inventory.models import Warehouse
from oms.orders.states import PaymentTerm
from oms.outbox import Outbox, OutboxStatus
from oms.usecases.intake import ReceiveFile, receive_file
from oms.usecases.labels import MakeLabelBatch, make_label_batch
from oms.usecases.orders_place import place_order
from oms.usecases.slips import ReceiveSlip, receive_slip
from tests.bench.pages import PAGES, Browser
from tests.live import Up, close, until
from tests.samples import marketplaces as market
from tests.samples.marketplaces import Sample
from tests.shop import small_shop

ORDERS, LABELS, FILE_ORDERS, ROUNDS = 300, 200, 500, 6


def work(up: Up) -> int:
    """Do it, and wait until the background is done; returns how many pieces of background work that was."""
    app = create_worker_app(up.settings)
    root = up.settings.files_dir
    with app.app_context():
        with transaction(replace(system("bench"), user_id=1)) as tx:
            shop = small_shop(tx, pieces=100_000)
            tx.session.get_one(Warehouse, shop.bkk).address = "88/8 หมู่ 4 ต.บางพลีใหญ่ สมุทรปราการ 10540"
            orders = [
                place_order(tx, shop.order((0, 1), (1, 2), confirm=True, payment_term=PaymentTerm.COD)).order_id
                for _ in range(ORDERS)
            ]
        with transaction(replace(system("bench"), user_id=1)) as tx:
            make_label_batch(tx, MakeLabelBatch(order_ids=tuple(orders[:LABELS]), paper=Paper.TALL))
            for form in ("csv", "xlsx"):
                run_id = ask_export(tx, AskExport("orders", {}, form=form, queue=False)).run_id
                outbox.add(tx, EXPORT, f"{EXPORT}:{run_id}", run_id=run_id)
            table = market.shopee([Sample(f"B{n}") for n in range(FILE_ORDERS)])
            kept = files.keep(root, io.BytesIO(market.as_csv(table)), "a.csv")
            receive_file(tx, ReceiveFile(IntakeKind.ORDERS, kept, "shopee-th", commit_after_check=True))
            picture = files.keep(root, io.BytesIO(_slip()), "slip.jpg")
            receive_slip(tx, ReceiveSlip(picture, order_id=orders[0]))
        until(lambda: not _owed(), 300, "the background never ended")
        done = db.session.scalar(select(func.count()).select_from(Outbox))
    close(app)
    look(up)
    return int(done or 0)


def _owed() -> int:
    db.session.rollback()
    waiting = (OutboxStatus.WAITING, OutboxStatus.RUNNING)
    return int(db.session.scalar(select(func.count()).where(Outbox.status.in_(waiting))) or 0)


def _slip() -> bytes:
    from PIL import Image

    noise = io.BytesIO()
    Image.effect_noise((900, 1600), 60).convert("RGB").save(noise, "JPEG")
    return noise.getvalue()


def look(up: Up) -> None:
    """Screens, by connections that reach every web process."""
    said = next(line for line in up.first_lines if "first login: owner" in line)
    browser = Browser(up.url, "owner", said.split("password:")[1].strip())
    pages = [*PAGES, "/orders/new", "/documents/", "/cod/", "/channels/"]
    for _ in range(ROUNDS):
        for page in random.sample(pages, len(pages)):
            try:
                browser.get(page)
            except urllib.error.HTTPError:
                continue
