"""What webhooks of LINE and Meta say of people: who wrote, what, who left, what was taken back. Pure reading.

A repeat is told by the message's own id; the order in which webhooks come means nothing, their moments do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from oms import clock
from oms.notifications import line
from oms.notifications.catalogue import Route
from oms.thai.text import clean_lines

LONGEST: Final = 5000
UNSENT: Final = "unsent"
LINE_THREAD: Final = "https://chat.line.biz/{account}/chat/{user}"


@dataclass(frozen=True)
class Heard:
    """One thing about one person. ``gone``: why they cannot be reached from then on. ``told_id`` "": nothing was
    written. ``alone``: said to us alone, not in a group."""

    address: str
    at: datetime
    gone: str = ""
    told_id: str = ""
    kind: str = ""
    body: str = ""
    thread: str = ""
    alone: bool = True


def read_hook(route: Route, body: bytes) -> list[Heard]:
    """Everything a webhook says of people; what cannot be read says nothing."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, dict):
        return []
    return list(_line(found) if route is Route.LINE else _meta(found))


def _moment(milliseconds: Any) -> datetime:
    """When it happened; nothing lies in the future."""
    now = clock.now()
    if not isinstance(milliseconds, int) or not 0 < milliseconds < 32503680000000:
        return now
    return min(datetime.fromtimestamp(milliseconds / 1000, UTC), now)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _part(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any, most: int) -> str:
    return clean_lines(value)[:most] if isinstance(value, str) else ""


def _line(found: Mapping[str, Any]) -> Iterator[Heard]:
    """Events of people; those for another module (``standby``) are not ours."""
    ours = found.get("destination")
    for event in _objects(found.get("events")):
        source, kind = _part(event.get("source")), event.get("type")
        user = source.get("userId")
        if not isinstance(user, str) or not line.USER_ID.fullmatch(user) or event.get("mode") == "standby":
            continue
        at, alone = _moment(event.get("timestamp")), source.get("type") == "user"
        thread = ""
        if isinstance(ours, str) and line.USER_ID.fullmatch(ours):
            thread = LINE_THREAD.format(account=ours, user=user)
        if kind == "unfollow":
            yield Heard(user, at, gone="unfollow", alone=alone)
        elif kind == "unsend":
            taken = _text(_part(event.get("unsend")).get("messageId"), 200)
            yield Heard(user, at, told_id=taken, kind=UNSENT, thread=thread, alone=alone)
        else:
            message = _part(event.get("message")) if kind == "message" else {}
            yield Heard(
                user, at, told_id=_text(message.get("id"), 200), kind=_text(message.get("type"), 20),
                body=_text(message.get("text"), LONGEST), thread=thread, alone=alone,
            )  # fmt: skip


def _meta(found: Mapping[str, Any]) -> Iterator[Heard]:
    """Messages people wrote; echoes of our own say nothing of them."""
    for entry in _objects(found.get("entry")):
        for item in _objects(entry.get("messaging")):
            who, message = _part(item.get("sender")).get("id"), _part(item.get("message"))
            if not isinstance(who, str) or not (who.isascii() and who.isdecimal()) or message.get("is_echo"):
                continue
            if "message" not in item and "postback" not in item:
                continue
            at, told_id = _moment(item.get("timestamp")), _text(message.get("mid"), 200)
            if message.get("is_deleted"):
                yield Heard(who[:200], at, told_id=told_id, kind=UNSENT)
            else:
                kind, body = _said(message, list(_objects(message.get("attachments"))))
                yield Heard(who[:200], at, told_id=told_id, kind=kind, body=body)


def _said(message: Mapping[str, Any], attached: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Kind and words of a message: an attachment without words says only what it is."""
    body = _text(message.get("text"), LONGEST)
    if body or not attached:
        return "text", body
    return _text(attached[0].get("type"), 20) or "file", ""
