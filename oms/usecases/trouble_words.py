"""A trouble of an outside system as it is kept, read again: what a person does, what it was, and its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oms.net.silence import SILENCE_LABELS

KEPT = 300  # characters of a trouble


@dataclass(frozen=True)
class Told:
    """A kept trouble: what to do about it, "" when only words were kept; what it was; and its own words."""

    advice: str
    what: str
    words: str


def told(advice: str, raw: str) -> Told:
    """A trouble with its words; our own codes are said in ours."""
    code, _, words = raw.partition(" ")
    return Told(advice, SILENCE_LABELS[code], words) if code in SILENCE_LABELS else Told(advice, "", raw)


def read_told(labels: Mapping[str, str], kept: str) -> Told:
    """A trouble kept as ``kind: code words``; what was kept without its kind is only words."""
    head, colon, raw = kept.partition(": ")
    return told(labels[head], raw) if colon and head in labels else told("", kept)
