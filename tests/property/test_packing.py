"""Any row of scans, right and wrong, by two packers: a box is closed only when exactly what belongs in it was counted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from oms.actor import system
from oms.db import db, transaction
from oms.errors import OmsError
from oms.orders.models import Order
from oms.orders.states import CancelReason, HoldReason, PaymentTerm
from oms.reports.auditor import audit_all
from oms.shipping.floor import queries
from oms.shipping.floor.models import PackingScan, PackingSession
from oms.shipping.floor.states import PackStatus, ScanKind
from oms.shipping.models import Shipment
from oms.shipping.states import ShipmentStatus
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_holds import HoldOrder, ReleaseHold, hold_order, release_hold
from oms.usecases.orders_place import NewLine, place_order
from oms.usecases.packing import Scan, scan
from oms.usecases.shipping_boxes import make_ready
from tests.shop import small_shop

SYSTEM = system("property test")
ITEMS = ("RU-0001", "RU-0002", "RU-0003", "RU-0100", "???")
KINDS = (ScanKind.UNDO, ScanKind.BOX, ScanKind.ASIDE, ScanKind.OK)


class Floor(RuleBasedStateMachine):
    """Three orders, two packers, whatever codes they scan, and orders held and canceled meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        db.session.remove()
        self.savepoint = db.engines[None].begin_nested()
        self.serial = 0

    @initialize()
    def open_shop(self):
        with transaction(SYSTEM) as tx:
            self.shop = small_shop(tx, pieces=1000)
            words = {"confirm": True, "payment_term": PaymentTerm.COD}
            a, b = self.shop.skus[:2]
            wanted = [
                (NewLine(a, 2), NewLine(b, 1)), (NewLine(self.shop.bundle, 1), NewLine(a, 1)), (NewLine(b, 7),),
            ]  # fmt: skip
            self.orders = [place_order(tx, self.shop.order(lines=lines, **words)).order_id for lines in wanted]
            made = make_ready(tx, self.orders)
            self.boxes = [made[i].shipment_id for i in self.orders]
            self.numbers = [made[i].number for i in self.orders]

    def do(self, who: int, **facts):
        self.serial += 1
        actor = replace(SYSTEM, user_id=who, label=f"packer {who}")
        with transaction(actor) as tx:
            return scan(tx, Scan(facts.pop("key", f"k{self.serial}"), f"T{who}", self.shop.bkk, **facts))

    @rule(who=st.integers(1, 2), box=st.integers(0, 2), over=st.booleans())
    def scan_order(self, who, box, over):
        self.do(who, code=self.numbers[box], kind=ScanKind.TAKE_OVER if over else None)

    @rule(who=st.integers(1, 2), code=st.sampled_from(ITEMS), times=st.sampled_from([1, 1, 1, 2, 7]))
    def scan_item(self, who, code, times):
        self.do(who, code=code, quantity=times)

    @rule(who=st.integers(1, 2), count=st.integers(1, 4), code=st.sampled_from(ITEMS[:3]))
    def scan_many(self, who, count, code):
        for _ in range(count):
            self.do(who, code=code)

    @rule(who=st.integers(1, 2), kind=st.sampled_from(KINDS))
    def press(self, who, kind):
        self.do(who, kind=kind)

    @rule(who=st.integers(1, 2), code=st.sampled_from(ITEMS[:3]))
    def send_twice(self, who, code):
        key = f"twice{self.serial}"
        first, again = (self.do(who, code=code, key=key) for _ in range(2))
        assert (again.outcome, again.packed, again.repeated) == (first.outcome, first.packed, True)

    @rule(order=st.integers(0, 2), way=st.sampled_from(["hold", "release", "ready", "cancel"]))
    def meanwhile(self, order, way):
        verbs = {
            "hold": lambda tx, i: hold_order(tx, HoldOrder(i, HoldReason.ADDRESS)),
            "release": lambda tx, i: release_hold(tx, ReleaseHold(i)),
            "ready": lambda tx, i: make_ready(tx, [i]),
            "cancel": lambda tx, i: cancel_order(tx, CancelOrder(i, CancelReason.CUSTOMER)),
        }
        if way == "cancel" and self.serial % 5:
            return  # seldom, or nothing would be left to pack
        with suppress(OmsError), transaction(SYSTEM) as tx:  # it may not be the moment
            verbs[way](tx, self.orders[order])

    @invariant()
    def a_box_is_closed_exactly_when_everything_is_in_it(self):
        session = db.session()
        for row in session.scalars(select(PackingSession)):
            contents = queries.contents_of(session, [row.shipment_id])[row.shipment_id]
            scanned: dict[int, int] = {}
            for (_, sku_id), n in queries.scanned_in(session, row.id).items():
                scanned[sku_id] = scanned.get(sku_id, 0) + n
            counted = contents.pieces(scanned)
            assert all(0 <= n <= contents.wanted[sku_id] for sku_id, n in counted.items()), (counted, contents)
            if row.status is PackStatus.PACKED:
                assert contents.is_complete(counted), (counted, contents.wanted)
        packed = select(func.count()).where(Shipment.status.in_([ShipmentStatus.PACKED, ShipmentStatus.LABELED]))
        finished = select(func.count(PackingSession.shipment_id.distinct())).where(
            PackingSession.status == PackStatus.PACKED
        )
        assert (session.scalar(packed) or 0) <= (session.scalar(finished) or 0)
        db.session.remove()

    @invariant()
    def one_packer_has_a_shipment_and_every_scan_is_written(self):
        session = db.session()
        held = session.scalars(select(PackingSession.shipment_id).where(PackingSession.status == PackStatus.OPEN)).all()
        assert len(held) == len(set(held))
        keys = session.scalar(select(func.count()).select_from(PackingScan))
        assert keys == session.scalar(select(func.count(PackingScan.key.distinct())))
        db.session.remove()

    def teardown(self):
        findings = [str(f) for f in audit_all(db.session())]
        boards = db.session.scalars(select(Order.board)).all()
        db.session.remove()
        self.savepoint.rollback()
        assert findings == [], boards


@pytest.mark.timeout(900)
@pytest.mark.deep
def test_any_row_of_scans_packs_what_belongs_and_nothing_else(isolated):
    run_state_machine_as_test(Floor)
