"""How facts look on screen, by language: sentences, money, dates, ages, phones. Registered as Jinja filters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from flask import Flask, has_request_context
from flask_babel import get_locale, gettext, ngettext
from markupsafe import Markup, escape

from oms import clock
from oms.errors import Say
from oms.money import Money
from oms.permissions import ROLES
from oms.thai.dates import format_date, format_moment
from oms.thai.phone import format_phone, tail_phone
from views.access import may

_HANDLER = re.compile(r"[a-z_]+\.[a-z_]+")


def language() -> str:
    """The reader's language: th or en."""
    locale = get_locale() if has_request_context() else None
    return "en" if locale is not None and locale.language == "en" else "th"


def _plain_gettext(template: str) -> str:
    """The translation of a template whose {facts} are filled in later. The empty template stays empty."""
    return gettext(template) if template else ""


def tr(sentence: Say | str | None) -> str:
    """A sentence of the business, or a label, in the reader's language."""
    if sentence is None:
        return ""
    if isinstance(sentence, Say):
        return Say(sentence.template, {k: _fact(v) for k, v in sentence.facts.items()}).render(_plain_gettext)
    return _plain_gettext(str(sentence))


def _fact(value: object) -> object:
    """A fact inside a sentence: amounts and times are shown, not printed."""
    if isinstance(value, Say):
        return value
    return cell(value) if isinstance(value, Money | datetime | date) else value


def money(value: Money | Decimal | None, *, sign: bool = True) -> str:
    """฿1,590.00; a negative amount with a true minus."""
    if value is None:
        return "–"
    amount = value.amount if isinstance(value, Money) else value
    text = f"{abs(amount):,.2f}"
    return f"{'−' if amount < 0 else ''}{'฿' if sign else ''}{text}"


def day(value: date | datetime | None, *, long: bool = False) -> str:
    """23 พ.ย. 2569 in Thai, 23 Nov 2026 in English."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        value = clock.local(value).date()
    return format_date(value, language(), long=long)


def moment(value: datetime | None) -> str:
    """The day and the time on the Bangkok clock."""
    return "–" if value is None else format_moment(value, language())


def doer(label: str) -> str:
    """Who did it; for background work, whose label is the name of its handler, that it was the system."""
    return gettext("System (%(work)s)", work=label) if _HANDLER.fullmatch(label) else label or "–"


def short_moment(value: datetime | None) -> str:
    """For lists: the time when it is today, yesterday in words, else the day."""
    if value is None:
        return "–"
    local, today = clock.local(value), clock.today()
    if local.date() == today:
        return f"{local:%H:%M}"
    if local.date() == today - timedelta(days=1):
        return gettext("yesterday %(time)s", time=f"{local:%H:%M}")
    return day(value)


def span(seconds: float) -> str:
    """A length of time in its two largest units: 3 ชม. 20 น., 2 วัน."""
    minutes = int(abs(seconds) // 60)
    if minutes < 60:
        return gettext("%(n)s min", n=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        text = gettext("%(n)s h", n=hours)
        return f"{text} {gettext('%(n)s min', n=minutes)}" if minutes and hours < 6 else text
    return ngettext("%(num)s day", "%(num)s days", hours // 24)


def age(value: datetime | None) -> str:
    """How long ago: 3 ชม."""
    return "–" if value is None else span((clock.now() - clock.aware(value)).total_seconds())


def countdown(value: datetime | None) -> str:
    """How long is left, or by how much it is late."""
    if value is None:
        return "–"
    left = (clock.aware(value) - clock.now()).total_seconds()
    words = span(left)
    return gettext("%(time)s left", time=words) if left >= 0 else gettext("%(time)s late", time=words)


def phone(value: str | None, *, whole: bool = False) -> str:
    """A phone number by its last four digits; ``whole`` where somebody asked for it, which is on record."""
    if not value:
        return "–"
    return format_phone(value) if whole else tail_phone(value)


def masked(value: str | None) -> str:
    """A phone number on a list: enough to tell people apart."""
    return phone(value)


def number(value: int | None) -> str:
    """1,234; a dash for nothing."""
    return "–" if value is None else f"{value:,}"


DASH = Markup('<span class="faint">–</span>')


def _mapping(value: dict[Any, Any]) -> Markup:
    return Markup("<br>").join(Markup("<b>{}</b> {}").format(k, cell(v)) for k, v in value.items())


def _several(value: Any) -> Markup:
    return Markup(", ").join(escape(cell(v)) for v in value)


_CELLS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (Markup, lambda v: v),
    (bool, lambda v: yes_no(value=v)),
    (Money, money),
    (datetime, moment),
    (date, day),
    (Say, tr),
    (dict, _mapping),
    (Enum, lambda v: gettext(str(v.value).replace("_", " ").capitalize())),
    ((list, tuple, set, frozenset), _several),
)


def cell(value: Any) -> str | Markup:
    """A value of any column, for the generated lists and pages."""
    if value is None or value in ("", [], {}):
        return DASH
    for kind, show in _CELLS:
        if isinstance(value, kind):
            return show(value)
    return str(value)


def person(label: str | None) -> str:
    """Who did it: people by their names as they are, the buyer behind an order's link in words."""
    return gettext("Buyer") if label == "Buyer" else label or ""


def yes_no(*, value: bool) -> str:
    """A truth in words."""
    return gettext("Yes") if value else gettext("No")


_DEVICES = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "Mac"),
            ("Linux", "Linux"))  # fmt: skip
_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))


def state_pill(tones: Mapping[Any, str], labels: Mapping[Any, str], value: Any) -> Markup:
    """A state as a coloured word; for ``functools.partial``."""
    return Markup('<span class="pill {}">{}</span>').format(tones.get(value, "mut"), tr(labels[value]))


def device(agent: str) -> str:
    """What a browser says it is, in two words."""
    system = next((name for mark, name in _DEVICES if mark in agent), "")
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    return " · ".join(x for x in (system, browser) if x) or gettext("Unknown device")


def role_name(name: str) -> str:
    """A role's name; seeded ones in the reader's language."""
    return tr(next((role.label for role in ROLES if role.name == name), "")) or name


def role_label(staff: Any) -> str:
    """The roles of a person."""
    return ", ".join(role_name(name) for name in staff.grants.roles) or gettext("No role")


def install(app: Flask) -> None:
    """Register the filters."""
    app.jinja_env.filters.update(
        say=tr, money=money, day=day, moment=moment, short_moment=short_moment, age=age, countdown=countdown,
        phone=phone, masked=masked, number=number, cell=cell, span=span, device=device, person=person,
    )  # fmt: skip
    app.jinja_env.globals.update(may=may, language=language, tr=tr, now=clock.now, role_label=role_label)
