"""Forms of returns: ask for one, settle one with its consequences in words."""

from __future__ import annotations

import secrets
from typing import Any

from flask import flash, jsonify, redirect, request, url_for
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import selectinload
from werkzeug.wrappers import Response
from wtforms import HiddenField, RadioField, SelectField, StringField

from oms.db import Tx, db
from oms.errors import InvalidInput, NotFound, say
from oms.inventory.availability import places
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import NO_ID, visible
from oms.orders.states import TERM_LABELS, PaymentTerm
from oms.reports import refunds, returns
from oms.returns.models import Return
from oms.returns.states import COMPLAINTS, REASON_LABELS, RESOLUTION_LABELS, Resolution, ReturnReason
from oms.thai.text import arabic_digits
from oms.usecases import derived
from oms.usecases.orders_place import NewLine
from oms.usecases.returns import AskedLine, RequestReturn, request_return
from oms.usecases.returns_resolve import NewGoods, Proposal, ResolveReturn, ReturnResolved, resolve_return
from views.base import OmsFormView, OmsView, current_actor, page, unit
from views.fields import AmountField, Chosen, choices, whole_number
from views.filters import money, tr
from views.refund_forms import DestinationForm
from views.sku_lines import SkuLinesField

R = Resolution
ORDER_OF_CHOICES = (R.REFUND, R.STORE_CREDIT, R.EXCHANGE, R.REPLACEMENT, R.WAIVE, R.NOTHING)
PAID_THERE = (R.PLATFORM, R.NOTHING)  # what is left to choose when the channel has paid the buyer back


class AskReturnView(OmsView):
    """Ask for a return of an order: which pieces, why, and whether anything is to come back."""

    route_base = "/returns/ask"
    default_view = "ask"
    requires = "return.request"

    @page("/<int:order_id>")
    def ask(self, order_id: int) -> str:
        """The form."""
        order = _order(order_id)
        return self.show_page(
            "returns/ask.html", title=gettext("Return of %(number)s", number=order.number), order=order,
            lines=returns.askable(order), reasons=[(r.value, tr(REASON_LABELS[r])) for r in COMPLAINTS],
            places=places(db.session(), current_actor()), key=secrets.token_urlsafe(18),
        )  # fmt: skip

    @page("/<int:order_id>/send", methods=("POST",))
    def send(self, order_id: int) -> Response:
        """Ask."""
        form = request.form
        if (reason := form.get("reason", "")) not in {r.value for r in COMPLAINTS}:
            raise InvalidInput(say("Choose a reason"), field="reason", code="reason_missing")
        cmd = RequestReturn(
            order_id, _asked(form), ReturnReason(reason), form.get("note", ""), form.get("goods") == "stay",
            form.get("warehouse_id", type=int), form.get("carrier", ""), form.get("tracking_no", ""),
            form.get("key") or None,
        )  # fmt: skip
        with unit() as tx:
            done = request_return(tx, cmd)
        flash(gettext("%(number)s is asked for", number=done.number), "success")
        return redirect(url_for("ReturnView.show", pk=done.return_id), 303)


def _order(order_id: int) -> Order:
    found = db.session.scalars(
        visible(current_actor()).where(Order.id == min(order_id, NO_ID)).options(selectinload(Order.lines))
    ).one_or_none()
    if found is None:
        raise NotFound(say("There is no such order, or it is not yours to see"), code="order_not_found")
    return found


def _asked(form: Any) -> tuple[AskedLine, ...]:
    """The pieces typed per line (``pieces-<line>``); lines left empty stay."""
    found = []
    for name, text in form.items():
        line = name.removeprefix("pieces-")
        if name == line or not line.isdecimal() or int(line) > NO_ID or not text.strip():
            continue
        try:
            pieces = whole_number(text, 0) or 0
        except ValueError:
            raise InvalidInput(say("“{text}” is not a whole number", text=text[:20]), field="lines") from None
        if pieces:
            found.append(AskedLine(int(line), pieces))
    return tuple(found)


class SettleForm(DestinationForm):
    """How a return ends. What a choice does not need is left unread."""

    resolution = RadioField(lazy_gettext("How it ends"), [Chosen()])
    credit = AmountField(lazy_gettext("The order owes less by (baht)"), render_kw={"inputmode": "decimal"})
    lines = SkuLinesField(lazy_gettext("What goes out instead"))
    term = SelectField(lazy_gettext("What is missing is paid by"))
    shipping_fee = AmountField(lazy_gettext("Shipping fee (baht)"), render_kw={"inputmode": "decimal"})
    note = StringField(lazy_gettext("Note"), render_kw={"maxlength": 500, "autocomplete": "off"})
    version = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.page = asked_page()
        self.ret, self.offered = self.page.ret, offered_of(self.page)
        self.resolution.choices = choices((r.value, tr(RESOLUTION_LABELS[r])) for r in self._open())
        self.term.choices = choices((t.value, tr(TERM_LABELS[t])) for t in (PaymentTerm.PREPAID, PaymentTerm.COD))
        self.says = consequences(self.offered, self.ret, self.offered.offer.credit)
        self.back = url_for("ReturnView.show", pk=self.ret.id)
        if request.method != "POST":
            self.credit.data, self.version.data = self.offered.offer.credit, self.ret.version
            self.resolution.data = self._first()
            self.term.data = self.ret.order.payment_term.value
            facts = derived.read_facts(Tx(db.session(), current_actor()), [self.ret.order])[self.ret.order_id]
            self.to_name.data = refunds.room(db.session(), self.ret.order, facts.money).name

    def _open(self) -> tuple[Resolution, ...]:
        return PAID_THERE if self.offered.paid_there is not None else ORDER_OF_CHOICES

    def _first(self) -> str:
        """What is usual: money back where some came in, nothing owed where none did."""
        if self.offered.paid_there is not None:
            return (R.PLATFORM if self.offered.offer.credit else R.NOTHING).value
        return (R.REFUND if self.offered.offer.back else R.WAIVE if self.offered.offer.credit else R.NOTHING).value

    def command(self) -> ResolveReturn:
        """The settlement as the verb takes it."""
        kind = R(self.resolution.data)
        version = self.version.data or ""
        takes = kind in {R.REFUND, R.STORE_CREDIT, R.EXCHANGE, R.WAIVE, R.PLATFORM}
        if takes and self.credit.data is None:
            raise InvalidInput(say("Type the amount"), field="credit", code="amount_missing")
        goods = None
        if kind is R.EXCHANGE:
            lines = tuple(NewLine(sku_id, quantity) for sku_id, quantity in self.lines.data or ())
            goods = NewGoods(lines, PaymentTerm(self.term.data), self.shipping_fee.data or ZERO)
        return ResolveReturn(
            self.ret.id, kind, self.credit.data if takes else None, self.to() if kind is R.REFUND else None, goods,
            self.note.data or "", int(version) if version.isdecimal() else None,
        )  # fmt: skip


class SettleView(OmsFormView):
    """Settle a return."""

    route_base = "/returns/settle"
    requires = "return.resolve"
    form = SettleForm
    form_title = lazy_gettext("Settle a return")
    form_template = "returns/settle.html"
    submit_label = lazy_gettext("Settle it")

    @page("/preview")
    def preview(self) -> Response:
        """What another amount would do, for the page's script."""
        found = asked_page()
        try:
            credit = Money.parse(arabic_digits(request.args.get("credit", "")))
        except InvalidInput as refusal:
            return jsonify(problem=tr(refusal.message))
        offered = offered_of(found)
        if not ZERO <= credit <= offered.most:
            return jsonify(problem=gettext("At most %(amount)s", amount=money(offered.most)))
        return jsonify(says=consequences(offered, found.ret, credit))

    def submit(self, form: Any) -> Response:
        """Settle it, and say what came of it."""
        cmd = form.command()
        with unit() as tx:
            done = resolve_return(tx, cmd)
        for words in told(done):
            flash(words, "success")
        if done.to_pay:
            flash(
                gettext("%(number)s: %(amount)s is still to be paid", number=done.new_order, amount=money(done.to_pay)),
                "warning",
            )
        return redirect(url_for("ReturnView.show", pk=done.return_id), 303)


def told(done: ReturnResolved) -> list[str]:
    """What was done, in sentences."""
    found = [gettext("%(number)s is settled", number=done.number)]
    if done.refund_number and done.paid_there:
        found.append(gettext("Refund %(number)s of %(amount)s is written down as paid by the channel",
                             number=done.refund_number, amount=money(done.back)))  # fmt: skip
    elif done.refund_number:
        found.append(gettext("Refund %(number)s of %(amount)s waits to be approved", number=done.refund_number,
                             amount=money(done.back)))  # fmt: skip
    if done.new_order:
        found.append(gettext("New order: %(number)s", number=done.new_order))
    if done.credit_note:
        found.append(gettext("Credit note: %(number)s", number=done.credit_note))
    return found


def asked_page() -> returns.ReturnPage:
    """The return the address names. Raises NotFound."""
    number = min(request.args.get("return", 0, type=int), NO_ID)
    return returns.return_page(Tx(db.session(), current_actor()), number)


def offered_of(found: returns.ReturnPage) -> Proposal:
    """What settling would do. Raises NotFound when it is not to be settled, or not by who may not see money."""
    if found.offered is None:
        raise NotFound(say("This return is not to be settled yet, or is settled already"), code="return_not_open")
    return found.offered


def consequences(offered: Proposal, ret: Return, credit: Money) -> dict[str, list[str]]:
    """Per choice: [what it does, why it is not possible] in sentences, for this amount."""
    ends = offered.of(credit)
    facts = {"back": money(ends.back), "credit": money(credit), "name": ret.order.ship_name}
    none = ""
    if not ends.back:
        none = (
            gettext("The carrier has not paid this cash to us yet; settle it when it has")
            if offered.held
            else gettext("No money came in for this; nothing goes back")
        )
    unpaid = ret.order.payment_term is PaymentTerm.COD and bool(offered.money.missing)
    owing = offered.never_had and bool(offered.money.missing)
    return {
        R.REFUND.value: [
            gettext("%(back)s is asked back for %(name)s; it waits to be approved.", **facts), none,
        ],
        R.STORE_CREDIT.value: [
            gettext("%(back)s becomes %(name)s's credit and pays the next order.", **facts), none,
        ],
        R.EXCHANGE.value: [
            gettext("A new order goes out; %(back)s of this one pays it as far as it goes.", **facts)
            if ends.back
            else gettext("A new order goes out and is paid anew; this one owes %(credit)s less.", **facts), "",
        ],
        R.REPLACEMENT.value: [
            gettext("The same pieces go out again for nothing; what was paid stays."),
            gettext("Nothing was paid for this yet; exchange it for the same goods, to be paid at the door")
            if unpaid
            else "",
        ],
        R.WAIVE.value: [
            gettext("The order owes %(credit)s less; no money moves.", **facts),
            gettext("%(back)s was paid; say where it goes", **facts) if ends.back else "",
        ],
        R.PLATFORM.value: [
            gettext("%(back)s of the channel's payout is written down as paid back; nobody pays it again.", **facts)
            if ends.back
            else gettext("The order owes %(credit)s less; no money of ours moves.", **facts), "",
        ],
        R.NOTHING.value: [
            gettext("The goods are here; the buyer gets nothing back and still owes what he owes."),
            gettext("The buyer never had the goods; let nothing be owed instead") if owing else "",
        ],
    }  # fmt: skip


VIEWS = (AskReturnView, SettleView)
