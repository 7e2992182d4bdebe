"""Who carries by default and why, what a carrier does not take, and changing the carrier before the label."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select

from oms.db import Tx
from oms.errors import Forbidden, OmsError, Refused
from oms.money import ZERO, Money
from oms.orders.states import PaymentTerm
from oms.shipping.carrier_models import Carrier, CarrierChoice
from oms.shipping.carrier_rules import odd_number, past_cut_off, refusal, too_large
from oms.shipping.models import Shipment
from oms.usecases.carrier_choice import AssignCarrier, Assigned, SetChoice, assign_carrier, drop_choice, set_choice
from oms.usecases.carrier_defaults import chosen_for
from oms.usecases.orders_place import place_order
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_work import (
    SetTracking,
    set_tracking,
)
from tests.shop import SmallShop, small_shop
from tests.usecases.refusals import last_audit, refused


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx, pieces=1000)


@pytest.fixture
def by_code(tx) -> dict[str, Carrier]:
    return {c.code: c for c in tx.session.scalars(select(Carrier))}


def ready(tx, shop: SmallShop, *lines: tuple[int, int], **facts: object) -> Shipment:
    order = place_order(tx, shop.order(*lines, confirm=True, payment_term=PaymentTerm.COD, **facts)).order_id
    made = make_ready(tx, [order])[order]
    assert not isinstance(made, OmsError), made
    return tx.session.get_one(Shipment, made.shipment_id)


def test_the_closest_choice_counts_and_says_so(tx, shop, by_code):
    flash, post, kex, jt = (by_code[c].id for c in ("flash", "thaipost", "kex", "jt"))
    here, there, other = (shop.line, shop.bkk), (shop.line, shop.cnx), (None, shop.cnx)
    assert chosen_for(tx.session, [here]) == {}
    set_choice(tx, SetChoice(jt))
    set_choice(tx, SetChoice(kex, warehouse_id=shop.cnx))
    set_choice(tx, SetChoice(flash, "1", shop_id=shop.line))
    set_choice(tx, SetChoice(post, "EMS", shop_id=shop.line, warehouse_id=shop.cnx))
    found = chosen_for(tx.session, [here, there, other, (None, shop.bkk)])
    assert {place: (c.carrier.code, str(c.reason)) for place, c in found.items()} == {
        here: ("flash", "The carrier of ร้านไลน์"),
        there: ("thaipost", "The carrier of ร้านไลน์ from เชียงใหม่"),
        other: ("kex", "The carrier of เชียงใหม่"),
        (None, shop.bkk): ("jt", "The carrier for everything without a choice of its own"),
    }


def test_a_marketplace_follows_no_choice_but_its_own(tx, shop, by_code):
    set_choice(tx, SetChoice(by_code["flash"].id))
    assert chosen_for(tx.session, [(shop.shopee, shop.bkk)]) == {}
    set_choice(tx, SetChoice(by_code["spx"].id, shop_id=shop.shopee))
    assert chosen_for(tx.session, [(shop.shopee, shop.bkk)])[(shop.shopee, shop.bkk)].carrier.code == "spx"


def test_a_shipment_is_made_with_the_carrier_its_order_names_or_the_default(tx, shop, by_code):
    set_choice(tx, SetChoice(by_code["flash"].id, "4"))
    plain = ready(tx, shop)
    assert (plain.carrier, plain.service, plain.parcels[0].carrier) == ("Flash Express", "4", "Flash Express")
    named = ready(tx, shop, carrier="เคอรี่")
    assert (named.carrier, named.service) == ("KEX Express", "")


def test_a_choice_said_again_changes_and_can_be_dropped(tx, shop, by_code, actor):
    first = set_choice(tx, SetChoice(by_code["flash"].id, "1", shop_id=shop.line))
    assert set_choice(tx, SetChoice(by_code["flash"].id, "1", shop_id=shop.line)).changed is False
    again = set_choice(tx, SetChoice(by_code["kex"].id, shop_id=shop.line))
    assert (again.id, last_audit(tx).before["carrier"]) == (first.id, "Flash Express")
    with refused(tx, "service_unknown", "service", CarrierChoice):
        set_choice(tx, SetChoice(by_code["kex"].id, "rocket"))
    with refused(tx, "place_unknown", "shop_id", CarrierChoice):
        set_choice(tx, SetChoice(by_code["kex"].id, shop_id=10**9))
    by_code["best"].is_active = False
    with refused(tx, "carrier_off", "carrier_id", CarrierChoice):
        set_choice(tx, SetChoice(by_code["best"].id))
    with pytest.raises(Forbidden):
        set_choice(Tx(tx.session, actor("warehouse")), SetChoice(by_code["kex"].id))
    drop_choice(tx, first.id)
    assert chosen_for(tx.session, [(shop.line, shop.bkk)]) == {}
    assert last_audit(tx).action == "carrier.unchosen"


def test_what_a_carrier_does_not_take_is_said_in_words(by_code):
    kex, lala = by_code["kex"], by_code["lalamove"]
    assert refusal(kex, cod=Money(Decimal(50_000)), weight_grams=25_000) is None
    assert str(refusal(kex, cod=Money(Decimal("50000.01")))).startswith("KEX Express collects at most")
    assert "25 kg" in str(refusal(kex, weight_grams=25_001))
    assert str(refusal(lala, cod=Money(Decimal(1)))) == "Lalamove collects no cash; choose another carrier"
    lala.max_weight_grams = None
    assert refusal(lala, cod=ZERO, weight_grams=900_000) is None
    kex.is_active = False
    assert str(refusal(kex)) == "KEX Express is switched off"
    kex.max_side_cm, kex.max_girth_cm = 100, 180
    assert too_large(kex, (100, 40, 40)) is None
    assert "100 cm" in str(too_large(kex, (101, 1, 1)))
    assert "180 cm" in str(too_large(kex, (100, 41, 40)))


def test_the_cut_off_is_bangkok_time(by_code):
    kex = by_code["kex"]  # 17:00 is 10:00 UTC
    assert past_cut_off(kex, datetime(2026, 11, 2, 9, 59, tzinfo=UTC)) is None
    assert "17:00" in str(past_cut_off(kex, datetime(2026, 11, 2, 10, 0, tzinfo=UTC)))
    assert past_cut_off(by_code["lalamove"], datetime(2026, 11, 2, 16, 0, tzinfo=UTC)) is None


def test_a_number_of_another_shape_is_only_pointed_out(by_code):
    assert odd_number(by_code["flash"], "TH01-0112 bx4k4a") is None
    assert "Flash Express" in str(odd_number(by_code["flash"], "RA473124829TH"))
    assert odd_number(by_code["lalamove"], "anything") is None


def test_a_shipment_changes_its_carrier_until_it_has_a_number(tx, shop, by_code, actor):
    set_choice(tx, SetChoice(by_code["flash"].id, "1"))
    one, two = ready(tx, shop), ready(tx, shop, (3, 130))  # 52,000 baht at the door
    answers = assign_carrier(tx, AssignCarrier((one.id, two.id, 10**9), by_code["kex"].id, "std"))
    done = answers[one.id]
    assert isinstance(done, Assigned)
    assert (done.carrier, str(done.reason), one.parcels[0].service) == ("KEX Express", "Chosen by hand", "std")
    codes = {i: a.detail_code for i, a in answers.items() if isinstance(a, OmsError)}
    assert codes == {two.id: "carrier_limit", 10**9: "shipment_not_found"}
    assert two.carrier == "Flash Express"
    back = assign_carrier(tx, AssignCarrier((one.id,)))[one.id]
    assert (back.carrier, str(back.reason)) == (
        "Flash Express", "The carrier for everything without a choice of its own",
    )  # fmt: skip
    set_tracking(tx, SetTracking(one.id, "", "TH0112BX4K4A"))
    answer = assign_carrier(tx, AssignCarrier((one.id,), by_code["kex"].id))[one.id]
    assert isinstance(answer, Refused)
    assert (answer.detail_code, one.carrier) == ("labeled", "Flash Express")
    with pytest.raises(Forbidden):
        assign_carrier(Tx(tx.session, actor("sales")), AssignCarrier((one.id,)))
