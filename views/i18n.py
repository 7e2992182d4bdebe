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


def read_parts() -> list[tuple[str, Catalog]]:
    """Every part with its name."""
    read = []
    for path in sorted(PARTS.glob("*.po")):
        with path.open("rb") as source:
            read.append((path.stem, read_po(source, locale="th")))
    return read


@lru_cache(maxsize=1)
def thai() -> Translations:
    """All parts as one; where two translate the same message, the first part by name counts."""
    whole = Catalog(locale="th", charset="utf-8")
    for _name, part in read_parts():
        for message in part:
            if message.id and message.string and message.id not in whole:
                whole.add(message.id, message.string)
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
