"""One action on many shipments at once: a result for each, kept for the page that shows them (S4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from oms import audit, clock
from oms.actor import Actor
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, OmsError, say
from oms.shipping.floor import queries
from oms.shipping.floor.models import ShipmentRun
from oms.shipping.models import Shipment
from oms.shipping.queries import lock_with_orders, visible_shipments
from oms.usecases.bookings import book_parcels
from oms.usecases.carrier_choice import AssignCarrier, assign_carrier
from oms.usecases.keeping import bounded
from oms.usecases.number_ranges import allot_numbers
from oms.usecases.picking import MOST as MOST_PICKED
from oms.usecases.picking import MakePickList, make_pick_list
from oms.usecases.sentences import pack
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_parcels import ChangeCarrier, change_carrier
from oms.usecases.shipping_work import Answers, hand_over_shipments

MOST = 500
OK = "ok"
Params = Mapping[str, Any]


@dataclass(frozen=True)
class WorkOn:
    """``params``: what the action needs besides (carrier, service). ``idempotency_key``: one per shown form."""

    action: str
    shipment_ids: tuple[int, ...]
    params: Params
    idempotency_key: str


@dataclass(frozen=True)
class RunDone:
    """``lists``: picking lists that were made, as (id, number)."""

    run_id: int
    done: int
    refused: int
    lists: tuple[tuple[int, str], ...] = ()
    repeated: bool = False


def _carry(tx: Tx, ids: tuple[int, ...], params: Params) -> tuple[Answers, list[tuple[int, str]]]:
    lock_with_orders(tx, ids)  # all of them in one order, before each is changed by itself
    answers: Answers = {}
    for shipment_id in ids:
        cmd = ChangeCarrier(shipment_id, str(params.get("carrier", "")), str(params.get("service", "")))
        try:
            with tx.session.begin_nested():
                answers[shipment_id] = change_carrier(tx, cmd)
        except OmsError as refusal:
            answers[shipment_id] = refusal
    return answers, []


def _leave(tx: Tx, ids: tuple[int, ...], _: Params) -> tuple[Answers, list[tuple[int, str]]]:
    return hand_over_shipments(tx, ids), []


def _ready(tx: Tx, ids: tuple[int, ...], _: Params) -> tuple[Any, list[tuple[int, str]]]:
    """Stopped shipments whose gate is open again go on; the answer of an order is that of its shipments."""
    inside = {i: queries.orders_in(tx.session, [i]) for i in visible_ids(tx, ids)}
    answers = make_ready(tx, sorted({o for orders in inside.values() for o in orders}))
    found: dict[int, Any] = {}
    for shipment_id, orders in inside.items():
        refused = next((answers[o] for o in sorted(orders) if isinstance(answers[o], OmsError)), None)
        found[shipment_id] = refused or OK
    return found, []


def _pick(tx: Tx, ids: tuple[int, ...], _: Params) -> tuple[Any, list[tuple[int, str]]]:
    """A picking list per warehouse; long ones are cut."""
    places: dict[int, list[int]] = {}
    for row in tx.session.execute(
        visible_shipments(tx.actor).with_only_columns(Shipment.id, Shipment.warehouse_id).where(Shipment.id.in_(ids))
    ):
        places.setdefault(row[1], []).append(row[0])
    answers: dict[int, Any] = {}
    lists: list[tuple[int, str]] = []
    for place, mine in sorted(places.items()):
        for start in range(0, len(mine), MOST_PICKED):
            some = tuple(mine[start : start + MOST_PICKED])
            try:
                with tx.session.begin_nested():
                    made = make_pick_list(tx, MakePickList(place, some))
            except OmsError as refusal:
                answers |= dict.fromkeys(some, refusal)
                continue
            answers |= {i: made.refused.get(i, OK) for i in some}
            lists.append((made.batch_id, made.number))
    return answers, lists


def _number(tx: Tx, ids: tuple[int, ...], _: Params) -> tuple[Any, list[tuple[int, str]]]:
    return _fine(allot_numbers(tx, ids)), []


def _book(tx: Tx, ids: tuple[int, ...], _: Params) -> tuple[Any, list[tuple[int, str]]]:
    return _fine(book_parcels(tx, ids)), []


def _usual(tx: Tx, ids: tuple[int, ...], _: Params) -> tuple[Any, list[tuple[int, str]]]:
    return _fine(assign_carrier(tx, AssignCarrier(ids))), []


def _fine(answers: Mapping[int, Any]) -> dict[int, Any]:
    """Refusals as they are, everything else as done."""
    return {i: answer if isinstance(answer, OmsError) else OK for i, answer in answers.items()}


@dataclass(frozen=True)
class RunAction:
    """What can be done to many: its label and the named action it needs."""

    label: str
    needs: str
    run: Callable[[Tx, tuple[int, ...], Params], tuple[Any, list[tuple[int, str]]]]


BULK_ACTIONS: dict[str, RunAction] = {
    "pick": RunAction("Make a picking list", "shipment.pack", _pick),
    "number": RunAction("Give tracking numbers", "shipment.label", _number),
    "book": RunAction("Book with the carrier", "shipment.label", _book),
    "usual": RunAction("Take the default carrier", "shipment.label", _usual),
    "carrier": RunAction("Name the carrier", "shipment.pack", _carry),
    "hand_over": RunAction("Hand over", "shipment.hand_over", _leave),
    "ready": RunAction("Make ready again", "shipment.pack", _ready),
}


def visible_ids(tx: Tx, ids: tuple[int, ...]) -> list[int]:
    """Those of these shipments that the actor may see."""
    statement = visible_shipments(tx.actor).with_only_columns(Shipment.id).where(Shipment.id.in_(ids))
    return sorted(tx.session.scalars(statement))


def work_on(tx: Tx, cmd: WorkOn) -> RunDone:
    """Do one thing to many shipments; each is done or refused by itself. The same key again answers with the first run.

    Raises InvalidInput when nothing, too much or nothing known is asked for.
    """
    action = BULK_ACTIONS.get(cmd.action)
    if action is None:
        raise InvalidInput(say("Choose what to do"), field="action", code="bulk_action")
    tx.actor.require(action.needs)
    ids = tuple(dict.fromkeys(cmd.shipment_ids))
    if not ids:
        raise InvalidInput(say("Choose at least one shipment"), field="shipment_ids", code="bulk_empty")
    if len(ids) > MOST:
        raise InvalidInput(say("Choose {most} shipments at most", most=MOST), field="shipment_ids", code="bulk_many")
    key = bounded(cmd.idempotency_key, 120, "idempotency_key", missing=say("The form has no key; open it again"))
    if earlier := tx.session.scalars(select(ShipmentRun).where(ShipmentRun.idempotency_key == key)).one_or_none():
        return _told(earlier, repeated=True)
    answers, lists = action.run(tx, ids, cmd.params)
    names = dict(
        tx.session.execute(select(Shipment.id, Shipment.number).where(Shipment.id.in_(visible_ids(tx, ids)))).all()
    )  # fmt: skip
    missing = NotFound(say("There is no such shipment, or it is not yours to see"), code="shipment_not_found")
    results = [_result(i, names.get(i, "–"), answers.get(i, missing)) for i in ids]
    run = ShipmentRun(
        action=cmd.action, params={**cmd.params, "lists": [list(x) for x in lists]}, results=results,
        user_id=tx.actor.user_id, user_label=tx.actor.label[:120], idempotency_key=key, at=clock.now(),
    )  # fmt: skip
    tx.session.add(run)
    tx.session.flush()  # the audit row names it
    done = _told(run)
    after = {"action": cmd.action, "shipments": len(ids), "refused": done.refused, **cmd.params}
    audit.record(tx, "shipments.bulk", "shipment_run", run.id, action.label, after=after)
    return done


def _result(shipment_id: int, number: str, answer: Any) -> list[Any]:
    if isinstance(answer, OmsError):
        return [shipment_id, number, answer.detail_code, pack(answer.message)]
    return [shipment_id, number, OK, None]


def _told(run: ShipmentRun, *, repeated: bool = False) -> RunDone:
    done = sum(1 for row in run.results if row[2] == OK)
    lists = tuple((int(i), str(n)) for i, n in run.params.get("lists", ()))
    return RunDone(run.id, done, len(run.results) - done, lists, repeated)


def get_run(session: Session, actor: Actor, run_id: int) -> ShipmentRun:
    """A run of one's own; those who manage background work see all. Raises NotFound."""
    run = session.get(ShipmentRun, run_id)
    if run is None or (run.user_id != actor.user_id and not actor.may("operations.manage")):
        raise NotFound(say("There is no such bulk work of yours"), code="bulk_not_found")
    return run
