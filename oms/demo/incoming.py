"""A file of the day from a live sale: most of it becomes orders, some of it waits in quarantine for a clerk."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from pathlib import Path
from random import Random

from sqlalchemy import select

from oms import clock
from oms.actor import Actor
from oms.db import transaction
from oms.demo.goods import Goods
from oms.demo.people import Person
from oms.importing import pipeline
from oms.intake import files
from oms.intake.models import IntakeRun
from oms.intake.states import IntakeKind
from oms.usecases.intake import ReceiveFile, receive_file

NAME = "tiktok-live-orders.csv"
HEADINGS = (
    "Order ID", "Order Status", "Seller SKU", "Product Name", "Variation", "Quantity", "SKU Unit Original Price",
    "Shipping Fee After Discount", "Order Amount", "Created Time", "Paid Time", "Buyer Username", "Recipient",
    "Phone #", "Country", "Province", "District", "Zipcode", "Detail Address",
)  # fmt: skip
UNKNOWN = ("LIVE-55", "LIVE-56", "ของแถม-01")
ORDERS = 16


def _rows(goods: Goods, buyers: list[Person], random: Random) -> list[list[str]]:
    rows, now = [], clock.local(clock.now())
    for n in range(ORDERS):
        person, item = random.choice(buyers), random.choice(goods.items[:60])
        to, placed = person.home, now - timedelta(minutes=7 * (ORDERS - n))
        sku = UNKNOWN[n // 4 % 3] if n % 4 == 1 else item.code
        quantity = "สองชิ้น" if n == 10 else "1"
        moment = f"{placed:%d/%m/%Y %H:%M:%S}"
        rows.append([
            f"5776{now:%y%m%d}{n:08d}", "To ship", sku, "สินค้าไลฟ์สด", "", quantity, f"{item.price.amount}", "0",
            f"{item.price.amount}", moment, moment, f"live{n:03d}", to.name, f"(+66){to.phone[1:]}", "Thailand",
            to.province, to.district, to.postcode, f"{to.line} {to.subdistrict}",
        ])  # fmt: skip
    return rows


def take_in(actor: Actor, goods: Goods, buyers: list[Person], random: Random, root: Path) -> None:
    """Import the file as the screen would; done once, whatever was interrupted."""
    with transaction(actor) as tx:
        run_id = tx.session.scalar(select(IntakeRun.id).where(IntakeRun.file_name == NAME))
    if run_id is None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([HEADINGS, *_rows(goods, buyers, random)])
        kept = files.keep(root, io.BytesIO(text.getvalue().encode("utf-8-sig")), NAME)
        with transaction(actor) as tx:
            command = ReceiveFile(IntakeKind.ORDERS, kept, shop_code="tiktok-th", commit_after_check=True, queue=False)
            run_id = receive_file(tx, command)
    pipeline.carry_out(lambda: transaction(actor), root, run_id)
