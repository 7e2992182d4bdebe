"""Small files that a form takes in at once: kept for as long as they are read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import request

from oms.errors import InvalidInput, say

MOST_BYTES = 5_000_000


@contextmanager
def uploaded(field: str = "file") -> Iterator[tuple[Path, str]]:
    """The file of a form as (path, its name). Raises InvalidInput without one, or for one that is no small table."""
    sent = request.files.get(field)
    if sent is None or not sent.filename:
        raise InvalidInput(say("Choose a file"), field=field, code="file_missing")
    with tempfile.NamedTemporaryFile(suffix=Path(sent.filename).suffix[:8]) as kept:
        body = sent.stream.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise InvalidInput(
                say("The file is larger than {most} MB", most=MOST_BYTES // 1_000_000), field=field, code="file_large"
            )
        kept.write(body)
        kept.flush()
        yield Path(kept.name), sent.filename[:200]
