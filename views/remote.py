"""Remote warehouses: how each link stands, what waits for a person, packages carried by file, keys."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, flash, redirect, request, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import HiddenField, SelectField, StringField

from oms import audit, clock
from oms.actor import Actor
from oms.db import db
from oms.errors import InvalidInput, OmsError, say
from oms.inventory.models import Warehouse
from oms.remote import queries
from oms.remote.models import RemoteSite
from oms.remote.packages import LARGEST, unbundle
from oms.remote.states import KIND_LABELS, MESSAGE_LABELS, MODE_LABELS, PACKAGE_LABELS, SiteMode
from oms.usecases import remote_sites
from oms.usecases.masters import Edit
from oms.usecases.remote_decide import DECISION_LABELS, DecideMessage, Decision, decide_message, possible
from oms.usecases.remote_in import Taken, take_in
from oms.usecases.remote_out import hand_out
from oms.usecases.remote_sites import SiteFacts, SiteKeys, secret_of
from oms.usecases.sentences import unpack
from views import nav
from views.account_fields import sealer
from views.base import OmsView, current_actor, page, pin_problems, unit
from views.fields import Chosen, WholeField, choices
from views.filters import tr
from views.order_parts import warehouses

FILE_AT_MOST = 16 * LARGEST
OUTCOME_LABELS = {
    "applied": "applied", "repeat": "had been applied before", "early": "waits for an earlier one",
    "conflict": "contradicts an earlier one, parked",
}  # fmt: skip


class SiteForm(FlaskForm):
    """What is kept of a link."""

    version = HiddenField()
    name = StringField(lazy_gettext("Name"), [Chosen()])
    code = StringField(
        lazy_gettext("Code"), [Chosen()], description=lazy_gettext("The site calls by it; letters, digits, dashes")
    )
    warehouse_id = SelectField(lazy_gettext("Warehouse"), coerce=int)
    mode = SelectField(lazy_gettext("Packages travel"))
    silent_hours = WholeField(
        lazy_gettext("Warn when not heard for (hours)"), description=lazy_gettext("Shown in the menu and on this page")
    )

    def facts(self) -> SiteFacts:
        """The verb's words."""
        return SiteFacts(
            self.code.data or "", self.name.data or "", self.warehouse_id.data or 0, SiteMode(self.mode.data),
            int(self.silent_hours.data or 0),
        )  # fmt: skip


def site_form(row: RemoteSite | None) -> SiteForm:
    """The form, filled with what is stored."""
    facts: dict[str, Any] = {"silent_hours": 24, "mode": SiteMode.API.value}
    if row is not None:
        facts = {
            "name": row.name, "code": row.code, "warehouse_id": row.warehouse_id, "mode": row.mode.value,
            "silent_hours": row.silent_hours, "version": str(row.version),
        }  # fmt: skip
    form = SiteForm(data=facts)
    places = db.session.query(Warehouse).filter(Warehouse.is_active).order_by(Warehouse.rank, Warehouse.code)
    form.warehouse_id.choices = choices((w.id, str(w)) for w in places)
    form.mode.choices = choices((mode.value, tr(label)) for mode, label in MODE_LABELS.items())
    return form


def version_of(form: FlaskForm) -> int:
    """The version a form was made from; 0, which no row has, for none."""
    text = form["version"].data or ""
    return int(text) if text.isdecimal() else 0


class RemoteView(OmsView):
    """The links, one link, its parked messages and its packages."""

    route_base = "/remote-sites"
    default_view = "list"
    requires = "remote.manage"

    @page("/")
    def list(self) -> str:
        """How every link stands."""
        states = queries.site_states(db.session(), current_actor())
        return self.show_page("remote/list.html", title=gettext("Remote warehouses"), states=states, modes=MODE_LABELS)

    @page("/<int:site_id>")
    def show(self, site_id: int) -> str:
        """One link: facts, what waits for a person, messages, packages."""
        return self._show(site_id)

    def _show(self, site_id: int, keys: SiteKeys | None = None) -> str:
        with unit() as tx:
            site = queries.get_site(tx, site_id)
            state = next(s for s in queries.site_states(tx.session, tx.actor) if s.site.id == site_id)
            find = request.args.get("q", "").strip()[:64]
            parked = [(m, unpack(m.problem), possible(m)) for m in queries.parked(tx.session, site_id)]
            return self.show_page(
                "remote/show.html", title=site.name, site=site, state=state, keys=keys, parked=parked, find=find,
                messages=queries.recent_messages(tx.session, site_id, find),
                packages=queries.recent_packages(tx.session, site_id), modes=MODE_LABELS, kinds=KIND_LABELS,
                message_labels=MESSAGE_LABELS, package_labels=PACKAGE_LABELS, decisions=DECISION_LABELS,
                trouble=unpack(site.trouble), place=warehouses().get(site.warehouse_id),
                address=url_for("remote_fetch", code=site.code, _external=True), unpack=unpack,
            )  # fmt: skip

    @page("/new", methods=("GET", "POST"))
    def new(self) -> Response | str:
        """Link a warehouse."""
        form = site_form(None)
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    keys = remote_sites.create_site(tx, form.facts(), sealer())
                flash(gettext("Linked. Write the keys down; they are not shown again"), "success")
                return self._show(keys.site_id, keys)
            except OmsError as exc:
                pin_problems(form, exc)
        return self._form(form, gettext("Link a remote warehouse"), url_for("RemoteView.list"))

    @page("/<int:site_id>/edit", methods=("GET", "POST"))
    def edit(self, site_id: int) -> Response | str:
        """Change a link."""
        with unit() as tx:
            row = queries.get_site(tx, site_id)
            form, name = site_form(row), row.name
        back = url_for("RemoteView.show", site_id=site_id)
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    queries.get_site(tx, site_id)
                    remote_sites.edit_site(tx, Edit(site_id, version_of(form)), form.facts())
                flash(gettext("Saved"), "success")
                return redirect(back, 303)
            except OmsError as exc:
                pin_problems(form, exc)
        return self._form(form, name, back)

    def _form(self, form: SiteForm, title: str, back: str) -> str:
        return self.render_template(
            "form_page.html", title=title, intro=gettext("Another system does the work of this warehouse."),
            submit_label="", form=form, columns=[f.name for f in form], fieldsets=[], cancel_url=back,
        )  # fmt: skip

    @page("/<int:site_id>/switch", methods=("POST",))
    def switch(self, site_id: int) -> Response:
        """Pause or let go on."""
        on = request.form.get("on") == "1"
        with unit() as tx:
            row = queries.get_site(tx, site_id)
            remote_sites.switch_site(tx, Edit(site_id, row.version), is_active=on)
        flash(gettext("The link goes on") if on else gettext("The link is paused"), "success")
        return redirect(url_for("RemoteView.show", site_id=site_id), 303)

    @page("/<int:site_id>/keys", methods=("POST",))
    def keys(self, site_id: int) -> str:
        """New keys, shown once."""
        with unit() as tx:
            row = queries.get_site(tx, site_id)
            made = remote_sites.renew_keys(tx, Edit(site_id, row.version), sealer())
        flash(gettext("New keys. Write them down; they are not shown again"), "success")
        return self._show(site_id, made)

    @page("/<int:site_id>/decide/<int:message_id>", methods=("POST",))
    def decide(self, site_id: int, message_id: int) -> Response:
        """Settle a parked message."""
        try:
            decision = Decision(request.form.get("decision", ""))
        except ValueError:
            raise InvalidInput(say("Choose what is to happen"), field="decision", code="decision") from None
        with unit() as tx:
            decide_message(tx, DecideMessage(message_id, decision, request.form.get("note", "")))
        flash(gettext("Settled"), "success")
        return redirect(url_for("RemoteView.show", site_id=site_id), 303)

    @page("/<int:site_id>/file", methods=("POST",))
    def file(self, site_id: int) -> Response:
        """What the site has not acknowledged, and what is new, as a file to carry."""
        given = request.form.get("after", "").strip()
        with unit() as tx:
            site = queries.get_site(tx, site_id)
            after = int(given) if given.isdecimal() and len(given) < 16 else site.out_have
            packages = hand_out(tx, site_id, secret_of(site, sealer()), after, by_file=True)
            told = {"after": after, "packages": len(packages)}
            audit.record(tx, "remote_site.file_made", "remote_site", site.id, site.name, after=told)
            code = site.code
        if not packages:
            flash(gettext("There is nothing the site does not have"), "info")
            return redirect(url_for("RemoteView.show", site_id=site_id), 303)
        answer = current_app.response_class(b"".join(p + b"\n" for p in packages), mimetype="application/x-ndjson")
        name = f"ruam-{code}-{clock.local(clock.now()):%Y%m%d-%H%M}.ruam"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @page("/<int:site_id>/upload", methods=("POST",))
    def upload(self, site_id: int) -> Response:
        """Packages that were carried here: each is taken by itself, what is broken is named."""
        sent = request.files.get("file")
        data = sent.stream.read(FILE_AT_MOST + 1) if sent else b""
        if not data or len(data) > FILE_AT_MOST:
            raise InvalidInput(
                say("Choose the file of the site, at most {mb} MB", mb=FILE_AT_MOST // 2**20), field="file", code="file"
            )
        with unit() as tx:
            secret = secret_of(queries.get_site(tx, site_id), sealer())
        taken: dict[str, int] = {}
        for data_of_one in unbundle(data):
            try:
                with unit() as tx:
                    queries.get_site(tx, site_id)
                    found: Taken = take_in(tx, site_id, secret, data_of_one)
                taken[found.outcome] = taken.get(found.outcome, 0) + 1
            except InvalidInput as refusal:
                flash(tr(refusal.message), "danger")
        words = [f"{n} {tr(OUTCOME_LABELS[outcome])}" for outcome, n in taken.items()]
        if words:
            flash(gettext("Packages: %(what)s", what=", ".join(words)), "success")
        return redirect(url_for("RemoteView.show", site_id=site_id), 303)


def counts(actor: Actor) -> nav.Waiting:
    """What of remote sites needs a person, for the menu."""
    return {"remote": queries.attention(actor)} if actor.may("remote.manage") else {}


def install(app: Flask) -> None:
    """Give the menu the count."""
    nav.add_counts(app, counts)


VIEWS = (RemoteView,)
NAV = (
    nav.Item("stock", "Remote warehouses", "RemoteView.list", "remote.manage", icon="truck", order=70,
             count="remote", hot=True),
)  # fmt: skip
