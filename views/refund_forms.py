"""Forms of refunds: ask for one, pay it with proof, try another account."""

from __future__ import annotations

import io
import secrets
from datetime import datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext, lazy_gettext
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import DateTimeLocalField, FileField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import Optional

from oms import clock
from oms.banks.codes import BANKS
from oms.banks.decoder import Decoder
from oms.banks.pictures import LIMITS, check_size
from oms.db import Tx, db
from oms.errors import InvalidInput, NotFound, OmsError, say
from oms.intake import files
from oms.orders.models import Order
from oms.orders.queries import NO_ID, visible
from oms.payments.models import ReceivingAccount
from oms.payments.refund_models import Refund
from oms.payments.states import METHOD_LABELS, REFUND_METHODS, PaymentMethod
from oms.reports import refunds as reading
from oms.usecases import derived
from oms.usecases.refunds import (
    PayRefund,
    RefundTo,
    RequestRefund,
    RetryRefund,
    pay_refund,
    request_refund,
    retry_refund,
)
from views.base import OmsFormView, current_actor, unit
from views.fields import AmountField, Chosen, choices
from views.filters import language, money, tr
from views.intake import store
from views.refunds import destination

RETAIL_BANKS = (
    "004", "014", "002", "006", "025", "011", "030", "034", "033", "022", "024", "067", "069", "073", "066", "071",
)  # fmt: skip


def customer_banks() -> list[tuple[str, str]]:
    """The banks customers have, the large ones first, under the names clerks use."""
    named = [
        (b.short, f"{b.thai if language() == 'th' else b.english} ({b.short})")
        for b in map(BANKS.get, RETAIL_BANKS)
        if b
    ]
    return [("", gettext("Choose a bank")), *named]


def asked_order() -> Order:
    """The order the address names, if this person may see it. Raises NotFound."""
    number = min(request.args.get("order", 0, type=int), NO_ID)
    order = db.session.scalars(visible(current_actor()).where(Order.id == number)).one_or_none()
    if order is None:
        raise NotFound(say("There is no such order, or it is not yours to see"), code="order_not_found")
    return order


def asked_refund() -> Refund:
    """The refund the address names, if this person may see it. Raises NotFound."""
    number = min(request.args.get("refund", 0, type=int), NO_ID)
    refund = db.session.scalars(reading.own(current_actor()).where(Refund.id == number)).one_or_none()
    if refund is None:
        raise NotFound(say("There is no such refund, or it is not yours to see"), code="refund_not_found")
    return refund


def about(refund: Refund) -> list[tuple[str, Any]]:
    """The facts above a form about a refund."""
    return [
        (gettext("Number"), refund.number), (gettext("Order"), refund.order.number),
        (gettext("Amount"), refund.amount), (gettext("To the customer's"), destination(refund)),
        (gettext("Why"), refund.reason), (gettext("What went wrong"), refund.failure),
    ]  # fmt: skip


class DestinationForm(DynamicForm):
    """Where to the money goes."""

    to_method = SelectField(lazy_gettext("Paid back by"))
    to_bank = SelectField(lazy_gettext("The customer's bank"), description=lazy_gettext("For a bank transfer"))
    to_account = StringField(
        lazy_gettext("The customer's account number"),
        description=lazy_gettext("Bank account, PromptPay (phone or ID) or e-wallet. Not needed for cash or card."),
        render_kw={"inputmode": "numeric", "autocomplete": "off", "maxlength": 40},
    )
    to_name = StringField(lazy_gettext("Name on the account"), render_kw={"autocomplete": "off", "maxlength": 200})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.to_method.choices = choices((m.value, tr(METHOD_LABELS[m])) for m in REFUND_METHODS)
        self.to_bank.choices = choices(customer_banks())

    def to(self) -> RefundTo:
        """The destination as the verb takes it."""
        return RefundTo(
            PaymentMethod(self.to_method.data),
            self.to_bank.data or "",
            self.to_account.data or "",
            self.to_name.data or "",
        )


class RequestForm(DestinationForm):
    """Ask for money back."""

    amount = AmountField(lazy_gettext("Amount"), [Chosen()], render_kw={"inputmode": "decimal", "autofocus": True})
    reason = TextAreaField(lazy_gettext("Why the money goes back"), [Chosen()], render_kw={"maxlength": 500})
    key = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        order = asked_order()
        facts = derived.read_facts(Tx(db.session(), current_actor()), [order])[order.id]
        room = reading.room(db.session(), order, facts.money)
        self.amount.description = gettext("At most %(amount)s", amount=money(room.left))
        self.back = url_for("OrderView.show", pk=order.id)
        self.about = [
            (gettext("Order"), order.number), (gettext("Buyer"), order.ship_name), (gettext("Due"), facts.money.due),
            (gettext("Received"), facts.money.net), (gettext("Paid too much"), room.too_much),
        ]  # fmt: skip
        if request.method != "POST":
            self.amount.data = room.too_much or None
            self.to_name.data, self.key.data = room.name, secrets.token_urlsafe(18)


class RequestRefundView(OmsFormView):
    """Ask for a refund of an order."""

    route_base = "/refunds/new"
    requires = "refund.request"
    form = RequestForm
    form_title = lazy_gettext("Ask for a refund")
    form_template = "refunds/form.html"
    form_columns = ["amount", "reason", "to_method", "to_bank", "to_account", "to_name"]
    submit_label = lazy_gettext("Ask for the refund")

    def submit(self, form: Any) -> Response:
        """Ask."""
        cmd = RequestRefund(asked_order().id, form.amount.data, form.reason.data, form.to(), form.key.data or None)
        with unit() as tx:
            done = request_refund(tx, cmd)
        flash(gettext("%(number)s is asked for; it waits to be approved", number=done.number), "success")
        return redirect(url_for("OrderView.show", pk=done.order_id), 303)


class PayForm(DynamicForm):
    """Say how it was paid."""

    account_id = SelectField(lazy_gettext("From our account"), coerce=int)
    reference = StringField(
        lazy_gettext("Transfer reference"), render_kw={"maxlength": 80, "autocomplete": "off", "autofocus": True}
    )
    paid_at = DateTimeLocalField(lazy_gettext("Paid at"), [Optional()], format="%Y-%m-%dT%H:%M")
    proof = FileField(
        lazy_gettext("Proof of the transfer"),
        description=lazy_gettext("The bank's slip as a picture or PDF"),
        render_kw={"accept": "image/*,application/pdf"},
    )
    version = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        refund = asked_refund()
        self.back, self.about = url_for("RefundView.show", pk=refund.id), about(refund)
        rows = db.session.scalars(
            select(ReceivingAccount).where(ReceivingAccount.is_active).order_by(ReceivingAccount.code)
        )
        self.account_id.choices = choices((a.id, str(a)) for a in rows)
        if request.method != "POST":
            self.version.data = refund.version
            self.paid_at.data = clock.local(clock.now()).replace(tzinfo=None, second=0, microsecond=0)

    def moment(self) -> datetime | None:
        """The typed time on the Bangkok clock."""
        typed = self.paid_at.data
        return None if typed is None else typed.replace(tzinfo=clock.BANGKOK)


def keep_proof(sent: Any) -> files.Kept | None:
    """Keep an uploaded proof as a picture made anew, without what was hidden in it. Raises PictureRefused."""
    if sent is None or not sent.filename:
        return None
    with sent.stream as stream:
        data = stream.read(LIMITS.file_bytes + 1)
    check_size(len(data), LIMITS)
    with Decoder(LIMITS) as decoder:
        made = decoder.prepare(data)
    if not made.pages:
        raise InvalidInput(say("The file has no page to show"), field="proof", code="proof_empty")
    stem = files.tidy_name(sent.filename).rpartition(".")[0] or "proof"
    return files.keep(store(), io.BytesIO(made.pages[0].picture), f"{stem}.jpg")


class PayRefundView(OmsFormView):
    """Record that a refund was paid."""

    route_base = "/refunds/pay"
    requires = "refund.pay"
    form = PayForm
    form_title = lazy_gettext("Pay a refund")
    form_template = "refunds/form.html"
    form_columns = ["account_id", "reference", "paid_at", "proof"]
    submit_label = lazy_gettext("It is paid")

    def submit(self, form: Any) -> Response:
        """Keep the proof, then book it; a refusal keeps nothing."""
        refund_id = asked_refund().id
        db.session.close()  # no transaction is held while the picture is opened
        kept = self._proof(form)
        version = form.version.data or ""
        cmd = PayRefund(
            refund_id, form.account_id.data, form.reference.data or "", form.moment(), kept.key if kept else "",
            int(version) if version.isdecimal() else None,
        )  # fmt: skip
        try:
            with unit() as tx:
                if kept is not None:
                    files.register(tx, kept, "refund_proof", "image/jpeg")
                done = pay_refund(tx, cmd)
        except OmsError:
            if kept is not None:
                files.path_of(store(), kept.key).unlink(missing_ok=True)
            raise
        flash(gettext("%(number)s is paid back", number=done.number), "success")
        return redirect(url_for("RefundView.show", pk=done.refund_id), 303)

    @staticmethod
    def _proof(form: Any) -> files.Kept | None:
        try:
            return keep_proof(form.proof.data)
        except InvalidInput as refusal:
            first = refusal.problems()[0]
            raise InvalidInput(first.message, field="proof", code=first.code) from None


class RetryForm(DestinationForm):
    """Another destination."""

    note = StringField(lazy_gettext("Note"), render_kw={"maxlength": 500})
    version = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        refund = asked_refund()
        self.back, self.about = url_for("RefundView.show", pk=refund.id), about(refund)
        if request.method != "POST":
            self.to_method.data, self.to_bank.data = refund.method.value, refund.to_bank
            self.to_name.data, self.version.data = refund.to_name, refund.version


class RetryRefundView(OmsFormView):
    """Try a failed refund with another account."""

    route_base = "/refunds/retry"
    requires = "refund.approve"
    form = RetryForm
    form_title = lazy_gettext("Pay to another account")
    form_template = "refunds/form.html"
    form_columns = ["to_method", "to_bank", "to_account", "to_name", "note"]
    submit_label = lazy_gettext("Try again with this account")

    def submit(self, form: Any) -> Response:
        """Agree to the new account."""
        version = form.version.data or ""
        cmd = RetryRefund(
            asked_refund().id, form.to(), form.note.data or "", int(version) if version.isdecimal() else None
        )
        with unit() as tx:
            done = retry_refund(tx, cmd)
        flash(gettext("%(number)s waits to be paid again", number=done.number), "success")
        return redirect(url_for("RefundView.show", pk=done.refund_id), 303)


VIEWS = (RequestRefundView, PayRefundView, RetryRefundView)
