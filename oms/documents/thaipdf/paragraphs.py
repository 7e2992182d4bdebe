"""Lines of the paragraphs that xhtml2pdf makes: they turn between Thai words, across bold and other runs.

xhtml2pdf turns lines at spaces alone. ``install`` gives its paragraph class this line breaker for paragraphs that hold
Thai or a word wider than the line; all others keep the stock one. What else of that library is replaced is in
``oms.documents.pace``; ``tests/documents/test_thaipdf.py`` and ``test_pace.py`` fail when it changes under them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from reportlab.lib.abag import ABag
from reportlab.pdfbase.pdfmetrics import getAscentDescent, stringWidth

from oms.documents.thaipdf.tidy import tidy
from oms.thai.words import clusters, has_thai, joints

_KEPT_TOGETHER = {"pre", "nowrap"}
_FUZZ = 1e-6
_LONG = 1000  # letters; so long a paragraph is not kept for the next paper


@dataclass(slots=True)
class _Piece:
    """A part of a word in one style: its text, or a thing that stands in the line (picture, bar code, mark)."""

    frag: Any
    text: str
    width: float


@dataclass(slots=True)
class _Word:
    """Pieces between which no line turns. ``space``: the piece of white space before it, None after a joint."""

    pieces: list[_Piece] = field(default_factory=list)
    space: _Piece | None = None
    turn: Any = None  # a forced line break stands here instead
    width: float = 0.0

    def add(self, piece: _Piece) -> None:
        self.pieces.append(piece)
        self.width += piece.width

    @property
    def closed(self) -> bool:
        """Whether it ends with a thing after which a line may turn."""
        return bool(self.pieces) and bool(getattr(getattr(self.pieces[-1].frag, "cbDefn", None), "width", 0))


def install(paragraph: Any, library: Any) -> None:
    """Give the paragraph class of xhtml2pdf our line breaker. ``library``: its module of paragraphs."""
    stock, stock_parts = paragraph.breakLines, paragraph._get_split_blParaFunc  # noqa: SLF001

    def break_lines(self: Any, width: Any) -> Any:
        if getattr(self, "_splitpara", 0) and hasattr(self, "blPara"):
            return self.blPara
        widths = list(width) if isinstance(width, (list, tuple)) else [width]
        if not self.bulletText and (whole := _whole(self, widths)):
            return whole
        words = _words_of(self)
        library._handleBulletWidth(self.bulletText, self.style, widths, rtl=False)  # noqa: SLF001
        if not words or not _needed(words, min(widths)):
            return stock(self, width)
        return _fill(self, words, widths, library.imgVRange)

    def min_width(self: Any) -> float:
        return max((word.width for word in _words_of(self)), default=0)

    paragraph.breakLines = break_lines
    paragraph.minWidth = min_width
    paragraph._get_split_blParaFunc = lambda self: _parts if hasattr(self.blPara, "joints") else stock_parts(self)  # noqa: SLF001


def _whole(paragraph: Any, widths: Sequence[float]) -> Any:
    """The lines when each of those that were asked for fits as it is, as for most labels and names; else None."""
    lines: list[tuple[list[_Piece], Any]] = []
    line: list[_Piece] = []
    texts = []
    for frag in paragraph.frags:
        if hasattr(frag, "cbDefn"):
            return None
        if hasattr(frag, "lineBreak"):
            lines.append((line, frag))
            line = []
        elif text := tidy(_text_of(frag)):
            line.append(_Piece(frag, text, _width(text, frag)))
            texts.append(text)
    if line:
        lines.append((line, None))
    if not any(has_thai(text) for text in texts) or sum(map(len, texts)) >= _LONG:
        return None
    room = min(widths)
    for line, _ in lines:
        said = "".join([piece.text for piece in line])
        if sum([piece.width for piece in line]) > room or "  " in said or said.startswith(" ") or said.endswith(" "):
            return None
    return _as_they_are(paragraph, lines, widths)


def _as_they_are(paragraph: Any, lines: Sequence[tuple[list[_Piece], Any]], widths: Sequence[float]) -> Any:
    paragraph.height = 0
    filled = _Lines(paragraph, widths, _no_picture)
    for pieces, turn in lines:
        filled.pieces, filled.used = pieces, sum([piece.width for piece in pieces])
        filled.end(forced=turn)
    return ABag(kind=1, lines=filled.done, joints=True)


def _no_picture(*_: Any) -> tuple[float, float]:
    raise AssertionError


def _words_of(paragraph: Any) -> Sequence[_Word]:
    """Its words, read once: a cell of a table is wrapped three or four times. A thing in the line may change its size
    from one time to the next, so with one in it they are read anew."""
    frags, known = paragraph.frags, getattr(paragraph, "words_read", None)
    if known is not None and known[0] is frags:
        return cast("Sequence[_Word]", known[1])
    words = list(_words(frags))
    if not any(hasattr(f, "cbDefn") for f in frags):
        paragraph.words_read = (frags, words)
    return words


def install_page_count(counter: Any) -> None:
    """Let a paper of one page be laid out once: its count is known while its page is drawn."""
    stock = counter.isSatisfied

    def draw_on(self: Any, canvas: Any, _x: float, _y: float, _sW: float = 0) -> None:  # noqa: N803
        self.pages = canvas.getPageNumber()

    def is_satisfied(self: Any) -> bool:
        return bool(stock(self)) or getattr(self, "pages", 0) == 1

    counter.drawOn, counter.isSatisfied = draw_on, is_satisfied


def _needed(words: Sequence[_Word], room: float) -> bool:
    return any(w.width > room or any(has_thai(p.text) for p in w.pieces) for w in words)


def _text_of(frag: Any) -> str:
    text = getattr(frag, "text", "")
    return text.decode("utf8") if isinstance(text, bytes) else str(text or "")


def _width(text: str, frag: Any) -> float:
    width: float = stringWidth(text, frag.fontName, frag.fontSize)
    return width


def _thing(frag: Any) -> tuple[float, bool]:
    """How wide a thing in the line is, and whether a line may turn at its sides."""
    wide = float(getattr(frag.cbDefn, "width", 0) or 0)
    if wide:
        return wide, True
    return float(getattr(frag.cbDefn, "advance", 0) + getattr(frag.cbDefn, "reserve", 0)), False


def _words(frags: Sequence[Any]) -> Iterator[_Word]:
    """The paragraph as words, read once over all its runs, so that a bold part of a word is no end of it."""
    texts = tuple("" if hasattr(f, "cbDefn") or hasattr(f, "lineBreak") else tidy(_text_of(f)) for f in frags)
    kept = tuple(getattr(f, "whiteSpace", "normal") in _KEPT_TOGETHER for f in frags)
    word = _Word()
    parted = (_parts_of if sum(map(len, texts)) < _LONG else _parts_of.__wrapped__)(texts, kept)
    for frag, parts in zip(frags, parted, strict=True):
        for piece, ends_word in _pieces(frag, parts):
            if (ends_word or word.closed) and word.pieces:
                yield word
                word = _Word()
            if piece is None:
                yield _Word(turn=frag)
            elif piece.text.startswith(" "):
                word.space = word.space or piece
            else:
                word.add(piece)
    if word.pieces:
        yield word


def _pieces(frag: Any, parts: Sequence[tuple[str, bool]]) -> Iterator[tuple[_Piece | None, bool]]:
    """(piece, a line may turn before it) of one run; None is a forced break."""
    if hasattr(frag, "lineBreak"):
        yield None, True
    elif hasattr(frag, "cbDefn"):
        wide, apart = _thing(frag)
        yield _Piece(frag, "", wide), apart
    for part, turns in parts:
        yield _Piece(frag, part, _width(part, frag)), turns


@lru_cache(4096)
def _parts_of(texts: tuple[str, ...], kept: tuple[bool, ...]) -> tuple[tuple[tuple[str, bool], ...], ...]:
    """For each run its parts, and whether a line may turn before one. The same labels stand on every paper."""
    turns, found, at = set(_joints(texts, kept)), [], 0
    for text in texts:
        found.append(
            tuple((text[a:b], text[a:b].startswith(" ") or at + a in turns) for a, b in _runs(text, at, turns))
        )
        at += len(text)
    return tuple(found)


def _joints(texts: Sequence[str], kept: Sequence[bool]) -> Iterator[int]:
    together: list[tuple[int, int]] = []
    at = 0
    for text, is_kept in zip(texts, kept, strict=True):
        if is_kept:
            together.append((at, at + len(text)))
        at += len(text)
    for joint in joints("".join(texts)):
        if not any(start < joint < end for start, end in together):
            yield joint


def _runs(text: str, at: int, turns: set[int]) -> Iterator[tuple[int, int]]:
    """(start, end) of the parts of a text: white space, and what stands between places where a line may turn."""
    start = 0
    for i in range(1, len(text) + 1):
        if i == len(text) or (text[i] == " ") != (text[start] == " ") or (at + i in turns and text[start] != " "):
            yield start, i
            start = i


class _Lines:
    """Lines being filled."""

    def __init__(
        self, paragraph: Any, widths: Sequence[float], image_range: Callable[..., tuple[float, float]]
    ) -> None:
        self.paragraph, self.widths, self.image_range = paragraph, widths, image_range
        self.done: list[Any] = []
        self.pieces: list[_Piece] = []
        self.used = 0.0

    @property
    def room(self) -> float:
        return self.widths[min(len(self.done), len(self.widths) - 1)]

    def end(self, *, joint: bool = False, forced: Any = None) -> None:
        """Close the line. ``joint``: the next one goes on without a space in the text."""
        frags = _merged(self.pieces)
        if forced is not None:
            frags.append(forced.clone())
        ascent, descent, size = self._extent(self.pieces or [_Piece(forced, "", 0.0)])
        reserved = sum(getattr(getattr(p.frag, "cbDefn", None), "reserve", 0) for p in self.pieces)
        self.paragraph.width = max(self.used, self.paragraph.width)
        self.done.append(
            ABag(
                extraSpace=self.room - self.used + reserved, wordCount=1 + sum(p.text.count(" ") for p in self.pieces),
                lineBreak=forced is not None, joint=joint, words=frags, fontSize=size, ascent=ascent, descent=descent,
            )
        )  # fmt: skip
        self.pieces, self.used = [], 0.0

    def _extent(self, pieces: Sequence[_Piece]) -> tuple[float, float, float]:
        highs, lows, sizes = [], [], []
        for piece in pieces:
            frag = piece.frag
            if getattr(getattr(frag, "cbDefn", None), "width", 0):
                low, high = self.image_range(frag.cbDefn.height, frag.cbDefn.valign, frag.fontSize)
            else:
                high, low = _ascent_descent(frag.fontName, frag.fontSize)
            highs.append(high)
            lows.append(low)
            sizes.append(frag.fontSize)
        return max(highs), min(lows), max(sizes)

    def put(self, word: _Word) -> None:
        """Add a word, on a new line when it does not fit this one."""
        space = word.space if self.used else None
        gap = space.width if space else 0.0
        if self.used and self.used + gap + word.width > self.room + _FUZZ:
            self.end(joint=word.space is None)
            space, gap = None, 0.0
        if word.width > self.room + _FUZZ:
            self._put_in_parts(word)
            return
        if space:
            self.pieces.append(space)
        self.pieces += word.pieces
        self.used += gap + word.width

    def _put_in_parts(self, word: _Word) -> None:
        """A word wider than the line turns between its clusters."""
        for piece in word.pieces:
            for text in clusters(piece.text) or [""]:
                width = _width(text, piece.frag) if text else piece.width
                if self.used and self.used + width > self.room + _FUZZ:
                    self.end(joint=True)
                self.pieces.append(_Piece(piece.frag, text, width))
                self.used += width


@lru_cache(256)
def _ascent_descent(font: str, size: float) -> tuple[float, float]:
    high, low = getAscentDescent(font, size)
    return float(high), float(low)


def _merged(pieces: Sequence[_Piece]) -> list[Any]:
    """The pieces as xhtml2pdf's fragments, neighbors of one style in one."""
    frags: list[Any] = []
    last = None
    for piece in pieces:
        if piece.frag is last and piece.text and not hasattr(piece.frag, "cbDefn"):
            frags[-1].text += piece.text
        else:
            frags.append(piece.frag.clone())
            frags[-1].text = piece.text
        last = piece.frag
    return frags


def _fill(paragraph: Any, words: Sequence[_Word], widths: Sequence[float], image_range: Callable[..., Any]) -> Any:
    paragraph.height = 0
    lines = _Lines(paragraph, widths, image_range)
    for word in words:
        if word.turn is not None:
            lines.end(forced=word.turn)
        else:
            lines.put(word)
    if lines.pieces:
        lines.end()
    return ABag(kind=1, lines=lines.done, joints=True)


def _parts(broken: Any, start: int, stop: int) -> list[Any]:
    """The fragments of some lines of a paragraph cut between pages, with the spaces that stood between the lines."""
    frags: list[Any] = []
    for line in broken.lines[start:stop]:
        frags += [word.clone() for word in line.words]
        if not line.joint and not line.lineBreak:
            frags.append(_blank(frags))
    return frags


def _blank(frags: Sequence[Any]) -> Any:
    """A space in the style of the text before it."""
    return next((f for f in reversed(frags) if not hasattr(f, "cbDefn")), frags[-1]).clone(text=" ")
