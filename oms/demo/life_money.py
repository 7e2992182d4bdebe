"""Refunds, an override and closed days of the demo shop, made through the verbs as clerks make them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw
from sqlalchemy import ColumnElement, select

from oms import clock
from oms.actor import Actor
from oms.db import Tx, transaction
from oms.demo.goods import Goods
from oms.intake import files
from oms.money import Money
from oms.orders.models import Order
from oms.orders.states import Board, CancelReason, FulfillmentStatus, OrderStatus, PaymentStatus, PaymentTerm
from oms.payments.models import DayClosing, GateOverride
from oms.payments.refund_models import Refund
from oms.payments.states import PaymentMethod
from oms.usecases.day_closing import CloseDay, close_day
from oms.usecases.gate import OverrideGate, override_gate
from oms.usecases.orders_cancel import CancelOrder, cancel_order
from oms.usecases.payments import SubmitClaim, record_payment
from oms.usecases.refunds import (
    DecideRefund,
    PayRefund,
    RefundTo,
    RequestRefund,
    approve_refund,
    deny_refund,
    fail_refund,
    pay_refund,
    request_refund,
)
from oms.usecases.shipping import MarkShipped, mark_shipped

CLOSED: Final = 2  # days before today that were closed
FAULTS: Final = ("สินค้ามีตำหนิ ลดให้ลูกค้า", "ส่งช้ากว่ากำหนด ชดเชยค่าส่ง", "ของในกล่องขาด 1 ชิ้น คืนเงินส่วนนั้น")
BANKS: Final = ("KBANK", "SCB", "BBL", "KTB", "BAY")
EVENING: Final = time(22, 30)


def money_life(actors: Mapping[str, Actor], goods: Goods, root: Path, end: datetime) -> None:
    """Everything of this part, each piece once, however often the load was interrupted."""
    with clock.at(end - timedelta(hours=3)), transaction(actors["sales"]) as tx:
        if tx.session.scalar(select(Refund.id).limit(1)) is None:
            _refunds(tx, actors, goods, root)
    with clock.at(end - timedelta(hours=2)), transaction(actors["manager"]) as tx:
        _override(tx, actors)
    for day in range(CLOSED, 0, -1):
        _close(actors["cashier"], end, day)


def _as(tx: Tx, actors: Mapping[str, Actor], role: str) -> Tx:
    """The same transaction with another clerk in it."""
    return tx.acting(actors[role])


def _refunds(tx: Tx, actors: Mapping[str, Actor], goods: Goods, root: Path) -> None:
    """One in every state; an order paid twenty baht too much; an order canceled after it was paid."""
    sales, manager, cashier = (_as(tx, actors, role) for role in ("sales", "manager", "cashier"))
    settled = _paid_orders(tx, 5)
    made = [
        request_refund(sales, RequestRefund(o.id, _some(o, 30 + 10 * i), FAULTS[i % len(FAULTS)], _to(o, i))).refund_id
        for i, o in enumerate(settled)
    ]  # fmt: skip
    if made[1:]:
        for refund_id in made[2:]:
            approve_refund(manager, DecideRefund(refund_id))
        deny_refund(manager, DecideRefund(made[1], "ส่งของแถมให้แทนแล้ว"))
    if made[3:]:
        fail_refund(cashier, DecideRefund(made[3], "ธนาคารแจ้งว่าเลขบัญชีไม่ถูกต้อง"))
    if made[4:]:
        command = PayRefund(made[4], goods.accounts[0], "DEMO-RF-0001", proof_key=_proof(cashier, root))
        pay_refund(cashier, command)
    waiting = _orders(tx, 1, Order.board == Board.WAITING_PAYMENT, Order.payment_term == PaymentTerm.PREPAID)
    for order in waiting:
        amount = order.total + Money(Decimal(20))
        claim = SubmitClaim(
            PaymentMethod.TRANSFER, amount, ((order.id, amount),), account_id=goods.accounts[0],
            paid_at=clock.now(), note="ลูกค้าโอนเกิน", idempotency_key="demo:too-much",
        )  # fmt: skip
        record_payment(cashier, claim)
    regret = _orders(
        tx, 1, Order.board == Board.READY, Order.payment_status == PaymentStatus.PAID,
        Order.payment_term == PaymentTerm.PREPAID,
    )  # fmt: skip
    for order in regret:
        cancel_order(sales, CancelOrder(order.id, CancelReason.CUSTOMER, "ลูกค้าเปลี่ยนใจ", refund=_to(order, 2)))


def _override(tx: Tx, actors: Mapping[str, Actor]) -> None:
    """Goods of a regular customer that left although half was missing."""
    if tx.actor.user_id is None or tx.session.scalar(select(GateOverride.id).limit(1)) is not None:
        return  # it takes a person; or it was done before an interruption
    late = _orders(tx, 1, Order.board == Board.SHORT_PAYMENT, Order.status == OrderStatus.CONFIRMED)
    for order in late:
        override_gate(tx, OverrideGate(order.id, "ลูกค้าประจำ รับปากโอนส่วนที่เหลือพรุ่งนี้เช้า"))
        mark_shipped(_as(tx, actors, "owner"), MarkShipped(order.id, "Flash Express", f"TH9{order.id:09d}"))


def _close(cashier: Actor, end: datetime, days_ago: int) -> None:
    """Close a day in its evening. Slips that came later make no difference to what left that day."""
    day = clock.local(end).date() - timedelta(days=days_ago)
    evening = datetime.combine(day, EVENING, clock.BANGKOK)
    with clock.at(min(evening, end)), transaction(cashier) as tx:
        if tx.session.scalar(select(DayClosing.id).where(DayClosing.day == day)) is None:
            close_day(tx, CloseDay(day, "สลิปที่ค้างรอลูกค้าส่งใหม่ ตรวจต่อพรุ่งนี้เช้า"))


def _orders(tx: Tx, count: int, *conditions: ColumnElement[bool]) -> Sequence[Order]:
    """A few orders, the first ones that fit."""
    return tx.session.scalars(select(Order).where(*conditions).order_by(Order.id).limit(count)).all()


def _paid_orders(tx: Tx, count: int) -> Sequence[Order]:
    """The newest that were paid by transfer and arrived."""
    statement = (
        select(Order)
        .where(
            Order.payment_term == PaymentTerm.PREPAID, Order.payment_status == PaymentStatus.PAID,
            Order.fulfillment_status == FulfillmentStatus.DELIVERED,
        )
        .order_by(Order.id.desc()).limit(count)
    )  # fmt: skip
    return tx.session.scalars(statement).all()


def _some(order: Order, baht: int) -> Money:
    return min(Money(Decimal(baht)), order.verified_amount)


def _to(order: Order, i: int) -> RefundTo:
    """An invented account of the buyer."""
    if i == 1:
        return RefundTo(PaymentMethod.PROMPTPAY, account="0800000000", name=order.ship_name)
    return RefundTo(PaymentMethod.TRANSFER, BANKS[i % len(BANKS)], f"000{order.id % 10**7:07d}", order.ship_name)


def _proof(cashier: Tx, root: Path) -> str:
    """A picture that says it is only an example."""
    picture, out = Image.new("RGB", (480, 640), "#eef7f3"), io.BytesIO()
    ImageDraw.Draw(picture).text((40, 60), "SAMPLE\nREFUND DEMO-RF-0001", fill="#0b6e5f")
    picture.save(out, "JPEG")
    out.seek(0)
    kept = files.keep(root, out, "refund.jpg")
    files.register(cashier, kept, "refund_proof", "image/jpeg")
    return kept.key
