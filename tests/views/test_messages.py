"""Messages to customers on screen: routes set up and tried, the log, texts to copy, words edited and tested."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from oms import outbox
from oms.actor import system
from oms.db import db, transaction
from oms.notifications.catalogue import Event, Form, Route
from oms.notifications.models import (
    Message,
    MessageAccount,
    MessageContact,
    MessageSettings,
    MessageTemplate,
    Notice,
    StaffSubscription,
)
from oms.notifications.states import MessageState, NoticeStatus
from oms.orders.models import Order
from oms.outbox import Outbox
from oms.permissions import ROLES
from oms.usecases.message_routes import RouteFacts, create_route
from oms.usecases.notices_expand import expand
from oms.usecases.orders_place import place_order
from tests.shop import small_shop
from tests.views.people import log_in
from views.sandbox.messages import LineSandbox
from views.sandbox.server import running

WHO = system("test")


@pytest.fixture
def copied(web):
    """A shop with one text that waits to be copied; the order's id."""
    with transaction(WHO) as tx:
        shop = small_shop(tx)
        tx.session.add(MessageSettings(id=1, events_off=[], quiet_from=0, quiet_to=0))
        create_route(tx, RouteFacts("copy", "คัดลอก"), web.extensions["oms.sealer"])
        order_id = place_order(tx, shop.order(confirm=True)).order_id
        expand(tx, Event.CONFIRMED, [(order_id, "0")])
    return order_id


def stored() -> MessageAccount:
    db.session.rollback()
    return db.session.scalars(select(MessageAccount)).one()


def test_each_screen_opens_by_its_named_action(web, copied):
    notice = db.session.scalars(select(Notice)).one().id
    wanted = {
        "/messages/": "message.view", f"/messages/{notice}": "message.view", "/messages/copies": "message.send",
        "/message-routes/": "shop.edit", "/message-routes/rules": "shop.edit", "/message-words/": "message.design",
    }  # fmt: skip
    db.session.rollback()
    for role in ROLES:
        person = log_in(web, role.name)
        for path, action in wanted.items():
            answer = person.get(path).status_code
            assert (answer == 200) is (action in role.actions), (role.name, path, answer)


def test_an_empty_shop_says_what_to_do_next(web):
    owner = log_in(web, "owner")
    assert "Set up routes" in owner.get("/messages/").text
    assert "Nothing to copy" in owner.get("/messages/copies").text
    page = owner.get("/message-routes/").text
    assert "No route yet" in page
    assert "ThaiBulkSMS" in page


def test_a_line_account_is_added_tried_and_keeps_its_keys(web):
    owner = log_in(web, "owner")
    sandbox = LineSandbox()
    sandbox.book.quota = 300
    with running(sandbox) as host:
        answer = owner.post(
            "/message-routes/new/line", name="LINE ร้าน", host=host, access_token="LINE-token", channel_secret="s",
            shop_id="0", language="th", reserve="20", is_active="y",
        )  # fmt: skip
        assert answer.status_code == 303
        page = owner.get("/message-routes/").text
        assert "300 messages left" in page
        assert "LINE-token" not in page
        row = stored()
        assert (row.quota, row.used, row.reserve, row.stopped) == (300, 0, 20, "")
        form = owner.get(f"/message-routes/{row.id}/edit").text
        assert "LINE-token" not in form
        bad = owner.post(
            f"/message-routes/{row.id}/edit", version=row.version, name="LINE ร้าน", host=host, access_token="wrong",
            shop_id="0", language="th", reserve="20", is_active="y",
        )  # fmt: skip
        assert bad.status_code == 303
        assert "a try failed" in owner.get("/message-routes/").text
        assert stored().stopped == "settings"


def test_another_address_asks_for_the_keys_again(web):
    owner = log_in(web, "owner")
    with running(LineSandbox()) as host:
        owner.post(
            "/message-routes/new/line", name="LINE", host=host, access_token="LINE-token", shop_id="0", language="th",
            reserve="0", is_active="y",
        )  # fmt: skip
        row = stored()
        page = owner.post(
            f"/message-routes/{row.id}/edit", version=row.version, name="LINE", host="https://evil.example", shop_id="0",
            language="th", reserve="0", is_active="y",
        )  # fmt: skip
    assert "Enter this secret" in page.text
    assert stored().host == host


def test_a_text_is_copied_with_one_click_and_the_order_shows_it(web, copied):
    sales = log_in(web, "sales")
    page = sales.get("/messages/copies").text
    message = db.session.scalars(select(Message)).one()
    message_id, body = message.id, message.body
    assert "ยืนยันคำสั่งซื้อ" in body
    db.session.rollback()
    assert 'data-copy="' in page
    assert sales.post(f"/messages/{message_id}/copied", "/messages/copies", next="/messages/copies").status_code == 303
    assert "Nothing to copy" in sales.get("/messages/copies").text
    row = db.session.get(Message, message_id)
    assert (row.state, row.notice.status) == (MessageState.COPIED, NoticeStatus.TOLD)
    db.session.rollback()
    assert "Copied by staff" in sales.get(f"/orders/{copied}").text
    again = sales.post(f"/messages/{message_id}/copied", "/messages/copies", next="/messages/copies")
    assert again.status_code == 303
    assert "this needs another state" in sales.get("/messages/copies").text


def test_the_log_is_filtered_and_a_notice_is_told_once_more(web, copied):
    sales = log_in(web, "sales")
    number = db.session.get(Order, copied).number
    notice_id = db.session.scalars(select(Notice.id)).one()
    message_id = db.session.scalars(select(Message.id)).one()
    db.session.rollback()
    assert number in sales.get("/messages/?status=open").text
    assert number not in sales.get("/messages/?status=trouble").text
    assert number in sales.get(f"/messages/?q={number}").text
    assert "still on its way" in _said(sales, f"/messages/{notice_id}/resend")
    sales.post(f"/messages/{message_id}/copied", "/messages/")
    assert sales.post(f"/messages/{notice_id}/resend", "/messages/").status_code == 303
    revisions = db.session.scalars(select(Notice.revision).order_by(Notice.id)).all()
    assert revisions == ["0", "0~2"]


def _said(person, path: str) -> str:
    person.post(path, "/messages/")
    return person.get("/messages/").text


def test_words_are_previewed_saved_and_set_back(web):
    manager = log_in(web, "manager")
    base = "/message-words/shipped/sms/th"
    assert "ตัวอย่าง" in manager.get(base).text
    good = manager.post(f"{base}/preview", base, body="{shop} ส่งแล้ว[ เลข {tracking}]")
    assert good.json["body"] == "ร้านตัวอย่าง ส่งแล้ว เลข TH01234567890"
    assert "SMS" in good.json["size"]
    bad = manager.post(f"{base}/preview", base, body="{password} [[x]")
    assert len(bad.json["problems"]) == 2
    refused = manager.post(base, body="{password}", version="0")
    assert "{password} is not known here" in refused.text
    assert db.session.scalars(select(MessageTemplate)).all() == []
    db.session.rollback()
    assert manager.post(base, body="ส่ง {order} แล้ว", version="0").status_code == 303
    row = db.session.scalars(select(MessageTemplate)).one()
    assert (row.event, row.form, row.language, row.body) == (Event.SHIPPED, Form.SMS, "th", "ส่ง {order} แล้ว")
    db.session.rollback()
    assert manager.post(f"{base}/reset", base, version="1").status_code == 303
    assert db.session.scalars(select(MessageTemplate)).all() == []


def words_kept() -> list[tuple[str, int]]:
    db.session.rollback()
    return [(row.body, row.version) for row in db.session.scalars(select(MessageTemplate))]


def test_the_second_of_two_who_write_the_same_words_sees_the_firsts_and_decides(web):
    manager, owner = log_in(web, "manager"), log_in(web, "owner")
    base = "/message-words/shipped/sms/th"
    manager.post(base, body="คนแรก {order}", version="0")
    second = owner.post(base, body="คนที่สอง {order}", version="0")
    assert "saved other words while you were writing" in second.text
    assert "คนแรก {order}" in second.text
    assert "คนที่สอง {order}" in second.text
    assert 'name="over" value="1"' in second.text
    assert words_kept() == [("คนแรก {order}", 1)]
    again = owner.post(base, body="คนที่สอง {order}", version="0")  # without an answer it is asked again
    assert "saved other words" in again.text
    manager.post(base, body="คนแรก แก้อีก {order}", version="1")
    late = owner.post(base, body="คนที่สอง {order}", version="0", over="1")  # what was shown is not what stands there now
    assert "คนแรก แก้อีก {order}" in late.text
    assert words_kept() == [("คนแรก แก้อีก {order}", 2)]
    assert owner.post(base, body="คนที่สอง {order}", version="0", over="2").status_code == 303
    assert words_kept() == [("คนที่สอง {order}", 3)]


def test_words_put_back_meanwhile_are_no_silent_change_either(web):
    manager, owner = log_in(web, "manager"), log_in(web, "owner")
    base = "/message-words/shipped/sms/th"
    manager.post(base, body="คนแรก {order}", version="0")
    manager.post(base, body="คนแรก สอง {order}", version="1")
    stale = owner.post(f"{base}/reset", base, version="1")  # its page showed the first words
    assert "Someone else saved this" in stale.text
    assert words_kept() == [("คนแรก สอง {order}", 2)]
    owner.post(f"{base}/reset", base, version="2")
    assert words_kept() == []
    late = manager.post(base, body="คนแรก สาม {order}", version="2")
    assert "put the usual words back while you were writing" in late.text
    assert words_kept() == []
    assert manager.post(base, body="คนแรก สาม {order}", version="2", over="0").status_code == 303
    assert [body for body, _ in words_kept()] == ["คนแรก สาม {order}"]


def test_a_test_message_goes_to_the_address_that_was_typed(web):
    owner = log_in(web, "owner")
    sandbox = LineSandbox()
    with running(sandbox) as host:
        owner.post(
            "/message-routes/new/line", name="LINE", host=host, access_token="LINE-token", shop_id="0", language="th",
            reserve="0", is_active="y",
        )  # fmt: skip
        account = stored().id
        base = "/message-words/shipped/chat/th"
        owner.post(f"{base}/test", base, account=account, to="U" + "a" * 32)
        assert "Sent; look at the phone" in owner.get(base).text
        owner.post(f"{base}/test", base, account=account, to="nobody")
        assert "no LINE user" in owner.get(base).text
    (taken,) = sandbox.book.messages
    assert "TH01234567890" in taken.text


def test_the_rules_are_kept(web):
    owner = log_in(web, "owner")
    answer = owner.post(
        "/message-routes/rules", events=["shipped", "delivered"], version="0", quiet_from="22",
        quiet_to="7", remind_hours="6", public_url="https://orders.example.com/", platform_buyers="y",
    )  # fmt: skip
    assert answer.status_code == 303
    row = db.session.get(MessageSettings, 1)
    assert (row.quiet_from, row.quiet_to, row.remind_hours, row.public_url) == (22, 7, 6, "https://orders.example.com")
    assert Event.SHIPPED.value not in row.events_off
    assert Event.PAID.value in row.events_off
    db.session.rollback()
    bad = owner.post("/message-routes/rules", quiet_from="25", quiet_to="7", remind_hours="0")
    assert "from 0 to 23" in bad.text


def test_a_webhook_of_line_tells_who_left_and_who_came_back(web):
    sandbox = LineSandbox()
    with transaction(WHO) as tx:
        facts = RouteFacts(
            Route.LINE.value, "LINE", "https://api.line.me",
            secrets={"access_token": "t", "channel_secret": "linechannelsecret"},
        )  # fmt: skip
        create_route(tx, facts, web.extensions["oms.sealer"])
    token = stored().hook_token
    client = web.test_client()
    user = "U" + "b" * 32
    event = {"type": "unfollow", "mode": "active", "timestamp": 1000, "source": {"type": "user", "userId": user}}
    body, head = sandbox.webhook([event])
    assert client.post(f"/hooks/messages/{token}", data=body, headers=head).status_code == 200
    row = db.session.scalars(select(MessageContact)).one()
    assert (row.address, row.unreachable_at is not None) == (user, True)
    db.session.rollback()
    body, head = sandbox.webhook([event | {"type": "follow", "timestamp": 2_000_000}])
    assert client.post(f"/hooks/messages/{token}", data=body, headers=head).status_code == 200
    row = db.session.scalars(select(MessageContact)).one()
    assert row.unreachable_at is None
    db.session.rollback()
    ping, head = sandbox.webhook([])
    assert client.post(f"/hooks/messages/{token}", data=ping, headers=head).status_code == 200
    assert client.post(f"/hooks/messages/{token}", data=ping + b" ", headers=head).status_code == 403
    assert client.post("/hooks/messages/guess", data=ping, headers=head).status_code == 404


def test_a_customers_word_is_written_down_on_their_page(web, copied):
    sales = log_in(web, "sales")
    customer = db.session.get(Order, copied).customer_id
    db.session.rollback()
    page = f"/customers/show/{customer}"
    assert "May be told by every route" in sales.get(page).text
    sales.post(f"/messages/consent/{customer}", page, route="line", how="บอกทางแชต", allowed="0", next=page)
    seen = sales.get(page).text
    assert "Does not want:" in seen
    assert "บอกทางแชต" in seen
    sales.post(f"/messages/consent/{customer}", page, route="", how="", allowed="0", next=page)
    assert "Say how the customer told you" in sales.get(page).text


def test_a_clerk_sends_a_reminder_from_the_order(web, copied):
    sales = log_in(web, "sales")
    page = f"/orders/{copied}"
    assert "Remind by message" in sales.get(page).text
    assert sales.post(f"/messages/remind/{copied}", page, next=page).status_code == 303
    db.session.rollback()
    assert db.session.scalar(select(func.count()).where(Outbox.topic == "notify.tell")) == 1
    db.session.rollback()
    sales.post(f"/messages/remind/{copied}", page, next=page)
    assert "reminded them" in sales.get(page).text


def test_alerts_show_ones_own_work_and_are_subscribed_to(web, copied):
    with transaction(WHO) as tx:
        outbox.add(tx, "test.broken", "k")
        tx.session.execute(update(Outbox).where(Outbox.key == "k").values(status="needs_person"))
    owner, packer = log_in(web, "owner"), log_in(web, "warehouse")
    assert "Background work that failed" in owner.get("/alerts/").text
    assert "Nothing waits too long" in packer.get("/alerts/").text
    bad = owner.post("/alerts/", kinds=["failed_job"], route="email", address="nobody", language="th")
    assert "cannot be used" in bad.text
    saved = owner.post("/alerts/", kinds=["failed_job"], route="email", address="a@b.co", language="th")
    assert saved.status_code == 303
    row = db.session.scalars(select(StaffSubscription)).one()
    assert (row.kinds, row.is_active, row.user_id) == (["failed_job"], True, owner.user_id)
