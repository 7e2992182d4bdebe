"""One action on many orders: started from any list, its results on a page of their own."""

from __future__ import annotations

import secrets
from typing import Any

from flask import jsonify, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms.db import db
from oms.orders.listing import read_filter
from oms.orders.queries import NO_ID
from oms.usecases.orders_bulk import (
    BULK_ACTIONS,
    OK,
    BulkState,
    StartBulk,
    bulk_rows,
    bulk_state,
    get_run,
    start_bulk,
    work_bulk,
)
from oms.usecases.sentences import unpack
from views.base import OmsView, current_actor, page, unit
from views.order_actions import text
from views.order_list import find_worklist, matching_ids
from views.order_parts import person_name

FIELDS: dict[str, tuple[str, ...]] = {
    "tag": ("tag",),
    "untag": ("tag",),
    "hold": ("reason", "note"),
    "release": ("note",),
    "cancel": ("reason", "note", "restock"),
    "assign": ("user_id",),
    "route": ("warehouse_id", "note"),
    "urgent": ("note",),
    "calm": ("note",),
    "extend": ("hours",),
    "issue": ("kind",),
}


def _params(action: str) -> dict[str, Any]:
    """The fields of the chosen action; each stands in the form under ``<action>_<field>``."""
    found = {name: text(f"{action}_{name}") for name in FIELDS.get(action, ())}
    if action == "assign" and found["user_id"].isascii() and found["user_id"].isdigit():
        return {"user_id": int(found["user_id"]), "label": person_name(int(found["user_id"]))}
    return found


def chosen_orders() -> tuple[int, ...]:
    """The orders ticked on a list, or all that the list holds."""
    if "all" in request.form:
        return tuple(matching_ids(find_worklist(request.form.get("worklist", "")), read_filter(request.form)))
    return tuple(i for i in request.form.getlist("rowid", type=int) if 0 < i < NO_ID)


class BulkView(OmsView):
    """Bulk work and its results."""

    route_base = "/bulk"
    default_view = "show"
    requires = "order.view"

    @page("/", methods=("POST",))
    def start(self) -> Response:
        """Take the list down; a short one is worked off at once."""
        action = request.form.get("action", "")
        command = StartBulk(action, chosen_orders(), _params(action), text("key", 120) or secrets.token_hex(16))
        with unit() as tx:
            state = start_bulk(tx, command)
        while state.at_once and not state.finished:
            with unit() as tx:
                state = work_bulk(tx, state.run_id)
        return redirect(url_for("BulkView.show", run_id=state.run_id), 303)

    @page("/<int:run_id>")
    def show(self, run_id: int) -> str:
        """What came of each order, the refused ones first."""
        actor = current_actor()
        run = get_run(db.session, actor, run_id)
        state = bulk_state(db.session, actor, run_id)
        rows = [(row, unpack(row.message)) for row in bulk_rows(db.session, run_id)]
        facts = {
            "run": run,
            "state": state,
            "action": BULK_ACTIONS[run.action].label,
            "refused": [(row, why) for row, why in rows if row.code != OK],
            "done": [(row, told) for row, told in rows if row.code == OK],
            "progress": progress_text(state),
        }
        return self.show_page("orders/bulk.html", title=gettext("Bulk work"), **facts)

    @page("/<int:run_id>/state")
    def state(self, run_id: int) -> Response:
        """How far it is, for the bar that moves by itself."""
        state = bulk_state(db.session, current_actor(), run_id)
        return jsonify(value=state.done, max=state.total, text=progress_text(state), done=state.finished)


def progress_text(state: BulkState) -> str:
    """``12 of 86 done``."""
    return gettext("%(done)s of %(total)s done", done=state.done, total=state.total)


VIEWS = (BulkView,)
