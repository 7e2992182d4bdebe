"""Telling customers: what verbs say in one line when something happened that a customer wants to hear of.

What is said goes into the outbox in the transaction of the change, and only when some route or webhook is switched on;
nothing else happens here. A job then decides who is told and how (``notices_expand``). Said twice it is owed once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import text

from oms import clock
from oms.db import Tx
from oms.notifications.catalogue import Event
from oms.orders.models import Order
from oms.payments.models import PaymentClaim
from oms.payments.states import PaymentMethod

TOPIC = "notify.tell"
AT_MOST = 1000  # orders in one row of the outbox

_TELL = text(
    "INSERT INTO outbox (topic, key, payload, status, attempts, created_at, next_try_at, last_error)"
    " SELECT :topic, t.key, t.payload, 'waiting', 0, :at, :at, ''"
    " FROM unnest(CAST(:keys AS varchar[]), CAST(:payloads AS jsonb[])) AS t(key, payload)"
    " WHERE EXISTS (SELECT 1 FROM message_accounts WHERE is_active) OR EXISTS (SELECT 1 FROM api_hooks WHERE is_active)"
    " ON CONFLICT (key) DO NOTHING"
)

_OF_CLAIM: Final = {"verify": Event.PAID, "reject": Event.SLIP_REJECTED}
_NOT_THEIRS: Final = frozenset({PaymentMethod.COD, PaymentMethod.PAYOUT, PaymentMethod.CREDIT_NOTE})

Told = tuple[int, str]  # (order id, revision)


def tell(tx: Tx, event: Event, about: Iterable[Told], *, urgent: bool = False) -> None:
    """Something happened to these orders: ``about`` names each order and what it happened to (``s12``: shipment 12).
    ``urgent``: somebody waits for the message, so quiet hours do not hold it. One statement for any number; it
    writes nothing while no route and no webhook is switched on."""
    listed = sorted(set(about))
    if not listed:
        return
    parts = [listed[i : i + AT_MOST] for i in range(0, len(listed), AT_MOST)]
    tx.session.flush()  # what is told has happened
    tx.session.execute(
        _TELL,
        {
            "topic": TOPIC,
            "at": clock.now(),
            "keys": [_key(event, part) for part in parts],
            "payloads": [json.dumps({"event": event.value, "about": part, "urgent": urgent}) for part in parts],
        },
    )


def _key(event: Event, part: Sequence[Told]) -> str:
    """Equal for the same thing said of the same orders."""
    mark = hashlib.sha256(json.dumps(part).encode()).hexdigest()[:32]
    return f"{TOPIC}:{event.value}:{mark}"


def of_shipment(shipment_id: int) -> str:
    """The revision of what happens to a shipment."""
    return f"s{shipment_id}"


def of_parcel(parcel_id: int) -> str:
    """The revision of a box whose number changed: another number is another parcel row."""
    return f"p{parcel_id}"


def of_claim(claim_id: int) -> str:
    """The revision of what happens to a payment."""
    return f"c{claim_id}"


def of_return(return_id: int) -> str:
    """The revision of what happens to a return."""
    return f"r{return_id}"


def of_refund(refund_id: int) -> str:
    """The revision of what happens to a refund."""
    return f"f{refund_id}"


def of_reminder(moment_id: int) -> str:
    """The revision of one reminder."""
    return f"m{moment_id}"


ONCE = "0"  # the revision of what happens to an order once


def tell_payment(tx: Tx, claim: PaymentClaim, orders: Sequence[Order], transition: str) -> None:
    """A payment was decided: its buyers hear of money that came in, and of a slip that was turned down. A carrier's
    cash and a platform's payout are no news to them."""
    event = _OF_CLAIM.get(transition)
    if event is None or claim.method in _NOT_THEIRS:
        return
    tell(tx, event, [(order.id, of_claim(claim.id)) for order in orders])
