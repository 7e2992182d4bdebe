"""Who is told of what, by which route, how often; and what is done when a provider does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, func, select, update

from oms import clock
from oms.carriers.port import CarrierEvent
from oms.catalog.models import Channel, Shop
from oms.customers.models import IdentityKind
from oms.db import db, transaction
from oms.errors import Forbidden, NotFound, Refused, say
from oms.money import Money
from oms.notifications.catalogue import Event, Route
from oms.notifications.models import Message, MessageAccount, MessageSettings
from oms.notifications.port import SendRefused, Sent
from oms.notifications.states import MessageState, NoticeStatus
from oms.orders.models import Order
from oms.orders.states import CancelReason, PaymentTerm
from oms.outbox import Outbox
from oms.payments.models import ReceivingAccount
from oms.payments.states import PaymentMethod
from oms.reports.messages import Asked, consents, log
from oms.shipping.models import Parcel
from oms.shipping.states import TrackingStatus
from oms.usecases.message_answers import heard, record_answers
from oms.usecases.message_work import SetConsent, mark_arrived, mark_copied, resend, send_again, set_consent
from oms.usecases.messages import begin_batch
from oms.usecases.notices import TOPIC as TELL
from oms.usecases.order_links import order_link
from oms.usecases.orders_cancel import CancelOrder, Restock, cancel_order
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.payments import (
    DecideClaim,
    SubmitClaim,
    record_payment,
    reject_claim,
    submit_claim,
    verify_claim,
)
from oms.usecases.reminders import remind_expiring, send_reminder
from oms.usecases.sentences import unpack
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.shipping_parcels import SetTracking, set_tracking
from oms.usecases.tracking import ParcelNews, record_events
from tests.notifications.office import WHO, Office, office_of, user

S = MessageState


@pytest.fixture
def office(committed):
    yield from office_of(committed)


def pay(order_id: int, baht: int = 100) -> None:
    money = Money(Decimal(baht))
    with transaction(WHO) as tx:
        record_payment(tx, SubmitClaim(PaymentMethod.TRANSFER, money, ((order_id, money),)))


def ship(order_id: int, number: str = "TH0001") -> int:
    with transaction(WHO) as tx:
        return mark_shipped(tx, MarkShipped(order_id, "Flash", number)).shipment_id


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    seen: list[str] = []
    listener = lambda *args: seen.append(args[2])  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", listener)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", listener)


def texts(office: Office, route: Route) -> list[str]:
    return [m.text for m in office.taken(route)]


def test_without_a_route_nothing_is_written_down(office):
    order_id = office.place()
    pay(order_id)
    office.work()
    assert office.notices() == []
    assert office.messages() == []


def test_a_buyer_on_line_is_told_of_each_thing_once(office):
    office.route(Route.LINE)
    order_id = office.place(line=user(1))
    pay(order_id)
    ship(order_id)
    office.work()
    assert [m.event for m in office.messages()] == [Event.CONFIRMED, Event.PAID, Event.SHIPPED]
    assert {m.state for m in office.messages()} == {S.SENT}
    assert {n.status for n in office.notices()} == {NoticeStatus.TOLD}
    said = texts(office, Route.LINE)
    assert len(said) == 3
    assert "100" in said[1]
    assert "TH0001" in said[2]
    assert "Flash Express" in said[2]
    office.work()
    assert len(office.taken(Route.LINE)) == 3


# --- who is told, and how -------------------------------------------------------------------------------------------


def test_a_draft_says_nothing_until_it_is_confirmed_and_history_says_nothing_at_all(office):
    office.route(Route.COPY)
    draft = office.place(confirm=False)
    old = office.place(placed_at=clock.now() - timedelta(days=9), confirm=True)
    office.work()
    assert [(m.order_id, m.event) for m in office.messages()] == [(draft, Event.RECEIVED)]
    with transaction(WHO) as tx:
        confirm_order(tx, ConfirmOrder(draft))
    office.work()
    assert [m.event for m in office.messages(draft)] == [Event.RECEIVED, Event.CONFIRMED]
    assert office.messages(old) == []


def test_an_event_that_is_switched_off_is_not_told(office):
    office.route(Route.COPY)
    with transaction(WHO) as tx:
        tx.session.get_one(MessageSettings, 1).events_off = ["confirmed"]
    order_id = office.place()
    pay(order_id)
    office.work()
    assert [m.event for m in office.messages()] == [Event.PAID]


def test_a_platform_tells_its_own_buyers_unless_somebody_asks_for_more(office):
    office.route(Route.THAIBULKSMS)
    office.place(shop_id=office.shop.shopee, payment_term=PaymentTerm.MARKETPLACE, term_approved=True)
    office.work()
    assert office.notices() == []
    with transaction(WHO) as tx:
        tx.session.get_one(MessageSettings, 1).platform_buyers = True
    office.place(shop_id=office.shop.shopee, payment_term=PaymentTerm.MARKETPLACE, term_approved=True)
    office.work()
    assert [m.route for m in office.messages()] == [Route.THAIBULKSMS]


def test_the_best_route_is_taken_and_a_refusal_leads_to_the_next(office):
    for route in (Route.LINE, Route.THAIBULKSMS, Route.EMAIL, Route.COPY):
        office.route(route)
    office.stages[Route.LINE].book.blocked.add(user(1))
    order_id = office.place(line=user(1), phone="0811111111", email="a@b.co")
    office.stages[Route.THAIBULKSMS].book.blocked.add("0811111111")
    office.work()
    tried = office.messages(order_id)
    assert [(m.route, m.state) for m in tried] == [
        (Route.LINE, S.FAILED), (Route.THAIBULKSMS, S.FAILED), (Route.EMAIL, S.SENT),
    ]  # fmt: skip
    assert [n.status for n in office.notices()] == [NoticeStatus.TOLD]
    assert len(office.mail.letters) == 1
    pay(order_id)
    office.work()
    assert [m.route for m in office.messages(order_id, Event.PAID)] == [
        Route.EMAIL
    ]  # who blocked us is not asked again


def test_who_is_reached_by_nothing_waits_for_a_person_with_a_ready_text(office):
    office.route(Route.LINE)
    office.route(Route.COPY)
    order_id = office.place(phone="021234567")
    office.work()
    (message,) = office.messages()
    assert (message.route, message.state) == (Route.COPY, S.TO_COPY)
    assert "ยืนยันคำสั่งซื้อ" in message.body
    with transaction(WHO) as tx:
        mark_copied(tx, message.id)
    assert [n.status for n in office.notices(order_id)] == [NoticeStatus.TOLD]


def test_without_any_way_it_is_written_down_that_nobody_was_told(office):
    office.route(Route.LINE)
    office.place()
    office.work()
    (notice,) = office.notices()
    assert notice.status is NoticeStatus.SKIPPED
    assert "No route reaches" in str(unpack(notice.reason))


def test_a_shop_with_its_own_account_uses_that_one(office):
    with transaction(WHO) as tx:
        other = Shop(code="line2", name="ร้านสอง", channel=Channel.LINE, warehouse_id=office.shop.bkk)
        tx.session.add(other)
        tx.session.flush()
        other_id = other.id
    office.route(Route.LINE)
    first = office.stages[Route.LINE]
    office.route(Route.LINE, name="LINE สอง", shop_id=other_id, language="en")
    second = office.stages[Route.LINE]
    office.place(line=user(1))
    office.place(line=user(2), shop_id=other_id)
    office.work()
    assert [m.to for m in first.book.messages] == [user(1)]
    assert [m.to for m in second.book.messages] == [user(2)]
    assert "has confirmed your order" in second.book.messages[0].text


@pytest.mark.parametrize(("language", "bank"), [("th", "กสิกรไทย"), ("en", "Kasikornbank")])
def test_where_to_pay_is_written_in_the_readers_language(office, language, bank):
    with transaction(WHO) as tx:
        tx.session.add(
            ReceivingAccount(code="KB", bank="กสิกรไทย", bank_code="004", account_no="012-3", account_name="ร้าน")
        )
    office.route(Route.LINE, language=language)
    office.place(line=user(1))
    office.work()
    assert f"{bank} 012-3 (ร้าน)" in office.stages[Route.LINE].book.messages[0].text


def test_messenger_is_only_used_within_the_day(office):
    office.route(Route.MESSENGER)
    office.route(Route.COPY)
    office.stages[Route.MESSENGER].open_to.update({"42"})
    late, fresh = office.place(), office.place()
    office.buyer(late, IdentityKind.FACEBOOK, "41")
    office.buyer(fresh, IdentityKind.FACEBOOK, "42")
    with transaction(WHO) as tx:
        heard(tx, Route.MESSENGER, "41", clock.now() - timedelta(hours=24))
        heard(tx, Route.MESSENGER, "42", clock.now() - timedelta(hours=2))
    office.work()
    assert [m.route for m in office.messages(late)] == [Route.COPY]
    assert [(m.route, m.state) for m in office.messages(fresh)] == [(Route.MESSENGER, S.SENT)]


@pytest.mark.parametrize(("route", "told"), [(None, None), (Route.LINE, Route.SMSMKT), (Route.THAIBULKSMS, Route.LINE)])
def test_what_a_customer_does_not_want_is_not_sent(office, route, told):
    office.route(Route.LINE)
    office.route(Route.SMSMKT)
    order_id = office.place(line=user(1))
    with transaction(WHO) as tx:
        customer = tx.session.get_one(Order, order_id).customer_id
        set_consent(tx, SetConsent(customer, allowed=False, route=route, how="ทางแชต"))
        set_consent(tx, SetConsent(customer, allowed=False, route=route, how="อีกครั้ง"))
    office.work()
    assert [m.route for m in office.messages() if m.state is S.SENT] == ([told] if told else [])
    if told is None:
        assert office.notices()[0].status is NoticeStatus.SKIPPED
    with transaction(WHO) as tx:
        assert len(consents(tx.session, [customer])) == 1
        set_consent(tx, SetConsent(customer, allowed=True, route=route, how="เปลี่ยนใจ"))
    pay(order_id)
    office.work()
    assert [m.route for m in office.messages(order_id, Event.PAID)] == [Route.LINE]


def test_quiet_hours_hold_what_can_wait(office):
    office.route(Route.LINE)
    with transaction(WHO) as tx:
        row = tx.session.get_one(MessageSettings, 1)
        row.quiet_from, row.quiet_to = 21, 8
    night = clock.local(clock.now()).replace(hour=23, minute=30) + timedelta(days=1)
    with clock.at(night):
        order_id = office.place(line=user(1))
        office.work()
        assert [m.state for m in office.messages()] == [S.QUEUED]
        assert clock.local(office.messages()[0].next_try_at).hour == 8
        with transaction(WHO) as tx:
            send_reminder(tx, order_id)
        office.work()
        assert [m.event for m in office.messages() if m.state is S.SENT] == [Event.REMINDER]
    with clock.at(night + timedelta(hours=9)):
        office.work()
        assert {m.state for m in office.messages()} == {S.SENT}


# --- once, whatever is said twice --------------------------------------------------------------------------------


def test_a_corrected_number_is_told_once_and_only_to_who_knew_another(office):
    office.route(Route.LINE)
    order_id = office.place(line=user(1))
    pay(order_id)
    shipment_id = ship(order_id, "TH0001")
    office.work()
    for number in ("TH0002", "TH0002"):
        with transaction(WHO) as tx:
            set_tracking(tx, SetTracking(shipment_id, "Flash", number))
        office.work()
    said = texts(office, Route.LINE)
    assert len(said) == 4
    assert "TH0002" in said[-1]
    assert "TH0001" not in said[-1]
    with transaction(WHO) as tx:
        set_tracking(tx, SetTracking(shipment_id, "Flash", "TH0003"))
        set_tracking(tx, SetTracking(shipment_id, "Flash", "TH0004"))
    office.work()
    assert ["TH0004" in t for t in texts(office, Route.LINE)[4:]] == [True]


def test_a_number_corrected_before_the_message_left_is_simply_the_number(office):
    office.route(Route.LINE)
    order_id = office.place(line=user(1))
    pay(order_id)
    office.work()
    shipment_id = ship(order_id, "TH0001")
    with transaction(WHO) as tx:
        set_tracking(tx, SetTracking(shipment_id, "Flash", "TH0009"))
    office.work()
    said = [t for t in texts(office, Route.LINE) if "TH000" in t]
    assert len(said) == 1
    assert "TH0009" in said[0]


def test_news_of_a_carrier_is_told_once_however_often_it_comes(office):
    office.route(Route.LINE)
    order_id = office.place(line=user(1))
    pay(order_id)
    ship(order_id)
    office.work()
    with transaction(WHO) as tx:
        parcel_id = tx.session.scalars(select(Parcel.id)).one()
    now = clock.now()
    news = [
        CarrierEvent(now + timedelta(minutes=1), TrackingStatus.OUT_FOR_DELIVERY, "O1"),
        CarrierEvent(now + timedelta(minutes=2), TrackingStatus.DELIVERY_FAILED, "F1", "ไม่มีผู้รับ"),
        CarrierEvent(now + timedelta(minutes=3), TrackingStatus.OUT_FOR_DELIVERY, "O2"),
        CarrierEvent(now + timedelta(minutes=4), TrackingStatus.DELIVERED, "D1"),
    ]
    for said in [*news, news[0], news[1]]:
        with transaction(WHO) as tx:
            record_events(tx, [ParcelNews(parcel_id, (said,))], "poll")
        office.work()
    events = [m.event for m in office.messages()][3:]
    assert events == [Event.OUT_FOR_DELIVERY, Event.PROBLEM, Event.DELIVERED]
    assert "ไม่มีผู้รับ" in texts(office, Route.LINE)[4]


def test_what_was_overtaken_is_passed_over(office):
    office.route(Route.LINE)
    order_id = office.place(line=user(1))
    pay(order_id)
    ship(order_id)
    office.work()
    with transaction(WHO) as tx:
        parcel_id = tx.session.scalars(select(Parcel.id)).one()
    now = clock.now()
    for minutes, status in ((1, TrackingStatus.OUT_FOR_DELIVERY), (2, TrackingStatus.DELIVERED)):
        with transaction(WHO) as tx:
            said = CarrierEvent(now + timedelta(minutes=minutes), status, str(minutes))
            record_events(tx, [ParcelNews(parcel_id, (said,))], "poll")
    office.work(TELL)
    office.work()
    states = {m.event: m.state for m in office.messages()}
    assert states[Event.OUT_FOR_DELIVERY] is S.SKIPPED
    assert states[Event.DELIVERED] is S.SENT


def test_a_slip_turned_down_is_told_with_its_reason_and_a_paid_one_is_not_reminded(office):
    office.route(Route.LINE)
    order_id = office.place(line=user(1))
    office.work()
    money = Money(Decimal(100))
    with transaction(WHO) as tx:
        claim = submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, money, ((order_id, money),)))
        reject_claim(tx, DecideClaim(claim.claim_id, note="The amount is wrong"))
        send_reminder(tx, order_id)
    office.work(TELL)
    pay(order_id)
    office.work()
    states = {m.event: m.state for m in office.messages()}
    assert states == {
        Event.CONFIRMED: S.SENT, Event.SLIP_REJECTED: S.SKIPPED, Event.REMINDER: S.SKIPPED, Event.PAID: S.SENT,
    }  # fmt: skip
    other = office.place(line=user(2))
    with transaction(WHO) as tx:
        claim = submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, money, ((other, money),)))
        reject_claim(tx, DecideClaim(claim.claim_id, note="The amount is wrong"))
    office.work()
    assert "ยอดเงินไม่ตรงกับคำสั่งซื้อ" in texts(office, Route.LINE)[-1]


def test_buyers_are_reminded_before_their_order_expires(office):
    office.route(Route.LINE)
    with transaction(WHO) as tx:
        tx.session.get_one(MessageSettings, 1).remind_hours = 6
    order_id = office.place(line=user(1))
    office.work()
    with transaction(WHO) as tx:
        assert remind_expiring(tx) == 0
    with office.later(timedelta(hours=43)):
        for wanted in (1, 0):
            with transaction(WHO) as tx:
                assert remind_expiring(tx) == wanted
        office.work()
    assert [m.event for m in office.messages(order_id)] == [Event.CONFIRMED, Event.REMINDER]
    assert {m.state for m in office.messages(order_id)} == {S.SENT}


# --- when a provider does not answer -------------------------------------------------------------------------------


def test_line_is_asked_again_with_the_same_key_and_nobody_hears_twice(office):
    office.route(Route.LINE)
    book = office.stages[Route.LINE].book
    office.place(line=user(1))
    book.fail("500")
    office.work()
    (message,) = office.messages()
    assert (message.state, message.unsure, message.attempts) == (S.QUEUED, True, 1)
    first = message.retry_key
    office.ready_again()
    office.work()
    (message,) = office.messages()
    assert (message.state, message.unsure, message.retry_key, len(book.messages)) == (S.SENT, False, first, 1)


def test_an_sms_that_may_have_left_is_never_sent_again_by_itself(office):
    office.route(Route.THAIBULKSMS)
    office.route(Route.COPY)
    book = office.stages[Route.THAIBULKSMS].book
    order_id = office.place()
    book.fail("500")
    office.work()
    office.ready_again()
    office.work()
    (message,) = office.messages()
    assert (message.state, len(book.messages)) == (S.NEEDS_PERSON, 1)
    assert [n.status for n in office.notices()] == [NoticeStatus.TROUBLE]
    with transaction(WHO) as tx:
        mark_arrived(tx, message.id)
    assert [n.status for n in office.notices(order_id)] == [NoticeStatus.TOLD]
    with transaction(WHO) as tx, pytest.raises(Refused):
        send_again(tx, message.id)
    assert len(book.messages) == 1


def test_a_person_who_asked_sends_it_again(office):
    office.route(Route.SMSMKT)
    book = office.stages[Route.SMSMKT].book
    office.place()
    book.fail("500", after=False)
    office.work()
    (message,) = office.messages()
    assert (message.state, len(book.messages)) == (S.NEEDS_PERSON, 0)
    with transaction(WHO) as tx:
        send_again(tx, message.id)
    office.work()
    assert (office.messages()[0].state, len(book.messages)) == (S.SENT, 1)


@pytest.mark.parametrize(("route", "ends", "taken"), [(Route.LINE, S.SENT, 1), (Route.SMSMKT, S.NEEDS_PERSON, 0)])
def test_a_worker_that_dies_after_the_claim_sends_nothing_twice(office, route, ends, taken):
    account = office.route(route)
    office.place(line=user(1))
    office.work("orders.placed", TELL)
    with transaction(WHO) as tx:
        batch = begin_batch(tx, account, office.app.extensions["oms.sealer"])
    assert len(batch.letters) == 1
    office.work()
    assert office.messages()[0].state is S.SENDING  # somebody has it
    office.ready_again()
    office.work()
    assert (office.messages()[0].state, len(office.taken(route))) == (ends, taken)


def test_an_answer_that_comes_after_the_lease_changes_nothing(office):
    account = office.route(Route.LINE)
    office.place(line=user(1))
    office.work("orders.placed", TELL)
    with transaction(WHO) as tx:
        slow = begin_batch(tx, account, office.app.extensions["oms.sealer"])
    office.ready_again()
    office.work()
    assert office.messages()[0].state is S.SENT
    with transaction(WHO) as tx:
        record_answers(tx, account, [(o, SendRefused(say("no"))) for o in slow.letters])
    assert office.messages()[0].state is S.SENT


def test_too_many_at_once_waits_as_long_as_it_is_told(office):
    office.route(Route.SMSMKT)
    book = office.stages[Route.SMSMKT].book
    office.place()
    book.fail("429", after=False)
    office.work()
    (message,) = office.messages()
    assert (message.state, message.unsure) == (S.QUEUED, False)
    assert timedelta(seconds=4) < message.next_try_at - clock.now() <= timedelta(seconds=7)
    office.ready_again()
    office.work()
    assert (office.messages()[0].state, len(book.messages)) == (S.SENT, 1)


def test_wrong_keys_stop_the_route_and_the_customer_hears_another_way(office):
    office.route(Route.LINE)
    office.route(Route.COPY)
    office.stages[Route.LINE].token = "another"
    first, second = office.place(line=user(1)), office.place(line=user(2))
    office.work()
    assert [(m.route, m.state) for m in office.messages(first)] == [(Route.LINE, S.FAILED), (Route.COPY, S.TO_COPY)]
    assert office.messages(second)[-1].state is S.TO_COPY
    assert office.account(Route.LINE).stopped == "settings"
    third = office.place(line=user(3))
    office.work()
    assert [m.route for m in office.messages(third)] == [Route.COPY]


def test_what_waits_when_a_route_stops_goes_another_way_and_what_may_have_arrived_waits_for_a_person(office):
    office.route(Route.LINE)
    office.route(Route.COPY)
    orders = [office.place(line=user(n)) for n in range(3)]
    office.work("orders.placed", TELL)
    (asked,) = office.messages(orders[0])
    with transaction(WHO) as tx:
        tx.session.execute(update(Message).where(Message.id == asked.id).values(unsure=True))
        tx.session.execute(update(MessageAccount).where(MessageAccount.route == Route.LINE).values(stopped="settings"))
    office.work()
    assert [m.state for m in office.messages(orders[0])] == [S.NEEDS_PERSON]
    for order_id in orders[1:]:
        assert [(m.route, m.state) for m in office.messages(order_id)] == [
            (Route.LINE, S.FAILED),
            (Route.COPY, S.TO_COPY),
        ]


def test_the_breaker_opens_and_closes_and_nothing_is_lost(office):
    account = office.route(Route.LINE)
    sandbox = office.stages[Route.LINE]
    for n in range(8):
        office.place(line=user(n))
    sandbox.book.fail("500", times=500, after=False)
    for _ in range(6):
        office.work()
        office.ready_again()
    assert office.account(Route.LINE).failures >= 5
    assert len(sandbox.book.messages) == 0
    with transaction(WHO) as tx:
        probe = begin_batch(tx, account, office.app.extensions["oms.sealer"])
    assert len(probe.letters) == 1  # one question finds out
    sandbox.book.faults.clear()
    for _ in range(3):
        office.ready_again()
        office.work()
    assert office.account(Route.LINE).failures == 0
    assert sorted(m.to for m in sandbox.book.messages) == [user(n) for n in range(8)]
    assert {m.state for m in office.messages()} == {S.SENT}


def test_the_last_of_a_quota_is_kept_for_what_matters(office):
    office.route(Route.LINE, reserve=2)
    office.route(Route.COPY)
    with transaction(WHO) as tx:
        tx.session.execute(update(MessageAccount).where(MessageAccount.route == Route.LINE).values(quota=3, used=0))
    office.stages[Route.LINE].book.quota = 3
    first, second = office.place(line=user(1)), office.place(line=user(2))
    office.work()
    assert [m.state for m in office.messages(first)] == [S.SENT]
    assert [(m.route, m.state) for m in office.messages(second)] == [(Route.LINE, S.FAILED), (Route.COPY, S.TO_COPY)]
    pay(first)
    pay(second)
    office.work()
    assert [m.state for m in office.messages(first, Event.PAID)] == [S.SENT]
    assert [m.state for m in office.messages(second, Event.PAID)] == [S.SENT]
    ship(first)
    office.work()
    assert [m.route for m in office.messages(first, Event.SHIPPED)] == [Route.LINE, Route.COPY]


def test_a_used_up_month_stops_the_route_until_the_next(office):
    office.route(Route.LINE)
    office.route(Route.COPY)
    office.stages[Route.LINE].book.quota = 0
    order_id = office.place(line=user(1))
    office.work()
    assert [m.route for m in office.messages(order_id)] == [Route.LINE, Route.COPY]
    row = office.account(Route.LINE)
    assert row.stopped == "quota"
    assert clock.local(row.closed_until).day == 1


def test_a_message_that_comes_too_late_says_nothing(office):
    office.route(Route.LINE)
    office.place(line=user(1))
    office.work("orders.placed", TELL)
    with office.later(timedelta(days=2)):
        office.work()
    (message,) = office.messages()
    assert (message.state, len(office.taken(Route.LINE))) == (S.SKIPPED, 0)


def test_a_canceled_order_is_not_confirmed_any_more(office):
    office.route(Route.LINE)
    order_id = office.place(line=user(1))
    office.work("orders.placed", TELL)
    with transaction(WHO) as tx:
        cancel_order(tx, CancelOrder(order_id, CancelReason.CUSTOMER, Restock.FREE))
    office.work()
    assert [m.state for m in office.messages()] == [S.SKIPPED]


# --- a person's work, and what it may not do -------------------------------------------------------------------------


def test_telling_once_more_is_a_new_notice_with_what_holds_now(office):
    office.route(Route.LINE)
    order_id = office.place(line=user(1))
    pay(order_id)
    ship(order_id)
    office.work()
    shipped = next(n for n in office.notices() if n.event is Event.SHIPPED)
    for wanted in ("~2", "~3"):
        with transaction(WHO) as tx:
            resend(tx, shipped.id)
        office.work()
        assert office.notices()[-1].revision.endswith(wanted)
    assert len(office.taken(Route.LINE)) == 5


def test_whoever_may_not_sends_and_sees_nothing(office, actor):
    office.route(Route.COPY)
    office.place()
    office.work()
    (message,) = office.messages()
    with transaction(actor("warehouse")) as tx, pytest.raises(Forbidden):
        mark_copied(tx, message.id)
    with transaction(actor("sales", shops=frozenset({office.shop.shopee}))) as tx, pytest.raises(NotFound):
        mark_copied(tx, message.id)
    with transaction(actor("sales")) as tx, pytest.raises(Refused):
        resend(tx, message.notice_id)
    assert office.messages()[0].state is S.TO_COPY
    with transaction(actor("sales", shops=frozenset({office.shop.shopee}))) as tx:
        assert tx.session.scalars(log(tx.actor, Asked())).all() == []


def test_a_batch_costs_as_many_statements_for_sixty_as_for_one(office):
    account = office.route(Route.LINE)
    counts = []
    for size in (1, 40):
        for n in range(size):
            office.place(line=user(1000 * size + n))
        office.work("orders.placed", TELL)
        with counted() as seen:
            with transaction(WHO) as tx:
                batch = begin_batch(tx, account, office.app.extensions["oms.sealer"])
            assert len(batch.letters) == size
            with transaction(WHO) as tx:
                record_answers(tx, account, [(o, Sent("1")) for o in batch.letters])
        counts.append(len(seen))
    assert counts[1] <= counts[0] + 2, counts


def test_a_verb_pays_one_statement_for_telling(office):
    order_id = office.place()
    money = Money(Decimal(100))
    with transaction(WHO) as tx:
        claim = submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, money, ((order_id, money),)))
    with counted() as seen, transaction(WHO) as tx:
        verify_claim(tx, DecideClaim(claim.claim_id))
    assert sum("INSERT INTO outbox" in s for s in seen) == 1
    with transaction(WHO) as tx:
        assert tx.session.scalar(select(func.count()).where(Outbox.topic == TELL)) == 0


def test_a_message_leads_to_the_orders_own_page_by_one_link(office):
    office.route(Route.LINE)
    with transaction(WHO) as tx:
        tx.session.get_one(MessageSettings, 1).public_url = "https://orders.example.com"
    order_id = office.place(line=user(1))
    office.work()
    pay(order_id, 40)
    office.work()
    with transaction(WHO) as tx:
        token = order_link(tx, order_id).token
    assert all(t.endswith(f"https://orders.example.com/o/{token}") for t in texts(office, Route.LINE))
    assert "ยังขาดอีก 60 บาท" in texts(office, Route.LINE)[1]
