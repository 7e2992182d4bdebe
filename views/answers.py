"""Answer the customer now: one box, any piece of a phone, name or number; where it is, in a sentence to paste."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms.db import db
from oms.reports.answers import find_answers
from oms.usecases.tracking_links import revoke_link, tracking_link
from views import nav
from views.base import OmsView, current_actor, page, safe_path, unit


class AnswerView(OmsView):
    """The screen beside a ringing phone."""

    route_base = "/answer"
    default_view = "find"
    requires = "order.view"
    requires_for = {"link": "order.note", "revoke": "order.note"}

    @page("/")
    def find(self) -> str:
        """The box and what it found; ``part`` is what the script puts in place while one types."""
        text = request.args.get("q", "").replace("\x00", "").strip()[:100]
        found = find_answers(db.session(), current_actor(), text)
        template = "answers/cards.html" if "part" in request.args else "answers/find.html"
        return self.show_page(template, title=gettext("Answer a customer"), text=text, found=found)

    @page("/link/<int:order_id>", methods=("POST",))
    def link(self, order_id: int) -> Response:
        """A public page for the parcels of an order."""
        with unit() as tx:
            tracking_link(tx, order_id)
        flash(gettext("The page for the customer is open; copy its link"), "success")
        return self._back(order_id)

    @page("/link/<int:order_id>/revoke", methods=("POST",))
    def revoke(self, order_id: int) -> Response:
        """Shut the public page."""
        with unit() as tx:
            revoke_link(tx, order_id)
        flash(gettext("The page for the customer is shut"), "success")
        return self._back(order_id)

    def _back(self, order_id: int) -> Response:
        return redirect(
            safe_path(request.form.get("next")) or url_for("OrderView.show", pk=order_id), 303
        )  # fmt: skip


VIEWS = (AnswerView,)
NAV = (nav.Item("home", "Answer a customer", "AnswerView.find", "order.view", icon="chat", order=15),)
