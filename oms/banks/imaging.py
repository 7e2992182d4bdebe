"""Bytes of strangers into safe pictures. Runs only in the decoding process (docs/adr/0070)."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator

from PIL import Image, ImageOps, UnidentifiedImageError

from oms.banks.pictures import Limits, PictureKind, refuse

QUICK, CLOSE = 1500, 3000  # pixels of the shorter side to look at first, and when that showed no slip
LEGIBLE = 1080  # pixels of the shorter side that people can read: a long screenshot is not shrunk below
PDF_DOTS = 200 / 72  # 200 dots an inch
JPEG_QUALITY, THUMB_QUALITY = 85, 72
LOOK_WIDE, LOOK_HIGH = 32, 64
LOOK_STEP = 8  # gray levels that a neighbor must be brighter by: the noise of recompression is less
PAPER = 225  # what is lighter is the empty frame around a slip
_FORMATS = {PictureKind.JPEG: "JPEG", PictureKind.PNG: "PNG", PictureKind.WEBP: "WEBP", PictureKind.HEIC: "HEIF"}


def open_pages(data: bytes, kind: PictureKind, limits: Limits, short: int = CLOSE) -> Iterator[Image.Image]:
    """Upright RGB pictures, one a page. A photo whose shorter side is twice ``short`` or more is halved (or more) while
    it is unpacked. Raises PictureRefused."""
    if kind is PictureKind.PDF:
        yield from _pdf_pages(data, limits)
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield _photo(data, kind, limits, short)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise refuse("picture_pixels") from None
    except MemoryError:
        raise refuse("picture_too_heavy") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, RuntimeError, EOFError, IndexError, KeyError):
        raise refuse("picture_damaged") from None  # what codecs say of broken files differs by codec


def _photo(data: bytes, kind: PictureKind, limits: Limits, short: int) -> Image.Image:
    if kind is PictureKind.HEIC:
        from pillow_heif import register_heif_opener

        register_heif_opener(thumbnails=False, decode_threads=1)
    allowed = limits.jpeg_pixels if kind is PictureKind.JPEG else limits.pixels
    Image.MAX_IMAGE_PIXELS = allowed
    with Image.open(io.BytesIO(data), formats=[_FORMATS[kind]]) as picture:
        width, height = picture.size
        if width * height > allowed or max(width, height) > limits.side or min(width, height) < 1:
            raise refuse("picture_pixels")
        picture.draft("RGB", (short, short))  # a JPEG is shrunk while it is unpacked; others ignore it
        picture.load()
        factor = min(picture.size) // short
        small = picture.reduce(factor) if factor > 1 and picture.mode in {"RGB", "RGBA", "L"} else picture
        upright = ImageOps.exif_transpose(small) if small is picture else _turned(picture, small)
        return flat(upright)


def _turned(original: Image.Image, small: Image.Image) -> Image.Image:
    """The smaller picture, turned as the original's metadata asks."""
    small.getexif()[0x0112] = original.getexif().get(0x0112, 1)
    return ImageOps.exif_transpose(small)


def flat(picture: Image.Image) -> Image.Image:
    """RGB on white: what is transparent is paper."""
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        paper = Image.new("RGB", layer.size, "white")
        paper.paste(layer, mask=layer.getchannel("A"))
        return paper
    if picture.mode in {"I", "I;16", "I;16B", "F"}:
        picture = picture.convert("F").point(lambda v: v / 257).convert("L")
    return picture.convert("RGB")


def _pdf_pages(data: bytes, limits: Limits) -> Iterator[Image.Image]:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as exc:
        raise refuse("picture_locked" if "password" in str(exc).lower() else "picture_damaged") from None
    try:
        if len(document) > limits.pdf_pages:
            raise refuse("picture_pages")
        if len(document) == 0:
            raise refuse("picture_damaged")
        for number in range(len(document)):
            page = document[number]
            longer = max(page.get_size())
            if not longer > 0:
                raise refuse("picture_damaged")
            drawn = page.render(scale=min(PDF_DOTS, limits.kept_side / longer))
            yield drawn.to_pil().convert("RGB")
            page.close()
    except pypdfium2.PdfiumError:
        raise refuse("picture_damaged") from None
    finally:
        document.close()


def encode(
    picture: Image.Image, side: int, quality: int = JPEG_QUALITY, short: int = LEGIBLE
) -> tuple[bytes, Image.Image]:
    """A JPEG of our own making and the picture in it, at most ``side`` long where its shorter side stays ``short``.
    Nothing of the original's metadata is in it."""
    scale = min(1.0, max(side / max(picture.size), short / min(picture.size)))
    small = picture
    if scale < 1.0:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        small = picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    bare = Image.new("RGB", small.size)
    bare.paste(small)
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=quality, optimize=False)
    return out.getvalue(), bare


def look_of(picture: Image.Image) -> str:
    """2,048 bits in hex: is each cell of a 32 x 64 grid clearly brighter than its right neighbor (a difference hash).

    Slips of one bank share their layout, and the usual 64 bits cannot tell two of them apart; these can: the same slip
    recompressed, shrunk or darkened differs in up to 10 bits, another slip of the same bank in 29 or more (a test
    measures it). Light is evened and the frame of one color is cut off first.
    """
    gray = picture.convert("L")
    gray.thumbnail((512, 512), Image.Resampling.BILINEAR, reducing_gap=2.0)
    gray = ImageOps.autocontrast(gray, cutoff=(0.5, 5))
    frame = gray.point([255 if level < PAPER else 0 for level in range(256)]).getbbox()
    if frame is not None and (frame[2] - frame[0]) * (frame[3] - frame[1]) * 4 >= gray.width * gray.height:
        gray = gray.crop(frame)
    cells = gray.resize((LOOK_WIDE + 1, LOOK_HIGH), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(LOOK_HIGH):
        start = row * (LOOK_WIDE + 1)
        for cell in range(start, start + LOOK_WIDE):
            bits = bits << 1 | (cells[cell] > cells[cell + 1] + LOOK_STEP)
    return f"{bits:0{LOOK_WIDE * LOOK_HIGH // 4}x}"
