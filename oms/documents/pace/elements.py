"""The small things xhtml2pdf does for every element and every run of text, said in fewer steps.

Each function here gives what the one it replaces gives; ``tests/documents/test_pace.py`` asks both.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, wraps
from typing import Any

_NOTHING = object()
_MOST = 100
_PLAIN = (str, int, float, bool, type(None))
_BORDERS = tuple(f"border{side}Width" for side in ("Left", "Right", "Top", "Bottom"))


def install(library: Any, pdf: Any) -> None:
    """Replace them. ``library``: modules of xhtml2pdf by name; ``pdf``: the one of ReportLab that writes the file."""
    context, parser, boxes, layout = library.context, library.parser, library.flex, library.xhtml2pdf_reportlab
    library.document.reset_caches = keep_caches
    library.util.Memoized.__call__ = _recall(library.util.Memoized.__call__)
    pdf.pdfdocEnc = encode
    context.PmlParaFrag.clone, context.PmlParaFrag.__copy__ = clone, alike
    context.pisaContext._warn_missing_glyphs = unsaid  # noqa: SLF001
    context.copy_attrs = copy_attributes
    parser.apply_uniform_groups = apply_groups
    parser.compact_frag = compact
    parser.emitPseudo = _generated(parser.emitPseudo)
    parser.reset_non_inherited = _reset(parser.reset_non_inherited)
    parser.AttrContainer.__getattr__ = dict.__getitem__  # the stock one raises and catches an error first
    boxes.BoxStyle.__init__ = _box_style(vars(boxes.BoxStyle()))
    layout.drawBoxBorders = _borders(layout.drawBoxBorders)
    parser.getCSSAttrCacheKey = _key(parser.getCSSAttrCacheKey, parser.CSSAttrCacheKey)
    parser.getDisplay = _display(parser.getDisplay, library.util._DISPLAY_TABLE)  # noqa: SLF001
    parser.pageBreakValue = _page_break(parser.pageBreakValue)
    parser.declaresInlineBox = _inline_box(parser.declaresInlineBox, parser._INLINE_BOX_PROPERTIES)  # noqa: SLF001


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


def keep_caches() -> None:
    """Sizes and colors that were read stay read after a paper; the library bounds how many."""


def _recall(stock: Any) -> Any:
    """What was asked before is answered at once."""

    def call(self: Any, *asked: Any, **named: Any) -> Any:
        try:
            return self.cache[asked, tuple(named.items()) if named else ()]
        except (KeyError, TypeError):
            return stock(self, *asked, **named)

    return call


def encode(text: Any) -> Any:
    """Text of the file's own language: plain letters need no table."""
    if not isinstance(text, str):
        return text
    return text.encode("ascii") if text.isascii() and text.isprintable() else text.encode("extpdfdoc")


def alike(self: Any) -> Any:
    """A run of text with the same attributes, for ``copy.copy``."""
    new = self.__class__.__new__(self.__class__)
    new.__dict__.update(self.__dict__)
    return new


def copy_attributes(to: Any, source: Any, names: tuple[str, ...]) -> None:
    """What a paragraph's style takes from its run of text."""
    for name in names:
        setattr(to, name, getattr(source, name, None))


def compact(frag: Any) -> None:
    """Drop what a run of text holds that its class says already."""
    own, of_class = frag.__dict__, type(frag)
    for name in [name for name, value in own.items() if type(value) in _PLAIN]:
        value, said = own[name], getattr(of_class, name, _NOTHING)
        if value is said or (type(said) is type(value) and value == said and (value or repr(value) == repr(said))):
            del own[name]


def _reset(stock: Any) -> Any:
    """``reset_non_inherited``: what a class of runs holds at first is found out once a paper, not once an element."""
    initial = stock.__globals__["NON_INHERITED_FRAG_INITIALS"]

    def reset(frag: Any) -> None:
        of_class = type(frag)
        plan = vars(of_class).get("to_reset")
        if plan is None:
            held = {name for name, value in initial.items() if getattr(of_class, name, _NOTHING) is value}
            plan = of_class.to_reset = (held, {name: value for name, value in initial.items() if name not in held})
        own = frag.__dict__
        for name in own.keys() & plan[0]:
            del own[name]
        own.update(plan[1])

    return reset


def _generated(stock: Any) -> Any:
    """``emitPseudo``: whether a sheet has rules for ``::before`` and ``::after`` is asked once a paper."""

    def emit(node: Any, context: Any, pseudo: str, kw: Any) -> None:
        known = context.__dict__.setdefault("generated", {})
        if pseudo not in known:
            known[pseudo] = bool(context.css) and context.cssCascade.hasPseudoRules(pseudo)
        if known[pseudo]:
            stock(node, context, pseudo, kw)

    return emit


def _borders(stock: Any) -> Any:
    def draw(canvas: Any, x: float, y: float, w: float, h: float, style: Any, *sides: Any) -> None:
        if any(getattr(style, name, 0) for name in _BORDERS):
            stock(canvas, x, y, w, h, style, *sides)

    return draw


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


def _key(stock: Any, kind: Any) -> Any:
    """``getCSSAttrCacheKey``: an element that no rule selects by its place, and seldom by its attributes."""
    none: dict[Any, tuple[tuple[str, None], ...]] = {}

    @wraps(stock)
    def key_of(node: Any, positional_tags: Any = frozenset(), attribute_names: Any = frozenset()) -> Any:
        tag, written = node.tagName.lower(), node._attrs or {}  # noqa: SLF001
        if tag in positional_tags or "*" in positional_tags or not attribute_names.isdisjoint(written):
            return stock(node, positional_tags, attribute_names)
        absent = none.get(attribute_names)
        if absent is None:
            absent = none[attribute_names] = tuple((name, None) for name in sorted(attribute_names))
            if len(none) > _MOST:
                none.clear()
        css_class, css_id, style = [written[n].value if n in written else "" for n in ("class", "id", "style")]
        return kind._make((node.parentNode, tag, css_class, css_id, style, None, absent))

    return key_of


def _display(stock: Any, table: Mapping[str, str]) -> Any:
    @wraps(stock)
    def display(value: Any, *default: str) -> Any:
        return table[value] if type(value) is str and value in table else stock(value, *default)

    return display


def _page_break(stock: Any) -> Any:
    names = {side: (f"page-break-{side}", f"break-{side}") for side in ("before", "after", "inside")}

    @wraps(stock)
    def page_break(styles: Mapping[str, Any], side: str) -> Any:
        first, second = names[side]
        return stock(styles, side) if first in styles or second in styles else None

    return page_break


def _inline_box(stock: Any, properties: tuple[str, ...]) -> Any:
    asked = frozenset(properties) | {"background-color"}

    @wraps(stock)
    def declares(context: Any, tag: str) -> bool:
        return not asked.isdisjoint(context.cssAttr) and bool(stock(context, tag))

    return declares
