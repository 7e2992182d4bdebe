"""Ask the decoding process: bytes of strangers in, safe pages out, in bounded time and memory (docs/adr/0070).

The process is started when first asked, answers file after file, and ends by itself when nothing came for a while or
its parent is gone. A file that kills it or keeps it too long is refused; the next one gets a fresh process.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from oms.banks.pictures import LIMITS, Limits, Page, Prepared, check_size, kind_of, refuse
from oms.banks.slip_code import SlipCode
from oms.confined.parent import Confined, Gone
from oms.payments.states import SlipKind


class Decoder(Confined):
    """One decoding process for one thread. Use as a context manager, or keep it: it ends with its owner."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        super().__init__("oms.banks.decoding")
        self.limits = limits

    def prepare(self, data: bytes) -> Prepared:
        """Safe pages of the file, with what their QR codes say. Raises PictureRefused."""
        check_size(len(data), self.limits)
        kind = kind_of(data)
        try:
            head, *blobs = self.ask([json.dumps(asdict(self.limits)).encode(), data], self.limits.patience)
        except Gone:
            raise refuse("picture_too_heavy") from None
        facts = json.loads(head)
        if "refused" in facts:
            raise refuse(str(facts["refused"]))
        return Prepared(kind, hashlib.sha256(data).hexdigest(), _pages(facts, blobs))


def _code(facts: dict[str, Any]) -> SlipCode:
    return SlipCode(
        SlipKind(facts["kind"]),
        str(facts["sending_bank"]),
        str(facts["reference"]),
        facts["crc_ok"],
        str(facts["payload"]),
    )


def _pages(head: dict[str, Any], blobs: list[bytes]) -> tuple[Page, ...]:
    return tuple(
        Page(
            picture=blobs[2 * n], thumb=blobs[2 * n + 1], width=int(facts["width"]), height=int(facts["height"]),
            look=str(facts["look"]), code=_code(facts["code"]),
            other_slips=tuple(_code(other) for other in facts["others"]),
        )
        for n, facts in enumerate(head["pages"])
    )  # fmt: skip


def prepare(data: bytes, limits: Limits = LIMITS) -> Prepared:
    """One file, in a process of its own. For many files keep a ``Decoder``."""
    with Decoder(limits) as decoder:
        return decoder.prepare(data)
