"""Lists by cursor: a page begins after the last row of the page before, so rows that arrive meanwhile shift nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from views.api.problems import BadRequest
from views.api.schemas import LARGEST_ID


def cursor_of(*place: object) -> str:
    """Where a page ended, as text that nobody needs to understand."""
    plain = [p.isoformat() if isinstance(p, datetime) else p for p in place]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def place_of(query: Mapping[str, Any], kinds: Sequence[type]) -> tuple[Any, ...] | None:
    """Where the page begins; None: at the start. Raises BadRequest for what is no cursor of this list."""
    cursor = query.get("cursor")
    if not cursor:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return tuple(_read(value, kind) for value, kind in zip(_list(found), kinds, strict=True))
    except (ValueError, binascii.Error, RecursionError):
        errors = [{"field": "cursor", "code": "invalid", "detail": "This is not a cursor of this list"}]
        raise BadRequest("invalid_request", "This is not a cursor of this list", errors) from None


def _list(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise ValueError("no list")  # noqa: TRY004  told as a cursor that cannot be read
    return found


def _read(value: Any, kind: type) -> Any:
    if kind is datetime:
        found = datetime.fromisoformat(value if isinstance(value, str) else "")
        if found.tzinfo is None:
            raise ValueError
        return found
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_ID:
        raise ValueError
    return value


def page(
    rows: Sequence[Any], limit: int, place: Callable[[Any], tuple[object, ...]]
) -> tuple[Sequence[Any], str | None]:
    """The rows of this page and the cursor of the next, of one row more than was asked for."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursor_of(*place(rows[limit - 1]))
