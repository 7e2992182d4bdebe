"""Background work: what waits, runs, failed or needs a person; try again, or close with a reason."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms import outbox
from oms.db import db
from oms.outbox import Shelf
from oms.usecases.operations import close_work, retry_work
from views import listing, nav
from views.base import OmsView, page, unit

TOPIC_LABELS = {
    "intake.run": "Take a file in",
    "export.make": "Write an export file",
    "orders.bulk": "Work through a bulk list of orders",
    "orders.placed": "Remember customers' addresses, tell the buyers",
    "notify.tell": "Choose how customers are told",
    "notify.send": "Send messages to customers",
    "schedule.messages": "Look after messages",
    "schedule.expire_unpaid": "Expire unpaid orders",
    "slip.read": "Read a slip",
    "schedule.count_slip_checks": "Look what slip verifiers have left",
    "slip.verify": "Ask a slip verifier",
    "stock.freed": "Give freed stock to waiting orders",
    "schedule.clean": "Clear receipts of old work",
    "labels.print": "Draw a batch of labels",
    "documents.bundle": "Put documents into one file",
    "carrier.book": "Book a parcel with its carrier",
    "carrier.cancel": "Cancel a booking with the carrier",
    "carrier.hear": "Read what a carrier sent",
    "schedule.track_parcels": "Ask carriers where parcels are",
    "schedule.stock_pace": "Look which stock runs low",
    "channel.sync": "Take orders of a channel in",
    "channel.fetch": "Fetch named orders from a channel",
    "channel.hear": "Read what a channel sent",
    "channel.tell": "Tell a channel what was done",
    "channel.prove": "Compare a day with the channel",
    "channel.backfill": "Fetch past days from a channel",
    "schedule.prove_days": "Compare yesterday with every channel",
    "api.tell": "Choose which webhooks are told",
    "api.deliver": "Send a webhook",
    "schedule.retention": "Drop what was kept long enough",
    "privacy.drop_files": "Delete files of erased customers",
    "chat.ask_names": "Ask a channel who writes",
}
SHELF_LABELS = {
    Shelf.NEEDS_PERSON: "Needs a person",
    Shelf.FAILED: "Failed, trying again",
    Shelf.WAITING: "Waiting",
    Shelf.RUNNING: "Running",
    Shelf.DONE: "Done",
    Shelf.CLOSED: "Closed by hand",
}
SHELF_TONES = {
    Shelf.NEEDS_PERSON: "bad", Shelf.FAILED: "warn", Shelf.WAITING: "mut", Shelf.RUNNING: "info", Shelf.DONE: "ok",
    Shelf.CLOSED: "mut",
}  # fmt: skip


class OperationsView(OmsView):
    """Background work."""

    route_base = "/operations"
    default_view = "list"
    requires = "operations.view"
    requires_for = {"retry": "operations.manage", "close": "operations.manage"}

    @page("/")
    def list(self) -> str:
        """Work of one kind, with the counts of all."""
        counts = outbox.open_counts(db.session())
        asked = request.args.get("shelf", "")
        shelf = Shelf(asked) if asked in set(Shelf) else self._first(counts)
        return self.show_page(
            "operations.html",
            title=gettext("Background work"),
            shelf=shelf,
            counts=counts,
            labels=SHELF_LABELS,
            tones=SHELF_TONES,
            topics=TOPIC_LABELS,
            pg=listing.fetch(outbox.on_shelf(shelf)),
        )

    @staticmethod
    def _first(counts: dict[Shelf, int]) -> Shelf:
        """What a person should look at: trouble before work in its course."""
        return next((s for s in (Shelf.NEEDS_PERSON, Shelf.FAILED, Shelf.RUNNING) if counts.get(s)), Shelf.NEEDS_PERSON)

    @page("/<int:work_id>/retry", methods=("POST",))
    def retry(self, work_id: int) -> Response:
        """Try again now."""
        with unit() as tx:
            retry_work(tx, work_id)
        flash(gettext("It will be tried again at once"), "success")
        return redirect(url_for("OperationsView.list"), 303)

    @page("/<int:work_id>/close", methods=("POST",))
    def close(self, work_id: int) -> Response:
        """Not owed any more, and why."""
        with unit() as tx:
            close_work(tx, work_id, request.form.get("reason", ""))
        flash(gettext("Closed; the reason is in the audit log"), "success")
        return redirect(url_for("OperationsView.list"), 303)


VIEWS = (OperationsView,)
NAV = (nav.Item("watch", "Background work", "OperationsView.list", "operations.view", icon="activity", order=80),)
