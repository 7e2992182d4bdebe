"""One action on many orders: a result per order; what is not allowed is skipped with its reason (S4).

``start_bulk`` writes the list down once per idempotency key; ``work_bulk`` does the next few. Small lists are worked
off by the request that started them, long ones by a job; either can take over from the other, because a result is
written in the transaction of its change and an order with a result is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from oms import audit, clock, outbox
from oms.actor import Actor
from oms.db import Tx
from oms.documents.states import DocumentKind
from oms.errors import InvalidInput, NotFound, OmsError, Say, say
from oms.orders.models import BulkRow, BulkRun, Order
from oms.orders.queries import visible
from oms.orders.states import CancelReason, HoldReason
from oms.usecases.documents import IssueDocument, issue_document
from oms.usecases.orders_cancel import CancelOrder, Restock, cancel_order
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_holds import HoldOrder, ReleaseHold, hold_order, release_hold
from oms.usecases.orders_notes import AssignOrder, TagOrder, assign_order, read_tag, tag_order
from oms.usecases.parked import ExtendExpiry, RemindBuyer, check_hours, extend_expiry, remind_buyer
from oms.usecases.routing_moves import MarkUrgent, RerouteOrder, mark_urgent, reroute_order
from oms.usecases.sentences import pack
from oms.usecases.shipping_boxes import ready_one

TOPIC = "orders.bulk"
AT_ONCE = 50  # longer lists go to the background
MOST = 5000
TAKE_OVER = timedelta(seconds=60)  # a request that died leaves its list to the background after this
OK = "ok"

Params = Mapping[str, Any]


@dataclass(frozen=True)
class BulkAction:
    """What can be done to many: the named action it needs, how parameters are checked, and the verb for one order."""

    label: str
    needs: str
    check: Callable[[Params], object]
    run: Callable[[Tx, int, Params], object]
    everywhere: bool = True  # offered on every list of orders; else only where its work is done
    told: Callable[[Any], Say] | None = None  # what to say of one that was done


def _cancel(order_id: int, p: Params) -> CancelOrder:
    restock = Restock(p.get("restock") or Restock.FREE.value)
    return CancelOrder(order_id, CancelReason(p.get("reason", "")), p.get("note", ""), restock)


def _hold(order_id: int, p: Params) -> HoldOrder:
    return HoldOrder(order_id, HoldReason(p.get("reason", "")), p.get("note", ""))


def _release(order_id: int, p: Params) -> ReleaseHold:
    return ReleaseHold(order_id, HoldReason(p["reason"]) if p.get("reason") else None, p.get("note", ""))


def _assign(order_id: int, p: Params) -> AssignOrder:
    return AssignOrder(order_id, int(p["user_id"]) if p.get("user_id") else None, p.get("label", ""))


def _route(order_id: int, p: Params) -> RerouteOrder:
    place = int(p["warehouse_id"]) if p.get("warehouse_id") else None  # ValueError is told by ``_checked``
    return RerouteOrder(order_id, place, reason=p.get("note", ""))


def _issue(order_id: int, p: Params) -> IssueDocument:
    return IssueDocument(DocumentKind(p.get("kind", "")), (order_id,))


BULK_ACTIONS: dict[str, BulkAction] = {
    "confirm": BulkAction(
        "Confirm", "order.confirm", lambda _: None, lambda tx, i, _: confirm_order(tx, ConfirmOrder(i))
    ),
    "tag": BulkAction(
        "Add a tag", "order.note", lambda p: read_tag(p.get("tag", "")),
        lambda tx, i, p: tag_order(tx, TagOrder(i, p["tag"])),
    ),
    "untag": BulkAction(
        "Take a tag off", "order.note", lambda p: read_tag(p.get("tag", "")),
        lambda tx, i, p: tag_order(tx, TagOrder(i, p["tag"], remove=True)),
    ),
    "hold": BulkAction(
        "Put on hold", "order.hold", lambda p: _hold(0, p), lambda tx, i, p: hold_order(tx, _hold(i, p))
    ),
    "release": BulkAction(
        "Release", "order.release_hold", lambda p: _release(0, p),
        lambda tx, i, p: release_hold(tx, _release(i, p)),
    ),
    "cancel": BulkAction(
        "Cancel", "order.cancel", lambda p: _cancel(0, p), lambda tx, i, p: cancel_order(tx, _cancel(i, p))
    ),
    "remind": BulkAction(
        "Reminded of the payment", "payment.claim", lambda _: None,
        lambda tx, i, _: remind_buyer(tx, RemindBuyer(i)), everywhere=False,
    ),
    "extend": BulkAction(
        "More time to pay", "payment.claim", lambda p: check_hours(int(p.get("hours") or 0)),
        lambda tx, i, p: extend_expiry(tx, ExtendExpiry(i, int(p["hours"]))), everywhere=False,
    ),
    "ready": BulkAction(
        "Make ready to pick", "shipment.pack", lambda _: None, lambda tx, i, _: ready_one(tx, i)
    ),
    "route": BulkAction(
        "Choose the warehouse", "stock.route", lambda p: _route(0, p), lambda tx, i, p: reroute_order(tx, _route(i, p))
    ),
    "urgent": BulkAction(
        "First in the queue for stock", "stock.route", lambda _: None,
        lambda tx, i, p: mark_urgent(tx, MarkUrgent(i, reason=p.get("note", ""))),
    ),
    "calm": BulkAction(
        "Back in its turn", "stock.route", lambda _: None,
        lambda tx, i, p: mark_urgent(tx, MarkUrgent(i, urgent=False, reason=p.get("note", ""))),
    ),
    "issue": BulkAction(
        "Issue documents", "document.issue", lambda p: _issue(0, p),
        lambda tx, i, p: issue_document(tx, _issue(i, p)), told=lambda done: say("{number}", number=done.number),
    ),
    "assign": BulkAction(
        "Assign", "order.assign", lambda p: _assign(0, p), lambda tx, i, p: assign_order(tx, _assign(i, p))
    ),
}  # fmt: skip


@dataclass(frozen=True)
class StartBulk:
    action: str
    order_ids: tuple[int, ...]
    params: Params
    idempotency_key: str


@dataclass(frozen=True)
class BulkState:
    """How far a run is. ``at_once``: short enough for the request that started it."""

    run_id: int
    total: int
    done: int
    at_once: bool

    @property
    def finished(self) -> bool:
        return self.done >= self.total


def _checked(cmd: StartBulk) -> BulkAction:
    action = BULK_ACTIONS.get(cmd.action)
    if action is None:
        raise InvalidInput(say("Choose what to do"), field="action", code="bulk_action")
    if not cmd.order_ids:
        raise InvalidInput(say("Choose at least one order"), field="order_ids", code="bulk_empty")
    if len(cmd.order_ids) > MOST:
        raise InvalidInput(say("Choose {most} orders at most", most=MOST), field="order_ids", code="bulk_many")
    try:
        action.check(cmd.params)
    except ValueError:
        raise InvalidInput(say("Choose a reason"), field="reason", code="bulk_reason") from None
    return action


def start_bulk(tx: Tx, cmd: StartBulk) -> BulkState:
    """Write down what is to be done to which orders. The same key again answers with the first run."""
    tx.actor.require(_checked(cmd).needs)
    ids = list(dict.fromkeys(cmd.order_ids))
    run_id = tx.session.scalar(
        insert(BulkRun)
        .values(
            action=cmd.action, params=dict(cmd.params), order_ids=ids, actor=tx.actor.snapshot(),
            user_id=tx.actor.user_id, user_label=tx.actor.label, idempotency_key=cmd.idempotency_key,
            created_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=[BulkRun.idempotency_key])
        .returning(BulkRun.id)
    )  # fmt: skip
    if run_id is None:
        earlier = tx.session.scalars(select(BulkRun).where(BulkRun.idempotency_key == cmd.idempotency_key)).one()
        return bulk_state(tx.session, tx.actor, earlier.id)
    at_once = len(ids) <= AT_ONCE
    not_before = clock.now() + TAKE_OVER if at_once else None
    outbox.add_many(tx, [outbox.Owed(TOPIC, f"{TOPIC}:{run_id}", {"run_id": run_id}, not_before)])
    audit.record(
        tx, "orders.bulk_started", "bulk_run", run_id, BULK_ACTIONS[cmd.action].label,
        after={"action": cmd.action, "orders": len(ids), **cmd.params},
    )  # fmt: skip
    return BulkState(run_id, len(ids), 0, at_once)


def get_run(session: Session, actor: Actor, run_id: int) -> BulkRun:
    """A run of one's own; those who manage background work see all. Raises NotFound."""
    run = session.get(BulkRun, run_id)
    if run is None or (run.user_id != actor.user_id and not actor.may("operations.manage")):
        raise NotFound(say("There is no such bulk work of yours"), code="bulk_not_found")
    return run


def bulk_state(session: Session, actor: Actor, run_id: int) -> BulkState:
    """How far a run is."""
    run = get_run(session, actor, run_id)
    return BulkState(run.id, len(run.order_ids), _done(session, run_id), len(run.order_ids) <= AT_ONCE)


def _done(session: Session, run_id: int) -> int:
    """Orders are done in the order they were chosen, so the count is also the place of the next one."""
    return session.scalar(select(func.count()).where(BulkRow.run_id == run_id)) or 0


def bulk_rows(session: Session, run_id: int) -> list[BulkRow]:
    """The results so far, in the order the orders were chosen."""
    return list(session.scalars(select(BulkRow).where(BulkRow.run_id == run_id).order_by(BulkRow.position)))


def work_bulk(tx: Tx, run_id: int) -> BulkState:
    """Do the next order of a run; call until ``finished``. One order is one transaction, so locks stay short.

    Raises NotFound for somebody else's run. A refusal is that order's result, and nothing of it is changed.
    """
    run = get_run(tx.session, tx.actor, run_id)
    acting = replace(tx, actor=Actor.restored(run.actor)) if tx.actor.kind == "system" else tx
    tx.session.execute(select(BulkRun.id).where(BulkRun.id == run_id).with_for_update())  # one worker at a time
    total, done = len(run.order_ids), _done(tx.session, run_id)
    if done < total:
        _do_one(acting, run, done, run.order_ids[done])
        done += 1
    if done == total and run.finished_at is None:
        tx.session.execute(update(BulkRun).where(BulkRun.id == run_id).values(finished_at=clock.now()))
    return BulkState(run.id, total, done, total <= AT_ONCE)


def _do_one(tx: Tx, run: BulkRun, position: int, order_id: int) -> None:
    number = tx.session.scalar(visible(tx.actor).with_only_columns(Order.number).where(Order.id == order_id))
    code, message = OK, None
    try:
        with tx.session.begin_nested():
            action = BULK_ACTIONS[run.action]
            done = action.run(tx, order_id, run.params)
            tx.session.flush()
            message = pack(action.told(done)) if action.told else None
    except OmsError as refusal:
        code, message = refusal.detail_code, pack(refusal.message)
    tx.session.add(
        BulkRow(
            run_id=run.id, order_id=order_id, position=position, number=number or "–", code=code[:64], message=message
        )
    )
