"""Returns that a channel tells become returns here: once, in whatever order the news comes; nothing is guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from oms import audit, clock
from oms.channels.port import ReturnNews, ReturnStage
from oms.channels.return_models import ChannelReturn, ReturnWait
from oms.db import db, transaction
from oms.errors import OmsError
from oms.intake.records import LineIn, OrderIn, RecipientIn, Stage
from oms.money import ZERO, Money
from oms.outbox import Outbox
from oms.payments.refund_models import Refund
from oms.returns.models import Return
from oms.returns.states import Resolution, ReturnReason, ReturnStatus
from oms.usecases import channel_returns
from oms.usecases.channel_hooks import HEAR
from oms.usecases.channel_returns import TakeReturns, retry_returns, take_returns
from oms.usecases.channel_sync import SYNC
from oms.usecases.intake_orders import Incoming, TakeOrders, take_orders
from oms.usecases.returns import DecideReturn, reject_return
from oms.usecases.returns_count import Counted, InspectReturn, inspect_return
from oms.usecases.returns_receive import ArriveParcel, receive_parcel
from oms.usecases.returns_resolve import ResolveReturn, resolve_return
from tests.channels.bazaar import WHO
from tests.usecases.test_cod import counted
from views.sandbox.market import Listing

S, W, T = ReturnStage, ReturnWait, ReturnStatus
NOON = datetime(2026, 11, 20, 5, tzinfo=UTC)


def delivered(bazaar, skus=None):
    order = bazaar.stall.make(skus or {"RU-0001": 2, "RU-0002": 1}, pay=True)
    bazaar.stall.ship(order.number, f"TH{order.serial:09d}", "Flash Express")
    bazaar.stall.deliver(order.number)
    return order


def kept(bazaar, number: str) -> ChannelReturn:
    db.session.rollback()
    return db.session.scalars(select(ChannelReturn).where(ChannelReturn.external_no == number)).one()


def returns() -> list[Return]:
    db.session.rollback()
    return list(db.session.scalars(select(Return).order_by(Return.id)))


def pieces(ret: Return) -> dict[str, int]:
    return {line.order_line.sku_code: line.quantity for line in ret.lines}


def news(number="R1", order_no="", stage=S.ASKED, minutes=0, **facts) -> ReturnNews:
    at = NOON + timedelta(minutes=minutes)
    return ReturnNews(number, order_no, f"word-{stage}", stage=stage, updated_at=at, **facts)


def take(bazaar, *told: ReturnNews):
    with transaction(WHO) as tx:
        return take_returns(tx, TakeReturns(bazaar.shop_id, told))


def test_a_return_goes_all_the_way_and_its_money_is_not_paid_twice(bazaar):
    order = delivered(bazaar)
    asked = bazaar.stall.ask_return(order.number, "สินค้าชำรุด")
    bazaar.sync()
    (ret,) = returns()
    assert (ret.status, ret.reason, ret.note) == (T.REQUESTED, ReturnReason.DAMAGED, "สินค้าชำรุด")
    assert pieces(ret) == {"RU-0001": 2, "RU-0002": 1}
    assert ret.order.external_no == order.number
    bazaar.stall.step_return(asked.number, "agree_return")
    bazaar.sync()
    assert [r.status for r in returns()] == [T.APPROVED]
    bazaar.stall.step_return(asked.number, "send_return", "TH77000")
    bazaar.sync()
    (ret,) = returns()
    assert (ret.status, ret.tracking_no) == (T.IN_TRANSIT, "TH77000")
    bazaar.stall.step_return(asked.number, "pay_return")
    bazaar.sync()
    row = kept(bazaar, asked.number)
    assert (row.stage, row.refund, row.wait) == (S.REFUNDED, Money(asked.refund), None)
    lines = {line.order_line.sku_code: line.order_line_id for line in ret.lines}
    with transaction(WHO) as tx:
        assert receive_parcel(tx, ArriveParcel("TH77000", bazaar.shop.bkk)).returns[0].return_id == ret.id
        inspect_return(tx, InspectReturn(
            ret.id, (Counted(lines["RU-0001"], resell=2), Counted(lines["RU-0002"], damaged=1)),
        ))  # fmt: skip
    for other in set(Resolution) - {Resolution.PLATFORM, Resolution.NOTHING}:
        with transaction(WHO) as tx, pytest.raises(OmsError) as no:
            resolve_return(tx, ResolveReturn(ret.id, other))
        assert no.value.detail_code == "paid_there", other
    assert returns()[0].status is T.INSPECTED
    with transaction(WHO) as tx:
        done = resolve_return(tx, ResolveReturn(ret.id, Resolution.PLATFORM))
    assert (done.credit, done.back) == (Money(asked.refund), ZERO)
    assert bazaar.count(Refund) == (0,)
    assert bazaar.sync().closes
    assert returns()[0].status is T.RESOLVED


def test_the_same_pages_again_write_nothing(bazaar):
    for _ in range(3):
        bazaar.stall.ask_return(delivered(bazaar).number)
    bazaar.sync()
    before = bazaar.count(ChannelReturn, Return, audit.AuditLog, Outbox)
    bazaar.set(returns_at=clock.now() - timedelta(hours=1))
    bazaar.sync()
    bazaar.sync()
    assert bazaar.count(ChannelReturn, Return, audit.AuditLog, Outbox) == before
    assert before[:2] == (3, 3)


def test_a_return_that_is_told_before_its_order_waits_for_it(bazaar):
    order = delivered(bazaar)
    asked = bazaar.stall.ask_return(order.number)
    told = news(asked.number, order.number, amounts=asked.amounts)
    assert take(bazaar, told).waiting == 1
    assert kept(bazaar, asked.number).wait is W.NO_ORDER
    assert returns() == []
    bazaar.sync()
    assert [r.status for r in returns()] == [T.REQUESTED]
    assert kept(bazaar, asked.number).wait is None


def test_goods_that_have_not_left_are_not_guessed_at(bazaar, monkeypatch):
    order = bazaar.stall.make({"RU-0001": 1}, pay=True)
    bazaar.sync()
    take(bazaar, news("R9", order.number, S.AGREED))
    row = kept(bazaar, "R9")
    assert (row.wait, row.return_id) == (W.NOT_LEFT, None)
    bazaar.stall.ship(order.number, "TH1", "Flash Express")
    bazaar.sync()
    assert returns() == [], "tried again now and then, not with every turn"
    monkeypatch.setattr(channel_returns, "AGAIN", timedelta())
    bazaar.sync()
    assert [r.status for r in returns()] == [T.APPROVED]


@pytest.mark.parametrize(
    ("amounts", "wait"),
    [({"nobody knows": 1}, W.UNKNOWN_GOODS), ({"RU-0003": 1}, W.UNKNOWN_GOODS), ({"RU-0001": 3}, W.TOO_MANY)],
)
def test_what_does_not_fit_the_order_waits_whole(bazaar, amounts, wait):
    order = delivered(bazaar)
    bazaar.sync()
    take(bazaar, news("R9", order.number, amounts={"RU-0002": 1} | amounts))
    assert kept(bazaar, "R9").wait is wait
    assert returns() == []


def test_a_word_nobody_knows_waits_and_moves_nothing(bazaar):
    order = delivered(bazaar)
    bazaar.sync()
    take(bazaar, news("R9", order.number, S.UNKNOWN))
    assert kept(bazaar, "R9").wait is W.UNKNOWN_STATE
    take(bazaar, news("R9", order.number, S.AGREED, 1))
    take(bazaar, news("R9", order.number, S.UNKNOWN, 2))
    assert [r.status for r in returns()] == [T.APPROVED]
    assert kept(bazaar, "R9").wait is W.UNKNOWN_STATE


def test_a_mapped_pack_comes_back_in_our_pieces(bazaar):
    from oms.importing.quarantine import MapAndRelease, map_and_release

    bazaar.stall.listings["9"] = Listing("9", "แพ็ค", "แพ็ค 2", bazaar.stall.listings["1001"].price, 9)
    order = delivered(bazaar, {"แพ็ค": 3})
    bazaar.sync()
    with transaction(WHO) as tx:
        map_and_release(tx, MapAndRelease(bazaar.shop_id, "แพ็ค", bazaar.shop.skus[0], multiplier=2))
    take(bazaar, news("R9", order.number, amounts={"แพ็ค": 1}))
    (ret,) = returns()
    assert [line.quantity for line in ret.lines] == [2]


def test_a_return_that_ends_there_ends_here_and_may_live_again(bazaar):
    order = delivered(bazaar)
    bazaar.sync()
    take(bazaar, news("R9", order.number, S.AGREED))
    take(bazaar, news("R9", order.number, S.WITHDRAWN, 1))
    (ret,) = returns()
    assert (ret.status, [line.coming_back for line in ret.order.lines]) == (T.CANCELED, [0, 0])
    take(bazaar, news("R9", order.number, S.AGREED, 2))
    assert [r.status for r in returns()] == [T.CANCELED, T.APPROVED]
    assert kept(bazaar, "R9").return_id == returns()[1].id


def test_what_a_person_declined_is_shown_as_a_difference_until_the_channel_agrees(bazaar):
    order = delivered(bazaar)
    bazaar.sync()
    take(bazaar, news("R9", order.number))
    with transaction(WHO) as tx:
        reject_return(tx, DecideReturn(returns()[0].id, "ใช้แล้ว"))
    take(bazaar, news("R9", order.number, S.ASKED, 1, reason="again"))
    assert [r.status for r in returns()] == [T.REJECTED]
    assert kept(bazaar, "R9").wait is W.DIFFERS
    take(bazaar, news("R9", order.number, S.AGREED, 2))
    assert [r.status for r in returns()] == [T.REJECTED, T.APPROVED]


def test_other_pieces_make_another_return(bazaar):
    order = delivered(bazaar)
    bazaar.sync()
    take(bazaar, news("R9", order.number, amounts={"RU-0001": 2}))
    take(bazaar, news("R9", order.number, S.AGREED, 1, amounts={"RU-0001": 1}))
    assert [(r.status, pieces(r)) for r in returns()] == [
        (T.CANCELED, {"RU-0001": 2}), (T.APPROVED, {"RU-0001": 1}),
    ]  # fmt: skip


def test_goods_that_are_here_are_settled_by_people_whatever_the_channel_says(bazaar):
    order = delivered(bazaar)
    bazaar.sync()
    take(bazaar, news("R9", order.number, S.SENT, tracking_no="TH5"))
    with transaction(WHO) as tx:
        receive_parcel(tx, ArriveParcel("TH5", bazaar.shop.bkk))
    take(bazaar, news("R9", order.number, S.WITHDRAWN, 1))
    assert [r.status for r in returns()] == [T.RECEIVED]
    assert kept(bazaar, "R9").wait is W.DIFFERS


def test_money_back_without_goods_is_to_be_settled_without_them(bazaar):
    order = delivered(bazaar)
    bazaar.sync()
    take(bazaar, news("R9", order.number, S.REFUNDED, goods_stay=True, refund=Money.satang(5000)))
    (ret,) = returns()
    assert (ret.status, ret.goods_stay, [line.coming_back for line in ret.order.lines]) == (T.APPROVED, True, [0, 0])
    with transaction(WHO) as tx:
        done = resolve_return(tx, ResolveReturn(ret.id, Resolution.PLATFORM))
    assert done.credit == Money.satang(5000)


def test_what_was_not_paid_there_is_not_taken_as_paid(bazaar):
    order = delivered(bazaar)
    bazaar.sync()
    take(bazaar, news("R9", order.number, S.AGREED, goods_stay=True))
    with transaction(WHO) as tx, pytest.raises(OmsError) as no:
        resolve_return(tx, ResolveReturn(returns()[0].id, Resolution.PLATFORM))
    assert no.value.detail_code == "not_paid_there"
    assert returns()[0].status is T.APPROVED


def test_a_hint_of_a_return_has_the_shop_read(bazaar):
    from oms.channels.port import Called
    from oms.usecases.channel_hooks import keep_hook

    order = delivered(bazaar)
    asked = bazaar.stall.ask_return(order.number)
    bazaar.sync()
    bazaar.stall.step_return(asked.number, "agree_return")
    told = bazaar.sandbox.hook(order, "agree_return")
    far = clock.now() + timedelta(hours=1)
    bazaar.set(next_run_at=far)
    with transaction(WHO) as tx:
        keep_hook(tx, bazaar.id, Called(told.headers, told.body))
    bazaar.drain(HEAR)
    assert bazaar.row().next_run_at < far
    bazaar.work(SYNC, connection_id=bazaar.id)
    assert [r.status for r in returns()] == [T.APPROVED]


def test_a_shop_that_may_not_read_returns_goes_on_with_its_orders(bazaar, monkeypatch):
    from oms.channels.asking import silent
    from oms.net.silence import Silence
    from tests.channels.toy import Bazaar

    def no(*_):
        raise silent(Silence("bad_key", "no scope for returns", final=True))

    monkeypatch.setattr(Bazaar, "list_returns", no)
    bazaar.stall.make(pay=True)
    assert bazaar.sync().created == 1
    row = bazaar.row()
    assert (row.stopped, row.failures) == ("", 0)
    assert "no scope for returns" in row.returns_error
    monkeypatch.undo()


def test_a_page_of_returns_costs_the_same_however_long(bazaar):
    orders = [delivered(bazaar, {"RU-0001": 1}).number for _ in range(30)]
    bazaar.sync()
    told = [news(f"R{n}", number) for n, number in enumerate(orders)]
    take(bazaar, *told)
    assert len(returns()) == 30
    with transaction(WHO) as tx, counted(tx) as few:
        take_returns(tx, TakeReturns(bazaar.shop_id, told[:1]))
    with transaction(WHO) as tx, counted(tx) as many:
        take_returns(tx, TakeReturns(bazaar.shop_id, told))
    assert len(many) == len(few) <= 4


# any order of the news


STORY = (
    (S.ASKED, 0, ""), (S.AGREED, 1, ""), (S.SENT, 2, "TH9"), (S.REFUNDED, 3, "TH9"),
)  # fmt: skip


def end_of(bazaar, number: str):
    """What stands in the end: the channel's stage, the living return and its pieces, what is promised to come."""
    row = kept(bazaar, number)
    ret = row.ret if row.ret is not None and row.ret.status not in {T.REJECTED, T.CANCELED} else None
    coming = sorted((x.sku_code, x.coming_back) for x in row.order.lines) if row.order else None
    living = (ret.status, ret.goods_stay, ret.tracking_no, pieces(ret)) if ret else None
    return row.stage, row.wait, living, coming


def arrive(bazaar, number: str, stage: Stage) -> None:
    """The order comes, or goes on, as the channel tells it."""
    lines = (LineIn("RU-0001", "a", "", 2, Money.satang(10000)), LineIn("RU-0002", "b", "", 1, Money.satang(5000)))
    to = RecipientIn("ใจดี", "0812345678", "1", "", "", "กรุงเทพมหานคร", "10110")
    told = OrderIn(number, stage.value, stage, NOON, lines, to, shipping_fee=ZERO)
    with transaction(WHO) as tx:
        (done,) = take_orders(tx, TakeOrders(bazaar.shop_id, _run(tx, bazaar), [Incoming(1, told, f"{stage}")]))
        assert not done.problems, done


def _run(tx, bazaar) -> int:
    from oms.intake.models import IntakeRun
    from oms.intake.states import IntakeKind, RunStatus

    run = IntakeRun(
        kind=IntakeKind.ORDERS, status=RunStatus.COMMITTING, shop_id=bazaar.shop_id, format="bazaar", file_name="t",
        file_key="", file_sha256="", file_size=0, source="poll", staged=True, user_label="t", created_at=clock.now(),
    )  # fmt: skip
    tx.session.add(run)
    tx.session.flush()
    return run.id


SERIAL = iter(range(1, 10**6))


def play(bazaar, steps) -> tuple:
    """Tell the steps in this order about a new order and return; then try what waits again."""
    n = next(SERIAL)
    order_no, number = f"P{n}", f"PR{n}"
    for step in steps:
        if isinstance(step, Stage):
            arrive(bazaar, order_no, step)
        else:
            stage, minutes, tracking, amounts = step
            take(bazaar, news(number, order_no, stage, minutes, tracking_no=tracking, amounts=dict(amounts)))
    with transaction(WHO) as tx:
        tx.session.execute(update(ChannelReturn).values(tried_at=clock.now() - timedelta(hours=1)))
    with transaction(WHO) as tx:
        retry_returns(tx, bazaar.id)
    return end_of(bazaar, number)


def test_every_order_of_one_story_ends_alike(bazaar):
    story = [(*step, ()) for step in STORY]
    ends = {repr(play(bazaar, (Stage.DELIVERED, *order))) for order in permutations(story)}
    assert len(ends) == 1
    assert "in_transit" in ends.pop()


WAYS = (  # what platforms tell of one return, first to last
    (S.ASKED, S.AGREED, S.SENT, S.REFUNDED), (S.ASKED, S.REFUSED), (S.ASKED, S.WITHDRAWN), (S.ASKED, S.REFUNDED),
    (S.ASKED, S.AGREED, S.WITHDRAWN), (S.ASKED, S.AGREED, S.SENT, S.REFUSED), (S.ASKED, S.REFUSED, S.AGREED, S.SENT),
    (S.ASKED, S.AGREED, S.REFUSED, S.REFUNDED), (S.AGREED, S.SENT, S.REFUSED, S.REFUNDED), (S.REFUNDED,),
)  # fmt: skip


def _stories():
    ways = st.sampled_from(WAYS)
    amounts = st.sampled_from([(), (("RU-0001", 1),), (("RU-0001", 2), ("RU-0002", 1))])
    return st.tuples(ways, st.lists(st.booleans(), min_size=5, max_size=5), amounts)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=_stories(), data=st.data())
@pytest.mark.deep
def test_any_interleaving_and_any_repeats_end_alike(bazaar, story, data):
    way, twice, amounts = story
    said = [(stage, n, "TH9" if stage is S.SENT else "", amounts) for n, stage in enumerate(way)]
    repeats = [one for one, again in zip(said, twice, strict=False) if again]
    in_time = play(bazaar, (Stage.TO_SHIP, Stage.DELIVERED, *said))
    mixed = data.draw(st.permutations([*said, *repeats]))
    at = sorted(data.draw(st.integers(0, len(mixed))) for _ in range(2))
    steps = [*mixed[: at[0]], Stage.TO_SHIP, *mixed[at[0] : at[1]], Stage.DELIVERED, *mixed[at[1] :]]
    assert play(bazaar, steps) == in_time
