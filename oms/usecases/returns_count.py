"""The count: every piece that came back is looked at and graded, and only then becomes stock (R3).

Good pieces can be sold again in the warehouse where they are; those to be mended and broken ones stand there as
damaged; what is missing, or is something else, adds nothing. Sets come back as the parts they left as.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from oms import clock
from oms.db import Tx
from oms.errors import Forbidden, InvalidInput, Refused, say
from oms.inventory import moving
from oms.inventory.models import MovementKind
from oms.inventory.moving import Why
from oms.orders.models import Order, OrderLine
from oms.returns.models import Return, ReturnLine
from oms.returns.queries import lock_return, parts_as_sent
from oms.returns.rules import moves_of
from oms.returns.states import RETURN, Condition, ReturnKind, ReturnReason, ReturnStatus
from oms.usecases import stock_checks as checks
from oms.usecases.keeping import bounded
from oms.usecases.orders_cancel import announce_freed
from oms.usecases.returns_base import ReturnResult, finish, unpromise


@dataclass(frozen=True)
class Counted:
    """What one order line turned out to be; what is missing is worked out."""

    order_line_id: int
    resell: int = 0
    repair: int = 0
    damaged: int = 0
    wrong: int = 0


@dataclass(frozen=True)
class InspectReturn:
    """The whole content of a return, counted. A line that is not named was not in the box. ``reason`` puts right why
    the goods came back."""

    return_id: int
    counts: tuple[Counted, ...]
    reason: ReturnReason | None = None
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class NeverArrived:
    """A return that was sent and will not come."""

    return_id: int
    note: str
    version: int | None = None


_CONDITIONS = tuple(Condition(f.name) for f in fields(Counted) if f.name != "order_line_id")


def inspect_return(tx: Tx, cmd: InspectReturn) -> ReturnResult:
    """Write down the count and move the stock. Raises TransitionRefused unless the goods are here and not counted, and
    InvalidInput for more pieces than can come back."""
    tx.actor.require("return.receive")
    note = bounded(cmd.note, 500, "note")
    ret, order = lock_return(tx, cmd.return_id, cmd.version)
    RETURN.check(ret, "inspect")
    if not tx.actor.sees_warehouse(ret.warehouse_id):
        raise Forbidden(say("{number} is in another warehouse", number=ret.number), code="warehouse_scope")
    counts = _checked(cmd.counts)
    _check_bounds(ret, order, counts)
    unpromise(order, ret)
    _write_down(tx, ret, counts)
    before = ret.status
    RETURN.fire(ret, "inspect")
    ret.inspected_at, ret.inspected_label, ret.count_note = clock.now(), tx.actor.label[:120], note or ret.count_note
    ret.reason = cmd.reason or ret.reason
    _restock(tx, ret, order)
    return finish(tx, ret, order, "return.inspected", told(ret), note, before=before)


def never_arrived(tx: Tx, cmd: NeverArrived) -> ReturnResult:
    """The buyer sent it and it was lost on its way to us: every piece counts as missing, and the return can be settled.
    What the carrier was bringing back by itself is settled as lost instead."""
    tx.actor.require("return.approve")
    note = bounded(cmd.note, 500, "note", missing=say("Say in a few words why"))
    ret, order = lock_return(tx, cmd.return_id, cmd.version)
    if ret.status is not ReturnStatus.IN_TRANSIT or ret.kind is not ReturnKind.CUSTOMER:
        raise Refused(say("Only for what a buyer has sent and what is not here"), code="return_missing_refused")
    unpromise(order, ret)
    for line in ret.lines:
        line.missing, line.is_counted = line.quantity, True
    ret.received_at = ret.inspected_at = clock.now()
    ret.received_label = ret.inspected_label = tx.actor.label[:120]
    ret.count_note = note
    RETURN.fire(ret, "receive")
    RETURN.fire(ret, "inspect")
    return finish(tx, ret, order, "return.missing", told(ret), note, before=ReturnStatus.IN_TRANSIT)


def told(ret: Return) -> dict[str, object]:
    """Pieces per condition, for the trace."""
    sums = {c.value: sum(getattr(line, c.value) for line in ret.lines) for c in Condition}
    return {name: pieces for name, pieces in sums.items() if pieces}


def _checked(counts: Sequence[Counted]) -> dict[int, dict[Condition, int]]:
    """The counts per order line, without nonsense."""
    twice = [i for i, n in Counter(c.order_line_id for c in counts).items() if n > 1]
    if twice:
        raise InvalidInput(say("A line is named twice"), field="lines", code="line_twice")
    found = {c.order_line_id: {k: int(getattr(c, k.value)) for k in _CONDITIONS} for c in counts}
    if any(pieces < 0 for listed in found.values() for pieces in listed.values()):
        raise InvalidInput(say("A count cannot be less than zero"), field="lines", code="count_range")
    return found


def _check_bounds(ret: Return, order: Order, counts: Mapping[int, Mapping[Condition, int]]) -> None:
    """No more than left and is still out, other returns of the order left alone (R8)."""
    lines = {line.id: line for line in order.lines}
    own = Counter(dict.fromkeys(counts, 0))
    for part in ret.lines:
        own[part.order_line_id] += part.quantity
    for line_id, listed in counts.items():
        line = lines.get(line_id)
        if line is None:
            raise InvalidInput(say("This is not an item of the order"), field="lines", code="line_unknown")
        most = line.shipped - line.returned - line.coming_back + own[line_id]
        if sum(listed.values()) > most:
            raise InvalidInput(
                say("Of {sku} at most {most} can come back", sku=line.sku_code, most=most),
                field="lines", code="return_quantity",
            )  # fmt: skip


def _write_down(tx: Tx, ret: Return, counts: Mapping[int, Mapping[Condition, int]]) -> None:
    """Share the counts out over the return's lines; more than was asked for is added, less is missing."""
    rest = {line_id: dict(listed) for line_id, listed in counts.items()}
    for part in ret.lines:
        _fill(part, rest.get(part.order_line_id, {}), part.quantity)
    for line_id, listed in rest.items():
        extra = sum(listed.values())
        if not extra:
            continue
        line = next((x for x in ret.lines if x.order_line_id == line_id), None)
        if line is None:
            line = ReturnLine(
                order_line_id=line_id, shipment_id=ret.shipment_id, quantity=0, resell=0, repair=0, damaged=0,
                missing=0, wrong=0, is_counted=False,
            )  # fmt: skip
            ret.lines.append(line)
        line.quantity += extra
        _fill(line, listed, extra)
    for line in ret.lines:
        line.missing = line.quantity - line.back - line.wrong
        line.is_counted = True
    tx.session.flush()  # new lines get their ids before anything refers to them


def _fill(line: ReturnLine, listed: dict[Condition, int], room: int) -> None:
    """Move up to ``room`` pieces from the count onto a line."""
    for condition in _CONDITIONS:
        taken = min(room, listed.get(condition, 0))
        if taken:
            setattr(line, condition.value, getattr(line, condition.value) + taken)
            listed[condition] -= taken
            room -= taken


def _restock(tx: Tx, ret: Return, order: Order) -> None:
    """Put what is here on the books, in the warehouse where it is."""
    lines: dict[int, OrderLine] = {line.id: line for line in order.lines}
    for line in ret.lines:
        lines[line.order_line_id].returned += line.back
    parts = parts_as_sent(tx.session, [lines[line.order_line_id] for line in ret.lines])
    moves = moves_of(
        [({c: getattr(line, c.value) for c in Condition}, parts[line.order_line_id]) for line in ret.lines]
    )
    if not moves:
        return
    levels = moving.lock(tx, ret.warehouse_id, sorted({move.sku_id for move in moves}))
    checks.refuse_impossible(tx, ret.warehouse_id, levels, moves)
    why = Why(MovementKind.RETURN, ret.number, f"return.{ret.reason.value}", order.id)
    announce_freed(tx, moving.post(tx, ret.warehouse_id, levels, moves, why), ret.number)
