"""Form fields that read what people type: amounts, whole numbers, records found while typing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flask import request, url_for
from flask_babel import gettext
from markupsafe import Markup, escape
from sqlalchemy import func, select
from wtforms import Field, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import StopValidation

from oms.db import db
from oms.errors import InvalidInput
from oms.money import Money
from oms.thai.text import arabic_digits
from views.filters import tr

LARGEST = 10**15  # beyond this no number of ours goes; verbs have narrower limits
Option = tuple[int, str]


def choices(pairs: Iterable[tuple[Any, Any]]) -> list[SelectChoice]:
    """(value, label) pairs as a drop-down takes them."""
    return [SelectChoice(value=str(value), label=label) for value, label in pairs]


class AmountField(StringField):
    """Baht as people write them; the data is Money, or None when nothing was typed."""

    data: Any

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else f"{self.data.amount:.2f}"

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Read it."""
        text = (valuelist[0] if valuelist else "").strip()
        if not text:
            self.data = None
            return
        try:
            self.data = Money.parse(arabic_digits(text))
        except InvalidInput as exc:
            self.data = None
            raise ValueError(tr(exc.message)) from None


class WholeField(StringField):
    """A whole number; thousands may be separated. Nothing typed: ``empty``."""

    data: Any

    def __init__(self, label: Any = None, validators: Any = None, *, empty: int | None = None, **kwargs: Any) -> None:
        super().__init__(label, validators, **kwargs)
        self.empty = empty

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else str(self.data)

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Read it."""
        self.data = whole_number(valuelist[0] if valuelist else "", self.empty)


def whole_number(text: str, empty: int | None = None) -> int | None:
    """A number as typed, Thai digits and separators allowed. Raises ValueError with a sentence."""
    bare = arabic_digits(text).strip().replace(",", "").replace(" ", "").replace("−", "-")
    if not bare:
        return empty
    digits = bare.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 15:
        raise ValueError(gettext("“%(text)s” is not a whole number", text=text[:40]))
    return int(bare)


class LinesField(TextAreaField):
    """Several short texts, one on each line, as a scanner enters them. The data is a tuple."""

    data: Any

    def _value(self) -> str:
        return str(self.raw_data[0]) if self.raw_data else "\n".join(self.data or ())

    def process_data(self, value: Any) -> None:
        """Take the record's rows (or texts)."""
        self.data = tuple(str(x) for x in value or ())

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Read the lines that are not empty."""
        text = valuelist[0] if valuelist else ""
        self.data = tuple(line.strip() for line in text.splitlines() if line.strip())


class LookupWidget:
    """A text box that asks the server while one types, and the hidden id of what was chosen."""

    def __call__(self, field: LookupField, **kwargs: Any) -> Markup:
        facts = "".join(f' {escape(k)}="{escape(v)}"' for k, v in kwargs.items() if v not in {None, False, ""})
        return Markup(
            '<input type="text" id="{id}" name="{name}-text" value="{text}" data-lookup="{url}" data-target="{id}-id"'
            ' placeholder="{hint}" autocomplete="off"{facts}>'
            '<input type="hidden" id="{id}-id" name="{name}" value="{value}">'
        ).format(
            id=field.id, name=field.name, text=field.text(), url=field.url(), facts=Markup(facts),  # noqa: S704  escaped above
            hint=gettext("Type to search"), value="" if field.data is None else field.data,
        )  # fmt: skip


class LookupField(Field):
    """A record of a growing table. ``label_of(id)`` names it, ``resolve(text)`` reads a code typed without choosing."""

    widget = LookupWidget()

    def __init__(
        self,
        label: Any = None,
        validators: Any = None,
        *,
        endpoint: str = "",
        label_of: Callable[[int], str] = str,
        resolve: Callable[[str], int | None] = lambda _text: None,
        **kwargs: Any,
    ) -> None:
        super().__init__(label, validators, **kwargs)
        self.endpoint, self.label_of, self.resolve = endpoint, label_of, resolve

    def url(self) -> str:
        """Where suggestions come from."""
        return url_for(self.endpoint)

    def text(self) -> str:
        """What the box shows."""
        typed = request.form.get(f"{self.name}-text")
        if typed is not None:
            return typed
        return "" if self.data is None else self.label_of(int(self.data))

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Take the chosen id, or the record whose code was typed."""
        raw = valuelist[0].strip() if valuelist else ""
        typed = request.form.get(f"{self.name}-text", "").strip()
        self.data = int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 19 else None
        if self.data is None and typed:
            self.data = self.resolve(typed)
            if self.data is None:
                raise ValueError(gettext("Choose one from the list; “%(text)s” is none of them", text=typed[:60]))


def first_code(model: Any, stem: str) -> str:
    """A code to begin with on an empty form: who has codes of her own writes over it."""
    return f"{stem}{(db.session.scalar(select(func.max(model.id))) or 0) + 1}"


class Chosen:
    """Validator: something must have been chosen or typed (zero counts as something)."""

    field_flags = {"required": True}

    def __call__(self, _form: Any, field: Field) -> None:
        """Raise when nothing is there."""
        if field.data is None or field.data == "":
            raise StopValidation(gettext("Must be filled in") if not field.errors else None)
