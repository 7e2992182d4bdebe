"""What every screen stands on: the request's transaction, screens opened by named actions, forms that keep input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

from flask import current_app, flash, redirect, request, url_for
from flask_appbuilder.baseviews import BaseView, expose
from flask_appbuilder.security.decorators import has_access
from flask_appbuilder.views import SimpleFormView
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response

from oms import audit
from oms.db import Tx, transaction
from oms.errors import Forbidden, OmsError
from views.access import current_actor, current_staff, may
from views.filters import tr

__all__ = [
    "ANY_STAFF", "OmsFormView", "OmsView", "Screen", "current_actor", "current_staff", "may", "note_refusal", "page",
    "pin_problems", "safe_path", "unit",
]  # fmt: skip

ANY_STAFF = ""  # the action of a screen that asks only for a login
_F = TypeVar("_F", bound=Callable[..., Any])


@contextmanager
def unit() -> Iterator[Tx]:
    """The web's transaction, as the logged-in person; afterwards the relay is woken. A refusal for want of a
    permission is written to the audit log, in a transaction of its own."""
    try:
        with transaction(current_actor()) as tx:
            yield tx
    except Forbidden as exc:
        note_refusal(str(exc.facts.get("action", exc.detail_code)))
        raise
    current_app.extensions["oms.wake"]()


def note_refusal(action: str) -> None:
    """Write down that somebody tried what they may not do."""
    with transaction(current_actor()) as tx:
        after = {"action": action, "path": request.path, "method": request.method}
        audit.record(tx, "permission.refused", "screen", None, request.path, after=after)


def safe_path(target: str | None) -> str | None:
    """A path on this site, or None: where people are sent back to is never another host."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return None
    return None if any(ord(c) < 32 for c in target) else target


def page(url: str = "/", methods: tuple[str, ...] = ("GET",)) -> Callable[[_F], _F]:
    """Expose a method of a screen to those who have the action the screen requires."""

    def wrap(method: _F) -> _F:
        return expose(url, methods=methods)(has_access(method))

    return wrap


class Screen:
    """A part of the panel. ``requires`` is the named action that opens it; ``requires_for`` names another action for
    some methods (``{"add": "catalog.edit"}``). A screen that declares nothing stays shut."""

    requires: ClassVar[str | None] = None
    also_open_to: ClassVar[tuple[str, ...]] = ()  # further named actions that open it, each for its own work
    requires_for: ClassVar[Mapping[str, str]] = {}

    def required_action(self, permission_name: str) -> str | None:
        """The named action behind one of Flask-AppBuilder's permission names."""
        return self.requires_for.get(permission_name.removeprefix("can_"), self.requires)


class OmsView(Screen, BaseView):
    """A free page. Methods are exposed with ``page``."""

    def show_page(self, template: str, **facts: Any) -> str:
        """Render a template of ours."""
        return self.render_template(template, **facts)


def pin_problems(form: FlaskForm, error: OmsError) -> None:
    """Put each problem onto its field; what belongs to no field becomes a message on top."""
    for problem in error.problems():
        field = form[problem.field] if problem.field and problem.field in form else None
        if field is None or field.type in {"HiddenField", "CSRFTokenField"}:
            flash(tr(problem.message), "danger")
        else:
            field.errors = [*field.errors, tr(problem.message)]


class OmsFormView(Screen, SimpleFormView):
    """A form that calls a verb. ``submit`` gets the valid form, calls the verb inside ``unit()`` and says where to go;
    an ``OmsError`` shows on the form, which keeps what was typed."""

    form_template = "form_page.html"
    form_intro: ClassVar[str] = ""
    submit_label: ClassVar[Any] = ""
    submit: Callable[[Any], Response | None]  # does it; answers where to go next, or None for ``done_url``

    def done_url(self) -> str:
        """Where to go after success, unless ``submit`` says otherwise: the page that led here."""
        return safe_path(request.args.get("next")) or url_for(f"{self.endpoint}.this_form_get")

    def _render(self, form: FlaskForm) -> str:
        listed = self.form_columns or [field.name for field in form]
        return self.render_template(
            self.form_template,
            title=self.form_title,
            intro=self.form_intro,
            submit_label=self.submit_label,
            form=form,
            columns=[name for name in listed if name in form],  # a form may leave out what this person must not see
            fieldsets=self.form_fieldsets or [],
            cancel_url=safe_path(request.args.get("next")),
        )

    @page("/form")
    def this_form_get(self) -> Response | str:
        """Show the form."""
        form = self.form()
        self.form_get(form)
        return self._render(form)

    @page("/form", methods=("POST",))
    def this_form_post(self) -> Response | str:
        """Take the form."""
        form = self.form()
        if form.validate_on_submit():
            try:
                return self.submit(form) or redirect(self.done_url())
            except OmsError as exc:
                pin_problems(form, exc)
        return self._render(form)
