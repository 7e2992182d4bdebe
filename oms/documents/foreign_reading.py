"""The process that opens PDF files of others: ``python -m oms.documents.foreign_reading``.

Asked to look: the file; answered: its pages as JSON. Asked to put pages in: places as JSON, our file, theirs; answered:
JSON, then the file. A refusal is ``{"refused": code}``. How it is confined: ``oms.confined``.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
import zxingcpp

from oms.confined.child import confine, grant, serve, shut_in
from oms.documents.foreign import MEMORY, MOST_PAGES, SECONDS

IDLE_SECONDS = 120
_SEEN_DPI = 203
_SMALLEST, _LARGEST = 30 * 72 / 25.4, 450 * 72 / 25.4  # points a side
_MOST_TEXT = 20_000
_MOST_NUMBERS = 200
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{5,38}[A-Za-z0-9]")


class Refused(Exception):
    """The file is none that is printed; the code says why."""


def _open(pdf: bytes) -> pypdfium2.PdfDocument:
    try:
        document = pypdfium2.PdfDocument(pdf)
    except pypdfium2.PdfiumError as error:
        raise Refused("pdf_locked" if "password" in str(error).lower() else "pdf_damaged") from None
    if not 0 < len(document) <= MOST_PAGES:
        raise Refused("pdf_pages")
    return document


def look(pdf: bytes) -> list[dict[str, Any]]:
    """Every page of a file: size, and the numbers that stand on it."""
    document = _open(pdf)
    if pdfium.FPDFDoc_GetJavaScriptActionCount(document) > 0 or document.count_attachments():
        raise Refused("pdf_script")
    if document.get_formtype() in {pdfium.FORMTYPE_XFA_FULL, pdfium.FORMTYPE_XFA_FOREGROUND}:
        raise Refused("pdf_script")
    found = []
    for page in document:
        width, height = page.get_size()
        if not (_SMALLEST <= width <= _LARGEST and _SMALLEST <= height <= _LARGEST):
            raise Refused("pdf_page_size")
        numbers = dict.fromkeys((*_codes(page), *_written(page)))
        found.append({"width": width, "height": height, "numbers": list(numbers)[:_MOST_NUMBERS]})
        page.close()
    return found


def _codes(page: pypdfium2.PdfPage) -> Iterator[str]:
    """What the bar codes on the page say."""
    picture = page.render(scale=_SEEN_DPI / 72, grayscale=True).to_pil()
    for code in zxingcpp.read_barcodes(picture):
        yield from (n.upper() for n in _NUMBER.findall(code.text))


def _written(page: pypdfium2.PdfPage) -> Iterator[str]:
    """What in the text looks like a number; split over lines it is put together too."""
    text = page.get_textpage().get_text_range()[:_MOST_TEXT]
    for found in _NUMBER.findall(text):
        if any(c.isdigit() for c in found):
            yield found.upper()


def put(ours: bytes, theirs: list[bytes], places: list[dict[str, Any]]) -> bytes:
    """Our file with pages of theirs drawn into the boxes kept for them, as large as fits, upright as they are seen."""
    document = pypdfium2.PdfDocument(ours)
    sources = [_open(pdf) for pdf in theirs]
    known: dict[tuple[int, int], _Source] = {}
    for at in sorted({p["page"] for p in places}):
        page = document[at]
        for place in (p for p in places if p["page"] == at):
            key = (place["source"], place["source_page"])
            if not 0 <= key[1] < len(sources[key[0]]):
                raise Refused("pdf_damaged")
            if key not in known:
                known[key] = _Source(sources[key[0]], key[1], document)
            page.insert_obj(known[key].placed(place))
        page.gen_content()
        page.close()
    return _saved(document)


class _Source:
    """A page of theirs as it is seen. Its own turn is taken off first, so that it is turned once, here."""

    def __init__(self, document: pypdfium2.PdfDocument, number: int, target: pypdfium2.PdfDocument) -> None:
        page = document[number]
        self.turned = page.get_rotation() % 360
        page.set_rotation(0)
        left, low, right, high = page.get_bbox()
        self.wide, self.tall = right - left, high - low  # the shape begins at the corner of this box
        page.close()
        self.shape = document.page_as_xobject(number, target)

    def placed(self, place: dict[str, Any]) -> pypdfium2.PdfObject:
        """The page in the box: as large as fits, in the middle."""
        w, h = self.wide, self.tall
        turn = {
            0: (1, 0, 0, 1, 0, 0), 90: (0, -1, 1, 0, 0, w), 180: (-1, 0, 0, -1, w, h), 270: (0, 1, -1, 0, h, 0),
        }[self.turned]  # fmt: skip
        wide, tall = (h, w) if self.turned in {90, 270} else (w, h)
        scale = min(place["width"] / wide, place["height"] / tall)
        shape = self.shape.as_pageobject()
        shape.set_matrix(
            pypdfium2.PdfMatrix(*turn)
            .scale(scale, scale)
            .translate(
                place["x"] + (place["width"] - wide * scale) / 2, place["y"] + (place["height"] - tall * scale) / 2
            )
        )
        return shape


def _saved(document: pypdfium2.PdfDocument) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def take(question: list[bytes]) -> list[bytes]:
    """Answer one question of the parent."""
    grant(SECONDS)
    asked = json.loads(question[0])
    try:
        if asked["do"] == "look":
            return [json.dumps({"pages": look(question[1])}).encode()]
        return [b"{}", put(question[1], question[2:], asked["places"])]
    except Refused as refused:
        return [json.dumps({"refused": str(refused)}).encode()]
    except (pypdfium2.PdfiumError, ValueError, OSError):
        return [json.dumps({"refused": "pdf_damaged"}).encode()]
    except MemoryError:
        return [json.dumps({"refused": "pdf_heavy"}).encode()]


def main() -> None:
    """Answer until the parent is gone or nothing came for a while."""
    confine(MEMORY)
    shut_in()
    serve(take, IDLE_SECONDS)


if __name__ == "__main__":
    main()
