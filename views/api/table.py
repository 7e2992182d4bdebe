"""Every endpoint of the API: the one table a new one is added to."""

from __future__ import annotations

from views.api import goods, money, orders, people
from views.api.guard import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (*orders.ENDPOINTS, *people.ENDPOINTS, *goods.ENDPOINTS, *money.ENDPOINTS)
