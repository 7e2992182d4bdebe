"""Marketplace chat: which channels have one, and who sends through it.

Whoever builds a channel's chat puts its sender into ``SENDERS``; until then these messages go another way.
"""

from __future__ import annotations

from collections.abc import Callable

from oms.catalog.models import Channel
from oms.notifications.port import Sender

ALLOWED = frozenset({Channel.SHOPEE, Channel.LAZADA, Channel.TIKTOK, Channel.LINE_SHOPPING})
SENDERS: dict[Channel, Callable[[int], Sender]] = {}  # by shop id


def can_chat(channel: Channel) -> bool:
    """Whether a message can go through the channel's own chat."""
    return channel in ALLOWED and channel in SENDERS
