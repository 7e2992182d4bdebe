"""What always holds of messages to customers."""

from __future__ import annotations

from typing import Final

from oms.reports.checks import Check

MESSAGE_CHECKS: Final[tuple[Check, ...]] = (
    Check(
        7, "told_once", "a customer is told of one thing by one route",
        """
        SELECT notice_id, count(*) AS times FROM messages WHERE state IN ('sent', 'copied')
        GROUP BY notice_id HAVING count(*) > 1
        """,
    ),
    Check(
        11, "told_means_sent", "a notice counts as told exactly when a message of it went",
        """
        SELECT n.id, n.order_id, n.event, n.status FROM notices n
        WHERE (n.status = 'told') <> EXISTS (
            SELECT 1 FROM messages m WHERE m.notice_id = n.id AND m.state IN ('sent', 'copied'))
        """,
    ),
    Check(
        11, "open_means_under_way", "a notice that is open has a message on its way or a text to copy",
        """
        SELECT n.id, n.order_id, n.event FROM notices n
        WHERE n.status = 'open' AND NOT EXISTS (
            SELECT 1 FROM messages m WHERE m.notice_id = n.id AND m.state IN ('queued', 'sending', 'to_copy'))
        """,
    ),
    Check(
        7, "message_of_notice", "a message says what its notice says",
        """
        SELECT m.id, m.event, n.event AS owed FROM messages m JOIN notices n ON n.id = m.notice_id
        WHERE (m.order_id, m.event, m.revision) IS DISTINCT FROM (n.order_id, n.event, n.revision)
        """,
    ),
)  # fmt: skip
