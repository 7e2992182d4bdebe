"""The link under any weather: packages lost, repeated, swapped, cut and altered, either side restarted, work going on on
both. Once the line is good again, both agree to the last piece and every word counted exactly once."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms.actor import system
from oms.db import db, transaction
from oms.errors import InvalidInput
from oms.inventory.models import StockMovement
from oms.orders.models import Order
from oms.orders.states import CancelReason
from oms.remote.models import RemoteMessage
from oms.remote.packages import Way
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from tests.remote.play import Link
from tests.shop import small_shop
from views.sandbox.remote_site import Refused

WEATHER = st.sampled_from(["good", "lost", "twice", "swapped", "cut", "altered"])
WORK = st.one_of(
    st.tuples(st.just("order"), st.integers(0, 3), st.integers(1, 2)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("ship"), st.integers(0, 9)),
    st.tuples(st.just("pick"), st.integers(0, 9)),
    st.tuples(st.just("receive"), st.integers(0, 3), st.integers(1, 5)),
    st.tuples(st.just("damage"), st.integers(0, 3)),
    st.tuples(st.just("fetch"), WEATHER),
    st.tuples(st.just("bring"), WEATHER),
    st.tuples(st.just("restart")),
)


def blown(packages: list[bytes], weather: str) -> list[bytes]:
    """What of these packages arrives, and how."""
    if weather == "lost":
        return packages[1:]
    if weather == "twice":
        return packages + packages
    if weather == "swapped":
        return packages[::-1]
    if weather == "cut":
        return [p[: len(p) // 2] for p in packages]
    if weather == "altered":
        return [p.replace(b'"quantity":1', b'"quantity":7').replace(b'"seq":1', b'"seq":11') for p in packages]
    return packages


class Weather:
    """One run: the link, and what was done so far."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.orders: list[int] = []
        self.received = 0

    def do(self, step: tuple) -> None:
        getattr(self, f"_{step[0]}")(*step[1:])

    def _order(self, sku: int, pieces: int) -> None:
        free = self.link.ours()[f"RU-{sku + 1:04d}"][0]
        if free >= pieces + 4:
            self.orders.append(self.link.ready((sku, pieces))[0].id)

    def _cancel(self, which: int) -> None:
        if self.orders:
            order = self.link.tx.session.get_one(Order, self.orders[which % len(self.orders)])
            if order.status.value == "confirmed" and not any(line.shipped for line in order.lines):
                cancel_order(self.link.tx, CancelOrder(order.id, CancelReason.CUSTOMER))

    def _at_site(self, which: int, wanted: set[str]) -> str | None:
        open_ = [n for n, (state, _, _) in self.link.site.orders().items() if state in wanted]
        return open_[which % len(open_)] if open_ else None

    def _ship(self, which: int) -> None:
        if number := self._at_site(which, {"new", "picked"}):
            self.link.site.ship(number, f"T{number}")

    def _pick(self, which: int) -> None:
        if number := self._at_site(which, {"new"}):
            self.link.site.step(number, "picked")

    def _receive(self, sku: int, pieces: int) -> None:
        self.link.site.receive({f"RU-{sku + 1:04d}": pieces})
        self.received += 1

    def _damage(self, sku: int) -> None:
        if self.link.site.stock()[f"RU-{sku + 1:04d}"][0] > 9:
            self.link.site.damage(f"RU-{sku + 1:04d}", 1)

    def _fetch(self, weather: str) -> None:
        for data in blown(self.link.out(), weather):
            try:
                self.link.site.take(data)
            except Refused:
                continue  # asked for again

    def _bring(self, weather: str) -> None:
        self.link.site.pack(most=2)
        for data in blown(self.link.site.waiting(), weather):
            try:
                self.link.bring(data)
            except InvalidInput:
                continue  # brought again

    def _restart(self) -> None:
        self.link.tx.session.flush()
        self.link.tx.session.expire_all()
        self.link.restart()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORK, min_size=3, max_size=40))
def test_after_any_weather_both_sides_agree_to_the_last_piece(isolated, steps):
    try:
        with tempfile.TemporaryDirectory() as folder, transaction(system("test")) as tx:
            run = Weather(Link(tx, small_shop(tx, pieces=12), Path(folder)))
            for step in steps:
                run.do(step)
            run.link.exchange()
            _agree(run)
            run.link.site.close()
            _undo()
    except _Undo:
        db.session.rollback()


class _Undo(Exception):
    """The run ends and nothing of it stays."""


def _undo() -> None:
    raise _Undo


def _agree(run: Weather) -> None:
    link, session = run.link, run.link.tx.session
    parked = {m.shipment_id: m for m in link.parked()}
    assert {m.problem_code for m in parked.values()} <= {"shipment_withdrawn"}
    gone: dict[str, int] = {}
    for message in parked.values():
        for piece in message.body.get("pieces", []):
            gone[piece["sku"]] = gone.get(piece["sku"], 0) + piece["quantity"]
    ours, theirs = link.ours(), link.site.stock()
    assert {k: (h - gone.get(k, 0), d) for k, (h, d) in ours.items()} == theirs
    said = session.query(RemoteMessage.uid).filter_by(way=Way.IN).all()
    spoken = link.site.db.execute("SELECT uid FROM words").fetchall()
    assert sorted(r[0] for r in said) == sorted(r[0] for r in spoken), "every word arrived, each once"
    assert session.query(StockMovement).filter_by(kind="receive").count() == run.received
    assert (link.row.in_seq, link.row.out_have) == (int(link.site.fact("out_seq", "0")), link.site.have)
