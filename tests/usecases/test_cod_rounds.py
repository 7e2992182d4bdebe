"""Rounds of carriers: taken in once, compared to the satang, banked, taken back."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from oms import clock
from oms.approvals import ApprovalPolicy
from oms.audit import AuditLog
from oms.db import Tx
from oms.errors import OmsError
from oms.intake.states import Outcome
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.states import OrderStatus, PaymentStatus, PaymentTerm
from oms.payments.cod_models import CodEntry, CodRound, CodRoundLine
from oms.payments.models import Allocation, PaymentClaim, ReceivingAccount
from oms.payments.statement_models import StatementLine, StatementMatch
from oms.payments.states import ClaimStatus, CodRefusal, CodStatus, LineStatus, RoundLineOutcome
from oms.reports.auditor import audit_all
from oms.usecases.cod import (
    CorrectCod,
    RefuseCod,
    ReopenCod,
    WriteOffCod,
    correct_cod,
    refuse_cod,
    reopen_cod,
    write_off_cod,
)
from oms.usecases.cod_banking import BankRound, SetRoundFee, UnbankRound, bank_round, set_round_fee, unbank_round
from oms.usecases.cod_rounds import PaidParcel, TakeParcels, take_parcels
from oms.usecases.orders_place import place_orders
from oms.usecases.payments_allocate import MoveMoney, move_money
from oms.usecases.shipping import MarkShipped, mark_delivered_many, mark_shipped_many
from oms.usecases.statement_match import ConfirmMatch, SetAside, confirm_match, unmatch_line
from tests.shop import small_shop

R = RoundLineOutcome
FLASH = "Flash Express"


def baht(amount: int | str) -> Money:
    return Money(Decimal(amount))


@dataclass
class Desk:
    """Four COD orders of 100, 200, 300 and 400 baht, all at the door; parcels TH1 to TH4."""

    tx: Tx
    orders: list[int]
    account: int

    def entry(self, n: int) -> CodEntry:
        self.fresh()
        return self.tx.session.scalars(select(CodEntry).where(CodEntry.order_id == self.orders[n - 1])).one()

    def order(self, n: int) -> Order:
        self.fresh()
        return self.tx.session.get_one(Order, self.orders[n - 1])

    def round(self) -> CodRound:
        self.fresh()
        return self.tx.session.scalars(select(CodRound).order_by(CodRound.id.desc()).limit(1)).one()

    def fresh(self) -> None:
        self.tx.session.flush()
        self.tx.session.expire_all()

    def take(self, *parcels: tuple[str, str] | tuple[str, str, str], ref="R1", carrier=FLASH, named=True):
        rows = tuple(
            PaidParcel(no, parcel[0], baht(parcel[1]), baht(parcel[2] if len(parcel) > 2 else "0"), ref, named)
            for no, parcel in enumerate(parcels, 1)
        )
        return take_parcels(self.tx, TakeParcels(carrier, None, rows))

    def line(self, amount: Money) -> StatementLine:
        made = StatementLine(
            account_id=self.account, line_key=f"k{amount}", booked_at=clock.now(), amount=amount,
            status=LineStatus.UNMATCHED, description="COD FLASH",
        )  # fmt: skip
        self.tx.session.add(made)
        self.tx.session.flush()
        return made

    def counts(self) -> tuple[int, ...]:
        kinds = (CodRound, CodRoundLine, Allocation, PaymentClaim, StatementMatch, AuditLog)
        return tuple(self.tx.session.scalar(select(func.count()).select_from(kind)) or 0 for kind in kinds)


@pytest.fixture
def desk(tx) -> Desk:
    shop = small_shop(tx)
    wanted = [shop.order((i, 1), confirm=True, payment_term=PaymentTerm.COD) for i in range(4)]
    orders = [placed.order_id for placed in place_orders(tx, wanted)]
    mark_shipped_many(tx, [MarkShipped(order, "flash", f"TH{n}") for n, order in enumerate(orders, 1)])
    mark_delivered_many(tx, orders)
    account = ReceivingAccount(code="KBANK", bank="KBank", account_no="111-2-33333-4", account_name="บจ. ตัวอย่าง")
    tx.session.add(account)
    tx.session.flush()
    return Desk(tx, orders, account.id)


def refused(desk: Desk, code: str, verb, *args) -> None:
    desk.tx.session.flush()
    before = desk.counts()
    with pytest.raises(OmsError) as refusal:
        verb(desk.tx, *args)
    assert refusal.value.detail_code == code
    assert desk.counts() == before


def sound(tx: Tx) -> None:
    tx.session.flush()
    assert audit_all(tx.session) == []


def test_an_order_goes_from_the_door_to_the_bank_and_completes(desk):
    assert desk.order(1).payment_status is PaymentStatus.COD_COLLECTED
    (taken,) = desk.take(("TH1", "100", "12.50"))
    assert (taken.outcome, taken.finding) == (Outcome.CREATED, R.MATCHED)
    order, entry, here = desk.order(1), desk.entry(1), desk.round()
    assert (order.payment_status, order.status) == (PaymentStatus.COD_REMITTED, OrderStatus.COMPLETED)
    assert (entry.status, entry.remitted, entry.fee) == (CodStatus.REMITTED, baht(100), baht("12.50"))
    assert (here.gross, here.fees, here.net) == (baht(100), baht("12.50"), baht("87.50"))
    line = desk.line(baht("87.50"))
    done = bank_round(desk.tx, BankRound(here.id, line_id=line.id))
    claim = desk.tx.session.get_one(PaymentClaim, done.claim_id)
    assert (claim.amount, claim.status, claim.customer_id) == (baht(100), ClaimStatus.VERIFIED, None)
    assert desk.order(1).payment_status is PaymentStatus.PAID
    assert desk.tx.session.get_one(StatementLine, line.id).status is LineStatus.MATCHED
    sound(desk.tx)


def test_unbanking_takes_the_money_back_and_frees_the_statement_line(desk):
    desk.take(("TH1", "100"), ("TH2", "200"))
    here, line = desk.round(), desk.line(baht(300))
    bank_round(desk.tx, BankRound(here.id, line_id=line.id))
    refused(desk, "round_banked", bank_round, BankRound(here.id, line_id=line.id))
    refused(desk, "reason_missing", unbank_round, UnbankRound(here.id, " "))
    unbank_round(desk.tx, UnbankRound(here.id, "wrong line"))
    assert [desk.order(n).payment_status for n in (1, 2)] == [PaymentStatus.COD_REMITTED] * 2
    assert desk.tx.session.get_one(StatementLine, line.id).status is LineStatus.UNMATCHED
    assert desk.tx.session.scalar(select(func.sum(StatementMatch.amount))) == ZERO
    refused(desk, "round_not_banked", unbank_round, UnbankRound(here.id, "again"))
    bank_round(desk.tx, BankRound(here.id, line_id=line.id))
    assert desk.order(2).payment_status is PaymentStatus.PAID
    sound(desk.tx)


def test_a_line_of_another_amount_banks_nothing(desk):
    desk.take(("TH1", "100"))
    here, line = desk.round(), desk.line(baht("99.99"))
    refused(desk, "round_differs", bank_round, BankRound(here.id, line_id=line.id))
    refused(desk, "reason_missing", bank_round, BankRound(here.id, account_id=desk.account))
    refused(desk, "account_unknown", bank_round, BankRound(here.id, note="seen in the app"))
    bank_round(desk.tx, BankRound(here.id, account_id=desk.account, note="seen in the app"))
    assert desk.order(1).payment_status is PaymentStatus.PAID


def test_the_same_lines_again_change_nothing(desk):
    desk.take(("TH1", "100", "5"), ("TH2", "200", "5"))
    before = desk.counts()
    again = desk.take(("TH1", "100", "5"), ("TH2", "200", "5"))
    assert {t.outcome for t in again} == {Outcome.UNCHANGED}
    assert desk.counts() == before
    half = desk.take(("TH2", "200", "5"), ("TH3", "300", "5"))
    assert [t.outcome for t in half] == [Outcome.UNCHANGED, Outcome.CREATED]
    assert (desk.round().gross, desk.round().net) == (baht(600), baht(585))
    sound(desk.tx)


def test_an_overlapping_file_that_names_no_round_adds_nothing(desk):
    desk.take(("TH1", "100"), ref="monday.csv", named=False)
    (again,) = desk.take(("TH1", "100"), ref="monday-2.csv", named=False)
    assert again.outcome is Outcome.UNCHANGED
    assert desk.tx.session.scalar(select(func.count()).select_from(CodRound)) == 1


def test_a_parcel_in_two_rounds_pays_its_order_once(desk):
    desk.take(("TH1", "100"))
    (twice,) = desk.take(("TH1", "100"), ref="R2")
    assert (twice.outcome, twice.finding) == (Outcome.CREATED, R.PAID_BEFORE)
    here = desk.round()
    assert here.gross == baht(100)
    claim_id = bank_round(desk.tx, BankRound(here.id, account_id=desk.account, note="by hand")).claim_id
    assert not list(desk.tx.session.scalars(select(Allocation).where(Allocation.claim_id == claim_id)))
    assert desk.order(1).payment_status is PaymentStatus.COD_REMITTED
    sound(desk.tx)


def test_a_contradicting_line_waits_and_changes_nothing(desk):
    desk.take(("TH1", "100"))
    (other,) = desk.take(("TH1", "90"))
    assert (other.outcome, other.code) == (Outcome.QUARANTINED, "round_contradicts")
    assert desk.round().gross == baht(100)


def test_too_little_is_short_until_the_rest_comes(desk):
    (short,) = desk.take(("TH2", "199.99"))
    assert (short.finding, short.code) == (R.SHORT, "parcel_short")
    assert desk.entry(2).status is CodStatus.SHORT
    assert desk.order(2).payment_status is PaymentStatus.COD_COLLECTED
    (rest,) = desk.take(("TH2", "0.01"), ref="R2")
    assert rest.finding is R.MATCHED
    assert (desk.entry(2).status, desk.entry(2).remitted) == (CodStatus.REMITTED, baht(200))
    assert desk.order(2).status is OrderStatus.COMPLETED


def test_a_short_is_written_off_only_by_permission_and_with_a_reason(desk, actor):
    desk.take(("TH2", "150"))
    entry = desk.entry(2).id
    cashier = Tx(desk.tx.session, actor("cashier"))
    with pytest.raises(OmsError) as refusal:
        write_off_cod(cashier, WriteOffCod(entry, "lost"))
    assert refusal.value.code == "forbidden"
    refused(desk, "reason_missing", write_off_cod, WriteOffCod(entry, ""))
    write_off_cod(Tx(desk.tx.session, actor("manager")), WriteOffCod(entry, "the carrier will not pay"))
    assert (desk.entry(2).status, desk.entry(2).written_off) == (CodStatus.REMITTED, baht(50))
    assert (desk.order(2).payment_status, desk.order(2).status) == (PaymentStatus.COD_REMITTED, OrderStatus.COMPLETED)
    (late,) = desk.take(("TH2", "50"), ref="R9")
    assert late.finding is R.MATCHED
    assert (desk.entry(2).written_off, desk.entry(2).remitted) == (ZERO, baht(200))
    sound(desk.tx)


def test_too_much_is_shown_and_belongs_to_no_order(desk):
    (over,) = desk.take(("TH1", "120"))
    assert over.finding is R.OVER
    bank_round(desk.tx, BankRound(desk.round().id, account_id=desk.account, note="by hand"))
    order = desk.order(1)
    assert (order.payment_status, order.verified_amount) == (PaymentStatus.PAID, baht(100))
    sound(desk.tx)


def test_an_unknown_parcel_stays_in_the_round_and_is_understood_later(desk):
    (unknown,) = desk.take(("XX9", "300"))
    assert (unknown.outcome, unknown.code) == (Outcome.QUARANTINED, "parcel_unknown")
    here = desk.round()
    assert here.gross == baht(300)
    bank_round(desk.tx, BankRound(here.id, account_id=desk.account, note="by hand"))
    desk.entry(3).tracking_no = "XX9"
    desk.fresh()
    (known,) = desk.take(("XX9", "300"))
    assert (known.outcome, known.finding) == (Outcome.UPDATED, R.MATCHED)
    assert desk.round().gross == baht(300)
    assert desk.order(3).payment_status is PaymentStatus.PAID
    assert desk.take(("XX9", "300"))[0].outcome is Outcome.UNCHANGED
    sound(desk.tx)


def test_money_of_an_unknown_parcel_that_was_shared_by_hand_is_not_given_again(desk):
    desk.take(("XX9", "300"))
    claim = bank_round(desk.tx, BankRound(desk.round().id, account_id=desk.account, note="by hand")).claim_id
    move_money(desk.tx, MoveMoney(claim, ((desk.order(3).id, baht(300)),), "its parcel was found"))
    desk.entry(3).tracking_no = "XX9"
    desk.fresh()
    (known,) = desk.take(("XX9", "300"))
    assert known.finding is R.MATCHED
    desk.fresh()
    assert (desk.order(3).verified_amount, desk.order(3).payment_status) == (baht(300), PaymentStatus.PAID)
    sound(desk.tx)


def test_a_file_of_the_wrong_carrier_makes_no_round(desk):
    answers = desk.take(("TH1", "100"), ("TH2", "200"), carrier="J&T Express")
    assert {a.code for a in answers} == {"other_carrier"}
    assert desk.tx.session.scalar(select(func.count()).select_from(CodRound)) == 0
    assert desk.entry(1).status is CodStatus.COLLECTED


def test_a_round_in_the_bank_takes_no_further_parcel(desk):
    desk.take(("TH1", "100"))
    bank_round(desk.tx, BankRound(desk.round().id, account_id=desk.account, note="by hand"))
    (extra,) = desk.take(("TH2", "200"))
    assert (extra.outcome, extra.code) == (Outcome.QUARANTINED, "round_banked")
    assert desk.round().gross == baht(100)


def test_a_refused_parcel_that_is_paid_is_flagged_and_booked_when_reopened(desk):
    entry = desk.entry(4)
    refused(desk, "reason_missing", refuse_cod, RefuseCod(entry.id, CodRefusal.OTHER))
    refuse_cod(desk.tx, RefuseCod(entry.id, CodRefusal.AFTER_OPENING, "สีไม่ตรง"))
    entry = desk.entry(4)
    assert (entry.status, entry.expected, entry.to_collect) == (CodStatus.REFUSED, ZERO, baht(400))
    (paid,) = desk.take(("TH4", "400"))
    assert (paid.finding, paid.code) == (R.RETURNED, "parcel_returned")
    bank_round(desk.tx, BankRound(desk.round().id, account_id=desk.account, note="by hand"))
    assert desk.order(4).verified_amount == ZERO
    reopen_cod(desk.tx, ReopenCod(desk.entry(4).id, "รับของแล้ว"))
    assert desk.entry(4).status is CodStatus.REMITTED
    assert desk.order(4).payment_status is PaymentStatus.PAID
    assert desk.round().gross == baht(400)
    sound(desk.tx)


def test_a_correction_needs_a_reason_and_stays_above_what_came(desk):
    desk.take(("TH3", "250"))
    entry = desk.entry(3).id
    refused(desk, "reason_missing", correct_cod, CorrectCod(entry, baht(250), ""))
    refused(desk, "expected_range", correct_cod, CorrectCod(entry, baht(200), "less"))
    correct_cod(desk.tx, CorrectCod(entry, baht(250), "50 baht paid by transfer"))
    assert desk.entry(3).status is CodStatus.REMITTED
    refused(desk, "cod_not_open", correct_cod, CorrectCod(entry, baht(260), "more"))
    last = desk.tx.session.scalars(select(AuditLog).where(AuditLog.action == "cod.corrected")).one()
    assert (last.before["expected"], last.after["expected"]) == ("300.00", "250.00")


def test_what_the_carrier_kept_of_a_round_is_set_with_a_reason(desk):
    desk.take(("TH1", "100", "10"))
    here = desk.round()
    refused(desk, "reason_missing", set_round_fee, SetRoundFee(here.id, baht(5), ""))
    refused(desk, "fee_range", set_round_fee, SetRoundFee(here.id, baht(91), "x"))
    set_round_fee(desk.tx, SetRoundFee(here.id, baht(5), "ค่าโอน"))
    assert desk.round().net == baht(85)


def test_in_two_person_mode_a_statement_line_banks_and_a_word_does_not(desk, actor):
    desk.tx.session.add(ApprovalPolicy(kind="payment.verify", is_on=True))
    desk.take(("TH1", "100"))
    here, line = desk.round().id, desk.line(baht(100)).id
    cashier = Tx(desk.tx.session, actor("cashier"))
    with pytest.raises(OmsError) as refusal, desk.tx.session.begin_nested():
        bank_round(cashier, BankRound(here, account_id=desk.account, note="by hand"))
    assert refusal.value.detail_code == "own_work"
    assert desk.order(1).payment_status is PaymentStatus.COD_REMITTED
    bank_round(cashier, BankRound(here, line_id=line))
    assert desk.order(1).payment_status is PaymentStatus.PAID


def test_the_statement_desk_banks_a_round_and_undoes_it(desk):
    desk.take(("TH1", "100", "5"), ("TH3", "300", "5"))
    here, line = desk.round(), desk.line(baht(390))
    refused(desk, "round_alone", confirm_match, ConfirmMatch((line.id, line.id), round_id=here.id))
    refused(desk, "stale", confirm_match, ConfirmMatch((line.id,), round_id=here.id, versions=((line.id, 99),)))
    confirm_match(desk.tx, ConfirmMatch((line.id,), round_id=here.id, versions=((line.id, line.version),)))
    assert desk.order(3).payment_status is PaymentStatus.PAID
    assert desk.tx.session.get_one(StatementLine, line.id).status is LineStatus.MATCHED
    refused(desk, "reason_missing", unmatch_line, SetAside(line.id))
    unmatch_line(desk.tx, SetAside(line.id, "wrong round"))
    assert desk.order(3).payment_status is PaymentStatus.COD_REMITTED
    assert desk.round().banked_at is None
    sound(desk.tx)


def test_a_line_that_is_used_or_broken_banks_nothing(desk):
    desk.take(("TH1", "100"))
    here, line = desk.round(), desk.line(baht(100))
    line.balance_breaks = True
    desk.tx.session.flush()
    refused(desk, "reason_missing", bank_round, BankRound(here.id, line_id=line.id))
    line.balance_breaks, line.status = False, LineStatus.IGNORED
    desk.tx.session.flush()
    refused(desk, "line_used", bank_round, BankRound(here.id, line_id=line.id))
    refused(desk, "line_not_found", bank_round, BankRound(here.id, line_id=10**12))
