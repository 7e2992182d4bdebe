"""A file for an order on its way in: opened in the decoding process, kept as the pictures that it makes.

Nothing of what came is kept but those: no metadata, no script of a PDF, no second file inside. It happens before any
transaction; the verbs of ``attachments`` then put the pictures on record, or the caller drops them again.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from oms.banks.decoder import Decoder
from oms.banks.pictures import PictureRefused
from oms.errors import InvalidInput, Say, say
from oms.intake import files

TYPES = "image/jpeg,image/png,image/webp,image/heic,image/heif,application/pdf,.heic,.heif,.pdf"


@dataclass(frozen=True)
class KeptPicture:
    """One page, as a picture and as a thumbnail, by their keys in the store."""

    file_key: str
    thumb_key: str


@dataclass(frozen=True)
class KeptFile:
    """A file that was opened: its name, what it was (``sha256`` of the bytes that came), its pages."""

    name: str
    sha256: str
    pages: tuple[KeptPicture, ...]


def keep_file(root: Path, decoder: Decoder, data: bytes, name: str) -> KeptFile:
    """Open a file and keep its pages. Raises InvalidInput, and keeps nothing, when it is none that is shown."""
    try:
        made = decoder.prepare(data)
    except PictureRefused as refused:
        raise InvalidInput(sentence(refused.detail_code), field="file", code=refused.detail_code) from None
    if not made.pages:
        raise InvalidInput(sentence("picture_empty"), field="file", code="picture_empty")
    kept = []
    for page in made.pages:
        picture = files.keep(root, io.BytesIO(page.picture), "attachment.jpg")
        kept.append(KeptPicture(picture.key, files.keep(root, io.BytesIO(page.thumb), "attachment.jpg").key))
    return KeptFile(files.tidy_name(name), made.sha256, tuple(kept))


def drop_file(root: Path, kept: KeptFile) -> None:
    """Take the pages out of the store again: they were not put on record."""
    for page in kept.pages:
        for key in (page.file_key, page.thumb_key):
            files.path_of(root, key).unlink(missing_ok=True)


def sentence(code: str) -> Say:
    """Why a file was not taken, and what to do."""
    match code:
        case "picture_empty":
            return say("The file is empty. Save it again and upload that")
        case "picture_kind":
            return say("This is neither a picture nor a PDF. JPEG, PNG, WebP, HEIC and PDF are taken")
        case "picture_too_large":
            return say("The file is larger than 20 MB. Send a smaller picture of it")
        case "picture_pixels":
            return say("The picture has too many pixels to be opened. Send a smaller one")
        case "picture_locked":
            return say("The PDF has a password. Save it without one and upload that")
        case "picture_pages":
            return say("The PDF has more than 10 pages. Upload the pages that matter")
        case "picture_too_heavy":
            return say("The file could not be opened safely. Take a screenshot of it and upload that")
        case _:
            return say("The file is damaged or cut off. Save it again and upload that")
