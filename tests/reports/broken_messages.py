"""Messages in the auditor's world, and one way to break each promise about them."""

from __future__ import annotations

from sqlalchemy import select

from oms.notifications.catalogue import Event
from oms.notifications.models import Message
from oms.orders.models import Order
from oms.usecases.message_routes import RouteFacts, create_route
from oms.usecases.message_work import mark_copied
from oms.usecases.notices_expand import expand
from tests.remote.play import SEALER


def tell_some(tx) -> None:
    """Two orders whose buyers are told by staff; one has been."""
    create_route(tx, RouteFacts("copy", "คัดลอก"), SEALER)
    orders = tx.session.scalars(
        select(Order.id).where(Order.channel.in_(["line", "facebook", "web"])).order_by(Order.id)
    )
    first, second = list(orders)[:2]
    expand(tx, Event.CONFIRMED, [(first, "0"), (second, "0")])
    tx.session.flush()
    mark_copied(tx, tx.session.scalars(select(Message.id).order_by(Message.id)).first())


MESSAGE_BREAKS = {
    "told_once": [
        (
            "INSERT INTO messages (notice_id, order_id, event, revision, route, state, next_try_at, created_at)"
            " SELECT notice_id, order_id, event, revision, 'email', 'sent', now(), now() FROM messages"
            " WHERE state = 'copied' LIMIT 1"
        )
    ],
    "told_means_sent": ["UPDATE notices SET status = 'skipped' WHERE status = 'told'"],
    "open_means_under_way": ["UPDATE messages SET state = 'skipped' WHERE state = 'to_copy'"],
    "message_of_notice": ["UPDATE messages SET revision = 's1' WHERE state = 'to_copy'"],
}
