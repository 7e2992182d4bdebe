"""A later word of the channel about an order we have: it moves forward, is completed, and never undoes our own work.

Three values are compared field by field: what we have, what the channel said last, what it says this time. What the
channel did not change is left alone; what it changed and we did not is taken; what both changed is a conflict that
waits for a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from oms import audit, clock
from oms.db import Tx
from oms.errors import OmsError
from oms.intake.models import ImportedOrder, IntakeConflict
from oms.intake.records import PROGRESS, OrderIn, Stage
from oms.intake.states import ConflictStatus
from oms.orders.models import Order
from oms.orders.queries import lock_orders
from oms.orders.states import (
    CLOSED_BOARDS,
    CancelReason,
    FulfillmentStatus,
    HoldReason,
    HoldStatus,
    OrderStatus,
    PaymentStatus,
    PaymentTerm,
)
from oms.shipping.models import Parcel, ShipmentLine
from oms.shipping.queries import address_refusal
from oms.usecases import derived
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_holds import HoldOrder, hold_order
from oms.usecases.shipping import MarkShipped, complete_if_done, fill_tracking, mark_delivered, mark_shipped
from oms.usecases.shipping_boxes import boxes_due_anew

ADDRESS_FIELDS = (
    "ship_name", "ship_phone", "ship_line", "ship_subdistrict", "ship_district", "ship_province", "ship_postcode",
)  # fmt: skip
TEXT_FIELDS = (*ADDRESS_FIELDS, "buyer_note")
PAID_THERE = frozenset({Stage.TO_SHIP, Stage.SHIPPED, Stage.DELIVERED, Stage.COMPLETED})
NEVER_TAKEN = ("items", "total")  # money and goods change by an amendment, which a person makes
STATUS, TRACKING = "status", "tracking"


@dataclass(frozen=True)
class Follow:
    """A later word about one of our orders. ``vouched``: by a web shop itself, whose gateway takes the money."""

    order_id: int
    order: OrderIn
    fingerprint: str
    vouched: bool = False


def snapshot_of(order: OrderIn) -> dict[str, str]:
    """What a channel says of an order, field by field, as texts that compare. Hidden values are left out."""
    to = order.recipient
    said = {
        "ship_name": to.name or order.buyer_id, "ship_phone": to.phone, "ship_line": to.address,
        "ship_subdistrict": to.subdistrict, "ship_district": to.district, "ship_province": to.province,
        "ship_postcode": to.postcode, "buyer_note": order.buyer_note, "carrier": order.carrier,
        TRACKING: order.tracking, "total": str(order.channel_total or ""),
        "items": "; ".join(sorted(f"{n.sku} ×{n.quantity} @{n.unit_price or ''}" for n in order.lines)),
    }  # fmt: skip
    return {name: value for name, value in said.items() if value and "*" not in value}


def follow_orders(tx: Tx, shop_id: int, run_id: int, follows: Sequence[Follow]) -> dict[int, bool]:
    """Let orders follow their channel; the answer says of each whether anything changed."""
    if not follows:
        return {}
    ids = [f.order_id for f in follows]
    last = {
        row.order_id: row
        for row in tx.session.scalars(
            select(ImportedOrder).where(ImportedOrder.order_id.in_(ids)).order_by(ImportedOrder.order_id)
        )
    }
    orders = {order.id: order for order in lock_orders(tx, ids)}
    changed: dict[int, bool] = {}
    moved: list[int] = []
    for follow in sorted(follows, key=lambda f: f.order_id):
        order = orders.get(follow.order_id)
        if order is None:  # out of this actor's sight: nothing of it may change
            changed[follow.order_id] = False
            continue
        was = order.ship_by
        changed[follow.order_id] = _Merge(tx, shop_id, run_id, order, follow, last.get(order.id)).run()
        if order.ship_by != was:
            moved.append(order.id)
    if moved:
        boxes_due_anew(tx, moved)
    return changed


def our_stage(order: Order) -> Stage:
    """How far an order is, in the channel's terms."""
    if order.status in {OrderStatus.CANCELED, OrderStatus.EXPIRED}:
        return Stage.CANCELED
    if order.status is OrderStatus.COMPLETED:
        return Stage.COMPLETED
    if order.fulfillment_status in {FulfillmentStatus.DELIVERED, FulfillmentStatus.RETURNED}:
        return Stage.DELIVERED
    if order.fulfillment_status is FulfillmentStatus.SHIPPED:
        return Stage.SHIPPED
    ready = order.status is OrderStatus.CONFIRMED and order.payment_term is not PaymentTerm.MARKETPLACE
    return Stage.TO_SHIP if ready or order.term_approved_at else Stage.UNPAID


class _Merge:
    """One order and one word about it."""

    def __init__(
        self, tx: Tx, shop_id: int, run_id: int, order: Order, follow: Follow, last: ImportedOrder | None
    ) -> None:
        self.tx, self.shop_id, self.run_id = tx, shop_id, run_id
        self.order, self.said, self.fingerprint, self.last = order, follow.order, follow.fingerprint, last
        self.vouched = follow.vouched
        self.changed = False
        self.before: dict[str, Any] = {}

    def run(self) -> bool:
        if self.last is not None and self.fingerprint and self.last.fingerprint == self.fingerprint:
            return False
        stale = self.last is not None and PROGRESS[self.said.stage] < PROGRESS[Stage(self.last.stage)]
        if stale:  # an older export taken in late: what it says was true once
            return False
        values = snapshot_of(self.said)
        old: Mapping[str, str] = self.last.snapshot if self.last else {}
        for name in TEXT_FIELDS:
            self._text(name, old.get(name), values.get(name))
        for name in NEVER_TAKEN:
            if self.last and old.get(name) and values.get(name) and old[name] != values[name]:
                self._conflict(name, old[name], values[name])
        if self.said.carrier and not self.order.carrier:
            self._set("carrier", self.said.carrier)
        if self.said.channel_status != self.order.channel_status:
            self._set("channel_status", self.said.channel_status)
        if self.said.ship_by and self.said.ship_by != self.order.ship_by:
            self._set("ship_by", self.said.ship_by)
        self._paid_there()
        self._record()
        self._move()
        self._tracking(old.get(TRACKING))
        self._keep({**old, **values})
        return self.changed

    def _set(self, name: str, value: Any) -> None:
        self.before[name] = getattr(self.order, name)
        setattr(self.order, name, value)
        self.changed = True

    def _text(self, name: str, last: str | None, value: str | None) -> None:
        ours = getattr(self.order, name)
        if not value or value in {ours, last}:
            return
        follows = not ours or (last is not None and ours == last and self.order.board not in CLOSED_BOARDS)
        if follows and not (name in ADDRESS_FIELDS and address_refusal(self.tx.session, self.order.id)):
            self._set(name, value)
        else:
            self._conflict(name, ours, value)

    def _conflict(self, name: str, ours: str, theirs: str) -> None:
        note_conflict(self.tx, self.order.id, self.shop_id, self.run_id, name, ours, theirs)
        self.changed = True

    def _record(self) -> None:
        if not self.before:
            return
        after = {name: getattr(self.order, name) for name in self.before}
        audit.record(
            self.tx, "order.channel_updated", "order", self.order.id, self.order.number, before=self.before, after=after
        )
        self.tx.session.flush()  # the moves below read the row by SQL

    def _paid_there(self) -> None:
        """The web shop asks us to send what was not paid before: its gateway has the money. Where money was announced
        or came in here, a person decides."""
        waits = self.order.payment_term is PaymentTerm.PREPAID and self.order.payment_status is PaymentStatus.UNPAID
        if self.vouched and waits and self.said.stage in PAID_THERE and not self.said.is_cod:
            self._set("payment_term", PaymentTerm.MARKETPLACE)

    def _move(self) -> None:
        """Go forward to where the channel says the order is, one step at a time, as far as our rules allow."""
        target, here = self.said.stage, our_stage(self.order)
        told = Stage(self.last.stage) if self.last else None
        if self.said.cancel_requested and here in {Stage.UNPAID, Stage.TO_SHIP}:
            self._cancel_request()
        if target in {Stage.UNKNOWN, Stage.RETURNED, here}:
            return
        if here is Stage.CANCELED:
            if told is not None and PROGRESS[target] > PROGRESS[told]:
                self._conflict(STATUS, here.value, target.value)
            return
        if PROGRESS[target] <= PROGRESS[here]:
            return
        try:
            with self.tx.session.begin_nested():
                move_order(self.tx, self.order, self.said)
            self.changed = True
        except OmsError as refusal:
            self.tx.session.refresh(self.order)
            self._conflict(STATUS, here.value, target.value)
            audit.record(
                self.tx, "order.channel_refused", "order", self.order.id, self.order.number,
                after={"channel_status": self.said.channel_status}, reason=str(refusal),
            )  # fmt: skip

    def _cancel_request(self) -> None:
        held = any(
            h.status is HoldStatus.ACTIVE and h.reason is HoldReason.CHANNEL_CANCEL_REQUEST for h in self.order.holds
        )
        if not held and self.order.board not in CLOSED_BOARDS:
            hold_order(self.tx, HoldOrder(self.order.id, HoldReason.CHANNEL_CANCEL_REQUEST, self.said.channel_status))
            self.changed = True

    def _tracking(self, last: str | None) -> None:
        number = self.said.tracking
        if not number or number == last:
            return
        have = tracking_numbers(self.tx, self.order.id)
        if number in have or our_stage(self.order) in {Stage.UNPAID, Stage.TO_SHIP, Stage.CANCELED}:
            return
        try:
            with self.tx.session.begin_nested():
                filled = not have and fill_tracking(self.tx, self.order.id, self.said.carrier, number)
        except OmsError:  # another parcel has this number: a person looks at it
            filled = False
        if filled:
            self.changed = True
        else:
            self._conflict(TRACKING, ", ".join(have), number)

    def _keep(self, snapshot: dict[str, str]) -> None:
        """Remember this word as the channel's last one."""
        last = self.last
        if last is None:
            last = ImportedOrder(order_id=self.order.id, shop_id=self.shop_id, external_no=self.said.external_no)
            last.placed_at = self.said.placed_at or self.order.placed_at
            last.stage = self.said.stage.value
            self.tx.session.add(last)
        last.channel_status, last.fingerprint, last.snapshot = self.said.channel_status, self.fingerprint, snapshot
        if self.said.stage is not Stage.UNKNOWN:
            last.stage = self.said.stage.value
        last.run_id, last.changed_at = self.run_id, clock.now()


def move_order(tx: Tx, order: Order, said: OrderIn) -> None:
    """Take every step from where the order is to where the channel says it is. Raises the first refusal."""
    if said.stage is Stage.CANCELED:
        note = said.cancel_reason or said.channel_status
        cancel_order(tx, CancelOrder(order.id, CancelReason.CHANNEL, note))
        return
    if order.status is OrderStatus.DRAFT:
        confirm_order(tx, ConfirmOrder(order.id, may_wait_for_stock=True))
    if order.payment_term is PaymentTerm.MARKETPLACE and order.term_approved_at is None:
        order.term_approved_at = clock.now()
        derived.refresh(tx, [order])
        after = {"payment_status": order.payment_status, "board": order.board}
        audit.record(tx, "payment.channel_confirmed", "order", order.id, order.number, after=after)
    here = our_stage(order)
    if PROGRESS[said.stage] >= PROGRESS[Stage.SHIPPED] > PROGRESS[here]:
        mark_shipped(tx, MarkShipped(order.id, said.carrier, said.tracking, said.shipped_at, by_channel=True))
    if said.stage in {Stage.DELIVERED, Stage.COMPLETED} and our_stage(order) is Stage.SHIPPED:
        mark_delivered(tx, order.id, by_channel=True)
    complete_if_done(tx, order)


def tracking_numbers(tx: Tx, order_id: int) -> list[str]:
    """The live tracking numbers of an order's parcels."""
    statement = (
        select(Parcel.tracking_no)
        .join(ShipmentLine, ShipmentLine.shipment_id == Parcel.shipment_id)
        .where(ShipmentLine.order_id == order_id, Parcel.is_live, Parcel.tracking_no != "")
        .distinct()
        .order_by(Parcel.tracking_no)
    )
    return list(tx.session.scalars(statement))


def note_conflict(
    tx: Tx, order_id: int, shop_id: int, run_id: int, field: str, ours: str, theirs: str
) -> IntakeConflict:
    """Keep a difference for a person to decide; a newer word replaces an older open one."""
    found = tx.session.scalars(
        select(IntakeConflict).where(
            IntakeConflict.order_id == order_id,
            IntakeConflict.field == field,
            IntakeConflict.status == ConflictStatus.OPEN,
        )
    ).one_or_none()
    if found is None:
        found = IntakeConflict(order_id=order_id, shop_id=shop_id, field=field, status=ConflictStatus.OPEN)
        tx.session.add(found)
    found.run_id, found.ours, found.theirs, found.found_at = run_id, ours, theirs, clock.now()
    return found
