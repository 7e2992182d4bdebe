"""Who is told of what, by which route, how often; and what is done when a provider does not answer."""

from __future__ import annotations

from decimal import Decimal

import pytest

from oms.db import transaction
from oms.money import Money
from oms.notifications.catalogue import Event, Route
from oms.notifications.states import MessageState, NoticeStatus
from oms.payments.states import PaymentMethod
from oms.usecases.payments import SubmitClaim, record_payment
from oms.usecases.shipping import MarkShipped, mark_shipped
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
