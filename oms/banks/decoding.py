"""The decoding process: ``python -m oms.banks.decoding``. Files come in on stdin, safe pages go out on stdout.

It has no environment, no database and no open file of its parent; its memory, its processor time and what it may write
are limited by the system. A file that breaks it breaks nothing else: the parent starts another.

A message is 8 bytes of length and that many bytes. Asked: limits as JSON, then the file. Answered: a JSON head (pages,
or the code of a refusal), then for each page its picture and its thumbnail.
"""

from __future__ import annotations

import json
import resource
import select
import struct
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import BinaryIO

from PIL import Image

from oms.banks.imaging import CLOSE, QUICK, THUMB_QUALITY, encode, look_of, open_pages
from oms.banks.pictures import Limits, PictureKind, PictureRefused, kind_of
from oms.banks.qr_reading import read_codes
from oms.banks.slip_code import SlipCode
from oms.payments.states import SlipKind

QUICK_SECONDS = 1.0
IDLE_SECONDS = 45  # without work the process ends and frees its memory


def send(out: BinaryIO, *parts: bytes) -> None:
    """Write messages."""
    for part in parts:
        out.write(struct.pack(">Q", len(part)))
        out.write(part)
    out.flush()


def receive(source: BinaryIO) -> bytes | None:
    """Read one message; None when the other side is gone."""
    head = source.read(8)
    if len(head) < 8:
        return None
    (length,) = struct.unpack(">Q", head)
    body = source.read(length)
    return body if len(body) == length else None


def confine(limits: Limits) -> None:
    """Let the system hold this process to its memory; no files are written and few are open."""
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(what, (allowed, allowed))
        except (ValueError, OSError):  # some systems know no limit of that kind; the parent's clock still holds
            continue


def grant(seconds: float) -> None:
    """Processor time for one more file; when it is used up the system ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 1, hard))


def look_at(
    data: bytes, kind: PictureKind, limits: Limits
) -> Iterator[tuple[Image.Image, SlipCode, tuple[SlipCode, ...]]]:
    """The pages and their codes. A large photo is looked at halved first, which shows nearly every slip."""
    for picture in open_pages(data, kind, limits, QUICK):
        code, others = read_codes(picture, QUICK_SECONDS)
        if code.kind is SlipKind.SLIP or kind is PictureKind.PDF:
            yield picture, code, others
            continue
        for close in open_pages(data, kind, limits, CLOSE):
            yield close, *(read_codes(close) if close.size != picture.size else (code, others))


def answer(data: bytes, limits: Limits) -> Iterator[bytes]:
    """The messages that answer one file."""
    try:
        kind = kind_of(data)
        heads: list[dict[str, object]] = []
        blobs: list[bytes] = []
        for picture, code, others in look_at(data, kind, limits):
            kept, shown = encode(picture, limits.kept_side)
            thumb, _ = encode(shown, limits.thumb_side, THUMB_QUALITY, 1)
            blobs += [kept, thumb]
            heads.append({
                "width": shown.width, "height": shown.height, "look": look_of(shown), "code": asdict(code),
                "others": [asdict(other) for other in others],
            })  # fmt: skip
    except PictureRefused as refused:
        yield json.dumps({"refused": refused.detail_code}).encode()
    except MemoryError:
        yield json.dumps({"refused": "picture_too_heavy"}).encode()
    else:
        yield json.dumps({"kind": kind.value, "pages": heads}).encode()
        yield from blobs


def main() -> None:
    """Answer files until the parent is gone or nothing came for a while."""
    source, out = sys.stdin.buffer, sys.stdout.buffer
    confined = False
    while select.select([source], [], [], IDLE_SECONDS)[0]:
        asked, data = receive(source), receive(source)
        if asked is None or data is None:
            return
        limits = Limits(**json.loads(asked))
        if not confined:
            confine(limits)
            confined = True
        grant(limits.seconds)
        send(out, *answer(data, limits))


if __name__ == "__main__":
    main()
