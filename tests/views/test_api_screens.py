"""Keys and webhooks on their screens, and webhooks on their way to a real server."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask import Flask
from sqlalchemy import select

from jobs import relay as bell
from oms import clock, outbox
from oms.actor import system
from oms.api.models import ApiDelivery, ApiHook, ApiKey
from oms.api.states import DeliveryStatus
from oms.audit import AuditLog
from oms.db import db, transaction
from oms.orders.states import CancelReason
from oms.payments.states import PaymentMethod
from oms.sealing import Sealer
from oms.usecases import api_deliveries
from oms.usecases.api_hooks import HookFacts, create_hook
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_place import place_order
from oms.usecases.payments import SubmitClaim, record_payment
from oms.usecases.resealing import HOOKS, reseal
from tests.shop import SmallShop, small_shop
from tests.views.test_api import Api
from tests.views.test_orders_web import Person

TOKEN = re.compile(r'data-copy="(ruam_[\w-]{40,})"')
SECRET = re.compile(r'data-copy="(whsec_[\w-]{40,})"')


@dataclass
class Receiver:
    """A program of somebody else: what it got, and what it answers."""

    url: str = ""
    status: int = 200
    got: list[tuple[dict[str, str], str]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            made.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(made.status)
            if made.status == 302:
                self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}/ruam"
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def open_inside(web: Flask) -> Iterator[None]:
    """The installation allows this machine."""
    kept = web.extensions["oms.settings"]
    web.extensions["oms.settings"] = replace(kept, inside_hosts=("127.0.0.1",))
    yield
    web.extensions["oms.settings"] = kept


@pytest.fixture
def people(web: Flask) -> Callable[..., Person]:
    return lambda role, **scope: Person(web, role, **scope)


@pytest.fixture
def shop(web: Flask) -> SmallShop:
    web.extensions.pop("oms.api_keys", None)
    web.appbuilder.sm.limiter.reset()
    with transaction(system("test")) as tx:
        return small_shop(tx)


def run_jobs() -> None:
    """Everything that is due, until nothing is."""
    while True:
        with transaction(system("test")) as tx:
            due = [row.id for row in outbox.due(tx, 100)]
        if not sum(bell.carry_out(row_id) for row_id in due):
            return


def hook(web: Flask, url: str, *events: str, **facts) -> tuple[int, str]:
    with transaction(system("test")) as tx:
        wanted = HookFacts("ERP", url, frozenset(events or {"confirmed", "paid", "canceled"}), **facts)
        made = create_hook(tx, wanted, web.extensions["oms.sealer"], ("127.0.0.1",))
    return made.hook_id, made.secret


def deliveries() -> list[ApiDelivery]:
    db.session.rollback()
    return list(db.session.scalars(select(ApiDelivery).order_by(ApiDelivery.id)))


# keys


def test_a_key_is_made_shown_once_used_and_revoked(web: Flask, people, shop: SmallShop):
    owner = people("owner")
    assert "No API key yet" in owner.get("/api-keys/")
    text = owner.post(
        "/api-keys/new", origin="/api-keys/new", name="เว็บของร้าน", actions="order.view", per_minute="100"
    ).text
    token = TOKEN.search(text)[1]
    assert token not in owner.get("/api-keys/")
    row = db.session.scalars(select(ApiKey)).one()
    assert token not in repr(vars(row))
    api = Api(web, token)
    assert api.get("/orders").status_code == 200
    db.session.rollback()
    assert db.session.get(ApiKey, row.id).last_used_at is not None
    owner.post(f"/api-keys/{row.id}/revoke", origin="/api-keys/")
    assert api.get("/orders").status_code == 401
    assert "Revoked" in owner.get("/api-keys/")
    noted = db.session.scalars(select(AuditLog).where(AuditLog.subject_type == "api_key").order_by(AuditLog.id)).all()
    assert [r.action for r in noted] == ["api_key.created", "api_key.revoked"]
    assert token not in json.dumps([r.after for r in noted])


def test_a_key_without_a_name_or_rights_is_not_made(people, shop: SmallShop):
    owner = people("owner")
    answer = owner.post("/api-keys/new", origin="/api-keys/new", name="x", per_minute="100")
    assert "Choose at least one thing" in answer.text
    answer = owner.post("/api-keys/new", origin="/api-keys/new", name="x", actions="order.view", per_minute="999999")
    assert "whole number" in answer.text
    assert db.session.scalars(select(ApiKey)).all() == []


def test_nobody_gives_a_key_more_than_they_have(people, web: Flask, shop: SmallShop):
    manager = people("manager", shops=(shop.line,))
    page = manager.get("/api-keys/new")
    assert "ร้านไลน์" in page
    assert "ร้านช้อปปี้" not in page
    text = manager.post("/api-keys/new", origin="/api-keys/new", name="x", actions="order.view", per_minute="100").text
    assert TOKEN.search(text)
    assert db.session.scalars(select(ApiKey)).one().shops == [shop.line]


@pytest.mark.parametrize("role", ["sales", "cashier", "warehouse", "viewer"])
def test_keys_and_webhooks_are_shut_to_others(people, shop: SmallShop, role):
    person = people(role)
    for path in ("/api-keys/", "/api-keys/new", "/webhooks/", "/webhooks/new"):
        assert person.open(path).status_code == 403, path


# webhooks


def test_a_subscriber_hears_once_signed_and_without_personal_data(web: Flask, shop: SmallShop, receiver, open_inside):
    _, secret = hook(web, receiver.url)
    with transaction(system("test")) as tx:
        placed = place_order(tx, shop.order(confirm=True))
    run_jobs()
    with transaction(system("test")) as tx:
        total = SubmitClaim(PaymentMethod.CASH, shop_money(100), ((placed.order_id, shop_money(100)),))
        record_payment(tx, total)
    run_jobs()
    with transaction(system("test")) as tx:
        api_deliveries.owe_deliveries(tx, "confirmed", [(placed.order_id, "0")])  # said again
    run_jobs()
    assert [head["ruam-event"] for head, _ in receiver.got] == ["confirmed", "paid"]
    for head, body in receiver.got:
        stamp, given = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", head["ruam-signature"]).groups()
        wanted = hmac.new(secret.encode(), f"{stamp}.{body}".encode(), hashlib.sha256).hexdigest()
        assert hmac.compare_digest(given, wanted)
        assert abs(int(stamp) - clock.now().timestamp()) < 60
        assert json.loads(body)["order"]["number"] == placed.number
        assert json.loads(body)["id"] == head["ruam-delivery"]
        assert "กนกวรรณ" not in body
    assert {d.status for d in deliveries()} == {DeliveryStatus.DELIVERED}


def shop_money(baht: int):
    from decimal import Decimal

    from oms.money import Money

    return Money(Decimal(baht))


def test_only_the_events_and_shops_that_were_asked_for_are_told(web: Flask, shop: SmallShop, receiver, open_inside):
    hook(web, receiver.url, "canceled", shops=frozenset({shop.shopee}))
    with transaction(system("test")) as tx:
        mine = place_order(tx, shop.order(confirm=True, shop_id=shop.shopee))
        other = place_order(tx, shop.order(confirm=True))
    for placed in (mine, other):
        with transaction(system("test")) as tx:
            cancel_order(tx, CancelOrder(placed.order_id, CancelReason.CUSTOMER))
    run_jobs()
    assert [json.loads(body)["order"]["id"] for _, body in receiver.got] == [mine.order_id]
    assert json.loads(receiver.got[0][1])["order"]["status"] == "canceled"


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_receiver_that_fails_is_tried_again_with_growing_pauses_and_then_given_up(
    web: Flask, shop: SmallShop, receiver, open_inside, status
):
    hook(web, receiver.url, "confirmed")
    receiver.status = status
    with transaction(system("test")) as tx:
        place_order(tx, shop.order(confirm=True))
    run_jobs()
    at = clock.now()
    assert len(receiver.got) == 1
    for n, pause in enumerate(api_deliveries.PAUSES, 1):
        with clock.at(at + timedelta(seconds=pause - 2)):
            run_jobs()
        assert len(receiver.got) == n, "too early"
        at += timedelta(seconds=pause + 2)
        with clock.at(at):
            run_jobs()
        assert len(receiver.got) == n + 1
    assert deliveries()[0].status is DeliveryStatus.FAILED
    assert len({body for _, body in receiver.got}) == 1, "each try sends the same bytes"
    assert deliveries()[0].last_error


def test_a_receiver_that_comes_back_gets_it_and_its_slate_is_clean(web: Flask, shop: SmallShop, receiver, open_inside):
    hook(web, receiver.url, "confirmed")
    receiver.status = 500
    with transaction(system("test")) as tx:
        place_order(tx, shop.order(confirm=True))
    run_jobs()
    assert db.session.scalars(select(ApiHook)).one().failing_since is not None
    receiver.status = 204
    with clock.at(clock.now() + timedelta(minutes=1)):
        run_jobs()
    db.session.expire_all()
    row = db.session.scalars(select(ApiHook)).one()
    assert (row.failing_since, deliveries()[0].status) == (None, DeliveryStatus.DELIVERED)
    assert row.version == 1, "whoever edits it meanwhile is not told that somebody was faster"


def test_after_days_of_failure_it_is_stopped_noted_and_shown(
    web: Flask, shop: SmallShop, receiver, people, open_inside
):
    hook_id, _ = hook(web, receiver.url, "confirmed")
    receiver.status = 500
    start = clock.now()
    for day in range(5):
        with clock.at(start + timedelta(days=day)):
            with transaction(system("test")) as tx:
                place_order(tx, shop.order(confirm=True))
            run_jobs()
    db.session.expire_all()
    row = db.session.get(ApiHook, hook_id)
    assert (row.is_active, row.stopped) == (False, "failing")
    assert db.session.scalars(select(AuditLog).where(AuditLog.action == "api_hook.stopped")).one().subject == "ERP"
    owner = people("owner")
    assert "Stopped: failed for days" in owner.get("/webhooks/")
    sent = len(receiver.got)
    with transaction(system("test")) as tx:
        place_order(tx, shop.order(confirm=True))
    run_jobs()
    assert len(receiver.got) == sent, "nothing is sent to what was stopped"


def test_an_address_inside_is_refused_on_the_screen_and_again_when_sent(web: Flask, shop: SmallShop, receiver, people):
    owner = people("owner")
    answer = owner.post("/webhooks/new", origin="/webhooks/new", name="x", url=receiver.url, events="confirmed")
    assert "inside a private network" in answer.text
    assert db.session.scalars(select(ApiHook)).all() == []
    hook(web, receiver.url, "confirmed")  # was allowed once, is not any more
    with transaction(system("test")) as tx:
        place_order(tx, shop.order(confirm=True))
    run_jobs()
    assert receiver.got == []
    assert deliveries()[0].last_error == "host_inside"


def test_a_webhook_is_added_tried_changed_switched_and_sent_again(
    web: Flask, shop: SmallShop, receiver, people, open_inside
):
    owner = people("owner")
    assert "No webhook yet" in owner.get("/webhooks/")
    text = owner.post("/webhooks/new", origin="/webhooks/new", name="บัญชี", url=receiver.url, events="confirmed").text
    secret = SECRET.search(text)[1]
    hook_id = db.session.scalars(select(ApiHook.id)).one()
    here = f"/webhooks/{hook_id}"
    assert secret not in owner.get(here)
    owner.post(f"{here}/test", origin=here)
    run_jobs()
    assert json.loads(receiver.got[0][1])["event"] == "ping"
    page = owner.get(here)
    assert "Delivered" in page
    assert "200" in page
    owner.post(f"{here}/resend/{deliveries()[0].id}", origin=here)
    run_jobs()
    assert len(receiver.got) == 2
    assert receiver.got[0][1] == receiver.got[1][1]
    edit = re.search(r'name="version"[^>]*value="(\d+)"', owner.get(f"{here}/edit"))[1]
    owner.post(f"{here}/edit", origin=f"{here}/edit", name="บัญชี 2", url=receiver.url, events="paid", version=edit)
    db.session.expire_all()
    assert db.session.get(ApiHook, hook_id).events == ["paid"]
    owner.post(f"{here}/off", origin=here)
    assert "Switch on" in owner.get(here)
    owner.post(f"{here}/on", origin=here)
    fresh = SECRET.search(owner.post(f"{here}/secret", origin=here).text)[1]
    assert fresh != secret


def test_a_person_of_some_shops_keeps_only_webhooks_of_those(web: Flask, shop: SmallShop, receiver, people):
    hook_id, _ = hook(web, receiver.url)
    manager = people("manager", shops=(shop.line,))
    assert "ERP" not in manager.get("/webhooks/")
    assert manager.open(f"/webhooks/{hook_id}").status_code == 404


def test_without_subscribers_nothing_is_owed(web: Flask, shop: SmallShop):
    with transaction(system("test")) as tx:
        placed = place_order(tx, shop.order(confirm=True))
        cancel_order(tx, CancelOrder(placed.order_id, CancelReason.CUSTOMER))
        topics = set(tx.session.scalars(select(outbox.Outbox.topic)))
    assert not topics & {api_deliveries.TELL, api_deliveries.TOPIC}


def test_secrets_are_sealed_anew_and_still_sign(web: Flask, shop: SmallShop, receiver, open_inside):
    hook_id, secret = hook(web, receiver.url)
    settings = web.extensions["oms.settings"]
    old = settings.encryption_keys or (settings.secret_key,)
    with transaction(system("test")) as tx:
        kept = tx.session.get_one(ApiHook, hook_id).secrets
        assert reseal(tx, Sealer(("another key", *old)), HOOKS) == 1
    db.session.expire_all()
    assert db.session.get(ApiHook, hook_id).secrets != kept
    assert Sealer(("another key",)).open(db.session.get(ApiHook, hook_id).secrets) == {"secret": secret}
