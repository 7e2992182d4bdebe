"""The demo shop: what it shows, and that its books are in order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from oms import clock
from oms.actor import system
from oms.catalog.models import Shop, Sku, SkuBarcode
from oms.customers.models import Customer
from oms.db import db, transaction
from oms.demo.load import Stage, load, stage
from oms.demo.people import people, tax_id
from oms.documents.models import Document
from oms.documents.states import DocumentStatus
from oms.intake.models import IntakeItem, IntakeRun
from oms.intake.states import IntakeKind, Outcome
from oms.inventory.consignment_models import Settlement
from oms.inventory.count_models import CountLine, StockCount
from oms.inventory.cover_models import StockPace
from oms.inventory.models import StockLevel, Warehouse
from oms.inventory.states import CountStatus, SettlementStatus, TransferStatus
from oms.inventory.transfer_models import Transfer
from oms.orders.attachments import AttachmentKind, OrderAttachment
from oms.orders.models import Order
from oms.orders.states import Board, PaymentStatus
from oms.payments.models import DayClosing, GateOverride
from oms.payments.refund_models import Refund
from oms.payments.statement_models import StatementLine
from oms.payments.states import LineStatus, RefundStatus
from oms.remote.models import RemoteMessage, RemoteSite
from oms.remote.states import MessageState
from oms.reports.auditor import audit_all
from oms.returns.models import CarrierClaim, Return
from oms.returns.states import ReturnStatus
from oms.sealing import Sealer
from oms.thai.addresses import resolve
from oms.thai.phone import is_mobile
from oms.thai.tax_id import is_tax_id
from oms.usecases.day_closing import changed_since
from oms.usecases.day_sheet import day_sheet
from tests.shop import small_shop
from views.sandbox import demo_site
from views.sandbox.demo_link import link


def barcode_is_true(code: str) -> bool:
    return sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(code)) % 10 == 0


def test_a_small_demo_shop_shows_its_work_and_keeps_its_books(isolated, tmp_path):
    said: list[str] = []
    done = load({"manager": (7, "สมชาย")}, tmp_path, said.append, orders=220, days=8)
    session = db.session()
    assert [str(f) for f in audit_all(session)] == []
    assert done.orders > 200
    assert said[-1] == "orders 220/220"
    assert set(session.scalars(select(Shop.code))) == {
        "shopee-th", "lazada-th", "tiktok-th", "line-shopping", "web", "facebook", "instagram", "line",
    }  # fmt: skip
    assert set(session.scalars(select(Warehouse.code))) == {"BKK", "CNX", "HDY", "MUJU"}
    codes = sorted(session.scalars(select(Sku.code)))
    assert codes[0] == "RU-0001"
    assert codes[199] == "RU-0200"
    assert all(barcode_is_true(b) and b.startswith("885") for b in session.scalars(select(SkuBarcode.barcode)))
    boards = dict(session.execute(select(Order.board, func.count()).group_by(Order.board)).all())
    for place in (
        Board.DRAFT, Board.ON_HOLD, Board.SLIP_WAITING, Board.SHORT_PAYMENT, Board.WAITING_STOCK, Board.READY,
        Board.PICKING, Board.PACKED, Board.LABELED, Board.RETURNING, Board.HANDED_OVER, Board.COMPLETED, Board.CANCELED,
    ):  # fmt: skip
        assert boards.get(place), f"nothing stands at {place}: {boards}"
    papers = dict(session.execute(select(Document.kind, func.count()).group_by(Document.kind)).all())
    assert {"tax_invoice", "tax_invoice_short", "receipt_short", "order_bill", "delivery_note", "credit_note"} <= set(
        papers
    ), papers
    assert set(session.scalars(select(Document.status))) == {DocumentStatus.ISSUED, DocumentStatus.VOIDED}
    waiting = session.scalar(select(func.count()).where(IntakeItem.outcome == Outcome.QUARANTINED))
    assert waiting == 5, "the file of the live sale waits in quarantine in part"
    lines = set(session.scalars(select(StatementLine.status)))
    assert {LineStatus.SUGGESTED, LineStatus.UNMATCHED} <= lines, "the statement has nothing to match"
    due = session.scalars(select(Order.ship_by).where(Order.board == Board.READY, Order.ship_by.is_not(None))).all()
    assert any(ship_by > clock.now() for ship_by in due), "no countdown is running"
    assert session.scalar(select(func.max(Order.created_at))) > clock.now() - timedelta(days=1)
    assert session.scalar(select(func.count()).select_from(Customer)) > 100
    assert_money_is_told(session)
    assert_places_work_together(session)
    came_back = session.scalars(select(Return.status)).all()
    assert {ReturnStatus.REQUESTED, ReturnStatus.RECEIVED, ReturnStatus.INSPECTED, ReturnStatus.RESOLVED} <= set(
        came_back
    )
    assert session.scalar(select(func.count()).select_from(CarrierClaim)) == 1
    assert_the_remote_site_works(session, tmp_path)


def assert_the_remote_site_works(session, folder):
    """Linked once; packages went both ways, the stock agrees, one message waits for a person; it goes on by itself."""
    sealer = Sealer(["a key of tests"])
    assert link({}, folder, sealer, 1)
    assert not link({}, folder, sealer, 1)
    site = session.scalars(select(RemoteSite)).one()
    assert site.out_seq == site.out_have > 0
    assert site.in_seq > 1, "nobody shipped what was held"
    assert site.snapshot == []
    parked = session.scalars(select(RemoteMessage).where(RemoteMessage.state == MessageState.PARKED)).all()
    assert [(m.kind, m.problem_code) for m in parked] == [("shipped", "shipment_withdrawn")]
    kinds = set(session.scalars(select(RemoteMessage.kind).where(RemoteMessage.state == MessageState.APPLIED)))
    assert {"receipt", "damage", "snapshot"} <= kinds
    opened, _ = demo_site.opened(folder)
    assert opened.books()["acknowledged"] == site.in_seq
    opened.close()
    assert (folder / demo_site.KEYS).stat().st_mode & 0o077 == 0
    assert [str(f) for f in audit_all(session)] == []


def assert_places_work_together(session):
    """Loads in every state, a count that waits and one that was posted, shelves that run low, a partner to be paid."""
    assert set(session.scalars(select(Transfer.status))) == {
        TransferStatus.DRAFT, TransferStatus.IN_TRANSIT, TransferStatus.RECEIVED, TransferStatus.RECEIVED_WITH_DISCREPANCY,
    }  # fmt: skip
    counts = {c.status: c.id for c in session.scalars(select(StockCount))}
    assert set(counts) == {CountStatus.COUNTED, CountStatus.POSTED}
    differs = CountLine.counted.is_distinct_from(CountLine.expected)
    assert session.scalar(select(func.count()).where(CountLine.count_id == counts[CountStatus.COUNTED], differs)) == 3
    assert set(session.scalars(select(Settlement.status))) == {SettlementStatus.OPEN, SettlementStatus.PAID}
    place = session.scalars(select(Warehouse.id).where(Warehouse.code == "MUJU")).one()
    assert session.scalar(select(func.sum(StockLevel.on_hand)).where(StockLevel.warehouse_id == place)) > 0
    assert session.scalar(select(func.count()).where(StockPace.is_low)) > 0
    assert {AttachmentKind.CHAT, AttachmentKind.PACKING} == set(session.scalars(select(OrderAttachment.kind)))


def assert_money_is_told(session):
    """Refunds in every state, one order paid too much, one override, two closed days; and every sheet ties."""
    assert set(session.scalars(select(Refund.status))) == set(RefundStatus)
    assert session.scalar(select(func.count()).where(Order.payment_status == PaymentStatus.OVERPAID)) >= 1
    assert session.scalar(select(func.count()).select_from(GateOverride)) >= 1
    closed = session.scalars(select(DayClosing).order_by(DayClosing.day)).all()
    assert [c.ties for c in closed] == [True, True]
    for days_ago in range(9):
        sheet = day_sheet(session, clock.today() - timedelta(days=days_ago))
        assert sheet.ties, (days_ago, sheet.goods, sheet.standing)
    assert [changed_since(c, day_sheet(session, c.day)) for c in closed] == [[]] * len(closed)


def test_the_demo_is_not_loaded_over_other_work(isolated, tmp_path):
    with transaction(system("test")) as tx:
        small_shop(tx)
    assert stage() is Stage.OTHER
    with pytest.raises(RuntimeError, match="empty installation"):
        load({}, tmp_path, lambda _: None, orders=1, days=1)


@pytest.mark.deep
def test_a_load_that_was_interrupted_goes_on_where_it_stood(isolated, tmp_path):
    class PowerCutError(Exception):
        pass

    def cut(said: str) -> None:
        if said.startswith("orders") and int(said.split()[1].split("/", maxsplit=1)[0]) > 25:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        load({}, tmp_path, cut, orders=60, days=3)
    assert stage() is Stage.STARTED
    done = load({}, tmp_path, lambda _: None, orders=60, days=3)
    session = db.session()
    assert stage() is Stage.LOADED
    from_file = select(func.count()).select_from(IntakeItem).join(IntakeRun, IntakeRun.id == IntakeItem.run_id)
    from_file = from_file.where(IntakeItem.outcome == Outcome.CREATED, IntakeRun.kind == IntakeKind.ORDERS)
    assert session.scalar(select(func.count()).select_from(Order)) == done.orders + session.scalar(from_file)
    assert [str(f) for f in audit_all(session)] == []


def test_invented_people_have_addresses_that_agree_and_numbers_that_parse():
    from random import Random

    made = people(Random(7), 300)
    assert len({p.phone for p in made}) == 300
    assert all(is_mobile(p.phone) for p in made)
    assert all(is_tax_id(p.tax_id) for p in made if p.tax_id)
    assert is_tax_id(tax_id(123))
    for person in made[:60]:
        to = person.home
        assert resolve(to.subdistrict, to.district, to.province, to.postcode), to


def test_the_same_seed_gives_the_same_people():
    from random import Random

    assert people(Random(3), 40) == people(Random(3), 40)
