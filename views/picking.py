"""Picking lists: made by one press, walked with a phone or on paper, short picks said at once."""

from __future__ import annotations

import secrets
from typing import Any

from flask import flash, jsonify, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from oms.catalog.models import CHANNEL_LABELS
from oms.db import db
from oms.documents.render import render_pdf
from oms.errors import InvalidInput, say
from oms.inventory.availability import places
from oms.reports.picking import batch_list, pick_page
from oms.shipping.floor.models import PickBatch
from oms.shipping.floor.states import PICKING, PickStatus
from oms.usecases.picking import MOST, GivePickListUp, MakePickList, give_pick_list_up, make_pick_list
from oms.usecases.picking_queue import orders_without, waiting
from oms.usecases.picking_work import Pick, ReportShort, finish_pick_list, pick, report_short
from views import listing, nav
from views.base import OmsView, current_actor, page, unit
from views.filters import tr
from views.floor_papers import pdf, picture

TONES = {PickStatus.OPEN: "acc", PickStatus.PICKED: "ok", PickStatus.CANCELED: "mut"}
DEFAULT_COUNT = 20


def _number(name: str, default: int = 0) -> int:
    raw = request.form.get(name, "")
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else default


class PickView(OmsView):
    """Picking lists."""

    route_base = "/picking"
    requires = "shipment.pack"
    default_view = "batches"

    @page("/")
    def batches(self) -> str:
        """All lists, open ones first; and the next one to make."""
        actor, session = current_actor(), db.session()
        found = listing.fetch(batch_list(actor).options(joinedload(PickBatch.warehouse)), size=30, scalars=False)
        queue = [
            (
                place,
                listing.capped_count(waiting(actor, place.id)) + listing.capped_count(orders_without(actor, place.id)),
            )
            for place in places(session, actor)
        ]
        facts = {"page": found, "queue": queue, "labels": PICKING.labels, "tones": TONES, "count": DEFAULT_COUNT,
                 "key": secrets.token_hex(12)}  # fmt: skip
        return self.show_page("picking/list.html", title=gettext("Picking lists"), **facts)

    @page("/make", methods=("POST",))
    def make(self) -> Response:
        """The next ones of a warehouse."""
        place = _number("warehouse")
        cmd = MakePickList(
            place, next_count=_number("count", DEFAULT_COUNT), picker=request.form.get("picker", "")[:120],
            idempotency_key=f"{request.form.get('key', '')[:60]}:{place}" if request.form.get("key") else None,
        )  # fmt: skip
        with unit() as tx:
            made = make_pick_list(tx, cmd)
        for sentence in sorted({tr(why.message) for why in made.refused.values()})[:3]:
            flash(sentence, "warning")
        return redirect(url_for("PickView.batch", batch_id=made.batch_id), 303)

    @page("/<int:batch_id>")
    def batch(self, batch_id: int) -> str:
        """One list, to walk with."""
        with unit() as tx:
            found = pick_page(tx, batch_id)
            facts = {"page": found, "batch": found.batch, "labels": PICKING.labels, "tones": TONES, "most": MOST,
                     "channels": CHANNEL_LABELS}  # fmt: skip
            return self.show_page("picking/show.html", title=found.batch.number, **facts)

    @page("/<int:batch_id>/pick", methods=("POST",))
    def pick(self, batch_id: int) -> Response:
        """A tick: scanned, tapped, or taken back. Answers what the row says now."""
        facts: Any = request.get_json(silent=True) or {}
        quantity, sku_id = facts.get("quantity", 1), facts.get("sku")
        if not (quantity is None or type(quantity) is int) or not (sku_id is None or type(sku_id) is int):
            raise InvalidInput(say("This is no scan"), code="scan_shape")
        cmd = Pick(batch_id, str(facts.get("key", "")), str(facts.get("code", "")), sku_id, quantity)
        with unit() as tx:
            done = pick(tx, cmd)
        with unit() as tx:
            found = pick_page(tx, batch_id)
        return jsonify(
            outcome=done.outcome, message=tr(done.message), sku=done.sku_id, tote=done.tote, finished=done.finished,
            wanted=found.wanted, picked=found.picked, rows=[_row(row) for row in found.rows],
        )  # fmt: skip

    @page("/<int:batch_id>/short", methods=("POST",))
    def short(self, batch_id: int) -> Response:
        """Pieces are not there."""
        with unit() as tx:
            told = report_short(
                tx, ReportShort(batch_id, _number("sku"), _number("missing"), request.form.get("note", ""))
            )
        totes = ", ".join(map(str, told.totes))
        flash(gettext("Totes %(totes)s cannot be filled; their orders are on hold for a count", totes=totes), "warning")
        return redirect(url_for("PickView.batch", batch_id=batch_id), 303)

    @page("/<int:batch_id>/finish", methods=("POST",))
    def finish(self, batch_id: int) -> Response:
        """Everything is in its tote."""
        with unit() as tx:
            finish_pick_list(tx, batch_id)
        flash(gettext("The list is picked; the totes go to the packing table"), "success")
        return redirect(url_for("PickView.batch", batch_id=batch_id), 303)

    @page("/<int:batch_id>/give-up", methods=("POST",))
    def give_up(self, batch_id: int) -> Response:
        """Nobody walks it."""
        with unit() as tx:
            count = give_pick_list_up(tx, GivePickListUp(batch_id, request.form.get("reason", "")[:500]))
        flash(gettext("%(n)s shipments wait to be picked again", n=count), "success")
        return redirect(url_for("PickView.batches"), 303)

    @page("/<int:batch_id>/paper.pdf")
    def paper(self, batch_id: int) -> Response:
        """The list on paper."""
        with unit() as tx:
            found = pick_page(tx, batch_id)
            html = self.show_page("picking/paper.html", page=found, batch=found.batch, code=picture(found.batch.number))
        return pdf(render_pdf(html), found.batch.number)


def _row(row: Any) -> dict[str, Any]:
    return {
        "sku": row.sku_id, "wanted": row.wanted - row.short, "picked": row.picked, "left": row.left,
        "totes": [{"n": t.tote, "wanted": t.wanted - t.short, "picked": t.picked} for t in row.totes],
    }  # fmt: skip


VIEWS = (PickView,)
NAV = (
    nav.Item("ship", "Picking lists", "PickView.batches", "shipment.pack", icon="layers", order=30),
)  # fmt: skip
