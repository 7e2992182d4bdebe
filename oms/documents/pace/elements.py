"""The small things xhtml2pdf does for every element and every run of text, said in fewer steps.

Each function here gives what the one it replaces gives; ``tests/documents/test_pace.py`` asks both.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any


def install(context: Any, parser: Any, boxes: Any) -> None:
    """Replace them. ``context``, ``parser`` and ``boxes`` are modules of xhtml2pdf."""
    context.PmlParaFrag.clone = clone
    context.pisaContext._warn_missing_glyphs = unsaid  # noqa: SLF001
    parser.apply_uniform_groups = apply_groups
    parser.AttrContainer.__getattr__ = dict.__getitem__  # the stock one raises and catches an error first
    boxes.BoxStyle.__init__ = _box_style(vars(boxes.BoxStyle()))


def clone(self: Any, **changed: Any) -> Any:
    """A run of text like this one; with changes it is no longer the thing that this one stands for."""
    new = self.__class__.__new__(self.__class__)
    own = new.__dict__
    own.update(self.__dict__)
    if changed:
        own.update(changed)
        own.pop("cbDefn", None)
    own["bulletText"] = None
    return new


def unsaid(_self: Any, _text: str, _fonts: list[str]) -> None:
    """That a font lacks a letter is said when it is drawn, as an error (``fonts.ThaiFont.check``)."""


@cache
def _by_property(groups: tuple[Any, ...]) -> Mapping[str, tuple[tuple[str, Any, bool], ...]]:
    """What a group converts, by the name of the property."""
    found: dict[str, list[tuple[str, Any, bool]]] = {}
    for group in groups:
        for attribute, name in group.pairs:
            found.setdefault(name, []).append((attribute, group.convert, group.relative_to_font_size))
    return {name: tuple(rows) for name, rows in found.items()}


def apply_groups(frag: Any, styles: Mapping[str, Any], groups: tuple[Any, ...]) -> None:
    """Put on a run of text what its element declares."""
    known = _by_property(groups)
    for name, value in styles.items():
        for attribute, convert, relative in known.get(name, ()):
            size = frag.fontSize if relative else None
            setattr(frag, attribute, convert(value) if size is None else convert(value, size))


def _box_style(initial: dict[str, Any]) -> Any:
    names = tuple(initial)

    def start(self: Any, frag: Any = None, **given: Any) -> None:
        own = self.__dict__
        own.update(initial)
        if frag is not None:
            for name in names:
                value = getattr(frag, name, None)
                if value is not None:
                    own[name] = value
        own.update(given)

    return start
