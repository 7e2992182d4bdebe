"""A channel's order that waits, on screen: what is wrong, where it goes, the kept words, trying again."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from oms.db import transaction
from oms.intake.models import IntakeItem
from oms.intake.states import Outcome
from oms.orders.models import Order
from tests.channels.bazaar import WHO, bazaar_of
from tests.views.people import log_in


@pytest.fixture
def bazaar(web, monkeypatch):
    yield from bazaar_of(web, monkeypatch)


def address() -> str:
    """The page of what waits."""
    with transaction(WHO) as tx:
        item = tx.session.scalars(select(IntakeItem).where(IntakeItem.outcome == Outcome.QUARANTINED)).one()
        return f"/quarantine/{item.run_id}/{item.no}"


def test_a_telephone_is_typed_and_the_order_goes_in(web, bazaar):
    order = bazaar.stall.make({"RU-0001": 2}, pay=True, facts={"phone": "ถามหน้าร้าน"})
    bazaar.sync()
    manager, page = log_in(web, "manager"), address()
    shown = manager.get(page).text
    assert order.number in shown
    assert "is not a phone number" in shown
    assert "RU-0001" in shown
    assert "Ask the channel again" in shown
    assert manager.post(f"{page}/order", form=page, phone="x").status_code == 422
    assert address() == page, "it waits on"
    manager = log_in(web, "manager")
    done = manager.post(f"{page}/order", form=page, phone="0812345678", was_phone="")
    assert (done.status_code, done.headers["Location"]) == (303, "/quarantine/")
    with transaction(WHO) as tx:
        made = tx.session.scalars(select(Order).where(Order.external_no == order.number)).one()
        assert made.ship_phone == "0812345678"
    assert "does not wait any more" in manager.get(page).text


def test_an_unknown_product_is_named_on_the_page_of_its_order(web, bazaar):
    from views.sandbox.market import Listing

    bazaar.stall.listings["9"] = Listing("9", "ของแปลก", "ของแปลก", bazaar.stall.listings["1001"].price, 9)
    order = bazaar.stall.make({"ของแปลก": 1}, pay=True)
    bazaar.sync()
    manager, page = log_in(web, "manager"), address()
    assert "Which of our SKUs is this?" in manager.get(page).text
    manager.post(
        "/quarantine/map", form=page, shop_id=bazaar.shop_id, external_sku="ของแปลก", sku="RU-0001", multiplier=1
    )
    with transaction(WHO) as tx:
        assert tx.session.scalars(select(Order.external_no)).all() == [order.number]
