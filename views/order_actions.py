"""What is done to one order from its page. Each form carries the version it was made from; a refusal is told on the
page it came from, with what was typed still in the form."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms import clock
from oms.db import Tx
from oms.errors import Forbidden, InvalidInput, NotFound, OmsError, say
from oms.orders.states import CancelReason, HoldReason
from oms.payments.states import PaymentMethod
from oms.usecases.orders_cancel import CancelOrder, Restock, cancel_order
from oms.usecases.orders_confirm import ConfirmOrder, confirm_order
from oms.usecases.orders_holds import HoldOrder, ReleaseHold, hold_order, release_hold
from oms.usecases.orders_notes import AddNote, AssignOrder, TagOrder, add_note, assign_order, tag_order
from oms.usecases.payments import approve_term
from oms.usecases.refunds import RefundTo
from oms.usecases.shipping import MarkShipped, mark_delivered, mark_shipped
from views.base import OmsView, page, unit
from views.filters import tr
from views.order_parts import person_name

_E = TypeVar("_E", bound=StrEnum)
POST = ("POST",)


def text(name: str, most: int = 500) -> str:
    """A field of the form as typed, without what no database holds. Raises InvalidInput when it is too long."""
    found = request.form.get(name, "").replace("\x00", "").strip()
    if len(found) > most:
        raise InvalidInput(
            say("Too long: {n} characters, {most} are possible", n=len(found), most=most), field=name, code="too_long"
        )
    return found


def version() -> int | None:
    """The version the form was made from."""
    return request.form.get("version", type=int)


def choice(kind: type[_E], name: str) -> _E:
    """A drop-down's value. Raises InvalidInput when nothing or something unknown was chosen."""
    try:
        return kind(text(name))
    except ValueError:
        raise InvalidInput(say("Choose a reason"), field=name, code="choice_missing") from None


def moment(name: str) -> datetime | None:
    """A date and time as the browser sends it, on the Bangkok clock."""
    raw = text(name)
    if not raw:
        return None
    try:
        return datetime.fromisoformat(raw).replace(tzinfo=clock.BANGKOK)
    except ValueError:
        raise InvalidInput(say("“{text}” is not a date and time", text=raw), field=name, code="moment") from None


def past_moment(name: str) -> datetime | None:
    """A date and time that has come: money is never paid on a later day, nor in a Buddhist year."""
    at = moment(name)
    if at is not None and clock.local(at).date() > clock.today():
        raise InvalidInput(say("This time has not come yet"), field=name, code="future")
    return at


def refund_to() -> RefundTo:
    """Where to the money of a canceled order goes."""
    method = choice(PaymentMethod, "refund_method")
    return RefundTo(method, text("refund_bank", 40), text("refund_account", 40), text("refund_name", 200))


def act(pk: int, verb: Callable[[Tx], object], done: str, *, dialog: str = "") -> Response:
    """Call a verb and go back to the order. A refusal opens ``dialog`` again with what was typed."""
    try:
        with unit() as tx:
            verb(tx)
    except (NotFound, Forbidden):
        raise
    except OmsError as refusal:
        for problem in refusal.problems():
            flash(tr(problem.message), "danger")
        resume = {"resume": 1, "_anchor": dialog} if dialog else {}
        return redirect(url_for("OrderView.show", pk=pk, **resume), 303)
    flash(done, "success")
    return redirect(url_for("OrderView.show", pk=pk), 303)


class OrderActionView(OmsView):
    """The buttons of the order page."""

    route_base = "/order"
    default_view = "confirm"
    requires = "order.view"

    @page("/<int:pk>/confirm", methods=POST)
    def confirm(self, pk: int) -> Response:
        """Make a draft binding."""
        command = ConfirmOrder(pk, version(), may_wait_for_stock="may_wait" in request.form)
        return act(pk, lambda tx: confirm_order(tx, command), gettext("Order confirmed"))

    @page("/<int:pk>/hold", methods=POST)
    def hold(self, pk: int) -> Response:
        """Stop work on it."""

        def verb(tx: Tx) -> None:
            hold_order(tx, HoldOrder(pk, choice(HoldReason, "reason"), text("note"), version()))

        return act(pk, verb, gettext("Put on hold"), dialog="hold")

    @page("/<int:pk>/release", methods=POST)
    def release(self, pk: int) -> Response:
        """Let work go on: one hold, or all of them."""

        def verb(tx: Tx) -> None:
            reason = choice(HoldReason, "reason") if text("reason") else None
            release_hold(tx, ReleaseHold(pk, reason, text("note"), version()))

        return act(pk, verb, gettext("Hold released"), dialog="release")

    @page("/<int:pk>/cancel", methods=POST)
    def cancel(self, pk: int) -> Response:
        """Cancel it."""

        def verb(tx: Tx) -> None:
            restock, back = choice(Restock, "restock"), refund_to() if text("refund") else None
            reason = choice(CancelReason, "reason")
            done = cancel_order(tx, CancelOrder(pk, reason, text("note"), restock, version(), back))
            if done.refund_number:
                flash(gettext("%(number)s is asked for; it waits to be approved", number=done.refund_number), "info")
            if done.money_to_return:
                flash(gettext("Money was received for this order: it has to be given back."), "warning")

        return act(pk, verb, gettext("Order canceled"), dialog="cancel")

    @page("/<int:pk>/ship", methods=POST)
    def ship(self, pk: int) -> Response:
        """Everything open leaves."""
        command = MarkShipped(pk, text("carrier", 80), text("tracking_no", 80), version=version())
        return act(pk, lambda tx: mark_shipped(tx, command), gettext("Handed over"), dialog="ship")

    @page("/<int:pk>/approve", methods=POST)
    def approve(self, pk: int) -> Response:
        """Vouch for cash on delivery or credit."""
        return act(pk, lambda tx: approve_term(tx, pk), gettext("Shipping before payment approved"))

    @page("/<int:pk>/delivered", methods=POST)
    def delivered(self, pk: int) -> Response:
        """The parcels arrived."""
        return act(pk, lambda tx: mark_delivered(tx, pk), gettext("Marked as delivered"))

    @page("/<int:pk>/note", methods=POST)
    def note(self, pk: int) -> Response:
        """Write a note."""
        command = AddNote(pk, text("body", 20_000), for_customer=text("audience") == "customer")
        return act(pk, lambda tx: add_note(tx, command), gettext("Note saved"), dialog="note")

    @page("/<int:pk>/tag", methods=POST)
    def tag(self, pk: int) -> Response:
        """Put a tag on, or take it off."""
        command = TagOrder(pk, text("tag"), remove="remove" in request.form)
        return act(pk, lambda tx: tag_order(tx, command), gettext("Tags saved"), dialog="tag")

    @page("/<int:pk>/assign", methods=POST)
    def assign(self, pk: int) -> Response:
        """Give it to somebody, or to nobody."""
        user_id = request.form.get("user_id", type=int)
        command = AssignOrder(pk, user_id, person_name(user_id) if user_id else "")
        return act(pk, lambda tx: assign_order(tx, command), gettext("Assigned"))


VIEWS = (OrderActionView,)
