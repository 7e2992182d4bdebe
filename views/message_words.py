"""The words of messages on screen: every event in each form and language, edited with a live preview and a test."""

from __future__ import annotations

from typing import Any

from flask import current_app, flash, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response

from oms.db import Tx, db
from oms.errors import Conflict, InvalidInput, NotFound, OmsError, say
from oms.notifications.catalogue import (
    EVENT_LABELS,
    FORM_LABELS,
    FORMS,
    KINDS,
    LANGUAGE_LABELS,
    LANGUAGES,
    WORD_LABELS,
    Event,
    Form,
    words_for,
)
from oms.notifications.models import MessageAccount
from oms.notifications.port import SendError
from oms.notifications.registry import HASTY, open_sender
from oms.notifications.registry import KINDS as ROUTES
from oms.notifications.rendering import render, sample_of, segments
from oms.usecases.message_trial import Trial, prepare_trial
from oms.usecases.message_words import (
    SaveTemplate,
    Words,
    preview,
    reset_template,
    save_template,
    stored,
    templates_of,
    usual,
)
from oms.usecases.notices_people import settings_of
from views.account_fields import sealer
from views.base import OmsView, current_actor, page, unit
from views.filters import tr


def _place(event: str, form: str, language: str) -> tuple[Event, Form, str]:
    """Which template an address names. Raises NotFound."""
    if event not in set(Event) or form not in set(Form) or language not in LANGUAGES:
        raise NotFound(say("There is no such record"))
    return Event(event), Form(form), language


def _given(event: Event, form: Form, language: str) -> SaveTemplate:
    body = request.form.get("body", "").replace("\r\n", "\n")
    return SaveTemplate(event, form, language, body, request.form.get("subject", ""), _seen())


def _seen() -> int:
    """Which version is written over: the one the editor began with (0: the usual words), or what somebody wrote
    meanwhile once it was shown and the answer was to save all the same (``over``)."""
    given = request.form.get("over") or request.form.get("version") or ""
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else 0


class MessageWordsView(OmsView):
    """The templates."""

    route_base = "/message-words"
    default_view = "list"
    requires = "message.design"

    @page("/")
    def list(self) -> str:
        """Every event, with how it reads in each form."""
        language = request.args.get("language", "th")
        language = language if language in LANGUAGES else "th"
        tx = Tx(db.session(), current_actor())
        own = templates_of(tx)
        off = settings_of(tx).events_off
        rows = [
            (event, event.value in off, [(form, (event, form, language) in own) for form in Form]) for event in Event
        ]
        samples = {e: render(stored_words(own, e, language), "", Form.CHAT, sample_of(e, language)).body for e in Event}
        return self.show_page(
            "messages/words.html", title=gettext("Words of messages"), rows=rows, tongue=language,
            languages=LANGUAGE_LABELS, forms=FORM_LABELS, samples=samples,
        )  # fmt: skip

    @page("/<event>/<form>/<language>", methods=("GET", "POST"))
    def edit(self, event: str, form: str, language: str) -> Response | str:
        """One template."""
        place = _place(event, form, language)
        problems: list[str] = []
        shown: Words | SaveTemplate = stored(Tx(db.session(), current_actor()), *place)
        if request.method == "POST":
            shown = given = _given(*place)
            try:
                with unit() as tx:
                    save_template(tx, given)
                flash(gettext("Saved; the next message says it this way"), "success")
                return redirect(url_for("MessageWordsView.list", language=language), 303)
            except Conflict:
                theirs = stored(Tx(db.session(), current_actor()), *place)
                return self._editor(place, given, problems, theirs)
            except OmsError as exc:
                problems = [tr(p.message) for p in exc.problems()]
        return self._editor(place, shown, problems)

    def _editor(
        self,
        place: tuple[Event, Form, str],
        shown: Words | SaveTemplate,
        problems: list[str],
        theirs: Words | None = None,
    ) -> str:
        """``theirs``: what somebody else saved since this editor was opened. It is shown, and the person decides."""
        event, form, language = place
        routes = db.session.scalars(
            select(MessageAccount)
            .where(MessageAccount.is_active, MessageAccount.route.in_([r for r in ROUTES if FORMS[r] is form]))
            .order_by(MessageAccount.id)
        )
        words = [(word, tr(WORD_LABELS[word])) for word in words_for(event)]
        return self.show_page(
            "messages/editor.html", title=tr(EVENT_LABELS[event]), event=event, form=form, tongue=language,
            shown=shown, theirs=theirs, problems=problems, words=words, routes=routes.all(), forms=FORM_LABELS,
            languages=LANGUAGE_LABELS, kind=KINDS[event],
            first=render(shown.body, shown.subject, form, sample_of(event, language)),
        )  # fmt: skip

    @page("/<event>/<form>/<language>/preview", methods=("POST",))
    def preview(self, event: str, form: str, language: str) -> Response:
        """How it would look, for the editor's script."""
        place = _place(event, form, language)
        try:
            made = preview(_given(*place))
        except InvalidInput as exc:
            return current_app.json.response(problems=[tr(p.message) for p in exc.problems()])
        count = segments(made.body)
        words = (
            gettext("%(units)s characters, %(parts)s SMS", units=count.units, parts=count.parts)
            if place[1] is Form.SMS
            else gettext("%(units)s characters", units=len(made.body))
        )
        return current_app.json.response(problems=[], subject=made.subject, body=made.body, size=words)

    @page("/<event>/<form>/<language>/reset", methods=("POST",))
    def reset(self, event: str, form: str, language: str) -> Response:
        """Back to the usual words."""
        with unit() as tx:
            reset_template(tx, *_place(event, form, language), _seen())
        flash(gettext("Back to the usual words"), "success")
        return redirect(url_for("MessageWordsView.edit", event=event, form=form, language=language), 303)

    @page("/<event>/<form>/<language>/test", methods=("POST",))
    def test(self, event: str, form: str, language: str) -> Response:
        """Send one message to an address of one's own."""
        place = _place(event, form, language)
        account = request.form.get("account", 0, type=int)
        with unit() as tx:
            trial = prepare_trial(tx, account, place[0], request.form.get("to", ""), sealer())
        why = _send(trial)
        flash(why or gettext("Sent; look at the phone or the mailbox"), "danger" if why else "success")
        return redirect(url_for("MessageWordsView.edit", event=event, form=form, language=language), 303)


def stored_words(own: Any, event: Event, language: str) -> str:
    """The chat text of an event as it stands."""
    found = own.get((event, Form.CHAT, language)) or usual(event, Form.CHAT, language)
    return str(found.body)


def _send(trial: Trial) -> str:
    """Send it while the person waits; "" when it went, else why not."""
    try:
        sender = open_sender(trial.route.route, trial.route.host, trial.route.settings, HASTY)
        try:
            sender.send(trial.letter)
        finally:
            sender.close()
    except (SendError, InvalidInput) as error:
        return tr(error.message)
    return ""


VIEWS = (MessageWordsView,)
