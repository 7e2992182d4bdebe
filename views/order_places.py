"""Where an order is sent from: its card, and moving its pieces from the order's page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, flash, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms.catalog.models import Routing
from oms.db import Tx, db
from oms.errors import InvalidInput, OmsError, Say, say
from oms.inventory.availability import Place, places
from oms.inventory.sharing import Share
from oms.orders.models import Order
from oms.reports.order_page import find_order
from oms.reports.routing import Giver, Places, givers, order_places, shelves
from oms.shipping.models import Shipment
from oms.shipping.states import BEFORE_HAND_OVER
from oms.usecases.routing_moves import (
    GivePieces,
    MarkUrgent,
    RerouteOrder,
    give_pieces,
    mark_urgent,
    move_refusal,
    reroute_order,
)
from views.base import OmsView, current_actor, page, unit
from views.fields import whole_number
from views.filters import tr
from views.order_actions import POST, act, text, version


@dataclass(frozen=True)
class Card:
    """The warehouse card. ``may``: this person moves promises; ``why_not``: not now, and why."""

    places: Places
    may: bool
    why_not: Say | None = None
    choices: Sequence[Place] = ()
    givers: Sequence[Giver] = ()
    shop_chooses: bool = False


def warehouse_card(order: Order, shipments: Iterable[Shipment]) -> Card:
    """What the card shows; further statements only for those who may move promises."""
    tx = Tx(db.session(), current_actor())
    found = order_places(tx, order)
    if not tx.actor.may("stock.route"):
        return Card(found, may=False)
    waiting = [s for s in shipments if s.status in BEFORE_HAND_OVER]
    return Card(
        found, may=True, why_not=move_refusal(order, waiting), choices=places(tx.session, tx.actor),
        givers=givers(tx, order), shop_chooses=order.shop.routing is Routing.AUTOMATIC,
    )  # fmt: skip


class OrderPlacesView(OmsView):
    """The buttons of the warehouse card."""

    route_base = "/order"
    default_view = "share"
    requires = "stock.route"

    @page("/<int:pk>/reroute", methods=POST)
    def reroute(self, pk: int) -> Response:
        """Another warehouse, or the best one."""

        def verb(tx: Tx) -> None:
            place = request.form.get("warehouse_id", type=int)
            done = reroute_order(tx, RerouteOrder(pk, place, reason=text("note"), version=version()))
            tell(done.waits_for_stock, done.dropped)

        return act(pk, verb, gettext("Warehouse chosen"), dialog="reroute")

    @page("/<int:pk>/urgent", methods=POST)
    def urgent(self, pk: int) -> Response:
        """First in the queue for stock, or back in its turn."""
        on = bool(text("urgent"))
        done = gettext("Freed stock serves it first") if on else gettext("It waits in its turn")
        return act(pk, lambda tx: mark_urgent(tx, MarkUrgent(pk, on, version=version())), done)

    @page("/<int:pk>/take", methods=POST)
    def take(self, pk: int) -> Response:
        """The pieces of another order for this one."""

        def verb(tx: Tx) -> None:
            giver, _, seen = text("from", 60).partition(".")
            if not (giver.isdecimal() and seen.isdecimal()) or len(giver) > 18 or len(seen) > 9:
                raise InvalidInput(say("Choose the order that gives its pieces"), field="from", code="giver_missing")
            done = give_pieces(tx, GivePieces(int(giver), pk, text("note"), int(seen), version()))
            if done.giver_waits:
                flash(gettext("%(number)s waits for stock now", number=done.from_number), "warning")

        return act(pk, verb, gettext("The pieces are promised to this order"), dialog="give")

    @page("/<int:pk>/places", methods=("GET", "POST"))
    def share(self, pk: int) -> Response | str:
        """Say for every line how many come from where."""
        if request.method == "POST":
            try:
                with unit() as tx:
                    done = reroute_order(
                        tx, RerouteOrder(pk, shares=_shares(request.form), reason=text("note"), version=version())
                    )
            except OmsError as exc:
                flash(tr(exc.message), "danger")
            else:
                tell(done.waits_for_stock, done.dropped)
                flash(gettext("Shared out"), "success")
                return redirect(url_for("OrderView.show", pk=pk), 303)
        with unit() as tx:
            order = find_order(tx, pk)
            mine = places(tx.session, tx.actor)
            rows = shelves(tx, order, [p.id for p in mine])
            return self.show_page(
                "routing/share.html", title=gettext("Share out %(number)s", number=order.number), order=order,
                places=mine, rows=rows, typed=request.form,
            )  # fmt: skip


def tell(waits: bool, dropped: Sequence[str]) -> None:  # noqa: FBT001  two facts of one answer
    """What else came of a move."""
    if waits:
        flash(gettext("The pieces are not there yet; the order waits for them"), "warning")
    if dropped:
        flash(gettext("Canceled, to be made ready anew: %(numbers)s", numbers=", ".join(dropped)), "info")


def _shares(form: Mapping[str, str]) -> tuple[Share, ...]:
    """The numbers typed into fields ``share_<line>_<warehouse>``."""
    found = []
    for name in form:
        parts = name.split("_")
        if parts[0] == "share" and len(parts) == 3 and all(p.isdecimal() and len(p) < 19 for p in parts[1:]):
            try:
                units = whole_number(form[name], 0) or 0
            except ValueError:
                wrong = say("“{text}” is not a whole number", text=form[name][:40])
                raise InvalidInput(wrong, field=name, code="not_a_number") from None
            found.append(Share(int(parts[1]), int(parts[2]), units))
    return tuple(found)


def install(app: Flask) -> None:
    """Give the templates the card."""
    facts: dict[str, Any] = {"warehouse_card": warehouse_card}
    app.jinja_env.globals.update(facts)


VIEWS = (OrderPlacesView,)
