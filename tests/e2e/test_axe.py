"""The screens that most people see, read by axe-core: names, roles, contrast, headings, at a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from sqlalchemy import select

from oms import clock
from oms.actor import system
from oms.carriers.port import CarrierEvent
from oms.db import Tx, db, transaction
from oms.money import Money
from oms.notifications.catalogue import Event, Route
from oms.notifications.hearing import Heard
from oms.notifications.models import MessageSettings
from oms.orders.states import PaymentTerm
from oms.payments.states import PaymentMethod
from oms.sealing import Sealer
from oms.shipping.models import Parcel
from oms.shipping.states import TrackingStatus as T
from oms.usecases.channels import Connect, connect_shop
from oms.usecases.chat_writers import take_chat
from oms.usecases.message_routes import RouteFacts, create_route
from oms.usecases.notices_expand import expand
from oms.usecases.order_links import order_link
from oms.usecases.orders_place import place_order
from oms.usecases.payments import SubmitClaim, submit_claim
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.tracking import ParcelNews, record_events
from oms.usecases.tracking_links import tracking_link
from tests.conftest import clean
from tests.e2e.browser import PHONE, WIDE, logged_in, opened, served
from tests.shop import small_shop
from tests.views.panel import make_logins

pytestmark = pytest.mark.e2e
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
  (v) => ({id: v.id, help: v.help, nodes: v.nodes.map((n) => n.target.join(" ") + " | " + n.html.slice(0, 160)
    + " | " + (n.any[0]?.message || n.all[0]?.message || n.none[0]?.message || ""))}))"""


@dataclass(frozen=True)
class Places:
    """Addresses below the panel's: of a buyer, of anybody, of staff."""

    public: tuple[str, ...]
    staff: tuple[str, ...]


def _shop(tx: Tx, sealer: Sealer) -> Places:
    """A little of everything: an order to pay, one on its way, one to pack, a claim, texts to copy, a chat, a channel."""
    shop = small_shop(tx, pieces=100)
    tx.session.add(MessageSettings(id=1, events_off=[], quiet_from=0, quiet_to=0))
    create_route(tx, RouteFacts("copy", "คัดลอกลงแชต"), sealer)
    line = create_route(tx, RouteFacts("line", "LINE", secrets={"access_token": "t"}), sealer).id
    said = Heard("U" + "d" * 32, clock.now(), told_id="a", kind="text", body="สนใจค่ะ 0812345678")
    take_chat(tx, line, Route.LINE, [said])
    unpaid = place_order(tx, shop.order((0, 1), confirm=True)).order_id
    cod = {"confirm": True, "payment_term": PaymentTerm.COD, "carrier": "Flash Express"}
    sent, packed = (place_order(tx, shop.order((n, 1), **cod)).order_id for n in (1, 2))
    mark_shipped(tx, MarkShipped(sent, "Flash Express", "TH0112BX1K4A"))
    parcel = tx.session.scalars(select(Parcel).where(Parcel.tracking_no == "TH0112BX1K4A")).one()
    event = CarrierEvent(clock.now() - timedelta(hours=1), T.IN_TRANSIT, "S", "ถึงสาขา", "สันทราย")
    record_events(tx, [ParcelNews(parcel.id, (event,))], "poll")
    make_ready(tx, [packed])
    money = Money(Decimal(50))
    submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, money, ((unpaid, money),)))
    expand(tx, Event.CONFIRMED, [(unpaid, "0")])
    facts = Connect(shop.shopee, "shopee", "http://127.0.0.1:9", {"partner_id": "1"}, {"partner_key": "k"})
    connect_shop(tx, facts, sealer)
    tx.session.flush()
    return Places(
        (f"/o/{order_link(tx, unpaid).token}", f"/t/{tracking_link(tx, sent).token}"),
        (
            "/", "/orders/", f"/orders/{unpaid}", f"/orders/{sent}", "/pack/", "/payments/list/", "/messages/",
            "/messages/copies", "/channels/", "/chats/", "/chats/1", "/entry/",
        ),
    )  # fmt: skip


@pytest.fixture
def walk(web_app, settings, _kept, chromium) -> Iterator[tuple[Any, str, Places]]:
    """(the browser, address, places)."""
    with web_app.app_context():
        make_logins(web_app)
        with transaction(system("test")) as tx:
            places = _shop(tx, web_app.extensions["oms.sealer"])
        db.session.remove()
    with served(web_app) as address, opened(chromium) as browser:
        yield browser, address, places
    clean(settings, _kept)


def read(page: Any, address: str, path: str) -> list[str]:
    """What axe-core finds wrong with a page."""
    answer = page.goto(f"{address}{path}")
    if answer.status != 200:
        return [f"{path}: answers {answer.status}"]
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return [f"{path}: {v['id']} ({v['help']}) {node}" for v in page.evaluate(RUN) for node in v["nodes"]]


@pytest.mark.parametrize(
    ("view", "scheme"),
    [(WIDE, "light"), pytest.param(PHONE, "dark", marks=pytest.mark.deep)],
    ids=["desk-light", "hand-dark"],
)
def test_axe_finds_nothing(walk, view, scheme):
    browser, address, places = walk
    stranger = browser.new_context(viewport=view, color_scheme=scheme).new_page()
    wrong = [found for path in (*places.public, "/login/") for found in read(stranger, address, path)]
    page = logged_in(browser, address, "owner", view, [])
    page.emulate_media(color_scheme=scheme)
    wrong += [found for path in places.staff for found in read(page, address, path)]
    assert not wrong, "\n".join(wrong)
