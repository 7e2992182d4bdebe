"""What subscribers are told: owed once for each (subscription, event), signed, tried again for a day, then given up.

Nobody's name, phone or address is in it: the receiver reads the order with a key, as that key may.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from oms import audit, clock, outbox
from oms.api.models import ApiDelivery, ApiHook
from oms.api.states import DeliveryStatus
from oms.db import Tx
from oms.errors import NotFound, Refused, say
from oms.net.silence import SILENCE_LABELS
from oms.orders.models import Order
from oms.outbox import Owed
from oms.sealing import Sealer
from oms.usecases.api_hooks import CANCELED, PING, own_hook

TOPIC = "api.deliver"
TELL = "api.tell"
PAUSES: Final = (10, 60, 300, 1800, 7200, 21_600, 43_200)  # seconds after each failed try; a day in all
STOP_AFTER: Final = timedelta(days=3)  # without one good answer; then the subscription is switched off
KEEP: Final = timedelta(days=30)
OFF: Final = "off"
TROUBLE_LABELS: Final[dict[str, str]] = {
    **SILENCE_LABELS,
    OFF: "The webhook was switched off",
    "host_inside": "The address lies inside a private network",
}  # why a try failed, as it is stored; else what the receiver answered
Told = tuple[int, str]

_ANNOUNCE = text(
    "INSERT INTO outbox (topic, key, payload, status, attempts, created_at, next_try_at, last_error)"
    " SELECT :topic, :key, CAST(:payload AS jsonb), 'waiting', 0, :at, :at, ''"
    " WHERE EXISTS (SELECT 1 FROM api_hooks WHERE is_active) ON CONFLICT (key) DO NOTHING"
)


@dataclass(frozen=True)
class Outgoing:
    """A delivery that is being tried, with what it needs, outside any transaction."""

    id: int
    hook_id: int
    url: str
    event: str
    event_id: str
    body: str
    attempts: int
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Tried:
    """How a try ended. ``status`` None: no answer; ``error`` "": delivered, else a key of ``TROUBLE_LABELS``."""

    status: int | None
    error: str
    took_ms: int


def announce_canceled(tx: Tx, orders: Sequence[Order]) -> None:
    """Orders were canceled or expired. One statement for any number; it writes nothing while nobody subscribed."""
    about = [[order.id, "0"] for order in sorted(orders, key=lambda o: o.id)]
    if not about:
        return
    mark = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]
    payload = json.dumps({"event": CANCELED, "about": about})
    facts = {"topic": TELL, "key": f"{TELL}:{CANCELED}:{mark}", "payload": payload, "at": clock.now()}
    tx.session.execute(_ANNOUNCE, facts)


def owe_deliveries(tx: Tx, event: str, about: Sequence[Told]) -> int:
    """Something happened to these orders: every subscription to it is owed a delivery. Said before, it adds none."""
    hooks = tx.session.execute(
        select(ApiHook.id, ApiHook.shops).where(ApiHook.is_active, ApiHook.events.contains([event]))
    ).all()
    if not hooks or not about:
        return 0
    orders = {o.id: o for o in tx.session.scalars(select(Order).where(Order.id.in_({i for i, _ in about})))}
    rows = [
        _row(hook.id, event, f"{event}:{order_id}:{revision}", orders[order_id], revision)
        for order_id, revision in sorted(set(about))
        if order_id in orders
        for hook in hooks
        if hook.shops is None or orders[order_id].shop_id in hook.shops
    ]
    return _owe(tx, rows)


def owe_ping(tx: Tx, hook_id: int) -> None:
    """Send a trial to a subscription."""
    row = own_hook(tx, hook_id)
    if not row.is_active:
        raise Refused(say("Switch the webhook on first"), code="hook_off")
    _owe(tx, [_row(row.id, PING, f"{PING}:{uuid4().hex}", None, "")])


def _row(hook_id: int, event: str, event_id: str, order: Order | None, revision: str) -> dict[str, object]:
    now = clock.now()
    said: dict[str, object] = {"id": event_id, "event": event, "at": now.isoformat().replace("+00:00", "Z")}
    if order is not None:
        said["about"] = revision
        said["order"] = {
            "id": order.id, "number": order.number, "shop_id": order.shop_id, "external_no": order.external_no,
            "status": order.status.value, "payment_status": order.payment_status.value,
            "fulfillment_status": order.fulfillment_status.value,
        }  # fmt: skip
    return {
        "hook_id": hook_id, "event": event, "event_id": event_id, "order_id": order.id if order else None,
        "body": json.dumps(said, ensure_ascii=False), "status": DeliveryStatus.WAITING, "attempts": 0,
        "last_error": "", "created_at": now,
    }  # fmt: skip


def _owe(tx: Tx, rows: Sequence[dict[str, object]]) -> int:
    if not rows:
        return 0
    made = tx.session.scalars(insert(ApiDelivery).values(rows).on_conflict_do_nothing().returning(ApiDelivery.id)).all()
    outbox.add_many(tx, [Owed(TOPIC, f"{TOPIC}:{row_id}:0", {"delivery_id": row_id}) for row_id in made])
    return len(made)


def begin_delivery(tx: Tx, delivery_id: int, sealer: Sealer) -> Outgoing | None:
    """What is to be sent; None when it is settled or its subscription is off (then it is given up)."""
    row = tx.session.get(ApiDelivery, delivery_id, with_for_update=True)
    if row is None or row.status is not DeliveryStatus.WAITING:
        return None
    hook = tx.session.get_one(ApiHook, row.hook_id)
    if not hook.is_active:
        row.status, row.last_error = DeliveryStatus.FAILED, OFF
        return None
    secret = sealer.open(hook.secrets)["secret"]
    return Outgoing(row.id, hook.id, hook.url, row.event, row.event_id, row.body, row.attempts, secret)


def record_try(tx: Tx, sent: Outgoing, tried: Tried) -> None:
    """Write down how a try ended: delivered, to be tried again after a growing pause, or given up."""
    row = tx.session.get_one(ApiDelivery, sent.id, with_for_update=True)
    if row.status is not DeliveryStatus.WAITING:
        return
    now = clock.now()
    row.attempts += 1
    row.tried_at, row.answer_status, row.took_ms, row.last_error = now, tried.status, tried.took_ms, tried.error[:300]
    if not tried.error:
        row.status, row.delivered_at = DeliveryStatus.DELIVERED, now
        _note(tx, sent.hook_id, last_ok_at=now, failing_since=None)
        return
    if row.attempts > len(PAUSES):
        row.status = DeliveryStatus.FAILED
    else:
        later = now + timedelta(seconds=PAUSES[row.attempts - 1])
        owed = Owed(TOPIC, f"{TOPIC}:{row.id}:{uuid4().hex[:12]}", {"delivery_id": row.id}, not_before=later)
        outbox.add_many(tx, [owed])
    _note(tx, sent.hook_id, last_error=tried.error[:300], last_error_at=now)
    _stop_if_long(tx, sent.hook_id, now)


def _note(tx: Tx, hook_id: int, **facts: object) -> None:
    """Facts of a subscription that are no change of it: whoever edits it is not told that somebody was faster."""
    tx.session.execute(update(ApiHook.__table__).where(ApiHook.__table__.c.id == hook_id).values(**facts))  # type: ignore[arg-type]


def _stop_if_long(tx: Tx, hook_id: int, now: datetime) -> None:
    hook = tx.session.get_one(ApiHook, hook_id, with_for_update=True, populate_existing=True)
    if hook.failing_since is None:
        _note(tx, hook_id, failing_since=now)
    elif hook.is_active and now - hook.failing_since >= STOP_AFTER:
        hook.is_active, hook.stopped = False, "failing"
        audit.record(tx, "api_hook.stopped", "api_hook", hook.id, hook.name, reason=hook.last_error)


def resend(tx: Tx, hook_id: int, delivery_id: int) -> None:
    """Send a delivery once more, byte for byte, with as many tries as a new one."""
    hook = own_hook(tx, hook_id)
    row = tx.session.get(ApiDelivery, delivery_id, with_for_update=True)
    if row is None or row.hook_id != hook.id:
        raise NotFound(say("There is no such record"), code="record_not_found")
    if not hook.is_active:
        raise Refused(say("Switch the webhook on first"), code="hook_off")
    if row.status is DeliveryStatus.WAITING:
        raise Refused(say("It is under way already"), code="delivery_waiting")
    row.status, row.attempts = DeliveryStatus.WAITING, 0
    outbox.add_many(tx, [Owed(TOPIC, f"{TOPIC}:{row.id}:{uuid4().hex[:12]}", {"delivery_id": row.id})])
    audit.record(tx, "api_hook.resent", "api_hook", hook.id, hook.name, after={"event_id": row.event_id})


def signature(secret: str, timestamp: int, body: str) -> str:
    """What proves that a body is ours and of this moment."""
    digest = hmac.new(secret.encode(), f"{timestamp}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def forget_deliveries(tx: Tx, limit: int = 20_000) -> int:
    """Remove deliveries that ended long ago; returns how many."""
    old = select(ApiDelivery.id).where(
        ApiDelivery.created_at < clock.now() - KEEP, ApiDelivery.status != DeliveryStatus.WAITING
    )
    chosen = old.order_by(ApiDelivery.created_at).limit(limit)
    return len(
        tx.session.execute(delete(ApiDelivery).where(ApiDelivery.id.in_(chosen)).returning(ApiDelivery.id)).all()
    )
