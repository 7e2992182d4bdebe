"""What a picture of a slip must be before anything looks at it, and what comes out when it was safe.

Pictures come from strangers. Their kind is told by their first bytes, never by name; anything too large is refused by
what its head says, before it is unpacked. Decoding itself happens in a process of its own (``oms.banks.decoder``);
this module knows no decoder, so that web workers stay light.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from oms.banks.slip_code import SlipCode
from oms.errors import InvalidInput, Say, say

MB = 1024 * 1024


class PictureRefused(InvalidInput):
    """The file is no picture that we read; nothing of it was kept."""

    code = "picture_refused"


class PictureKind(StrEnum):
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    HEIC = "heic"
    PDF = "pdf"


@dataclass(frozen=True)
class Limits:
    """How much one upload may be. ``pixels`` per picture as its head says; a JPEG is shrunk while it is unpacked, so it
    may have more. ``seconds`` of computing for one file and ``patience`` seconds in all, on a machine that does other
    work too; ``memory_bytes`` of the decoding process."""

    file_bytes: int = 20 * MB
    pixels: int = 50_000_000
    jpeg_pixels: int = 120_000_000
    side: int = 30_000
    pdf_pages: int = 10
    kept_side: int = 3000
    thumb_side: int = 320
    seconds: float = 20.0
    patience: float = 60.0
    memory_bytes: int = 1024 * MB


LIMITS = Limits()


@dataclass(frozen=True)
class Page:
    """One safe picture: re-encoded JPEG without metadata, its thumbnail, and what its QR codes said.

    ``look`` are 2,048 bits as hexadecimal digits: pictures that look alike differ in few of them.
    ``other_slips`` are further slips in the same picture.
    """

    picture: bytes
    thumb: bytes
    width: int
    height: int
    look: str
    code: SlipCode
    other_slips: tuple[SlipCode, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """A file that was read. ``sha256`` is of the bytes as they came."""

    kind: PictureKind
    sha256: str
    pages: tuple[Page, ...]


_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def kind_of(data: bytes) -> PictureKind:
    """What the bytes are, by how they begin. Raises PictureRefused."""
    if not data:
        raise refuse("picture_empty")
    if data.startswith(b"\xff\xd8\xff"):
        return PictureKind.JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PictureKind.PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return PictureKind.WEBP
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        return PictureKind.HEIC
    if b"%PDF-" in data[:1024]:
        return PictureKind.PDF
    raise refuse("picture_kind")


def is_cut(data: bytes) -> bool:
    """Whether the end of a picture is missing: it was cut off on its way. Cheap, and asks no decoder; what is not cut
    may still be damaged, and what is no picture is not cut."""
    if data.startswith(b"\xff\xd8\xff"):
        return b"\xff\xd9" not in data[max(data.rfind(b"\xff\xda"), 0) :]  # no end after the last pixels
    if data.startswith(b"\x89PNG"):
        return b"IEND\xaeB`\x82" not in data
    return data.startswith(b"RIFF") and len(data) < int.from_bytes(data[4:8], "little") + 8


def check_size(size: int, limits: Limits = LIMITS) -> None:
    """Raise PictureRefused for a file longer than we read."""
    if size > limits.file_bytes:
        raise refuse("picture_too_large")


def refuse(code: str) -> PictureRefused:
    """The refusal for one of the reasons below; the decoding process names only the code."""
    return PictureRefused(sentence(code), field="file", code=code if code in REASONS else "picture_damaged")


REASONS = (
    "picture_empty", "picture_kind", "picture_too_large", "picture_pixels", "picture_damaged", "picture_locked",
    "picture_pages", "picture_too_heavy",
)  # fmt: skip


def sentence(code: str) -> Say:
    """Why a file was not read, and what to do. Without facts, so that it can be kept as it is and translated later."""
    match code:
        case "picture_empty":
            return say("The file is empty. Save the slip again and upload that")
        case "picture_kind":
            return say("This file is no picture. Upload the slip as JPEG, PNG, WebP, HEIC or PDF")
        case "picture_too_large":
            return say("The file is larger than 20 MB. Take a screenshot of the slip and upload that")
        case "picture_pixels":
            return say("The picture is too large to open. Take a screenshot of the slip and upload that")
        case "picture_locked":
            return say("The PDF has a password. Take a screenshot of the slip and upload that")
        case "picture_pages":
            return say("The PDF has more than 10 pages. Upload only the pages with slips")
        case "picture_too_heavy":
            return say("The picture could not be opened safely. Take a screenshot of the slip and upload that")
        case _:
            return say("The picture is damaged or cut off. Save the slip again and upload that")
