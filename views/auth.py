"""In and out: the login page, the code of the second factor, the end of a session."""

from __future__ import annotations

from typing import Any

from flask import current_app, flash, make_response, redirect, request, session, url_for
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
from oms.errors import Refused
from oms.usecases import logins
from views.access import SESSION_TOKEN, Staff, actor_of, current_staff, load_grants, load_staff, stranger
from views.base import safe_path
from views.filters import tr

SECOND_STEP = "second_step"  # who gave the right password and owes a code: [user id, when]
KEPT = ("locale", "theme")  # what a browser keeps when a session ends


class LoginForm(DynamicForm):
    """Name and password."""

    username = StringField(lazy_gettext("User name"), validators=[DataRequired(), Length(max=128)])
    password = PasswordField(lazy_gettext("Password"), validators=[DataRequired(), Length(max=200)])


class LoginView(BaseView):
    """The only way in."""

    route_base = ""
    default_view = "login"

    def _next(self) -> str:
        return safe_path(request.args.get("next")) or self.appbuilder.get_url_for_index

    @expose("/login/", methods=["GET", "POST"])
    @no_cache
    def login(self) -> Response | str:
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
        demo = current_app.extensions["oms.settings"].demo
        return self.render_template("login.html", form=form, demo=demo, title=gettext("Log in"))

    def _try(self, name: str, password: str) -> Response | None:
        try:
            with transaction(stranger(name)) as tx:
                logins.check_not_locked(tx, name)
        except Refused as exc:
            flash(tr(exc.message), "danger")
            return None
        user = self.appbuilder.sm.auth_user_db(name, password)
        if user is None:
            self._failed(name)
            flash(gettext("The user name or the password is not right"), "danger")
            return None
        return self._enter(user.id, user.username)

    def _failed(self, name: str) -> None:
        with transaction(stranger(name)) as tx:
            logins.note_failure(tx, name, None)

    def _enter(self, user_id: int, username: str) -> Response:
        """Open the session of a person who proved who they are."""
        start_session(user_id, username)
        return redirect(self._next())

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


def forget() -> None:
    """Empty the cookie, but for the browser's own choices."""
    kept = {key: session[key] for key in KEPT if key in session}
    logout_user()
    session.clear()
    session.update(kept)


def start_session(user_id: int, username: str) -> None:
    """Write the session, put its token into a fresh cookie, and log in."""
    grants = load_grants(user_id)
    person = Staff(user_id, username, username, "", 0, None, grants=grants)
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
