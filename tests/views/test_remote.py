"""Remote warehouses through the browser's door: linked, worked by file, parked words settled."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from flask import Flask

from oms.actor import system
from oms.db import db, transaction
from oms.remote.models import RemoteMessage, RemoteSite
from oms.shipping.models import Shipment
from oms.usecases.shipping_boxes import make_ready
from tests.shop import SmallShop, small_shop
from tests.usecases.money import paid, placed
from tests.views.test_orders_web import TOKEN, Person
from views.sandbox.remote_site import Site


@pytest.fixture
def people(web: Flask) -> Callable[..., Person]:
    return lambda role, **scope: Person(web, role, **scope)


@pytest.fixture
def shop(web: Flask) -> SmallShop:
    with transaction(system("test")) as tx:
        return small_shop(tx)


def send_file(person: Person, path: str, data: bytes) -> str:
    token = TOKEN.search(person.open("/remote-sites/").text)[1]
    answer = person.open(
        path, "POST", data={"csrf_token": token, "file": (io.BytesIO(data), "from-site.ruam")},
        headers={"Referer": "http://localhost/remote-sites/"}, content_type="multipart/form-data",
    )  # fmt: skip
    return person.open(answer.location).text if answer.status_code in {302, 303} else answer.text


def test_a_warehouse_is_linked_and_worked_by_file(people, shop, tmp_path):
    manager = people("manager")
    assert "No remote warehouse yet" in manager.get("/remote-sites/")
    text = manager.post(
        "/remote-sites/new", origin="/remote-sites/new", name="คลังบางนา", code="bangna", warehouse_id=str(shop.bkk),
        mode="file", silent_hours="12",
    ).text  # fmt: skip
    token, secret = re.findall(r'data-copy="([\w-]{40,})"', text)
    site_id = db.session.query(RemoteSite.id).one()[0]
    shown = manager.get(f"/remote-sites/{site_id}")
    assert secret not in shown
    assert token not in shown, "keys are shown once"
    with transaction(system("test")) as tx:
        order = placed(tx, shop)
        paid(tx, (order.id, 100))
        number = make_ready(tx, [order.id])[order.id].number
    site = Site(tmp_path / "site.sqlite", "bangna", secret, token)
    site.opening({"RU-0001": 10, "RU-0002": 10, "RU-0003": 10, "RU-0004": 10})
    answer = manager.post(f"/remote-sites/{site_id}/file", origin=f"/remote-sites/{site_id}")
    assert site.from_file(answer.data) == ["applied"]
    site.ship(number, "TH555")
    site.receive({"NOBODY": 2})
    carried = site.to_file()
    assert "Packages: 1 applied" in send_file(manager, f"/remote-sites/{site_id}/upload", carried)
    assert "Packages: 1 had been applied before" in send_file(manager, f"/remote-sites/{site_id}/upload", carried)
    assert "not a whole package" in send_file(manager, f"/remote-sites/{site_id}/upload", carried[:-60])
    assert db.session.query(Shipment).filter_by(number=number).one().status.value == "handed_over"
    page = manager.get(f"/remote-sites/{site_id}")
    assert "Nobody knows the SKU NOBODY" in page
    (message,) = db.session.query(RemoteMessage).filter_by(state="parked").all()
    path = f"/remote-sites/{site_id}/decide/{message.id}"
    assert "Say in a few words why" in manager.post(path, origin=f"/remote-sites/{site_id}", decision="close").text
    manager.post(path, origin=f"/remote-sites/{site_id}", decision="close", note="a gift, not ours")
    assert "Waits for a person" not in manager.get(f"/remote-sites/{site_id}")
    again = manager.post(f"/remote-sites/{site_id}/file", origin=f"/remote-sites/{site_id}", after="0")
    assert site.from_file(again.data)[0] == "repeat"


def test_only_who_keeps_links_sees_them(people, shop):
    manager = people("manager")
    manager.post(
        "/remote-sites/new", origin="/remote-sites/new", name="คลังบางนา", code="bangna", warehouse_id=str(shop.bkk),
        mode="api", silent_hours="12",
    )  # fmt: skip
    site_id = db.session.query(RemoteSite.id).one()[0]
    for step, word in (("0", "The link is paused"), ("1", "The link goes on")):
        path = f"/remote-sites/{site_id}/switch"
        assert word in manager.post(path, origin=f"/remote-sites/{site_id}", on=step).text
    text = manager.post(f"/remote-sites/{site_id}/keys", origin=f"/remote-sites/{site_id}").text
    assert len(re.findall(r'data-copy="([\w-]{40,})"', text)) == 2
    edited = manager.post(
        f"/remote-sites/{site_id}/edit", origin=f"/remote-sites/{site_id}/edit", name="คลังใหม่", code="bangna",
        warehouse_id=str(shop.cnx), mode="api", silent_hours="12",
        version=str(db.session.query(RemoteSite.version).one()[0]),
    ).text  # fmt: skip
    assert "A link keeps its warehouse" in edited
    for role in ("warehouse", "sales", "cashier"):
        assert people(role).open("/remote-sites/").status_code in {302, 403}
