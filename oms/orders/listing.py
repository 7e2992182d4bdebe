"""The order list: filters, sorting and keyset paging as plain statements, fast at a million orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select
from sqlalchemy.orm import Session

from oms import clock
from oms.actor import Actor
from oms.catalog.models import Channel
from oms.errors import InvalidInput, say
from oms.orders.models import Order
from oms.orders.queries import in_warehouses, visible
from oms.orders.states import Board, PaymentTerm
from oms.thai.text import clean

PAGE = 50
COUNT_CAP = 1000  # beyond this a filtered list says "1,000+": an exact count would cost more than it tells
DUE_SOON = timedelta(hours=24)  # "due soon" starts this long before the ship-by moment
SORTS = ("ship_by", "newest", "oldest")


@dataclass(frozen=True)
class OrderFilter:
    """What a clerk asked to see. Texts as they stand in the URL; ``read_filter`` refuses what has no meaning.

    ``boards`` are several states with commas between; ``due``: late or due soon; ``open``: not closed.
    """

    board: str = ""
    boards: str = ""
    channel: str = ""
    shop: int = 0
    warehouse: int = 0
    owner: int = 0
    tag: str = ""
    term: str = ""
    late: bool = False
    due: bool = False
    open: bool = False
    placed_from: str = ""
    placed_to: str = ""
    sort: str = ""

    def to_query(self) -> dict[str, str]:
        """The filter as URL parameters, empty ones left out."""
        return {k: "1" if v is True else str(v) for k, v in asdict(self).items() if v}

    def with_(self, **changes: Any) -> OrderFilter:
        return replace(self, **changes)

    def is_empty(self) -> bool:
        return not {k for k in self.to_query() if k != "sort"}


_ENUMS: dict[str, type[Board | Channel | PaymentTerm]] = {
    "board": Board,
    "channel": Channel,
    "term": PaymentTerm,
}
_IDS = frozenset({"shop", "warehouse", "owner"})
_DAYS = frozenset({"placed_from", "placed_to"})
_FLAGS = frozenset({"late", "due", "open"})


def _read_one(name: str, raw: str) -> Any:
    if name in _ENUMS:
        return _ENUMS[name](raw).value
    if name in _IDS:
        value = int(raw)
        if not 0 <= value < 2**63:
            raise ValueError(raw)
        return value
    if name in _DAYS:
        return date.fromisoformat(raw).isoformat()
    if name == "boards":
        return ",".join(Board(part).value for part in raw.split(","))
    if name in _FLAGS:
        return raw == "1"
    if name == "sort" and raw not in SORTS:
        raise ValueError(raw)
    return raw[:40]


def read_filter(params: Mapping[str, str]) -> OrderFilter:
    """The filter in URL parameters; unknown names are ignored, unusable values refused with the field."""
    found: dict[str, Any] = {}
    for name in (f.name for f in fields(OrderFilter)):
        raw = clean(params.get(name, ""))
        if not raw:
            continue
        try:
            found[name] = _read_one(name, raw)
        except ValueError:
            raise InvalidInput(
                say("“{value}” cannot be used as a filter", value=raw), field=name, code="filter"
            ) from None
    return OrderFilter(**found)


def _day_start(text: str, plus_days: int = 0) -> datetime:
    day = date.fromisoformat(text) + timedelta(days=plus_days)
    return datetime.combine(day, time(), tzinfo=clock.BANGKOK).astimezone(UTC)


def filter_conditions(wanted: OrderFilter) -> list[ColumnElement[bool]]:
    """The filter as conditions on ``orders``. Days are Bangkok days, both ends included."""
    equal = {
        Order.board: wanted.board, Order.channel: wanted.channel, Order.shop_id: wanted.shop,
        Order.owner_id: wanted.owner, Order.payment_term: wanted.term,
    }  # fmt: skip
    found: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value]
    if wanted.warehouse:
        found.append(in_warehouses([wanted.warehouse]))
    if wanted.tag:
        found.append(Order.tags.contains([wanted.tag]))
    if wanted.boards:
        found.append(Order.board.in_(wanted.boards.split(",")))
    if wanted.open or wanted.due or wanted.sort == "ship_by":
        found.append(Order.closed_at.is_(None))  # a closed order is not shipped by any time
    if wanted.due:
        found.append(Order.ship_by < clock.now() + DUE_SOON)
    if wanted.late:
        found += [Order.closed_at.is_(None), Order.ship_by < clock.now()]
    if wanted.placed_from:
        found.append(Order.placed_at >= _day_start(wanted.placed_from))
    if wanted.placed_to:
        found.append(Order.placed_at < _day_start(wanted.placed_to, 1))
    return found


COLUMNS = (
    Order.id, Order.number, Order.external_no, Order.shop_id, Order.channel, Order.status, Order.board,
    Order.payment_term, Order.payment_status, Order.stock_state, Order.hold_reasons, Order.warehouse_id,
    Order.also_in, Order.warehouse_reason, Order.is_urgent,
    Order.customer_id, Order.ship_name, Order.ship_phone, Order.ship_province, Order.items_summary, Order.item_count,
    Order.total, Order.verified_amount, Order.carrier, Order.tags, Order.owner_id, Order.owner, Order.placed_at,
    Order.ship_by, Order.expires_at, Order.closed_at, Order.version,
)  # fmt: skip


@dataclass(frozen=True)
class Page:
    """One page of orders. ``after`` is the cursor of the next page, empty on the last."""

    rows: Sequence[Row[Any]]
    after: str


def _cursor(row: Row[Any], sort: str) -> str:
    moment = row.ship_by if sort == "ship_by" else row.placed_at
    return f"{'' if moment is None else int(moment.timestamp() * 1_000_000)}.{row.id}"


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def _past(cursor: str, sort: str) -> ColumnElement[bool]:
    """The condition "after this row". Rows without a ship-by time come last."""
    head, _, tail = cursor.partition(".")
    try:
        at, row_id = (_moment(int(head)) if head else None), int(tail)
    except (ValueError, OverflowError):
        raise InvalidInput(say("This page link is not valid; start at the first page"), code="cursor") from None
    if sort == "newest" and at:
        return and_(Order.placed_at <= at, or_(Order.placed_at < at, Order.id < row_id))
    if sort == "oldest" and at:
        return and_(Order.placed_at >= at, or_(Order.placed_at > at, Order.id > row_id))
    if at is None:
        return and_(Order.ship_by.is_(None), Order.id > row_id)
    return or_(Order.ship_by > at, and_(Order.ship_by == at, Order.id > row_id), Order.ship_by.is_(None))


def page_statement(actor: Actor, conditions: Sequence[ColumnElement[bool]], sort: str) -> Any:
    """The list statement without its limit and cursor; exports use it too."""
    order_by: dict[str, tuple[Any, ...]] = {
        "newest": (Order.placed_at.desc(), Order.id.desc()),
        "oldest": (Order.placed_at, Order.id),
        "ship_by": (Order.ship_by, Order.id),
    }
    return visible(actor).with_only_columns(*COLUMNS).where(*conditions).order_by(*order_by[sort])


def page(
    session: Session,
    actor: Actor,
    conditions: Sequence[ColumnElement[bool]],
    *,
    sort: str = "newest",
    after: str = "",
    size: int = PAGE,
) -> Page:
    """One page in one statement."""
    statement = page_statement(actor, conditions, sort)
    if after:
        statement = statement.where(_past(after, sort))
    rows = session.execute(statement.limit(size + 1)).all()
    more = len(rows) > size
    return Page(rows[:size], _cursor(rows[size - 1], sort) if more else "")


def capped_count(session: Session, actor: Actor, conditions: Sequence[ColumnElement[bool]]) -> int:
    """How many match, counted no further than ``COUNT_CAP`` + 1."""
    inner = visible(actor).with_only_columns(Order.id).where(*conditions).limit(COUNT_CAP + 1).subquery()
    return session.scalar(select(func.count()).select_from(inner)) or 0
