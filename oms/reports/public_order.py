"""What the buyer sees on the page of an order: the bill, how to pay, how far it is, what may come back. Masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from oms.db import Tx
from oms.inventory.models import Warehouse
from oms.money import ZERO, Money
from oms.orders.models import Order, OrderLine
from oms.orders.states import Board, OrderStatus, PaymentTerm
from oms.payments.models import ReceivingAccount
from oms.payments.rules import PAYABLE, MoneyFacts
from oms.payments.slip_models import Slip
from oms.payments.states import RejectReason, SlipStatus
from oms.reports.parcels import PublicParcel, public_parcels
from oms.reports.pay_codes import PayCodes, pay_codes
from oms.returns.models import Return
from oms.returns.states import RETURN, ReturnStatus
from oms.usecases import derived
from oms.usecases.order_links import returns_elsewhere

STEP_LABELS: dict[str, str] = {
    "ordered": "Ordered", "paid": "Paid", "packed": "Packed", "left": "On the way", "arrived": "Delivered",
}  # fmt: skip
COD_STEP_LABELS: dict[str, str] = {**STEP_LABELS, "paid": "Accepted"}
STATE_LABELS: dict[Board, str] = {
    Board.DRAFT: "Your order is being written down",
    Board.ON_HOLD: "We are looking into your order",
    Board.WAITING_PAYMENT: "Waiting for your payment",
    Board.SLIP_WAITING: "We are checking your payment",
    Board.SHORT_PAYMENT: "A part of the payment is missing",
    Board.WAITING_STOCK: "We are waiting for goods",
    Board.READY: "Your order is being made ready",
    Board.PICKING: "Your order is being made ready",
    Board.PACKED: "Your parcel is packed",
    Board.LABELED: "Your parcel is packed",
    Board.HANDED_OVER: "Your parcel is on its way",
    Board.OUT_FOR_DELIVERY: "Your parcel comes today",
    Board.DELIVERY_PROBLEM: "There is a problem with the delivery",
    Board.RETURNING: "Your parcel is coming back to us",
    Board.CAME_BACK: "Your parcel came back to us",
    Board.DELIVERED: "Your parcel was delivered",
    Board.COD_OUTSTANDING: "Your parcel was delivered",
    Board.COMPLETED: "Your order is complete",
    Board.CANCELED: "This order was canceled",
    Board.EXPIRED: "This order was closed because it was not paid in time",
}
_REACHED: dict[Board, int] = {
    Board.READY: 1, Board.PICKING: 1, Board.WAITING_STOCK: 1, Board.PACKED: 2, Board.LABELED: 2, Board.HANDED_OVER: 3,
    Board.OUT_FOR_DELIVERY: 3, Board.DELIVERY_PROBLEM: 3, Board.RETURNING: 3, Board.CAME_BACK: 3, Board.DELIVERED: 4,
    Board.COD_OUTSTANDING: 4, Board.COMPLETED: 4,
}  # fmt: skip
SLIP_LABELS: dict[SlipStatus, str] = {
    SlipStatus.RECEIVED: "Received, being checked",
    SlipStatus.WAITING: "Received, being checked",
    SlipStatus.CONFIRMED: "Payment confirmed",
    SlipStatus.REJECTED: "Could not be accepted",
    SlipStatus.DUPLICATE: "This slip was sent before",
}

WHY_LABELS: dict[RejectReason, str] = {
    RejectReason.NOT_ARRIVED: "The money did not arrive in our account",
    RejectReason.WRONG_ACCOUNT: "The money went to an account that is not ours",
    RejectReason.WRONG_AMOUNT: "The amount is not the one of this order",
    RejectReason.UNREADABLE: "The picture cannot be read; please send it again",
    RejectReason.NOT_A_SLIP: "The picture is not a slip we can accept",
}  # what a buyer is told; what we suspect is our business


@dataclass(frozen=True)
class PublicLine:
    """An item. ``returnable``: pieces that left and may be asked back."""

    id: int
    name: str
    quantity: int
    unit_price: Money
    discount: Money
    total: Money
    returnable: int


@dataclass(frozen=True)
class PublicSlip:
    """A slip of this order: what became of it, in words for its sender."""

    at: datetime
    status: SlipStatus
    label: str
    why: str


@dataclass(frozen=True)
class PublicReturn:
    """A return of this order. ``is_asked``: nobody has answered yet; ``send_to``: where an agreed one is to be sent."""

    number: str
    label: str
    pieces: int
    note: str
    is_asked: bool = False
    send_to: str = ""


@dataclass(frozen=True)
class PublicOrder:
    """The page. ``pay`` None: nothing is to be paid by transfer. ``step``: how far it is; -1 when the order ended."""

    order: Order
    lines: Sequence[PublicLine]
    money: MoneyFacts
    pay: PayCodes | None
    accounts: Sequence[ReceivingAccount]
    state: str
    step: int
    steps: Sequence[str]
    parcels: Sequence[PublicParcel]
    cash: Money
    slips: Sequence[PublicSlip]
    returns: Sequence[PublicReturn]

    @property
    def canceled(self) -> Money:
        """What canceled pieces, settled returns and allowances took off the total."""
        return max(self.money.total - self.money.due, ZERO)

    @property
    def may_return(self) -> bool:
        """Whether anything can be asked back here."""
        return not returns_elsewhere(self.order) and any(line.returnable for line in self.lines)


def public_order(tx: Tx, order: Order) -> PublicOrder:
    """Read it, in a fixed number of statements."""
    money = derived.read_facts(tx, [order])[order.id].money
    accounts = tx.session.scalars(
        select(ReceivingAccount).where(ReceivingAccount.is_active).order_by(ReceivingAccount.code)
    ).all()
    pay = pay_codes(order, money, accounts)
    parcels = public_parcels(tx, order.id)
    cash = sum((p.cash for p in parcels), start=ZERO)
    if order.payment_term is PaymentTerm.COD and not parcels and order.status in PAYABLE:
        cash = money.missing
    board = order.board
    return PublicOrder(
        order, _lines(order), money, pay,
        accounts if pay else (), STATE_LABELS[board], _step(order, money),
        tuple((COD_STEP_LABELS if order.payment_term is PaymentTerm.COD else STEP_LABELS).values()),
        parcels, cash, _slips(tx, order), _returns(tx, order),
    )  # fmt: skip


def _has_ended(order: Order) -> bool:
    return order.status in {OrderStatus.CANCELED, OrderStatus.EXPIRED}


def _lines(order: Order) -> list[PublicLine]:
    """What is still wanted; of an order that ended, what was."""
    if _has_ended(order):
        return [_line(line, line.quantity) for line in order.lines]
    return [_line(line, line.quantity - line.canceled) for line in order.lines if line.quantity > line.canceled]


def _line(line: OrderLine, pieces: int) -> PublicLine:
    left = line.shipped - line.returned - line.coming_back
    return PublicLine(line.id, line.name, pieces, line.unit_price, line.discount, line.total, max(left, 0))


def _step(order: Order, money: MoneyFacts) -> int:
    if _has_ended(order):
        return -1
    reached = _REACHED.get(order.board, 0)
    return max(reached, 1) if money.vouched or not money.missing else reached


def _slips(tx: Tx, order: Order) -> list[PublicSlip]:
    rows = tx.session.execute(
        select(Slip.uploaded_at, Slip.status, Slip.reject_reason)
        .where(Slip.order_id == order.id)
        .order_by(Slip.id.desc())
        .limit(10)
    )
    return [
        PublicSlip(at, status, SLIP_LABELS[status], WHY_LABELS[RejectReason(why)] if why else "")
        for at, status, why in rows
    ]


def _place(warehouse: Warehouse) -> str:
    return " · ".join(x for x in (warehouse.name, warehouse.address, warehouse.phone) if x) if warehouse.address else ""


def _returns(tx: Tx, order: Order) -> list[PublicReturn]:
    rows = tx.session.scalars(
        select(Return)
        .where(Return.order_id == order.id)
        .order_by(Return.id.desc())
        .options(selectinload(Return.lines), joinedload(Return.warehouse))
    ).all()
    return [
        PublicReturn(
            r.number, RETURN.labels[r.status], sum(line.quantity for line in r.lines),
            r.decision_note if r.status is ReturnStatus.REJECTED else "", r.status is ReturnStatus.REQUESTED,
            _place(r.warehouse) if r.status is ReturnStatus.APPROVED else "",
        )
        for r in rows
    ]  # fmt: skip
