"""The list of shipments: filters, worklists and keyset paging as plain statements, fast at a million orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, union
from sqlalchemy.orm import Session

from oms import clock
from oms.actor import Actor
from oms.catalog.models import Channel
from oms.errors import InvalidInput, say
from oms.orders.models import Order, OrderSearch
from oms.orders.states import PaymentTerm
from oms.shipping.floor.models import PickBatch, PickSlot
from oms.shipping.floor.queries import spellings
from oms.shipping.models import Parcel, Shipment, ShipmentLine
from oms.shipping.queries import visible_shipments
from oms.shipping.states import BEFORE_HAND_OVER, ShipmentStatus
from oms.thai.text import clean, normalize, query_grams

S = ShipmentStatus
PAGE = 50
COUNT_CAP = 1000  # beyond this a filtered list says "1,000+"
MOST_FOUND = 5000  # orders a search looks through
NONE = "-"  # the filter for "no carrier yet"


@dataclass(frozen=True)
class ShipmentList:
    """One queue of the floor. ``by_due``: the most urgent first; else the newest."""

    key: str
    label: str
    hint: str
    statuses: tuple[ShipmentStatus, ...] = ()
    by_due: bool = True
    today: bool = False


WORKLISTS: dict[str, ShipmentList] = {
    made.key: made
    for made in (
        ShipmentList("ready", "Ready to pick", "The gate is open and the goods are reserved.", (S.READY,)),
        ShipmentList("picking", "Being picked", "On a picking list or on a table.", (S.PICKING,)),
        ShipmentList("packed", "Packed, no label", "In the box; the label is missing.", (S.PACKED,)),
        ShipmentList("labeled", "Waiting for the driver", "Labeled; to be scanned onto a sheet.", (S.LABELED,)),
        ShipmentList("today", "Handed over today", "What left since midnight.", (), by_due=False, today=True),
        ShipmentList("stopped", "Held back", "The gate closed: these wait until it opens again.", (S.PLANNED,)),
        ShipmentList("lost", "Lost or coming back", "The carrier lost it, or brings it back.", (S.LOST, S.RETURNING),
                     by_due=False),
        ShipmentList("all", "All shipments", "Everything, the newest first.", (), by_due=False),
    )
}  # fmt: skip


@dataclass(frozen=True)
class ShipmentFilter:
    """What a clerk asked to see, as it stands in the URL. ``due``: late, today or tomorrow; ``cod``: yes or no;
    ``label``: printed or not; ``batch``: a picking list's number."""

    warehouse: int = 0
    carrier: str = ""
    channel: str = ""
    due: str = ""
    cod: str = ""
    label: str = ""
    batch: str = ""
    q: str = ""

    def to_query(self) -> dict[str, str]:
        """The filter as URL parameters, empty ones left out."""
        return {k: str(v) for k, v in asdict(self).items() if v}

    def is_empty(self) -> bool:
        return not self.to_query()


_CHOICES = {"due": {"late", "today", "tomorrow"}, "cod": {"yes", "no"}, "label": {"yes", "no"}}


def read_filter(params: Mapping[str, str]) -> ShipmentFilter:
    """The filter in URL parameters. Raises InvalidInput for what has no meaning."""
    found: dict[str, Any] = {}
    for name in (f.name for f in fields(ShipmentFilter)):
        raw = clean(params.get(name, ""))[:100]
        if not raw:
            continue
        try:
            found[name] = _read_one(name, raw)
        except ValueError:
            raise InvalidInput(
                say("“{value}” cannot be used as a filter", value=raw), field=name, code="filter"
            ) from None
    return ShipmentFilter(**found)


def _read_one(name: str, raw: str) -> Any:
    if name == "warehouse":
        if not raw.isascii() or not raw.isdigit() or len(raw) > 18:
            raise ValueError(raw)
        return int(raw)
    if name == "channel":
        return Channel(raw).value
    if name in _CHOICES and raw not in _CHOICES[name]:
        raise ValueError(raw)
    return raw


def midnight(days: int = 0) -> datetime:
    """The start of the business day, some days on."""
    return datetime.combine(clock.today() + timedelta(days=days), time(), clock.BANGKOK)


def _inside(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Some order in the shipment fits."""
    return (
        select(literal(1))
        .select_from(ShipmentLine)
        .join(Order, Order.id == ShipmentLine.order_id)
        .where(ShipmentLine.shipment_id == Shipment.id, *conditions)
        .exists()
    )


def list_conditions(wanted: ShipmentList) -> list[ColumnElement[bool]]:
    """What makes a shipment belong to a queue."""
    if wanted.today:
        return [Shipment.handed_over_at >= midnight()]
    return [Shipment.status.in_([s.value for s in wanted.statuses])] if wanted.statuses else []


def filter_conditions(wanted: ShipmentFilter) -> list[ColumnElement[bool]]:
    """The filter as conditions on ``shipments``."""
    found: list[ColumnElement[bool]] = []
    if wanted.warehouse:
        found.append(Shipment.warehouse_id == wanted.warehouse)
    if wanted.carrier:
        found.append(Shipment.carrier == ("" if wanted.carrier == NONE else wanted.carrier))
    if wanted.channel:
        found.append(_inside(Order.channel == wanted.channel))
    if wanted.due:
        until = {"late": clock.now(), "today": midnight(1), "tomorrow": midnight(2)}[wanted.due]
        found.append(Shipment.ship_by < until)
    if wanted.cod:
        paid_at_door = _inside(Order.payment_term == PaymentTerm.COD)
        found.append(paid_at_door if wanted.cod == "yes" else ~paid_at_door)
    if wanted.label:
        printed = select(Parcel.id).where(Parcel.shipment_id == Shipment.id, Parcel.is_live, Parcel.label_prints > 0)
        found.append(printed.exists() if wanted.label == "yes" else ~printed.exists())
    if wanted.batch:
        listed = select(PickSlot.shipment_id).join(PickBatch, PickBatch.id == PickSlot.batch_id)
        found.append(Shipment.id.in_(listed.where(PickBatch.number == wanted.batch.upper())))
    if wanted.q:
        found.append(Shipment.id.in_(_found(wanted.q)))
    return found


def _found(text: str) -> Any:
    """Ids of shipments that a text names: by number, order, channel's number, tracking number, else by words."""
    forms = spellings(text)
    named = (Order.number.in_(forms), Order.external_no.in_(forms))
    ways: list[Any] = [
        select(Shipment.id).where(Shipment.number.in_(forms)),
        select(Parcel.shipment_id).where(Parcel.tracking_no.in_(forms)),
        select(ShipmentLine.shipment_id).join(Order, Order.id == ShipmentLine.order_id).where(or_(*named)),
    ]
    if pieces := query_grams(text):
        like = [OrderSearch.haystack.like(f"%{_escaped(word)}%", escape="\\") for word in normalize(text).split()]
        orders = (
            select(OrderSearch.order_id)
            .where(OrderSearch.grams.contains(pieces), *like)
            .order_by(OrderSearch.order_id.desc())
            .limit(MOST_FOUND)
            .subquery()
        )
        ways.append(select(ShipmentLine.shipment_id).where(ShipmentLine.order_id.in_(select(orders.c.order_id))))
    return select(union(*ways).subquery().c[0])


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


@dataclass(frozen=True)
class Page:
    """Ids of one page with their ship-by, and the cursor of the next one (empty on the last)."""

    rows: Sequence[tuple[int, datetime | None]]
    after: str


def page(
    session: Session, actor: Actor, wanted: ShipmentList, conditions: Sequence[ColumnElement[bool]], after: str = "",
    size: int = PAGE,
) -> Page:  # fmt: skip
    """One page in one statement. Queues of work come by ship-by time, the rest by age."""
    statement = visible_shipments(actor).with_only_columns(Shipment.id, Shipment.ship_by)
    statement = statement.where(*list_conditions(wanted), *conditions)
    if wanted.by_due:
        statement = statement.order_by(Shipment.ship_by.asc().nulls_last(), Shipment.id)
    else:
        statement = statement.order_by(Shipment.id.desc())
    if after:
        statement = statement.where(_past(after, by_due=wanted.by_due))
    rows = [(row[0], row[1]) for row in session.execute(statement.limit(size + 1))]
    more = len(rows) > size
    return Page(rows[:size], _cursor(*rows[size - 1]) if more else "")


def _cursor(row_id: int, ship_by: datetime | None) -> str:
    return f"{'' if ship_by is None else int(ship_by.timestamp() * 1_000_000)}.{row_id}"


def _past(cursor: str, *, by_due: bool) -> ColumnElement[bool]:
    head, _, tail = cursor.partition(".")
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(head)) if head else None
        row_id = int(tail)
    except (ValueError, OverflowError):
        raise InvalidInput(say("This page link is not valid; start at the first page"), code="cursor") from None
    if not by_due:
        return Shipment.id < row_id
    due = Shipment.ship_by
    if at is None:
        return and_(due.is_(None), Shipment.id > row_id)
    return or_(due > at, and_(due == at, Shipment.id > row_id), due.is_(None))


def capped_count(session: Session, actor: Actor, conditions: Sequence[ColumnElement[bool]]) -> int:
    """How many match, counted no further than ``COUNT_CAP`` + 1."""
    inner = visible_shipments(actor).with_only_columns(Shipment.id).where(*conditions).limit(COUNT_CAP + 1).subquery()
    return session.scalar(select(func.count()).select_from(inner)) or 0


def matching(session: Session, actor: Actor, wanted: ShipmentList, chosen: ShipmentFilter, most: int) -> list[int]:
    """Ids of everything in a list, the most urgent first, as many as a bulk action takes."""
    found = page(session, actor, wanted, filter_conditions(chosen), size=most)
    return [row_id for row_id, _ in found.rows]


def counts(session: Session, actor: Actor, warehouse_id: int = 0) -> dict[str, int]:
    """How many wait in each queue, in two statements; what has no end (all) is not counted."""
    here = [Shipment.warehouse_id == warehouse_id] if warehouse_id else []
    counted = [*BEFORE_HAND_OVER, S.LOST, S.RETURNING]
    rows = session.execute(
        visible_shipments(actor)
        .with_only_columns(Shipment.status, func.count())
        .where(Shipment.status.in_([s.value for s in counted]), *here)
        .group_by(Shipment.status)
    )
    by_status = {status: int(n) for status, n in rows}
    found = {key: sum(by_status.get(s, 0) for s in made.statuses) for key, made in WORKLISTS.items() if made.statuses}
    left = visible_shipments(actor).with_only_columns(func.count()).where(Shipment.handed_over_at >= midnight(), *here)
    return found | {"today": int(session.scalar(left) or 0)}


def carriers(session: Session, actor: Actor) -> list[str]:
    """The carriers named on goods that have not left; the empty name stands for none."""
    rows = session.scalars(
        visible_shipments(actor)
        .with_only_columns(Shipment.carrier)
        .where(Shipment.status.in_([s.value for s in BEFORE_HAND_OVER]))
        .distinct()
    )
    return sorted(rows)
