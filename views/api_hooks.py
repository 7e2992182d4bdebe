"""Outgoing webhooks: who is told of what, how it went, trying it out, sending again."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, flash, redirect, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import Select, func, or_, select
from werkzeug.wrappers import Response
from wtforms import HiddenField, StringField

from oms.actor import Actor
from oms.api.models import ApiDelivery, ApiHook
from oms.api.states import DELIVERY_LABELS
from oms.catalog.models import Shop
from oms.db import db
from oms.errors import InvalidInput, OmsError
from oms.orders.models import Order
from oms.usecases import api_deliveries, api_hooks
from oms.usecases.api_hooks import HOOK_EVENTS, HookFacts, HookMade
from oms.usecases.masters import Edit
from views import nav
from views.account_fields import sealer
from views.api_keys import codes, row_choices
from views.base import OmsView, current_actor, page, pin_problems, unit
from views.fields import Chosen, choices
from views.filters import tr
from views.staff import TicksField

LOGGED = 100  # deliveries on the page of a webhook
EVENT_NAMES = {**HOOK_EVENTS, api_hooks.PING: "Trial"}


class HookForm(FlaskForm):
    """A subscription."""

    version = HiddenField()
    name = StringField(lazy_gettext("Name"), [Chosen()])
    url = StringField(lazy_gettext("Address"), [Chosen()], description=lazy_gettext("https://, on the public internet"))
    events = TicksField(lazy_gettext("Events"))
    shops = TicksField(lazy_gettext("Shops"), coerce=int, description=lazy_gettext("None ticked: all of them"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.events.choices = choices((value, tr(label)) for value, label in HOOK_EVENTS.items())
        self.shops.choices = row_choices(Shop, current_actor().shops)

    def facts(self) -> HookFacts:
        """The verb's words."""
        return HookFacts(
            self.name.data or "", self.url.data or "", frozenset(self.events.data or ()),
            frozenset(self.shops.data or ()) or None,
        )  # fmt: skip


def visible_hooks(actor: Actor) -> Select[ApiHook]:
    """The subscriptions this person may keep: those that tell of shops they see."""
    statement = select(ApiHook)
    return statement if actor.shops is None else statement.where(ApiHook.shops.contained_by(sorted(actor.shops)))


def inside() -> tuple[str, ...]:
    """Hosts of the own network that this installation allows."""
    found: tuple[str, ...] = current_app.extensions["oms.settings"].inside_hosts
    return found


class ApiHookView(OmsView):
    """The subscriptions and what was sent."""

    route_base = "/webhooks"
    default_view = "list"
    requires = "api.manage"

    @page("/")
    def list(self) -> str:
        """Every subscription and how it stands."""
        hooks = db.session.scalars(visible_hooks(current_actor()).order_by(ApiHook.name)).all()
        return self.show_page("api/hooks.html", title=gettext("Webhooks"), hooks=hooks, events=EVENT_NAMES)

    @page("/<int:hook_id>")
    def show(self, hook_id: int) -> str:
        """One subscription and its log."""
        return self._show(hook_id, None)

    def _show(self, hook_id: int, made: HookMade | None) -> str:
        with unit() as tx:
            hook = api_hooks.own_hook(tx, hook_id)
            wanted = select(ApiDelivery).where(ApiDelivery.hook_id == hook.id)
            rows = tx.session.scalars(wanted.order_by(ApiDelivery.id.desc()).limit(LOGGED)).all()
            named = select(Order.id, Order.number).where(Order.id.in_({r.order_id for r in rows if r.order_id}))
            numbers = {row.id: row.number for row in tx.session.execute(named)}
            return self.show_page(
                "api/hook.html", title=hook.name, hook=hook, rows=rows, numbers=numbers, made=made, events=EVENT_NAMES,
                states=DELIVERY_LABELS,
                troubles=api_deliveries.TROUBLE_LABELS, shops=codes(Shop), tries=len(api_deliveries.PAUSES) + 1,
            )  # fmt: skip

    @page("/new", methods=("GET", "POST"))
    def new(self) -> Response | str:
        """Subscribe an address; its secret is shown this once."""
        form = HookForm()
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    made = api_hooks.create_hook(tx, form.facts(), sealer(), inside())
                return self._show(made.hook_id, made)
            except InvalidInput as exc:
                pin_problems(form, exc)
            except OmsError as exc:
                flash(tr(exc.message), "danger")
        return self._form(form, gettext("New webhook"), url_for("ApiHookView.list"))

    @page("/<int:hook_id>/edit", methods=("GET", "POST"))
    def edit(self, hook_id: int) -> Response | str:
        """Change a subscription."""
        with unit() as tx:
            row = api_hooks.own_hook(tx, hook_id)
            kept = {"name": row.name, "url": row.url, "events": row.events, "shops": row.shops or []}
            name, version = row.name, str(row.version)
        form = HookForm(data=kept | {"version": version})
        back = url_for("ApiHookView.show", hook_id=hook_id)
        if form.validate_on_submit():
            seen = form.version.data or ""
            try:
                with unit() as tx:
                    edit = Edit(hook_id, int(seen) if seen.isdecimal() and len(seen) < 10 else 0)
                    api_hooks.edit_hook(tx, edit, form.facts(), inside())
                flash(gettext("Saved"), "success")
                return redirect(back, 303)
            except InvalidInput as exc:
                pin_problems(form, exc)
            except OmsError as exc:
                flash(tr(exc.message), "danger")
        return self._form(form, name, back)

    def _form(self, form: HookForm, title: str, back: str) -> str:
        intro = gettext("Ruam posts JSON to this address when something happens, and signs it.")
        return self.render_template(
            "form_page.html", title=title, intro=intro, submit_label="", form=form, columns=[f.name for f in form],
            fieldsets=[], cancel_url=back,
        )  # fmt: skip

    @page("/<int:hook_id>/on", methods=("POST",))
    def on(self, hook_id: int) -> Response:
        """Switch it on."""
        return self._switch(hook_id, is_active=True)

    @page("/<int:hook_id>/off", methods=("POST",))
    def off(self, hook_id: int) -> Response:
        """Switch it off."""
        return self._switch(hook_id, is_active=False)

    def _switch(self, hook_id: int, *, is_active: bool) -> Response:
        with unit() as tx:
            api_hooks.switch_hook(tx, hook_id, is_active=is_active)
        flash(gettext("Switched on") if is_active else gettext("Switched off"), "success")
        return redirect(url_for("ApiHookView.show", hook_id=hook_id), 303)

    @page("/<int:hook_id>/test", methods=("POST",))
    def test(self, hook_id: int) -> Response:
        """Send a trial."""
        with unit() as tx:
            api_deliveries.owe_ping(tx, hook_id)
        flash(gettext("A trial is on its way; load the page again in a moment to see the answer"), "success")
        return redirect(url_for("ApiHookView.show", hook_id=hook_id), 303)

    @page("/<int:hook_id>/secret", methods=("POST",))
    def secret(self, hook_id: int) -> str:
        """A new secret, shown this once."""
        with unit() as tx:
            made = api_hooks.renew_secret(tx, hook_id, sealer())
        return self._show(hook_id, made)

    @page("/<int:hook_id>/resend/<int:delivery_id>", methods=("POST",))
    def resend(self, hook_id: int, delivery_id: int) -> Response:
        """Send one again."""
        with unit() as tx:
            api_deliveries.resend(tx, hook_id, delivery_id)
        flash(gettext("It is sent again"), "success")
        return redirect(url_for("ApiHookView.show", hook_id=hook_id), 303)


def counts(actor: Actor) -> nav.Waiting:
    """Webhooks that fail or were stopped, for the menu."""
    if not actor.may("api.manage"):
        return {}
    bad = or_(ApiHook.stopped != "", ApiHook.is_active & ApiHook.failing_since.is_not(None))
    return {"webhooks": visible_hooks(actor).with_only_columns(func.count()).where(bad)}


def install(app: Flask) -> None:
    """Give the menu the count."""
    nav.add_counts(app, counts)


VIEWS = (ApiHookView,)
NAV = (
    nav.Item("setup", "Webhooks", "ApiHookView.list", "api.manage", icon="globe", order=81, count="webhooks", hot=True),
)
