"""Chat messages read as orders: the given ones to the letter, further ones in the words buyers use, and any text at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.thai.chat import Kind, Sure, read_chat, read_message
from oms.thai.chat.reader import LONGEST
from oms.thai.chat.seller import is_sellers

GIVEN = json.loads((Path(__file__).parent / "chat_orders.json").read_text(encoding="utf-8"))["messages"]
MORE = json.loads((Path(__file__).parent / "chat_more.json").read_text(encoding="utf-8"))["messages"]
MORE += json.loads((Path(__file__).parent / "chat_voices.json").read_text(encoding="utf-8"))["messages"]
FIELDS = {name for message in GIVEN for name in message["expect"]} | {"kind"}


@pytest.mark.parametrize("message", GIVEN, ids=lambda m: m["id"])
def test_the_given_messages_are_read_to_the_letter(message):
    told = read_message(message["text"]).as_json()
    said = message["expect"] | {"kind": message["kind"]}
    assert {name: told.get(name) or None for name in said} == {name: value or None for name, value in said.items()}


@pytest.mark.parametrize("message", MORE, ids=lambda m: m["id"])
def test_further_messages_are_read_as_their_writer_meant_them(message):
    told = read_message(message["text"]).as_json()
    names = {*message["expect"], *(n for n in FIELDS if n not in ("subdistrict_code", "recipients"))}
    said = message["expect"] | {"kind": message["kind"]}
    if wanted := said.get("recipients"):
        told["recipients"] = [{k: one[k] for k in want} for one, want in zip(told["recipients"], wanted, strict=True)]
    assert {name: told.get(name) or None for name in names} == {name: said.get(name) for name in names}


def fields(text: str) -> dict[str, object]:
    return {k: v for k, v in read_message(text).as_json().items() if v and k != "confidence"}


def bought(text: str) -> list[tuple[str, int]]:
    return [(item["name"], item["qty"]) for item in read_message(text).as_json()["items"]]


def test_thai_figures_a_nickname_and_no_line_breaks():
    told = fields("คุณแนน ๐๘๑๒๓๔๕๖๗๘ 45/7 หมู่2 ต.สันทรายน้อย อ.สันทราย เชียงใหม่ 50210 เอาเสื้อยืดสีดำ L 2 ตัว เก็บปลายทางค่ะ")
    assert (told["name"], told["phones"], told["payment"]) == ("แนน", ["0812345678"], "cod")
    assert (told["address_line"], told["subdistrict"], told["postcode"]) == ("45/7 หมู่2", "สันทรายน้อย", "50210")
    assert told["items"] == [{"name": "เสื้อยืดสีดำ", "qty": 2, "variant": "L"}]


def test_two_phones_and_cash_at_the_door():
    told = fields("ส่งที่ สมหญิง 0891112222,0863334444 99 ม.1 บ้านโคก ต.โคกสี อ.เมือง จ.ขอนแก่น 40000 cod 350")
    assert told["phones"] == ["0891112222", "0863334444"]
    assert (told["payment"], told["cod_amount"], told["district"]) == ("cod", 350.0, "เมืองขอนแก่น")


def test_codes_with_numbers_and_a_wish():
    told = fields("รับ RU-0001 จำนวน 2 กับ RU-0002 1 ชิ้น ฝากวางหน้าบ้านได้เลยนะคะ")
    assert [(i["name"], i["qty"]) for i in told["items"]] == [("RU-0001", 2), ("RU-0002", 1)]
    assert "วางหน้าบ้าน" in told["note"]


@pytest.mark.parametrize(
    ("text", "items"),
    [("cf 12 2ชิ้น", [("12", 2)]), ("CF A12 x2", [("A12", 2)]), ("ครีมกันแดด x3", [("ครีมกันแดด", 3)])],
)  # fmt: skip
def test_what_is_claimed_or_counted(text, items):
    assert bought(text) == items


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("สนใจค่ะ ราคาเท่าไหร่คะ", Kind.NOT_ORDER), ("ขอยกเลิกออเดอร์นะคะ", Kind.CANCEL), ("cf 12 2ชิ้น", Kind.CF),
        ("โอนแล้วค่ะ 590 บาท", Kind.PAYMENT_NOTICE),
    ],
)  # fmt: skip
def test_what_is_no_order_is_not_made_one(text, kind):
    message = read_message(text)
    assert message.kind is kind
    assert not any(order.name or order.address_line for order in message.orders)


def test_nothing_is_guessed():
    told = fields("🌸จิ๋ว🌸 0987654321 ตลาดสดเทศบาล อ.หาดใหญ่ สงขลา ปลายทาง")
    assert not {"subdistrict", "postcode", "items"} & set(told)
    assert (told["district"], told["province"], told["payment"]) == ("หาดใหญ่", "สงขลา", "cod")


def test_a_talk_with_times_and_names_is_taken_apart():
    messages = read_chat(
        "10:32 แอดมิน: รับอะไรดีคะ\n10:33 Nid: เอาผ้าปู 6 ฟุต 1 ชุด\n"
        "10:34 Nid: นิดา แก้วใส 0955556666 8/1 ถ.นิมมานเหมินท์ ต.สุเทพ อ.เมืองเชียงใหม่ 50200"
    )
    (order,) = [o for m in messages if m.kind is Kind.ORDER for o in m.orders]
    assert (order.name, order.phones, order.items[0].qty) == ("นิดา แก้วใส", ("0955556666",), 1)
    assert order.sure["phones"] is Sure.HIGH


WORDS = st.lists(
    st.sampled_from([w for m in GIVEN for w in m["text"].split()] + ["\n", "๑", "🎉", "cf", "COD", "0", "/", "ม."]),
    max_size=40,
).map(" ".join)


@given(st.one_of(WORDS, st.text(max_size=300)))
@settings(max_examples=80, deadline=None)
def test_any_text_is_read_and_invents_nothing(text):
    for message in read_chat(text):
        for order in message.orders:
            assert all(phone.isdigit() and 9 <= len(phone) <= 10 for phone in order.phones)
            assert all(1 <= item.qty <= 9_999 for item in order.items)
            if order.name:
                assert set(order.name) <= set(text) | {" "}


def test_a_wall_of_text_is_cut_where_it_is_no_chat_any_more():
    assert read_message("ก" * (LONGEST * 3)).kind is Kind.NOT_ORDER


def test_a_name_may_stand_behind_the_goods_and_sound_like_a_guard_house():
    assert (
        fields("RU-0001 2 ตัว นิดา แก้วใส 0955556666 8/1 ถ.นิมมานเหมินท์ ต.สุเทพ อ.เมืองเชียงใหม่ 50200")["name"] == "นิดา แก้วใส"
    )
    told = fields("กนกวรรณ ป้อมปราการ\n080-000-1234\n45/7 หมู่ 2 ต.สันทรายน้อย อ.สันทราย เชียงใหม่ 50210\nฝากที่ป้อมยามนะคะ")
    assert (told["name"], "ป้อมยาม" in told["note"]) == ("กนกวรรณ ป้อมปราการ", True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ชาย XL หญิง S อย่างละ 1", [("ชาย", "XL"), ("หญิง", "S")]),
        ("เสื้อโปโล ดำ ขาว L อย่างละ 1", [("เสื้อโปโล", "ดำ L"), ("เสื้อโปโล", "ขาว L")]),
        ("เสื้อ A กับ เสื้อ B อย่างละ 1 ตัว", [("เสื้อ A", None), ("เสื้อ B", None)]),
        ("เสื้อยืด สีดำ อย่างละ 1", [("เสื้อยืด", "สีดำ")]),
    ],
)
def test_one_of_each_is_one_item_for_each(text, wanted):
    items = read_message(text).as_json()["items"]
    assert [(item["name"], item.get("variant")) for item in items] == wanted
    assert {item["qty"] for item in items} == {1}


HERS = "นิดา แก้วใส 0955556666\n8/1 ถ.นิมมานเหมินท์ ต.สุเทพ อ.เมืองเชียงใหม่ 50200\nRU-0001 2 ตัว"


@pytest.mark.parametrize(
    "asked",
    [
        "รับกี่ตัวดีคะ", "รับอะไรดีคะลูกค้า", "สวัสดีค่ะ สนใจรุ่นไหนคะ", "สนใจสีอะไรคะ", "คุณลูกค้ารับเป็นไซส์ไหนดีคะ",
        "รับเพิ่มไหมคะ", "ขอชื่อ ที่อยู่ เบอร์โทรด้วยค่ะ", "รบกวนขอที่อยู่กับเบอร์โทรหน่อยนะคะ", "แจ้งชื่อที่อยู่ได้เลยค่ะ",
        "โอนหรือเก็บปลายทางคะ", "สะดวกชำระแบบไหนคะ", "ยืนยันออเดอร์ไหมคะ", "โอนแล้วส่งสลิปได้เลยนะคะ", "จัดส่งที่ไหนดีคะ",
        "แอดมิน: ของหมดรอบนี้ รอรอบหน้าได้ไหมคะ", "แม่ค้า: ส่งพรุ่งนี้นะคะ", "ลูกค้าสะดวกรับวันไหนคะ",
    ],
)  # fmt: skip
def test_what_the_seller_asks_is_no_part_of_the_order(asked):
    assert is_sellers(asked)
    alone = fields(HERS)
    for text in (f"{asked}\n{HERS}", f"{HERS}\n{asked}", HERS.replace("\n8/1", f"\n{asked}\n8/1")):
        assert fields(text) == alone, text
    assert "note" not in alone


@pytest.mark.parametrize(
    "said",
    [
        "ขนส่งอะไรคะ", "ได้รับกี่วันคะ", "ฝากป้อมยามนะคะ", "รับเป็นสีดำได้ไหมคะ", "ส่งที่อยู่นี้นะคะ", "ขอเบอร์ร้านหน่อยค่ะ",
        "ขอชื่อบัญชีด้วยค่ะ", "แจ้งที่อยู่ใหม่นะคะ", "ลูกค้า สมชาย ใจดี", "ชื่อลูกค้า: สมชาย", "โอนแล้วส่งสลิปให้ค่ะ", "ขอใบกำกับด้วยค่ะ",
        "ลูกค้ารอด ใจดี", "แม่ค้าคะ ขอแถมด้วยนะคะ", "ร้าน: ก๋วยเตี๋ยวป้านอม", "ขอเปลี่ยนที่อยู่ค่ะ", "ส่งเมื่อไหร่คะ", "ของถึงกี่โมงคะ",
        "รับ 3 กระปุกค่ะ ครีมหน้าขาว", "ต้องการกี่วันถึงจะได้ของ", "ขอชื่อ นิดา แก้วใส 0955556666 ด้วยค่ะ",
    ],
)  # fmt: skip
def test_what_a_buyer_writes_is_hers(said):
    assert not is_sellers(said)


def test_a_buyers_question_stays_a_note_beside_the_sellers():
    told = fields(f"รับกี่ตัวคะ\n{HERS}\nขนส่งอะไรคะ\nขอชื่อที่อยู่ด้วยค่ะ\nฝากป้อมยามนะคะ")
    assert told["note"] == "ขนส่งอะไรคะ ฝากป้อมยามนะคะ"


def test_no_given_message_has_a_line_of_the_seller():
    assert [line for m in (*GIVEN, *MORE) for line in m["text"].split("\n") if is_sellers(line)] == []


def test_a_paste_of_the_seller_alone_is_no_order():
    message = read_message("สวัสดีค่ะ สนใจรุ่นไหนคะ\nขอชื่อ ที่อยู่ เบอร์โทรด้วยค่ะ")
    assert message.kind is Kind.NOT_ORDER
    assert not any(order.name or order.note for order in message.orders)


@given(st.text(max_size=4000))
@settings(max_examples=40, deadline=1000)
def test_no_line_takes_long_to_tell(text):
    is_sellers(text)
    is_sellers("ขอชื่อ" + "ที่อยู่ " * 300 + text[:10])
