"""What carriers are called: one name each, however a clerk, a channel or a file writes it."""

from __future__ import annotations

import re
import unicodedata

CARRIER_LABELS: dict[str, str] = {
    "flash": "Flash Express",
    "jt": "J&T Express",
    "kex": "KEX Express",
    "thaipost": "Thailand Post",
    "spx": "SPX Express",
    "ninjavan": "Ninja Van",
    "best": "Best Express",
    "dhl": "DHL eCommerce",
    "lalamove": "Lalamove",
}
_STARTS: dict[str, tuple[str, ...]] = {
    "flash": ("flash", "แฟลช"),
    "jt": ("jt", "jnt", "jandt", "เจแอนด์ที", "เจแอนที"),
    "kex": ("kex", "kerry", "เคอรี่", "เคอร์รี่"),
    "thaipost": ("thailandpost", "thaipost", "ไปรษณีย์", "ems", "ปณท"),
    "spx": ("spx", "shopeeexpress", "shopeexpress"),
    "ninjavan": ("ninja", "นินจา"),
    "best": ("bestexpress", "bestinc", "best", "เบสท์"),
    "dhl": ("dhl",),
    "lalamove": ("lalamove", "ลาลามูฟ"),
}
_DROP = re.compile(r"[^a-z0-9\u0e00-\u0e7f]+")


def carrier_code(text: str) -> str:
    """The code of a known carrier, or ""."""
    key = _DROP.sub("", unicodedata.normalize("NFC", text).casefold())
    if not key:
        return ""
    return next((code for code, starts in _STARTS.items() if key.startswith(starts)), "")


def carrier_name(text: str) -> str:
    """The one name of a carrier; one we do not know keeps the name it was given."""
    code = carrier_code(text)
    return CARRIER_LABELS[code] if code else " ".join(text.split())[:80]
