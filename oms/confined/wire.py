"""The words between the two: how many parts, then each with its length before it."""

from __future__ import annotations

import struct
from collections.abc import Sequence

HEAD = struct.Struct(">Q")


def packed(parts: Sequence[bytes]) -> bytes:
    """One message of several parts."""
    return b"".join((HEAD.pack(len(parts)), *(piece for part in parts for piece in (HEAD.pack(len(part)), part))))
