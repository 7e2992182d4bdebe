"""Webhooks on their way: one delivery a job, never with a transaction open across the network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from flask import current_app

from jobs.context import program
from oms import clock, outbox
from oms.db import Tx, transaction
from oms.errors import InvalidInput
from oms.net.outside import resolved
from oms.net.silence import Silence
from oms.net.transport import Patience, Transport
from oms.outbox import Work
from oms.usecases.api_deliveries import (
    TELL,
    TOPIC,
    Outgoing,
    Tried,
    begin_delivery,
    owe_deliveries,
    record_try,
    signature,
)

__all__ = ["TELL", "TOPIC", "deliver", "tell"]
PATIENCE: Final = Patience(connect=4.0, read=8.0, whole=10.0)
ANSWER_AT_MOST: Final = 16 * 1024


def tell(tx: Tx, *, event: str, about: Sequence[Sequence[object]]) -> None:
    """Something happened to these orders: subscribers are owed a delivery."""
    owe_deliveries(tx, event, [(int(str(order_id)), str(revision)) for order_id, revision in about])


def deliver(work: Work) -> None:
    """Send one delivery and write down how it went."""
    sealer = current_app.extensions["oms.sealer"]
    with transaction(program(work)) as tx:
        sent = begin_delivery(tx, int(work.payload["delivery_id"]), sealer)
    tried = None if sent is None else post(sent, current_app.extensions["oms.settings"].inside_hosts)
    with transaction(program(work)) as tx:
        if outbox.settle(tx, work.id) and sent is not None and tried is not None:
            record_try(tx, sent, tried)


def post(sent: Outgoing, inside: Sequence[str]) -> Tried:
    """One try. Redirects are not followed; only 2xx counts as delivered."""
    began = time.monotonic()
    try:
        status, error = _post(sent, inside)
    except Silence as silence:
        status, error = None, silence.why
    except InvalidInput as refusal:
        status, error = None, refusal.detail_code
    return Tried(status, error, int((time.monotonic() - began) * 1000))


def _post(sent: Outgoing, inside: Sequence[str]) -> tuple[int, str]:
    parts = urlsplit(sent.url)
    transport = Transport(
        f"{parts.scheme}://{parts.netloc}", patience=PATIENCE, max_bytes=ANSWER_AT_MOST, connections=1,
        pinned=resolved(sent.url, inside),
    )  # fmt: skip
    now = int(clock.now().timestamp())
    headers = {
        "content-type": "application/json", "user-agent": "Ruam-Webhook", "ruam-event": sent.event,
        "ruam-delivery": sent.event_id, "ruam-signature": signature(sent.secret, now, sent.body),
    }  # fmt: skip
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        reply = transport.send("POST", path, headers=headers, raw=sent.body)
    finally:
        transport.close()
    return reply.status, "" if 200 <= reply.status < 300 else f"HTTP {reply.status}"
