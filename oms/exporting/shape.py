"""What an export list is made of: columns, who may see them, which rows belong to whose scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select

from oms.actor import Actor
from oms.orders.queries import scoped

PHONE = "customer.phone"  # without it a phone is masked, not left out
PRICE, COST = "order.price", "stock.cost"


@dataclass(frozen=True)
class Column:
    """One column: its heading (English, translated when written), its expression, and the action that opens it."""

    label: str
    source: Any
    needs: str = ""


@dataclass(frozen=True)
class ExportList:
    """One list. ``rows`` is what this actor may see, in a total order; filters name columns of ``columns`` or more.
    The search box looks into ``find``, or asks ``search`` as the screen does; ``narrow`` knows further words of the
    screen's address."""

    name: str
    label: str
    needs: str
    columns: Mapping[str, Column]
    rows: Callable[[Actor], Select[Any]]
    find: Sequence[Any] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    search: Callable[[Select[Any], str], Select[Any]] | None = None
    narrow: Callable[[Select[Any], Mapping[str, str]], Select[Any]] | None = None

    def allowed(self, actor: Actor) -> dict[str, Column]:
        """The columns this actor may have."""
        return {n: c for n, c in self.columns.items() if not c.needs or c.needs == PHONE or actor.may(c.needs)}

    def filters(self) -> dict[str, Any]:
        """What the list may be narrowed by."""
        return {n: c.source for n, c in self.columns.items()} | dict(self.more)


def own_orders(actor: Actor, statement: Any) -> Select[Any]:
    made: Select[Any] = scoped(actor, statement)
    return made


def own_places(actor: Actor, statement: Any, column: Any) -> Select[Any]:
    if actor.warehouses is not None:
        statement = statement.where(column.in_(sorted(actor.warehouses)))
    made: Select[Any] = statement
    return made


def own_shops(actor: Actor, statement: Any, column: Any) -> Select[Any]:
    if actor.shops is not None:
        statement = statement.where(column.in_(sorted(actor.shops)))
    made: Select[Any] = statement
    return made
