"""The link at work: told, taken, applied once; repeats, gaps, contradictions and impossible things never slip in."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from oms import clock
from oms.audit import AuditLog
from oms.errors import Forbidden, InvalidInput, NotFound, Refused, say
from oms.inventory import reserving
from oms.inventory.models import StockMovement
from oms.orders.states import CancelReason, HoldReason
from oms.remote.models import RemoteMessage, RemotePackage
from oms.remote.packages import Kind, Way
from oms.remote.queries import attention, get_site, site_states
from oms.remote.states import MessageState, PackageState
from oms.shipping.models import Parcel, Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.masters import Edit
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_confirm import reserve_open_lines
from oms.usecases.orders_holds import HoldOrder, ReleaseHold, hold_order, release_hold
from oms.usecases.payments import DecideClaim, reverse_claim
from oms.usecases.remote_decide import DecideMessage, Decision, decide_message
from oms.usecases.remote_in import take_in
from oms.usecases.remote_sites import (
    SiteFacts,
    create_site,
    edit_site,
    note_trouble,
    renew_keys,
    secret_of,
    switch_site,
)
from oms.usecases.resealing import SITES, reseal
from oms.usecases.shipping_boxes import make_ready
from tests.remote.play import SEALER, Link
from tests.reports.test_worklists import statements
from tests.shop import SmallShop, small_shop
from tests.usecases.money import paid, placed
from views.sandbox.remote_site import Site


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


@pytest.fixture
def link(tx, shop, tmp_path) -> Link:
    return Link(tx, shop, tmp_path)


def state_of(link: Link, shipment: Shipment) -> ShipmentStatus:
    link.tx.session.flush()
    link.tx.session.expire_all()
    return link.tx.session.get_one(Shipment, shipment.id).status


def decided(link: Link, message: RemoteMessage, decision: Decision, note: str = "talked to them"):
    person = replace(link.tx.actor, user_id=7)
    return decide_message(replace(link.tx, actor=person), DecideMessage(message.id, decision, note))


def test_goods_to_send_go_out_and_what_was_sent_comes_back(link):
    order, shipment = link.ready((0, 2), (1, 1))
    link.exchange()
    (asked,) = [body for _, _, body in link.site.orders().values()]
    assert [(p["sku"], p["quantity"]) for p in asked["pieces"]] == [("RU-0001", 2), ("RU-0002", 1)]
    assert asked["ship_to"]["postcode"] == "50210"
    assert asked["cod_satang"] == 0
    link.site.step(shipment.number, "picked")
    link.exchange()
    assert state_of(link, shipment) is ShipmentStatus.PICKING
    link.site.ship(shipment.number, "TH900", "Flash Express")
    link.exchange()
    assert state_of(link, shipment) is ShipmentStatus.HANDED_OVER
    assert [p.tracking_no for p in link.tx.session.get_one(Shipment, shipment.id).parcels if p.is_live] == ["TH900"]
    assert link.ours()["RU-0001"] == (8, 0)
    assert not link.parked()
    link.agree()
    done = link.tx.session.query(AuditLog).filter_by(action="order.shipped", subject_id=order.id).one()
    assert (done.actor_kind, done.actor) == ("site", "คลังนอก")


def test_a_set_is_told_as_its_parts(link, tx, shop):
    order = placed(tx, shop)
    order.lines[0].sku_id = shop.bundle
    tx.session.flush()
    reserving.release(tx, [order.id])
    assert not reserve_open_lines(tx, order)
    paid(tx, (order.id, 100))
    link.ready(order=order)
    link.exchange()
    (asked,) = [body for _, _, body in link.site.orders().values()]
    assert {p["sku"]: p["quantity"] for p in asked["pieces"]} == {"RU-0001": 1, "RU-0002": 2}


def test_nothing_is_said_twice_and_nothing_new_says_nothing(link):
    link.ready()
    link.exchange()
    count = link.tx.session.query(RemoteMessage).count()
    link.exchange()
    assert link.out() == []
    assert link.tx.session.query(RemoteMessage).count() == count
    assert link.row.out_have == link.row.out_seq == 1


@pytest.mark.parametrize("why", ["hold", "reversal", "cancel"])
def test_goods_that_may_not_leave_are_withdrawn(link, tx, why):
    order, shipment = link.ready()
    link.exchange()
    if why == "hold":
        hold_order(tx, HoldOrder(order.id, HoldReason.ADDRESS, "where?"))
    elif why == "cancel":
        cancel_order(tx, CancelOrder(order.id, CancelReason.CUSTOMER))
    else:
        claim = tx.session.execute(RemoteMessage.metadata.tables["payment_claims"].select()).first()
        reverse_claim(tx, DecideClaim(claim.id, "bounced"))
    link.exchange()
    assert link.site.orders()[shipment.number][0] == "withdrawn"
    with pytest.raises(Exception, match="not to be sent"):
        link.site.ship(shipment.number)


def test_what_may_leave_again_is_told_again_under_a_new_revision(link, tx):
    order, shipment = link.ready()
    link.exchange()
    hold_order(tx, HoldOrder(order.id, HoldReason.ADDRESS, "where?"))
    link.exchange()
    release_hold(tx, ReleaseHold(order.id, note="found"))
    make_ready(tx, [order.id])
    link.exchange()
    assert link.site.orders()[shipment.number][:2] == ("new", 2)
    link.site.ship(shipment.number, "TH901")
    link.exchange()
    assert state_of(link, shipment) is ShipmentStatus.HANDED_OVER


def test_a_repeat_changes_nothing(link):
    _, shipment = link.ready()
    link.exchange()
    link.site.ship(shipment.number, "TH902")
    link.site.pack()
    (data,) = link.site.waiting()
    assert link.bring(data).outcome == "applied"
    moved = link.tx.session.query(StockMovement).count()
    again = link.bring(data)
    assert (again.outcome, again.have) == ("repeat", 1)
    assert link.tx.session.query(StockMovement).count() == moved
    assert link.tx.session.query(RemoteMessage).filter_by(way=Way.IN).count() == 1


def test_the_same_word_in_two_packages_counts_once(link):
    link.site.receive({"RU-0001": 5})
    link.site.pack()
    (first,) = link.site.waiting()
    link.bring(first)
    message = json.loads(first)["package"]["messages"][0]
    link.site._seal([message])
    link.bring(link.site.waiting()[-1])
    assert link.ours()["RU-0001"] == (15, 0)


def test_a_gap_waits_and_is_asked_for(link):
    packages = []
    for pieces in (1, 2, 4):
        link.site.receive({"RU-0001": pieces})
        link.site.pack()
        packages = link.site.waiting()
    first, second, third = packages
    early = link.bring(third)
    assert (early.outcome, early.have, early.missing) == ("early", 0, (1, 2))
    assert link.ours()["RU-0001"] == (10, 0)
    assert link.bring(third).outcome == "early"
    assert link.bring(first).missing == (2, 2)
    done = link.bring(second)
    assert (done.outcome, done.have, done.missing) == ("applied", 3, None)
    assert link.ours()["RU-0001"] == (17, 0)
    link.agree()


def test_another_package_under_a_used_number_is_parked_and_can_be_taken(link):
    link.site.receive({"RU-0001": 1})
    link.site.pack()
    link.bring(link.site.waiting()[0])
    link.site.db.execute("UPDATE facts SET value = '0' WHERE name IN ('out_seq')")
    link.site.db.execute("UPDATE facts SET value = '' WHERE name = 'out_sha'")
    link.site.db.execute("DELETE FROM packages")
    link.site.receive({"RU-0001": 9})
    link.site.db.execute("UPDATE facts SET value = '0' WHERE name = 'acknowledged'")
    link.site.pack()
    (other,) = link.site.waiting()
    taken = link.bring(other)
    assert (taken.outcome, taken.parked) == ("conflict", 1)
    assert link.bring(other).parked == 0, "told once"
    assert link.ours()["RU-0001"] == (11, 0)
    (parked,) = link.parked()
    assert parked.problem_code == "package_conflict"
    decided(link, parked, Decision.RETRY, "")
    assert link.ours()["RU-0001"] == (20, 0)
    assert not link.parked()


def test_a_package_with_another_past_is_parked_and_ends_the_chain_until_it_is_taken(link):
    link.site.db.execute("INSERT OR REPLACE INTO facts VALUES ('out_sha', ?)", ("f" * 64,))
    link.site.receive({"RU-0001": 1})
    link.site.pack()
    (data,) = link.site.waiting()
    assert link.bring(data).outcome == "conflict"
    assert link.row.in_seq == 0
    decided(link, link.parked()[0], Decision.RETRY, "")
    assert link.row.in_seq == 1
    link.site.heard_that_ruam_has(1)
    link.site.receive({"RU-0001": 1})
    link.exchange()
    link.agree()


def test_broken_packages_are_refused_with_nothing_taken(link):
    link.site.receive({"RU-0001": 1})
    link.site.pack()
    (data,) = link.site.waiting()
    for bad in (data[:-20], data.replace(b'"quantity":1', b'"quantity":9'), b"\x00" * 50):
        with pytest.raises(InvalidInput):
            link.bring(bad)
    assert (link.row.in_seq, link.ours()["RU-0001"]) == (0, (10, 0))
    assert link.tx.session.query(RemotePackage).filter_by(way=Way.IN).count() == 0
    assert link.bring(data).outcome == "applied"


def test_a_site_that_claims_a_package_never_made_is_refused(link):
    with pytest.raises(Refused) as refusal:
        link.out(after=99)
    assert refusal.value.detail_code == "package_unknown"


def test_goods_sent_although_they_were_withdrawn_are_parked_and_booked_out(link, tx):
    order, shipment = link.ready((0, 3))
    link.exchange()
    link.site.ship(shipment.number, "TH903")  # the line is down: neither knows of the other
    cancel_order(tx, CancelOrder(order.id, CancelReason.CUSTOMER))
    link.exchange()
    (parked,) = link.parked()
    assert (parked.kind, parked.problem_code, parked.shipment_id) == ("shipped", "shipment_withdrawn", shipment.id)
    assert state_of(link, shipment) is ShipmentStatus.CANCELED
    assert link.ours()["RU-0001"] == (10, 0)
    with pytest.raises(InvalidInput):
        decided(link, parked, Decision.BOOK_OUT, "")
    decided(link, parked, Decision.BOOK_OUT)
    assert link.ours()["RU-0001"] == (7, 0)
    link.agree()
    assert not link.parked()
    with pytest.raises(Refused) as again:
        decided(link, parked, Decision.BOOK_OUT)
    assert again.value.detail_code == "message_decided"


def test_unpaid_goods_that_left_count_only_when_somebody_answers_for_them(link, tx):
    _, shipment = link.ready()
    link.exchange()
    claim = tx.session.execute(RemoteMessage.metadata.tables["payment_claims"].select()).first()
    link.site.ship(shipment.number, "TH904")
    reverse_claim(tx, DecideClaim(claim.id, "bounced"))
    link.exchange()
    (parked,) = link.parked()
    assert parked.problem_code == "shipment_withdrawn"
    assert state_of(link, shipment) is ShipmentStatus.PLANNED
    with pytest.raises(Refused):
        decided(link, parked, Decision.RETRY, "")
    assert link.parked() == [parked], "trying again in vain changes nothing"
    decided(link, parked, Decision.OVERRIDE, "the buyer will pay, known for years")
    assert state_of(link, shipment) is ShipmentStatus.HANDED_OVER
    link.exchange()
    link.agree()
    assert not link.parked()


def test_who_may_not_override_the_gate_cannot_let_it_count(link, tx, actor):
    _, shipment = link.ready()
    link.exchange()
    claim = tx.session.execute(RemoteMessage.metadata.tables["payment_claims"].select()).first()
    link.site.ship(shipment.number)
    reverse_claim(tx, DecideClaim(claim.id, "bounced"))
    link.exchange()
    clerk = replace(actor("manager"), actions=actor("manager").actions - {"gate.override"})
    with pytest.raises(Forbidden):
        decide_message(replace(tx, actor=clerk), DecideMessage(link.parked()[0].id, Decision.OVERRIDE, "please"))
    assert state_of(link, shipment) is ShipmentStatus.PLANNED


def test_more_or_fewer_pieces_than_asked_are_parked(link):
    _, shipment = link.ready((0, 2))
    link.exchange()
    link.site.step(shipment.number, "shipped", pieces=[{"sku": "RU-0001", "quantity": 3}])
    link.exchange()
    (parked,) = link.parked()
    assert parked.problem_code == "pieces_differ"
    assert state_of(link, shipment) is ShipmentStatus.READY


def test_a_parked_word_can_be_refused_and_the_site_hears_why(link):
    _, shipment = link.ready((0, 2))
    link.exchange()
    link.site.step(shipment.number, "shipped", pieces=[{"sku": "RU-0001", "quantity": 3}])
    link.exchange()
    decided(link, link.parked()[0], Decision.REFUSE, "count again")
    link.exchange()
    told = link.site.db.execute("SELECT text FROM told").fetchone()[0]
    assert json.loads(told)["reason"] == "count again"


def test_receipts_damage_and_counts_move_stock_once(link):
    link.site.receive({"RU-0001": 5, "RU-0002": 4}, {"RU-0002": 1}, "PO-77")
    link.site.damage("RU-0001", 2, "wet")
    link.site.count({"RU-0003": 7})
    link.exchange()
    link.exchange()
    assert link.ours() == {"RU-0001": (13, 2), "RU-0002": (13, 1), "RU-0003": (7, 0), "RU-0004": (10, 0)}
    link.agree()


def test_a_count_below_what_is_promised_and_a_strange_sku_are_parked(link, tx, shop):
    placed(tx, shop, (2, 6))
    link.site.count({"RU-0003": 2})
    link.site.receive({"NOBODY-1": 3})
    link.site.receive({"RU-0001": 1})
    link.exchange()
    assert [m.problem_code for m in link.parked()] == ["stock_short", "sku_unknown"]
    assert link.ours()["RU-0001"] == (11, 0), "what follows is applied all the same"


def test_what_is_no_proper_message_is_parked_and_blocks_nothing(link):
    for body in ({}, {"lines": 5}, {"lines": [{"sku": "RU-0001", "quantity": "many"}]}, {"lines": [[1]]}):
        link.site._say("receipt", **body)
    link.site._say("shipped", shipment=["x"])
    link.site._say("picked", shipment="SH69-999999")
    link.site.receive({"RU-0001": 1})
    link.exchange()
    assert {m.problem_code for m in link.parked()} == {"message_form", "lines_missing", "shipment_not_told"}
    assert len(link.parked()) == 6
    assert link.ours()["RU-0001"] == (11, 0)


def test_the_site_may_refuse_what_it_was_told(link):
    _, shipment = link.ready()
    link.exchange()
    link.site.refuse(shipment.number, "the roof leaks")
    link.exchange()
    (parked,) = link.parked()
    assert "the roof leaks" in str(parked.problem)
    with pytest.raises(InvalidInput):
        decided(link, parked, Decision.RETRY, "")
    decided(link, parked, Decision.CLOSE, "sent from elsewhere")


def test_the_site_tells_its_stock_and_what_differs_is_shown(link, tx):
    link.site.snapshot()
    link.exchange()
    assert link.row.snapshot == []
    link.site.db.execute("UPDATE stock SET on_hand = 3 WHERE sku = 'RU-0001'")
    link.site.snapshot()
    link.exchange()
    assert link.row.snapshot == [{"sku": "RU-0001", "ours": [10, 0], "theirs": [3, 0]}]


def test_another_warehouses_shipment_is_none_of_the_sites_business(link, tx, shop, tmp_path):
    other = create_site(tx, SiteFacts("cnx", "เหนือ", shop.cnx), SEALER)
    _, shipment = link.ready()
    link.exchange()
    stranger = Site(tmp_path / "cnx.sqlite", "cnx", other.secret, other.token)
    stranger._say("shipped", shipment=shipment.number)
    stranger.pack()
    take_in(tx, other.site_id, other.secret, stranger.waiting()[0])
    (parked,) = link.parked()
    assert (parked.problem_code, parked.shipment_id) == ("shipment_not_told", None)
    assert state_of(link, shipment) is ShipmentStatus.READY


def test_a_link_is_seen_by_its_own_warehouse_only(link, tx, shop, actor):
    elsewhere = replace(tx, actor=replace(actor("manager"), warehouses=frozenset({shop.cnx})))
    assert site_states(tx.session, elsewhere.actor) == []
    with pytest.raises(NotFound):
        get_site(elsewhere, link.keys.site_id)
    here = replace(actor("manager"), warehouses=frozenset({shop.bkk}))
    assert len(site_states(tx.session, here)) == 1


def test_links_are_kept_by_who_may_and_keys_are_shown_once(link, tx, shop, actor):
    clerk = replace(tx, actor=actor("warehouse"))
    for act in (
        lambda: create_site(clerk, SiteFacts("x", "x", shop.cnx), SEALER),
        lambda: edit_site(clerk, Edit(link.keys.site_id, link.row.version), SiteFacts("x", "x", shop.bkk)),
        lambda: switch_site(clerk, Edit(link.keys.site_id, link.row.version), is_active=False),
        lambda: renew_keys(clerk, Edit(link.keys.site_id, link.row.version), SEALER),
    ):
        with pytest.raises(Forbidden):
            act()
    with pytest.raises(InvalidInput) as taken:
        create_site(tx, SiteFacts("other", "other", shop.bkk), SEALER)
    assert taken.value.detail_code == "warehouse_linked"
    with pytest.raises(InvalidInput) as code:
        create_site(tx, SiteFacts("ก ข", "other", shop.cnx), SEALER)
    assert code.value.detail_code == "code_letters"
    assert secret_of(link.row, SEALER) == link.keys.secret
    assert link.keys.secret.encode() not in link.row.secrets
    assert reseal(tx, SEALER, SITES) == 1
    link.ready()
    link.out()
    with pytest.raises(Refused) as waiting:
        renew_keys(tx, Edit(link.keys.site_id, link.row.version), SEALER)
    assert waiting.value.detail_code == "packages_waiting"
    link.exchange()
    fresh = renew_keys(tx, Edit(link.keys.site_id, link.row.version), SEALER)
    assert fresh.secret != link.keys.secret
    link.site.receive({"RU-0001": 1})
    link.site.pack()
    with pytest.raises(InvalidInput) as signature:
        take_in(tx, link.keys.site_id, fresh.secret, link.site.waiting()[0])
    assert signature.value.detail_code == "package_signature"


def test_silence_and_parked_words_call_for_a_person(link, tx):
    assert tx.session.scalar(attention(tx.actor)) == 0
    link.row.heard_at = clock.now() - timedelta(hours=25)
    tx.session.flush()
    (state,) = site_states(tx.session, tx.actor)
    assert (state.silent, tx.session.scalar(attention(tx.actor))) == (True, 1)
    link.site.receive({"NOBODY-1": 3})
    link.exchange()
    (state,) = site_states(tx.session, tx.actor)
    assert (state.silent, state.parked, tx.session.scalar(attention(tx.actor))) == (False, 1, 1)
    note_trouble(tx, link.keys.site_id, NotFound(say("There is no such record")))
    assert link.row.trouble["say"] == "There is no such record"


def test_telling_of_many_costs_no_more_statements_than_telling_of_one(link, tx, shop):
    for _ in range(2):
        link.ready((0, 1))
    with statements() as few:
        link.out()
    link.exchange()
    for _ in range(6):
        link.ready((1, 1))
    with statements() as many:
        link.out()
    assert abs(len(many) - len(few)) <= 1, (len(few), len(many))
    assert len(many) <= 22


def test_what_came_early_is_kept_and_shown(link, tx):
    for _ in range(2):
        link.site.receive({"RU-0001": 1})
        link.site.pack()
    link.bring(link.site.waiting()[1])
    (state,) = site_states(tx.session, tx.actor)
    assert state.early == 1
    assert tx.session.query(RemotePackage).one().state is PackageState.EARLY


def test_a_carrier_the_site_chose_is_not_told_back_to_it(link):
    _, shipment = link.ready()
    link.exchange()
    link.site.step(shipment.number, "packed", carrier="J&T Express", boxes=[{"tracking_no": "J1", "weight_grams": 900}])
    link.exchange()
    assert state_of(link, shipment) is ShipmentStatus.PACKED
    assert link.site.orders()[shipment.number][1] == 1
    parcel = link.tx.session.query(Parcel).filter_by(shipment_id=shipment.id, is_live=True).one()
    assert (parcel.tracking_no, parcel.weight_grams) == ("J1", 900)
    link.site.ship(shipment.number, "J1", "J&T Express")
    link.exchange()
    assert state_of(link, shipment) is ShipmentStatus.HANDED_OVER
    assert link.tx.session.query(RemoteMessage).filter_by(kind=Kind.PICK_ORDER).count() == 1
    assert link.tx.session.query(RemoteMessage).filter_by(state=MessageState.PARKED).count() == 0
