"""The link over real HTTP: the reference site against a real web server; strangers are turned away."""

from __future__ import annotations

import threading

import httpx
import pytest

from oms import clock
from oms.actor import system
from oms.db import db, transaction
from oms.remote.models import RemoteMessage, RemoteSite
from oms.remote.packages import LARGEST
from oms.remote.queries import lock_site
from oms.sealing import Sealer
from oms.settings import secret_from
from oms.shipping.models import Shipment
from oms.usecases.masters import Edit
from oms.usecases.remote_sites import SiteFacts, create_site, switch_site
from oms.usecases.shipping_boxes import make_ready
from tests.shop import small_shop
from tests.usecases.money import paid, placed
from views.sandbox.remote_site import Site
from views.sandbox.remote_site_page import Page
from views.sandbox.server import running

pytestmark = pytest.mark.e2e


@pytest.fixture
def linked(live, tmp_path):
    """A shop on the live server whose Bangkok is a remote site with three shipments to send."""
    with live.app.app_context():
        sealer = Sealer([secret_from(live.settings.data_dir, "encryption_key")])  # as the served program has it
        code = f"site{int(clock.now().timestamp() * 1000) % 10**9}"
        with transaction(system("test")) as tx:
            shop = small_shop(tx)
            keys = create_site(tx, SiteFacts(code, "คลังนอก", shop.bkk), sealer)
            orders = [placed(tx, shop, (0, 1)).id for _ in range(3)]
            for order_id in orders:
                paid(tx, (order_id, 100))
            made = make_ready(tx, orders)
        site = Site(tmp_path / "site.sqlite", code, keys.secret, keys.token, live.url)
        site.opening({"RU-0001": 10, "RU-0002": 10, "RU-0003": 10, "RU-0004": 10})
        yield site, keys, [made[i].number for i in orders], shop
        site.close()
        db.session.remove()


def stored(live, model, **facts):
    db.session.rollback()
    return db.session.query(model).filter_by(**facts).all()


def test_the_site_catches_up_and_ruam_with_it(live, linked):
    site, keys, numbers, _ = linked
    first = site.sync()
    assert (first["fetched"], first["brought"]) == (1, 0)
    assert set(site.orders()) == set(numbers)
    for n in numbers[:2]:
        site.ship(n, f"TH{n}")
    site.receive({"RU-0002": 5})
    told = site.sync()
    assert told["brought"] == 1
    assert (told["have"], told["missing"], told["packages"][0]["outcome"]) == (1, None, "applied")
    assert {s.number: s.status.value for s in stored(live, Shipment) if s.number in numbers} == {
        numbers[0]: "handed_over", numbers[1]: "handed_over", numbers[2]: "ready",
    }  # fmt: skip
    assert site.sync()["brought"] == 0
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        Site(site.path, site.code, keys.secret, "a wrong token", live.url).sync()
    assert httpx.get(f"{live.url}/remote/{site.code}/packages?after=0").status_code == 401
    assert httpx.get(f"{live.url}/remote/another/packages?after=0", headers=bearer(keys)).status_code == 401
    address = f"{live.url}/remote/{site.code}/packages"
    assert httpx.get(address, params={"after": "-1"}, headers=bearer(keys)).status_code == 422
    assert httpx.get(address, params={"after": "99"}, headers=bearer(keys)).status_code == 409
    _refusals_take_nothing(live, site, keys, address)
    _a_paused_site_is_turned_away(live, site, keys)
    _the_site_has_a_page(site, numbers[2])


def bearer(keys) -> dict[str, str]:
    return {"Authorization": f"Bearer {keys.token}"}


def _refusals_take_nothing(live, site, keys, address):
    before = len(stored(live, RemoteMessage))
    site.receive({"RU-0003": 1})
    site.pack()
    good = site.waiting()[0]
    told = httpx.post(address, content=good[:-9] + b"\nnonsense\n", headers=bearer(keys)).json()
    assert [p["outcome"] for p in told["packages"]] == ["refused", "refused"]
    assert (told["have"], len(stored(live, RemoteMessage))) == (1, before)
    assert stored(live, RemoteSite, id=keys.site_id)[0].trouble["code"] == "package_broken"
    huge = httpx.post(address, content=b"x" * (4 * LARGEST + 1), headers=bearer(keys))
    assert huge.status_code == 413
    both = [
        threading.Thread(target=httpx.post, args=(address,), kwargs={"content": good, "headers": bearer(keys)})
        for _ in range(4)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert site.sync()["have"] == 2
    assert len(stored(live, RemoteMessage)) == before + 1, "four at once count once"


def _a_paused_site_is_turned_away(live, site, keys):
    for is_active in (False, True):
        with transaction(system("test")) as tx:
            switch_site(tx, Edit(keys.site_id, lock_site(tx, keys.site_id).version), is_active=is_active)
        if not is_active:
            with pytest.raises(httpx.HTTPStatusError, match="401"):
                site.sync()
    assert site.sync()["fetched"] == 0


def _the_site_has_a_page(site, number):
    with running(Page(site)) as address:
        assert number in httpx.get(address).text
        httpx.post(address, data={"ship": number, "tracking_no": "TH77"})
        assert httpx.post(address, data={"ship": number, "tracking_no": "TH77"}).status_code == 409
        httpx.post(address, data={"sync": "1"})
        assert httpx.get(f"{address}/_books").json()["orders"][number] == "shipped"
