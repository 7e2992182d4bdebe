"""What a barcode gun meant when the keyboard stood on Thai: keys of the Kedmanee layout back to the keys of US English.

A gun types keys, not letters. With the keyboard on Thai ``SH69`` arrives as ``ฯุ๋๖`` or the like; the code is the same.
"""

from __future__ import annotations

_THAI = '_ๅ/-ภถุึคตจขชๆไำพะัีรนยบลฃฟหกดเ้่าสวงผปแอิืทมใฝ%+๑๒๓๔ู฿๕๖๗๘๙๐"ฎฑธํ๊ณฯญฐ,ฅฤฆฏโฌ็๋ษศซ.()ฉฮฺ์?ฒฬฦ'
_LATIN = "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:\"ZXCVBNM<>?"
_KEYS = dict(zip(map(ord, _THAI), _LATIN, strict=True))
_BACK = {ord(latin): chr(thai) for thai, latin in _KEYS.items()}
_ONLY_THAI = frozenset(c for c in _THAI if "\u0e00" <= c <= "\u0e7f")


def latin_keys(text: str) -> str:
    """The text as the same keys would have typed it in English; unchanged when no Thai key is in it."""
    return text.translate(_KEYS) if _ONLY_THAI & set(text) else text


def thai_keys(text: str) -> str:
    """What the keys of this text type when the keyboard stands on Thai."""
    return text.translate(_BACK)
