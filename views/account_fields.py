"""Form fields for accounts at outside systems: settings shown, secrets never."""

from __future__ import annotations

from typing import Any

from flask import current_app
from flask_babel import lazy_gettext
from wtforms import PasswordField, StringField, TextAreaField
from wtforms.widgets import TextArea

from oms.errors import say
from oms.net.settings import Field
from oms.sealing import Sealer
from views.filters import tr


class HiddenArea(TextArea):
    """A box of several lines that never shows what was in it."""

    def __call__(self, field: Any, **kwargs: Any) -> Any:
        shown = field.data
        field.data = None
        try:
            return super().__call__(field, **kwargs)
        finally:
            field.data = shown


def sealer() -> Sealer:
    """The keys of this installation."""
    found: Sealer = current_app.extensions["oms.sealer"]
    return found


def entry(field: Field, *, stored: bool) -> Any:
    """The form field of one setting; of a secret that is stored it says so and shows nothing."""
    off = {"autocomplete": "off", "spellcheck": "false"}
    kept = lazy_gettext("Stored; leave it empty to keep it") if stored and field.secret else ""
    label = (
        lazy_gettext(field.label) if field.required else lazy_gettext("%(label)s, if any", label=tr(say(field.label)))
    )
    if field.long:
        widget = HiddenArea() if field.secret else TextArea()
        return TextAreaField(label, description=kept, widget=widget, render_kw={**off, "rows": 3})
    if field.secret:
        return PasswordField(label, description=kept, render_kw={"autocomplete": "new-password"})
    return StringField(label, render_kw=off)
