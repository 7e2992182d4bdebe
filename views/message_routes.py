"""The ways messages go, on screen: set up, tried at once, switched off; and what holds for all messages."""

from __future__ import annotations

from typing import Any

from flask import Flask, flash, redirect, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, IntegerField, SelectField, SelectMultipleField, StringField

from oms import clock
from oms.actor import Actor
from oms.catalog.models import Shop
from oms.db import Tx, db
from oms.errors import NotFound, OmsError, say
from oms.net.settings import Field
from oms.notifications.catalogue import EVENT_LABELS, LANGUAGE_LABELS, ROUTE_LABELS, Event, Route
from oms.notifications.models import MessageAccount
from oms.notifications.port import SendError
from oms.notifications.registry import KINDS, try_out
from oms.usecases import message_routes as routes
from oms.usecases.masters import Edit
from oms.usecases.notices_people import settings_of
from views import nav
from views.account_fields import entry, sealer
from views.base import OmsView, current_actor, page, pin_problems, unit
from views.fields import Chosen, choices
from views.filters import tr

OFFERED = (*KINDS, Route.COPY)
ROUTE_INTRO_LABELS: dict[Route, str] = {
    Route.LINE: "Push messages of a LINE Official Account (Messaging API). Only customers whose LINE is known are "
    "reached; each message counts against the month's quota.",
    Route.MESSENGER: "Messages of your Page. Meta takes them only within a day of the customer's own last message.",
    Route.INSTAGRAM: "Messages of the Instagram account linked to your Page. Only within a day of the customer's own "
    "last message.",
    Route.THAIBULKSMS: "SMS to Thai mobiles. The sender's name must be approved by ThaiBulkSMS.",
    Route.SMSMKT: "SMS to Thai mobiles. The sender's name must be approved by SMSMKT.",
    Route.EMAIL: "Mail through your own mail server.",
    Route.COPY: "For who cannot be reached otherwise: a ready text shows on the screen of texts to copy.",
}
EXAMPLES = {Route.EMAIL: "smtp.example.com:587"}


def fields_of(route: Route) -> tuple[Field, ...]:
    """What is entered for a route beside the common things."""
    return KINDS[route].fields if route in KINDS else ()


def form_of(route: Route, stored: MessageAccount | None) -> Any:
    """The form of one route, filled with what is stored but for the secrets."""
    names: dict[str, Any] = {
        "version": HiddenField(),
        "name": StringField(lazy_gettext("Name"), [Chosen()], description=lazy_gettext("As staff sees it in the log")),
        "shop_id": SelectField(lazy_gettext("For the orders of"), coerce=int),
        "language": SelectField(lazy_gettext("Language of the messages")),
    }
    if route is not Route.COPY:
        help_ = (
            lazy_gettext("Name and port, such as %(example)s", example=EXAMPLES[route])
            if route in EXAMPLES
            else lazy_gettext("Only for a test system. Another address needs the keys again.")
        )
        names["host"] = StringField(lazy_gettext("Address of the server"), description=help_)
    names |= {f.name: entry(f, stored=stored is not None) for f in fields_of(route)}
    if route in KINDS and KINDS[route].counted:
        kept = lazy_gettext("Messages kept for payments, shipping and problems when the quota runs low")
        names["reserve"] = IntegerField(lazy_gettext("Reserve"), default=0, description=kept)
    names["is_active"] = BooleanField(lazy_gettext("In use"), default=True)
    made: Any = type("MessageRouteForm", (FlaskForm,), names)
    usual = {f.name: f.default for f in fields_of(route) if f.default}
    facts: dict[str, Any] = {"name": tr(ROUTE_LABELS[route]), "shop_id": 0, "language": "th", **usual}
    if route in KINDS:
        facts["host"] = KINDS[route].host
    if stored is not None:
        facts |= {"name": stored.name, "host": stored.host, "shop_id": stored.shop_id or 0, **stored.options}
        facts |= {"language": stored.language, "is_active": stored.is_active, "version": str(stored.version)}
        facts |= {"reserve": stored.reserve}
    form = made(data=facts)
    rows = db.session.scalars(select(Shop).where(Shop.is_active).order_by(Shop.code))
    form.shop_id.choices = choices(
        [(0, gettext("All shops without one of their own")), *((r.id, str(r)) for r in rows)]
    )
    form.language.choices = [(key, tr(label)) for key, label in LANGUAGE_LABELS.items()]
    return form


def facts_of(form: Any, route: Route) -> routes.RouteFacts:
    """What was entered."""
    listed = fields_of(route)
    given = {f.name: form[f.name].data or "" for f in listed}
    secret = {f.name for f in listed if f.secret}
    return routes.RouteFacts(
        route.value, form["name"].data or "", form.host.data or "" if "host" in form else "",
        form.shop_id.data or None, form.language.data or "th",
        (form.reserve.data or 0) if "reserve" in form else 0,
        options={k: v for k, v in given.items() if k not in secret},
        secrets={k: v for k, v in given.items() if k in secret}, is_active=bool(form.is_active.data),
    )  # fmt: skip


class RulesForm(FlaskForm):
    """What holds for all messages."""

    version = HiddenField()
    events = SelectMultipleField(lazy_gettext("Customers are told of"))
    quiet_from = IntegerField(lazy_gettext("Quiet from (hour)"), default=21)
    quiet_to = IntegerField(
        lazy_gettext("Quiet until (hour)"), default=8,
        description=lazy_gettext("Messages wait for the morning, unless a customer waits for them. Equal hours: none."),
    )  # fmt: skip
    remind_hours = IntegerField(
        lazy_gettext("Remind of the payment so many hours before the order expires"), default=0,
        description=lazy_gettext("0: never by itself"),
    )  # fmt: skip
    public_url = StringField(
        lazy_gettext("Address of this panel for customers"),
        description=lazy_gettext("Such as https://orders.example.com; without it messages have no links to the order"),
    )
    platform_buyers = BooleanField(
        lazy_gettext("Also tell buyers of Shopee, Lazada and TikTok Shop"),
        description=lazy_gettext("They hear from the platform already, and the platforms do not like other messages"),
    )


class MessageRouteView(OmsView):
    """The routes, one line each."""

    route_base = "/message-routes"
    default_view = "list"
    requires = "shop.edit"

    @page("/")
    def list(self) -> str:
        """Every route and how it does."""
        statement = select(MessageAccount).options(joinedload(MessageAccount.shop))
        rows = db.session.scalars(statement.order_by(MessageAccount.is_active.desc(), MessageAccount.id)).all()
        now = clock.now()
        return self.show_page(
            "messages/routes.html", title=gettext("Routes of messages"), offered=OFFERED,
            rows=[(row, routes.health(row, now), routes.last_error(row)) for row in rows], kinds=KINDS,
        )  # fmt: skip

    @page("/new/<code>", methods=("GET", "POST"))
    def new(self, code: str) -> Response | str:
        """Set one up."""
        route = Route(code) if code in OFFERED else None
        if route is None:
            raise NotFound(say("There is no such record"))
        form = form_of(route, None)
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    saved = routes.create_route(tx, facts_of(form, route), sealer())
                return self._try(saved.id)
            except OmsError as exc:
                pin_problems(form, exc)
        return self._form(form, route, gettext("Add %(route)s", route=tr(ROUTE_LABELS[route])))

    @page("/<int:account_id>/edit", methods=("GET", "POST"))
    def edit(self, account_id: int) -> Response | str:
        """Change one."""
        row = db.session.get(MessageAccount, account_id)
        if row is None:
            raise NotFound(say("There is no such record"))
        route, name = row.route, row.name
        form = form_of(route, row)
        if form.validate_on_submit():
            version = form.version.data or ""
            try:
                with unit() as tx:
                    edit = Edit(account_id, int(version) if version.isdecimal() else 0)
                    saved = routes.edit_route(tx, edit, facts_of(form, route), sealer())
                if saved.changed and form.is_active.data:
                    return self._try(account_id)
                flash(gettext("Saved"), "success")
                return redirect(url_for("MessageRouteView.list"), 303)
            except OmsError as exc:
                pin_problems(form, exc)
        return self._form(form, route, name)

    def _form(self, form: Any, route: Route, title: str) -> str:
        return self.render_template(
            "form_page.html", title=title, intro=ROUTE_INTRO_LABELS[route], form=form, columns=[f.name for f in form],
            fieldsets=[], cancel_url=url_for("MessageRouteView.list"),
            submit_label=gettext("Save and try") if route in KINDS else gettext("Save"),
        )  # fmt: skip

    @page("/<int:account_id>/test", methods=("POST",))
    def test(self, account_id: int) -> Response:
        """Try the connection; sends nothing."""
        return self._try(account_id)

    def _try(self, account_id: int) -> Response:
        with unit() as tx:
            opened = routes.open_route(tx, account_id, sealer())
        if opened.route not in KINDS:
            flash(gettext("It is ready"), "success")
            return redirect(url_for("MessageRouteView.list"), 303)
        try:
            result: Any = try_out(opened.route, opened.host, opened.settings)
            quota = "" if result.quota is None else gettext(
                "%(left)s messages left", left=f"{max(result.quota - result.used, 0):,}"
            )  # fmt: skip
            flash(" · ".join(x for x in (gettext("It works."), result.words, quota) if x), "success")
        except SendError as error:
            result = error
            flash(gettext("It is saved, but a try failed: %(why)s", why=tr(error.message)), "danger")
        with unit() as tx:
            routes.record_trial(tx, account_id, result)
        return redirect(url_for("MessageRouteView.list"), 303)

    @page("/rules", methods=("GET", "POST"))
    def rules(self) -> Response | str:
        """What holds for all messages."""
        now = settings_of(Tx(db.session(), current_actor()))
        form = RulesForm(
            data={
                "version": str(now.version or 0), "quiet_from": now.quiet_from, "quiet_to": now.quiet_to,
                "remind_hours": now.remind_hours, "public_url": now.public_url, "platform_buyers": now.platform_buyers,
                "events": [e.value for e in Event if e.value not in now.events_off],
            }
        )  # fmt: skip
        form.events.choices = [(e.value, tr(label)) for e, label in EVENT_LABELS.items()]
        if form.validate_on_submit():
            version = form.version.data or ""
            given = routes.Rules(
                frozenset(Event(e) for e in form.events.data or ()), form.quiet_from.data or 0, form.quiet_to.data or 0,
                form.public_url.data or "", bool(form.platform_buyers.data), form.remind_hours.data or 0,
                int(version) if version.isdecimal() else 0,
            )  # fmt: skip
            try:
                with unit() as tx:
                    routes.save_rules(tx, given)
                flash(gettext("Saved"), "success")
                return redirect(url_for("MessageRouteView.list"), 303)
            except OmsError as exc:
                pin_problems(form, exc)
        return self.render_template(
            "form_page.html", title=gettext("Who is told of what"), form=form, fieldsets=[],
            intro=gettext("Each of these is told once."),
            columns=[f.name for f in form], cancel_url=url_for("MessageRouteView.list"), submit_label=gettext("Save"),
        )  # fmt: skip


def counts(actor: Actor) -> nav.Waiting:
    """How many routes need somebody, for who can mend them."""
    return {"message_routes": len(routes.troubled(db.session()))} if actor.may("shop.edit") else {}


def install(app: Flask) -> None:
    """The count in the menu."""
    nav.add_counts(app, counts, asked=False)


VIEWS = (MessageRouteView,)
NAV = (
    nav.Item(
        "setup", "Routes of messages", "MessageRouteView.list", "shop.edit", icon="chat", order=36,
        count="message_routes", hot=True,
    ),
)  # fmt: skip
