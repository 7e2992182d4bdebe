"""What the house rules are checked on: the program's own modules, read as text and as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("oms", "views", "jobs")


@cache
def modules(*packages: str) -> tuple[Path, ...]:
    """Python files of the program (not its tests), relative to the root."""
    found = [ROOT / "app.py"] if not packages else []
    for package in packages or (*PACKAGES, "migrations"):
        found += sorted((ROOT / package).rglob("*.py"))
    return tuple(path.relative_to(ROOT) for path in found)


@cache
def text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(text(path), filename=str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def dotted(path: Path) -> str:
    """The import name of a module."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
