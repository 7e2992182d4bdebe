"""What is left out of printed text, by rule: signs that are nothing on paper.

Emoji and other pictographs, invisible characters (zero-width spaces and joiners, soft hyphens, direction marks,
variation selectors) and control characters are left out; every kind of space prints as a plain one, the unbreaking
hyphen as a hyphen. Whatever else the font lacks is an error and never a box.
"""

from __future__ import annotations

import re

_DROPPED = (
    "\u0000-\u0008\u000e-\u001f\u007f-\u009f"  # control characters
    "\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufe00-\ufe0f"  # invisible
    "\u20e3\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\U000e0000-\U000e007f"  # pictographs, key caps, tags
)
_SPACES = "\t\n\u000b\u000c\r\u1680\u2000-\u200a\u202f\u205f\u3000"
_WORK = re.compile(f"[{_DROPPED}{_SPACES}\u2011]")


def tidy(text: str) -> str:
    """The text as it is printed."""
    return _WORK.sub(_printed, text) if _WORK.search(text) else text


def _printed(found: re.Match[str]) -> str:
    char = found.group()
    if char == "\u2011":
        return "-"
    return " " if char.isspace() and char not in "\u001c\u001d\u001e\u001f\u0085\u2028\u2029" else ""
