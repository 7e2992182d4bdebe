"""The process that looks for codes in frames of cameras: ``python -m oms.shipping.floor.camera_reading``.

Asked: a JPEG; answered: ``{"codes": [...]}``, or ``{}`` for what is none. How it is confined: ``oms.confined``.
"""

from __future__ import annotations

import io
import json
import warnings

import zxingcpp
from PIL import Image, ImageFile

from oms.confined.child import confine, grant, serve
from oms.shipping.floor.camera import MEMORY, MOST_PIXELS, SECONDS

IDLE_SECONDS = 45
_MOST_CODES = 20
_MOST_TEXT = 200


def read(jpeg: bytes) -> list[str]:
    """The texts of the codes, each once. Raises ValueError or OSError for what is no picture."""
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError("too large")
        found = zxingcpp.read_barcodes(picture.convert("L"))
    texts = (code.text for code in found if code.valid)
    return list(dict.fromkeys(t for t in texts if t and len(t) <= _MOST_TEXT))[:_MOST_CODES]


def take(question: list[bytes]) -> list[bytes]:
    """Answer one frame."""
    grant(SECONDS)
    try:
        return [json.dumps({"codes": read(question[0])}).encode()]
    except (ValueError, OSError, SyntaxError, MemoryError):  # all that a broken picture raises
        return [b"{}"]


def main() -> None:
    """Answer until the parent is gone or nothing came for a while."""
    confine(MEMORY)
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    serve(take, IDLE_SECONDS)


if __name__ == "__main__":
    main()
