"""The link to an order's page: made once, kept longer, shut; what its holder may do, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from oms import clock
from oms.catalog.models import Channel
from oms.db import Tx
from oms.errors import Forbidden, NotFound
from oms.intake.files import Kept
from oms.money import ZERO, Money
from oms.orders.models import Order, OrderLine
from oms.orders.states import CancelReason, PaymentStatus, PaymentTerm
from oms.payments.models import PaymentClaim
from oms.payments.slip_models import Slip
from oms.payments.states import SlipStatus
from oms.reports.order_texts import Sending, chat_texts
from oms.reports.public_order import public_order
from oms.returns.models import Return
from oms.returns.states import ReturnReason
from oms.shipping.link_models import Opens, TrackingLink
from oms.shipping.models import Shipment
from oms.usecases import derived
from oms.usecases.order_links import (
    LONGER,
    OPEN_AT_ONCE,
    AskReturn,
    SendSlip,
    ask_return,
    buyer_of,
    extend_order_link,
    link_for,
    link_state,
    open_order,
    order_link,
    revoke_order_link,
    send_slip,
)
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_place import place_order
from oms.usecases.returns import AskedLine
from oms.usecases.shipping import MarkShipped, mark_shipped
from oms.usecases.shipping_arrival import come_back
from oms.usecases.tracking_links import OPEN_FOR, tracking_link
from tests.shop import SmallShop, small_shop
from tests.usecases.refusals import count, last_audit, refused


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=100)


@pytest.fixture
def order(tx, shop) -> int:
    return place_order(tx, shop.order((0, 2), confirm=True)).order_id


@pytest.fixture
def token(tx, order) -> str:
    made = order_link(tx, order).token
    tx.session.flush()
    return made


def file(n: int = 1) -> Kept:
    return Kept(f"key{n}", "slip.png", 10, f"{n:064d}")


def test_link_for_makes_one_link_and_keeps_answering_it(tx, order):
    path = link_for(tx, order)
    assert path.startswith("/o/")
    assert last_audit(tx).action == "order.link_made"
    assert link_for(tx, order) == path
    assert tracking_link(tx, order).token not in path  # the parcel's link is another
    assert count(tx, TrackingLink) == 2


def test_an_order_link_opens_more_than_a_parcels(tx, order, token):
    lesser = tracking_link(tx, order).token
    tx.session.flush()
    assert open_order(tx, token).id == order
    with refused(tx, "link_not_found"):
        open_order(tx, lesser)


def test_a_link_ends_lives_longer_when_wanted_and_comes_back_when_asked_for(tx, order, token):
    later = clock.now() + OPEN_FOR + timedelta(days=1)
    with clock.at(later), pytest.raises(NotFound):
        open_order(tx, token)
    until = extend_order_link(tx, order)
    tx.session.flush()
    assert until > clock.now() + OPEN_FOR + LONGER - timedelta(minutes=1)
    with clock.at(later):
        assert open_order(tx, token).id == order
    with clock.at(until + timedelta(days=1)):
        with pytest.raises(NotFound):
            open_order(tx, token)
        assert order_link(tx, order).token == token  # who asks for a link gets one that works
        tx.session.flush()
        assert open_order(tx, token).id == order


def test_shut_is_shut_and_the_next_has_another_address(tx, order, token):
    assert revoke_order_link(tx, order) is True
    assert revoke_order_link(tx, order) is False
    with refused(tx, "link_not_found"):
        open_order(tx, token)
    with refused(tx, "link_not_found", None, TrackingLink):
        extend_order_link(tx, order)
    assert order_link(tx, order).token != token


def test_only_those_who_may_share_make_links_for_orders_they_see(tx, shop, order, token, actor):
    for verb in (order_link, extend_order_link, revoke_order_link):
        with pytest.raises(Forbidden):
            verb(Tx(tx.session, actor("warehouse")), order)
        with pytest.raises(NotFound):
            verb(Tx(tx.session, actor("sales", shops=frozenset({shop.shopee}))), order)
    assert link_state(Tx(tx.session, actor("viewer")), order) is None
    assert link_state(Tx(tx.session, actor("sales")), order).token == token


def test_the_holder_may_do_two_things_to_orders_of_this_shop(tx, shop, order):
    buyer = buyer_of(tx.session.get_one(Order, order), tx.actor)
    assert buyer.actions == {"payment.claim", "return.request"}
    assert (buyer.shops, buyer.kind, buyer.source) == ({shop.line}, "buyer", "public")
    with pytest.raises(Forbidden):
        order_link(Tx(tx.session, buyer), order)


def test_a_slip_becomes_a_notice_of_the_buyer(tx, order, token):
    came = send_slip(tx, SendSlip(token, file(), Money.satang(150_00)))
    slip = tx.session.get_one(Slip, came.slip_id)
    claim = tx.session.scalars(select(PaymentClaim)).one()
    assert (slip.source, slip.uploaded_label, claim.submitted_label) == ("public", "Buyer", "Buyer")
    assert claim.amount == Money.satang(150_00)
    assert tx.session.get_one(Order, order).payment_status is PaymentStatus.PENDING_REVIEW
    assert last_audit(tx).source == "public"
    again = send_slip(tx, SendSlip(token, file()))
    assert (again.known, again.slip_id, count(tx, Slip)) == (True, slip.id, 1)


def test_a_slip_of_another_order_is_marked_as_used(tx, shop, order, token):
    send_slip(tx, SendSlip(token, file()))
    other = place_order(tx, shop.order((1, 1), confirm=True)).order_id
    second = order_link(tx, other).token
    tx.session.flush()
    assert send_slip(tx, SendSlip(second, file())).status is SlipStatus.DUPLICATE


def test_slips_are_refused_when_nothing_is_due_or_enough_wait(tx, shop, order, token):
    for n in range(OPEN_AT_ONCE):
        send_slip(tx, SendSlip(token, file(n)))
    with refused(tx, "slips_waiting", None, Slip, PaymentClaim):
        send_slip(tx, SendSlip(token, file(99)))
    cod = place_order(tx, shop.order((0, 1), confirm=True, payment_term=PaymentTerm.COD)).order_id
    dead = place_order(tx, shop.order((0, 1), confirm=True)).order_id
    links = {i: order_link(tx, i).token for i in (cod, dead)}
    cancel_order(tx, CancelOrder(dead, CancelReason.CUSTOMER))
    tx.session.flush()
    for i, link in links.items():
        with refused(tx, "nothing_to_pay", None, Slip, PaymentClaim):
            send_slip(tx, SendSlip(link, file(100 + i)))
    with refused(tx, "link_not_found", None, Slip):
        send_slip(tx, SendSlip("A" * 22, file()))


def test_a_return_is_asked_for_once_for_a_buyers_reason(tx, shop):
    order = place_order(tx, shop.order((0, 2), confirm=True, payment_term=PaymentTerm.COD)).order_id
    mark_shipped(tx, MarkShipped(order, "Flash Express", "TH0112BX4K4A"))
    token = order_link(tx, order).token
    tx.session.flush()
    line = tx.session.scalars(select(OrderLine.id).where(OrderLine.order_id == order)).one()
    cmd = AskReturn(token, (AskedLine(line, 1),), ReturnReason.DAMAGED, "บุบ", "k1")
    first = ask_return(tx, cmd)
    assert ask_return(tx, cmd).return_id == first.return_id
    assert tx.session.scalars(select(Return)).one().requested_label == "Buyer"
    with refused(tx, "reason_missing", "reason", Return):
        ask_return(tx, AskReturn(token, (AskedLine(line, 1),), ReturnReason.LOST))
    with refused(tx, "return_quantity", "lines", Return):
        ask_return(tx, AskReturn(token, (AskedLine(line, 2),), ReturnReason.DAMAGED))
    sold_by = update(Order).where(Order.id == order).values(payment_term=PaymentTerm.MARKETPLACE)
    tx.session.execute(sold_by.values(channel=Channel.SHOPEE))
    tx.session.expire_all()
    with refused(tx, "return_elsewhere", None, Return):
        ask_return(tx, AskReturn(token, (AskedLine(line, 1),), ReturnReason.DAMAGED))


def test_who_paid_in_a_web_shop_of_ours_asks_for_a_return_here(tx, shop):
    order = place_order(tx, shop.order((0, 2), confirm=True, payment_term=PaymentTerm.COD)).order_id
    mark_shipped(tx, MarkShipped(order, "Flash Express", "TH0112BX4K4A"))
    paid_there = {"payment_term": PaymentTerm.MARKETPLACE, "channel": Channel.WEB}
    tx.session.execute(update(Order).where(Order.id == order).values(paid_there))
    token = order_link(tx, order).token
    tx.session.flush()
    tx.session.expire_all()
    line = tx.session.scalars(select(OrderLine.id).where(OrderLine.order_id == order)).one()
    assert public_order(tx, open_order(tx, token)).may_return
    asked = ask_return(tx, AskReturn(token, (AskedLine(line, 1),), ReturnReason.DAMAGED, "บุบ", "k1"))
    assert tx.session.get_one(Return, asked.return_id).reason is ReturnReason.DAMAGED
    tx.session.execute(update(Order).where(Order.id == order).values(channel=Channel.LAZADA))
    tx.session.expire_all()
    assert not public_order(tx, open_order(tx, token)).may_return


def test_a_parcel_on_its_way_back_asks_its_buyer_for_no_cash(tx, shop):
    order = place_order(tx, shop.order((0, 2), confirm=True, payment_term=PaymentTerm.COD)).order_id
    mark_shipped(tx, MarkShipped(order, "Flash Express", "TH0112BX4K4A"))
    token = order_link(tx, order).token
    tx.session.flush()
    due = derived.read_facts(tx, [tx.session.get_one(Order, order)])[order].money.due
    assert public_order(tx, open_order(tx, token)).cash == due > ZERO
    come_back(tx, tx.session.scalars(select(Shipment.id)).all())
    tx.session.flush()
    page = public_order(tx, open_order(tx, token))
    assert (page.cash, [p.cash for p in page.parcels]) == (ZERO, [ZERO])


def test_messages_fit_the_state_of_the_order(tx, shop, order, token):
    found = tx.session.get_one(Order, order)

    def kinds(parcels=()) -> list[str]:
        tx.session.flush()
        money = derived.read_facts(tx, [found])[order].money
        texts = chat_texts(Sending(found, money, (), parcels, "https://x/o/abc"))
        assert all("https://x/o/abc" in str(t.lines[-1]) for t in texts)
        return [t.kind for t in texts]

    assert kinds() == ["bill", "remind"]
    send_slip(tx, SendSlip(token, file()))
    assert kinds() == ["bill", "slip"]
    assert kinds([("Flash Express", "TH01")]) == ["slip", "shipped"]


def test_links_of_a_kind_live_one_at_a_time(tx, order, token):
    live = select(TrackingLink).where(TrackingLink.revoked_at.is_(None), TrackingLink.opens == Opens.ORDER)
    assert len(tx.session.scalars(live).all()) == 1
