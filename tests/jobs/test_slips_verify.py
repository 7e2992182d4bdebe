"""Asking a verifier in the background: what is written down, what is retried, who is left alone, what a person sees."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select

from jobs.relay import carry_out
from jobs.schedule import COUNT_CHECKS
from oms import clock, outbox
from oms.actor import system
from oms.audit import AuditLog
from oms.banks.checking import Topic
from oms.banks.verifiers.port import Answer
from oms.banks.verifiers.registry import open_verifier
from oms.db import db, transaction
from oms.errors import Forbidden, Refused
from oms.money import Money
from oms.net.breaker import OPENS_AFTER
from oms.net.kept import Kept
from oms.orders.models import Order
from oms.outbox import Outbox, OutboxStatus
from oms.payments.models import ReceivingAccount
from oms.payments.slip_models import Slip, SlipCheck, VerifierAccount
from oms.payments.states import CheckOutcome as Out
from oms.payments.states import SlipKind, SlipStatus, Verdict
from oms.sealing import Sealer
from oms.usecases import slips_verify
from oms.usecases.orders_place import place_order
from oms.usecases.references import take_reference
from oms.usecases.slips_verdicts import SlipVerdicts, verdicts
from oms.usecases.slips_verify import BACKOFF, TOPIC, BeginCheck, ask_again, begin_check, record_answer
from tests.banks.play import IMPATIENT, PAID_AT, SETTINGS, Play, on_stage, transfer
from tests.shop import small_shop
from views.sandbox.slip_qr import code_of

NOW = clock.aware(PAID_AT) + timedelta(minutes=20)
WHO = system("test")


class Desk:
    """A shop with an account, verifiers, slips, and a worker."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.sealer: Sealer = app.extensions["oms.sealer"]
        with transaction(WHO) as tx:
            account = ReceivingAccount(
                code="scb", bank="SCB", account_no="123-4-55366-7", account_name="รวม", bank_code="014"
            )
            tx.session.add(account)
            tx.session.flush()
            self.account = account.id
            self.shop = small_shop(tx, pieces=100)

    def verifier(self, play: Play, **facts: Any) -> int:
        words: dict[str, Any] = {
            "provider": play.provider, "name": play.provider, "host": play.host, "options": {},
            "secrets": self.sealer.seal(SETTINGS[play.provider]),
        }  # fmt: skip
        with transaction(WHO) as tx:
            row = VerifierAccount(**(words | facts))
            tx.session.add(row)
            tx.session.flush()
            return row.id

    def slip(self, reference: str = "015073144041ATF00999", **facts: Any) -> int:
        words: dict[str, Any] = {
            "status": SlipStatus.WAITING, "kind": SlipKind.SLIP, "sending_bank": "004", "reference": reference,
            "crc_ok": True, "qr_payload": code_of("004", reference), "uploaded_label": "test", "uploaded_at": NOW,
            "sha256": hashlib.sha256(reference.encode()).hexdigest(),
        }  # fmt: skip
        with transaction(WHO) as tx, clock.at(NOW):
            row = Slip(**(words | facts))
            tx.session.add(row)
            tx.session.flush()
            if row.reference:
                take_reference(tx, row.sending_bank, row.reference, slip_id=row.id)
            outbox.add(tx, TOPIC, f"{TOPIC}:{row.id}", slip_id=row.id)
            return row.id

    def order(self, total: str) -> int:
        with transaction(WHO) as tx, clock.at(NOW - timedelta(minutes=32)):
            fee = Decimal(total) - 100
            placed = place_order(tx, self.shop.order(confirm=True, shipping_fee=Money(fee)))
            return placed.order_id

    def work(self, at: Any = NOW) -> int:
        """Carry out whatever is due at this moment; returns how many rows."""
        with clock.at(at):
            with transaction(WHO) as tx:
                due = [d.id for d in outbox.due(tx, 100) if d.topic == TOPIC]
            for outbox_id in due:
                assert carry_out(outbox_id)
        return len(due)

    def owed(self) -> list[Outbox]:
        """Questions still to be asked."""
        db.session.rollback()
        found = select(Outbox).where(Outbox.topic == TOPIC, Outbox.status == OutboxStatus.WAITING)
        return list(db.session.scalars(found.order_by(Outbox.next_try_at)))

    def get(self, model: Any, row_id: int) -> Any:
        db.session.rollback()
        return db.session.get(model, row_id, populate_existing=True)

    def checks(self, slip_id: int) -> list[SlipCheck]:
        db.session.rollback()
        found = select(SlipCheck).where(SlipCheck.slip_id == slip_id).order_by(SlipCheck.id)
        return list(db.session.scalars(found))

    def seen(self, slip_id: int, due: dict[int, Money] | None = None) -> SlipVerdicts:
        return verdicts(db.session(), [self.get(Slip, slip_id)], due or {}, NOW)[slip_id]


@pytest.fixture
def desk(isolated) -> Iterator[Desk]:
    kept = isolated.extensions["oms.verifiers"] = Kept(impatient)
    yield Desk(isolated)
    kept.close()
    del isolated.extensions["oms.verifiers"]


def impatient(code: str, host: str, settings: Any) -> Any:
    """A verifier that gives up within a second."""
    return open_verifier(code, host, settings, IMPATIENT)


@pytest.fixture
def stage() -> Iterator[Callable[[str], Play]]:
    with ExitStack() as stack:
        yield lambda provider: stack.enter_context(on_stage(provider))


def test_the_answer_fills_the_slip_and_decides_nothing(desk, stage):
    play = stage("slipok")
    play.known()
    verifier = desk.verifier(play, quota_left=10)
    order = desk.order("1590.25")
    slip_id = desk.slip(order_id=order)
    assert desk.work() == 1
    slip = desk.get(Slip, slip_id)
    assert slip.status is SlipStatus.WAITING
    assert slip.paid_amount == Money.satang(159025)
    assert slip.paid_at == PAID_AT
    assert slip.payer_name
    assert slip.receiver["account"] == "xxx-x-x5366-x"
    assert slip.account_id == desk.account
    row = desk.get(VerifierAccount, verifier)
    assert (row.quota_left, row.failures, row.last_ok_at, row.version) == (9, 0, NOW, 1)
    assert db.session.get(Order, order).verified_amount == Money.satang(0)
    seen = desk.seen(slip_id, {order: Money.satang(159025)})
    assert seen.exact, [(c.topic, c.verdict, str(c.why)) for c in seen.checks]
    assert not desk.owed()


def test_one_satang_short_is_not_exact(desk, stage):
    play = stage("slipok")
    play.known()
    desk.verifier(play)
    order = desk.order("1590.26")
    slip_id = desk.slip(order_id=order, said_amount=Money.satang(159026))
    desk.work()
    seen = desk.seen(slip_id, {order: Money.satang(159026)})
    assert seen.verdicts.of(Topic.AMOUNT).verdict is Verdict.MISMATCH
    assert not seen.exact
    assert desk.get(Slip, slip_id).paid_amount == Money.satang(159025), "the bank's amount, not the customer's"


def test_a_slip_to_somebody_elses_account_is_seen(desk, stage):
    play = stage("easyslip")
    play.known(receiver_account="xxx-x-x9999-x")
    desk.verifier(play)
    slip_id = desk.slip()
    desk.work()
    seen = desk.seen(slip_id)
    assert seen.verdicts.of(Topic.RECEIVER).verdict is Verdict.MISMATCH
    assert desk.get(Slip, slip_id).account_id is None


def test_without_a_verifier_nothing_matches_and_nothing_is_owed(desk):
    order = desk.order("500")
    slip_id = desk.slip(order_id=order, said_amount=Money(Decimal(500)), said_at=NOW)
    assert desk.work() == 1
    seen = desk.seen(slip_id, {order: Money(Decimal(500))})
    assert not seen.exact
    assert {c.verdict for c in seen.checks if c.topic is not Topic.REFERENCE} == {Verdict.NOT_CHECKED}
    assert not desk.owed()


def test_our_own_question_that_timed_out_is_not_another_shops(desk, stage):
    play = stage("slipok")
    play.known()
    desk.verifier(play)
    slip_id = desk.slip()
    play.sandbox.book.fail("silence", seconds=1.8)
    desk.work()
    first = desk.checks(slip_id)[0]
    assert (first.outcome, first.arrived, first.retry_at) == (Out.UNAVAILABLE, True, NOW + BACKOFF[0])
    assert play.sandbox.book.remembered, "the provider did the work"
    desk.work(NOW + BACKOFF[0])
    second = desk.checks(slip_id)[1]
    assert (second.outcome, second.code) == (Out.FOUND, "1012")
    assert desk.get(Slip, slip_id).paid_amount == Money.satang(159025)
    assert not desk.owed()


def test_a_worker_that_died_with_the_question_on_its_way_counts_as_our_own(desk, stage):
    play = stage("slipok")
    asked = play.known()
    desk.verifier(play)
    slip_id = desk.slip()
    with clock.at(NOW), transaction(WHO) as tx:
        assert begin_check(tx, BeginCheck(slip_id)) is not None
    play.ask(asked)
    desk.work()
    assert [c.outcome for c in desk.checks(slip_id)] == [Out.ASKED, Out.FOUND]


def test_a_slip_another_shop_has_shown_is_used_before(desk, stage):
    play = stage("slipok")
    play.ask(play.known())
    desk.verifier(play)
    slip_id = desk.slip()
    desk.work()
    assert desk.checks(slip_id)[0].outcome is Out.USED_BEFORE
    seen = desk.seen(slip_id)
    assert seen.verdicts.of(Topic.TRANSFER).verdict is Verdict.MISMATCH
    assert not seen.exact
    with clock.at(NOW), transaction(WHO) as tx:
        ask_again(tx, slip_id)
    desk.work()
    assert desk.checks(slip_id)[1].outcome is Out.USED_BEFORE, "asking again does not make it ours"


def test_a_question_that_never_left_the_house_is_not_our_own_call(desk, stage):
    play = stage("slipok")
    asked = play.known()
    verifier = desk.verifier(play, host="http://127.0.0.1:9")
    slip_id = desk.slip()
    desk.work()
    assert not desk.checks(slip_id)[0].arrived
    play.ask(asked)  # another shop was faster
    with transaction(WHO) as tx:
        tx.session.get_one(VerifierAccount, verifier).host = play.host
    desk.work(NOW + BACKOFF[0])
    assert desk.checks(slip_id)[1].outcome is Out.USED_BEFORE


@pytest.mark.parametrize(("fault", "minutes"), [({"kind": "bank_down"}, 15), ({"kind": "delay", "minutes": 7}, 7)])
def test_a_bank_that_needs_time_is_asked_again_when_it_said(desk, stage, fault, minutes):
    play = stage("slipok")
    play.known()
    verifier = desk.verifier(play)
    slip_id = desk.slip()
    play.sandbox.book.fail(**fault)
    desk.work()
    assert desk.owed()[0].next_try_at == NOW + timedelta(minutes=minutes)
    assert desk.get(VerifierAccount, verifier).failures == 0, "the provider works, the bank does not"
    assert desk.seen(slip_id).waits
    assert desk.work(NOW + timedelta(minutes=minutes - 1)) == 0
    desk.work(NOW + timedelta(minutes=minutes))
    assert desk.checks(slip_id)[-1].outcome is Out.FOUND


def test_an_empty_package_stops_the_verifier_and_the_slip_waits_for_a_person(desk, stage):
    play = stage("slip2go")
    play.known()
    play.sandbox.book.quota = 0
    verifier = desk.verifier(play)
    slip_id = desk.slip()
    desk.work()
    row = desk.get(VerifierAccount, verifier)
    assert (row.stopped, row.quota_left) == ("quota", 0)
    assert desk.seen(slip_id).outcome is Out.QUOTA
    assert not desk.owed()
    other = desk.slip("ANOTHER1")
    desk.work()
    assert not desk.checks(other), "nobody is asked in vain"
    stopped = db.session.scalar(select(func.count()).where(AuditLog.action == "verifier.stopped"))
    assert stopped == 1


def test_a_wrong_key_stops_the_verifier(desk, stage):
    play = stage("kbank")
    wrong = desk.sealer.seal({"consumer_id": "kb-id", "consumer_secret": "old"})
    verifier = desk.verifier(play, secrets=wrong)
    slip_id = desk.slip()
    desk.work()
    assert desk.get(VerifierAccount, verifier).stopped == "settings"
    assert desk.checks(slip_id)[0].outcome is Out.REFUSED


def test_secrets_no_key_opens_stop_the_verifier_and_say_so(desk, stage):
    play = stage("scb")
    verifier = desk.verifier(play, secrets=Sealer(["another installation"]).seal(SETTINGS["scb"]))
    slip_id = desk.slip()
    desk.work()
    assert desk.get(VerifierAccount, verifier).stopped == "settings"
    assert desk.checks(slip_id)[0].code == "settings"
    assert not play.asked


def test_a_silent_provider_is_left_alone_probed_once_and_trusted_again(desk, stage):
    play = stage("slipok")
    for i in range(OPENS_AFTER + 3):
        play.sandbox.book.add(transfer(f"REF{i}"))
    verifier = desk.verifier(play)
    slips = [desk.slip(f"REF{i}") for i in range(OPENS_AFTER)]
    play.sandbox.book.fail("500", times=OPENS_AFTER + 1)
    desk.work()
    row = desk.get(VerifierAccount, verifier)
    assert row.failures == OPENS_AFTER
    assert row.closed_until > NOW
    late = desk.slip("REF7")
    desk.work()
    assert not desk.checks(late), "not asked while the provider is left alone"
    assert play.asked == OPENS_AFTER
    until = row.closed_until
    with clock.at(until), transaction(WHO) as tx:
        probe = begin_check(tx, BeginCheck(slips[0]))
        assert probe is not None
        assert begin_check(tx, BeginCheck(slips[1])) is None, "one probe at a time"
        record_answer(tx, probe.check_id, Answer(Out.UNAVAILABLE, code="timeout"))
    row = desk.get(VerifierAccount, verifier)
    assert row.closed_until - until == timedelta(minutes=2), "longer every time"
    play.sandbox.book.faults.clear()
    for _ in range(6):
        owed = desk.owed()
        if not owed:
            break
        desk.work(max(o.next_try_at for o in owed))
    row = desk.get(VerifierAccount, verifier)
    assert (row.failures, row.closed_until) == (0, None)
    assert all(desk.checks(s)[-1].outcome is Out.FOUND for s in [*slips, late])


def test_another_verifier_is_asked_while_one_is_left_alone(desk, stage):
    first, second = stage("slipok"), stage("easyslip")
    second.known()
    desk.verifier(first, failures=OPENS_AFTER, closed_until=NOW + timedelta(minutes=5), account_id=desk.account)
    desk.verifier(second)
    slip_id = desk.slip(account_id=desk.account)
    desk.work()
    assert desk.checks(slip_id)[0].outcome is Out.FOUND
    assert (first.asked, second.asked) == (0, 1)


def test_the_verifier_of_the_receiving_account_is_asked_before_one_for_all(desk, stage):
    general, own = stage("slipok"), stage("scb")
    own.known()
    desk.verifier(general)
    desk.verifier(own, account_id=desk.account)
    slip_id = desk.slip(account_id=desk.account)
    desk.work()
    assert desk.checks(slip_id)[0].outcome is Out.FOUND
    assert (general.asked, own.sandbox.book.calls != []) == (0, True)


def test_it_ends_after_some_tries_and_a_person_looks(desk, stage):
    play = stage("slipok")
    desk.verifier(play, host="http://127.0.0.1:9")
    slip_id = desk.slip()
    at = NOW
    for _ in range(40):
        desk.work(at)
        owed = desk.owed()
        if not owed:
            break
        at = owed[0].next_try_at
    assert len(desk.checks(slip_id)) == len(BACKOFF) + 1
    seen = desk.seen(slip_id)
    assert (seen.outcome, seen.waits, seen.exact) == (Out.UNAVAILABLE, False, False)


def test_a_decided_slip_is_not_asked_about(desk, stage):
    play = stage("slipok")
    desk.verifier(play)
    desk.slip(status=SlipStatus.REJECTED)
    wallet = desk.slip("TMN1", sending_bank="TMN")
    desk.work()
    assert not play.asked
    with transaction(WHO) as tx, pytest.raises(Refused) as refusal:
        ask_again(tx, wallet)
    assert refusal.value.detail_code == "slip_not_askable"


def test_an_answer_about_another_transfer_fills_nothing_in(desk, stage):
    play = stage("scb")
    play.known()
    desk.verifier(play)
    slip_id = desk.slip()
    with transaction(WHO) as tx, clock.at(NOW):
        asking = begin_check(tx, BeginCheck(slip_id))
        lie = play.ask(asking.question)
        from dataclasses import replace

        record_answer(tx, asking.check_id, replace(lie, transfer=replace(lie.transfer, reference="OTHER")))
    assert desk.get(Slip, slip_id).paid_amount is None
    assert desk.seen(slip_id).verdicts.of(Topic.REFERENCE).verdict is Verdict.MISMATCH
    assert not desk.seen(slip_id).exact


def test_the_same_answer_twice_is_kept_once(desk, stage):
    play = stage("slipok")
    play.known()
    verifier = desk.verifier(play, quota_left=5)
    slip_id = desk.slip()
    with transaction(WHO) as tx:
        asking = begin_check(tx, BeginCheck(slip_id))
        answer = play.ask(asking.question)
        assert record_answer(tx, asking.check_id, answer) == record_answer(tx, asking.check_id, answer)
    assert desk.get(VerifierAccount, verifier).quota_left == 4
    assert db.session.scalar(select(func.count()).where(AuditLog.action == "slip.checked")) == 1


def test_no_transaction_is_open_while_the_provider_thinks(committed):
    """The cashier decides the slip while a provider is slow; nobody waits for anybody."""
    desk = Desk(committed)
    with on_stage("slipok") as play:
        play.known()
        desk.verifier(play)
        slip_id = desk.slip()
        play.sandbox.book.fail("silence", seconds=2)
        with transaction(WHO) as tx, clock.at(clock.now()):
            due = [d.id for d in outbox.due(tx, 10) if d.topic == TOPIC]

        def run() -> None:
            with committed.app_context():
                carry_out(due[0])

        worker = threading.Thread(target=run)
        worker.start()
        while not play.sandbox.book.calls:
            threading.Event().wait(0.02)
        with transaction(WHO) as tx:
            tx.session.execute(select(func.set_config("lock_timeout", "500ms", True)))
            slip = tx.session.get_one(Slip, slip_id, with_for_update=True)
            slip.status = SlipStatus.REJECTED
        worker.join()
        assert desk.checks(slip_id)[0].outcome is Out.FOUND
        assert desk.get(Slip, slip_id).status is SlipStatus.REJECTED
        committed.extensions.pop("oms.verifiers").close()


def test_many_workers_at_once_lose_no_failure_and_no_check(committed):
    """Every answer counts on the shared account, whoever got it."""
    desk = Desk(committed)
    with on_stage("slipok") as play:
        verifier = desk.verifier(play, quota_left=100)
        for i in range(8):
            play.sandbox.book.add(transfer(f"REF{i}"))
        play.sandbox.book.fail("silence", times=8, seconds=0.1)
        good = [desk.slip(f"REF{i}") for i in range(8)]

        def run(row: int) -> None:
            with committed.app_context():
                carry_out(row)
                db.session.remove()

        def all_at_once() -> None:
            with transaction(WHO) as tx:
                due = [d.id for d in outbox.due(tx, 50) if d.topic == TOPIC]
            threads = [threading.Thread(target=run, args=(row,)) for row in due]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        all_at_once()
        row = desk.get(VerifierAccount, verifier)
        assert (row.quota_left, row.failures) == (92, 0)
        assert all(desk.checks(s)[0].outcome is Out.FOUND for s in good)
        play.sandbox.book.fail("500", times=4)
        for i in range(4):
            play.sandbox.book.add(transfer(f"BAD{i}"))
            desk.slip(f"BAD{i}")
        all_at_once()
        assert desk.get(VerifierAccount, verifier).failures == 4
        committed.extensions.pop("oms.verifiers").close()


def test_asking_again_needs_the_right_and_somebody_to_ask(desk, actor):
    slip_id = desk.slip()
    for role, problem in (("sales", Forbidden), ("cashier", Refused)):
        with pytest.raises(problem), transaction(actor(role)) as tx:
            ask_again(tx, slip_id)
    assert len(desk.owed()) == 1


def test_verdicts_of_many_slips_take_few_statements(desk, stage):
    play = stage("slipok")
    desk.verifier(play)
    ids = []
    for i in range(12):
        play.sandbox.book.add(transfer(f"REF{i}"))
        ids.append(desk.slip(f"REF{i}", order_id=desk.order("1590.25")))
    desk.work()
    slips = list(db.session.scalars(select(Slip).where(Slip.id.in_(ids))))
    from sqlalchemy import event

    seen: list[str] = []
    listen = lambda *facts: seen.append(facts[2])  # noqa: E731
    connection = db.session.connection()
    event.listen(connection, "before_cursor_execute", listen)
    found = verdicts(db.session(), slips, {s.order_id: Money.satang(159025) for s in slips}, NOW)
    event.remove(connection, "before_cursor_execute", listen)
    assert all(v.exact for v in found.values())
    assert len(seen) <= 6
    assert slips_verify.TOPIC == TOPIC


def test_a_package_filled_up_again_ends_the_stop_by_itself(desk, stage):
    first, second = stage("slip2go"), stage("easyslip")
    first.known()
    stopped = desk.verifier(first, stopped="quota", quota_left=0)
    wrong = desk.verifier(second, stopped="settings", quota_left=3)
    slip_id = desk.slip()
    desk.work()
    assert not desk.checks(slip_id)
    with transaction(WHO) as tx:
        outbox.add(tx, COUNT_CHECKS, "turn")
    first.sandbox.book.quota = 25
    with clock.at(clock.now()):
        assert carry_out(db.session.scalar(select(Outbox.id).where(Outbox.topic == COUNT_CHECKS)))
    row = desk.get(VerifierAccount, stopped)
    assert (row.stopped, row.quota_left) == ("", 25)
    assert desk.get(VerifierAccount, wrong).stopped == "settings"
    assert not second.sandbox.book.calls, "a wrong key is not tried every hour"
    desk.work(clock.now() + timedelta(seconds=1))
    assert desk.checks(slip_id)[0].outcome is Out.FOUND


def test_from_the_photo_to_the_verdicts(desk, stage):
    """A picture comes in, is read, is asked about, and everything a cashier compares is there."""
    import io

    from jobs import slips as reading
    from oms.intake import files
    from oms.usecases.slips import ReceiveSlip, receive_slip
    from oms.usecases.slips_read import READ
    from tests.samples import slips as drawn

    play = stage("slipok")
    paper = drawn.made(Random(1), "004")
    picture = drawn.jpeg(drawn.draw(paper))
    play.known(reference=paper.reference)
    desk.verifier(play)
    order = desk.order("1590.25")
    root = desk.app.extensions["oms.settings"].files_dir
    kept = files.keep(root, io.BytesIO(picture), "slip.jpg")
    with clock.at(NOW):
        with transaction(WHO) as tx:
            slip_id = receive_slip(tx, ReceiveSlip(kept, order)).slip_id
            work = outbox.claim(tx, tx.session.scalar(select(Outbox.id).where(Outbox.topic == READ)))
        reading.walk(work)
    desk.app.extensions.pop("oms.decoder").close()
    assert desk.get(Slip, slip_id).reference == paper.reference
    assert desk.work() == 1
    seen = desk.seen(slip_id, {order: Money.satang(159025)})
    assert seen.exact, [(c.topic, c.verdict, str(c.why)) for c in seen.checks]
