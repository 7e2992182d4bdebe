"""Carriers: what each offers and allows, how it is reached, whether it works, and who carries by default."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, flash, redirect, request, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, StringField, TextAreaField

from oms import clock
from oms.actor import Actor
from oms.carriers.port import CarrierError
from oms.carriers.registry import ADAPTERS, AdapterKind, try_out
from oms.catalog.models import Shop
from oms.db import db
from oms.errors import NotFound, OmsError, say
from oms.inventory.models import Warehouse
from oms.shipping.carrier_models import Carrier, CarrierChoice
from oms.shipping.carrier_queries import all_carriers, get_carrier, ranges_of
from oms.usecases import carriers
from oms.usecases.carrier_choice import SetChoice, drop_choice, set_choice
from oms.usecases.carrier_health import health, record_trial, troubled
from oms.usecases.carrier_trouble import last_trouble
from oms.usecases.masters import Edit
from oms.usecases.number_ranges import low_statement, running_low, shape_of
from views import nav
from views.account_fields import entry, sealer
from views.base import OmsView, page, pin_problems, unit
from views.fields import AmountField, Chosen, WholeField
from views.filters import tr

ADAPTER_LABELS = {
    "flash": "Books, labels, cancels and tracks with Flash Express itself. Flash gives the key on request.",
    "thaipost": "Tracks with Thailand Post itself. Numbers come from blocks bought ahead; labels are ours.",
    "ninjavan": "Books, labels, cancels and tracks with Ninja Van itself.",
    "shippop": "Books, labels, cancels and tracks many carriers through Shippop; the service names the carrier.",
}


class CarrierForm(FlaskForm):
    """What is kept of a carrier."""

    version = HiddenField()
    services = TextAreaField(
        lazy_gettext("Services"),
        description=lazy_gettext("One on each line: the carrier's code, then its name"),
        render_kw={"rows": 4, "spellcheck": "false"},
    )
    tracking_url = StringField(
        lazy_gettext("Tracking link"), description=lazy_gettext("{number} stands where the tracking number goes")
    )
    number_pattern = StringField(
        lazy_gettext("Shape of tracking numbers"),
        description=lazy_gettext("A regular expression. Only advice: other numbers are taken with a warning."),
    )
    cod_allowed = BooleanField(lazy_gettext("Collects cash on delivery"))
    cod_limit = AmountField(lazy_gettext("Most cash for a parcel"), description=lazy_gettext("Empty: no limit"))
    max_weight_grams = WholeField(lazy_gettext("Heaviest parcel, grams"), description=lazy_gettext("Empty: no limit"))
    max_side_cm = WholeField(lazy_gettext("Longest side, cm"), description=lazy_gettext("Empty: no limit"))
    max_girth_cm = WholeField(
        lazy_gettext("Width, length and height together, cm"), description=lazy_gettext("Empty: no limit")
    )
    cut_off = StringField(lazy_gettext("Fetches until"), description=lazy_gettext("For example 16:30; empty: no time"))
    phone = StringField(lazy_gettext("Phone"))
    is_active = BooleanField(lazy_gettext("In use"), default=True)

    def facts(self) -> carriers.CarrierFacts:
        """What was entered."""
        return carriers.CarrierFacts(
            services=_services(self.services.data or ""), tracking_url=self.tracking_url.data or "",
            number_pattern=self.number_pattern.data or "", cod_allowed=bool(self.cod_allowed.data),
            cod_limit=self.cod_limit.data, max_weight_grams=self.max_weight_grams.data,
            max_side_cm=self.max_side_cm.data, max_girth_cm=self.max_girth_cm.data, cut_off=self.cut_off.data or "",
            phone=self.phone.data or "", is_active=bool(self.is_active.data),
            code=str(self["code"].data or "") if "code" in self else "",
            name=str(self["name"].data or "") if "name" in self else "",
        )  # fmt: skip


class NewCarrierForm(CarrierForm):
    """One more carrier; its code and name stay."""

    code = StringField(lazy_gettext("Code"), [Chosen()], description=lazy_gettext("Small letters, for example scg"))
    name = StringField(lazy_gettext("Name"), [Chosen()], description=lazy_gettext("It stands on parcels and stays"))


def _services(text: str) -> tuple[tuple[str, str], ...]:
    parts = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    return tuple((part[0], part[1] if len(part) > 1 else "") for part in parts)


def _version(form: Any) -> int:
    text = form.version.data or ""
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def connection_form(kind: AdapterKind, row: Carrier) -> Any:
    """The form of one way to reach a carrier, filled with what is stored but for the secrets."""
    same = row.adapter == kind.code
    names: dict[str, Any] = {"version": HiddenField()}
    names |= {f.name: entry(f, stored=same and bool(row.secrets)) for f in kind.fields}
    host = lazy_gettext("Only for a test system. Another address needs the keys again.")
    names["host"] = StringField(lazy_gettext("Address of the server"), description=host)
    made: Any = type("ConnectionForm", (FlaskForm,), names)
    facts: dict[str, Any] = {"host": row.host if same and row.host else kind.host, "version": str(row.version)}
    facts |= {f.name: f.default for f in kind.fields if not f.secret}
    return made(data=facts | (dict(row.options) if same else {}))


class CarrierView(OmsView):
    """Carriers, one page each."""

    route_base = "/carriers"
    default_view = "list"
    requires = "carrier.edit"

    @page("/")
    def list(self) -> str:
        """Every carrier and how it does; who carries by default; blocks of numbers that run out."""
        now, session = clock.now(), db.session()
        chosen = session.scalars(
            select(CarrierChoice)
            .options(joinedload(CarrierChoice.carrier), joinedload(CarrierChoice.shop))
            .options(joinedload(CarrierChoice.warehouse))
            .order_by(CarrierChoice.shop_id.nulls_first(), CarrierChoice.warehouse_id.nulls_first())
        ).all()
        return self.show_page(
            "carriers/list.html",
            title=gettext("Carriers"),
            rows=[(row, health(row, now)) for row in all_carriers(session)],
            low=running_low(session),
            chosen=chosen,
            shops=session.scalars(select(Shop).where(Shop.is_active).order_by(Shop.name)).all(),
            places=session.scalars(select(Warehouse).where(Warehouse.is_active).order_by(Warehouse.rank)).all(),
        )

    @page("/<int:carrier_id>")
    def show(self, carrier_id: int) -> str:
        """One carrier."""
        session = db.session()
        row = get_carrier(session, carrier_id)
        kind = ADAPTERS.get(row.adapter)
        return self.show_page(
            "carriers/show.html", title=row.name, row=row, kind=kind, health=health(row, clock.now()),
            adapters=[a for a in ADAPTERS.values() if a.carrier in {"", row.code}], shape_of=shape_of,
            ranges=ranges_of(session, row.id), hook=_hook_url(row, kind), trouble=last_trouble,
        )  # fmt: skip

    @page("/new", methods=("GET", "POST"))
    def new(self) -> Response | str:
        """One more."""
        form = NewCarrierForm()
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    saved = carriers.create_carrier(tx, form.facts())
                flash(gettext("Saved"), "success")
                return redirect(url_for("CarrierView.show", carrier_id=saved.id), 303)
            except OmsError as exc:
                pin_problems(form, exc)
        columns = ["code", "name", *(f.name for f in form if f.name not in {"code", "name"})]
        return self._form(form, gettext("Add a carrier"), url_for("CarrierView.list"), columns=columns)

    @page("/<int:carrier_id>/edit", methods=("GET", "POST"))
    def edit(self, carrier_id: int) -> Response | str:
        """What it offers and allows."""
        row = get_carrier(db.session(), carrier_id)
        lines = "\n".join(f"{s['code']} {s['name']}" for s in row.services)
        form = CarrierForm(obj=row, data={"services": lines})
        if not form.is_submitted():
            form.services.data, form.version.data = lines, str(row.version)
        name = row.name
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    carriers.edit_carrier(tx, Edit(carrier_id, _version(form)), form.facts())
                flash(gettext("Saved"), "success")
                return redirect(url_for("CarrierView.show", carrier_id=carrier_id), 303)
            except OmsError as exc:
                pin_problems(form, exc)
        return self._form(form, name, url_for("CarrierView.show", carrier_id=carrier_id))

    @page("/<int:carrier_id>/connect/<adapter>", methods=("GET", "POST"))
    def connect(self, carrier_id: int, adapter: str) -> Response | str:
        """How it is reached."""
        row, kind = get_carrier(db.session(), carrier_id), ADAPTERS.get(adapter)
        if kind is None:
            raise NotFound(say("There is no such record"))
        form, name = connection_form(kind, row), row.name
        if form.validate_on_submit():
            given = {f.name: form[f.name].data or "" for f in kind.fields}
            secret = set(kind.secret_names)
            connection = carriers.Connection(
                kind.code, form.host.data or "", options={k: v for k, v in given.items() if k not in secret},
                secrets={k: v for k, v in given.items() if k in secret},
            )  # fmt: skip
            try:
                with unit() as tx:
                    carriers.connect_carrier(tx, Edit(carrier_id, _version(form)), connection, sealer())
                return self._try(carrier_id)
            except OmsError as exc:
                pin_problems(form, exc)
        title = gettext("%(carrier)s by %(way)s", carrier=name, way=kind.name)
        back = url_for("CarrierView.show", carrier_id=carrier_id)
        return self._form(
            form, title if name != kind.name else name, back, intro=ADAPTER_LABELS[kind.code],
            submit=gettext("Save and try"),
        )  # fmt: skip

    def _form(
        self, form: Any, title: str, back: str, *, intro: str = "", submit: str = "", columns: Any = None
    ) -> str:  # fmt: skip
        return self.render_template(
            "form_page.html", title=title, intro=intro, submit_label=submit, form=form,
            columns=columns or [f.name for f in form], fieldsets=[], cancel_url=back,
        )  # fmt: skip

    @page("/<int:carrier_id>/disconnect", methods=("POST",))
    def disconnect(self, carrier_id: int) -> Response:
        """Reach it no more; its keys are forgotten."""
        with unit() as tx:
            edit = Edit(carrier_id, get_carrier(tx.session, carrier_id).version)
            carriers.connect_carrier(tx, edit, carriers.Connection(""), sealer())
        flash(gettext("Disconnected; the keys are forgotten"), "success")
        return redirect(url_for("CarrierView.show", carrier_id=carrier_id), 303)

    @page("/<int:carrier_id>/test", methods=("POST",))
    def test(self, carrier_id: int) -> Response:
        """Try the connection; it costs and changes nothing."""
        return self._try(carrier_id)

    def _try(self, carrier_id: int) -> Response:
        with unit() as tx:
            reached = carriers.open_connection(tx, carrier_id, sealer())
        trouble, word = None, ""
        try:
            word = try_out(reached.adapter, reached.host, reached.settings)
        except CarrierError as error:
            trouble = error
        with unit() as tx:
            record_trial(tx, carrier_id, trouble)
        if trouble is None:
            flash(" ".join((gettext("It works."), word)).strip(), "success")
        else:
            flash(gettext("It is saved, but a try failed: %(why)s", why=tr(trouble.message)), "danger")
        return redirect(url_for("CarrierView.show", carrier_id=carrier_id), 303)

    @page("/<int:carrier_id>/hook", methods=("POST",))
    def renew_hook(self, carrier_id: int) -> Response:
        """A new address for webhooks."""
        with unit() as tx:
            carriers.renew_hook(tx, carrier_id)
        flash(gettext("The old address is dead; enter the new one at the carrier"), "success")
        return redirect(url_for("CarrierView.show", carrier_id=carrier_id), 303)

    @page("/choices", methods=("POST",))
    def choose(self) -> Response:
        """Say who carries by default."""
        carrier, _, service = request.form.get("carrier", "").partition("|")
        ids = {k: request.form.get(k, "") for k in ("shop", "warehouse")}
        with unit() as tx:
            set_choice(
                tx,
                SetChoice(
                    _id(carrier) or 0, service, shop_id=_id(ids["shop"]), warehouse_id=_id(ids["warehouse"])
                ),
            )  # fmt: skip
        flash(gettext("Saved"), "success")
        return redirect(url_for("CarrierView.list") + "#choices", 303)

    @page("/choices/<int:choice_id>/drop", methods=("POST",))
    def unchoose(self, choice_id: int) -> Response:
        """Nobody is chosen there any more."""
        with unit() as tx:
            drop_choice(tx, choice_id)
        flash(gettext("Removed"), "success")
        return redirect(url_for("CarrierView.list") + "#choices", 303)


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else None


def _hook_url(row: Carrier, kind: AdapterKind | None) -> str:
    """Where the carrier sends its news; "" when it sends none."""
    if kind is None or "webhook" not in kind.abilities or "carrier_hook" not in current_app.view_functions:
        return ""
    return url_for("carrier_hook", token=row.hook_token, _external=True)


def counts(actor: Actor) -> nav.Waiting:
    """How many blocks of numbers need somebody."""
    if not actor.may("carrier.edit"):
        return {}
    return {"carriers": select(func.count()).select_from(low_statement().subquery())}


def silent(actor: Actor) -> nav.Waiting:
    """How many carriers need somebody."""
    return {"carriers": len(troubled(db.session()))} if actor.may("carrier.edit") else {}


def install(app: Flask) -> None:
    """The count in the menu."""
    nav.add_counts(app, counts)
    nav.add_counts(app, silent, asked=False)


VIEWS = (CarrierView,)
NAV = (
    nav.Item(
        "setup", "Carriers", "CarrierView.list", "carrier.edit", icon="truck", order=30, count="carriers", hot=True
    ),
)
