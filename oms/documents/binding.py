"""Several papers bound into one file, each with its own page numbers."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pypdf


def bind(files: Iterable[bytes]) -> bytes:
    """The papers one after another. The same papers give the same bytes."""
    writer = pypdf.PdfWriter()
    for pdf in files:
        writer.append(io.BytesIO(pdf))
    writer.compress_identical_objects(remove_unreferenced=True)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
