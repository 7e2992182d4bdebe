"""How the sending of a message ends: it goes on to the next route, is passed over, or waits for a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select

from oms import clock
from oms.db import Tx
from oms.errors import Say
from oms.notifications.catalogue import Route
from oms.notifications.models import Message
from oms.notifications.states import MESSAGE, NoticeStatus
from oms.usecases.notices_expand import route_them
from oms.usecases.notices_people import people, settings_of, ways
from oms.usecases.sentences import pack


def move_on(tx: Tx, messages: Sequence[Message], why: Say, code: str = "") -> None:
    """These certainly did not arrive and will not this way: the next route is tried, else a person has to look."""
    if not messages:
        return
    now = clock.now()
    for message in messages:
        MESSAGE.fire(message, "fail")
        message.error, message.error_code = pack(why), code[:80] or message.error_code
        message.ended_at, message.lease_until = now, None
    tx.session.flush()  # the routes behind are read by SQL
    tried = _tried(tx, [m.notice_id for m in messages])
    found = people(tx, {m.order_id for m in messages})
    wanted = [(m.notice, found[m.order_id], tried[m.notice_id]) for m in messages]
    route_them(tx, wanted, ways(tx), settings_of(tx), why)


def _tried(tx: Tx, notice_ids: Sequence[int]) -> dict[int, set[Route]]:
    behind: dict[int, set[Route]] = defaultdict(set)
    rows = tx.session.execute(select(Message.notice_id, Message.route).where(Message.notice_id.in_(sorted(notice_ids))))
    for notice_id, route in rows:
        behind[notice_id].add(route)
    return behind


def lose(tx: Tx, messages: Sequence[Message], why: Say, code: str = "") -> None:  # noqa: ARG001  like its sisters
    """Nobody knows whether these arrived: a person asks the customer or looks at the provider."""
    for message in messages:
        if message.state.value == "queued":
            MESSAGE.fire(message, "send")  # it had been sent before and was to be asked about again
        MESSAGE.fire(message, "lose")
        message.error, message.error_code, message.unsure = pack(why), code[:80], True
        message.ended_at, message.lease_until = clock.now(), None
        message.notice.status, message.notice.reason = NoticeStatus.TROUBLE, pack(why)


def pass_over(tx: Tx, messages: Sequence[Message], why: Say) -> None:  # noqa: ARG001  like its sisters
    """These say nothing new any more."""
    for message in messages:
        MESSAGE.fire(message, "skip")
        message.error, message.ended_at = pack(why), clock.now()
        message.notice.status, message.notice.reason = NoticeStatus.SKIPPED, pack(why)
        message.notice.ended_at = clock.now()
