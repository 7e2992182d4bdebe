"""What waits too long, for whoever is logged in, and where they want to be told of it."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, flash, redirect, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import SelectField, SelectMultipleField, StringField

from oms.db import db
from oms.errors import OmsError
from oms.notifications.alerts import ALERT_ACTIONS, ALERT_LABELS, Alert
from oms.notifications.catalogue import LANGUAGE_LABELS, ROUTE_LABELS, Route
from oms.notifications.models import StaffSubscription
from oms.usecases.staff_alerts import ROUTES, Subscribe, digest, subscribe
from views import nav
from views.base import ANY_STAFF, OmsView, current_actor, page, pin_problems, unit
from views.filters import tr

PLACES: dict[Alert, tuple[str, dict[str, Any]]] = {
    Alert.LATE_ORDER: ("OrderView.list", {"state": "late"}),
    Alert.SLIP_WAITING: ("SlipView.inbox", {}),
    Alert.LOW_STOCK: ("CoverView.list", {}),
    Alert.MESSAGE: ("MessageView.list", {"status": "trouble"}),
    Alert.FAILED_JOB: ("OperationsView.list", {}),
}


class SubscriptionForm(FlaskForm):
    """Where warnings go."""

    kinds = SelectMultipleField(lazy_gettext("Tell me of"))
    route = SelectField(lazy_gettext("Route"))
    address = StringField(lazy_gettext("To your own address"), description=lazy_gettext("E-mail, or your LINE user id"))
    language = SelectField(lazy_gettext("Language of the messages"))


def place_of(app: Flask, alert: Alert) -> str:
    """The screen where this kind of work is done; "" while there is none."""
    endpoint, args = PLACES[alert]
    return url_for(endpoint, **args) if endpoint in app.view_functions else ""


class AlertView(OmsView):
    """The digest and one's own subscription."""

    route_base = "/alerts"
    default_view = "index"
    requires = ANY_STAFF

    @page("/", methods=("GET", "POST"))
    def index(self) -> Response | str:
        """Show it; take a subscription."""
        actor = current_actor()
        rows = db.session.scalars(
            select(StaffSubscription).where(StaffSubscription.user_id == actor.user_id).order_by(StaffSubscription.id)
        ).all()
        mine = rows[0] if rows else None
        form = SubscriptionForm(
            data={
                "kinds": mine.kinds if mine else [], "route": (mine.route if mine else Route.EMAIL).value,
                "address": mine.address if mine else "", "language": mine.language if mine else "th",
            }
        )  # fmt: skip
        form.kinds.choices = [(a.value, tr(label)) for a, label in ALERT_LABELS.items() if actor.may(ALERT_ACTIONS[a])]
        form.route.choices = [(r.value, tr(ROUTE_LABELS[r])) for r in ROUTES]
        form.language.choices = [(key, tr(label)) for key, label in LANGUAGE_LABELS.items()]
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    subscribe(
                        tx,
                        Subscribe(
                            Route(form.route.data), form.address.data or "",
                            frozenset(Alert(k) for k in form.kinds.data or ()), form.language.data or "th",
                        ),
                    )  # fmt: skip
                flash(gettext("Saved"), "success")
                return redirect(url_for("AlertView.index"), 303)
            except OmsError as exc:
                pin_problems(form, exc)
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  Flask's own idiom
        found = [(ALERT_LABELS[a], n, place_of(app, a)) for a, n in digest(db.session(), actor)]
        return self.show_page("messages/alerts.html", title=gettext("Alerts"), found=found, form=form, mine=rows)


VIEWS = (AlertView,)
NAV = (nav.Item("home", "Alerts", "AlertView.index", ANY_STAFF, icon="alert", order=5),)
