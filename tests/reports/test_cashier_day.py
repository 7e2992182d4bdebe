"""The close-of-day sheet ties to the satang, every figure is the sum of its rows, and a closed day keeps its figures."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, text

from oms import clock
from oms.errors import Forbidden
from oms.money import ZERO, Money
from oms.orders.states import PaymentTerm
from oms.payments.cod_models import CodEntry
from oms.payments.models import DayClosing, GateOverride, ReceivingAccount
from oms.payments.refund_models import Refund
from oms.payments.statement_models import StatementLine
from oms.payments.states import CodStatus, LineStatus, PaymentMethod, RefundStatus
from oms.reports.cashier_day import board, money_rows, statement_rows
from oms.shipping.models import Shipment, ShipmentLine
from oms.usecases import derived
from oms.usecases.day_closing import CloseDay, changed_since, close_day, closing_of
from oms.usecases.day_sheet import DAY, PART_LABELS, STANDING, day_sheet, goods_rows
from oms.usecases.orders_place import place_order
from oms.usecases.payments import DecideClaim, SubmitClaim, record_payment, reverse_claim, submit_claim
from oms.usecases.shipping import MarkShipped, mark_shipped
from tests.shop import small_shop
from tests.usecases.refusals import refused

NOON = datetime(2026, 11, 20, 12, tzinfo=clock.BANGKOK)
TODAY = NOON.date()
BEFORE = timedelta(days=1)


SO_FAR = {
    CodStatus.EXPECTED: {}, CodStatus.COLLECTED: {"collected": 100},
    CodStatus.REMITTED: {"collected": 100, "remitted": 90, "written_off": 10},
    CodStatus.SHORT: {"collected": 100, "remitted": 70}, CodStatus.REFUSED: {"expected": 0},
}  # fmt: skip


def baht(amount):
    return Money(Decimal(amount))


@pytest.fixture
def shop(tx):
    return small_shop(tx, pieces=100)


@pytest.fixture
def accounts(tx):
    rows = [
        ReceivingAccount(code=c, bank=c, account_no=f"000{i}", account_name="ร้าน") for i, c in enumerate(("KB", "SCB"))
    ]
    tx.session.add_all(rows)
    tx.session.flush()
    return [r.id for r in rows]


@pytest.fixture
def cashier(tx, actor):
    return replace(tx, actor=actor("cashier", user_id=3))


def ordered(tx, shop, **facts):
    return place_order(tx, shop.order((0, 1), confirm=True, **facts)).order_id


def paid(tx, order_id, amount, account=None, method=PaymentMethod.TRANSFER):
    return record_payment(
        tx, SubmitClaim(method, baht(amount), ((order_id, baht(amount)),), account_id=account)
    ).claim_id  # fmt: skip


def ship(tx, order_id):
    mark_shipped(tx, MarkShipped(order_id))


def cash(tx, order_id, amount, status, **facts):
    """The COD entry of an order's only shipment, in this state."""
    shipment = tx.session.query(ShipmentLine).filter_by(order_id=order_id).first().shipment_id
    entry = tx.session.query(CodEntry).filter_by(order_id=order_id).one_or_none()
    if entry is None:
        entry = CodEntry(shipment_id=shipment, order_id=order_id, carrier="Flash", handed_over_at=clock.now())
        tx.session.add(entry)
    entry.to_collect = entry.expected = baht(amount)
    entry.status, entry.carrier = status, "Flash"
    for name, value in facts.items():
        setattr(entry, name, baht(value))
    derived.refresh(tx, [tx.session.get_one(derived.Order, order_id)])


def override(tx, order_id, amount):
    tx.session.add(GateOverride(order_id=order_id, covers=baht(amount), reason="ลูกค้าประจำ", by="ผู้จัดการ"))
    derived.refresh(tx, [tx.session.get_one(derived.Order, order_id)])


def refunded(tx, order_id, amount, account=None):
    tx.session.add(
        Refund(number=f"RF-{order_id}", order_id=order_id, status=RefundStatus.PAID, amount=baht(amount), reason="x",
               method=PaymentMethod.TRANSFER, account_id=account, requested_label="x", paid_at=clock.now())
    )  # fmt: skip
    derived.refresh(tx, [tx.session.get_one(derived.Order, order_id)])


def sheet_of(tx, day=TODAY):
    tx.session.flush()
    return day_sheet(tx.session, day)


def parts(split):
    return {name: figure.amount for name, figure in split.parts.items() if figure.amount}


@pytest.fixture
def busy_day(tx, shop, accounts):
    """One order of every kind; all of 100 baht, all left on the day."""
    with clock.at(NOON - BEFORE):
        old = ordered(tx, shop)
        paid(tx, old, 100, accounts[0])
    with clock.at(NOON):
        ship(tx, old)
        too_much = ordered(tx, shop)
        paid(tx, too_much, 130, accounts[1])
        ship(tx, too_much)
        back = ordered(tx, shop)
        paid(tx, back, 100, accounts[0], PaymentMethod.PROMPTPAY)
        ship(tx, back)
        refunded(tx, back, 30, accounts[0])
        for status in CodStatus:
            one = ordered(tx, shop, payment_term=PaymentTerm.COD, term_approved=True)
            ship(tx, one)
            cash(tx, one, 100, status, **SO_FAR[status])
        for term in (PaymentTerm.CREDIT, PaymentTerm.MARKETPLACE):
            one = ordered(tx, shop, payment_term=term, term_approved=True)
            ship(tx, one)
        half = ordered(tx, shop)
        paid(tx, half, 60, accounts[0])
        override(tx, half, 40)
        ship(tx, half)
        paid(tx, ordered(tx, shop), 100, None, PaymentMethod.CASH)
    return {"half": half, "old": old, "too_much": too_much}


def test_every_satang_of_the_goods_that_left_is_explained(tx, busy_day):
    sheet = sheet_of(tx)
    assert sheet.goods.due.amount == baht(1100)
    assert parts(sheet.goods) == {
        "received": baht(100 + 100 + 70 + 60), "given_back": baht(30), "cod_expected": baht(100),
        "cod_collected": baht(100), "cod_short": baht(30), "cod_remitted": baht(70 + 90), "cod_refused": baht(100),
        "cod_written_off": baht(10),
        "credit": baht(100), "platform": baht(100), "override": baht(40),
    }  # fmt: skip
    assert sheet.goods.ties
    assert sheet.ties


def test_the_sheet_agrees_with_sums_made_another_way(tx, busy_day):
    sheet = sheet_of(tx)
    due = tx.session.scalar(text("SELECT sum(total) FROM orders WHERE fulfillment_status = 'shipped'"))
    assert sheet.goods.due.amount == Money.satang(int(due))
    money = tx.session.scalar(
        text(
            "SELECT (SELECT sum(amount) FROM payment_claims WHERE status = 'verified' AND"
            " (decided_at AT TIME ZONE 'Asia/Bangkok')::date = '2026-11-20')"
            " - (SELECT sum(amount) FROM refunds WHERE (paid_at AT TIME ZONE 'Asia/Bangkok')::date = '2026-11-20')"
        )
    )
    assert sheet.net == Money.satang(int(money)) == baht(130 + 100 + 60 + 100 - 30)


@pytest.mark.parametrize("scope", [DAY, STANDING])
def test_every_figure_of_the_goods_is_the_sum_of_its_rows(tx, busy_day, scope):
    sheet = sheet_of(tx)
    split = sheet.goods if scope == DAY else sheet.standing
    for part, figure in {"due": split.due, **split.parts}.items():
        rows = goods_rows(tx.session, scope, TODAY, part, 500)
        assert sum((Money.satang(int(r.amount)) for r in rows), start=ZERO) == figure.amount
        assert len(rows) == figure.rows


def test_every_figure_of_the_money_is_the_sum_of_its_rows(tx, busy_day):
    seen = 0
    for line in sheet_of(tx).money:
        for kind in ("verified", "reversed", "refunded"):
            figure = getattr(line, kind)
            rows = money_rows(tx.session, TODAY, kind, line.method, line.account_id)
            assert sum((Money.satang(int(r.amount)) for r in rows), start=ZERO) == figure.amount
            assert len(rows) == figure.rows
            seen += len(rows)
    assert seen == 5


def test_goods_that_left_with_nothing_behind_them_are_shown(tx, shop):
    with clock.at(NOON):
        gone = ordered(tx, shop)
        shipment = Shipment(number="SH-X", warehouse_id=shop.bkk, status="handed_over", handed_over_at=clock.now())
        tx.session.add(shipment)
        order = tx.session.get_one(derived.Order, gone)
        order.lines[0].shipped = 1
        tx.session.flush()
        tx.session.add(
            ShipmentLine(shipment_id=shipment.id, order_id=gone, order_line_id=order.lines[0].id, quantity=1)
        )
        derived.refresh(tx, [order])
    sheet = sheet_of(tx)
    assert (sheet.goods.ties, sheet.ties) == (False, False)
    assert sheet.goods.unexplained.amount == baht(100)
    assert [r.id for r in goods_rows(tx.session, DAY, TODAY, "unexplained", 10)] == [gone]


def test_cod_that_nobody_is_to_collect_is_unexplained(tx, shop):
    with clock.at(NOON):
        one = ordered(tx, shop, payment_term=PaymentTerm.COD, term_approved=True)
        ship(tx, one)
        cash(tx, one, 70, CodStatus.EXPECTED)
    assert parts(sheet_of(tx).goods) == {"cod_expected": baht(70), "unexplained": baht(30)}


def test_an_order_in_two_shipments_counts_on_the_day_its_first_goods_left(tx, shop, busy_day):
    order = tx.session.get_one(derived.Order, busy_day["old"])
    later = Shipment(number="SH-Y", warehouse_id=shop.bkk, status="handed_over", handed_over_at=NOON + BEFORE)
    tx.session.add(later)
    tx.session.flush()
    tx.session.add(ShipmentLine(shipment_id=later.id, order_id=order.id, order_line_id=order.lines[0].id, quantity=1))
    tx.session.flush()
    assert sheet_of(tx).goods.due.amount == baht(1100)
    assert sheet_of(tx, TODAY + BEFORE).goods.due.rows == 0


def test_days_begin_at_midnight_in_bangkok(tx, shop, accounts):
    midnight = datetime(2026, 11, 20, tzinfo=clock.BANGKOK)
    for moment in (midnight - timedelta(seconds=1), midnight):
        with clock.at(moment):
            paid(tx, ordered(tx, shop), 100, accounts[0])
    assert sheet_of(tx).net == baht(100)
    assert sheet_of(tx, TODAY - BEFORE).net == baht(100)


def test_a_reversal_takes_away_on_its_own_day_and_leaves_the_day_before_as_it_was(tx, shop, accounts):
    with clock.at(NOON - BEFORE):
        claim = paid(tx, ordered(tx, shop), 100, accounts[0])
    before = sheet_of(tx, TODAY - BEFORE).net
    with clock.at(NOON):
        reverse_claim(tx, DecideClaim(claim, "โอนผิดบัญชี"))
    assert sheet_of(tx, TODAY - BEFORE).net == before == baht(100)
    (line,) = sheet_of(tx).money
    assert (line.verified.amount, line.reversed.amount, line.net) == (ZERO, baht(100), baht(-100))
    assert len(money_rows(tx.session, TODAY - BEFORE, "verified", "transfer", accounts[0])) == 1


def test_the_statement_stands_beside_the_books(tx, shop, accounts, busy_day):
    for i, amount in enumerate((150, 60, -30)):
        tx.session.add(
            StatementLine(account_id=accounts[0], line_key=f"k{i}", booked_at=NOON, amount=baht(amount),
                          status=LineStatus.UNMATCHED)
        )  # fmt: skip
    tx.session.add(
        StatementLine(account_id=accounts[0], line_key="k0", occurrence=2, booked_at=NOON, amount=baht(150),
                      status=LineStatus.DUPLICATE)
    )  # fmt: skip
    line = next(a for a in sheet_of(tx).accounts if a.account_id == accounts[0])
    assert (line.money_in, line.money_out, line.rows) == (baht(210), baht(30), 3)
    assert line.booked == baht(100 + 60 - 30)
    assert line.difference == baht(50)
    rows = statement_rows(tx.session, TODAY, accounts[0])
    assert sum((Money.satang(int(r.amount)) for r in rows), start=ZERO) == baht(180)


def test_a_closed_day_keeps_its_figures_and_shows_what_changed(tx, cashier, shop, accounts, busy_day):
    with clock.at(NOON):
        done = close_day(cashier, CloseDay(TODAY))
        assert done.ties
        with refused(cashier, "day_closed", None, DayClosing):
            close_day(cashier, CloseDay(TODAY))
    closing = closing_of(tx.session, TODAY)
    assert changed_since(closing, sheet_of(tx)) == []
    with clock.at(NOON):
        paid(tx, busy_day["half"], 40, accounts[1])
    found = {(c.group, c.key, c.name): c.difference for c in changed_since(closing, sheet_of(tx))}
    assert found == {
        ("money", f"transfer:{accounts[1]}", "verified"): baht(40),
        (DAY, "", "received"): baht(40), (DAY, "", "override"): baht(-40),
    }  # fmt: skip
    assert closing.figures["day"]["override"] == 4000


def test_closing_while_slips_wait_needs_a_note(tx, cashier, shop, accounts):
    with clock.at(NOON):
        one = ordered(tx, shop)
        submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, baht(100), ((one, baht(100)),), account_id=accounts[0]))
        with refused(cashier, "slips_waiting", "note", DayClosing):
            close_day(cashier, CloseDay(TODAY))
        close_day(cashier, CloseDay(TODAY, "รอลูกค้าส่งสลิปใหม่"))
    assert closing_of(tx.session, TODAY).note == "รอลูกค้าส่งสลิปใหม่"


def test_a_day_that_has_not_come_is_not_closed(tx, cashier):
    with clock.at(NOON), refused(cashier, "day_not_come", "day", DayClosing):
        close_day(cashier, CloseDay(TODAY + BEFORE))


def test_the_day_is_for_who_may_verify_and_sees_everything(tx, actor):
    for role in ("sales", "warehouse", "accountant", "viewer"):
        with pytest.raises(Forbidden):
            close_day(replace(tx, actor=actor(role)), CloseDay(TODAY))
    with pytest.raises(Forbidden, match="only a part"):
        close_day(replace(tx, actor=actor("cashier", shops=frozenset({1}))), CloseDay(TODAY))
    with pytest.raises(Forbidden, match="only a part"):
        board(tx.session, actor("cashier", warehouses=frozenset({1})))


def test_the_board_counts_what_waits(tx, cashier, shop, accounts, busy_day):
    with clock.at(NOON):
        waits = ordered(tx, shop)
        submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, baht(90), ((waits, baht(90)),)))
        tx.session.add(
            StatementLine(account_id=accounts[0], line_key="z", booked_at=NOON, amount=baht(10), status="unmatched")
        )
        tx.session.flush()
        found = board(tx.session, cashier.actor)
    assert (found.slips.rows, found.slips.amount, found.slips.oldest) == (1, baht(90), NOON)
    assert found.lines["unmatched"].rows == 1
    assert (found.parked["1"].rows, found.parked["1"].amount) == (1, baht(100))
    assert (sum(p.rows for p in found.cod.values()), sum((p.amount for p in found.cod.values()), start=ZERO)) == (
        3, baht(230),
    )  # fmt: skip
    assert found.refunds == {}


def test_sheet_and_board_ask_a_fixed_number_of_statements(tx, cashier, busy_day):
    asked = []
    tx.session.flush()
    engine = tx.session.connection().engine
    event.listen(engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    day_sheet(tx.session, TODAY)
    sheet = len(asked)
    board(tx.session, cashier.actor)
    assert (sheet, len(asked) - sheet) == (6, 1)
    assert set(PART_LABELS) >= {"received", "unexplained"}
