"""One's own account: language, look, password, sessions, second factor."""

from __future__ import annotations

from flask import Flask, flash, redirect, request, session, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms.usecases import logins
from views.base import ANY_STAFF, OmsView, current_staff, page, safe_path, unit

LANGUAGES = ("th", "en")
THEMES = ("auto", "light", "dark")


class AccountView(OmsView):
    """What a person may set for themselves."""

    route_base = "/account"
    default_view = "userinfo"
    requires = ANY_STAFF

    @page("/")
    def userinfo(self) -> str:
        """The account page."""
        staff = current_staff()
        assert staff is not None
        with unit() as tx:
            sessions = logins.list_sessions(tx, staff.id)
        return self.show_page("account.html", title=gettext("My account"), staff=staff, sessions=sessions)

    @page("/sessions/<int:session_id>/end", methods=("POST",))
    def end_session(self, session_id: int) -> Response:
        """End one of one's own sessions, or somebody's as the keeper of staff."""
        staff = current_staff()
        assert staff is not None
        with unit() as tx:
            logins.end_session(tx, session_id, staff.username, "ended by staff")
        flash(gettext("The session is ended"), "success")
        return redirect(safe_path(request.form.get("next")) or url_for("AccountView.userinfo"))


def back() -> str:
    """The page that asked, as a path of ours, else the first page."""
    return safe_path(request.values.get("next")) or "/"


def set_language(code: str) -> Response:
    """Choose the language of this browser, kept on the account of who is logged in."""
    if code in LANGUAGES:
        session["locale"] = code
        if current_staff() is not None:
            with unit() as tx:
                logins.set_language(tx, code)
    return redirect(back())


def set_theme(name: str) -> Response:
    """Choose light, dark, or as the device does."""
    if name in THEMES:
        session["theme"] = name
        session.permanent = True
    return redirect(back())


def install(app: Flask) -> None:
    """The two choices that need no login."""
    app.add_url_rule("/language/<code>", "language", set_language)
    app.add_url_rule("/theme/<name>", "theme", set_theme)
