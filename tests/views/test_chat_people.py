"""People who wrote, on screen: from the webhook to the list, to an order of their words, to the customer they are."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from oms.actor import system
from oms.audit import AuditLog
from oms.customers.models import Customer, CustomerIdentity, IdentityKind
from oms.db import db, transaction
from oms.notifications.catalogue import Route
from oms.notifications.models import MessageAccount
from oms.notifications.writers import ChatWords, ChatWriter
from oms.orders.models import Order
from oms.permissions import ROLES
from oms.usecases.customers import CreateCustomer, create_customer
from oms.usecases.message_routes import RouteFacts, create_route
from tests.shop import SmallShop, small_shop
from tests.views.people import log_in
from views.sandbox.messages import LineSandbox, MetaSandbox

WHO = system("test")
USER = "U" + "b" * 32
TEXT = "เอา RU-0001 2 ตัวค่ะ\nสมใจ ใจดี 0812345678\n45/7 หมู่ 2 ต.สันทรายน้อย อ.สันทราย เชียงใหม่ 50210\nโอนแล้วแจ้งนะคะ"


@pytest.fixture
def shop(web) -> SmallShop:
    """A shop with LINE and Messenger connected."""
    with transaction(WHO) as tx:
        made = small_shop(tx)
        for route, secrets in (
            (Route.LINE, {"access_token": "t", "channel_secret": "linechannelsecret"}),
            (Route.MESSENGER, {"access_token": "t", "app_secret": "metaappsecret"}),
        ):
            facts = RouteFacts(
                route.value, route.value, secrets=secrets,
                options={"page_id": "1234567890"} if route is Route.MESSENGER else {},
            )  # fmt: skip
            create_route(tx, facts, web.extensions["oms.sealer"])
        return made


def wrote(web, text: str = TEXT, user: str = USER, told: str = "m1") -> int:
    """LINE says that somebody wrote; the writer's id."""
    event = {
        "type": "message", "mode": "active", "timestamp": 1_700_000_000_000, "source": {"type": "user", "userId": user},
        "message": {"id": told, "type": "text", "text": text},
    }  # fmt: skip
    body, head = LineSandbox().webhook([event])
    assert web.test_client().post(f"/hooks/messages/{hook(Route.LINE)}", data=body, headers=head).status_code == 200
    return db.session.scalars(select(ChatWriter.id).where(ChatWriter.address == user)).one()


def hook(route: Route) -> str:
    db.session.rollback()
    return db.session.scalars(select(MessageAccount.hook_token).where(MessageAccount.route == route)).one()


def test_each_role_opens_what_it_may(web, shop):
    writer = wrote(web)
    db.session.rollback()
    for role in ROLES:
        person = log_in(web, role.name)
        for path in ("/chats/", f"/chats/{writer}"):
            answer = person.get(path).status_code
            assert (answer == 200) is ("message.send" in role.actions), (role.name, path, answer)


def test_an_empty_list_says_what_to_do_next(web):
    assert "Set up routes" in log_in(web, "owner").get("/chats/").text
    assert "As soon as the owner connects" in log_in(web, "sales").get("/chats/").text


def test_unsigned_words_are_not_kept(web, shop):
    body, head = LineSandbox(secret="guess").webhook([])
    client = web.test_client()
    assert client.post(f"/hooks/messages/{hook(Route.LINE)}", data=body, headers=head).status_code == 403
    body, head = MetaSandbox(secret="guess").webhook([{"sender": {"id": "9"}, "message": {"mid": "a", "text": "x"}}])
    assert client.post(f"/hooks/messages/{hook(Route.MESSENGER)}", data=body, headers=head).status_code == 403
    db.session.rollback()
    assert db.session.scalar(select(func.count(ChatWords.id))) == 0


def test_messenger_s_webhook_shows_on_the_list(web, shop):
    said = [{"sender": {"id": "4711"}, "timestamp": 1_700_000_000_000, "message": {"mid": "a", "text": "มีสีอื่นไหม"}}]
    body, head = MetaSandbox().webhook(said)
    url = f"/hooks/messages/{hook(Route.MESSENGER)}"
    assert [web.test_client().post(url, data=body, headers=head).status_code for _ in range(2)] == [200, 200]
    page = log_in(web, "sales").get("/chats/?route=messenger").text
    assert page.count("มีสีอื่นไหม") == 1
    assert "Messenger" in page


def test_numbers_are_masked_on_the_list_and_reading_a_chat_is_noted_once(web, shop):
    writer = wrote(web)
    db.session.rollback()
    sales = log_in(web, "sales")
    page = sales.get("/chats/").text
    assert "081xxxxx78" in page
    assert "0812345678" not in page
    for _ in range(2):
        assert "0812345678" in sales.get(f"/chats/{writer}").text
    db.session.rollback()
    noted = select(func.count()).where(AuditLog.action == "privacy.chat_read", AuditLog.subject_id == writer)
    assert db.session.scalar(noted) == 1


def test_an_order_is_made_of_the_last_words_and_links_its_buyer(web, shop):
    writer = wrote(web)
    db.session.rollback()
    sales = log_in(web, "sales")
    page = sales.get(f"/entry/?writer={writer}").text
    assert "data-at-once" in page
    assert "เอา RU-0001 2 ตัวค่ะ" in page
    assert re.search(rf'name="writer_id" value="{writer}"', page)
    assert re.search(rf'<option value="{shop.line}"[^>]* selected', page)
    answer = sales.post(
        "/entry/", f"/entry/?writer={writer}", writer_id=writer, shop_id=shop.line, sku="RU-0001", qty="2", price="",
        line_discount="", name="สมใจ ใจดี", phone="0812345678", line="45/7 หมู่ 2", subdistrict="สันทรายน้อย",
        district="สันทราย", province="เชียงใหม่", postcode="50210", term="prepaid", action="confirm",
    )  # fmt: skip
    assert answer.status_code == 303
    order = db.session.scalars(select(Order)).one()
    order_id, customer = order.id, order.customer_id
    known = db.session.scalars(select(CustomerIdentity).where(CustomerIdentity.kind == IdentityKind.LINE)).one()
    assert (known.customer_id, known.external_id) == (customer, USER)
    db.session.rollback()
    thread = f"https://chat.line.biz/U{'0' * 32}/chat/{USER}"
    assert thread in sales.get(f"/orders/{order_id}").text
    assert thread in sales.get(f"/customers/show/{customer}").text
    again = sales.get(f"/entry/?writer={writer}").text
    assert re.search(rf'name="customer_id" id="customer_id" value="{customer}"', again)


def test_a_buyer_already_known_by_phone_is_linked_with_the_order(web, shop):
    with transaction(WHO) as tx:
        person = create_customer(tx, CreateCustomer("สมใจ ใจดี", "0812345678")).customer_id
    writer = wrote(web)
    db.session.rollback()
    sales = log_in(web, "sales")
    assert "สมใจ ใจดี may be the same person" in sales.get(f"/chats/{writer}").text
    sales.post(
        "/entry/", f"/entry/?writer={writer}", writer_id=writer, shop_id=shop.line, sku="RU-0001", qty="1", price="",
        line_discount="", name="สมใจ ใจดี", phone="0812345678", line="45/7", subdistrict="สันทรายน้อย",
        district="สันทราย", province="เชียงใหม่", postcode="50210", term="prepaid", action="draft",
    )  # fmt: skip
    assert db.session.scalars(select(Order.customer_id)).one() == person
    assert db.session.scalars(
        select(CustomerIdentity.customer_id).where(CustomerIdentity.kind == IdentityKind.LINE)
    ).one() == person  # fmt: skip


def test_linking_and_unlinking_by_hand(web, shop):
    with transaction(WHO) as tx:
        person = create_customer(tx, CreateCustomer("สมชาย", "0891112222")).customer_id
    writer = wrote(web)
    db.session.rollback()
    sales, page = log_in(web, "sales"), f"/chats/{writer}"
    assert sales.post(f"{page}/link", page, customer_id="").status_code == 303
    assert "Choose the customer from the list" in sales.get(page).text
    assert sales.post(f"{page}/link", page, customer_id=person).status_code == 303
    seen = sales.get(page).text
    assert "Linked; messages about their orders go to this chat" in seen
    assert "สมชาย" in seen
    assert "สมชาย" in sales.get("/chats/?linked=yes").text
    assert "Nobody fits" in sales.get("/chats/?linked=no").text
    assert sales.post(f"{page}/unlink", page).status_code == 303
    assert "Nothing found" in sales.get("/chats/?linked=yes").text
    assert db.session.get(Customer, person) is not None
    db.session.rollback()
    cashier = log_in(web, "cashier")
    assert cashier.post(f"{page}/link", page, customer_id=person).status_code == 403
    assert db.session.scalar(select(func.count()).where(CustomerIdentity.kind == IdentityKind.LINE)) == 0


def test_somebody_of_another_shop_sees_no_chat_and_makes_no_order_of_it(web, shop):
    db.session.execute(
        MessageAccount.__table__.update().where(MessageAccount.route == Route.LINE).values(shop_id=shop.shopee)
    )
    db.session.commit()
    writer = wrote(web)
    db.session.rollback()
    sales = log_in(web, "sales", shops=(shop.line,))
    assert "Nobody has written yet" in sales.get("/chats/").text
    assert [sales.get(path).status_code for path in (f"/chats/{writer}", f"/entry/?writer={writer}")] == [404, 404]
