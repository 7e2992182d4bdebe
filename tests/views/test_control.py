"""The daily control page through the browser's door."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from oms import clock
from oms.actor import system
from oms.db import transaction
from tests.shop import SmallShop, small_shop
from tests.usecases.money import paid, placed
from tests.views.test_orders_web import Person


@pytest.fixture
def people(web: Flask) -> Callable[..., Person]:
    return lambda role, **scope: Person(web, role, **scope)


@pytest.fixture
def shop(web: Flask) -> SmallShop:
    with transaction(system("test")) as tx:
        made = small_shop(tx)
        ready, _ = placed(tx, made), placed(tx, made)
        paid(tx, (ready.id, 100))
    return made


def test_each_figure_opens_exactly_its_orders(people, shop):
    manager = people("manager")
    text = manager.get("/control/")
    assert "Every order stands somewhere" in text
    links = {n: re.findall(rf'href="(/orders/\?[^"]*)">{n}</a>', text) for n in ("1", "2")}
    assert len(links["1"]) >= 2
    for url in links["1"]:
        listed = manager.get(url.replace("&amp;", "&"))
        assert len(set(re.findall(r"SO\d{2}-\d{6}", listed))) == 1


def test_the_proof_is_made_on_request(people, shop):
    manager = people("manager")
    assert "Prove it" in manager.get("/control/")
    assert "every balance is the sum of its movements" in manager.get("/control/?proof=1")


def test_an_empty_day_says_so_and_a_wrong_one_is_refused(people, shop):
    manager = people("manager")
    assert "No order came in" in manager.get("/control/?first=2020-01-01&last=2020-01-02")
    assert "That is no day" in manager.get("/control/?first=nonsense", status=422)


def test_the_page_leaves_as_a_file_that_says_the_same(people, shop):
    answer = people("manager").open("/control/file.csv")
    lines = answer.get_data(as_text=True).lstrip("\ufeff").splitlines()
    assert lines[0] == "Part,Shop,Warehouse,What,Count"
    assert "Orders,ร้านไลน์,กรุงเทพ,Came in,2" in lines
    assert "Stock,On hand,กรุงเทพ,Closing,40" in lines
    assert f"control-{clock.today().isoformat()}" in answer.headers["Content-Disposition"]


def test_who_may_not_read_reports_is_refused(people, shop):
    assert people("sales").open("/control/").status_code in {302, 403}
    assert people("cashier").open("/control/file.csv").status_code in {302, 403}
