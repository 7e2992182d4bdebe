"""Style sheets read once in the life of a process, not once a paper; and the styles they give an element.

Kept is only what is a pure function of its text: rules whose selectors are names, classes, ids and their nesting, whose
values call nothing, and which the library had nothing to remark on. ``@page`` rules before them are read anew for each
paper, for they make its pages. Whatever else a sheet holds is read as the library reads it.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections import OrderedDict
from typing import Any

_PAGES = re.compile(r"(?:\s*+@page\s*+\{(?:[^{}/\"']|\{[^{}/\"']*+\})*+\})*+")
_PLAIN = re.compile(r"(?:[\w\s.,#>*-]++\{[^{}@()\\]*+\}\s*+)*+")
_MOST_SHEETS, _MOST_PLACES, _MOST_LETTERS, _LONG = 40, 4000, 20_000, 200


class _Remarks(logging.Handler):
    """Whether anything was remarked."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.any = False

    def emit(self, _record: logging.LogRecord) -> None:
        self.any = True


class _Kept(OrderedDict[Any, Any]):
    """The last of something, up to a number."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def found(self, key: Any) -> Any:
        if key in self:
            self.move_to_end(key)
            return self[key]
        return None

    def keep(self, key: Any, value: Any) -> Any:
        self[key] = value
        if len(self) > self.most:
            self.popitem(last=False)
        return value


class Places:
    """The styles of elements by where they stand: names, classes, ids and styles of an element and of all around it."""

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}
        self.styles: dict[Any, Any] = {}
        self._next = itertools.count()

    def number(self, place: Any) -> int:
        """The number of a place; no number is ever that of two."""
        if len(self.numbers) + len(self.styles) > _MOST_PLACES:
            self.numbers.clear()
            self.styles.clear()
        known = self.numbers.get(place)
        if known is None:
            known = self.numbers[place] = next(self._next)
        return known


class _OfOnePaper(dict[Any, Any]):
    """Stands in for the library's cache of one paper: what it lacks is looked for among what was kept from others."""

    def __init__(self, places: Places, key_of: Any, element: Any, context: Any) -> None:
        super().__init__()
        self.places, self.key_of, self.element = places, key_of, element
        self.names = context.cssPositionalTags, context.cssAttributeNames
        self.around: dict[Any, int] = {}

    def get(self, key: Any, default: Any = None) -> Any:
        kept = self.places.styles.get(self._place(key))
        if kept is None:
            return default
        copy = type(kept)(kept)
        copy.in_points = kept.in_points
        return copy

    def __setitem__(self, key: Any, styles: Any) -> None:
        if not key.style and len(key.css_class) + len(key.css_id) < _LONG:
            kept = self.places.styles[self._place(key)] = type(styles)(styles)
            kept.in_points = "rem" not in repr(styles).lower()

    def clear(self) -> None:
        self.around.clear()

    def _place(self, key: Any) -> Any:
        return (self._around(key.parent), *key[1:])

    def _around(self, node: Any) -> int:
        """The number of the place of an element around others."""
        if getattr(node, "tagName", None) is None:
            return -1
        known = self.around.get(node)
        if known is None:
            known = self.around[node] = self.places.number(self._place(self.key_of(node, *self.names)))
            if getattr(node, "cssElement", None) is None:
                node.cssElement = self.element(node)  # an element in it may inherit by name
        return known


def install(context: Any, parser: Any, house: str) -> None:
    """Let the context class of xhtml2pdf keep what it reads. ``parser``: its module that walks the paper; ``house``:
    the rules that come before those of every paper, plain or not."""
    house = house.strip()
    read, prepare = context._parseCSSSource, context.parseCSS  # noqa: SLF001
    sheets, places = _Kept(_MOST_SHEETS), _Kept(_MOST_SHEETS)

    def read_source(self: Any, text: str, name: str) -> Any:
        pages, rules = _apart(text)
        if rules != house and (len(rules) > _MOST_LETTERS or not _is_plain(rules)):
            self.sheets_read = None
            return read(self, text, name)
        parts = [read(self, pages, name)] if pages else []
        return self.cssBuilder.stylesheet([*parts, rules_of(self, rules, name)], [])

    def rules_of(self: Any, rules: str, name: str) -> Any:
        if self.sheets_read is not None:
            self.sheets_read.append(rules)
        kept = sheets.found(rules)
        if kept is None:
            remarks, log = _Remarks(), logging.getLogger("xhtml2pdf")
            log.addHandler(remarks)
            try:
                kept = read(self, rules, name)
            finally:
                log.removeHandler(remarks)
            if remarks.any:
                self.sheets_read = None
            else:
                sheets.keep(rules, kept)
        return kept

    def prepare_all(self: Any) -> None:
        self.sheets_read = []
        prepare(self)
        if self.sheets_read is not None and not self.cssCustomNames:
            key = tuple(self.sheets_read)
            known = places.found(key) or places.keep(key, Places())
            self.cssAttrCache = _OfOnePaper(
                known, parser.getCSSAttrCacheKey, parser.cssDOMElementInterface.CSSDOMElementInterface, self
            )

    resolve = parser.resolveRootEm

    def resolve_kept(styles: Any, paper: Any) -> Any:
        return styles if getattr(styles, "in_points", False) else resolve(styles, paper)

    parser.resolveRootEm = resolve_kept
    context._parseCSSSource, context.parseCSS = read_source, prepare_all  # noqa: SLF001


def _apart(text: str) -> tuple[str, str]:
    """The pages that a sheet begins with, and its rules."""
    found = _PAGES.match(text)
    at = found.end() if found else 0
    return text[:at].strip(), text[at:].strip()


def _is_plain(rules: str) -> bool:
    return "--" not in rules and _PLAIN.fullmatch(rules) is not None
