"""Shops and their channels: connected, tried, let in, read now, read again, switched on and off."""

from __future__ import annotations

import hmac
import secrets
import time
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app, flash, redirect, request, session, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import HiddenField, StringField

from oms import clock
from oms.actor import Actor
from oms.catalog.models import CHANNEL_LABELS, Shop
from oms.channels.models import ChannelConnection, ChannelHook
from oms.channels.port import ChannelError, Grant
from oms.channels.registry import CONNECTORS, ConnectorKind, opening, try_out
from oms.channels.states import HookStatus
from oms.db import db
from oms.errors import NotFound, OmsError, Refused, say
from oms.thai.dates import parse_date
from oms.usecases import channels
from oms.usecases.channel_health import Health, backlogs, count_troubled, health, lag, name_of, shown
from oms.usecases.channel_lease import get_connection
from oms.usecases.channel_sync import Backfill, ask_backfill, wake_sync
from oms.usecases.channel_trouble import last_trouble, read_trouble
from views import nav
from views.account_fields import entry, sealer
from views.base import OmsView, current_actor, page, pin_problems, unit
from views.channel_words import KEYS_LABELS
from views.filters import tr

HANDED = "channel_consent"  # in the session: whose browser went to ask a channel for access, and when
HANDED_FOR = 1800  # seconds


def connection_form(kind: ConnectorKind, row: ChannelConnection | None) -> Any:
    """The form of one connector, filled with what is stored but for the secrets."""
    mine = row if row is not None and row.connector == kind.code else None
    names: dict[str, Any] = {"version": HiddenField()}
    names |= {f.name: entry(f, stored=mine is not None and bool(mine.secrets)) for f in kind.fields}
    host = lazy_gettext("Only for a test system. Another address needs the keys again.")
    if not kind.host:
        host = lazy_gettext("The address of your own shop, for example https://shop.example")
    address = StringField(lazy_gettext("Address of the server"), description=host)
    names["host"] = address if kind.is_asked else HiddenField()
    made: Any = type("ConnectionForm", (FlaskForm,), names)
    facts: dict[str, Any] = {"host": mine.host if mine else kind.host, "version": str(row.version) if row else ""}
    facts |= {f.name: f.default for f in kind.fields if not f.secret}
    return made(data=facts | (dict(mine.options) if mine else {}))


def _version(form: Any) -> int | None:
    text = form.version.data or ""
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _shop(shop_id: int) -> Shop:
    shop = db.session.get(Shop, shop_id)
    if shop is None or not current_actor().sees_shop(shop_id):
        raise NotFound(say("There is no such shop, or it is not yours to use"))
    return shop


def connection_of(shop: Shop) -> tuple[ChannelConnection, Health] | None:
    """How a shop is connected and how that does, for the shop's own page."""
    row = _of(shop.id)
    return (row, health(row, clock.now())) if row else None


def _of(shop_id: int) -> ChannelConnection | None:
    return db.session.scalars(select(ChannelConnection).where(ChannelConnection.shop_id == shop_id)).one_or_none()


def found(connection_id: int) -> ChannelConnection:
    """A connection this person may see."""
    row = db.session.get(ChannelConnection, connection_id, options=[joinedload(ChannelConnection.shop)])
    if row is None or not current_actor().sees_shop(row.shop_id):
        raise NotFound(say("This shop is not connected"))
    return row


class ChannelView(OmsView):
    """Connected shops, one page each."""

    route_base = "/channels"
    default_view = "list"
    requires = "intake.import"
    requires_for = dict.fromkeys(
        ("connect", "test", "consent", "back", "switch", "disconnect", "renew_hook"), "shop.edit"
    )

    @page("/")
    def list(self) -> str:
        """Every connected shop and how it does; shops that could be connected."""
        rows = shown(db.session(), current_actor())
        have = {one.row.shop_id for one in rows}
        shops = db.session.scalars(select(Shop).where(Shop.is_active).order_by(Shop.name)).all()
        free = [(s, _kinds(s)) for s in shops if s.id not in have and current_actor().sees_shop(s.id)]
        return self.show_page(
            "channels/list.html", title=gettext("Channels"), rows=rows, free=[(s, k) for s, k in free if k],
            lag=lambda row: lag(row, clock.now()),
        )  # fmt: skip

    @page("/<int:connection_id>")
    def show(self, connection_id: int) -> str:
        """One connected shop: its health, its figures, what waits, its settings."""
        row = found(connection_id)
        kind = CONNECTORS.get(row.connector)
        dead = db.session.scalars(
            select(ChannelHook)
            .where(ChannelHook.connection_id == row.id, ChannelHook.status.in_([HookStatus.REFUSED, HookStatus.DEAD]))
            .order_by(ChannelHook.last_at.desc())
            .limit(20)
        ).all()
        elsewhere = db.session.execute(
            select(ChannelHook.note, func.count(), func.max(ChannelHook.last_at))
            .where(ChannelHook.connection_id == row.id, ChannelHook.status == HookStatus.ELSEWHERE)
            .group_by(ChannelHook.note)
            .order_by(func.max(ChannelHook.last_at).desc())
            .limit(20)
        ).all()
        return self.show_page(
            "channels/show.html", title=row.shop.name, row=row, kind=kind, health=health(row, clock.now()),
            backlog=backlogs(db.session(), [row])[row.shop_id], lag=lag(row, clock.now()), name=name_of(row),
            hook=_hook_url(row, kind), dead=dead, elsewhere=elsewhere, kinds=_kinds(row.shop), trouble=last_trouble,
        )  # fmt: skip

    @page("/shops/<int:shop_id>/connect/<connector>", methods=("GET", "POST"))
    def connect(self, shop_id: int, connector: str) -> Response | str:
        """How the shop is reached."""
        shop, kind, row = _shop(shop_id), CONNECTORS.get(connector), _of(shop_id)
        if kind is None:
            raise NotFound(say("There is no such record"))
        form, title = connection_form(kind, row), gettext("%(shop)s by %(way)s", shop=shop.name, way=kind.name)
        back = url_for("ChannelView.show", connection_id=row.id) if row else url_for("ChannelView.list")
        if form.validate_on_submit():
            given = {f.name: form[f.name].data or "" for f in kind.fields}
            secret = set(kind.secret_names)
            command = channels.Connect(
                shop_id, kind.code, form.host.data or "", {k: v for k, v in given.items() if k not in secret},
                {k: v for k, v in given.items() if k in secret}, _version(form),
            )  # fmt: skip
            try:
                with unit() as tx:
                    saved = channels.connect_shop(tx, command, sealer())
                if kind.consent is not None:
                    flash(gettext("Saved. Now let us into the shop."), "success")
                    return redirect(url_for("ChannelView.show", connection_id=saved.id), 303)
                return self._try(saved.id)
            except OmsError as exc:
                pin_problems(form, exc)
        return self.render_template(
            "form_page.html", title=title, intro=KEYS_LABELS.get(kind.code, ""), submit_label=gettext("Save"),
            form=form, columns=[f.name for f in form], fieldsets=[], cancel_url=back,
        )  # fmt: skip

    @page("/<int:connection_id>/consent", methods=("POST",))
    def consent(self, connection_id: int) -> Response:
        """Send the browser to the channel, where the seller lets us in."""
        row = found(connection_id)
        kind = CONNECTORS.get(row.connector)
        if kind is None or kind.consent is None:
            raise Refused(say("This channel needs no such step"), code="no_consent")
        with unit() as tx:
            reached = channels.reach(get_connection(tx, connection_id), sealer())
        state = secrets.token_urlsafe(24)
        session[HANDED] = [connection_id, state, int(time.time())]
        back = url_for("ChannelView.back", _external=True)
        host = (reached.host or kind.host).rstrip("/")
        return redirect(kind.consent.address(host, reached.settings, back, state), 303)

    @page("/back")
    def back(self) -> Response:
        """The seller comes back from the channel with a code: it becomes the first grant."""
        handed = session.pop(HANDED, None)
        told = request.args.get("state", "").encode()
        late = not handed or time.time() - handed[2] > HANDED_FOR
        if late or not hmac.compare_digest(told, handed[1].encode()):  # every channel hands our word back
            flash(gettext("This answer belongs to no question of ours; begin again"), "danger")
            return redirect(url_for("ChannelView.list"), 303)
        connection_id = int(handed[0])
        with unit() as tx:
            reached = channels.reach(get_connection(tx, connection_id), sealer())
        kind = CONNECTORS[reached.connector]
        try:
            grant = _exchanged(kind, reached)
        except ChannelError as error:
            with unit() as tx:
                channels.record_trial(tx, connection_id, error)
            flash(gettext("The channel did not let us in: %(why)s", why=tr(error.message)), "danger")
            return redirect(url_for("ChannelView.show", connection_id=connection_id), 303)
        with unit() as tx:
            channels.store_grant(tx, connection_id, grant, sealer(), by_consent=True)
        return self._try(connection_id)

    @page("/<int:connection_id>/test", methods=("POST",))
    def test(self, connection_id: int) -> Response:
        """Try the connection; it costs and changes nothing."""
        return self._try(connection_id)

    def _try(self, connection_id: int) -> Response:
        with unit() as tx:
            reached = channels.reach(get_connection(tx, connection_id), sealer())
        trouble, word = None, ""
        try:
            word = try_out(reached.connector, reached.host, reached.settings, reached.grant)
        except ChannelError as error:
            trouble = error
        with unit() as tx:
            channels.record_trial(tx, connection_id, trouble)
        if trouble is None:
            flash(" ".join((gettext("It works."), word)).strip(), "success")
        else:
            flash(gettext("It is saved, but a try failed: %(why)s", why=tr(trouble.message)), "danger")
        return redirect(url_for("ChannelView.show", connection_id=connection_id), 303)

    @page("/<int:connection_id>/switches", methods=("POST",))
    def switch(self, connection_id: int) -> Response:
        """What happens by itself."""
        on = {name: request.form.get(name) == "1" for name in ("accepts", "tells_shipping", "offers", "is_active")}
        with unit() as tx:
            channels.set_switches(tx, connection_id, _posted_version(), channels.Switches(**on))
        flash(gettext("Saved"), "success")
        return redirect(url_for("ChannelView.show", connection_id=connection_id), 303)

    @page("/<int:connection_id>/disconnect", methods=("POST",))
    def disconnect(self, connection_id: int) -> Response:
        """Reach it no more; its keys are forgotten."""
        with unit() as tx:
            channels.disconnect_shop(tx, connection_id, _posted_version())
        flash(gettext("Disconnected; the keys are forgotten"), "success")
        return redirect(url_for("ChannelView.show", connection_id=connection_id), 303)

    @page("/<int:connection_id>/hook", methods=("POST",))
    def renew_hook(self, connection_id: int) -> Response:
        """A new address for webhooks."""
        with unit() as tx:
            channels.renew_hook(tx, connection_id)
        flash(gettext("The old address is dead; enter the new one at the channel"), "success")
        return redirect(url_for("ChannelView.show", connection_id=connection_id), 303)

    @page("/<int:connection_id>/sync", methods=("POST",))
    def sync(self, connection_id: int) -> Response:
        """Read it now."""
        with unit() as tx:
            get_connection(tx, connection_id)
            wake_sync(tx, connection_id)
        flash(gettext("It is read in a moment"), "success")
        return redirect(url_for("ChannelView.show", connection_id=connection_id), 303)

    @page("/<int:connection_id>/backfill", methods=("POST",))
    def backfill(self, connection_id: int) -> Response:
        """Read some days again."""
        first, last = (_day(request.form.get(name, "")) for name in ("first", "last"))
        with unit() as tx:
            ask_backfill(tx, Backfill(connection_id, first, last + timedelta(days=1)))
        flash(gettext("These days are read again; orders that are here stay as they are"), "success")
        return redirect(url_for("ChannelPagesView.runs", connection_id=connection_id), 303)


def _exchanged(kind: ConnectorKind, reached: channels.Reached) -> Grant:
    assert kind.consent is not None
    opened = opening(kind.code, reached.host, reached.settings, reached.grant)
    try:
        return kind.consent.exchange(opened, request.args.to_dict())
    finally:
        opened.transport.close()


def _day(text: str) -> datetime:
    return datetime.combine(parse_date(text), datetime.min.time(), clock.BANGKOK)


def _posted_version() -> int:
    text = request.form.get("version", "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _kinds(shop: Shop) -> list[ConnectorKind]:
    return [kind for kind in CONNECTORS.values() if kind.channel is shop.channel]


def _hook_url(row: ChannelConnection, kind: ConnectorKind | None) -> str:
    """Where the channel sends its news; "" when it sends none."""
    if kind is None or "webhook" not in kind.abilities or "channel_hook" not in current_app.view_functions:
        return ""
    return url_for("channel_hook", token=row.hook_token, _external=True)


def counts(actor: Actor) -> nav.Waiting:
    """How many shops need somebody."""
    return {"channels": count_troubled(db.session(), actor)} if actor.may("intake.import") else {}


def install(app: Flask) -> None:
    """The count in the menu; the names of channels for templates."""
    nav.add_counts(app, counts, asked=False)
    app.jinja_env.globals.update(
        channel_labels=CHANNEL_LABELS, read_trouble=read_trouble, connection_of=connection_of, connectors_of=_kinds
    )


VIEWS = (ChannelView,)
NAV = (
    nav.Item(
        "work", "Channels", "ChannelView.list", "intake.import", icon="activity", order=80, count="channels", hot=True
    ),
)
