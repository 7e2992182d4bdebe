"""Which function carries out which outbox topic: the one table a new kind of background work is added to."""

from __future__ import annotations

from collections.abc import Mapping

from jobs import customers, exports, intake, labels, orders, slips, slips_verify, stock
from jobs.context import QUICK, Handler, effect, steps
from jobs.schedule import CLEAN, COUNT_CHECKS, EXPIRE, clean

TOPICS: Mapping[str, Handler] = {
    CLEAN: effect(clean),
    customers.TOPIC: effect(customers.remember),
    exports.TOPIC: steps(exports.walk),
    intake.TOPIC: steps(intake.walk),
    labels.TOPIC: steps(labels.walk),
    orders.TOPIC: steps(orders.bulk),
    slips.READ: steps(slips.walk, queue=QUICK),
    slips_verify.TOPIC: steps(slips_verify.walk),
    stock.TOPIC: effect(stock.allocate),
    COUNT_CHECKS: steps(slips_verify.count_left),
    EXPIRE: steps(orders.expire, queue=QUICK),
}
