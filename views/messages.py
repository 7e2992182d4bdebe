"""Messages to customers on screen: the log, one message with every way it was tried, texts to copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask, flash, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms.actor import Actor
from oms.db import Tx, db
from oms.errors import OmsError
from oms.notifications.catalogue import EVENT_LABELS, FORMS, ROUTE_LABELS, Event, Form, Route
from oms.notifications.models import Message, MessageConsent
from oms.notifications.rendering import segments
from oms.notifications.states import MESSAGE, MESSAGE_LABELS, NOTICE_LABELS, MessageState, NoticeStatus
from oms.reports import messages as reading
from oms.usecases import message_work as work
from oms.usecases.message_routes import troubled
from oms.usecases.notices_people import barred_routes
from oms.usecases.reminders import send_reminder
from oms.usecases.sentences import unpack
from views import listing, nav
from views.base import OmsView, current_actor, may, page, safe_path, unit
from views.filters import phone, tr

_E = TypeVar("_E", bound=StrEnum)
POST = ("POST",)
NOTICE_TONES = {
    NoticeStatus.OPEN: "info", NoticeStatus.TOLD: "ok", NoticeStatus.TROUBLE: "bad", NoticeStatus.SKIPPED: "mut",
}  # fmt: skip
MESSAGE_TONES = {
    MessageState.QUEUED: "info", MessageState.SENDING: "info", MessageState.SENT: "ok", MessageState.FAILED: "bad",
    MessageState.NEEDS_PERSON: "bad", MessageState.SKIPPED: "mut", MessageState.TO_COPY: "warn",
    MessageState.COPIED: "ok",
}  # fmt: skip


def one_of(kind: type[_E], name: str) -> _E | None:
    """An argument of the address that is one of the choices, else None."""
    asked = request.args.get(name, "")
    return kind(asked) if asked in set(kind) else None


def recipient(message: Message) -> str:
    """To whom it went; a number by its end (docs/adr/0203), an address whole for who may see numbers."""
    if message.route is Route.COPY:
        return ""
    if FORMS[message.route] is Form.SMS:
        return phone(message.recipient)
    if message.route is Route.EMAIL and not may("customer.phone"):
        head, _, domain = message.recipient.partition("@")
        return f"{head[:2]}***@{domain}"
    return message.recipient


def why(stored: Mapping[str, Any] | None) -> str:
    """A kept sentence in the reader's language."""
    found = unpack(stored)
    return tr(found) if found is not None else ""


class MessageView(OmsView):
    """What customers were told."""

    route_base = "/messages"
    default_view = "list"
    requires = "message.view"
    requires_for = {
        **dict.fromkeys(
            ("copies", "copied", "skip", "arrived", "again", "close", "other", "resend", "remind"), "message.send"
        ),
        "consent": "customer.edit",
    }

    @page("/")
    def list(self) -> str:
        """The log, by what is asked."""
        actor, session = current_actor(), db.session()
        asked = reading.Asked(
            one_of(NoticeStatus, "status"), one_of(Event, "event"), one_of(Route, "route"),
            request.args.get("q", "").strip()[:200],
        )  # fmt: skip
        return self.show_page(
            "messages/list.html", title=gettext("Messages to customers"), asked=asked,
            pg=listing.fetch(reading.log(actor, asked)), counts=reading.status_counts(session, actor),
            spent=reading.spent(session) if not asked.words else [],
            troubles=troubled(session) if may("shop.edit") else [],
        )  # fmt: skip

    @page("/<int:notice_id>")
    def show(self, notice_id: int) -> str:
        """One message, word for word, with every way it was tried."""
        notice = reading.notice_page(db.session(), current_actor(), notice_id)
        title = f"{tr(EVENT_LABELS[notice.event])} · {notice.order.number}"
        return self.show_page("messages/show.html", title=title, notice=notice, may_do=MESSAGE.refusal)

    @page("/copies")
    def copies(self) -> str:
        """Texts that wait to be copied into a chat."""
        return self.show_page(
            "messages/copies.html", title=gettext("Texts to copy"),
            pg=listing.fetch(reading.to_copy(current_actor()), size=20),
        )  # fmt: skip

    @page("/<int:message_id>/copied", methods=POST)
    def copied(self, message_id: int) -> Response:
        """It was pasted into the chat."""
        return _act(lambda tx: work.mark_copied(tx, message_id), gettext("Done; the customer knows"))

    @page("/<int:message_id>/skip", methods=POST)
    def skip(self, message_id: int) -> Response:
        """It is not needed."""
        return _act(lambda tx: work.skip_copy(tx, message_id), gettext("Left out"))

    @page("/<int:message_id>/arrived", methods=POST)
    def arrived(self, message_id: int) -> Response:
        """Somebody asked: it did arrive."""
        return _act(lambda tx: work.mark_arrived(tx, message_id), gettext("Marked as arrived"))

    @page("/<int:message_id>/again", methods=POST)
    def again(self, message_id: int) -> Response:
        """It did not: once more."""
        return _act(lambda tx: work.send_again(tx, message_id), gettext("It is sent again"))

    @page("/<int:message_id>/other", methods=POST)
    def other(self, message_id: int) -> Response:
        """By the next route."""
        return _act(lambda tx: work.next_route(tx, message_id), gettext("The next route is tried"))

    @page("/<int:message_id>/close", methods=POST)
    def close(self, message_id: int) -> Response:
        """Leave it."""
        reason = request.form.get("reason", "")
        return _act(lambda tx: work.close_message(tx, message_id, reason), gettext("Closed"))

    @page("/<int:notice_id>/resend", methods=POST)
    def resend(self, notice_id: int) -> Response:
        """Tell it once more, with what holds at this moment."""
        try:
            with unit() as tx:
                notice_id = work.resend(tx, notice_id).notice_id
            flash(gettext("It is sent once more"), "success")
        except OmsError as refusal:
            flash(tr(refusal.message), "danger")
        return redirect(_back() or url_for("MessageView.show", notice_id=notice_id), 303)

    @page("/consent/<int:customer_id>", methods=POST)
    def consent(self, customer_id: int) -> Response:
        """A customer does not want messages, or wants them again."""
        route, how = request.form.get("route", ""), request.form.get("how", "")
        said = work.SetConsent(
            customer_id, request.form.get("allowed") == "1", Route(route) if route in set(Route) else None, how
        )
        return _act(lambda tx: work.set_consent(tx, said), gettext("Written down"))

    @page("/remind/<int:order_id>", methods=POST)
    def remind(self, order_id: int) -> Response:
        """Remind a buyer of their payment."""
        return _act(lambda tx: send_reminder(tx, order_id), gettext("The buyer is being reminded"))


def _act(verb: Callable[[Tx], object], done: str) -> Response:
    """Call a verb and go back to where the button was; a refusal says why."""
    try:
        with unit() as tx:
            verb(tx)
        flash(done, "success")
    except OmsError as refusal:
        flash(tr(refusal.message), "danger")
    return redirect(_back() or url_for("MessageView.list"), 303)


def _back() -> str | None:
    return safe_path(request.form.get("next"))


def order_messages(order_id: int) -> Any:
    """What the buyer of an order was told, for its page."""
    return reading.of_order(db.session(), order_id) if may("message.view") else []


@dataclass(frozen=True)
class Consents:
    """What a customer said about being told: the log, and the routes that follow from it."""

    rows: Sequence[MessageConsent]
    barred: frozenset[Route | None]


def customer_consents(customer_id: int) -> Consents:
    """For the page of a customer."""
    session = db.session()
    barred = barred_routes(Tx(session, current_actor()), [customer_id]).get(customer_id, frozenset())
    return Consents(reading.consents(session, [customer_id]), barred)


def counts(actor: Actor) -> nav.Waiting:
    """Texts to copy and messages that need a person, for who works on them."""
    if not actor.may("message.send"):
        return {}

    return {
        "message_copies": reading.count_of(actor, MessageState.TO_COPY),
        "message_stuck": reading.count_of(actor, MessageState.NEEDS_PERSON),
    }


def install(app: Flask) -> None:
    """Counts in the menu, and what templates say about messages."""
    nav.add_counts(app, counts)
    app.jinja_env.globals.update(
        order_messages=order_messages, customer_consents=customer_consents, EVENT_LABELS=EVENT_LABELS,
        ROUTE_LABELS=ROUTE_LABELS,
        NOTICE_LABELS=NOTICE_LABELS, MESSAGE_LABELS=MESSAGE_LABELS, notice_tones=NOTICE_TONES,
        message_tones=MESSAGE_TONES, message_recipient=recipient, message_why=why, sms_segments=segments,
    )  # fmt: skip


VIEWS = (MessageView,)
NAV = (
    nav.Item(
        "data", "Messages to customers", "MessageView.list", "message.view", icon="chat", order=60,
        count="message_stuck", hot=True,
    ),
    nav.Item(
        "work", "Texts to copy", "MessageView.copies", "message.send", icon="copy", order=90, count="message_copies",
    ),
)  # fmt: skip
