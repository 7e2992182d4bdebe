"""``oms import`` and ``oms export`` print what scripts rely on."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from jobs import cli_files
from oms import clock
from oms.actor import system
from oms.db import db, transaction
from oms.errors import NotFound
from oms.intake.states import IntakeKind
from oms.orders.models import Order
from tests.importing.test_formats import NOW
from tests.samples import marketplaces as market
from tests.samples.marketplaces import Item, Sample
from tests.shop import small_shop

COMMAND = {"kind": IntakeKind.ORDERS, "shop_code": "shopee-th", "map_name": "", "format": ""}


@pytest.fixture(autouse=True)
def _shop(isolated):
    with clock.at(NOW):
        with transaction(system("test")) as tx:
            small_shop(tx, pieces=100)
        yield


def test_a_dry_run_prints_the_ledger_and_writes_nothing(tmp_path):
    rows = market.shopee([Sample("J1"), Sample("J2", (Item("RU-0001"), Item("?")))])
    file = market.write_csv(tmp_path / "a.csv", rows)
    answer = cli_files.take_in(tmp_path, file, COMMAND, write=False)
    terms = ("received", "created", "updated", "unchanged", "quarantined", "rejected")
    assert {t: answer[t] for t in terms} == {
        "received": 3, "created": 1, "updated": 0, "unchanged": 0, "quarantined": 2, "rejected": 0,
    }  # fmt: skip
    assert [(e["line"], e["code"]) for e in answer["errors"]] == [(4, "sku_unknown")]
    assert set(answer["errors"][0]) == {"line", "column", "code", "message"}
    assert (answer["closes"], answer["orders"]["created"]) == (True, 1)
    assert db.session.scalar(select(func.count()).select_from(Order)) == 0
    written = cli_files.take_in(tmp_path, file, COMMAND, write=True)
    assert {t: written[t] for t in terms} == {t: answer[t] for t in terms}
    assert written["status"] == "done"
    again = cli_files.take_in(tmp_path, file, COMMAND, write=True)
    assert (again["unchanged"], again["quarantined"], again["created"]) == (1, 2, 0)


def test_a_refused_file_does_not_close_and_says_why(tmp_path):
    file = tmp_path / "a.xlsx"
    file.write_bytes(b"PK\x03\x04broken")
    answer = cli_files.take_in(tmp_path, file, COMMAND, write=True)
    assert (answer["closes"], answer["errors"][0]["code"], answer["received"]) == (False, "file_damaged", 0)
    assert "damaged" in cli_files.in_words(answer)


def test_an_unknown_shop_is_a_sentence(tmp_path):
    file = market.write_csv(tmp_path / "a.csv", market.shopee([Sample("J1")]))
    with pytest.raises(NotFound, match="no such shop"):
        cli_files.take_in(tmp_path, file, COMMAND | {"shop_code": "nope"}, write=True)


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_a_list_is_written_to_a_file(tmp_path, name):
    assert cli_files.write_list("skus", tmp_path / name) == 5
    assert (tmp_path / name).stat().st_size > 100
