"""Any sequence of COD events: the ledger adds up to what parcels were sent out with, the auditor finds nothing broken,
deriving again changes nothing, and no order ever gets more of a round than it was to bring."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, inspect, select

from oms import clock
from oms.actor import system
from oms.audit import AuditLog
from oms.db import db, transaction
from oms.errors import OmsError
from oms.intake.states import Outcome
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import PaymentStatus, PaymentTerm
from oms.payments.cod_models import CodEntry, CodRound, CodRoundLine
from oms.payments.cod_queries import tie, ties
from oms.payments.models import Allocation, PaymentClaim, ReceivingAccount
from oms.payments.states import CodRefusal, PaymentMethod
from oms.reports.auditor import audit_all
from oms.usecases import derived
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
from oms.usecases.orders_place import place_order
from oms.usecases.payments import SubmitClaim, record_payment
from oms.usecases.shipping import MarkShipped, mark_delivered, mark_shipped
from tests.shop import small_shop

PICK = st.integers(0, 10_000)
SATANG = st.integers(0, 60_000)
SYSTEM = system("property test")
FLASH = "Flash Express"


class Ledger(RuleBasedStateMachine):
    """A shop that sends COD parcels with one carrier, and everything that can become of their cash."""

    def __init__(self) -> None:
        super().__init__()
        db.session.remove()
        self.savepoint = db.engines[None].begin_nested()
        self.moment = clock.now() - timedelta(days=30)
        self.orders: list[int] = []
        self.serial = 0

    @initialize()
    def open_shop(self):
        with clock.at(self.moment), transaction(SYSTEM) as tx:
            self.shop = small_shop(tx, pieces=1000)
            account = ReceivingAccount(code="K", bank="K", account_no="1112333334", account_name="x")
            tx.session.add(account)
            tx.session.flush()
            self.account = account.id

    def do(self, verb, *arguments):
        """Run one verb in a transaction; a refusal must leave no trace."""
        self.moment += timedelta(hours=5)
        before = self.trace()
        with clock.at(self.moment):
            try:
                with transaction(SYSTEM) as tx:
                    return verb(tx, *arguments)
            except OmsError as refusal:
                said = refusal
        if self.trace() != before:
            pytest.fail(f"{verb.__name__} was refused ({said}) and left something behind")
        return None

    def trace(self):
        models = (AuditLog, CodEntry, CodRound, CodRoundLine, Allocation, PaymentClaim)
        return tuple(db.session().scalar(select(func.count()).select_from(m)) for m in models)

    def entry(self, pick: int) -> int:
        ids = db.session.scalars(select(CodEntry.id).order_by(CodEntry.id)).all()
        return ids[pick % len(ids)] if ids else 0

    def round(self, pick: int) -> int:
        ids = db.session.scalars(select(CodRound.id).order_by(CodRound.id)).all()
        return ids[pick % len(ids)] if ids else 0

    @rule(sku=st.integers(0, 3), pieces=st.integers(1, 3), deposit=st.sampled_from([0, 0, 5_000]))
    def send(self, sku, pieces, deposit):
        self.serial += 1
        placed = self.do(place_order, self.shop.order((sku, pieces), confirm=True, payment_term=PaymentTerm.COD))
        self.orders.append(placed.order_id)
        if deposit:
            part = Money.satang(deposit)
            self.do(record_payment, SubmitClaim(PaymentMethod.TRANSFER, part, ((placed.order_id, part),)))
        self.do(mark_shipped, MarkShipped(placed.order_id, "flash", f"TH{len(self.orders)}"))

    @precondition(lambda self: self.orders)
    @rule(pick=PICK)
    def arrive(self, pick):
        self.do(mark_delivered, self.orders[pick % len(self.orders)])

    @precondition(lambda self: self.orders)
    @rule(
        parcels=st.lists(st.tuples(st.integers(1, 8), st.sampled_from(["exact", "exact", "less", "more"]), SATANG), min_size=1, max_size=4),
        reference=st.sampled_from(["R1", "R2", "R3"]), named=st.booleans(), carrier=st.sampled_from([FLASH, FLASH, "KEX Express"]),
    )  # fmt: skip
    def pay(self, parcels, reference, named, carrier):
        rows = {}
        for number, how, satang in parcels:
            known = db.session.scalars(select(CodEntry).where(CodEntry.tracking_no == f"TH{number}")).one_or_none()
            amount = known.to_collect if known else Money.satang(satang)
            change = Money.satang(satang % 2000)
            amount = {"exact": amount, "less": max(amount - change, Money.satang(0)), "more": amount + change}[how]
            rows[number] = PaidParcel(number, f"TH{number}", amount, Money.satang(satang % 700), reference, named)
        cmd = TakeParcels(carrier, None, tuple(rows.values()))
        self.do(take_parcels, cmd)
        again = self.do(take_parcels, cmd)
        assert {t.outcome for t in again} <= {Outcome.UNCHANGED, Outcome.QUARANTINED}

    @rule(pick=PICK, refusal=st.sampled_from(CodRefusal))
    def refuse(self, pick, refusal):
        self.do(refuse_cod, RefuseCod(self.entry(pick), refusal, "why"))

    @rule(pick=PICK)
    def reopen(self, pick):
        self.do(reopen_cod, ReopenCod(self.entry(pick), "why"))

    @rule(pick=PICK, satang=SATANG)
    def correct(self, pick, satang):
        self.do(correct_cod, CorrectCod(self.entry(pick), Money.satang(satang), "why"))

    @rule(pick=PICK)
    def write_off(self, pick):
        self.do(write_off_cod, WriteOffCod(self.entry(pick), "why"))

    @rule(pick=PICK)
    def bank(self, pick):
        self.do(bank_round, BankRound(self.round(pick), account_id=self.account, note="seen"))

    @rule(pick=PICK)
    def unbank(self, pick):
        self.do(unbank_round, UnbankRound(self.round(pick), "why"))

    @rule(pick=PICK, satang=SATANG)
    def fee(self, pick, satang):
        self.do(set_round_fee, SetRoundFee(self.round(pick), Money.satang(satang), "why"))

    @invariant()
    def nothing_is_lost_on_the_way(self):
        terms = tie(db.session())
        assert ties(terms), terms

    @invariant()
    def a_paid_order_got_what_it_was_to_bring_and_no_more(self):
        rows = db.session.execute(select(Order.payment_status, Order.verified_amount, Order.total)).all()
        for status, verified, total in rows:
            assert verified <= total
            assert (status is PaymentStatus.PAID) == (verified == total)

    def teardown(self):
        try:
            assert [str(f) for f in audit_all(db.session())] == []
            with transaction(SYSTEM) as tx:
                orders = list(tx.session.scalars(select(Order)))
                facts = derived.read_facts(tx, orders)
                for order in orders:
                    derived.write(order, derived.derive(facts[order.id]))
                    changed = [a.key for a in inspect(order).attrs if a.history.has_changes()]
                    assert not changed, f"{order.number}: {changed}"
        finally:
            db.session.remove()
            self.savepoint.rollback()


@pytest.mark.deep
def test_no_sequence_of_cod_events_breaks_the_ledger(isolated):
    run_state_machine_as_test(Ledger)
