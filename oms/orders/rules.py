"""Arithmetic and derivations of orders: pure functions of plain values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from oms.errors import InvalidInput, say
from oms.money import ZERO, Money
from oms.orders.states import Board, FulfillmentStatus, OrderStatus, PaymentStatus, StockState

MAX_QUANTITY = 100_000  # pieces of one line; more is a typing error
MAX_PRICE = Money(Decimal(10_000_000))  # baht for one piece
MAX_LINES = 500


def check_line(quantity: int, unit_price: Money, discount: Money, field: str = "lines") -> None:
    """Raise InvalidInput for a quantity, price or discount that no order can have."""
    if not 1 <= quantity <= MAX_QUANTITY:
        raise InvalidInput(
            say("The quantity must be from 1 to {most}, not {quantity}", most=MAX_QUANTITY, quantity=quantity),
            field=field,
            code="quantity_range",
        )
    if not ZERO <= unit_price <= MAX_PRICE:
        raise InvalidInput(
            say("The price must be from 0 to {most}, not {price}", most=MAX_PRICE, price=unit_price),
            field=field,
            code="price_range",
        )
    if not ZERO <= discount <= unit_price * quantity:
        raise InvalidInput(
            say("The discount of {discount} is more than the line costs", discount=discount),
            field=field,
            code="discount_range",
        )


def line_total(quantity: int, unit_price: Money, discount: Money) -> Money:
    """What a line costs after its discount."""
    return unit_price * quantity - discount


def order_total(goods_total: Money, discount: Money, shipping_fee: Money) -> Money:
    """What the buyer owes. Raises InvalidInput when the discount is more than the goods cost."""
    if not ZERO <= discount <= goods_total:
        raise InvalidInput(
            say("The discount of {discount} is more than the goods cost", discount=discount),
            field="discount",
            code="discount_range",
        )
    if not ZERO <= shipping_fee <= MAX_PRICE:
        raise InvalidInput(
            say("The shipping fee must be from 0 to {most}", most=MAX_PRICE), field="shipping_fee", code="fee_range"
        )
    return goods_total - discount + shipping_fee


def discount_percent(listed: Money, asked: Money) -> Decimal:
    """How many percent under the listed value is asked for; prices lowered by hand count as discount. 0 at least."""
    if listed <= ZERO or asked >= listed:
        return Decimal(0)
    return (listed.amount - asked.amount) / listed.amount * 100


def fulfillment_status(
    quantities: Sequence[tuple[int, int, int]], *, all_delivered: bool, all_back: bool = False
) -> FulfillmentStatus:
    """From (ordered, canceled, shipped) of every line. ``all_delivered``: every shipment arrived, or came back and was
    settled; ``all_back``: none arrived. The one writer of this status."""
    still_open = sum(q - c - s for q, c, s in quantities)
    shipped = sum(s for _, _, s in quantities)
    if shipped == 0:
        return FulfillmentStatus.OPEN if still_open else FulfillmentStatus.NOTHING
    if still_open:
        return FulfillmentStatus.PARTIAL
    if all_back:
        return FulfillmentStatus.RETURNED
    return FulfillmentStatus.DELIVERED if all_delivered else FulfillmentStatus.SHIPPED


def stock_state(*, open_lines: int, unreserved_lines: int) -> StockState:
    """Whether everything still open is reserved."""
    if open_lines == 0:
        return StockState.NONE
    return StockState.SHORT if unreserved_lines else StockState.RESERVED


@dataclass(frozen=True)
class BoardFacts:
    """What the board state is derived from. ``stages`` and ``tracking`` are values of live shipments and parcels, the
    stage "settled" one whose return is settled; ``overridden``: the money that is missing does not hold the goods back;
    ``coming_back``: a return that was agreed to is not settled."""

    status: OrderStatus
    on_hold: bool
    payment_status: PaymentStatus
    stock_state: StockState
    has_open: bool
    overridden: bool = False
    stages: Collection[str] = ()
    tracking: Collection[str] = ()
    coming_back: bool = False


_MONEY_BOARDS = {
    PaymentStatus.UNPAID: Board.WAITING_PAYMENT,
    PaymentStatus.PENDING_REVIEW: Board.SLIP_WAITING,
    PaymentStatus.PARTIAL: Board.SHORT_PAYMENT,
}
_STATUS_BOARDS = {
    OrderStatus.CANCELED: Board.CANCELED,
    OrderStatus.EXPIRED: Board.EXPIRED,
    OrderStatus.DRAFT: Board.DRAFT,
}
_PACKING_STAGES = (
    ("planned", Board.READY),
    ("ready", Board.READY),
    ("picking", Board.PICKING),
    ("packed", Board.PACKED),
    ("labeled", Board.LABELED),
)
_TRACKING_BOARDS = (
    (frozenset({"delivery_failed", "exception", "on_hold", "lost"}), Board.DELIVERY_PROBLEM),
    (frozenset({"returning"}), Board.RETURNING),
    (frozenset({"out_for_delivery", "ready_for_pickup"}), Board.OUT_FOR_DELIVERY),
)
_COD_OPEN = frozenset({PaymentStatus.COD_PENDING, PaymentStatus.COD_COLLECTED})


def board(facts: BoardFacts) -> Board:
    """The work an order waits for: the first rule that matches (DESIGN section 6)."""
    if facts.status in _STATUS_BOARDS:
        return _STATUS_BOARDS[facts.status]
    if facts.on_hold:
        return Board.ON_HOLD
    if facts.payment_status in _MONEY_BOARDS and not facts.overridden:
        return _MONEY_BOARDS[facts.payment_status]
    if facts.stock_state is StockState.SHORT:
        return Board.WAITING_STOCK
    for stage, place in _PACKING_STAGES:
        if stage in facts.stages:
            return place
    if facts.has_open:
        return Board.READY
    return _after_hand_over(facts)


def _after_hand_over(facts: BoardFacts) -> Board:
    if facts.status is OrderStatus.COMPLETED:
        return Board.COMPLETED
    if "lost" in facts.stages:
        return Board.DELIVERY_PROBLEM
    if facts.coming_back or "returning" in facts.stages or "returned" in facts.stages:
        return Board.RETURNING
    if "handed_over" in facts.stages:
        for statuses, place in _TRACKING_BOARDS:
            if statuses & set(facts.tracking):
                return place
        return Board.HANDED_OVER
    if facts.payment_status in _COD_OPEN:
        return Board.COD_OUTSTANDING
    return Board.CAME_BACK if set(facts.stages) == {"settled"} else Board.DELIVERED
