"""What is put on the page in fewer steps: pictures kept from paper to paper, and text without frames around frames.

A logo is the same on every paper: it is opened, and deflated for the file, once. Text that has neither border nor
background is placed by one move where three were made, each with its own saving of the state of the page.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import wraps
from operator import itemgetter
from typing import Any

_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff")  # what is kept; anything else is read anew
_MOST_PICTURES, _MOST_BYTES, _MOST_PIXELS = 12, 400_000, 1_000_000


def install(layout: Any, lines: Any, pdf: Any, canvas: Any) -> None:
    """``layout``, ``lines``: the modules of xhtml2pdf with its flowables and its paragraphs; ``pdf``, ``canvas``: those
    of ReportLab with the objects of a file and the page that is drawn on."""
    layout.PmlImage.getImage = _kept(layout.PmlImage.getImage)
    pdf.PDFImageXObject.loadImageFromSRC = _deflated(pdf.PDFImageXObject.loadImageFromSRC)
    canvas.Canvas.push_state_stack = _push(canvas.Canvas.push_state_stack, canvas.Canvas.STATE_ATTRIBUTES)
    layout.PmlParagraph.drawOn = _draw_text(layout.PmlParagraph.drawOn, lines.Paragraph)


def _kept(stock: Any) -> Any:
    """``getImage``: the same bytes are opened once."""
    known: OrderedDict[bytes, Any] = OrderedDict()

    @wraps(stock)
    def get_image(self: Any) -> Any:
        data = self._imgdata
        found = known.get(data)
        if found is not None:
            known.move_to_end(data)
            return found
        found = stock(self)
        wide, high = found.getSize()
        if data.startswith(_PICTURES) and len(data) <= _MOST_BYTES and wide * high <= _MOST_PIXELS:
            known[data] = found
            found.drawn = {}
            if len(known) > _MOST_PICTURES:
                known.popitem(last=False)
        return found

    return get_image


def _deflated(stock: Any) -> Any:
    """``loadImageFromSRC``: what a kept picture is in a file is worked out once. Its mask is an object of the file and
    so another one in each."""

    @wraps(stock)
    def load(self: Any, picture: Any) -> None:
        drawn, wanted = vars(picture).get("drawn"), self.mask
        if drawn is None or wanted != "auto":
            stock(self, picture)
            return
        if not drawn:
            stock(self, picture)
            drawn.update({name: value for name, value in vars(self).items() if name not in {"name", "_smask"}})
            if hasattr(self, "_smask"):
                drawn["_smask"] = dict(vars(self._smask))
            return
        vars(self).update(drawn)
        if "_smask" in drawn:
            mask = self._smask = object.__new__(type(self))
            vars(mask).update(drawn["_smask"])

    return load


def _push(stock: Any, names: list[str]) -> Any:
    """``push_state_stack``: the state of the page is copied as a whole."""
    values = itemgetter(*names)

    @wraps(stock)
    def push(self: Any) -> None:
        self.state_stack.append(dict(zip(names, values(vars(self)), strict=True)))
        self._extgstate = self._extgstate.pushCopy()

    return push


def _draw_text(stock: Any, paragraph: Any) -> Any:
    """``drawOn`` of a paragraph: one with nothing but text is moved to its place at once."""

    @wraps(stock)
    def draw_on(self: Any, canvas: Any, x: float, y: float, _sW: float = 0) -> None:  # noqa: N803
        style = self.style
        if (
            "laid_out" not in vars(self)
            or getattr(self, "outline", False)
            or style.backColor
            or style.backgroundImage is not None
            or self.deltaWidth != style.paddingLeft + style.paddingRight
            or self.deltaHeight != style.paddingTop + style.paddingBottom
            or getattr(self, "_showBoundary", None)
        ):
            stock(self, canvas, x, y, _sW)
            return
        x = self._hAlignAdjust(x, _sW)
        canvas.saveState()
        canvas.translate(x + style.paddingLeft, y - style.paddingTop)
        self.canv = canvas
        paragraph.draw(self)
        del self.canv
        canvas.restoreState()

    return draw_on
