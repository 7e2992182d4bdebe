"""What GraphQL answers: what was asked for beside what went wrong, mostly with HTTP 200."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oms.channels.asking import unreadable
from oms.channels.reading import rows
from oms.net.reading import part, words
from oms.net.transport import Reply


@dataclass(frozen=True)
class Answer:
    """``code`` and ``text`` are the first error's, "" when there is none."""

    data: Mapping[str, Any]
    code: str = ""
    text: str = ""


def answer_of(reply: Reply) -> Answer:
    """The answer of a good HTTP status. Raises ChannelSilent when it is none of GraphQL."""
    body = reply.body or {}
    errors = rows(body.get("errors"))
    if errors:
        code = words(part(errors[0], "extensions").get("code")) or "ERROR"
        return Answer(part(body, "data"), code, words(errors[0].get("message"), 500))
    if not isinstance(body.get("data"), dict):
        raise unreadable()
    return Answer(body["data"])


def nodes(found: Any) -> list[Mapping[str, Any]]:
    """What a connection holds."""
    return rows(found.get("nodes")) if isinstance(found, dict) else []


def cursor_after(found: Any) -> str:
    """How to ask for the rest of a connection, "" when this was all."""
    info = part(found, "pageInfo") if isinstance(found, dict) else {}
    return words(info.get("endCursor"), 2000) if info.get("hasNextPage") is True else ""
