"""The rendering process: ``python -m oms.documents.rendering``. HTML comes in on stdin, PDF goes out on stdout.

Asked: page and seconds as JSON, then the HTML. Answered: a refusal or nothing, then the PDF. How it is confined:
``oms.confined``; besides, once its libraries are loaded it opens no file outside them and no address at all.
"""

from __future__ import annotations

import gc
import json
import logging

from oms.confined.child import confine, grant, serve, shut_in
from oms.documents.errors import Unprintable, to_wire, too_heavy
from oms.documents.render import MEMORY, convert, engine
from oms.errors import InvalidInput, say

IDLE_SECONDS = 300  # it takes half a second to start and is asked all day
_COLLECT_EVERY = 10

# What xhtml2pdf, ReportLab and html5lib raise on HTML they did not expect.
ODD_INPUT = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError, OSError, RuntimeError)


def take(question: list[bytes]) -> list[bytes]:
    """Make one paper."""
    asked, source = question
    wanted = json.loads(asked)
    grant(float(wanted["seconds"]))
    take.count = getattr(take, "count", 0) + 1  # type: ignore[attr-defined]
    if take.count % _COLLECT_EVERY == 0:  # type: ignore[attr-defined]
        gc.collect()
    try:
        return [b"", convert(source, str(wanted["page"]))]
    except InvalidInput as refused:
        return [to_wire(refused), b""]
    except (MemoryError, RecursionError):
        return [to_wire(too_heavy()), b""]
    except ODD_INPUT as error:
        said = f"{type(error).__name__}: {error}"[:200]
        return [to_wire(Unprintable(say("The paper cannot be printed: {what}", what=said), code="paper_broken")), b""]


def main() -> None:
    """Answer until the parent is gone or nothing came for a while."""
    logging.getLogger("xhtml2pdf").propagate = False
    engine()
    convert("<p>พร้อม</p>".encode())  # what is loaded late is loaded now
    confine(MEMORY)
    shut_in()
    gc.collect()
    gc.freeze()
    gc.disable()
    serve(take, IDLE_SECONDS)


if __name__ == "__main__":
    main()
