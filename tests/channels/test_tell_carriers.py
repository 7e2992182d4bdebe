"""A platform that wants its own number of the carrier: found by name, else chosen once by a person, then remembered."""

from __future__ import annotations

import itertools
from contextlib import ExitStack

import pytest
from sqlalchemy import select

from jobs import channels
from jobs.relay import carry_out
from oms import outbox
from oms.channels.market_fields import carriers_of, with_carrier
from oms.channels.models import ChannelConnection, ChannelDeed
from oms.channels.states import DeedStatus
from oms.db import db, transaction
from oms.errors import Forbidden, InvalidInput, Refused
from oms.orders.models import Order
from oms.outbox import Outbox
from oms.usecases.channel_carriers import ChooseCarrier, choose_carrier
from oms.usecases.channel_deeds import TELL
from oms.usecases.shipping import MarkShipped, mark_shipped
from tests.channels.bazaar import WHO
from tests.channels.test_markets_sync import Connected
from views.sandbox.channel_tiktok import PROVIDERS

D = DeedStatus
OURS = "รถประจำทางสาย 8"
TURNS = itertools.count(1)


@pytest.fixture
def tiktok(committed):
    with ExitStack() as stack:
        yield Connected(committed, stack, "tiktok")
        kept = committed.extensions.pop("oms.channels", None)
        if kept is not None:
            kept.close()


def sent(tiktok, tracking: str, carrier: str = OURS) -> str:
    """An order that goes with the seller's own carrier, and has left."""
    made = tiktok.stall.make({"RU-0001": 1}, pay=True, facts={"shipping_type": "SELLER"})
    channels.sync(lambda: transaction(WHO), tiktok.id)
    with transaction(WHO) as tx:
        order_id = tx.session.scalars(select(Order.id).where(Order.external_no == made.number)).one()
        mark_shipped(tx, MarkShipped(order_id, carrier, tracking))
    return made.number


def tell(tiktok) -> list[ChannelDeed]:
    with transaction(WHO) as tx:
        outbox.add(tx, TELL, f"carriers:{next(TURNS)}", connection_id=tiktok.id)
    db.session.rollback()
    owed = list(db.session.scalars(select(Outbox.id).where(Outbox.topic == TELL).order_by(Outbox.id.desc()).limit(1)))
    db.session.rollback()
    for one in owed:
        carry_out(one)
    db.session.rollback()
    return list(db.session.scalars(select(ChannelDeed).order_by(ChannelDeed.id)))


def test_an_unknown_carrier_is_chosen_once_and_remembered(tiktok):
    first, second = sent(tiktok, "B8-1"), sent(tiktok, "B8-2")
    one, two = tell(tiktok)
    assert (one.status, two.status) == (D.NEEDS_PERSON, D.NEEDS_PERSON)
    assert one.facts["choices"] == {p["id"]: p["name"] for p in PROVIDERS}
    assert OURS in one.reason
    with transaction(WHO) as tx, pytest.raises(InvalidInput):
        choose_carrier(tx, ChooseCarrier(one.id, "1"))
    with transaction(WHO) as tx:
        assert choose_carrier(tx, ChooseCarrier(one.id, PROVIDERS[3]["id"])) == 2
    assert [d.status for d in tell(tiktok)] == [D.DONE, D.DONE]
    assert {tiktok.stall.get(n).tracking for n in (first, second)} == {"B8-1", "B8-2"}
    third = sent(tiktok, "B8-3")
    assert [d.status for d in tell(tiktok)] == [D.DONE] * 3
    assert tiktok.stall.get(third).tracking == "B8-3"
    row = db.session.get_one(ChannelConnection, tiktok.id)
    assert row.options["carriers"] == f"{OURS} = {PROVIDERS[3]['id']}"
    with transaction(WHO) as tx, pytest.raises(Refused) as no:
        choose_carrier(tx, ChooseCarrier(one.id, PROVIDERS[3]["id"]))
    assert no.value.detail_code == "deed_not_waiting"


def test_a_carrier_it_knows_by_name_asks_nobody(tiktok):
    number = sent(tiktok, "TH123456789TH", "Flash Express")
    (deed,) = tell(tiktok)
    assert deed.status is D.DONE
    assert tiktok.stall.get(number).tracking == "TH123456789TH"


def test_who_may_not_resolve_chooses_nothing(tiktok):
    from dataclasses import replace

    sent(tiktok, "B8-1")
    (deed,) = tell(tiktok)
    clerk = replace(WHO, kind="user", actions=frozenset({"order.view"}))
    with transaction(clerk) as tx, pytest.raises(Forbidden):
        choose_carrier(tx, ChooseCarrier(deed.id, PROVIDERS[0]["id"]))
    db.session.rollback()
    assert db.session.get_one(ChannelDeed, deed.id).status is D.NEEDS_PERSON


def test_lines_of_carriers_are_read_and_written():
    text = with_carrier("Flash = 1\n\nหมื่น = ขนส่ง = 9", "flash ", "2")
    assert carriers_of(text) == {"flash": "2", "หมื่น = ขนส่ง": "9"}
    assert carriers_of("x\n=\n = 3\ny =") == {}
