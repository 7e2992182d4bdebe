"""Thai for every sentence: the parts in ``translations/parts/*.po`` read into memory as one catalogue.

English is the message itself. There is no compiled file to keep fresh: a clean clone speaks Thai.
``python -m views.i18n`` (``make i18n``) checks the parts against what the program can say; see docs/adr/0022.
"""

from __future__ import annotations

import io
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, request
from flask_babel import Domain, get_locale, refresh

PARTS = Path(__file__).parent / "translations" / "parts"


@lru_cache(maxsize=1)
def thai() -> Translations:
    """All parts as one. A message stands in one part alone: ``views.i18n_check`` refuses a second."""
    whole = Catalog(locale="th", charset="utf-8")
    for path in sorted(PARTS.glob("*.po")):
        with path.open("rb") as source:
            part = read_po(source, locale="th")
        for message in part:
            if message.id and message.string:
                whole.add(message.id, message.string, context=message.context)
    compiled = io.BytesIO()
    write_mo(compiled, whole)
    compiled.seek(0)
    return Translations(compiled)


class PanelDomain(Domain):
    """Where the panel looks messages up."""

    def get_translations(self) -> Translations | NullTranslations:
        """Thai, or the messages as they are."""
        locale = get_locale()
        return thai() if locale is not None and locale.language == "th" else NullTranslations()


def install(app: Flask) -> None:
    """Let this catalogue serve templates, views and the library's forms."""
    domain: Any = PanelDomain()

    def use() -> None:
        if request.endpoint == "static":
            return  # a file speaks no language, and asking for one would mark the session
        refresh()  # contexts of commands and tests may be nested: what an outer one knew of a reader is not ours
        domain.as_default()
        request.wtforms_translations = domain.get_translations()  # type: ignore[attr-defined]  # read by Flask-WTF

    app.before_request_funcs.setdefault(None, []).insert(0, use)


if __name__ == "__main__":
    from views.i18n_check import main

    sys.exit(main())
