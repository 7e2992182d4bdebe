"""People who wrote to our chats: who, what, which customer they are, and an order made of their last words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, flash, redirect, request, url_for
from flask_babel import gettext, lazy_gettext
from werkzeug.wrappers import Response

from oms.customers.models import CustomerIdentity
from oms.db import db
from oms.errors import InvalidInput, OmsError, say
from oms.notifications.catalogue import Route
from oms.notifications.writers import ChatWords, ChatWriter
from oms.reports import chat_writers as reading
from oms.thai.phone import mask_phone, mask_phones
from oms.usecases.chat_writers import IDENTITY, get_writer, link_writer, unlink_writer
from oms.usecases.privacy import chat_read
from views import listing, nav
from views.base import OmsView, current_actor, may, page, safe_path, unit
from views.filters import tr
from views.messages import one_of

POST = ("POST",)
KIND_LABELS: dict[str, Any] = {
    "image": lazy_gettext("(picture)"), "sticker": lazy_gettext("(sticker)"), "video": lazy_gettext("(video)"),
    "audio": lazy_gettext("(voice message)"), "location": lazy_gettext("(place on a map)"),
    "file": lazy_gettext("(file)"), "unsent": lazy_gettext("(taken back by the writer)"),
}  # fmt: skip
CHANNEL_OF: Mapping[Route, str] = {route: kind.value for route, kind in IDENTITY.items()}


class ChatPeopleView(OmsView):
    """Recent writers."""

    route_base = "/chats"
    default_view = "list"
    requires = "message.send"
    requires_for = {"link": "customer.edit", "unlink": "customer.edit"}

    @page("/")
    def list(self) -> str:
        """Who wrote, the latest first."""
        linked = {"yes": True, "no": False}.get(request.args.get("linked", ""))
        asked = reading.AskedWriters(one_of(Route, "route"), linked, request.args.get("q", "").strip()[:100])
        pg = listing.fetch(reading.writers(current_actor(), asked))
        return self.show_page(
            "chats/list.html", title=gettext("People who wrote"), asked=asked, pg=pg,
            talks=reading.talks(db.session(), pg.rows), routes=list(IDENTITY),
        )  # fmt: skip

    @page("/<int:writer_id>")
    def show(self, writer_id: int) -> str:
        """One of them, with their words."""
        with unit() as tx:
            writer = get_writer(tx, writer_id)
            words = reading.words_of(tx.session, writer.id)
            if words and may("customer.phone"):
                chat_read(tx, writer.id, str(writer))
            return self.show_page(
                "chats/show.html", title=chat_name(writer), writer=writer, words=words,
                talk=reading.talks(tx.session, [writer])[writer.id], likely=reading.likely_customers(tx.session, words),
            )  # fmt: skip

    @page("/<int:writer_id>/link", methods=POST)
    def link(self, writer_id: int) -> Response:
        """They are this customer."""
        chosen = request.form.get("customer_id", "")
        try:
            if not (chosen.isascii() and chosen.isdecimal() and len(chosen) < 19):
                raise InvalidInput(say("Choose the customer from the list"), field="customer_id", code="not_a_choice")
            with unit() as tx:
                link_writer(tx, writer_id, int(chosen))
            flash(gettext("Linked; messages about their orders go to this chat"), "success")
        except OmsError as refusal:
            flash(tr(refusal.message), "danger")
        return _back(writer_id)

    @page("/<int:writer_id>/unlink", methods=POST)
    def unlink(self, writer_id: int) -> Response:
        """They are not."""
        try:
            with unit() as tx:
                unlink_writer(tx, writer_id)
            flash(gettext("Not linked any more"), "success")
        except OmsError as refusal:
            flash(tr(refusal.message), "danger")
        return _back(writer_id)


def _back(writer_id: int) -> Response:
    return redirect(safe_path(request.form.get("next")) or url_for("ChatPeopleView.show", writer_id=writer_id), 303)


def chat_name(writer: ChatWriter) -> str:
    """What a writer is called: their name there, else the end of their id."""
    return writer.name or gettext("Without a name (…%(end)s)", end=writer.address[-6:])


def chat_words(words: ChatWords | None, *, whole: bool = False) -> str:
    """A message as it reads. Numbers are masked on lists, and for who may not see them."""
    if words is None:
        return ""
    if not words.body:
        return str(KIND_LABELS.get(words.kind) or KIND_LABELS["file"])
    return words.body if whole and may("customer.phone") else mask_phones(words.body)


def chat_threads(identities: list[CustomerIdentity]) -> Mapping[Any, str]:
    """Where the conversations with a customer are opened."""
    return reading.threads_of(db.session(), identities)


def install(app: Flask) -> None:
    """What templates say about chats."""
    app.jinja_env.globals.update(
        chat_name=chat_name, chat_words=chat_words, chat_threads=chat_threads, chat_channel=CHANNEL_OF.get,
        masked_phone=mask_phone,
    )  # fmt: skip


VIEWS = (ChatPeopleView,)
NAV = (
    nav.Item("work", "People who wrote", "ChatPeopleView.list", "message.send", icon="chat", order=7),
)  # fmt: skip
