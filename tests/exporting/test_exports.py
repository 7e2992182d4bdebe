"""Lists as files: what the asker may see, as filtered, never run by a spreadsheet, always in the audit log."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta

import openpyxl
import pytest
from sqlalchemy import select

from oms import clock
from oms.actor import Actor, system
from oms.audit import AuditLog
from oms.customers.models import Customer
from oms.db import db, transaction
from oms.errors import Forbidden, InvalidInput, NotFound
from oms.exporting import making
from oms.exporting.lists import LISTS
from oms.exporting.making import AskExport, ask_export
from oms.intake import files
from oms.intake.models import ExportRun
from oms.outbox import Outbox
from oms.permissions import ROLES
from oms.spreadsheets import csv_cell
from oms.usecases.orders_place import ShipTo, place_orders
from tests.shop import small_shop


def person(role: str, **facts) -> Actor:
    found = next(r for r in ROLES if r.name == role)
    return replace(Actor("user", role, 5, role, found.actions | {"export.run"}), **facts)


@pytest.fixture
def shop(isolated):
    with transaction(system("test")) as tx:
        made = small_shop(tx)
        place_orders(
            tx,
            [
                made.order((0, 2), external_no="=1+1", ship_to=ShipTo("=HYPERLINK(1)", "0812345678"), confirm=True),
                made.order((1, 1), external_no="0012", shop_id=made.shopee, ship_to=ShipTo("ธรรมดา", "0898765432")),
            ],
        )
    return made


def fetch(actor: Actor, name: str, root, form: str = "csv", columns=(), **filters) -> bytes:
    with transaction(actor) as tx:
        asked = ask_export(tx, AskExport(name, filters, columns, form))
    kept, _ = making.make(db.session(), db.session.get_one(ExportRun, asked.run_id), root, str)
    return (root / kept.key[:2] / kept.key).read_bytes()


def table(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in content
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_every_list_comes_out_in_both_forms(shop, tmp_path, name, form):
    assert fetch(person("owner"), name, tmp_path, form)


def test_formulas_are_never_run_and_numbers_stay_as_written(shop, tmp_path):
    rows = table(fetch(person("owner"), "orders", tmp_path))
    assert [r["Channel's number"] for r in rows] == ["0012", "'=1+1"]
    assert rows[1]["Recipient"] == "'=HYPERLINK(1)"
    assert rows[1]["Phone"] == "0812345678"
    sheet = openpyxl.load_workbook(io.BytesIO(fetch(person("owner"), "orders", tmp_path, "xlsx"))).active
    heads = [c.value for c in sheet[1]]
    cell = sheet.cell(3, heads.index("Recipient") + 1)
    assert (cell.value, cell.data_type) == ("=HYPERLINK(1)", "s")
    assert sheet.cell(2, heads.index("Total") + 1).value == 200


@pytest.mark.parametrize(("value", "cell"), [
    ("=A1", "'=A1"), ("+66", "'+66"), ("-5 x", "'-5 x"), ("@x", "'@x"), ("\t=1", "'\t=1"), (-5, "-5"), ("ปกติ", "ปกติ"),
    (None, ""), (True, "yes"), (["a", "b"], "a, b"), ("\n=1", "'\n=1"),
])  # fmt: skip
def test_a_cell_is_made_safe(value, cell):
    assert csv_cell(value) == cell


def test_the_list_is_exported_as_it_is_filtered(shop, tmp_path):
    rows = table(fetch(person("owner"), "orders", tmp_path, channel="shopee"))
    assert [r["Channel's number"] for r in rows] == ["0012"]
    rows = table(fetch(person("owner"), "orders", tmp_path, q="HYPERLINK"))
    assert len(rows) == 1
    rows = table(fetch(person("owner"), "skus", tmp_path, f_price_from="300", f_is_active_is="1"))
    assert [r["SKU"] for r in rows] == ["RU-0003", "RU-0004", "RU-0100"]
    with pytest.raises(InvalidInput):
        fetch(person("owner"), "skus", tmp_path, f_price_from="มาก")


def test_columns_can_be_chosen_and_keep_their_order(shop, tmp_path):
    rows = table(fetch(person("owner"), "orders", tmp_path, columns=["total", "number", "no_such"]))
    assert list(rows[0]) == ["Order", "Total"]


def test_phones_are_masked_and_prices_and_costs_left_out_for_those_who_may_not_see_them(shop, tmp_path):
    accountant = table(fetch(person("accountant"), "orders", tmp_path))
    assert {r["Phone"] for r in accountant} == {"081xxxxx78", "089xxxxx32"}
    warehouse = table(fetch(person("warehouse"), "orders", tmp_path))
    assert "Total" not in warehouse[0]
    assert "Cost" not in table(fetch(person("warehouse"), "skus", tmp_path))[0]


def test_rows_out_of_scope_stay_out(shop, tmp_path):
    mine = person("manager", shops=frozenset({shop.shopee}))
    assert len(table(fetch(mine, "orders", tmp_path))) == 1
    assert len(table(fetch(mine, "order_lines", tmp_path))) == 1
    away = person("manager", warehouses=frozenset({shop.cnx}))
    assert table(fetch(away, "stock", tmp_path)) == []


def test_an_export_needs_the_right_and_is_written_down(shop, tmp_path):
    with pytest.raises(Forbidden), transaction(Actor("user", "x", 1, actions=frozenset({"order.view"}))) as tx:
        ask_export(tx, AskExport("orders", {}))
    with pytest.raises(Forbidden), transaction(person("cashier")) as tx:
        ask_export(tx, AskExport("audit", {}))
    with pytest.raises(NotFound), transaction(person("owner")) as tx:
        ask_export(tx, AskExport("secrets", {}))
    assert db.session.scalars(select(ExportRun)).all() == []
    fetch(person("owner"), "customers", tmp_path, q="ธรรมดา")
    row = db.session.scalars(select(AuditLog).where(AuditLog.action == "export.run")).one()
    assert (row.actor, row.after["list"], row.after["filters"]) == ("owner", "customers", {"q": "ธรรมดา"})


def test_a_long_list_is_made_in_the_background_and_only_for_its_asker(shop, tmp_path, monkeypatch):
    monkeypatch.setattr(making, "AT_ONCE", 1)
    with transaction(person("owner")) as tx:
        asked = ask_export(tx, AskExport("orders", {}))
    assert not asked.at_once
    assert db.session.scalars(select(Outbox.topic).where(Outbox.topic == making.TOPIC)).one()
    kept, count = making.make(db.session(), db.session.get_one(ExportRun, asked.run_id), tmp_path, str)
    with transaction(system("job")) as tx:
        making.finish(tx, asked.run_id, kept, count)
    assert count == 2
    with pytest.raises(NotFound), transaction(person("manager", user_id=99)) as tx:
        making.get_export(tx, asked.run_id)


def test_thousands_of_rows_stream_in_few_statements(shop, tmp_path, monkeypatch):
    with transaction(system("t")) as tx:
        tx.session.add_all([Customer(name=f"ลูกค้า {i}") for i in range(3000)])
    assert len(table(fetch(person("owner"), "customers", tmp_path))) >= 3000


def test_a_file_made_for_download_goes_when_its_time_is_over(shop, tmp_path):
    (tmp_path / "kept").write_bytes(b"stays")
    with transaction(system("test")) as tx:
        lasting = files.keep(tmp_path, io.BytesIO(b"an upload"), "up.csv")
        files.register(tx, lasting, "upload", "text/csv")
        asked = ask_export(tx, AskExport("orders", {}, (), "csv"))
    kept, count = making.make(db.session(), db.session.get_one(ExportRun, asked.run_id), tmp_path, str)
    with transaction(system("test")) as tx:
        making.finish(tx, asked.run_id, kept, count)
        assert files.purge_expired(tx, tmp_path) == 0
    with clock.at(clock.now() + making.KEPT_FOR + timedelta(hours=1)), transaction(system("test")) as tx:
        assert files.purge_expired(tx, tmp_path) == 1
        with pytest.raises(NotFound):
            files.find_file(tx, kept.key)
    assert not files.path_of(tmp_path, kept.key).exists()
    assert files.path_of(tmp_path, lasting.key).exists()
