"""The decoding process: ``python -m oms.banks.decoding``. Files come in on stdin, safe pages go out on stdout.

Asked: limits as JSON, then the file. Answered: a JSON head (pages, or the code of a refusal), then for each page its
picture and its thumbnail. How it is confined: ``oms.confined``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache

from PIL import Image

from oms.banks.imaging import CLOSE, QUICK, THUMB_QUALITY, encode, look_of, open_pages
from oms.banks.pictures import Limits, PictureKind, PictureRefused, kind_of
from oms.banks.qr_reading import read_codes
from oms.banks.slip_code import SlipCode
from oms.confined.child import confine, grant, serve
from oms.payments.states import SlipKind

QUICK_SECONDS = 1.0
IDLE_SECONDS = 45  # without work the process ends and frees its memory


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


_confine = cache(confine)


def take(question: list[bytes]) -> Iterator[bytes]:
    """Answer one question of the parent."""
    asked, data = question
    limits = Limits(**json.loads(asked))
    _confine(limits.memory_bytes)
    grant(limits.seconds)
    return answer(data, limits)


def main() -> None:
    """Answer files until the parent is gone or nothing came for a while."""
    serve(take, IDLE_SECONDS)


if __name__ == "__main__":
    main()
