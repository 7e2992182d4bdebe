"""The desk: worklists with counts, and the one search box."""

from __future__ import annotations

from flask import Flask, abort, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms.actor import Actor
from oms.db import db
from oms.documents.queries import find_by_number
from oms.reports import worklists
from oms.reports.search import search_orders
from oms.reports.worklists import WORKLISTS, Counts
from oms.thai.text import clean
from views import nav, order_parts
from views.base import OmsView, current_actor, page
from views.filters import tr
from views.order_list import find_worklist, list_facts
from views.order_parts import shops, warehouses

ICONS = {
    "slips": "slip", "unpaid": "wallet", "held": "pause", "drafts": "edit", "short": "layers", "ready": "box",
    "packing": "box", "late": "clock", "shipped": "truck", "trouble": "back", "cod": "wallet", "delivered": "check",
    "mine": "person",
}  # fmt: skip


class DeskView(OmsView):
    """Worklists: one kind of work each."""

    route_base = "/desk"
    default_view = "index"
    requires = "order.view"

    @page("/")
    def index(self) -> str:
        """All worklists of this person with their counts and what each is for."""
        mine = worklists.open_to(current_actor())
        return self.show_page("orders/desk.html", title=gettext("Worklists"), worklists=mine, icons=ICONS)

    @page("/<key>")
    def worklist(self, key: str) -> str:
        """One worklist."""
        worklist = find_worklist(key)
        if worklist is None:
            abort(404)
        return self.show_page("orders/list.html", title=tr(worklist.label), **list_facts(worklist))


class SearchView(OmsView):
    """The search box: an exact number opens the order or the document, anything else lists what fits."""

    route_base = "/find"
    default_view = "find"
    requires = "order.view"

    @page("/")
    def find(self) -> str | Response:
        """Show what was found."""
        text = request.args.get("q", "").strip()
        if (document := find_by_number(db.session(), current_actor(), clean(text))) is not None:
            return redirect(url_for("DocumentView.show", document_id=document))
        found = search_orders(db.session, current_actor(), text)
        if found.exact is not None:
            return redirect(url_for("OrderView.show", pk=found.exact))
        facts = {"found": found, "text": text, "shops": shops(), "warehouses": warehouses()}
        return self.show_page("orders/search.html", title=gettext("Search"), **facts)


def counts(actor: Actor) -> Counts:
    """All counts of the menu in one statement; nothing for people who see no orders."""
    return worklists.counts(db.session, actor) if actor.may("order.view") else Counts({})


def install(app: Flask) -> None:
    """Name the provider of counts and the labels of order screens."""
    nav.set_counts(app, counts)
    order_parts.install(app)


VIEWS = (DeskView, SearchView)
NAV = tuple(
    nav.Item(
        "work", w.label, "DeskView.worklist", w.needs, icon=ICONS[w.key], order=10 * (i + 1), count=w.key, hot=w.hot,
        args={"key": w.key},
    )
    for i, w in enumerate(WORKLISTS.values())
)  # fmt: skip
