"""Worklists, lists, search and the order page: right rows, right counts, a fixed number of statements."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event

from oms import clock
from oms.db import db
from oms.errors import InvalidInput, NotFound
from oms.money import Money
from oms.orders import listing
from oms.orders.listing import OrderFilter, read_filter
from oms.orders.models import Order
from oms.orders.states import CancelReason, HoldReason
from oms.payments.states import PaymentMethod
from oms.reports import worklists
from oms.reports.order_actions import choices
from oms.reports.order_page import order_page
from oms.reports.search import search_orders
from oms.reports.timeline import SENTENCES, order_story
from oms.reports.worklists import WORKLISTS
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_holds import HoldOrder, hold_order
from oms.usecases.orders_place import place_order
from oms.usecases.payments import DecideClaim, SubmitClaim, submit_claim, verify_claim
from oms.usecases.shipping import MarkShipped, mark_shipped
from tests.architecture.house import ROOT
from tests.shop import SmallShop, small_shop


@pytest.fixture
def shop(tx) -> SmallShop:
    return small_shop(tx)


@contextmanager
def statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c, _cur, statement, *_rest):
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def placed(tx, shop, **facts) -> Order:
    return tx.session.get_one(Order, place_order(tx, shop.order(**facts)).order_id)


def pay(tx, order) -> None:
    claim = submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, order.total, ((order.id, order.total),)))
    verify_claim(tx, DecideClaim(claim.claim_id))


def ids(tx, key, actor=None) -> list[int]:
    who, worklist = actor or tx.actor, WORKLISTS[key]
    page = listing.page(tx.session, who, worklists.conditions(worklist, who), sort=worklist.sort)
    return [row.id for row in page.rows]


def test_every_worklist_counts_exactly_the_orders_it_lists_in_one_statement(tx, shop):
    draft, unpaid, paid, held, late, gone = (
        placed(tx, shop),
        placed(tx, shop, confirm=True),
        placed(tx, shop, confirm=True),
        placed(tx, shop, confirm=True),
        placed(tx, shop, confirm=True, ship_by=clock.now() + timedelta(hours=2)),
        placed(tx, shop),
    )
    pay(tx, paid)
    hold_order(tx, HoldOrder(held.id, HoldReason.ADDRESS))
    cancel_order(tx, CancelOrder(gone.id, CancelReason.CUSTOMER))
    tx.session.flush()
    with statements() as seen:
        found = worklists.counts(tx.session, tx.actor)
    assert len(seen) == 1
    assert ids(tx, "drafts") == [draft.id]
    assert ids(tx, "unpaid") == [unpaid.id, late.id]
    assert (ids(tx, "ready"), ids(tx, "held"), ids(tx, "late")) == ([paid.id], [held.id], [late.id])
    for key in WORKLISTS:
        assert found[key] == len(ids(tx, key)), key
        wanted = read_filter(worklists.as_filter(WORKLISTS[key], tx.actor).to_query())
        same = listing.page(tx.session, tx.actor, listing.filter_conditions(wanted), sort=wanted.sort)
        if not WORKLISTS[key].mine:  # the program itself has no orders of its own
            assert [row.id for row in same.rows] == ids(tx, key), key
    assert found.shops("unpaid") == {shop.line: 2}


def test_counts_and_lists_keep_to_the_rows_a_person_may_see(tx, shop, actor):
    mine = placed(tx, shop, confirm=True, owner_id=actor("sales").user_id, owner="sales")
    placed(tx, shop, confirm=True, shop_id=shop.shopee)
    for who, expected in (
        (actor("sales", own_orders_only=True), [mine.id]),
        (actor("sales", shops=frozenset({shop.line})), [mine.id]),
        (actor("sales", warehouses=frozenset({shop.cnx})), []),
    ):
        assert ids(tx, "unpaid", who) == expected
        assert worklists.counts(tx.session, who)["unpaid"] == len(expected)
    assert worklists.counts(tx.session, actor("sales"))["mine"] == 1


def test_pages_follow_one_another_without_gap_or_repeat_in_every_order(tx, shop):
    soon = clock.now()
    for i in range(7):
        placed(tx, shop, ship_by=None if i % 3 == 0 else soon + timedelta(hours=i // 2))
    for sort in listing.SORTS:
        seen: list[int] = []
        after = ""
        while True:
            page = listing.page(tx.session, tx.actor, [], sort=sort, after=after, size=2)
            seen += [row.id for row in page.rows]
            after = page.after
            if not after:
                break
        assert len(seen) == len(set(seen)) == 7, sort


def test_filters_narrow_and_nonsense_is_refused(tx, shop):
    placed(tx, shop, tags=("ด่วน",))
    placed(tx, shop, shop_id=shop.shopee)

    def numbers(**facts):
        return len(listing.page(tx.session, tx.actor, listing.filter_conditions(OrderFilter(**facts))).rows)

    today = clock.today().isoformat()
    assert (numbers(), numbers(tag="ด่วน"), numbers(channel="shopee"), numbers(shop=shop.line)) == (2, 1, 1, 1)
    assert (numbers(placed_from=today, placed_to=today), numbers(placed_to="2020-01-01"), numbers(late=True)) == (
        2,
        0,
        0,
    )
    assert read_filter({"board": "ready", "late": "1", "other": "x"}) == OrderFilter(board="ready", late=True)
    for bad in ({"board": "x"}, {"shop": "1 OR 1"}, {"placed_from": "31/12"}, {"sort": "id"}, {"owner": "9" * 30}):
        with pytest.raises(InvalidInput):
            read_filter(bad)
    for cursor in ("x", "1.", ".x", "9" * 40 + ".1"):
        with pytest.raises(InvalidInput):
            listing.page(tx.session, tx.actor, [], after=cursor)


@pytest.mark.parametrize(
    "text", ["0800001234", "+66800001234", "080-000-12", "00012", "กนกวรรณ", "ป้อมปราการ", "ru-0001", "กนกวรรณ 1234"]
)
def test_any_part_of_a_phone_name_or_sku_finds_the_order(tx, shop, text):
    order = placed(tx, shop)
    found = search_orders(tx.session, tx.actor, text)
    assert [row.id for row in found.rows] == [order.id]
    assert found.exact is None


def test_a_number_of_ours_the_channels_or_the_carriers_opens_the_order(tx, shop, actor):
    order = placed(tx, shop, confirm=True, external_no="261122QKX8M2")
    other = placed(tx, shop)
    pay(tx, order)
    mark_shipped(tx, MarkShipped(order.id, "Flash", "TH0123456789"))
    for text in (order.number, order.number.lower(), "261122QKX8M2", "th0123456789"):
        assert search_orders(tx.session, tx.actor, text).exact == order.id
    assert search_orders(tx.session, actor("sales", warehouses=frozenset({shop.cnx})), order.number).rows == []
    assert search_orders(tx.session, tx.actor, f"{other.number} ").exact == other.id
    for nothing in ("", "x", "%%%", "ไม่มีใครชื่อนี้", "\\"):
        assert search_orders(tx.session, tx.actor, nothing).rows == []


def test_the_order_page_costs_the_same_statements_for_one_line_and_for_many(tx, shop):
    small = placed(tx, shop, confirm=True)
    big = tx.session.get_one(Order, place_order(tx, shop.order((0, 1), (1, 1), (2, 2), (3, 1), confirm=True)).order_id)
    pay(tx, big)
    pay(tx, small)
    counts = []
    for order_id in (small.id, big.id):
        tx.session.expire_all()
        with statements() as seen:
            page = order_page(tx, order_id)
            choices(tx, page)
            order_story(tx.session, order_id, prices=True, phones=True)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 24


def test_the_page_says_what_may_be_done_and_why_not(tx, shop, actor):
    order = placed(tx, shop, confirm=True)
    page = order_page(tx, order.id)
    assert str(page.gate) == "Nothing has been paid yet; 100.00 is due"
    why = {c.name: c.why_not for c in choices(tx, page)}
    assert why["hold"] is why["cancel"] is why["amend"] is why["claim"] is None
    assert str(why["confirm"]).startswith("It is Confirmed")
    assert str(why["ship"]) == str(page.gate)
    keeper = replace(tx, actor=actor("warehouse"))
    why = {c.name: str(c.why_not) for c in choices(keeper, order_page(keeper, order.id))}
    assert "Cancel orders" in why["cancel"]
    with pytest.raises(NotFound):
        order_page(replace(tx, actor=actor("warehouse", warehouses=frozenset({shop.cnx}))), order.id)


def test_the_story_is_told_in_sentences_and_keeps_amounts_from_those_who_may_not_see_them(tx, shop):
    order = placed(tx, shop, confirm=True)
    pay(tx, order)
    hold_order(tx, HoldOrder(order.id, HoldReason.ADDRESS, "บ้านเลขที่ไม่ครบ"))
    story = order_story(tx.session, order.id, prices=True, phones=True)
    words = [str(e.what) for e in story]
    assert words[0] == "Put on hold: Address in doubt"
    assert "Payment of ฿100.00 verified; now: Paid" in words
    assert story[0].reason == "บ้านเลขที่ไม่ครบ"
    assert not [w for w in words if w.startswith("Recorded:")]
    blind = order_story(tx.session, order.id, prices=False, phones=False)
    assert not [e for e in blind if "100" in str(e.what)]
    assert all(str(teller({}, {})) for teller in SENTENCES.values())


def test_money_for_two_orders_is_shown_as_each_ones_share(tx, shop):
    one, two = placed(tx, shop, confirm=True), placed(tx, shop, confirm=True)
    half = Money(Decimal(100))
    submit_claim(tx, SubmitClaim(PaymentMethod.TRANSFER, Money(Decimal(200)), ((one.id, half), (two.id, half))))
    assert [row.amount for row in order_page(tx, one.id).pay.rows] == [half]


def test_everything_the_program_writes_down_about_an_order_has_a_sentence():
    written = set()
    for path in (ROOT / "oms").rglob("*.py"):
        for call in (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)):
            texts = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if "order" in texts and ast.unparse(call.func).endswith(("record", "Entry")):
                written |= {t for t in texts if "." in t}
    assert len(written) > 10
    assert written <= set(SENTENCES)


def test_the_first_to_leave_are_those_the_late_worklist_shows_first(tx, shop, actor):
    for hours in (5, 1, 30, 3):
        placed(tx, shop, confirm=True, ship_by=clock.now() + timedelta(hours=hours))
    held = placed(tx, shop, confirm=True, ship_by=clock.now() + timedelta(hours=2))
    hold_order(tx, HoldOrder(held.id, HoldReason.ADDRESS))
    late = WORKLISTS["late"]
    everybody = listing.page(tx.session, tx.actor, worklists.conditions(late, tx.actor), sort=late.sort)
    first = worklists.first_to_leave(tx.session, tx.actor, 3)
    assert [row.id for row in first] == [row.id for row in everybody.rows][:3]
    assert len(everybody.rows) == 4
    elsewhere = actor("warehouse", warehouses=frozenset({shop.cnx}))
    assert worklists.first_to_leave(tx.session, elsewhere, 3) == []
