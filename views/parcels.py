"""Parcels: where each is, what its carrier said, the queues of those that need somebody, and asking the carrier now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask, flash, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from markupsafe import Markup, escape
from sqlalchemy import Select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from oms import clock
from oms.actor import Actor
from oms.carriers.port import CarrierError, CarrierEvent
from oms.carriers.registry import HASTY, open_carrier
from oms.db import Tx, db
from oms.errors import InvalidInput, OmsError, say
from oms.reports.answers import cards
from oms.reports.parcels import parcel_page, queue_counts, waiting
from oms.shipping.models import Parcel
from oms.shipping.parcel_queries import HINT_LABELS, QUEUE_LABELS, queue_condition, visible_parcels, with_number
from oms.shipping.states import BOOKING, SOURCE_LABELS, TRACKING_LABELS, BookingStatus, TrackingStatus
from oms.usecases.bookings import book_parcels, try_cancel_again
from oms.usecases.number_ranges import allot_numbers
from oms.usecases.tracking_by_hand import SAYABLE, SayParcel, say_parcel
from oms.usecases.tracking_polls import ASK, Round, ask_about, record_round
from views import listing, nav
from views.account_fields import sealer
from views.base import current_actor, page, safe_path, unit
from views.filters import tr
from views.modelview import OmsModelView
from views.parcel_words import TONES

BOOKING_TONES: dict[BookingStatus, str] = {
    BookingStatus.WAITING: "info", BookingStatus.ASKING: "info", BookingStatus.UNCLEAR: "warn",
    BookingStatus.BOOKED: "ok", BookingStatus.REFUSED: "bad", BookingStatus.CANCELING: "info",
    BookingStatus.CANCELED: "mut", BookingStatus.CANCEL_REFUSED: "bad",
}  # fmt: skip


def tracking_pill(*, value: TrackingStatus) -> Markup:
    """Where a parcel is, as a pill."""
    return Markup('<span class="pill {}">{}</span>').format(TONES[value], escape(tr(TRACKING_LABELS[value])))


class ParcelView(OmsModelView):
    """Boxes with a number, and those whose number was voided."""

    datamodel = SQLAInterface(Parcel)
    route_base = "/parcels"
    requires = "order.view"
    requires_for = {
        "ask": "shipment.track", "say": "shipment.track", "book": "shipment.label", "number": "shipment.label",
        "cancel_again": "shipment.void_label",
    }  # fmt: skip
    base_permissions = [
        "can_list", "can_show", "can_ask", "can_say", "can_book", "can_number", "can_cancel_again",
    ]  # fmt: skip
    list_template = "parcels/list.html"
    list_title, show_title = lazy_gettext("Parcels"), lazy_gettext("Parcel")
    list_columns = ["tracking_no", "carrier", "tracking_status", "raw_status", "shipment.number", "tracked_at",
                    "checked_at"]  # fmt: skip
    order_columns = ["tracked_at", "checked_at"]
    search_columns = ["carrier", "tracking_status", "tracked_at", "created_at", "is_live"]
    label_columns = {
        "tracking_no": lazy_gettext("Tracking number"), "carrier": lazy_gettext("Carrier"),
        "tracking_status": lazy_gettext("State"), "raw_status": lazy_gettext("The carrier's words"),
        "shipment.number": lazy_gettext("Shipment"), "tracked_at": lazy_gettext("Last moved"),
        "checked_at": lazy_gettext("Last asked"), "created_at": lazy_gettext("Made on"),
        "is_live": lazy_gettext("Stands"),
    }  # fmt: skip
    choice_labels = {"tracking_status": TRACKING_LABELS}
    formatters_columns = {"tracking_status": lambda value: tracking_pill(value=value)}
    find_columns = ["tracking_no"]
    wide_columns = ["raw_status"]
    load_options = (joinedload(Parcel.shipment),)
    export_list = "parcels"
    empty_text = lazy_gettext("A parcel appears here when a shipment is made ready.")

    def base_statement(self) -> Select[Any]:
        """Parcels of shipments this person may see."""
        return visible_parcels(current_actor())

    def find(self, statement: Select[Any], text: str) -> Select[Any]:
        """By any piece of the number, or by the shipment."""
        text = text.replace("\x00", "").strip()[:80]
        return with_number(statement, text) if text else statement.where(Parcel.tracking_no != "")

    def filtered(self) -> tuple[Select[Any], list[listing.Active]]:
        """The queue the address names, then its filters."""
        statement, active = super().filtered()
        queue = request.args.get("queue", "")
        if queue in QUEUE_LABELS:
            statement = statement.where(queue_condition(queue))
            active.append(listing.Active(tr(QUEUE_LABELS[queue]), listing.address(queue=None)))
        return statement, active

    def queues(self) -> list[tuple[str, str, int]]:
        """(key, label, how many wait) of every queue."""
        counts = queue_counts(db.session(), current_actor())
        return [(key, tr(label), counts[key]) for key, label in QUEUE_LABELS.items()]

    def hint(self, key: str) -> str:
        """What waits in a queue, and why."""
        return tr(HINT_LABELS.get(key, ""))

    @page("/show/<int:pk>")
    def show(self, pk: int) -> str:
        """One parcel."""
        with unit() as tx:
            found = parcel_page(tx, pk)
            orders = cards(tx.session, [o for o in found.orders if current_actor().sees_shop(o.shop_id)])
            link = found.carrier.link(found.parcel.tracking_no) if found.carrier else ""
            return self.render_template(
                "parcels/show.html", title=found.parcel.tracking_no or gettext("Parcel without a number"), found=found,
                parcel=found.parcel, cards=orders, view=self, statuses=SAYABLE, now=clock.local(clock.now()),
                askable=_why_not_asked(tx, pk), link=link,
            )  # fmt: skip

    @page("/<int:pk>/ask", methods=("POST",))
    def ask(self, pk: int) -> Response:
        """Ask the carrier now."""
        with unit() as tx:
            asked = ask_about(tx, pk, sealer())
        answer = _ask(asked)
        with unit() as tx:
            found = record_round(tx, asked, answer, ASK)
        if isinstance(answer, CarrierError):
            flash(tr(answer.message), "danger")
        elif found.events:
            flash(gettext("%(n)s new events", n=found.events), "success")
        elif any(answer.values()):
            flash(gettext("Nothing new; the carrier says the same as before"), "info")
        else:
            flash(gettext("The carrier does not know this number yet"), "warning")
        return _back(pk)

    @page("/<int:pk>/say", methods=("POST",))
    def say(self, pk: int) -> Response:
        """Enter where it is."""
        try:
            status = TrackingStatus(request.form.get("status", ""))
        except ValueError:
            raise InvalidInput(say("Choose where the parcel is"), field="status", code="parcel_status") from None
        with unit() as tx:
            say_parcel(tx, SayParcel(pk, status, request.form.get("note", "")[:400], _moment("at")))
        flash(gettext("Saved"), "success")
        return _back(pk)

    @page("/book/<int:shipment_id>", methods=("POST",))
    def book(self, shipment_id: int) -> Response:
        """Book the boxes of a shipment with its carrier."""
        with unit() as tx:
            answer = book_parcels(tx, [shipment_id])[shipment_id]
            if isinstance(answer, OmsError):
                raise answer
        flash(gettext("The carrier is being asked; the number shows here in a moment"), "success")
        return _back()

    @page("/number/<int:shipment_id>", methods=("POST",))
    def number(self, shipment_id: int) -> Response:
        """Give the boxes of a shipment numbers of our own blocks."""
        with unit() as tx:
            answer = allot_numbers(tx, [shipment_id])[shipment_id]
            if isinstance(answer, OmsError):
                raise answer
        flash(", ".join(answer.numbers) or gettext("Every box has a number already"), "success")
        return _back()

    @page("/cancel/<int:booking_id>", methods=("POST",))
    def cancel_again(self, booking_id: int) -> Response:
        """Ask the carrier once more to cancel a booking."""
        with unit() as tx:
            try_cancel_again(tx, [booking_id])
        flash(gettext("The carrier is being asked again"), "success")
        return _back()


def _why_not_asked(tx: Tx, pk: int) -> str:
    """Why the carrier cannot be asked now, or ""."""
    if not tx.actor.may("shipment.track"):
        return ""
    try:
        ask_about(tx, pk, sealer())
    except OmsError as refusal:
        return tr(refusal.problems()[0].message)
    return ""


def _ask(asked: Round) -> dict[str, tuple[CarrierEvent, ...]] | CarrierError:
    """What the carrier says, or its error; somebody waits, so not for long."""
    reached = asked.reached
    try:
        carrier = open_carrier(reached.adapter, reached.host, reached.settings, HASTY)
    except InvalidInput as refusal:
        return CarrierError(refusal.message)
    try:
        return carrier.track(list(asked.numbers))
    except CarrierError as error:
        return error
    finally:
        carrier.close()


def _moment(name: str) -> datetime | None:
    raw = request.form.get(name, "").strip()
    if not raw:
        return None
    try:
        return datetime.fromisoformat(raw).replace(tzinfo=clock.BANGKOK)
    except ValueError:
        raise InvalidInput(say("Enter a day and a time"), field=name, code="moment") from None


def _back(pk: int | None = None) -> Response:
    known = safe_path(request.form.get("next"))
    return redirect(known or (url_for("ParcelView.show", pk=pk) if pk else url_for("ParcelView.list")), 303)


def counts(actor: Actor) -> nav.Waiting:
    """How many parcels need somebody."""
    if not actor.may("shipment.track"):
        return {}
    return {"parcels": waiting(actor)}


def install(app: Flask) -> None:
    """The count in the menu, and words for templates."""
    nav.add_counts(app, counts)
    app.jinja_env.globals.update(
        tracking_pill=lambda value: tracking_pill(value=value), BOOKING=BOOKING, BOOKING_TONES=BOOKING_TONES,
        SOURCE_LABELS=SOURCE_LABELS,
    )  # fmt: skip


VIEWS = (ParcelView,)
NAV = (
    nav.Item(
        "work",
        "Parcels on the road",
        "ParcelView.list",
        "order.view",
        icon="truck",
        order=62,
        count="parcels",
        hot=True,
    ),
)
