"""The channels' screens: health, connecting, what was said with personal data hidden, who may do what."""

from __future__ import annotations

import re

import pytest
from markupsafe import escape
from sqlalchemy import select

from jobs import channels as reading
from oms import clock
from oms.actor import system
from oms.catalog.models import Channel, Shop
from oms.channels import registry
from oms.channels.models import ChannelConnection, ChannelMessage
from oms.channels.port import Grant
from oms.db import db, transaction
from oms.usecases.channel_trouble import TROUBLE_LABELS, Trouble
from oms.usecases.channels import Connect, connect_shop, store_grant
from tests.channels.toy import KIND, BazaarSandbox
from tests.shop import small_shop
from tests.views.people import log_in
from views import i18n
from views.channel_pages import HIDDEN, masked
from views.sandbox.market import Market
from views.sandbox.server import running

WHO = system("test")


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setitem(registry.CONNECTORS, "bazaar", KIND)
    made = BazaarSandbox(Market(3, skus=4).open("bazaar"))
    with running(made) as url:
        made.url = url
        yield made


@pytest.fixture
def shop(web, sandbox):
    with transaction(WHO) as tx:
        made = small_shop(tx)
        row = Shop(code="bazaar", name="ร้านตลาด", channel=Channel.LINE_SHOPPING, warehouse_id=made.bkk)
        tx.session.add(row)
        tx.session.flush()
        return row.id


@pytest.fixture
def connected(web, sandbox, shop):
    with transaction(WHO) as tx:
        sealer = web.extensions["oms.sealer"]
        made = connect_shop(tx, Connect(shop, "bazaar", sandbox.url, secrets={"secret": sandbox.secret}), sealer).id
        store_grant(tx, made, Grant("A0", "R0"), sealer, by_consent=True)
    yield made
    kept = web.extensions.pop("oms.channels", None)
    if kept is not None:
        kept.close()


def test_a_shop_is_connected_and_let_in_by_the_browser(web, sandbox, shop):
    manager = log_in(web, "manager")
    page = manager.get("/channels/").text
    assert "ร้านตลาด" in page
    assert f"/channels/shops/{shop}/connect/bazaar" in page
    done = manager.post(f"/channels/shops/{shop}/connect/bazaar", host=sandbox.url, secret="bazaar-secret")
    assert done.status_code == 303
    row = db.session.scalars(select(ChannelConnection)).one()
    shown = manager.get(f"/channels/{row.id}").text
    assert "has to let us in" in shown
    assert "bazaar-secret" not in shown
    for bent in ("&state=x{}", ""):
        sent = manager.post(f"/channels/{row.id}/consent", form=f"/channels/{row.id}")
        assert sent.headers["Location"].startswith(f"{sandbox.url}/consent?back=")
        state = re.search(r"state=([\w-]+)", sent.headers["Location"]).group(1)
        stale = manager.get(f"/channels/back?code=wrong{bent.format(state)}")
        assert (stale.status_code, stale.headers["Location"]) == (303, "/channels/")
        assert "belongs to no question of ours" in manager.get("/channels/").text


def test_health_readings_words_and_days_are_shown(web, sandbox, connected):
    order = sandbox.stall.make(pay=True)
    reading.sync(lambda: transaction(WHO), connected)
    manager = log_in(web, "manager")
    assert "Works" in manager.get("/channels/").text
    for path in (f"/channels/{connected}", f"/channels/said/{connected}/runs", "/channels/days/",
                 f"/channels/told/{connected}", f"/channels/said/{connected}/messages"):  # fmt: skip
        assert manager.get(path).status_code == 200, path
    word = db.session.scalars(select(ChannelMessage)).one()
    page = manager.get(f"/channels/said/{connected}/messages/{word.id}").text
    assert order.number in page
    assert order.buyer.home.phone not in page
    assert order.buyer.home.line not in page


@pytest.mark.parametrize("role", ["cashier", "warehouse", "accountant", "viewer"])
def test_who_may_not_import_sees_nothing(web, connected, role):
    person = log_in(web, role)
    for path in ("/channels/", f"/channels/{connected}", "/channels/days/", f"/channels/said/{connected}/runs"):
        assert person.get(path).status_code == 403, path


def test_sales_watch_and_do_not_connect(web, connected):
    sales = log_in(web, "sales")
    assert sales.get(f"/channels/{connected}").status_code == 200
    assert (
        sales.post(f"/channels/{connected}/disconnect", form=f"/channels/{connected}", version="1").status_code == 403
    )
    assert db.session.get_one(ChannelConnection, connected).is_active


def test_personal_data_is_hidden_wherever_it_lies():
    raw = {"order_sn": "1", "recipient": {"town": "บางรัก", "x": [{"y": 7}]}, "phone": "08", "lines": [{"sku": "A"}]}
    assert masked(raw) == {
        "order_sn": "1", "recipient": {"town": HIDDEN, "x": [{"y": HIDDEN}]}, "phone": HIDDEN, "lines": [{"sku": "A"}],
    }  # fmt: skip


def test_a_channel_that_only_tells_us_has_no_address_to_enter(web, sandbox, shop):
    with transaction(WHO) as tx:
        tx.session.add(
            Shop(
                code="own",
                name="ร้านตัวเอง",
                channel=Channel.WEB,
                warehouse_id=tx.session.get_one(Shop, shop).warehouse_id,
            )
        )
    row = db.session.scalars(select(Shop).where(Shop.code == "own")).one()
    manager = log_in(web, "manager")
    path = f"/channels/shops/{row.id}/connect/inbound"
    assert "Address of the server" not in manager.get(path).text
    assert "Address of the server" in manager.get(f"/channels/shops/{row.id}/connect/woocommerce").text
    assert manager.post(path, hook_secret="a-long-secret").status_code == 303
    made = db.session.scalars(select(ChannelConnection).where(ChannelConnection.shop_id == row.id)).one()
    assert made.is_active
    assert "/hooks/channels/" in log_in(web, "manager").get(f"/channels/{made.id}").text


@pytest.mark.parametrize("kind", list(Trouble))
def test_the_last_trouble_says_what_to_do_in_both_languages(web, connected, kind):
    raw = "105002 <b>token was used</b>"
    with transaction(WHO) as tx:
        row = tx.session.get_one(ChannelConnection, connected)
        row.last_error, row.last_error_at = f"{kind.value}: {raw}", clock.now()
    manager = log_in(web, "manager")
    for language in ("en", "th"):
        manager.get(f"/language/{language}")
        page = manager.get(f"/channels/{connected}").text
        advice = i18n.thai().gettext(TROUBLE_LABELS[kind]) if language == "th" else TROUBLE_LABELS[kind]
        assert escape(advice) in page
        assert f'<span lang="en" class="mono">{escape(raw)}</span>' in page
        assert f"{kind.value}: " not in page
