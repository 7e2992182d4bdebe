"""Returns of channels on screen: the pile, the page of a shop, a return's card, the order's card, the steps."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from sqlalchemy import select

from oms.channels.return_models import ChannelReturn, ReturnWait
from oms.db import transaction
from oms.money import Money
from oms.orders.models import Order
from oms.returns.models import Return
from oms.returns.states import ReturnReason, ReturnStatus
from oms.usecases.returns import AskedLine, RequestReturn, request_return
from tests.channels.bazaar import WHO, bazaar_of
from tests.channels.test_returns import S, delivered, news, take
from tests.views.people import log_in


@pytest.fixture
def bazaar(web, monkeypatch):
    yield from bazaar_of(web, monkeypatch)


def kept(_bazaar, number: str) -> SimpleNamespace:
    """As it is stored, read in a transaction that is over before anybody asks the panel."""
    with transaction(WHO) as tx:
        row = tx.session.scalars(select(ChannelReturn).where(ChannelReturn.external_no == number)).one()
        values = {c.name: getattr(row, c.name) for c in ChannelReturn.__table__.columns}
        return SimpleNamespace(**values, ours=(row.ret.number, row.ret.status) if row.ret else None)


def returns() -> list[int]:
    with transaction(WHO) as tx:
        return list(tx.session.scalars(select(Return.id).order_by(Return.id)))


def by_hand(bazaar, number: str, pieces: int = 1) -> str:
    """A return that a person opened; its number."""
    with transaction(WHO) as tx:
        order = tx.session.scalars(select(Order).where(Order.external_no == number)).one()
        asked = (AskedLine(order.lines[0].id, pieces),)
        return request_return(tx, RequestReturn(order.id, asked, ReturnReason.DAMAGED)).number


def test_what_waits_is_a_pile_and_can_be_put_aside_and_taken_up(web, bazaar):
    take(bazaar, news("R-77", "nobody", S.AGREED, reason="แตก", refund=Money.satang(12345)))
    row, manager = kept(bazaar, "R-77"), log_in(web, "manager")
    page = manager.get("/returns/?pile=channel").text
    assert "R-77" in page
    assert "This order never came here" in page
    assert "฿123.45" in page
    done = manager.post(
        f"/channels/returns/{row.id}/aside", form="/returns/?pile=channel", note="", version=row.version
    )
    assert done.status_code == 422
    assert kept(bazaar, "R-77").closed_at is None, "why is asked for"
    manager = log_in(web, "manager")
    manager.post(f"/channels/returns/{row.id}/aside", form="/returns/?pile=channel", note="ร้านเก่า", version=row.version)
    assert kept(bazaar, "R-77").close_note == "ร้านเก่า"
    assert "R-77" not in manager.get("/returns/?pile=channel").text
    assert "ร้านเก่า" in manager.get(f"/channels/returns/{bazaar.id}").text
    take(bazaar, news("R-77", "nobody", S.SENT, 1))
    assert kept(bazaar, "R-77").closed_at is not None
    manager.post(f"/channels/returns/{row.id}/again", form=f"/channels/returns/{bazaar.id}")
    assert (kept(bazaar, "R-77").closed_at, kept(bazaar, "R-77").wait) == (None, ReturnWait.NO_ORDER)


def test_a_return_opened_by_hand_is_attached(web, bazaar):
    order = delivered(bazaar, {"RU-0001": 2})
    other = delivered(bazaar, {"RU-0001": 2})
    bazaar.sync()
    mine, theirs = by_hand(bazaar, order.number, 2), by_hand(bazaar, other.number)
    take(bazaar, news("R-78", order.number, S.AGREED))
    row, manager = kept(bazaar, "R-78"), log_in(web, "manager")
    assert row.wait is ReturnWait.TOO_MANY
    manager.post(
        f"/channels/returns/{row.id}/attach", form="/returns/?pile=channel", number=theirs, version=row.version
    )
    assert kept(bazaar, "R-78").return_id is None, "a return of another order is not taken"
    manager = log_in(web, "manager")
    manager.post(f"/channels/returns/{row.id}/attach", form="/returns/?pile=channel", number=mine, version=row.version)
    row = kept(bazaar, "R-78")
    assert (row.wait, row.ours) == (None, (mine, ReturnStatus.APPROVED))
    assert len(returns()) == 2
    page = manager.get(f"/returns/all/show/{row.return_id}").text
    assert "R-78" in page
    assert "Agreed to there" in page
    assert "R-78" in manager.get(f"/orders/{row.order_id}").text


def test_the_settlement_offers_only_what_is_left_when_the_channel_has_paid(web, bazaar):
    order = delivered(bazaar, {"RU-0001": 2})
    bazaar.sync()
    take(bazaar, news("R-79", order.number, S.REFUNDED, goods_stay=True, refund=Money.satang(5000)))
    (ret_id,) = returns()
    manager = log_in(web, "manager")
    page = manager.get(f"/returns/settle/form?return={ret_id}").text
    assert "has paid the buyer back" in page
    assert 'value="platform" data-shows="credit" checked' in page
    assert 'value="refund"' not in page


def test_who_may_not_decide_returns_only_looks(web, bazaar):
    take(bazaar, news("R-80", "nobody", S.AGREED))
    row = kept(bazaar, "R-80")
    for step in ("again", "aside", "attach"):
        clerk = log_in(web, "sales")
        assert "R-80" in clerk.get("/returns/?pile=channel").text
        done = clerk.post(f"/channels/returns/{row.id}/{step}", form="/returns/?pile=channel", note="x", number="RT1")
        assert done.status_code == 403, step
    assert kept(bazaar, "R-80").version == row.version
