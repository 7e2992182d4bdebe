"""From a template and facts to a message. Nothing in a template is run: ``{word}`` is a fact, ``[...]`` disappears when
a fact in it is empty, everything else is text.

What cannot be rendered is refused when it is saved, so a message never fails half-way.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from oms.errors import InvalidInput, Problem, say
from oms.notifications.catalogue import Event, Form, words_for
from oms.thai.text import clean_lines

LONGEST: Mapping[Form, int] = {Form.CHAT: 2000, Form.SMS: 600, Form.EMAIL: 8000}  # Messenger takes 2,000
SUBJECT_MOST = 150
_WORD = re.compile(r"\{([a-z_]{1,30})\}")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_STRAY = re.compile(r"[{}]")
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ!\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE = frozenset("^{}\\[~]|€\f")


@dataclass(frozen=True)
class Rendered:
    """A message as it goes. ``html`` only for e-mail."""

    body: str
    subject: str = ""
    html: str = ""


@dataclass(frozen=True)
class Segments:
    """How an SMS is counted: characters as the network counts them, parts that are paid for."""

    units: int
    parts: int
    is_unicode: bool
    left: int


def check_template(text: str, event: Event, form: Form, field: str = "body") -> str:
    """The cleaned template. Raises InvalidInput for words that mean nothing, brackets that do not close, too much."""
    cleaned = clean_lines(text)
    most = SUBJECT_MOST if field == "subject" else LONGEST[form]
    problems: list[Problem] = []
    if not cleaned.strip():
        problems.append(Problem("missing", say("Write something"), field))
    if len(cleaned) > most:
        words = say("This is too long: {length} characters, {most} at most", length=len(cleaned), most=most)
        problems.append(Problem("too_long", words, field))
    if field == "subject" and "\n" in cleaned:
        problems.append(Problem("subject_lines", say("A subject is one line"), field))
    known = words_for(event)
    problems += [
        Problem("word_unknown", say("{word} is not known here", word=f"{{{word}}}"), field)
        for word in dict.fromkeys(_WORD.findall(cleaned))
        if word not in known
    ]
    if _STRAY.search(_WORD.sub("", cleaned)):
        problems.append(Problem("braces", say("A { or } stands alone; placeholders look like {word}"), field))
    if re.search(r"[\[\]]", _OPTIONAL.sub("", cleaned)):
        problems.append(Problem("brackets", say("A [ or ] stands alone, or they are inside one another"), field))
    if problems:
        first, *others = problems
        raise InvalidInput(first.message, field=field, code=first.code, others=tuple(others))
    return cleaned


def fill(template: str, facts: Mapping[str, str]) -> str:
    """The text with its facts. Facts are put in as they are, never read again as a template."""

    def optional(match: re.Match[str]) -> str:
        inner = match.group(1)
        return put(inner) if all(facts.get(word, "") for word in _WORD.findall(inner)) else ""

    def put(text: str) -> str:
        return _WORD.sub(lambda m: facts.get(m.group(1), ""), text)

    found: list[str] = []
    at = 0
    for match in _OPTIONAL.finditer(template):
        found += [put(template[at : match.start()]), optional(match)]
        at = match.end()
    found.append(put(template[at:]))
    return "".join(found).strip()


def render(body: str, subject: str, form: Form, facts: Mapping[str, str]) -> Rendered:
    """One message of a form; longer than the form takes, it is cut rather than refused."""
    text = fill(body, facts)[: LONGEST[form]]
    if form is not Form.EMAIL:
        return Rendered(" ".join(text.split()) if form is Form.SMS else text)
    line = " ".join(fill(subject, facts).split())[:SUBJECT_MOST]
    return Rendered(text, line, as_html(text))


_LINK = re.compile(r"https://[^\s<>\"']+")


def as_html(text: str) -> str:
    """The text as a page: everything escaped, links made to be clicked."""
    parts: list[str] = []
    at = 0
    for match in _LINK.finditer(text):
        address = html.escape(match.group(0), quote=True)
        parts += [html.escape(text[at : match.start()]), f'<a href="{address}">{address}</a>']
        at = match.end()
    parts.append(html.escape(text[at:]))
    lines = "<br>\n".join("".join(parts).split("\n"))
    return f'<!doctype html><html><body style="font-family:sans-serif;line-height:1.6"><p>{lines}</p></body></html>'


def segments(text: str) -> Segments:
    """How many parts an SMS is: 70 characters in one, 67 in each of several once there is a letter beyond the
    network's own alphabet (all Thai); else 160 and 153."""
    if all(c in _GSM or c in _GSM_TWICE for c in text):
        units = sum(2 if c in _GSM_TWICE else 1 for c in text)
        return _count(units, 160, 153, is_unicode=False)
    return _count(len(text.encode("utf-16-be")) // 2, 70, 67, is_unicode=True)


def _count(units: int, single: int, part: int, *, is_unicode: bool) -> Segments:
    parts = 1 if units <= single else -(-units // part)
    room = single if parts == 1 else parts * part
    return Segments(units, parts, is_unicode, room - units)


def uses(template: str, words: Collection[str]) -> bool:
    """Whether a template names one of these words."""
    return any(word in words for word in _WORD.findall(template))


SAMPLE: Mapping[str, str] = {
    "name": "กนกวรรณ", "order": "SO69-004218", "shop": "ร้านตัวอย่าง", "items": "เสื้อยืดคอกลม สีดำ ×2", "total": "590",
    "accounts": "กสิกรไทย 123-4-56789-0 (บจก. ตัวอย่าง)",
    "link": "https://example.com/o/Ab3dE", "missing": "590", "pay_until": "29 พ.ย. 18:00", "amount": "590",
    "reason": "ยอดในสลิปไม่ตรงกับยอดสั่งซื้อ", "carrier": "Flash Express", "tracking": "TH01234567890",
    "track_link": "https://example.com/t/TH01234567890", "return_no": "RT69-00012",
    "refund_to": "กสิกรไทย ••••9866",
}  # fmt: skip
_SAMPLE_EN: Mapping[str, str] = {
    "name": "Kanokwan", "shop": "Sample shop", "items": "T-shirt, black ×2",
    "accounts": "Kasikornbank 123-4-56789-0 (Sample Co., Ltd.)", "pay_until": "29 Nov 18:00",
    "reason": "The amount on the slip is not that of the order", "refund_to": "Kasikornbank ••••9866",
}  # fmt: skip
_SAMPLE_OF: Mapping[Event, Mapping[str, tuple[str, str]]] = {  # what would read wrongly in that message; Thai, English
    Event.PAID: {"amount": ("500", "500"), "missing": ("90", "90")},
    Event.PROBLEM: {"reason": ("ติดต่อผู้รับไม่ได้", "The recipient could not be reached")},
}


def sample_of(event: Event, language: str) -> dict[str, str]:
    """Made-up facts for a message, in its language."""
    english = language == "en"
    own = {word: pair[english] for word, pair in _SAMPLE_OF.get(event, {}).items()}
    return {**SAMPLE, **(_SAMPLE_EN if english else {}), **own}
