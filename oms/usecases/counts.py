"""Counting a warehouse: a sheet is opened, numbers are entered by anybody, a person who did not count approves (W8).

Nothing is frozen: what the books say is read at the moment a number is entered, and the difference is posted later,
whatever moved meanwhile (docs/adr/0136). Packed boxes are not counted: what is in them is taken off the books' number.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select

from oms import audit, clock, numbering
from oms.catalog.models import Sku
from oms.db import Tx, insert_rows
from oms.errors import Conflict, InvalidInput, NotFound, Refused, say
from oms.inventory import moving
from oms.inventory.count_models import CountEntry, CountLine, StockCount
from oms.inventory.models import StockLevel
from oms.inventory.states import COUNT, CountStatus
from oms.shipping.queries import pieces_in_boxes
from oms.usecases import stock_checks as checks
from oms.usecases.keeping import bounded
from oms.usecases.stock_checks import StockLine

PREFIX = "CT"
MOST_LINES = 20_000
MOST_ENTRIES = 5_000


@dataclass(frozen=True)
class OpenCount:
    """What is to be counted: these SKUs, or what lies on these shelves (beginnings count), or the whole warehouse."""

    warehouse_id: int
    idempotency_key: str
    sku_ids: tuple[int, ...] = ()
    locations: tuple[str, ...] = ()
    is_blind: bool = False
    note: str = ""


@dataclass(frozen=True)
class ShelfCount:
    """So many pieces of one SKU lie there."""

    sku_id: int
    quantity: int


@dataclass(frozen=True)
class RecordCounts:
    """Numbers entered. ``add``: on top of what was counted (another shelf, one more scan); else in its place."""

    count_id: int
    entries: tuple[ShelfCount, ...]
    add: bool = False
    source: str = "screen"


@dataclass(frozen=True)
class CloseCounting:
    """``zero``: what nobody counted is not there; else it is left as the books say."""

    count_id: int
    zero: bool = False
    version: int | None = None


@dataclass(frozen=True)
class CountAgain:
    """These lines once more, best by somebody else."""

    count_id: int
    line_ids: tuple[int, ...]
    version: int | None = None


@dataclass(frozen=True)
class DropCount:
    count_id: int
    reason: str
    version: int | None = None


@dataclass(frozen=True)
class CountState:
    """A count after a verb. ``repeated``: it was opened before with this key. ``added``: SKUs found that were not on
    the sheet."""

    count_id: int
    number: str
    status: CountStatus
    lines: int
    counted: int
    added: int = 0
    repeated: bool = False


def open_count(tx: Tx, cmd: OpenCount) -> CountState:
    """Make a sheet. The same key again answers like the first time."""
    tx.actor.require("stock.count")
    checks.take_turn(tx, cmd.idempotency_key)
    key = cmd.idempotency_key
    earlier = tx.session.scalars(select(StockCount).where(StockCount.idempotency_key == key)).one_or_none()
    if earlier is not None:
        return state_of(tx, earlier, repeated=True)
    checks.check_place(tx, cmd.warehouse_id)
    note = bounded(cmd.note, 500, "note")
    skus = _chosen(tx, cmd)
    count = StockCount(
        number=numbering.allot_yearly(tx, PREFIX), status=CountStatus.OPEN, warehouse_id=cmd.warehouse_id,
        scope={"skus": len(cmd.sku_ids), "locations": list(cmd.locations)}, is_blind=cmd.is_blind, round=1, note=note,
        idempotency_key=cmd.idempotency_key, created_at=clock.now(), created_by=tx.actor.label[:120],
    )  # fmt: skip
    tx.session.add(count)
    tx.session.flush()  # its lines name it
    insert_rows(
        tx,
        CountLine,
        [
            {"count_id": count.id, "position": i, "sku_id": sku, "location": location, "round": 1, "posted": 0}
            for i, (sku, location) in enumerate(skus, 1)
        ],
    )
    tell(tx, "count.opened", count, after={"lines": len(skus), "blind": cmd.is_blind, "shelves": list(cmd.locations)})
    return state_of(tx, count)


def _chosen(tx: Tx, cmd: OpenCount) -> list[tuple[int, str]]:
    """(SKU, shelf) in the order one walks along the shelves."""
    shelf = func.coalesce(func.nullif(StockLevel.location, ""), Sku.location)
    statement = (
        select(Sku.id, shelf)
        .outerjoin(StockLevel, (StockLevel.sku_id == Sku.id) & (StockLevel.warehouse_id == cmd.warehouse_id))
        .where(Sku.is_bundle.is_(False))
        .order_by(shelf == "", shelf, Sku.code)
        .limit(MOST_LINES + 1)
    )
    if cmd.sku_ids:
        checks.check_lines(tx, [StockLine(sku, 1) for sku in dict.fromkeys(cmd.sku_ids)], low=1)
        statement = statement.where(Sku.id.in_(cmd.sku_ids))
    elif cmd.locations:
        begins = [shelf.istartswith(text.strip(), autoescape=True) for text in cmd.locations if text.strip()]
        statement = statement.where(or_(*begins))
    else:
        statement = statement.where(StockLevel.sku_id.is_not(None), or_(Sku.is_active, StockLevel.on_hand > 0))
    found = [(row[0], row[1][:40]) for row in tx.session.execute(statement)]
    if not found:
        raise InvalidInput(say("Nothing lies there to count"), field="locations", code="count_empty")
    if len(found) > MOST_LINES:
        raise InvalidInput(
            say("At most {most} products in one count; choose shelves", most=f"{MOST_LINES:,}"), field="locations",
            code="count_large",
        )  # fmt: skip
    return found


def record_counts(tx: Tx, cmd: RecordCounts) -> CountState:
    """Enter what was counted. A product that is not on the sheet is put on it."""
    count = lock_count(tx, cmd.count_id, "stock.count")
    if count.status is not CountStatus.OPEN:
        raise Refused(say("{number} is not being counted any more", number=count.number), code="count_closed")
    if not cmd.entries:
        raise InvalidInput(say("Add at least one product"), field="lines", code="lines_missing")
    if len(cmd.entries) > MOST_ENTRIES:
        raise InvalidInput(say("At most {most} lines at once", most=MOST_ENTRIES), field="lines", code="lines_many")
    for entry in cmd.entries:
        if not 0 <= entry.quantity <= moving.MOST:
            raise InvalidInput(say("Enter whole numbers of pieces"), field="lines", code="quantity_range")
    lines = _lines(tx, count, [entry.sku_id for entry in cmd.entries])
    added = _add_missing(tx, count, lines, [entry.sku_id for entry in cmd.entries])
    _check_round(tx, count, [lines[entry.sku_id] for entry in cmd.entries])
    _enter(tx, count, cmd, lines)
    return state_of(tx, count, added=added)


def _lines(tx: Tx, count: StockCount, sku_ids: Sequence[int]) -> dict[int, CountLine]:
    wanted = select(CountLine).where(CountLine.count_id == count.id, CountLine.sku_id.in_(set(sku_ids)))
    return {line.sku_id: line for line in tx.session.scalars(wanted)}


def _add_missing(tx: Tx, count: StockCount, lines: dict[int, CountLine], sku_ids: Sequence[int]) -> int:
    strange = [sku for sku in dict.fromkeys(sku_ids) if sku not in lines]
    if not strange:
        return 0
    checks.check_lines(tx, [StockLine(sku, 1) for sku in strange], low=1)
    last = tx.session.scalar(select(func.max(CountLine.position)).where(CountLine.count_id == count.id)) or 0
    for at, sku in enumerate(strange, 1):
        lines[sku] = CountLine(count_id=count.id, position=last + at, sku_id=sku, round=count.round, posted=0)
        tx.session.add(lines[sku])
    tx.session.flush()  # entries name their lines
    return len(strange)


def _check_round(tx: Tx, count: StockCount, lines: Sequence[CountLine]) -> None:
    settled = [line.sku_id for line in lines if line.round < count.round]
    if settled:
        code = checks.sku_codes(tx, settled[:1])[settled[0]]
        raise Refused(
            say("{sku} was counted already; only the lines to count again are open", sku=code), code="line_settled"
        )


def _enter(tx: Tx, count: StockCount, cmd: RecordCounts, lines: Mapping[int, CountLine]) -> None:
    at, who, user = clock.now(), tx.actor.label[:120], tx.actor.user_id
    insert_rows(
        tx,
        CountEntry,
        [
            {
                "count_id": count.id, "line_id": lines[e.sku_id].id, "round": count.round, "quantity": e.quantity,
                "is_more": cmd.add, "source": cmd.source[:16], "at": at, "actor": who, "user_id": user,
            }
            for e in cmd.entries
        ],
    )  # fmt: skip
    expect(tx, count, [lines[sku] for sku in {entry.sku_id for entry in cmd.entries}])
    for entry in cmd.entries:
        line = lines[entry.sku_id]
        line.counted = entry.quantity + (line.counted or 0 if cmd.add else 0)
        if line.counted > moving.MOST:
            raise InvalidInput(say("Enter whole numbers of pieces"), field="lines", code="quantity_range")
        line.counted_at, line.counted_by, line.counted_by_id = at, who, user


def expect(tx: Tx, count: StockCount, lines: Sequence[CountLine]) -> None:
    """Write down what the books say should lie on the shelf at this moment; the number counted follows at once."""
    skus = [line.sku_id for line in lines]
    levels = select(StockLevel.sku_id, StockLevel.on_hand).where(
        StockLevel.warehouse_id == count.warehouse_id, StockLevel.sku_id.in_(skus)
    )
    on_hand = {row[0]: row[1] for row in tx.session.execute(levels)}
    boxed = pieces_in_boxes(tx.session, count.warehouse_id, skus)
    for line in lines:
        line.boxed = min(boxed.get(line.sku_id, 0), on_hand.get(line.sku_id, 0))
        line.expected = on_hand.get(line.sku_id, 0) - line.boxed


def submit_count(tx: Tx, cmd: CloseCounting) -> CountState:
    """Counting is done: the differences may be looked at, and approved by somebody else."""
    count = lock_count(tx, cmd.count_id, "stock.count", cmd.version)
    COUNT.check(count, "submit")
    rest = list(
        tx.session.scalars(select(CountLine).where(CountLine.count_id == count.id, CountLine.counted.is_(None)))
    )
    done = tx.session.scalar(select(func.count()).where(CountLine.count_id == count.id, CountLine.counted.is_not(None)))
    if not done and not cmd.zero:
        raise Refused(say("Nothing was counted yet"), code="count_nothing")
    if rest and cmd.zero:
        expect(tx, count, rest)
        for line in rest:
            line.counted, line.counted_at = 0, clock.now()
            line.counted_by, line.counted_by_id = tx.actor.label[:120], tx.actor.user_id
    COUNT.fire(count, "submit")
    count.submitted_at = clock.now()
    tell(tx, "count.submitted", count, after={"uncounted": len(rest), "as_zero": cmd.zero, "round": count.round})
    return state_of(tx, count)


def recount(tx: Tx, cmd: CountAgain) -> CountState:
    """Open some lines again; what they said before is kept beside the new number."""
    count = lock_count(tx, cmd.count_id, "stock.count", cmd.version)
    COUNT.check(count, "recount")
    wanted = select(CountLine).where(CountLine.count_id == count.id, CountLine.id.in_(set(cmd.line_ids)))
    lines = list(tx.session.scalars(wanted))
    if not lines:
        raise InvalidInput(say("Choose what is to be counted again"), field="line_ids", code="lines_missing")
    COUNT.fire(count, "recount")
    count.round += 1
    for line in lines:
        line.first_counted = line.counted if line.first_counted is None else line.first_counted
        line.counted = line.expected = line.boxed = None
        line.round = count.round
    codes = checks.sku_codes(tx, [line.sku_id for line in lines])
    tell(tx, "count.recount", count, after={"round": count.round, "skus": sorted(codes.values())[:50]})
    return state_of(tx, count)


def cancel_count(tx: Tx, cmd: DropCount) -> CountState:
    """Give a count up; nothing is posted, its number and entries stay."""
    count = lock_count(tx, cmd.count_id, "stock.count", cmd.version)
    reason = bounded(cmd.reason, 500, "reason", missing=say("Say in a few words why"))
    COUNT.fire(count, "cancel")
    close(tx, count)
    tell(tx, "count.canceled", count, after={"status": count.status}, reason=reason)
    return state_of(tx, count)


# --- shared with approving ----------------------------------------------------------------------------------------


def lock_count(tx: Tx, count_id: int, action: str, version: int | None = None) -> StockCount:
    """A count of one of the actor's warehouses, locked and read afresh. Raises NotFound or Conflict."""
    tx.actor.require(action)
    statement = (
        select(StockCount)
        .where(StockCount.id == count_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    count = tx.session.scalars(statement).one_or_none()
    if count is None or not tx.actor.sees_warehouse(count.warehouse_id):
        raise NotFound(say("There is no such count, or it is not yours to see"), code="count_not_found")
    if version is not None and count.version != version:
        raise Conflict(say("Someone else changed this count; reload and look again"), code="stale")
    return count


def close(tx: Tx, count: StockCount) -> None:
    """It is over."""
    count.closed_at, count.closed_by = clock.now(), tx.actor.label[:120]


def state_of(tx: Tx, count: StockCount, *, added: int = 0, repeated: bool = False) -> CountState:
    """What a verb answers about a count."""
    tx.session.flush()
    found = select(func.count(), func.count(CountLine.counted)).where(CountLine.count_id == count.id)
    lines, counted = tx.session.execute(found).one()
    return CountState(count.id, count.number, count.status, lines, counted, added, repeated)


def tell(tx: Tx, action: str, count: StockCount, *, after: Mapping[str, object], reason: str = "") -> None:
    """Write down what was done to a count."""
    place = checks.warehouse_code(tx, count.warehouse_id)
    audit.record(tx, action, "stock_count", count.id, count.number, after={"warehouse": place, **after}, reason=reason)


def counters(tx: Tx, count_id: int) -> Collection[int]:
    """The people who entered numbers of a count."""
    statement = select(CountEntry.user_id).where(CountEntry.count_id == count_id, CountEntry.user_id.is_not(None))
    return {user for user in tx.session.scalars(statement.distinct()) if user is not None}
