"""The words of messages: the shop's own templates, else the usual ones, with what holds at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from oms import audit, clock
from oms.db import Tx
from oms.errors import Conflict, InvalidInput, say
from oms.notifications.catalogue import LANGUAGES, Event, Form
from oms.notifications.models import MessageSettings, MessageTemplate, Notice
from oms.notifications.rendering import Rendered, check_template, render, sample_of
from oms.notifications.wording import usual_body, usual_subject
from oms.usecases.keeping import Saved, checked, lock_row
from oms.usecases.notices_facts import Known, known_of, words_of

Want = tuple[Notice, Form, str]  # a notice in a form and a language
Key = tuple[Event, Form, str]


@dataclass(frozen=True)
class Text:
    """A rendered message; ``told``: the tracking numbers it names; ``missing`` False: nothing is owed any more."""

    subject: str
    body: str
    html: str
    told: str
    owes: bool


@dataclass(frozen=True)
class Words:
    """A template as it stands: the shop's own, or (``version`` 0) the usual one."""

    subject: str
    body: str
    version: int = 0
    by: str = ""
    at: datetime | None = None


def render_all(tx: Tx, wanted: Sequence[Want], settings: MessageSettings, known: Known | None = None) -> list[Text]:
    """Every message in its words, in a handful of statements."""
    if not wanted:
        return []
    facts = known or known_of(tx, [n for n, _, _ in wanted], settings.public_url)
    templates = templates_of(tx)
    found = []
    for notice, form, language in wanted:
        words = templates.get((notice.event, form, language)) or usual(notice.event, form, language)
        filled = words_of(facts, notice, language)
        made = render(words.body, words.subject, form, filled)
        told = filled.get("tracking", "")[:300]
        found.append(Text(made.subject, made.body, made.html, told, owes=bool(filled.get("missing"))))
    return found


def templates_of(tx: Tx) -> dict[Key, Words]:
    """The shop's own templates."""
    rows = tx.session.execute(
        select(
            MessageTemplate.event, MessageTemplate.form, MessageTemplate.language, MessageTemplate.subject,
            MessageTemplate.body, MessageTemplate.version, MessageTemplate.changed_by, MessageTemplate.changed_at,
        )
    )  # fmt: skip
    return {(r[0], r[1], r[2]): Words(*r[3:]) for r in rows}


def usual(event: Event, form: Form, language: str) -> Words:
    """The words nobody has rewritten."""
    return Words(usual_subject(event, form, language), usual_body(event, form, language))


def stored(tx: Tx, event: Event, form: Form, language: str) -> Words:
    """The template of an event as it stands."""
    return templates_of(tx).get((event, form, language)) or usual(event, form, language)


@dataclass(frozen=True)
class SaveTemplate:
    """``version`` 0: it was the usual one when the editor saw it."""

    event: Event
    form: Form
    language: str
    body: str
    subject: str = ""
    version: int = 0


def preview(cmd: SaveTemplate) -> Rendered:
    """How it would look, with made-up facts. Raises InvalidInput for what could not be saved."""
    fields = _checked(cmd)
    return render(fields["body"], fields["subject"], cmd.form, sample_of(cmd.event, cmd.language))


def save_template(tx: Tx, cmd: SaveTemplate) -> Saved:
    """Write the shop's own words. Raises InvalidInput with every problem, or Conflict when somebody was faster: wrote
    other words, or put the usual ones back."""
    tx.actor.require("message.design")
    fields = _checked(cmd)
    row = _row(tx, cmd.event, cmd.form, cmd.language)
    if row is None:
        if cmd.version:
            raise Conflict(say("Someone else put the usual words back while you were writing"), code="stale")
        row = MessageTemplate(event=cmd.event, form=cmd.form, language=cmd.language, **fields)
        tx.session.add(row)
        before = {"body": usual(cmd.event, cmd.form, cmd.language).body}
    else:
        row = lock_row(tx, MessageTemplate, row.id, cmd.version or -1)
        before = {"body": row.body, "subject": row.subject}
        row.body, row.subject = fields["body"], fields["subject"]
    row.changed_at, row.changed_by = clock.now(), tx.actor.label[:120]
    tx.session.flush()  # the audit row names it
    audit.record(
        tx, "message.template_saved", "message_template", row.id, _name(cmd.event, cmd.form, cmd.language),
        before=before, after=fields,
    )  # fmt: skip
    return Saved(row.id)


def reset_template(tx: Tx, event: Event, form: Form, language: str, version: int) -> bool:
    """Back to the usual words; the audit log keeps what was there. False when they are the usual ones. Raises Conflict
    when other words stand there than the ``version`` that was on screen."""
    tx.actor.require("message.design")
    row = _row(tx, event, form, language)
    if row is None:
        return False
    row = lock_row(tx, MessageTemplate, row.id, version)
    audit.record(
        tx, "message.template_reset", "message_template", row.id, _name(event, form, language),
        before={"body": row.body, "subject": row.subject},
    )  # fmt: skip
    tx.session.delete(row)
    return True


def _name(event: Event, form: Form, language: str) -> str:
    return f"{event.value} · {form.value} · {language}"


def _row(tx: Tx, event: Event, form: Form, language: str) -> MessageTemplate | None:
    return tx.session.scalars(
        select(MessageTemplate).where(
            MessageTemplate.event == event, MessageTemplate.form == form, MessageTemplate.language == language
        )
    ).one_or_none()


def _checked(cmd: SaveTemplate) -> dict[str, str]:
    if cmd.language not in LANGUAGES:
        raise InvalidInput(say("Choose a language"), field="language", code="language")
    return checked(
        body=lambda: check_template(cmd.body, cmd.event, cmd.form),
        subject=lambda: check_template(cmd.subject, cmd.event, cmd.form, "subject") if cmd.form is Form.EMAIL else "",
    )
