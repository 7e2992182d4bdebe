"""Which function carries out which outbox topic: the one table a new kind of background work is added to."""

from __future__ import annotations

from collections.abc import Mapping

from jobs import customers, stock
from jobs.context import Handler, effect
from jobs.schedule import CLEAN, clean

TOPICS: Mapping[str, Handler] = {
    CLEAN: effect(clean),
    customers.TOPIC: effect(customers.remember),
    stock.TOPIC: effect(stock.allocate),
}
