"""Shipments by queue: what is to be picked, packed, labeled, handed over; one action on many with a result for each."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, flash, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from oms.actor import Actor
from oms.carriers.names import CARRIER_LABELS
from oms.catalog.models import CHANNEL_LABELS
from oms.db import db
from oms.errors import OmsError
from oms.inventory.availability import places
from oms.orders.queries import NO_ID
from oms.orders.states import Board
from oms.reports.shipment_rows import ShipmentRow, shipment_rows
from oms.shipping import listing
from oms.shipping.carrier_models import Carrier
from oms.shipping.listing import COUNT_CAP, WORKLISTS, ShipmentFilter, ShipmentList
from oms.shipping.models import Shipment
from oms.shipping.states import BEFORE_HAND_OVER, SHIPMENT, ShipmentStatus
from oms.usecases.picking_queue import orders_without
from oms.usecases.sentences import unpack
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_runs import BULK_ACTIONS, MOST, OK, WorkOn, get_run, work_on
from views import nav
from views.base import OmsView, current_actor, may, page, unit
from views.filters import number, tr
from views.order_list import Pager
from views.order_parts import Due, due
from views.pack_words import BATCH_ENDPOINT, batch_label_url

STATUS_TONES: dict[ShipmentStatus, str] = {
    ShipmentStatus.PLANNED: "warn",
    ShipmentStatus.READY: "ok",
    ShipmentStatus.PICKING: "acc",
    ShipmentStatus.PACKED: "acc",
    ShipmentStatus.LABELED: "info",
    ShipmentStatus.HANDED_OVER: "info",
    ShipmentStatus.DELIVERED: "ok",
    ShipmentStatus.RETURNING: "bad",
    ShipmentStatus.RETURNED: "mut",
    ShipmentStatus.LOST: "bad",
    ShipmentStatus.CANCELED: "mut",
}
AT_ONCE = 200  # orders made ready by one press
ACTIONS_OF = {
    "ready": ("pick", "labels", "number", "book", "usual", "carrier"),
    "picking": ("labels", "number", "book", "usual", "carrier"),
    "packed": ("labels", "number", "book", "usual", "carrier", "hand_over"),
    "labeled": ("labels", "hand_over"),
    "stopped": ("ready",),
    "today": (),
    "lost": (),
    "all": ("pick", "labels", "carrier", "hand_over"),
}


def carrier_names() -> list[str]:
    """The carriers a shop works with; all known ones when it named none."""
    kept = list(db.session.scalars(select(Carrier.name).where(Carrier.is_active).order_by(Carrier.name)))
    return kept or sorted(CARRIER_LABELS.values())


@dataclass(frozen=True)
class _Waiting:
    """A shipment as the clock of orders reads one."""

    ship_by: datetime | None
    board: Board


def shipment_due(row: ShipmentRow) -> Due | None:
    """How urgent a shipment is; nothing once it left."""
    waits = row.shipment.status in BEFORE_HAND_OVER
    return due(_Waiting(row.ship_by, Board.READY)) if waits else None


def list_url(queue: ShipmentList, wanted: ShipmentFilter, **more: Any) -> str:
    """The address of a queue with a filter."""
    return url_for("ShipmentView.queue", key=queue.key, **wanted.to_query(), **more)


def _chips(wanted: ShipmentFilter, queue: ShipmentList) -> list[tuple[str, str, bool, int | None]]:
    """Each queue with its count, the filter kept."""
    counted = listing.counts(db.session(), current_actor(), wanted.warehouse)
    return [
        (tr(made.label), list_url(made, wanted), made.key == queue.key, counted.get(key))
        for key, made in WORKLISTS.items()
        if key != "lost" or counted["lost"] or queue.key == "lost"
    ]


def _bare_orders(wanted: ShipmentFilter) -> int:
    """Paid orders here that have no shipment yet, counted as far as one press makes them."""
    if not wanted.warehouse or not may("shipment.pack"):
        return 0
    inner = orders_without(current_actor(), wanted.warehouse).limit(AT_ONCE).subquery()
    return db.session.scalar(select(func.count()).select_from(inner)) or 0


def _total(queue: ShipmentList, wanted: ShipmentFilter, chips: list[Any]) -> str:
    if not set(wanted.to_query()) - {"warehouse"}:
        known = next((count for *_, here, count in chips if here), None)
        if known is not None:
            return number(known)
    conditions = listing.list_conditions(queue) + listing.filter_conditions(wanted)
    n = listing.capped_count(db.session(), current_actor(), conditions)
    return f"{number(COUNT_CAP)}+" if n > COUNT_CAP else number(n)


class ShipmentView(OmsView):
    """Queues of shipments."""

    route_base = "/shipments"
    default_view = "index"
    requires = "order.view"
    requires_for = {"make_ready": "shipment.pack"}

    @page("/")
    def index(self) -> Response:
        """The first queue; with one warehouse it is chosen already."""
        return redirect(url_for("ShipmentView.queue", key="ready"))

    @page("/list/<key>")
    def queue(self, key: str) -> str:
        """One queue."""
        queue, wanted = WORKLISTS.get(key, WORKLISTS["ready"]), listing.read_filter(request.args)
        mine = places(db.session(), current_actor())
        if len(mine) == 1 and not wanted.warehouse:
            wanted = listing.read_filter({**request.args, "warehouse": str(mine[0].id)})
        actor, after = current_actor(), request.args.get("after", "")
        found = listing.page(db.session(), actor, queue, listing.filter_conditions(wanted), after)
        chips = _chips(wanted, queue)
        start = max(request.args.get("from", 1, type=int), 1)
        last = start + len(found.rows) - 1 if found.rows else 0
        total = _total(queue, wanted, chips)
        following = list_url(queue, wanted, after=found.after, **{"from": last + 1}) if found.after else ""
        facts = {
            "queue": queue, "wanted": wanted, "rows": shipment_rows(db.session(), found.rows), "chips": chips,
            "total": total, "pager": Pager(start, last, total, list_url(queue, wanted) if start > 1 else "", following),
            "places": mine, "carriers": listing.carriers(db.session(), actor), "carrier_names": carrier_names(),
            "actions": self._actions(queue), "bare": _bare_orders(wanted) if key == "ready" else 0, "most": MOST,
            "key": secrets.token_hex(16), "list_url": list_url, "channels": CHANNEL_LABELS, "none": listing.NONE,
            "place_codes": {p.id: p.code for p in mine},
        }  # fmt: skip
        return self.show_page("shipments/list.html", title=gettext("Shipments"), **facts)

    def _actions(self, queue: ShipmentList) -> list[tuple[str, str]]:
        """What this person may do to many of this queue: (name, label)."""
        found = [
            (name, tr(BULK_ACTIONS[name].label))
            for name in ACTIONS_OF[queue.key]
            if name in BULK_ACTIONS and may(BULK_ACTIONS[name].needs)
        ]
        if "labels" in ACTIONS_OF[queue.key] and batch_label_url():
            found.insert(1 if found and found[0][0] == "pick" else 0, ("labels", gettext("Print labels")))
        return found

    def _chosen(self) -> tuple[int, ...]:
        """The ticked ones, or all of the queue as it is filtered."""
        if "all" in request.form:
            queue = WORKLISTS.get(request.form.get("queue", ""), WORKLISTS["ready"])
            wanted = listing.read_filter(request.form)
            return tuple(listing.matching(db.session(), current_actor(), queue, wanted, MOST))
        return tuple(i for i in request.form.getlist("rowid", type=int) if 0 < i < NO_ID)

    @page("/work", methods=("POST",))
    def work(self) -> Response:
        """One action on the chosen; labels go to the label batch."""
        chosen, action = self._chosen(), request.form.get("action", "")
        if action == "labels":
            return redirect(url_for(BATCH_ENDPOINT, ids=",".join(map(str, chosen))), 303)
        params = {name: request.form.get(name, "")[:80] for name in ("carrier", "service") if action == "carrier"}
        with unit() as tx:
            done = work_on(tx, WorkOn(action, chosen, params, request.form.get("key", "")))
        if done.lists and not done.refused and len(done.lists) == 1:
            return redirect(url_for("PickView.batch", batch_id=done.lists[0][0]), 303)
        return redirect(url_for("ShipmentView.run", run_id=done.run_id), 303)

    @page("/runs/<int:run_id>")
    def run(self, run_id: int) -> str:
        """What came of each, the refused ones first."""
        run = get_run(db.session(), current_actor(), run_id)
        rows = [(i, n, unpack(message)) for i, n, _, message in run.results]
        codes = {row[0]: row[2] for row in run.results}
        facts = {
            "run": run, "action": BULK_ACTIONS[run.action].label, "lists": run.params.get("lists", []),
            "refused": [row for row in rows if codes[row[0]] != OK],
            "done": [row for row in rows if codes[row[0]] == OK],
        }  # fmt: skip
        return self.show_page("shipments/run.html", title=gettext("Bulk work"), **facts)

    @page("/make-ready", methods=("POST",))
    def make_ready(self) -> Response:
        """Shipments for the paid orders of a warehouse that have none yet."""
        warehouse_id = request.form.get("warehouse", 0, type=int)
        with unit() as tx:
            ids = [row[0] for row in tx.session.execute(orders_without(tx.actor, warehouse_id).limit(AT_ONCE))]
            answers = make_ready(tx, ids)
        refused = [a for a in answers.values() if isinstance(a, OmsError)]
        flash(gettext("%(n)s orders are ready to pick", n=len(answers) - len(refused)), "success")
        for sentence in sorted({tr(r.message) for r in refused})[:3]:
            flash(sentence, "warning")
        return redirect(url_for("ShipmentView.queue", key="ready", warehouse=warehouse_id), 303)


def counts(actor: Actor) -> nav.Waiting:
    """What waits on the floor, for the menu."""
    if not actor.may("shipment.pack") and not actor.may("shipment.hand_over"):
        return {}
    waiting = (ShipmentStatus.READY, ShipmentStatus.PICKING)
    own = listing.visible_shipments(actor).with_only_columns(func.count(Shipment.id))
    return {
        "floor.packing": own.where(Shipment.status.in_([s.value for s in waiting])),
        "floor.leaving": own.where(Shipment.status == ShipmentStatus.LABELED),
    }


def install(app: Flask) -> None:
    """Name labels and tones for the templates, and the counts of the menu."""
    nav.add_counts(app, counts)
    app.jinja_env.globals.update(
        shipment_labels=SHIPMENT.labels, shipment_tones=STATUS_TONES, shipment_due=shipment_due,
        known_carriers=carrier_names,
    )  # fmt: skip


VIEWS = (ShipmentView,)
NAV = (
    nav.Item("ship", "Shipments", "ShipmentView.index", "order.view", icon="truck", order=10),
)  # fmt: skip
