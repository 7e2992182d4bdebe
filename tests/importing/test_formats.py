"""Seller-centre exports become orders: by the names of their columns, with every bad cell named."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from oms import clock
from oms.importing.formats import columns, generic, reader, registry
from oms.importing.tabular import FileRefused, open_tables
from oms.intake.records import OrderRead, RawRow, Stage
from oms.money import Money
from tests.samples import marketplaces as market
from tests.samples.marketplaces import Item, Sample

NOW = datetime(2026, 11, 24, tzinfo=UTC)
MAKERS = {
    "shopee": market.shopee,
    "lazada": market.lazada,
    "tiktok": market.tiktok,
    "line_shopping": market.line_shopping,
}


@pytest.fixture(autouse=True)
def _today():
    with clock.at(NOW):
        yield


def baht(value: float) -> Money:
    return Money.satang(round(value * 100))


def parse(form, rows) -> dict[str, OrderRead]:
    """Group rows as the staging does and read each order."""
    found = columns.resolve(form, rows[0])
    groups: dict[str, list[RawRow]] = {}
    last = ""
    for line, cells in enumerate(rows[1:], start=2):
        row = RawRow(line, cells)
        if reader.is_explanation(form, found, row):
            continue
        last = reader.order_key(found, row) or (last if form.carry_down else "")
        groups.setdefault(last, []).append(row)
    return {key: reader.read_order(form, found, group) for key, group in groups.items()}


def only(form, rows):
    [read] = parse(form, rows).values()
    return read


def codes(read: OrderRead) -> list[tuple[int, str, str]]:
    return [(p.line, p.column, p.code) for p in read.problems]


@pytest.mark.parametrize("code", MAKERS)
def test_every_marketplace_file_tells_the_same_orders(code, tmp_path):
    orders = market.samples(40, seed=7)
    form = registry.FORMATS[code]
    rows = MAKERS[code](orders)
    path = market.write_xlsx(tmp_path / "a.xlsx", rows)
    tables = open_tables(path, "a.xlsx")
    assert registry.detect(tables) is form
    reads = parse(form, rows)
    assert len(reads) == 40
    for sample in orders:
        read = reads[sample.number]
        assert read.problems == ()
        order = read.order
        assert (order.external_no, order.stage) == (sample.number, Stage.TO_SHIP)
        assert {(n.sku, n.quantity, n.unit_price) for n in order.lines} == {
            (i.sku, i.quantity, baht(i.price)) for i in sample.items
        }
        assert order.recipient.name == sample.name
        assert order.recipient.phone == sample.phone
        assert (order.recipient.province, order.recipient.postcode) == sample.area[2:]
        assert order.shipping_fee == baht(sample.shipping)
        assert order.placed_at == (sample.placed - clock.BANGKOK.utcoffset(sample.placed)).replace(tzinfo=UTC)


@pytest.mark.parametrize("code", MAKERS)
@pytest.mark.parametrize("stage", ["unpaid", "to_ship", "shipped", "delivered", "completed", "canceled"])
def test_each_state_of_each_marketplace_is_understood(code, stage):
    read = only(registry.FORMATS[code], MAKERS[code]([Sample("2611010001", stage=stage)]))
    assert read.problems == ()
    assert read.order.stage == stage


def test_columns_are_found_by_name_wherever_they_stand():
    rows = market.shopee(market.samples(5))
    turned = [list(reversed(row)) for row in rows]
    turned[0] = [f" *{h.upper()} " for h in turned[0]]
    form = registry.FORMATS["shopee"]
    assert [r.order for r in parse(form, turned).values()] == [r.order for r in parse(form, rows).values()]


def test_the_old_shopee_form_reads_like_the_new_one():
    orders = market.samples(10, seed=3)
    form = registry.FORMATS["shopee"]
    assert parse(form, market.shopee(orders, old=True)) == parse(form, market.shopee(orders))


def test_english_shopee_headings_are_known():
    rows = [
        ["Order ID", "Order Status", "Tracking Number*", "Receiver Name", "Phone Number", "SKU Reference No.",
         "Variation Name", "Original Price", "Deal Price", "Quantity", "Order Creation Date"],
        ["260212GQR5R54C", "To ship", "", "J*** D**", "******12", "RU-1", "Red", "200", "150.50", "2", "2026-02-12 10:00"],
    ]  # fmt: skip
    read = only(registry.FORMATS["shopee"], rows)
    assert read.problems == ()
    assert read.order.lines[0].unit_price == baht(150.5)
    assert read.order.recipient.masked
    assert read.order.recipient.phone == ""


def test_lazada_pieces_become_lines_and_canceled_pieces_are_left_out():
    rows = market.lazada([Sample("L1", (Item("A", 3, 50), Item("B", 1, 80)))])
    status = rows[0].index("status")
    rows[1][status] = "canceled"
    order = only(registry.FORMATS["lazada"], rows).order
    assert [(n.sku, n.quantity) for n in order.lines] == [("A", 2), ("B", 1)]
    assert order.stage is Stage.TO_SHIP


def test_who_pays_a_discount_is_kept_apart():
    sample = Sample("S1", (Item("A", 2, 100),), seller_voucher=20, platform_voucher=15, shipping=40)
    order = only(registry.FORMATS["shopee"], market.shopee([sample])).order
    assert (order.seller_discount, order.platform_discount) == (baht(20), baht(15))
    assert (order.shipping_fee, order.channel_total) == (baht(40), baht(205))


def test_cash_on_delivery_is_never_unpaid():
    read = only(registry.FORMATS["shopee"], market.shopee([Sample("S1", payment="เก็บเงินปลายทาง", stage="unpaid")]))
    assert (read.order.is_cod, read.order.stage) == (True, Stage.TO_SHIP)


def test_a_state_nobody_taught_us_is_a_problem_and_not_a_guess():
    read = only(registry.FORMATS["shopee"], market.shopee([Sample("S1", stage="กำลังบิน")]))
    assert read.order.stage is Stage.UNKNOWN
    assert codes(read) == [(2, "สถานะการสั่งซื้อ", "status_unknown")]


@pytest.mark.parametrize(
    ("heading", "text", "code"),
    [
        ("จำนวน", "-1", "quantity_range"),
        ("จำนวน", "0", "quantity_range"),
        ("จำนวน", "999999999999999999", "quantity_range"),
        ("จำนวน", "1.5", "quantity_text"),
        ("จำนวน", "สอง", "quantity_text"),
        ("จำนวน", "", "quantity_missing"),
        ("ราคาขาย", "-20", "money_negative"),
        ("ราคาขาย", "1e30", "money_range"),
        ("ราคาขาย", "99999999999", "money_range"),
        ("ราคาขาย", "NaNN", "money_text"),
        ("ราคาขาย", "ฟรี", "money_text"),
        ("วันที่ทำการสั่งซื้อ", "31/02/2026", "date_range"),
        ("วันที่ทำการสั่งซื้อ", "2031-01-01 10:00", "date_future"),
        ("วันที่ทำการสั่งซื้อ", "เมื่อวาน", "date_text"),
        ("หมายเลขโทรศัพท์", "12345", "phone"),
        ("รหัสไปรษณีย์", "1090", "postcode"),
        ("เลขอ้างอิง SKU (SKU Reference No.)", "", "sku_missing"),
        ("*หมายเลขติดตามพัสดุ", "6.1E+15", "excel_changed"),
        ("ชื่อผู้รับ", "ก" * 300, "too_long"),
    ],
)
def test_a_bad_cell_is_named_by_line_and_column(heading, text, code):
    rows = market.shopee([Sample("S1", (Item("A"), Item("B")), extra={})])
    rows[1][rows[0].index(heading)] = text
    if heading in {"วันที่ทำการสั่งซื้อ", "หมายเลขโทรศัพท์", "รหัสไปรษณีย์", "*หมายเลขติดตามพัสดุ", "ชื่อผู้รับ"}:
        rows[2][rows[0].index(heading)] = text
    assert codes(only(registry.FORMATS["shopee"], rows)) == [(2, heading, code)]


def test_html_formulas_and_emoji_in_names_are_text_like_any_other():
    name = "<b>=SUM(A1)</b> 😀 ‘;DROP"
    order = only(registry.FORMATS["shopee"], market.shopee([Sample("S1", name=name)])).order
    assert order.recipient.name == name


@pytest.mark.parametrize("written", ["812345678", "0812345678", "+66812345678", "081-234-5678", "66812345678"])
def test_a_phone_that_lost_its_zero_gets_it_back(written):
    assert (
        only(registry.FORMATS["shopee"], market.shopee([Sample("S1", phone=written)])).order.recipient.phone
        == "0812345678"
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-03 10:05", datetime(2026, 11, 3, 3, 5, tzinfo=UTC)),
        ("03/11/2026 10:05:00", datetime(2026, 11, 3, 3, 5, tzinfo=UTC)),
        ("03/11/2569 10:05", datetime(2026, 11, 3, 3, 5, tzinfo=UTC)),
        ("3 พ.ย. 2569 10:05", datetime(2026, 11, 3, 3, 5, tzinfo=UTC)),
        ("03 Nov 2026 10:05", datetime(2026, 11, 3, 3, 5, tzinfo=UTC)),
        ("2026-11-03 11:05 +0800", datetime(2026, 11, 3, 3, 5, tzinfo=UTC)),
        ("29/02/2567", datetime(2024, 2, 28, 17, tzinfo=UTC)),
        ("46329", datetime(2026, 11, 2, 17, tzinfo=UTC)),
    ],
)
def test_dates_are_read_day_first_in_either_era(written, meant):
    rows = market.shopee([Sample("S1")])
    rows[1][rows[0].index("วันที่ทำการสั่งซื้อ")] = written
    assert only(registry.FORMATS["shopee"], rows).order.placed_at == meant


def test_two_digit_years_are_read_as_the_saved_map_says():
    rows = [["เลข", "ของ", "กี่ชิ้น", "เมื่อ"], ["1", "A", "2", "05/11/68"]]
    names = {"external_no": "เลข", "sku": "ของ", "quantity": "กี่ชิ้น", "placed_at": "เมื่อ"}
    be = only(generic.mapped(names, {"era": "be"}), rows).order
    assert (be.placed_at.year, be.stage) == (2025, Stage.TO_SHIP)
    ce = generic.mapped({**names}, {"era": "ce"})
    assert codes(only(ce, rows)) == [(2, "เมื่อ", "date_future")]


def test_a_saved_map_teaches_states_and_rows_per_piece():
    form = generic.mapped(
        {"external_no": "no", "sku": "item", "status": "st"}, {"unit_rows": True, "stages": {"ส่งละ": "shipped"}}
    )
    order = only(form, [["no", "item", "st"], ["7", "A", "ส่งละ"], ["7", "A", "ส่งละ"]]).order
    assert (order.stage, [(n.sku, n.quantity) for n in order.lines]) == (Stage.SHIPPED, [("A", 2)])


def test_an_order_number_excel_has_rounded_is_no_key():
    found = columns.resolve(registry.FORMATS["tiktok"], market.TIKTOK_HEAD)
    with pytest.raises(Exception, match="Excel changed this number"):
        reader.order_key(found, RawRow(3, ["5.78E+17"]))


def test_a_file_with_other_columns_is_refused_with_the_names_it_lacks(tmp_path):
    path = market.write_csv(tmp_path / "a.csv", [["หมายเลขคำสั่งซื้อ", "สถานะการสั่งซื้อ", "x"], ["1", "2", "3"]])
    with pytest.raises(FileRefused, match=r"SKU.*จำนวน|จำนวน.*SKU") as caught:
        registry.locate(open_tables(path, "a.csv"), registry.FORMATS["shopee"])
    assert caught.value.detail_code == "file_columns"
    assert registry.detect(open_tables(path, "a.csv")) is None


def test_any_plain_order_list_is_guessed_as_other_file(tmp_path):
    path = market.write_csv(tmp_path / "a.csv", [["order no", "SKU", "qty", "ชื่อลูกค้า"], ["1", "A", "2", "ก"]])
    assert registry.detect(open_tables(path, "a.csv")) is registry.FORMATS["generic"]
    form = registry.FORMATS["generic"]
    _, line, headings = registry.locate(open_tables(path, "a.csv"), form)
    assert (line, headings[0]) == (1, "order no")
