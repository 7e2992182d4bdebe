"""The carriers' screens: seen by who keeps them, keys never shown, defaults and blocks set."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, text

from oms.actor import system
from oms.carriers.asking import silent
from oms.db import db, transaction
from oms.net.silence import Silence
from oms.shipping.carrier_models import Carrier, CarrierChoice, NumberRange
from oms.usecases.carrier_health import note_answer
from tests.shop import small_shop
from tests.views.people import log_in


@pytest.fixture
def shop(web):
    with transaction(system("test")) as tx:
        return small_shop(tx)


@pytest.fixture
def manager(web, shop):
    return log_in(web, "manager")


def flash() -> Carrier:
    db.session.expire_all()
    return db.session.scalars(select(Carrier).where(Carrier.code == "flash")).one()


def test_every_carrier_is_on_the_list_in_both_languages(web, shop, manager):
    page = manager.get("/carriers/").text
    for name in ("Thailand Post", "Flash Express", "J&amp;T Express", "KEX Express", "Lalamove"):
        assert name in page
    assert "No keys yet" in page
    assert "ยังไม่มีคีย์" in log_in(web, "manager", language="th").get("/carriers/").text


@pytest.mark.parametrize("role", ["sales", "cashier", "warehouse", "accountant", "viewer"])
def test_who_does_not_keep_carriers_sees_no_page_of_them(web, shop, role):
    person = log_in(web, role)
    for path in ("/carriers/", "/carriers/1", "/carriers/new", "/carriers/1/connect/flash", "/carrier-numbers/new/1"):
        assert person.get(path).status_code == 403, path


def test_a_carrier_is_added_and_changed(manager):
    done = manager.post(
        "/carriers/new", code="scg", name="SCG Express", services="std ส่งปกติ\ncold แช่เย็น", cut_off="16.30",
        cod_allowed="y", cod_limit="30,000", max_weight_grams="25000", is_active="y",
    )  # fmt: skip
    assert done.status_code == 303
    row = db.session.scalars(select(Carrier).where(Carrier.code == "scg")).one()
    assert [s["name"] for s in row.services] == ["ส่งปกติ", "แช่เย็น"]
    page = manager.get(f"/carriers/{row.id}").text
    assert "฿30,000.00" in page
    assert "25 kg" in page
    assert manager.post(f"/carriers/{row.id}/edit", services="std ส่งปกติ", phone="1234").status_code == 303
    wrong = manager.post(f"/carriers/{row.id}/edit", services="std ส่งปกติ", cut_off="99:00")
    assert wrong.status_code == 200
    assert "Enter a time such as 16:30" in wrong.text
    assert manager.get("/carriers/999999").status_code == 404


def test_keys_go_in_and_never_come_out(manager):
    path = f"/carriers/{flash().id}/connect/flash"
    done = manager.post(path, merchant="AA0005", api_key="open-sesame", host="http://127.0.0.1:1")
    assert done.status_code == 303
    seen = manager.get(f"/carriers/{flash().id}").text + manager.get(path).text + manager.get("/carriers/").text
    assert "open-sesame" not in seen
    assert "It is saved, but a try failed" in seen  # nobody listens there
    assert "AA0005" in seen
    assert flash().secrets
    assert manager.post(f"/carriers/{flash().id}/disconnect", form=f"/carriers/{flash().id}").status_code == 303
    assert flash().secrets == b""
    missing = manager.post(path, merchant="AA0005")
    assert "Enter this secret" in missing.text


def test_a_trouble_is_said_in_words_with_the_carriers_own_beneath(web, manager):
    row = flash()
    manager.post(f"/carriers/{row.id}/connect/flash", merchant="AA0005", api_key="x", host="http://127.0.0.1:1")
    with transaction(system("test")) as tx:
        note_answer(tx, row.id, silent(Silence("bad_key", "sign is wrong", final=True)))
    page = log_in(web, "manager", language="th").get(f"/carriers/{row.id}").text
    assert "ขนส่งไม่รับคีย์ของร้าน" in page
    details = page.split("<details><summary>รายละเอียดจากขนส่ง")[1].split("</details>")[0]
    assert "sign is wrong" in details
    assert page.count("sign is wrong") == 1
    assert "keys: " not in page


def test_a_block_of_numbers_is_entered_and_changed(manager):
    carrier = db.session.scalars(select(Carrier).where(Carrier.code == "thaipost")).one()
    path = f"/carrier-numbers/new/{carrier.id}"
    wrong = manager.post(path, first_number="EY145587896TH", last_number="EY145587896TH", service="")
    assert "should be 8" in wrong.text
    done = manager.post(
        path, first_number="TP 0001", last_number="TP 0050", service="EMS", warn_below="100", is_active="y"
    )
    assert done.status_code == 303
    row = db.session.scalars(select(NumberRange)).one()
    assert "TP0001 – TP0050" in manager.get(f"/carriers/{carrier.id}").text
    assert "Only 50 numbers of Thailand Post are left" in manager.get("/carriers/").text
    path = f"/carrier-numbers/{row.id}/edit"
    assert manager.post(path, service="", warn_below="5", note="ใบเสร็จ 12", is_active="y").status_code == 303
    assert "ใบเสร็จ 12" in manager.get(f"/carriers/{carrier.id}").text
    assert manager.get("/carrier-numbers/99999/edit").status_code == 404


def test_a_default_carrier_is_chosen_and_taken_away(manager, shop):
    form = {"form": "/carriers/", "carrier": f"{flash().id}|1", "shop": shop.line, "warehouse": ""}
    assert manager.post("/carriers/choices", **form).status_code == 303
    row = db.session.scalars(select(CarrierChoice)).one()
    assert (row.shop_id, row.warehouse_id, row.service) == (shop.line, None, "1")
    assert "ร้านไลน์" in manager.get("/carriers/").text
    assert manager.post(f"/carriers/choices/{row.id}/drop", form="/carriers/").status_code == 303
    assert db.session.scalar(text("SELECT count(*) FROM carrier_choices")) == 0


def test_a_lost_race_over_a_carrier_is_said(manager):
    row = flash()
    page = manager.get(f"/carriers/{row.id}/edit").text
    assert re.search(r'name="version"[^>]*value="\d+"', page)
    with transaction(system("test")) as tx:
        tx.session.execute(text("UPDATE carriers SET version = version + 5 WHERE id = :i"), {"i": row.id})
    old = manager.client.post(
        f"/carriers/{row.id}/edit",
        data={"version": "1", "csrf_token": manager.token(f"/carriers/{row.id}/edit"), "services": "1 ธรรมดา"},
    )
    assert "Someone else saved this" in old.text
