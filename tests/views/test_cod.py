"""The screens of cash on delivery: upload, look at the differences, bank it, take it back, work on one parcel."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, select

from oms import clock
from oms.actor import system
from oms.db import db, transaction
from oms.exporting import making
from oms.importing import pipeline
from oms.intake.models import ExportRun, IntakeRun
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import PaymentStatus, PaymentTerm
from oms.payments.cod_models import CodCarrier, CodEntry, CodRound
from oms.payments.cod_queries import refusals_of
from oms.payments.models import ReceivingAccount
from oms.payments.statement_models import StatementLine
from oms.payments.states import CodStatus, LineStatus
from oms.usecases.orders_place import place_orders
from oms.usecases.shipping import MarkShipped, mark_delivered_many, mark_shipped_many
from tests.samples import marketplaces as market
from tests.shop import small_shop
from tests.views.panel import Panel, make_logins

HEAD = ["หมายเลขพัสดุ", "ยอด COD", "ค่าธรรมเนียม COD", "เลขที่รอบ", "วันที่โอน"]


@pytest.fixture
def parcels(web) -> list[int]:
    """Orders of three COD parcels with Flash (TH1 to TH3: 100, 200, 300 baht) and one with Kerry that is on its way."""
    make_logins(web)
    with transaction(system("test")) as tx:
        shop = small_shop(tx, pieces=100)
        wanted = [shop.order((i, 1), confirm=True, payment_term=PaymentTerm.COD) for i in range(4)]
        orders = [placed.order_id for placed in place_orders(tx, wanted)]
        carriers = ["Flash", "Flash", "Flash", "Kerry Express"]
        mark_shipped_many(
            tx, [MarkShipped(o, c, f"TH{n}") for n, (o, c) in enumerate(zip(orders, carriers, strict=True), 1)]
        )
        mark_delivered_many(tx, orders[:3])
        tx.session.add(ReceivingAccount(code="KB", bank="กสิกรไทย", account_no="111-2-33333-4", account_name="รวมมิตร"))
    return orders


@pytest.fixture
def panel(web, parcels) -> Panel:
    made = Panel(web, "cashier")
    made.get("/language/en?next=/")
    return made


def entry(tracking: str) -> CodEntry:
    db.session.expire_all()
    return db.session.scalars(select(CodEntry).where(CodEntry.tracking_no == tracking)).one()


def upload(web, panel: Panel, rows) -> int:
    page = panel.get("/intake/upload?kind=cod&carrier=Flash+Express").text
    assert re.search(r'value="Flash Express" selected', page)
    body = {"csrf_token": panel.token, "kind": "cod", "carrier": "Flash Express", "format": "",
            "file": (io.BytesIO(market.as_csv(rows)), "cod.csv")}  # fmt: skip
    panel._fresh()
    answer = panel.client.post("/intake/upload/file", data=body, content_type="multipart/form-data",
                               headers={"Referer": "http://localhost/intake/upload"})  # fmt: skip
    assert answer.status_code == 303, answer.text[:300]
    db.session.expire_all()
    run = db.session.scalars(select(IntakeRun.id).order_by(IntakeRun.id.desc()).limit(1)).one()
    for _ in range(2):
        root = web.extensions["oms.settings"].files_dir
        pipeline.carry_out(lambda: transaction(system("job")), root, run)
        if _ == 0:
            panel.get(f"/intake/runs/{run}")
            assert panel.post(f"/intake/runs/{run}/commit").status_code == 303
    return run


def test_a_cashier_takes_a_file_in_looks_at_the_differences_and_banks_it(web, panel, parcels):
    today = clock.local(clock.now()).strftime("%d/%m/%Y")
    rows = [HEAD, ["TH1", "100.00", "10", "FL-9", today], ["TH2", "150.00", "10", "FL-9", today],
            ["TH77", "70.00", "0", "FL-9", today]]  # fmt: skip
    run = upload(web, panel, rows)
    page = panel.get(f"/intake/runs/{run}").text
    assert "2 parcels are booked" in page
    answer = panel.get(f"/cod/rounds/of-run/{run}")
    assert answer.status_code == 302
    page = panel.get(answer.location).text
    for words in (
        "FL-9",
        "2 parcels do not tie",
        "Paid too little",
        "Parcel unknown",
        "฿300.00",
        "No open statement line",
    ):
        assert words in page, words
    made = db.session.scalars(select(CodRound)).one()
    with transaction(system("test")) as tx:
        account = tx.session.scalars(select(ReceivingAccount.id)).one()
        line = StatementLine(account_id=account, line_key="k", booked_at=clock.now(), amount=made.net,
                             status=LineStatus.UNMATCHED, description="FLASH COD")  # fmt: skip
        tx.session.add(line)
        tx.session.flush()
        line_id = line.id
    page = panel.get(f"/cod/rounds/show/{made.id}").text
    assert "This is it: ฿300.00" in page
    panel.post(f"/cod/rounds/{made.id}/bank", line_id=line_id, version=made.version)
    db.session.expire_all()
    assert db.session.get_one(Order, parcels[0]).payment_status is PaymentStatus.PAID
    page = panel.get(f"/cod/rounds/show/{made.id}").text
    assert "FLASH COD" in page
    assert "Not in the bank after all" in page
    panel.post(f"/cod/rounds/{made.id}/unbank", note="ผิดบรรทัด")
    db.session.expire_all()
    assert db.session.get_one(Order, parcels[0]).payment_status is PaymentStatus.COD_REMITTED
    assert "TH77" in panel.get("/cod/flagged").text


def test_the_overview_adds_up_and_opens_its_parcels(panel, parcels):
    page = panel.get("/cod/").text
    assert "Flash Express" in page
    assert "1,000.00" in page
    held = panel.get("/cod/parcels/list/?part=held&f_carrier_is=Flash+Express").text
    assert all(f"TH{n}" in held for n in (1, 2, 3))
    assert "TH4" not in held
    assert "3 parcels, ฿600.00 together" in held
    assert "TH4" in panel.get("/cod/parcels/list/?part=with_carrier").text


def test_a_late_carrier_shows_in_the_menu_and_by_its_own_terms(panel, parcels):
    with transaction(system("test")) as tx:
        late = tx.session.scalars(select(CodEntry).where(CodEntry.tracking_no == "TH1")).one()
        late.settle_from = clock.now() - timedelta(days=8)
    assert "TH1" in panel.get("/cod/parcels/list/?part=late").text
    assert "The carrier is late with ฿100.00" in panel.get(f"/cod/parcels/show/{entry('TH1').id}").text
    panel.post("/cod/late-days", carrier="flash", late_days="10")
    assert db.session.scalars(select(CodCarrier.late_days)).one() == 10
    assert "TH1" not in panel.get("/cod/parcels/list/?part=late").text


def test_a_parcel_is_refused_reopened_and_corrected_on_screen(panel, parcels):
    found = entry("TH3")
    path = f"/cod/parcels/{found.id}"
    panel.get(f"/cod/parcels/show/{found.id}")
    panel.post(f"{path}/refuse", refusal="after_opening", note="ของไม่ตรงปก", version=found.version)
    assert entry("TH3").status is CodStatus.REFUSED
    phone = db.session.get_one(Order, parcels[2]).ship_phone
    assert refusals_of(db.session(), [phone, ""]) == {phone: 1, "": 0}
    assert "Refused after opening" in panel.get(f"/orders/{parcels[2]}").text
    panel.post(f"{path}/reopen", note="ลูกค้ารับแล้ว")
    panel.post(f"{path}/correct", expected="฿280", note="ลดหน้าบ้าน 20")
    assert entry("TH3").expected == Money(Decimal(280))
    story = panel.get(f"/orders/{parcels[2]}").text
    assert "Cash to come corrected from ฿300.00 to ฿280.00" in story
    assert panel.post(f"{path}/write-off", note="x").status_code in {302, 403}
    assert entry("TH3").written_off == Money(Decimal(0))


def test_the_list_of_parcels_costs_the_same_statements_for_any_number(web, panel, parcels):
    seen: list[str] = []
    listener = lambda *args: seen.append(args[2])  # noqa: E731
    costs = []
    event.listen(db.engine, "before_cursor_execute", listener)
    try:
        for part in ("late", "with_carrier", "open"):
            seen.clear()
            panel.get(f"/cod/parcels/list/?part={part}")
            costs.append(len(seen))
    finally:
        event.remove(db.engine, "before_cursor_execute", listener)
    assert costs[1] == costs[2], costs


@pytest.mark.parametrize(
    ("role", "opens"), [("cashier", True), ("manager", True), ("sales", False), ("warehouse", False)]
)
def test_only_those_who_keep_the_ledger_see_it(web, parcels, role, opens):
    person = Panel(web, role)
    for path in ("/cod/", "/cod/parcels/list/", "/cod/rounds/list/", "/cod/flagged"):
        assert (person.get(path).status_code == 200) is opens, path


def test_the_list_and_its_export_speak_of_the_same_parcels(parcels):
    for part, expected in (("held", 3), ("with_carrier", 1), ("open", 4), ("refused", 0)):
        with transaction(system("test")) as tx:
            asked = making.ask_export(tx, making.AskExport("cod_entries", {"part": part}, form="csv", queue=False))
        run = db.session.get_one(ExportRun, asked.run_id)
        assert len(list(making.rows_of(db.session(), run))) == expected, part
