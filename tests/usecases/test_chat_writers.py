"""People who write in chats: taken in once however webhooks come, named, linked, told of their orders, forgotten."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select, update

from oms import clock
from oms.actor import Actor
from oms.catalog.models import Channel, Shop
from oms.customers.models import Customer, CustomerIdentity, IdentityKind
from oms.db import Tx, db, transaction
from oms.errors import Forbidden, InvalidInput, NotFound, Refused
from oms.notifications.catalogue import Route
from oms.notifications.hearing import Heard, read_hook
from oms.notifications.models import MessageContact
from oms.notifications.writers import ChatWords, ChatWriter
from oms.reports.chat_writers import AskedWriters, likely_customers, talk_text, talks, threads_of, words_of, writers
from oms.reports.personal_data import personal_data
from oms.usecases.chat_writers import Linked, get_writer, link_writer, take_chat, unlink_writer
from oms.usecases.customers import AddIdentity, CreateCustomer, IdentityInput, add_identity, create_customer
from oms.usecases.customers_merge import MergeCustomers, merge_customers
from oms.usecases.privacy_erase import Anonymise, anonymise_customer
from oms.usecases.privacy_words import purge_words
from tests.notifications.office import WHO, office_of, user
from tests.usecases.refusals import count, last_audit

NOW = clock.now


@pytest.fixture
def office(committed):
    yield from office_of(committed)


def line_event(who: str, at: int, text: str | None = None, told: str = "m1", **facts: object) -> dict:
    """An event as LINE sends it."""
    said = {"type": "message", "message": {"id": told, "type": "text", "text": text}} if text is not None else {}
    return {"mode": "active", "timestamp": at, "source": {"type": "user", "userId": who}, **said, **facts}


def hook(*events: dict) -> bytes:
    return json.dumps({"destination": "U" + "0" * 32, "events": events}).encode()


def take(account: int, *events: dict, route: Route = Route.LINE) -> None:
    with transaction(WHO) as tx:
        take_chat(tx, account, route, read_hook(route, hook(*events)))


def kept() -> list[tuple[str, str]]:
    """(kind, words) of all messages, in the order of their moments."""
    db.session.rollback()
    rows = db.session.scalars(select(ChatWords).order_by(ChatWords.at, ChatWords.id)).all()
    return [(row.kind, row.body) for row in rows]


def test_repeats_and_disorder_change_nothing(office):
    account, who = office.route(Route.LINE), user(1)
    second = line_event(who, 2_000_000, "สีดำ L 2 ตัว", "m2")
    first = line_event(who, 1_000_000, "สนใจเสื้อค่ะ", "m1")
    take(account, second)
    take(account, first, second)
    take(account, first)
    assert kept() == [("text", "สนใจเสื้อค่ะ"), ("text", "สีดำ L 2 ตัว")]
    row = db.session.scalars(select(ChatWriter)).one()
    assert (row.first_at.timestamp(), row.last_at.timestamp()) == (1000, 2000)
    assert row.thread == f"https://chat.line.biz/U{'0' * 32}/chat/{who}"
    assert row.last_at == db.session.scalars(select(MessageContact.heard_at)).one()


@pytest.mark.parametrize("late", [False, True])
def test_what_was_taken_back_leaves_no_words_whichever_comes_first(office, late):
    account, who = office.route(Route.LINE), user(1)
    said = line_event(who, 1_000_000, "เลขบัตร 1234", "m1")
    back = line_event(who, 2_000_000, type="unsend", unsend={"messageId": "m1"})
    for one in (back, said) if late else (said, back):
        take(account, one)
    assert kept() == [("unsent", "")]


def test_who_left_before_they_wrote_is_there_and_who_left_after_is_gone(office):
    account, who = office.route(Route.LINE), user(1)
    left, wrote = line_event(who, 1_000_000, type="unfollow"), line_event(who, 2_000_000, "กลับมาแล้ว")
    for events in ((wrote,), (left,)):
        take(account, *events)
    assert db.session.scalars(select(MessageContact.unreachable_at)).one() is None
    take(account, line_event(who, 3_000_000, type="unfollow"))
    take(account, line_event(who, 2_500_000, "ข้อความที่มาช้า", "m9"))
    assert db.session.scalars(select(MessageContact.unreachable_at)).one() is not None


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"events": 5}', b'{"events": [5, {"source": 1}, {"source": {"userId": 7}}]}', b"[" * 5000],
)
def test_what_cannot_be_read_says_nothing(body):
    assert read_hook(Route.LINE, body) == []
    assert read_hook(Route.MESSENGER, body) == []


def test_groups_other_modules_and_our_own_echoes_are_nobody_who_wrote_to_us(office):
    account, who = office.route(Route.LINE), user(1)
    take(
        account, line_event(who, 1_000_000, "ในกลุ่ม", source={"type": "group", "groupId": "C1", "userId": who}),
        line_event(user(2), 1_000_000, "อีกระบบ", mode="standby"),
    )  # fmt: skip
    assert kept() == []
    assert db.session.scalar(select(func.count(ChatWriter.id))) == 0
    echo = {"sender": {"id": "99"}, "timestamp": 1_000_000, "message": {"mid": "x", "text": "จากร้าน", "is_echo": True}}
    body = json.dumps({"entry": [{"messaging": [echo, {"sender": {"id": "99"}, "read": {}}]}]}).encode()
    assert read_hook(Route.MESSENGER, body) == []


def test_messenger_and_instagram_say_words_pictures_and_what_was_deleted():
    said = [
        {"sender": {"id": "12"}, "timestamp": 1_000_000, "message": {"mid": "a", "text": "ราคาเท่าไหร่\x00"}},
        {"sender": {"id": "12"}, "timestamp": 2_000_000, "message": {"mid": "b", "attachments": [{"type": "image"}]}},
        {"sender": {"id": "12"}, "timestamp": 3_000_000, "message": {"mid": "a", "is_deleted": True}},
    ]
    found = read_hook(Route.INSTAGRAM, json.dumps({"entry": [{"messaging": said}]}).encode())
    assert [(h.kind, h.body, h.told_id) for h in found] == [
        ("text", "ราคาเท่าไหร่", "a"), ("image", "", "b"), ("unsent", "", "a"),
    ]  # fmt: skip


def test_a_name_is_asked_for_once_and_kept(office):
    account = office.route(Route.LINE)
    book = office.stages[Route.LINE].book
    book.names[user(1)] = "  น้องแนน 🌸 "
    take(account, line_event(user(1), 1_000_000, "สวัสดีค่ะ"), line_event(user(2), 1_000_000, "ดีครับ"))
    office.work()
    db.session.rollback()
    rows = db.session.scalars(select(ChatWriter).order_by(ChatWriter.id)).all()
    assert [(r.name, r.asked_at is not None) for r in rows] == [("น้องแนน 🌸", True), ("", True)]
    asked = len(book.calls)
    take(account, line_event(user(1), 2_000_000, "อีกที", "m2"))
    office.work()
    assert len(book.calls) == asked


def test_names_and_threads_of_meta_come_from_the_page_s_conversations(office):
    accounts = [office.route(route) for route in (Route.MESSENGER, Route.INSTAGRAM)]
    for route, account in zip((Route.MESSENGER, Route.INSTAGRAM), accounts, strict=True):
        office.stages[route].book.names["777"] = "สมใจ ใจดี" if route is Route.MESSENGER else "somjai.shop"
        with transaction(WHO) as tx:
            take_chat(tx, account, route, [Heard("777", NOW(), told_id="a", kind="text", body="สวัสดี")])
    office.work()
    db.session.rollback()
    rows = db.session.scalars(select(ChatWriter).order_by(ChatWriter.id)).all()
    assert [(r.name, r.thread) for r in rows] == [
        ("สมใจ ใจดี", "https://www.facebook.com/1234567890/inbox/777/"), ("somjai.shop", "https://ig.me/m/somjai.shop"),
    ]  # fmt: skip


def test_a_silent_platform_is_asked_again_and_loses_nobody(office):
    account = office.route(Route.LINE)
    book = office.stages[Route.LINE].book
    book.names[user(1)] = "แนน"
    book.fail("500")
    take(account, line_event(user(1), 1_000_000, "สวัสดีค่ะ"))
    office.work()
    db.session.rollback()
    row = db.session.scalars(select(ChatWriter)).one()
    assert (row.name, row.asked_at) == ("", None)
    office.ready_again()
    office.work()
    db.session.rollback()
    assert db.session.scalars(select(ChatWriter.name)).one() == "แนน"


# --- linked to a customer --------------------------------------------------------------------------------------------


@pytest.fixture
def writer(office) -> int:
    """Somebody who wrote on LINE; the writer's id."""
    account = office.route(Route.LINE)
    take(account, line_event(user(7), 1_000_000, "สนใจค่ะ โทร 080-000-1234"))
    return db.session.scalars(select(ChatWriter.id)).one()


def new_customer(tx: Tx, name: str = "กนกวรรณ", phone: str = "0800001234") -> int:
    return create_customer(tx, CreateCustomer(name, phone)).customer_id


def test_a_linked_customer_hears_of_their_orders_in_the_chat(office, writer):
    with transaction(WHO) as tx:
        person = new_customer(tx)
        assert link_writer(tx, writer, person) == Linked(writer, person)
        assert link_writer(tx, writer, person).changed is False
    office.place(customer_id=person)
    office.work()
    (told,) = office.taken(Route.LINE)
    assert told.to == user(7)
    with transaction(WHO) as tx:
        assert unlink_writer(tx, writer).customer_id == person
        assert last_audit(tx).action == "customer.identity_removed"
    office.place(customer_id=person)
    office.work()
    assert len(office.taken(Route.LINE)) == 1


def test_a_chat_is_one_customer_s_until_it_is_unlinked(office, writer, actor):
    with transaction(WHO) as tx:
        person, other = new_customer(tx), new_customer(tx, "สมชาย", "0891112222")
        link_writer(tx, writer, person)
        tx.session.flush()
        before = count(tx, CustomerIdentity)
        with pytest.raises(Refused) as refusal:
            link_writer(tx, writer, other)
        assert (refusal.value.detail_code, count(tx, CustomerIdentity)) == ("writer_linked", before)
        unlink_writer(tx, writer)
        with pytest.raises(Refused) as refusal:
            unlink_writer(tx, writer)
        assert refusal.value.detail_code == "writer_unlinked"
        with pytest.raises(NotFound):
            link_writer(tx, writer, 10**9)
        with pytest.raises(NotFound):
            link_writer(tx, 10**9, other)
        viewer = Tx(tx.session, actor("viewer"))
        for verb in (lambda: link_writer(viewer, writer, other), lambda: unlink_writer(viewer, writer)):
            with pytest.raises(Forbidden):
                verb()
        link_writer(tx, writer, other)
        assert [p.id for p in likely_customers(tx.session, words_of(tx.session, writer))] == [person]


def test_rows_of_a_shop_are_its_people_s_alone(office, actor):
    with transaction(WHO) as tx:
        other = Shop(code="line-2", name="ร้านสอง", channel=Channel.LINE, warehouse_id=office.shop.bkk)
        tx.session.add(other)
        tx.session.flush()
        shop = other.id
    account = office.route(Route.LINE, shop_id=shop)
    take(account, line_event(user(1), 1_000_000, "สวัสดี"))
    mine = actor("sales", shops=frozenset({office.shop.line}))
    theirs = actor("sales", shops=frozenset({shop}))
    with transaction(WHO) as tx:
        person, row = new_customer(tx), tx.session.scalars(select(ChatWriter.id)).one()
        assert tx.session.scalars(writers(mine, AskedWriters())).all() == []
        assert len(tx.session.scalars(writers(theirs, AskedWriters())).all()) == 1
        with pytest.raises(NotFound):
            get_writer(Tx(tx.session, mine), row)
        with pytest.raises(NotFound):
            link_writer(Tx(tx.session, mine), row, person)
        assert count(tx, CustomerIdentity) == 1  # the phone
        link_writer(Tx(tx.session, theirs), row, person)


def test_a_merge_takes_the_chat_along(office, writer):
    with transaction(WHO) as tx:
        person, other = new_customer(tx), new_customer(tx, "กนกวรรณ ป.", "0891112222")
        link_writer(tx, writer, other)
        merge_customers(tx, MergeCustomers(person, other))
        found = tx.session.scalars(writers(WHO, AskedWriters(linked=True))).all()
        assert talks(tx.session, found)[writer].customer.id == person


def test_the_list_is_narrowed_and_read_in_as_many_statements_for_one_as_for_many(office):
    account = office.route(Route.LINE)
    for n in range(1, 8):
        take(
            account,
            line_event(user(n), n * 1_000_000, f"ข้อความ {n}", "a"),
            line_event(user(n), n * 1_000_001, "ท้าย", "b"),
        )
    with transaction(WHO) as tx:
        first = tx.session.scalars(select(ChatWriter).order_by(ChatWriter.id)).first()
        link_writer(tx, first.id, new_customer(tx))
        tx.session.execute(update(ChatWriter).where(ChatWriter.id == first.id).values(name="Nan"))

    def looked(asked: AskedWriters) -> list[str]:
        rows = db.session.scalars(writers(WHO, asked)).all()
        return [row.address for row in rows]

    assert looked(AskedWriters())[0] == user(7)
    assert looked(AskedWriters(linked=True)) == looked(AskedWriters(words="nan")) == [user(1)]
    assert looked(AskedWriters(words="กนก")) == [user(1)]
    assert len(looked(AskedWriters(linked=False))) == 6
    assert looked(AskedWriters(route=Route.MESSENGER)) == []
    seen: list[str] = []
    listener = lambda *args: seen.append(args[2])  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", listener)
    try:
        rows = db.session.scalars(writers(WHO, AskedWriters())).all()
        found = talks(db.session(), rows)
    finally:
        event.remove(db.engine, "before_cursor_execute", listener)
    assert len(seen) == 4
    assert {t.last.body for t in found.values()} == {"ท้าย"}


def test_only_the_last_talk_is_read_into_an_order(office):
    account, day = office.route(Route.LINE), 86_400_000
    take(
        account, line_event(user(1), 1_000_000, "ข้อความเก่า", "a"),
        line_event(user(1), 10 * day, "เอาสีดำ 1 ตัว", "b"), line_event(user(1), 10 * day + 60_000, "ส่งที่เดิม", "c"),
        line_event(user(1), 10 * day + 90_000, type="message", message={"id": "d", "type": "sticker"}),
    )  # fmt: skip
    writer = db.session.scalars(select(ChatWriter.id)).one()
    assert talk_text(words_of(db.session(), writer)) == "เอาสีดำ 1 ตัว\nส่งที่เดิม"


# --- kept only as long as it may be ----------------------------------------------------------------------------------


def test_words_go_when_they_are_old_and_writers_who_are_no_customers_with_them(office):
    account = office.route(Route.LINE)
    for n in (1, 2):
        take(account, line_event(user(n), 1_000_000, "เก่า", "a"))
    take(account, line_event(user(3), int(NOW().timestamp() * 1000), "ใหม่", "a"))
    with transaction(WHO) as tx:
        rows = tx.session.scalars(select(ChatWriter).order_by(ChatWriter.id)).all()
        link_writer(tx, rows[0].id, new_customer(tx))
        assert purge_words(tx, NOW() - timedelta(days=180)) == 3  # two messages and one writer
        assert purge_words(tx, NOW() - timedelta(days=180)) == 0
    assert kept() == [("text", "ใหม่")]
    assert set(db.session.scalars(select(ChatWriter.address))) == {user(1), user(3)}


def test_the_chat_is_in_the_copy_and_goes_with_the_person(office, writer):
    with transaction(WHO) as tx:
        person = new_customer(tx)
        link_writer(tx, writer, person)
        tx.session.flush()
        assert [row["body"] for row in personal_data(tx, person)["chats"]] == ["สนใจค่ะ โทร 080-000-1234"]
        anonymise_customer(tx, Anonymise(person, "ขอลบ"))
    assert kept() == []
    assert db.session.scalar(select(func.count(ChatWriter.id))) == 0
    assert db.session.scalar(select(func.count(MessageContact.id))) == 0
    assert db.session.get(Customer, person).anonymised_at is not None


def test_the_thread_of_a_customer_is_known_and_an_inner_number_opens_nothing(office, writer):
    with transaction(WHO) as tx:
        person = new_customer(tx)
        link_writer(tx, writer, person)
        add_identity(tx, AddIdentity(person, IdentityInput(IdentityKind.FACEBOOK, "kanok.p")))
        tx.session.flush()
        rows = tx.session.scalars(select(CustomerIdentity).where(CustomerIdentity.customer_id == person)).all()
        assert threads_of(tx.session, rows) == {
            (IdentityKind.LINE, user(7)): f"https://chat.line.biz/U{'0' * 32}/chat/{user(7)}"
        }
        assert isinstance(tx.actor, Actor)
        with pytest.raises(InvalidInput):
            add_identity(
                tx, AddIdentity(new_customer(tx, "x", "0891112222"), IdentityInput(IdentityKind.LINE, user(7)))
            )
