"""One's own account: language, look, password, sessions, two-step login."""

from __future__ import annotations

from typing import Any

import segno
from flask import Flask, flash, redirect, request, session, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from markupsafe import Markup
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, Length

from oms.errors import InvalidInput, OmsError, say
from oms.usecases import logins, second_factor
from views import people
from views.base import ANY_STAFF, OmsFormView, OmsView, current_staff, page, pin_problems, safe_path, unit
from views.vault import seal, unseal

LANGUAGES = ("th", "en")
THEMES = ("auto", "light", "dark")


class PasswordForm(FlaskForm):
    """A new password for oneself."""

    current = PasswordField(lazy_gettext("Present password"), validators=[DataRequired(), Length(max=200)])
    password = PasswordField(lazy_gettext("New password"), validators=[DataRequired(), Length(max=200)])
    again = PasswordField(
        lazy_gettext("New password again"),
        validators=[EqualTo("password", message=lazy_gettext("The two passwords differ"))],
    )


class CodeForm(FlaskForm):
    """The first code of a new authenticator app."""

    code = StringField(lazy_gettext("Code from the app"), validators=[DataRequired(), Length(max=20)])


class PasswordView(OmsFormView):
    """Changing one's own password; every other session of the login ends."""

    route_base = "/account/password"
    requires = ANY_STAFF
    form = PasswordForm
    form_title = lazy_gettext("Change my password")
    form_intro = lazy_gettext("Your other devices are logged out.")

    def submit(self, form: Any) -> Response:
        """Do it."""
        staff = me()
        with unit() as tx:
            people.change_own_password(tx, form.current.data, form.password.data, staff.session_id)
        flash(gettext("Your password is changed"), "success")
        return redirect(url_for("AccountView.userinfo"))


class AccountView(OmsView):
    """What a person may set for themselves."""

    route_base = "/account"
    default_view = "userinfo"
    requires = ANY_STAFF

    @page("/")
    def userinfo(self) -> str:
        """The account page."""
        staff = me()
        with unit() as tx:
            sessions = logins.list_sessions(tx, staff.id)
            factor = second_factor.find(tx, staff.id)
            on = factor is not None and factor.confirmed_at is not None
        return self.show_page("account.html", title=gettext("My account"), staff=staff, sessions=sessions, on=on)

    @page("/sessions/<int:session_id>/end", methods=("POST",))
    def end_session(self, session_id: int) -> Response:
        """End one of one's own sessions."""
        with unit() as tx:
            logins.end_session(tx, session_id, me().username, "ended on the account page")
        flash(gettext("The session is ended"), "success")
        return redirect(url_for("AccountView.userinfo"))

    @page("/two-step", methods=("GET", "POST"))
    def two_step(self) -> Response | str:
        """The QR code, and the first code that proves the app has it."""
        staff, form = me(), CodeForm()
        with unit() as tx:
            factor = second_factor.find(tx, staff.id)
            if factor is not None and factor.confirmed_at is not None:
                return redirect(url_for("AccountView.userinfo"))
            secret = unseal(factor.secret) if factor is not None else second_factor.new_secret()
            if factor is None:
                second_factor.begin(tx, seal(secret))
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    done = second_factor.confirm(tx, secret, form.code.data, staff.username)
            except OmsError as exc:
                pin_problems(form, exc)
            else:
                return self.show_page("account_codes.html", title=gettext("Backup codes"), codes=done.codes)
        code = segno.make(second_factor.address(secret, staff.username))
        picture = Markup(code.svg_inline(scale=5, border=1, omitsize=True))  # noqa: S704  made by us of digits alone
        return self.show_page(
            "account_two_step.html", title=gettext("Two-step login"), form=form, qr=picture, secret=secret
        )

    @page("/two-step/off", methods=("POST",))
    def two_step_off(self) -> Response:
        """Switch it off, with the password."""
        staff = me()
        with unit() as tx:
            if not people.password_is(tx, staff.id, request.form.get("password", "")):
                raise InvalidInput(say("This is not your present password"), code="password_wrong")
            second_factor.switch_off(tx, staff.id, staff.username)
        flash(gettext("Two-step login is off"), "success")
        return redirect(url_for("AccountView.userinfo"))


def me() -> Any:
    """The person of this request; screens for staff have one."""
    staff = current_staff()
    assert staff is not None
    return staff


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


VIEWS = (PasswordView,)
