"""Stock offered to shops: shared, bundle-aware, told as the number, checked; the last piece is shown once."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update

from jobs.channel_line import Line
from jobs.offers import Pusher, look_at_listings
from oms import clock
from oms.channels.offer_models import ChannelListing
from oms.db import db, transaction
from oms.inventory.models import StockLevel
from oms.inventory.offering import Place, Policy, Rule, offers
from oms.usecases.offer_rules import SetPolicy, SetRule, set_policy, set_rule
from oms.usecases.offers import take_touches
from oms.usecases.orders_place import place_order
from tests.channels.bazaar import WHO, Bazaar


@pytest.fixture
def offering(bazaar) -> Bazaar:
    """The shop offers stock: 5,000 pieces of everything, shown whole."""
    bazaar.set(offers=True)
    look_at_listings(Line(bazaar.unit, bazaar.id), always=True)
    return bazaar


def push() -> None:
    pusher = Pusher()
    for _ in range(3):
        pusher.tick()
        pusher.settle()


def shown(bazaar: Bazaar) -> dict[str, int]:
    return {x.sku: x.quantity for x in bazaar.stall.listings.values()}


def set_stock(bazaar: Bazaar, *pieces: int) -> None:
    with transaction(WHO) as tx:
        for sku, n in zip(bazaar.shop.skus, pieces, strict=False):
            tx.session.execute(
                update(StockLevel)
                .where(StockLevel.sku_id == sku, StockLevel.warehouse_id == bazaar.shop.bkk)
                .values(on_hand=n, reserved=0)
            )


def test_what_is_free_is_told_as_the_number_itself_and_only_when_it_changes(offering):
    set_stock(offering, 7, 0, 3)
    push()
    assert shown(offering) == {"RU-0001": 7, "RU-0002": 0, "RU-0003": 3, "RU-0004": 5000}
    pushes = len(offering.stall.pushes)
    push()
    assert len(offering.stall.pushes) == pushes


def test_a_promise_lowers_what_the_shop_shows(offering):
    push()
    with transaction(WHO) as tx:
        place_order(tx, offering.shop.order((0, 4998), confirm=True))
    push()
    assert shown(offering)["RU-0001"] == 2


def test_nothing_is_noted_while_no_shop_is_offered_stock(bazaar):
    set_stock(bazaar, 7)
    assert db.session.scalar(text("SELECT count(*) FROM stock_touches")) == 0


def test_rules_of_the_shop_and_of_the_product(offering):
    with transaction(WHO) as tx:
        set_rule(tx, SetRule(offering.shop_id, None, percent=50, buffer=2))
        set_rule(tx, SetRule(offering.shop_id, offering.shop.skus[1], most=9))
        set_rule(tx, SetRule(offering.shop_id, offering.shop.skus[2], least=5))
    set_stock(offering, 21, 100, 4)
    push()
    assert shown(offering) == {"RU-0001": 8, "RU-0002": 9, "RU-0003": 0, "RU-0004": 2498}


def test_a_number_that_was_not_taken_is_told_again(offering):
    push()
    offering.stall.fail("500", after=False)
    set_stock(offering, 7)
    push()
    listing = db.session.scalars(select(ChannelListing).where(ChannelListing.external_sku == "RU-0001")).one()
    assert (listing.wanted, listing.sent) == (7, None)
    assert listing.error
    with transaction(WHO) as tx:
        tx.session.execute(update(ChannelListing).values(next_try_at=clock.now()))
    push()
    assert shown(offering)["RU-0001"] == 7


def test_a_shop_that_shows_another_number_is_told_again(offering):
    set_stock(offering, 7)
    push()
    listing = offering.stall.listing_of("RU-0001")
    listing.quantity = 99
    with transaction(WHO) as tx:
        tx.session.execute(update(ChannelListing).values(sent_at=clock.now() - timedelta(hours=1)))
    drift = look_at_listings(Line(offering.unit, offering.id), always=True)
    assert drift.drifted == 1
    push()
    assert shown(offering)["RU-0001"] == 7


def test_a_worker_that_died_before_it_told_is_made_up_for(offering):
    set_stock(offering, 7)
    with transaction(WHO) as tx:
        assert take_touches(tx) > 0
    push()
    assert shown(offering)["RU-0001"] == 7


def test_the_last_piece_is_gone_from_the_shop_in_two_seconds(offering):
    set_stock(offering, 1)
    push()
    assert shown(offering)["RU-0001"] == 1
    with transaction(WHO) as tx:
        place_order(tx, offering.shop.order((0, 1), confirm=True))
    began = time.monotonic()
    pusher = Pusher()
    while shown(offering)["RU-0001"] and time.monotonic() - began < 5:
        pusher.tick()
        time.sleep(0.05)
    assert time.monotonic() - began < 2
    pusher.settle()


def test_the_last_pieces_are_for_one_shop():
    only = Policy(last_pieces=3, last_shop=2)
    places = [Place(1, 1, 7, {7: 1}, policy=only), Place(2, 2, 7, {7: 1}, policy=only)]
    assert offers(places, {7: 3}) == {1: 0, 2: 3}
    assert sum(offers(places, {7: 10}).values()) <= 10


def test_shops_share_unless_over_offering_is_on():
    places = [Place(i, i, 7, {7: 1}) for i in (1, 2, 3)]
    assert sum(offers(places, {7: 10}).values()) == 10
    assert offers([Place(p.key, p.shop, 7, {7: 1}, policy=Policy(over_offer=True)) for p in places], {7: 10}) == {
        1: 10, 2: 10, 3: 10,
    }  # fmt: skip


SKUS = st.integers(1, 4)
PARTS = st.dictionaries(SKUS, st.integers(1, 3), min_size=1, max_size=3)
RULES = st.builds(Rule, st.integers(0, 100), st.integers(0, 3), st.integers(0, 3), st.none() | st.integers(0, 20))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), PARTS, RULES, st.booleans()), max_size=12),
    st.fixed_dictionaries({s: st.integers(0, 40) for s in range(1, 5)}),
)
def test_together_shops_never_show_more_than_there_is(rows, free):
    places = [
        Place(i, shop, min(parts), parts, rule, Policy(over_offer=over))
        for i, (shop, parts, rule, over) in enumerate(rows)
    ]
    found = offers(places, free)
    for place in places:
        assert 0 <= found[place.key] <= min(free[s] // n for s, n in place.parts.items())
        assert found[place.key] == 0 or found[place.key] >= place.rule.least
        assert place.rule.most is None or found[place.key] <= place.rule.most
    for sku, pieces in free.items():
        assert sum(found[p.key] * p.parts.get(sku, 0) for p in places if not p.policy.over_offer) <= pieces


def test_policies_are_read_from_the_table(offering):
    with transaction(WHO) as tx:
        set_policy(tx, SetPolicy(None, over_offer=True, last_pieces=5, last_shop_id=offering.shop.line))
    set_stock(offering, 4, 9)
    push()
    assert (shown(offering)["RU-0001"], shown(offering)["RU-0002"]) == (0, 9)
