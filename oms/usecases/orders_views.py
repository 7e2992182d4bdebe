"""Saved filters of the order list: one's own, and those shared with everybody."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from oms import audit, clock
from oms.actor import Actor
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, say
from oms.orders.listing import OrderFilter
from oms.orders.models import SavedView
from oms.thai.text import clean

MAX_VIEWS = 50


@dataclass(frozen=True)
class SaveView:
    """Keep a filter under a name; the same name again replaces it."""

    name: str
    filters: OrderFilter
    is_shared: bool = False


@dataclass(frozen=True)
class ViewSaved:
    view_id: int


def list_views(session: Session, actor: Actor) -> list[SavedView]:
    """One's own views and the shared ones, by name."""
    statement = (
        select(SavedView)
        .where(or_(SavedView.user_id == actor.user_id, SavedView.is_shared))
        .order_by(SavedView.name, SavedView.id)
        .limit(2 * MAX_VIEWS)
    )
    return list(session.scalars(statement))


def save_view(tx: Tx, cmd: SaveView) -> ViewSaved:
    """Save or replace. Raises InvalidInput without a name, without a filter, or with too many views already."""
    tx.actor.require("order.view")
    name = clean(cmd.name)[:80]
    if not name:
        raise InvalidInput(say("Give the view a name"), field="name", code="view_name")
    if cmd.filters.is_empty():
        raise InvalidInput(say("Choose a filter first, then save it"), field="name", code="view_empty")
    mine = [v for v in list_views(tx.session, tx.actor) if v.user_id == tx.actor.user_id]
    if len(mine) >= MAX_VIEWS and name not in {v.name for v in mine}:
        raise InvalidInput(
            say("You have {most} saved views; delete one first", most=MAX_VIEWS), field="name", code="view_many"
        )
    values = {"filters": cmd.filters.to_query(), "is_shared": cmd.is_shared, "owner": tx.actor.label}
    view_id = tx.session.scalar(
        insert(SavedView)
        .values(name=name, user_id=tx.actor.user_id or 0, created_at=clock.now(), **values)
        .on_conflict_do_update(index_elements=[SavedView.user_id, SavedView.name], set_=values)
        .returning(SavedView.id)
    )
    audit.record(tx, "saved_view.saved", "saved_view", view_id, name, after=values)
    return ViewSaved(int(view_id or 0))


def drop_view(tx: Tx, view_id: int) -> None:
    """Forget a saved view of one's own; it holds no business facts. Raises NotFound for anybody else's."""
    view = tx.session.get(SavedView, view_id)
    if view is None or view.user_id != tx.actor.user_id:
        raise NotFound(say("There is no such saved view of yours"), code="view_not_found")
    tx.session.delete(view)
    audit.record(tx, "saved_view.dropped", "saved_view", view.id, view.name, before={"filters": view.filters})
