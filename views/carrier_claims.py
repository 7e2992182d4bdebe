"""Claims against carriers on screen: what each is asked for and how old it is, one claim with its proof and steps."""

from __future__ import annotations

from typing import Any

from flask import Flask, flash, redirect, request, send_file, url_for
from flask_appbuilder.forms import DynamicForm
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from markupsafe import Markup
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload
from werkzeug.wrappers import Response
from wtforms import DateField, FileField, HiddenField, SelectField, StringField
from wtforms.validators import Optional

from oms import clock
from oms.actor import Actor
from oms.audit import AuditLog
from oms.db import Tx, db
from oms.errors import InvalidInput, NotFound, OmsError, say
from oms.intake import files
from oms.money import Money
from oms.orders.models import Order
from oms.orders.queries import NO_ID
from oms.reports import returns as reading
from oms.returns.models import CarrierClaim, CarrierClaimFile
from oms.returns.queries import visible_claims
from oms.returns.states import (
    CARRIER_CLAIM,
    CARRIER_CLAIM_LABELS,
    OPEN_CLAIMS,
    CarrierClaimReason,
    CarrierClaimStatus,
)
from oms.shipping.models import Shipment, ShipmentLine
from oms.shipping.queries import get_shipment
from oms.shipping.states import ShipmentStatus
from oms.thai.text import arabic_digits
from oms.usecases import carrier_claims as claims
from views import nav
from views.base import OmsFormView, OmsView, current_actor, page, unit
from views.fields import AmountField, Chosen, choices
from views.filters import day, money, tr
from views.intake import store
from views.modelview import OmsModelView
from views.refund_forms import keep_proof

SEEN = "shipment.claim"
TONES: dict[CarrierClaimStatus, str] = {
    CarrierClaimStatus.OPEN: "warn", CarrierClaimStatus.SENT: "info", CarrierClaimStatus.ACCEPTED: "acc",
    CarrierClaimStatus.REJECTED: "bad", CarrierClaimStatus.PAID: "ok", CarrierClaimStatus.WITHDRAWN: "mut",
}  # fmt: skip
STEPS = {
    "send": claims.send_claim, "accept": claims.accept_claim, "reject": claims.reject_claim, "pay": claims.pay_claim,
    "withdraw": claims.withdraw_claim,
}  # fmt: skip


def claim_pill(claim: CarrierClaim) -> Markup:
    """Where a claim stands, as a pill."""
    return Markup('<span class="pill {}">{}</span>').format(TONES[claim.status], tr(CARRIER_CLAIM.labels[claim.status]))


class CarrierClaimView(OmsModelView):
    """Every claim, the open ones first."""

    datamodel = SQLAInterface(CarrierClaim)
    route_base = "/carrier-claims"
    requires = SEEN
    list_template = "returns/claims.html"
    show_template = "returns/claim.html"
    list_title, show_title = lazy_gettext("Claims against carriers"), lazy_gettext("Claim against a carrier")
    list_columns = ["number", "carrier", "tracking_no", "reason", "status", "amount", "paid", "due_on", "opened_at"]
    show_columns = [
        "carrier", "tracking_no", "reason", "amount", "accepted", "paid", "note", "reference", "due_on", "opened_at",
        "opened_label", "sent_at", "decided_at", "decision_note", "paid_at", "payment_reference",
    ]  # fmt: skip
    order_columns = ["amount", "due_on", "opened_at"]
    base_order = ("due_on", "asc")
    numeric_columns = ["amount", "paid"]
    label_columns = {
        "number": lazy_gettext("Number"), "carrier": lazy_gettext("Carrier"), "reason": lazy_gettext("What for"),
        "tracking_no": lazy_gettext("Tracking number"), "status": lazy_gettext("State"),
        "amount": lazy_gettext("Claimed"), "accepted": lazy_gettext("Accepted"), "paid": lazy_gettext("Paid"),
        "due_on": lazy_gettext("Last day"), "opened_at": lazy_gettext("Opened"), "note": lazy_gettext("Note"),
        "opened_label": lazy_gettext("Opened by"), "sent_at": lazy_gettext("Sent"),
        "decided_at": lazy_gettext("Answered"), "decision_note": lazy_gettext("What the carrier answered"),
        "reference": lazy_gettext("Carrier's number"), "paid_at": lazy_gettext("Paid on"),
        "payment_reference": lazy_gettext("Reference of the payment"),
    }  # fmt: skip
    find_columns = ["number", "tracking_no", "reference"]
    search_columns = ["status", "reason", "carrier", "amount", "opened_at"]
    choice_labels = {"status": CARRIER_CLAIM.labels, "reason": CARRIER_CLAIM_LABELS}
    load_options = (joinedload(CarrierClaim.shipment), selectinload(CarrierClaim.files), joinedload(CarrierClaim.ret))
    export_list = "carrier_claims"
    empty_text = lazy_gettext("A claim starts on the page of a return, or from a lost parcel.")

    def base_statement(self) -> Select[Any]:
        """Claims this person may see."""
        return visible_claims(current_actor())

    def value(self, row: CarrierClaim, name: str) -> Any:
        """A cell: the state is a pill, a passed day is said."""
        if name == "status":
            return claim_pill(row)
        if name == "due_on" and row.status is CarrierClaimStatus.OPEN and row.due_on < clock.today():
            return Markup('<span class="t-bad">{}</span>').format(day(row.due_on))
        return super().value(row, name)

    def by_carrier(self) -> Any:
        """The figures above the list."""
        return reading.claims_by_carrier(db.session(), current_actor())

    def facts(self, row: CarrierClaim) -> dict[str, Any]:
        """What the page of a claim shows besides its columns."""
        orders = db.session.execute(
            select(Order.id, Order.number)
            .where(Order.id.in_(select(ShipmentLine.order_id).where(ShipmentLine.shipment_id == row.shipment_id)))
            .order_by(Order.id)
        ).all()
        story = db.session.scalars(
            select(AuditLog)
            .where(AuditLog.subject_type == "carrier_claim", AuditLog.subject_id == row.id)
            .order_by(AuditLog.id)
        ).all()
        return {
            "orders": orders, "story": story, "allowed": {t.name for t in CARRIER_CLAIM.allowed(row)},
            "late": row.status is CarrierClaimStatus.OPEN and row.due_on < clock.today(),
            "is_open": row.status in {*OPEN_CLAIMS, CarrierClaimStatus.REJECTED}, "text": self.text(row),
        }  # fmt: skip

    @staticmethod
    def text(row: CarrierClaim) -> str:
        """The claim as a clerk writes it to the carrier."""
        parts = [
            gettext("Claim %(number)s", number=row.number),
            f"{gettext('Tracking number')}: {row.tracking_no}" if row.tracking_no else row.shipment.number,
            f"{gettext('What for')}: {tr(CARRIER_CLAIM_LABELS[row.reason])}",
            f"{gettext('Amount')}: {money(row.amount)}",
            row.note,
        ]
        return "\n".join(part for part in parts if part)


class CarrierClaimWorkView(OmsView):
    """The steps of a claim, and its pictures."""

    route_base = "/carrier-claim"
    requires = SEEN

    @page("/<int:pk>/<step>", methods=("POST",))
    def step(self, pk: int, step: str) -> Response:
        """Sent, accepted, rejected, paid, withdrawn."""
        if step not in STEPS:
            raise NotFound(say("There is no such action"))
        form = request.form
        amount = form.get("amount", "")
        cmd = claims.MoveClaim(
            pk, form.get("note", ""), form.get("reference", ""),
            Money.parse(arabic_digits(amount), field="amount") if amount.strip() else Money.satang(0),
            form.get("version", type=int),
        )  # fmt: skip
        with unit() as tx:
            done = STEPS[step](tx, cmd)
        flash(f"{done.number}: {tr(CARRIER_CLAIM.labels[done.status])}", "success")
        return redirect(url_for("CarrierClaimView.show", pk=pk), 303)

    @page("/<int:pk>/files", methods=("POST",))
    def add_file(self, pk: int) -> Response:
        """Keep a picture, made anew, then book it; a refusal keeps nothing."""
        seen = visible_claims(current_actor()).where(CarrierClaim.id == min(pk, NO_ID))
        if db.session.scalars(seen).one_or_none() is None:
            raise NotFound(say("There is no such claim, or it is not yours to see"), code="carrier_claim_not_found")
        db.session.close()  # no transaction is held while the picture is opened
        kept = keep_proof(request.files.get("file"))
        if kept is None:
            raise InvalidInput(say("Choose a picture"), field="file", code="file_missing")
        try:
            with unit() as tx:
                files.register(tx, kept, "carrier_claim", "image/jpeg")
                claims.add_claim_file(tx, claims.AddClaimFile(pk, kept.key, kept.name))
        except OmsError:
            files.path_of(store(), kept.key).unlink(missing_ok=True)
            raise
        flash(gettext("The picture is added"), "success")
        return redirect(url_for("CarrierClaimView.show", pk=pk), 303)

    @page("/files/<int:file_id>")
    def picture(self, file_id: int) -> Response:
        """One picture of a claim this person may see."""
        found = db.session.get(CarrierClaimFile, min(file_id, NO_ID))
        seen = visible_claims(current_actor()).where(CarrierClaim.id == (found.claim_id if found else 0))
        if found is None or db.session.scalars(seen).one_or_none() is None:
            raise NotFound(say("There is no such file"), code="file_not_found")
        answer = send_file(files.path_of(store(), found.file_key), mimetype="image/jpeg")
        answer.headers["Cache-Control"] = "private, no-store"
        return answer


class OpenClaimForm(DynamicForm):
    """What the carrier is asked for."""

    reason = SelectField(lazy_gettext("What for"), [Chosen()])
    amount = AmountField(lazy_gettext("Amount"), [Chosen()], render_kw={"inputmode": "decimal", "autofocus": True})
    due_on = DateField(
        lazy_gettext("Last day to send it"), [Optional()], description=lazy_gettext("As agreed with the carrier")
    )
    note = StringField(lazy_gettext("Note"), render_kw={"maxlength": 500, "autocomplete": "off"})
    file = FileField(
        lazy_gettext("Picture of the damage"), description=lazy_gettext("More can be added later"),
        render_kw={"accept": "image/*"},
    )  # fmt: skip
    return_id = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tx = Tx(db.session(), current_actor())
        self.shipment = asked_shipment(tx)
        self.back = url_for("ReturnDeskView.desk")
        self.reason.choices = choices((r.value, tr(label)) for r, label in CARRIER_CLAIM_LABELS.items())
        self.about = [
            (gettext("Shipment"), self.shipment.number), (gettext("Carrier"), self.shipment.carrier),
            (gettext("Tracking number"), ", ".join(p.tracking_no for p in self.shipment.parcels if p.is_live)),
            (gettext("Handed over"), self.shipment.handed_over_at),
        ]  # fmt: skip
        if request.method != "POST":
            self._start(tx)

    def _start(self, tx: Tx) -> None:
        """What is known already: lost parcels whole, of counted ones what is missing or broken."""
        lost = self.shipment.status is ShipmentStatus.LOST
        self.reason.data = (CarrierClaimReason.LOST if lost else CarrierClaimReason.DAMAGED).value
        self.amount.data = reading.worth(tx, self.shipment) or None
        number = request.args.get("return", 0, type=int)
        if number:
            found = reading.return_page(tx, min(number, NO_ID))
            self.return_id.data = str(found.ret.id)
            if not lost:
                self.amount.data = reading.missing_worth(found.lines) or self.amount.data
                gone = any(one.line.missing for one in found.lines)
                self.reason.data = (CarrierClaimReason.MISSING if gone else CarrierClaimReason.DAMAGED).value


def asked_shipment(tx: Tx) -> Shipment:
    """The shipment the address names, if this person may see it. Raises NotFound."""
    return get_shipment(tx, request.args.get("shipment", 0, type=int))


class OpenClaimView(OmsFormView):
    """Open a claim."""

    route_base = "/carrier-claims/new"
    requires = SEEN
    form = OpenClaimForm
    form_title = lazy_gettext("Claim from the carrier")
    form_template = "refunds/form.html"
    form_columns = ["reason", "amount", "due_on", "note", "file"]
    submit_label = lazy_gettext("Open the claim")

    def submit(self, form: Any) -> Response:
        """Keep the picture, open the claim; a refusal keeps nothing."""
        raw = form.return_id.data or ""
        cmd = claims.OpenClaim(
            form.shipment.id, CarrierClaimReason(form.reason.data), form.amount.data, form.note.data or "",
            int(raw) if raw.isdecimal() and len(raw) < 19 else None, form.due_on.data,
        )  # fmt: skip
        db.session.close()  # no transaction is held while the picture is opened
        kept = self._picture(form)
        try:
            with unit() as tx:
                done = claims.open_claim(tx, cmd)
                if kept is not None:
                    files.register(tx, kept, "carrier_claim", "image/jpeg")
                    claims.add_claim_file(tx, claims.AddClaimFile(done.claim_id, kept.key, kept.name))
        except OmsError:
            if kept is not None:
                files.path_of(store(), kept.key).unlink(missing_ok=True)
            raise
        flash(gettext("%(number)s is opened; send it to the carrier", number=done.number), "success")
        return redirect(url_for("CarrierClaimView.show", pk=done.claim_id), 303)

    @staticmethod
    def _picture(form: Any) -> files.Kept | None:
        try:
            return keep_proof(form.file.data)
        except InvalidInput as refusal:
            first = refusal.problems()[0]
            raise InvalidInput(first.message, field="file", code=first.code) from None


def _counts(actor: Actor) -> nav.Waiting:
    return {"carrier_claims": reading.count_claims(actor)} if actor.may(SEEN) else {}


def install(app: Flask) -> None:
    """Put the count into the menu, and the words of claims into templates."""
    nav.add_counts(app, _counts)
    app.jinja_env.globals.update(claim_pill=claim_pill, CARRIER_CLAIM_LABELS=CARRIER_CLAIM_LABELS)


VIEWS = (OpenClaimView, CarrierClaimWorkView, CarrierClaimView)
NAV = (
    nav.Item("ship", "Claims against carriers", "CarrierClaimView.list", SEEN, icon="shield", order=75,
             count="carrier_claims"),
)  # fmt: skip
