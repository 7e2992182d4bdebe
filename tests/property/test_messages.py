"""Any row of order events, repeated, with providers that fail and workers that die: customers hear exactly what the
rules demand, by a route that knows repeats each once, by one that does not at most once, and nothing is forgotten."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

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
from sqlalchemy import func, select, text

from jobs.relay import carry_out
from jobs.schedule import MESSAGES
from oms import clock, outbox
from oms.actor import system
from oms.carriers.port import CarrierEvent
from oms.customers.models import CustomerIdentity, IdentityKind
from oms.db import db, transaction
from oms.errors import OmsError, say
from oms.money import Money
from oms.notifications.catalogue import Event, Route
from oms.notifications.models import Message, MessageSettings, Notice
from oms.notifications.port import Letter, SendLimited, SendRefused, SendSilent, Sent
from oms.notifications.states import MessageState, NoticeStatus
from oms.orders.models import Order
from oms.outbox import Outbox, OutboxStatus
from oms.payments.states import PaymentMethod
from oms.reports.auditor import audit_all
from oms.shipping.models import Parcel
from oms.shipping.states import TrackingStatus
from oms.usecases.message_routes import RouteFacts, create_route
from oms.usecases.messages import begin_batch
from oms.usecases.orders_place import place_order
from oms.usecases.payments import DecideClaim, SubmitClaim, reject_claim, submit_claim, verify_claim
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.shipping_parcels import SetTracking, set_tracking
from oms.usecases.tracking import ParcelNews, record_events
from tests.notifications.office import user
from tests.shop import small_shop

SYSTEM = system("property test")
FAULTS = ("none", "lost_before", "lost_after", "limited", "no_server")
T = TrackingStatus
NEWS = (T.OUT_FOR_DELIVERY, T.DELIVERY_FAILED, T.DELIVERED, T.IN_TRANSIT)


_TIME_PASSES = (
    "UPDATE messages SET lease_until = now() - interval '1 second' WHERE state = 'sending'",
    "UPDATE messages SET next_try_at = now() - interval '1 second' WHERE state = 'queued'",
    "UPDATE message_accounts SET closed_until = NULL",
    "UPDATE outbox SET next_try_at = now() - interval '1 second', lease_until = NULL WHERE status IN ('waiting', 'running')",
)


class Provider:
    """A provider in memory: takes letters, fails as it is told, and (LINE) knows keys again."""

    def __init__(self, *, knows_repeats: bool) -> None:
        self.knows_repeats, self.taken, self.keys = knows_repeats, [], set()
        self.faults: list[str] = []
        self.lock = threading.Lock()

    def close(self) -> None:
        """Nothing is open."""

    def send(self, letter: Letter) -> Sent:
        with self.lock:
            fault = self.faults.pop(0) if self.faults else "none"
            if fault == "limited":
                raise SendLimited(say("wait"), retry_after=timedelta(seconds=5))
            if fault == "no_server":
                raise SendSilent(say("nobody"), reached=False)
            if fault == "lost_before":
                raise SendSilent(say("silence"))
            if letter.to.endswith("9"):
                raise SendRefused(say("blocked"), gone=True)
            again = self.knows_repeats and letter.retry_key in self.keys
            if not again:
                self.keys.add(letter.retry_key)
                self.taken.append((letter.to, letter.topic, letter.body))
            if fault == "lost_after":
                raise SendSilent(say("silence"))
            return Sent("1", repeat=again)


class Providers:
    """Stands for the kept senders of a worker."""

    def __init__(self, made: dict[str, Provider]) -> None:
        self.made = made

    def get(self, account_id: int, code: str, host: str, settings: object) -> Provider:
        return self.made[code]

    def close(self) -> None:
        """Nothing is open."""


class Telling(RuleBasedStateMachine):
    """Orders of buyers on LINE and of buyers with a phone alone; each event may come twice."""

    app = None

    def __init__(self) -> None:
        super().__init__()
        db.session.remove()
        self.savepoint = db.engines[None].begin_nested()
        self.serial = 0
        self.made = {"line": Provider(knows_repeats=True), "smsmkt": Provider(knows_repeats=False)}
        self.kept = self.app.extensions.pop("oms.senders", None)
        self.app.extensions["oms.senders"] = Providers(self.made)
        self.orders: list[int] = []
        self.buyer: dict[int, str] = {}
        self.boxes: dict[int, int] = {}
        self.said: Counter = Counter()  # (order, event) -> how often the rules demand it at most
        self.number: dict[int, str] = {}

    @initialize()
    def open_shop(self):
        sealer = self.app.extensions["oms.sealer"]
        with transaction(SYSTEM) as tx:
            self.shop = small_shop(tx, pieces=5000)
            tx.session.add(MessageSettings(id=1, events_off=["received"], quiet_from=0, quiet_to=0))
            line = RouteFacts("line", "LINE", secrets={"access_token": "t"})
            sms = RouteFacts("smsmkt", "SMS", options={"sender": "RUAM"}, secrets={"api_key": "k", "secret_key": "s"})
            self.accounts = {
                "line": create_route(tx, line, sealer).id, "smsmkt": create_route(tx, sms, sealer).id,
            }  # fmt: skip

    @rule(on_line=st.booleans(), blocked=st.booleans())
    def place(self, on_line, blocked):
        if len(self.orders) >= 4:
            return
        self.serial += 1
        phone = f"08{self.serial:07d}1"

        cmd = self.shop.order(confirm=True)
        with transaction(SYSTEM) as tx:
            placed = place_order(tx, replace(cmd, ship_to=replace(cmd.ship_to, phone=phone, name=f"b{self.serial}")))
            order = tx.session.get_one(Order, placed.order_id)
            if on_line:
                known = user(self.serial * 16 + (9 if blocked else 0))
                tx.session.add(
                    CustomerIdentity(customer_id=order.customer_id, kind=IdentityKind.LINE, external_id=known)
                )
        self.orders.append(placed.order_id)
        self.said[placed.order_id, Event.CONFIRMED] = 1

    def one(self, pick: int) -> int:
        return self.orders[pick % len(self.orders)]

    @precondition(lambda self: self.orders)
    @rule(pick=st.integers(0, 9), good=st.booleans())
    def pay(self, pick, good):
        order_id, money = self.one(pick), Money(Decimal(100))
        with suppress(OmsError), transaction(SYSTEM) as tx:
            claim = submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, money, ((order_id, money),)))
            decide = DecideClaim(claim.claim_id, note="no")
            (verify_claim if good else reject_claim)(tx, decide)
            self.said[order_id, Event.PAID if good else Event.SLIP_REJECTED] += 1

    @precondition(lambda self: self.orders)
    @rule(pick=st.integers(0, 9), numbered=st.booleans())
    def ship(self, pick, numbered):
        order_id = self.one(pick)
        self.serial += 1
        number = f"TH{self.serial:06d}" if numbered else ""
        with suppress(OmsError), transaction(SYSTEM) as tx:
            self.boxes[order_id] = mark_shipped(tx, MarkShipped(order_id, "Flash", number)).shipment_id
            self.said[order_id, Event.SHIPPED] = 1
            self.number[order_id] = number

    @precondition(lambda self: self.boxes)
    @rule(pick=st.integers(0, 9))
    def correct(self, pick):
        order_id = sorted(self.boxes)[pick % len(self.boxes)]
        self.serial += 1
        number = f"TH{self.serial:06d}"
        with suppress(OmsError), transaction(SYSTEM) as tx:
            set_tracking(tx, SetTracking(self.boxes[order_id], "Flash", number))
            self.said[order_id, Event.CORRECTION] += 1
            self.number[order_id] = number

    @precondition(lambda self: self.boxes)
    @rule(pick=st.integers(0, 9), status=st.sampled_from(NEWS), twice=st.booleans())
    def news(self, pick, status, twice):
        order_id = sorted(self.boxes)[pick % len(self.boxes)]
        self.serial += 1
        at = clock.now() + timedelta(seconds=self.serial)
        event = CarrierEvent(at, status, f"c{self.serial}")
        parcels = select(Parcel.id).where(Parcel.shipment_id == self.boxes[order_id], Parcel.is_live)
        for _ in range(2 if twice else 1):
            with suppress(OmsError), transaction(SYSTEM) as tx:
                for parcel_id in tx.session.scalars(parcels):
                    record_events(tx, [ParcelNews(parcel_id, (event,))], "poll")
        told = {
            T.OUT_FOR_DELIVERY: Event.OUT_FOR_DELIVERY, T.DELIVERY_FAILED: Event.PROBLEM, T.DELIVERED: Event.DELIVERED,
        }.get(status)  # fmt: skip
        if told is not None:
            self.said[order_id, told] = 1

    @rule(route=st.sampled_from(["line", "smsmkt"]), faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3))
    def fail(self, route, faults):
        self.made[route].faults += faults

    @rule()
    def work(self):
        """What is due is done; nothing is waited for."""
        with transaction(SYSTEM) as tx:
            rows = outbox.due(tx, 200)
        for row in rows:
            carry_out(row.id)

    @rule(route=st.sampled_from(["line", "smsmkt"]), sends=st.booleans())
    def die(self, route, sends):
        """A worker claims letters, perhaps sends them, and is killed before it writes anything down."""
        with transaction(SYSTEM) as tx:
            batch = begin_batch(tx, self.accounts[route], self.app.extensions["oms.sealer"])
        for outgoing in batch.letters if batch is not None and sends else ():
            with suppress(OmsError):
                self.made[route].send(outgoing.letter)

    @rule()
    def wait(self):
        """Leases and pauses end; a flushed queue is rung again."""
        with transaction(SYSTEM) as tx:
            for statement in _TIME_PASSES:
                tx.session.execute(text(statement))
            self.serial += 1
            outbox.add(tx, MESSAGES, f"{MESSAGES}@p{self.serial}")

    @invariant()
    def nobody_hears_anything_twice(self):
        for provider in self.made.values():
            same = Counter((to, topic, body) for to, topic, body in provider.taken if topic != Event.PAID.value)
            same = {k: n for k, n in same.items() if k[1] != Event.SLIP_REJECTED.value and n > 1}
            assert not same, same

    def teardown(self) -> None:
        try:
            self._settle()
        finally:
            if self.kept is None:
                self.app.extensions.pop("oms.senders", None)
            else:
                self.app.extensions["oms.senders"] = self.kept
            db.session.remove()
            self.savepoint.rollback()

    def _settle(self) -> None:
        """Everything works again and time passes: then the books must agree."""
        for provider in self.made.values():
            provider.faults.clear()
        session = db.session
        for _ in range(12):
            self.wait()
            self.work()
            if not session.scalar(select(func.count()).where(Notice.status == NoticeStatus.OPEN)):
                break
        assert session.scalar(select(func.count()).where(Outbox.status == OutboxStatus.NEEDS_PERSON)) == 0
        left = session.scalars(select(Notice).where(Notice.status == NoticeStatus.OPEN)).all()
        assert not left, [(n.event, n.revision) for n in left]
        owed = Counter((n.order_id, n.event) for n in session.scalars(select(Notice)))
        assert owed == self.said, (owed - self.said, self.said - owed)
        self._compare(session)
        assert [str(f) for f in audit_all(session())] == []

    def _compare(self, session) -> None:
        """What our log says was sent is what the providers took, letter for letter."""
        sent = Counter()
        unsure = Counter()
        for m in session.scalars(select(Message)):
            key = (m.recipient, m.event.value, m.body)
            if m.state is MessageState.SENT:
                sent[m.route, key] += 1
            elif m.state is MessageState.NEEDS_PERSON:
                unsure[m.route, key] += 1
        for name, provider in self.made.items():
            taken = Counter(provider.taken)
            ours = Counter({key: n for (route, key), n in sent.items() if route is Route(name)})
            open_ones = Counter({key: n for (route, key), n in unsure.items() if route is Route(name)})
            assert not ours - taken, (name, ours - taken)
            assert not (taken - ours) - open_ones, (name, (taken - ours) - open_ones)
        for order_id, number in self.number.items():
            told = session.scalars(
                select(Message.told)
                .where(
                    Message.order_id == order_id, Message.state == MessageState.SENT,
                    Message.event.in_([Event.SHIPPED, Event.CORRECTION]),
                )
                .order_by(Message.first_try_at, Message.id)
            ).all()  # fmt: skip
            stuck = session.scalar(
                select(func.count()).where(
                    Message.order_id == order_id, Message.state == MessageState.NEEDS_PERSON,
                    Message.event.in_([Event.SHIPPED, Event.CORRECTION]),
                )
            )  # fmt: skip
            assert stuck or (told and told[-1] == number), (order_id, number, told)


@pytest.mark.timeout(900)
@pytest.mark.deep
def test_customers_hear_exactly_what_the_rules_demand(isolated):
    Telling.app = isolated
    run_state_machine_as_test(Telling)
