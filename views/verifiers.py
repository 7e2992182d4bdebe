"""Slip verifiers: which services are asked about slips, whether they work, and their keys, which never come out."""

from __future__ import annotations

from typing import Any

from flask import Flask, flash, redirect, request, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, SelectField, StringField

from oms import clock
from oms.actor import Actor
from oms.banks.verifiers.port import Quota
from oms.banks.verifiers.registry import PROVIDERS, Provider, try_out
from oms.db import db
from oms.errors import NotFound, OmsError, Say, say
from oms.net.silence import words_of
from oms.payments.models import ReceivingAccount
from oms.payments.slip_models import Slip, SlipCheck, VerifierAccount
from oms.payments.states import CheckOutcome
from oms.usecases import verifiers
from oms.usecases.masters import Edit
from oms.usecases.slips_verify import ask_again, has_verifier, is_askable
from views import nav
from views.account_fields import entry, sealer
from views.base import OmsView, page, pin_problems, safe_path, unit
from views.fields import Chosen, choices
from views.filters import tr

PROVIDER_LABELS = {
    "slipok": "Asks the banks by the QR of the slip. Register your receiving account with SlipOK first, or it checks "
    "neither repeats nor the receiver.",
    "easyslip": "Asks the banks by the QR of the slip, through EasySlip's API version 2.",
    "slip2go": "Asks the banks by the QR of the slip. Allow this server's address at Slip2Go when you limit addresses.",
    "scb": "Asks SCB itself by bank and reference. In production the bank wants your certificate.",
    "kbank": "Asks KBank itself by bank and reference. The bank wants your certificate.",
}


def form_of(provider: Provider, stored: VerifierAccount | None) -> Any:
    """The form of one provider, filled with what is stored but for the secrets."""
    names: dict[str, Any] = {
        "version": HiddenField(),
        "name": StringField(lazy_gettext("Name"), [Chosen()], description=lazy_gettext("As the cashier sees it")),
        "account_id": SelectField(lazy_gettext("Asked about slips paid to"), coerce=int),
    }
    names |= {f.name: entry(f, stored=stored is not None) for f in provider.fields}
    host = lazy_gettext("Only for a test system. Another address needs the keys again.")
    names["host"] = StringField(lazy_gettext("Address of the server"), description=host)
    names["is_active"] = BooleanField(lazy_gettext("In use"), default=True)
    made: Any = type("VerifierForm", (FlaskForm,), names)
    facts: dict[str, Any] = {"name": provider.name, "host": provider.host, "account_id": 0}
    if stored is not None:
        facts = {"name": stored.name, "host": stored.host, "account_id": stored.account_id or 0, **stored.options}
        facts |= {"is_active": stored.is_active, "version": str(stored.version)}
    form = made(data=facts)
    rows = db.session.scalars(
        select(ReceivingAccount).where(ReceivingAccount.is_active).order_by(ReceivingAccount.code)
    )
    form.account_id.choices = choices([(0, gettext("Any of our accounts")), *((r.id, str(r)) for r in rows)])
    return form


def facts_of(form: Any, provider: Provider) -> verifiers.VerifierFacts:
    """What was entered."""
    given = {f.name: form[f.name].data or "" for f in provider.fields}
    secret = set(provider.secret_names)
    return verifiers.VerifierFacts(
        provider.code, form["name"].data or "", form.host.data or "", form.account_id.data or None,
        options={k: v for k, v in given.items() if k not in secret},
        secrets={k: v for k, v in given.items() if k in secret}, is_active=bool(form.is_active.data),
    )  # fmt: skip


class VerifierView(OmsView):
    """The services, one line each."""

    route_base = "/verifiers"
    default_view = "list"
    requires = "shop.edit"

    @page("/")
    def list(self) -> str:
        """Every verifier and how it does."""
        statement = select(VerifierAccount).options(joinedload(VerifierAccount.account))
        rows = db.session.scalars(statement.order_by(VerifierAccount.is_active.desc(), VerifierAccount.id)).all()
        now = clock.now()
        return self.show_page(
            "verifiers.html",
            title=gettext("Slip verifiers"),
            rows=[
                (row, PROVIDERS[row.provider], verifiers.health(row, now), verifiers.last_error(row)) for row in rows
            ],
            providers=PROVIDERS.values(),
        )

    @page("/new/<code>", methods=("GET", "POST"))
    def new(self, code: str) -> Response | str:
        """Set one up."""
        provider = PROVIDERS.get(code)
        if provider is None:
            raise NotFound(say("There is no such record"))
        form = form_of(provider, None)
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    saved = verifiers.create_verifier(tx, facts_of(form, provider), sealer())
                return self._try(saved.id)
            except OmsError as exc:
                pin_problems(form, exc)
        return self._form(form, provider, gettext("Add %(provider)s", provider=provider.name))

    @page("/<int:verifier_id>/edit", methods=("GET", "POST"))
    def edit(self, verifier_id: int) -> Response | str:
        """Change one."""
        row = db.session.get(VerifierAccount, verifier_id)
        if row is None:
            raise NotFound(say("There is no such record"))
        provider, name = PROVIDERS[row.provider], row.name
        form = form_of(provider, row)
        if form.validate_on_submit():
            version = form.version.data or ""
            try:
                with unit() as tx:
                    edit = Edit(verifier_id, int(version) if version.isdecimal() else 0)
                    saved = verifiers.edit_verifier(tx, edit, facts_of(form, provider), sealer())
                if saved.changed and form.is_active.data:
                    return self._try(verifier_id)
                flash(gettext("Saved"), "success")
                return redirect(url_for("VerifierView.list"), 303)
            except OmsError as exc:
                pin_problems(form, exc)
        return self._form(form, provider, name)

    def _form(self, form: Any, provider: Provider, title: str) -> str:
        columns = [f.name for f in form]
        return self.render_template(
            "form_page.html", title=title, intro=PROVIDER_LABELS[provider.code], submit_label=gettext("Save and try"),
            form=form, columns=columns, fieldsets=[], cancel_url=url_for("VerifierView.list"),
        )  # fmt: skip

    @page("/<int:verifier_id>/test", methods=("POST",))
    def test(self, verifier_id: int) -> Response:
        """Try the connection; asks what is left, which costs nothing."""
        return self._try(verifier_id)

    def _try(self, verifier_id: int) -> Response:
        with unit() as tx:
            opened = verifiers.open_settings(tx, verifier_id, sealer())
        result = try_out(opened.provider, opened.host, opened.settings)
        with unit() as tx:
            verifiers.record_trial(tx, verifier_id, result)
        if isinstance(result, Quota):
            left = "" if result.left is None else gettext("%(left)s checks left", left=f"{result.left:,}")
            flash(" ".join((gettext("It works."), left)).strip(), "success")
        else:
            why = words_of(result.code, result.message)
            words = tr(why) if isinstance(why, Say) else why
            flash(gettext("It is saved, but a try failed: %(why)s", why=words), "danger")
        return redirect(url_for("VerifierView.list"), 303)


class SlipCheckView(OmsView):
    """What a cashier asks of a verifier."""

    route_base = "/slip-checks"
    requires = "payment.verify"

    @page("/<int:slip_id>/ask", methods=("POST",))
    def ask(self, slip_id: int) -> Response:
        """Ask about this slip once more."""
        with unit() as tx:
            ask_again(tx, slip_id)
        flash(gettext("The service is being asked; the answer shows here in a moment"), "success")
        return redirect(safe_path(request.form.get("next")) or url_for("HomeView.index"), 303)


def slip_verifier(slip: Slip) -> dict[str, Any]:
    """What a cashier should know of the services beside this slip: who is in trouble, and whether to ask again."""
    session = db.session()
    found = SlipCheck.slip_id == slip.id, SlipCheck.outcome == CheckOutcome.FOUND
    done = session.scalar(select(SlipCheck.id).where(*found).limit(1)) is not None
    return {"troubles": verifiers.troubled(session), "ask": not done and is_askable(slip) and has_verifier(session)}


def counts(actor: Actor) -> nav.Waiting:
    """How many verifiers need somebody, for who can mend them."""
    if not actor.may("shop.edit"):
        return {}
    return {"verifiers": len(verifiers.troubled(db.session()))}


def install(app: Flask) -> None:
    """The count in the menu, and what the review of slips shows of the services."""
    nav.add_counts(app, counts, asked=False)
    app.jinja_env.globals["slip_verifier"] = slip_verifier


VIEWS = (VerifierView, SlipCheckView)
NAV = (
    nav.Item(
        "setup",
        "Slip verifiers",
        "VerifierView.list",
        "shop.edit",
        icon="shield",
        order=35,
        count="verifiers",
        hot=True,
    ),
)
