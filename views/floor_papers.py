"""Papers of the floor: how a PDF is answered, and the picture of a number."""

from __future__ import annotations

import base64
import io

import segno
from werkzeug.wrappers import Response


def pdf(data: bytes, name: str) -> Response:
    """A PDF shown in the browser, under its number."""
    answer = Response(data, mimetype="application/pdf")
    answer.headers.update({"Content-Disposition": f'inline; filename="{name}.pdf"', "Cache-Control": "no-store"})
    return answer


def picture(code: str) -> str:
    """A number as a QR code, as a paper holds it."""
    out = io.BytesIO()
    segno.make(code, error="m").save(out, kind="png", scale=6, border=2)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
