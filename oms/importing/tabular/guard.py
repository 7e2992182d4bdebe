"""What a file must be before anything reads it: its real kind, its size, and how large it grows when unpacked."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from oms.errors import InvalidInput, Say, say

MB = 1024 * 1024
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_HTML = (b"<html", b"<!doctype html", b"<table", b"<?xml")
_SEEN = 64 * 1024  # bytes looked at to tell the kind


class FileRefused(InvalidInput):
    """The whole file cannot be read; nothing of it was taken in."""

    code = "file_refused"


@dataclass(frozen=True)
class Limits:
    """How much one file may be. Bytes, counts; ``ratio`` is unpacked bytes per packed byte."""

    file_bytes: int = 150 * MB
    entries: int = 3000
    sheet_bytes: int = 2048 * MB
    strings_bytes: int = 400 * MB
    ratio: int = 300
    ratio_from_bytes: int = 20 * MB
    rows: int = 1_048_576
    columns: int = 600
    cell_chars: int = 32_767


LIMITS = Limits()


class FileKind(StrEnum):
    WORKBOOK = "xlsx"
    TEXT = "text"


def refuse(code: str, sentence: Say) -> FileRefused:
    """A refusal of the whole file, with a code for programs."""
    return FileRefused(sentence, field="file", code=code)


def kind_of(path: Path, name: str, limits: Limits = LIMITS) -> FileKind:
    """What the file really is, by its first bytes. Raises FileRefused for what cannot be read."""
    size = path.stat().st_size
    if size == 0:
        raise refuse("file_empty", say("The file is empty"))
    if size > limits.file_bytes:
        raise refuse(
            "file_too_large",
            say(
                "The file is {size} MB; at most {limit} MB can be read at once. Export a shorter period and import "
                "the files one after the other",
                size=-(-size // MB),
                limit=limits.file_bytes // MB,
            ),
        )
    with path.open("rb") as source:
        start = source.read(_SEEN)
    if start.startswith(b"PK\x03\x04"):
        return FileKind.WORKBOOK
    if start.startswith(_OLE):
        raise _old_or_locked(path)
    if name.lower().endswith((".xlsx", ".xlsm")):
        raise refuse(
            "file_not_excel",
            say("The file is named {name} but is no Excel file; it may be damaged. Download it again", name=name),
        )
    if start.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith(_HTML):
        raise refuse(
            "file_web_page",
            say("This is a web page, not a table. Open it in Excel and save it as .xlsx or as CSV UTF-8"),
        )
    if b"\0" in start and not _looks_utf16(start):
        raise refuse("file_not_text", say("This is neither an Excel file nor text (CSV); nothing was read"))
    return FileKind.TEXT


def _looks_utf16(start: bytes) -> bool:
    return start.startswith((b"\xff\xfe", b"\xfe\xff")) or utf16_without_mark(start) is not None


def utf16_without_mark(start: bytes) -> str | None:
    """The byte order of UTF-16 text that has no mark: its commas, digits and line ends have a zero byte."""
    half = max(len(start) // 2, 1)
    if start[1::2].count(0) > half // 5 and not start[::2].count(0):
        return "utf-16-le"
    if start[::2].count(0) > half // 5 and not start[1::2].count(0):
        return "utf-16-be"
    return None


def _old_or_locked(path: Path) -> FileRefused:
    with path.open("rb") as source:
        locked = _ENCRYPTED in source.read(4 * MB)
    if locked:
        return refuse("file_password", say("The file has a password. Open it in Excel, save it without one, try again"))
    return refuse(
        "file_old_excel", say("This is an old Excel file (.xls). Open it and save it as .xlsx, then try again")
    )


def damaged() -> FileRefused:
    """The sentence for an archive that cannot be read to its end."""
    return refuse("file_damaged", say("The Excel file is damaged or cut off. Download it again"))


def check_archive(archive: zipfile.ZipFile, limits: Limits = LIMITS) -> None:
    """Raise FileRefused for a workbook that would unpack to far more than a table, or that is locked."""
    entries = archive.infolist()
    if len(entries) > limits.entries:
        raise refuse("file_bomb", say("The file holds {count} parts; no table has so many", count=len(entries)))
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise refuse(
                "file_password", say("The file has a password. Open it in Excel, save it without one, try again")
            )
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise damaged()
        grown = entry.file_size
        dense = grown > limits.ratio_from_bytes and grown > limits.ratio * max(entry.compress_size, 1)
        if dense or grown > limits.sheet_bytes:
            raise refuse(
                "file_bomb",
                say(
                    "The file would grow to {size} MB when unpacked; this is no order export and was not opened",
                    size=-(-grown // MB),
                ),
            )
