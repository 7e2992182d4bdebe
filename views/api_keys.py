"""Keys of the HTTP API: who has one, what it may do, when it was last used; made, shown once, revoked."""

from __future__ import annotations

from typing import Any

from flask import current_app, flash, redirect, request, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import StringField

from oms.api.models import ApiKey
from oms.api.scopes import SCOPES
from oms.catalog.models import Shop
from oms.db import db
from oms.errors import InvalidInput, OmsError, say
from oms.inventory.models import Warehouse
from oms.permissions import ACTIONS
from oms.usecases.api_keys import KeyMade, NewKey, create_key, revoke_key
from views import nav
from views.api.problems import ROOT
from views.base import OmsView, current_actor, may, page, pin_problems, unit
from views.fields import Chosen, WholeField, choices
from views.filters import tr
from views.staff import TicksField

SHOWN = 200  # keys in the list; the revoked ones come last


def row_choices(model: type[Any], own: frozenset[int] | None) -> list[Any]:
    """The rows a person may give away."""
    statement = select(model).order_by(model.code)
    if own is not None:
        statement = statement.where(model.id.in_(sorted(own)))
    return choices((row.id, str(row)) for row in db.session.scalars(statement))


class KeyForm(FlaskForm):
    """A new key."""

    name = StringField(
        lazy_gettext("Name"),
        [Chosen()],
        description=lazy_gettext("The program that will use it; shown in the audit log"),
    )
    actions = TicksField(lazy_gettext("May"))
    shops = TicksField(lazy_gettext("Shops"), coerce=int, description=lazy_gettext("None ticked: all of them"))
    warehouses = TicksField(
        lazy_gettext("Warehouses"), coerce=int, description=lazy_gettext("None ticked: all of them")
    )
    per_minute = WholeField(lazy_gettext("Requests a minute"), default=600)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        actor = current_actor()
        self.actions.choices = choices((a, tr(ACTIONS[a])) for a in SCOPES if may(a))
        self.shops.choices = row_choices(Shop, actor.shops)
        self.warehouses.choices = row_choices(Warehouse, actor.warehouses)

    def facts(self) -> NewKey:
        """The verb's words."""
        return NewKey(
            self.name.data or "", frozenset(self.actions.data or ()), frozenset(self.shops.data or ()) or None,
            frozenset(self.warehouses.data or ()) or None, int(self.per_minute.data or 0),
        )  # fmt: skip


class ApiKeyView(OmsView):
    """The keys."""

    route_base = "/api-keys"
    default_view = "list"
    requires = "api.manage"

    @page("/")
    def list(self) -> str:
        """Every key."""
        return self._list(None)

    def _list(self, made: KeyMade | None) -> str:
        order = (ApiKey.revoked_at.is_not(None), ApiKey.id.desc())
        keys = db.session.scalars(select(ApiKey).order_by(*order).limit(SHOWN)).all()
        return self.show_page(
            "api/keys.html", title=gettext("API keys"), keys=keys, made=made, actions=ACTIONS,
            shops=codes(Shop), warehouses=codes(Warehouse), root=request.host_url.rstrip("/") + ROOT,
            document=url_for("api_document"),
        )  # fmt: skip

    @page("/new", methods=("GET", "POST"))
    def new(self) -> Response | str:
        """Make a key and show it, this once."""
        form = KeyForm()
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    made = create_key(tx, form.facts())
                return self._list(made)
            except InvalidInput as exc:
                pin_problems(form, exc)
            except OmsError as exc:
                flash(tr(exc.message), "danger")
        return self.render_template(
            "form_page.html", title=gettext("New API key"),
            intro=gettext("For a program of yours or of a partner. Give it no more than it needs."),
            submit_label=gettext("Make the key"), form=form, columns=[f.name for f in form], fieldsets=[],
            cancel_url=url_for("ApiKeyView.list"),
        )  # fmt: skip

    @page("/<int:key_id>/revoke", methods=("POST",))
    def revoke(self, key_id: int) -> Response:
        """Shut a key for good."""
        with unit() as tx:
            done = revoke_key(tx, key_id)
        kept = current_app.extensions.get("oms.api_keys")
        if kept is not None:
            kept.clear()
        if not done.changed:
            raise InvalidInput(say("This key is revoked already"), code="key_revoked")
        flash(gettext("Revoked. Within seconds it opens nothing"), "success")
        return redirect(url_for("ApiKeyView.list"), 303)


def codes(model: type[Any]) -> dict[int, str]:
    """The code of every row."""
    return {row.id: row.code for row in db.session.execute(select(model.id, model.code))}


VIEWS = (ApiKeyView,)
NAV = (nav.Item("setup", "API keys", "ApiKeyView.list", "api.manage", icon="key", order=80),)
