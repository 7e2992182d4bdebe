"""Codes in a picture of a phone's camera, for browsers that read none themselves; opened by a confined process."""

from __future__ import annotations

import json

from oms.confined.parent import Confined, Gone
from oms.errors import InvalidInput, say

MOST_BYTES = 3 * 1024 * 1024
MOST_PIXELS = 12_000_000
MEMORY = 768 * 1024 * 1024
SECONDS = 3.0
_PATIENCE = 8.0
_MOST_ANSWER = 64 * 1024


class CameraReader(Confined):
    """One reading process for one thread; it ends by itself when no frame came for a while."""

    def __init__(self) -> None:
        super().__init__("oms.shipping.floor.camera_reading")

    def codes(self, jpeg: bytes) -> tuple[str, ...]:
        """What the bar codes and QR codes of a JPEG frame say. Raises InvalidInput when it is no such picture."""
        if not jpeg.startswith(b"\xff\xd8\xff") or len(jpeg) > MOST_BYTES:
            raise _refuse()
        try:
            (answer,) = self.ask([jpeg], _PATIENCE, _MOST_ANSWER)
        except Gone:
            raise _refuse() from None
        found = json.loads(answer)
        if "codes" not in found:
            raise _refuse()
        return tuple(str(text) for text in found["codes"])


def _refuse() -> InvalidInput:
    return InvalidInput(say("This is no picture of a camera"), code="frame_refused")
