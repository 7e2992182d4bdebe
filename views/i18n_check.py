"""Finds every sentence the program can say, and what the Thai parts lack. A tool for developers."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from babel.messages.catalog import Catalog
from babel.messages.catalog import Message as Entry
from babel.messages.pofile import PoFileParser, write_po
from jinja2.ext import babel_extract

import oms
import views
from oms.errors import Say
from oms.states import Machine
from views.i18n import PARTS

HOUSE = Path(views.__file__).parent.parent
TEMPLATES = HOUSE / "views" / "templates"
CALLS = {"say": 1, "gettext": 1, "_": 1, "lazy_gettext": 1, "ngettext": 2, "lazy_ngettext": 2, "Column": 1}
FACT = re.compile(r"\{(\w+)[^}]*\}|%\((\w+)\)[sd]")
SUFFIXES = ("LABELS", "_TITLES", "_NAMES")
TABLES = {"ACTIONS", "SECTIONS"}
LISTS = {"NAV", "ROLES", "WORKLISTS", "BULK_ACTIONS", "RULES"}
HOUSE_WORDS = {
    "สต๊อก": "สต็อก",
    "สต้อก": "สต็อก",
    "สตอก": "สต็อก",
    "ออเดอร์": "คำสั่งซื้อ",
    "ออร์เดอร์": "คำสั่งซื้อ",
    "แพ็ค": "แพ็ก",
    "แพค": "แพ็ก",
    "เช็ค": "เช็ก",
    "อัพโหลด": "อัปโหลด",
    "อัพเดต": "อัปเดต",
    "อีเมล์": "อีเมล",
    "คลิ๊ก": "คลิก",
    "พัศดุ": "พัสดุ",
}  # what is not written, and what is instead: one word for one thing (docs/ui.md)
Message = str | tuple[str, str]


def _text(node: ast.expr) -> str | None:
    """The constant text of an argument, joined over several lines."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def in_python(path: Path) -> Iterator[Message]:
    """What the calls of one module mark."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        wanted = CALLS.get(name, 0)
        texts = [t for t in map(_text, node.args[:wanted]) if t]
        if wanted == 1 and texts:
            yield texts[0]
        elif wanted == 2 and len(texts) == 2:
            yield texts[0], texts[1]


def in_template(path: Path) -> Iterator[Message]:
    """What one template marks."""
    with path.open("rb") as source:
        for _line, _function, message, _comments in babel_extract(
            source, ["_", "gettext", "ngettext"], [], {"encoding": "utf-8", "silent": "false"}
        ):
            if isinstance(message, tuple | list):
                texts = [m for m in message if m]
                yield (texts[0], texts[1]) if len(texts) > 1 else texts[0]
            elif message:
                yield message


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def _labels(module: ModuleType) -> Iterator[str]:
    """Words kept in tables: labels of machines, of enumerations, of the menu, of actions and roles."""
    for name, value in vars(module).items():
        if isinstance(value, Machine):
            yield from value.labels.values()
            yield from (t.label for t in value.transitions.values())
        elif isinstance(value, dict) and (name.endswith(SUFFIXES) or name in TABLES):
            yield from (v for v in value.values() if isinstance(v, str))
        elif name in LISTS and isinstance(value, tuple | dict):
            items = value.values() if isinstance(value, dict) else value
            yield from (str(getattr(i, word)) for i in items for word in ("label", "hint") if hasattr(i, word))
        elif isinstance(value, Say):
            yield value.template


def everything() -> dict[Message, str]:
    """Every message with the place it was found first."""
    found: dict[Message, str] = {}
    for where, messages in _places():
        for message in messages:
            if message and re.search(r"[A-Za-z]", message if isinstance(message, str) else message[0]):
                found.setdefault(message, where)
    return found


def _places() -> Iterator[tuple[str, Iterable[Message]]]:
    for folder in ("oms", "views"):
        for path in sorted((HOUSE / folder).rglob("*.py")):
            if path.name != "i18n_check.py":
                yield str(path.relative_to(HOUSE)), in_python(path)
    for path in sorted(TEMPLATES.rglob("*.html")):
        yield str(path.relative_to(HOUSE)), in_template(path)
    for package in (oms, views):
        for module in _modules(package):
            if module.__name__ not in {"views.i18n", "views.i18n_check"}:
                yield module.__name__, _labels(module)


def _facts(text: str) -> set[str]:
    return {a or b for a, b in FACT.findall(text)}


def _odd_words(text: str) -> list[tuple[str, str]]:
    """The words in a Thai text that the house writes otherwise."""
    return [(bad, good) for bad, good in HOUSE_WORDS.items() if bad in text]


def odd_files() -> list[str]:
    """Templates and scripts with Thai of their own that the house writes otherwise."""
    found = []
    for path in sorted([*TEMPLATES.rglob("*.html"), *(HOUSE / "views" / "static" / "js").glob("*.js")]):
        odd = _odd_words(path.read_text())
        found += [f"{path.relative_to(HOUSE)} says {bad}; we write {good}" for bad, good in odd]
    return found


class _Listed(Catalog):
    """A part as it is written: a sentence that stands in it twice is listed twice."""

    def __init__(self) -> None:
        super().__init__(locale="th")
        self.listed: list[Entry] = []

    def __setitem__(self, _id: object, entry: Entry) -> None:
        if entry.id:
            self.listed.append(entry)


def written(folder: Path = PARTS) -> Iterator[tuple[str, Entry]]:
    """Every translation with the name of its part."""
    for path in sorted(folder.glob("*.po")):
        part = _Listed()
        with path.open("rb") as source:
            PoFileParser(part).parse(source)
        yield from ((path.stem, entry) for entry in part.listed if entry.string)


def problems(folder: Path = PARTS) -> tuple[dict[Message, str], list[str]]:
    """What has no Thai (with its place), and translations that are wrong in themselves."""
    known: dict[tuple[str | None, str], str] = {}
    wrong = []
    for name, entry in written(folder):
        key = entry.id if isinstance(entry.id, str) else entry.id[0]
        strings = [entry.string] if isinstance(entry.string, str) else list(entry.string)
        wrong += [f"{name}.po: “{key}” says {bad}; we write {good}" for bad, good in _odd_words("".join(strings))]
        if any(_facts(s) - _facts(key) - {"num"} for s in strings):
            wrong.append(f"{name}.po: “{key}” has another fact in Thai than in English")
        elif (entry.context, key) in known:
            wrong.append(f"{name}.po: “{key}” stands in {known[entry.context, key]}.po already; keep one of them")
        known.setdefault((entry.context, key), name)
    said = {key for _context, key in known}
    missing = {m: w for m, w in everything().items() if (m if isinstance(m, str) else m[0]) not in said}
    return missing, wrong


def main() -> int:
    """Print what is missing, as a part that only needs its Thai."""
    missing, wrong = problems()
    wrong += odd_files()
    for line in wrong:
        sys.stderr.write(line + "\n")
    if missing:
        draft = Catalog(locale="th", fuzzy=False)
        for message, where in missing.items():
            draft.add(message, locations=[(where, 1)])
        write_po(sys.stdout.buffer, draft, omit_header=True, width=0)
    sys.stderr.write(f"{len(missing)} messages without Thai, {len(wrong)} wrong translations\n")
    return 1 if missing or wrong else 0
