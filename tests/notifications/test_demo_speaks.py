"""The demo shop speaks through played providers, and steps back as soon as anything real is set up."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import select

from oms.db import db, transaction
from oms.notifications.catalogue import Event, Route
from oms.notifications.models import MessageAccount
from oms.notifications.states import MessageState
from oms.notifications.writers import ChatWords, ChatWriter
from oms.usecases.message_routes import RouteFacts, create_route
from tests.e2e.browser import served
from tests.notifications.office import WHO, office_of
from views.sandbox.demo_messages import Phones, _write, speak, write_until
from views.sandbox.market import Market
from views.sandbox.server import running
from views.sandbox.stage_channels import together

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def office(committed):
    yield from office_of(committed)


def test_live_orders_are_told_and_people_write(office, web_app):
    phones = Phones()
    for _ in range(6):
        office.place()
    with running(together(Market(1, skus=2, pieces=5), phones.mounted)) as address, served(web_app) as panel:
        speak(office.app, phones, address, panel)
        assert all(_write(phones, panel) for _ in range(5))
        office.work()
        stop = threading.Event()
        stop.set()
        started = time.monotonic()
        write_until(stop, phones, panel)
        assert time.monotonic() - started < 1
    db.session.rollback()
    writers = db.session.scalars(select(ChatWriter).order_by(ChatWriter.id)).all()
    assert {(w.account.route, w.account.is_play) for w in writers} == {(Route.LINE, True), (Route.MESSENGER, True)}
    assert [w.name for w in writers if w.account.route is Route.LINE][:2] == ["Nan 🌷", "คุณเอ๋ สายบุญ"]
    assert "RU-0001" in " ".join(db.session.scalars(select(ChatWords.body)))
    told = [(m.event, m.route, m.state) for m in office.messages()]
    assert told.count((Event.CONFIRMED, Route.LINE, MessageState.SENT)) == 4
    assert told.count((Event.CONFIRMED, Route.COPY, MessageState.TO_COPY)) == 2
    assert len(phones.line.book.messages) == 4


def test_another_start_finds_the_providers_again_and_tells_nothing_twice(office):
    office.place()
    first, again = Phones(), Phones()
    speak(office.app, first, NOWHERE, "http://127.0.0.1:2")
    speak(office.app, again, "http://127.0.0.1:3", "http://127.0.0.1:2")
    assert again.hooks == first.hooks
    db.session.rollback()
    rows = db.session.scalars(select(MessageAccount).where(MessageAccount.host != "")).all()
    assert {row.host.rpartition("/")[0] for row in rows} == {"http://127.0.0.1:3"}
    office.work("notify.tell")
    assert len(office.notices()) == 1


def test_beside_a_real_route_nothing_is_played(office):
    phones = Phones()
    with transaction(WHO) as tx:
        create_route(tx, RouteFacts("line", "จริง", secrets={"access_token": "t"}), office.app.extensions["oms.sealer"])
    speak(office.app, phones, NOWHERE, "http://127.0.0.1:2")
    db.session.rollback()
    assert len(db.session.scalars(select(MessageAccount)).all()) == 1
    assert phones.hooks == {}
    stop = threading.Event()
    stop.set()
    write_until(stop, phones, NOWHERE)


def test_a_panel_that_does_not_answer_is_waited_for(office):
    phones = Phones()
    speak(office.app, phones, NOWHERE, "http://127.0.0.1:2")
    assert _write(phones, NOWHERE) is False
    assert phones.turn == 0
