"""A pasted chat: what the screen is told of it, and that reading it saves nothing."""

from __future__ import annotations

import re

import pytest
from markupsafe import escape
from sqlalchemy import event, func, select

from oms.actor import system
from oms.catalog.models import ChannelSku, Sku
from oms.db import db, transaction
from oms.orders.models import Order
from tests.shop import small_shop
from tests.views.panel import Panel, make_logins

CHAT = (
    "กนกวรรณ ป้อมปราการ\n080-000-1234, 081-111-2222\n45/7 หมู่ 2 ต.สันทรายน้อย อ.สันทราย เชียงใหม่ 50210\n"
    "RU-0001 2 ตัว\nผ้าพันคอแปลก ๆ 1 ผืน\nเก็บปลายทาง 300"
)


@pytest.fixture
def shop(web):
    make_logins(web)
    with transaction(system("test")) as tx:
        return small_shop(tx)


def key_of(page):
    return re.search(r'name="key" value="([^"]+)"', page.text)[1]


def read(web, role, text, **facts):
    panel = Panel(web, role)
    panel.get("/account/")
    return panel.post("/entry/chat/", text=text, **facts)


def test_a_chat_fills_the_form_and_says_how_sure_it_is(web, shop):
    answer = read(web, "sales", CHAT, shop_id=str(shop.line))
    (draft,) = answer.json["drafts"]
    assert draft["fields"]["postcode"] == "50210"
    assert (draft["fields"]["term"], draft["fields"]["phone"]) == ("cod", "080-000-1234")
    assert "081-111-2222" in draft["fields"]["note"]
    known, strange = draft["items"]
    assert (known["sku"]["sku"], known["qty"], known["sure"]["tone"]) == ("RU-0001", 2, "ok")
    assert strange["sku"] is None
    assert "300.00" in " ".join(draft["hints"])
    assert set(draft["sure"]) >= {"name", "phone", "line", "postcode", "term"}
    assert db.session.scalar(select(func.count()).select_from(Order)) == 0


def test_what_the_shop_calls_its_goods_counts_in_that_shop_alone(web, shop):
    with transaction(system("test")) as tx:
        tx.session.add(ChannelSku(shop_id=shop.line, external_sku="เสื้อยืดกระต่าย", sku_id=shop.skus[1], multiplier=2))
    text = "เอาเสื้อยืดกระต่าย 3 ตัวค่ะ สมหญิง 0891112222"
    item = read(web, "sales", text, shop_id=str(shop.line)).json["drafts"][0]["items"][0]
    code = db.session.scalar(select(Sku.code).where(Sku.id == shop.skus[1]))
    assert (item["sku"]["sku"], item["qty"]) == (code, 6)
    assert read(web, "sales", text, shop_id=str(shop.shopee)).json["drafts"][0]["items"][0]["sku"] is None


def test_several_buyers_are_several_drafts_and_small_talk_is_none(web, shop):
    text = (
        "10:30 Ann: สนใจค่ะ ราคาเท่าไหร่คะ\n"
        "10:33 Nid: RU-0001 1 ตัว นิดา 0955556666 8/1 ถ.นิมมานเหมินท์ ต.สุเทพ อ.เมืองเชียงใหม่ 50200\n"
        "10:40 Ying: RU-0002 2 ตัว สมหญิง 0891112222 99 ม.1 ต.โคกสี อ.เมือง จ.ขอนแก่น 40000"
    )
    found = read(web, "sales", text, shop_id=str(shop.line)).json
    assert [d["fields"]["postcode"] for d in found["drafts"]] == ["50200", "40000"]
    assert found["others"]
    nothing = read(web, "sales", "สวัสดีค่ะ", shop_id="").json
    assert (nothing["drafts"], bool(nothing["others"])) == ([], True)


def test_a_long_chat_costs_the_same_statements_as_a_short_one(web, shop):
    panel = Panel(web, "sales")
    panel.get("/account/")
    panel.post("/entry/chat/", text="RU-0001 1 ตัว", shop_id=str(shop.line))
    counts = []
    for times in (1, 20):
        seen: list[str] = []
        note = lambda *a: seen.append(a[2])  # noqa: B023, E731
        event.listen(db.engines[None], "before_cursor_execute", note)
        text = "\n".join(
            f"10:{i:02d} A{i}: RU-000{i % 5 + 1} {i} ตัว สมหญิง 08911122{i:02d}" for i in range(1, times + 1)
        )
        panel.post("/entry/chat/", text=text, shop_id=str(shop.line))
        event.remove(db.engines[None], "before_cursor_execute", note)
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_who_may_not_enter_orders_may_not_read_chats_and_a_file_is_no_chat(web, shop):
    assert read(web, "warehouse", CHAT).status_code == 403
    assert read(web, "sales", "ก" * 9_000).status_code == 422


def test_a_refused_form_comes_back_with_the_chat_and_what_follows_it(web, shop):
    """Nothing of it was saved, so nothing of it may be gone."""
    panel = Panel(web, "sales")
    page = panel.get("/entry/")
    text = f"{CHAT}\n<b>ขอบคุณค่ะ</b>"
    typed = {"name": "กนกวรรณ", "phone": "เบอร์ผิด", "chat_text": text, "chat_left": "2", "note": "ด่วน", "tags": "vip"}
    answer = panel.post(
        "/entry/",
        shop_id=str(shop.line),
        term="cod",
        action="confirm",
        key=key_of(page),
        sku="RU-0001",
        qty="2",
        **typed,
    )
    assert answer.status_code == 422
    assert f">{escape(text)}</textarea>" in answer.text
    assert 'name="chat_left" value="2"' in answer.text
    assert 'id="chat" hidden data-back' in answer.text  # open again, and not read a second time
    for value in ("กนกวรรณ", "เบอร์ผิด", "vip", "RU-0001"):
        assert f'value="{value}"' in answer.text
    assert ">ด่วน</textarea>" in answer.text
    assert db.session.scalar(select(func.count()).select_from(Order)) == 0


@pytest.mark.parametrize("left", ["", "-1", "x", "²", "99999"])
def test_a_count_of_following_orders_that_is_none_is_taken_for_none(web, shop, left):
    panel = Panel(web, "sales")
    page = panel.get("/entry/")
    answer = panel.post("/entry/", shop_id=str(shop.line), action="draft", key=key_of(page), chat_left=left)
    assert answer.status_code in {303, 422}
    assert "chat=next" not in answer.headers.get("Location", "")
