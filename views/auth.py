"""In and out: the login page, the code of the second factor, the end of a session."""

from __future__ import annotations

import time
from typing import Any

from flask import flash, make_response, redirect, request, session, url_for
from flask_appbuilder.baseviews import BaseView, expose
from flask_appbuilder.forms import DynamicForm
from flask_appbuilder.security.decorators import no_cache
from flask_babel import gettext, lazy_gettext
from flask_login import login_user, logout_user
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, Length

from oms import clock
from oms.db import transaction
from oms.errors import InvalidInput, OmsError
from oms.usecases import logins, second_factor
from views.access import SESSION_TOKEN, Staff, actor_of, current_staff, load_grants, load_staff, stranger
from views.base import pin_problems, safe_path
from views.filters import tr
from views.vault import unseal

SECOND_STEP = "second_step"  # who gave the right password and owes a code: [user id, user name, when]
SECOND_STEP_SECONDS = 300
KEPT = ("locale", "theme")  # what a browser keeps when a session ends


class LoginForm(DynamicForm):
    """Name and password."""

    username = StringField(lazy_gettext("User name"), validators=[DataRequired(), Length(max=128)])
    password = PasswordField(lazy_gettext("Password"), validators=[DataRequired(), Length(max=200)])


class CodeForm(DynamicForm):
    """The code of the authenticator app, or a backup code."""

    code = StringField(lazy_gettext("Code"), validators=[DataRequired(), Length(max=20)])


class LoginView(BaseView):
    """The only way in."""

    route_base = ""
    default_view = "login"

    def _next(self) -> str:
        return safe_path(request.args.get("next")) or self.appbuilder.get_url_for_index

    @expose("/login/", methods=["GET", "POST"])
    @no_cache
    def login(self) -> Any:
        """Name and password; then, for who switched it on, the code."""
        if current_staff() is not None:
            return redirect(self._next())
        form = LoginForm()
        if form.validate_on_submit():
            if answer := self._try(form.username.data.strip(), form.password.data):
                return answer
            return self._page(form), 401
        return self._page(form)

    def _page(self, form: DynamicForm) -> str:
        return self.render_template("login.html", form=form, title=gettext("Log in"))

    def _try(self, name: str, password: str) -> Response | None:
        try:
            with transaction(stranger(name)) as tx:
                logins.check_not_locked(tx, name)
        except OmsError as exc:
            flash(tr(exc.message), "danger")
            return None
        user = self.appbuilder.sm.auth_user_db(name, password)
        if user is None:
            failed(name)
            flash(gettext("The user name or the password is not right"), "danger")
            return None
        user_id, username = user.id, user.username
        with transaction(stranger(name)) as tx:
            factor = second_factor.find(tx, user_id)
            owes_code = factor is not None and factor.confirmed_at is not None
        if owes_code:
            session[SECOND_STEP] = [user_id, username, int(time.time())]
            return redirect(url_for("LoginView.code", next=self._next()))
        start_session(user_id, username)
        return redirect(self._next())

    @expose("/login/code", methods=["GET", "POST"])
    @no_cache
    def code(self) -> Any:
        """The code, within five minutes of the password."""
        user_id, username, at = session.get(SECOND_STEP) or (0, "", 0)
        if time.time() - at > SECOND_STEP_SECONDS:
            session.pop(SECOND_STEP, None)
            flash(gettext("Begin again with user name and password"), "warning")
            return redirect(url_for("LoginView.login", next=self._next()))
        form = CodeForm()
        if form.validate_on_submit():
            try:
                self._check_code(user_id, username, form.code.data)
            except OmsError as exc:
                pin_problems(form, exc)
            else:
                start_session(user_id, username)
                return redirect(self._next())
        return self.render_template("login_code.html", form=form, title=gettext("Two-step login"))

    def _check_code(self, user_id: int, username: str, code: str) -> None:
        try:
            with transaction(stranger(username)) as tx:
                logins.check_not_locked(tx, username)
                factor = second_factor.find(tx, user_id)
                if factor is not None:
                    second_factor.check(tx, user_id, unseal(factor.secret), code, username)
        except InvalidInput:
            failed(username)
            raise

    @expose("/logout/", methods=["POST"])
    def logout(self) -> Response:
        """End this session for good: a copy of its cookie is worth nothing afterwards."""
        staff = current_staff()
        if staff is not None:
            with transaction(actor_of(staff)) as tx:
                logins.end_session(tx, staff.session_id, staff.username)
        forget()
        flash(gettext("You are logged out"), "success")
        answer = make_response(redirect(url_for("LoginView.login")))
        answer.headers["Clear-Site-Data"] = '"cache"'
        return answer


def failed(name: str) -> None:
    """Count a failed attempt at a name."""
    with transaction(stranger(name)) as tx:
        logins.note_failure(tx, name, None)


def forget() -> None:
    """Empty the cookie, but for the browser's own choices."""
    kept = {key: session[key] for key in KEPT if key in session}
    logout_user()
    session.clear()
    session.update(kept)


def start_session(user_id: int, username: str) -> None:
    """Write the session, put its token into a fresh cookie, and log in."""
    person = Staff(user_id, username, username, "", 0, None, grants=load_grants(user_id))
    with transaction(actor_of(person)) as tx:
        started = logins.start_session(tx, user_id, username, request.user_agent.string)
    forget()
    session[SESSION_TOKEN] = started.token
    session.permanent = True
    staff: Any = load_staff(user_id)
    login_user(staff)
    if staff.language:
        session["locale"] = staff.language


def touch() -> None:
    """Note, at most once a minute, that the session of this request is in use."""
    staff = current_staff()
    if staff is not None and clock.now() - staff.seen_at > logins.TOUCH_EVERY:
        with transaction(actor_of(staff)) as tx:
            logins.touch_session(tx, staff.session_id)
