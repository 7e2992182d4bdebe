"""The rules of the house, each with the reason why it is one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.house import ROOT, functions, modules, text, tree

DERIVED = {"payment_status", "fulfillment_status", "stock_state", "board", "hold_reasons", "verified_amount"}
DERIVED_WRITER = Path("oms/usecases/derived.py")
MAY_COMMIT = {Path("oms/db.py"), Path("views/base.py")}
MAY_CATCH_ALL = {Path("jobs/relay.py"), Path("jobs/runtime/forks.py"), Path("app.py"), Path("views/errors.py")}
MODULE_LINES, FUNCTION_LINES = 400, 60


def names(found: list[str]) -> str:
    return "\n".join(found)


def test_no_module_is_longer_than_one_can_read_at_a_sitting():
    long = [f"{p}: {n}" for p in modules() if (n := text(p).count("\n")) > MODULE_LINES and "versions" not in p.parts]
    assert not long, names(long)


def test_no_function_is_longer_than_a_screen():
    long = [
        f"{p}:{f.lineno} {f.name}: {n}"
        for p in modules()
        if "versions" not in p.parts
        for f in functions(p)
        if (n := (f.end_lineno or f.lineno) - f.lineno + 1) > FUNCTION_LINES
    ]
    assert not long, names(long)


def test_only_the_transaction_commits_and_rolls_back():
    call = re.compile(r"\bsession\.(commit|rollback)\(|\btx\.(commit|rollback)\(")
    strict = re.compile(r"\.(commit|rollback)\(")
    stray = [
        f"{p}:{i}"
        for p in modules("oms", "views", "jobs")
        if p not in MAY_COMMIT
        for i, line in enumerate(text(p).splitlines(), 1)
        if (strict if p.parts[0] != "jobs" else call).search(line)
    ]
    assert not stray, names(stray)


def _written(node: ast.AST) -> set[str]:
    """Attribute and ``values(...)`` names that a statement writes."""
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        flat = [e for t in targets for e in (t.elts if isinstance(t, ast.Tuple) else [t])]
        return {t.attr for t in flat if isinstance(t, ast.Attribute)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "values":
        return {k.arg for k in node.keywords if k.arg}
    return set()


def test_a_derived_status_has_one_writer():
    stray = [
        f"{p}:{node.lineno} {sorted(found)}"
        for p in modules("oms", "views", "jobs")
        if p != DERIVED_WRITER
        for node in ast.walk(tree(p))
        if (found := _written(node) & DERIVED)
    ]
    assert not stray, names(stray)


def test_a_broad_catch_stands_only_where_the_process_must_live_on():
    stray = []
    for p in modules():
        for node in ast.walk(tree(p)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            broad = any(k is None or getattr(k, "id", "") in {"Exception", "BaseException"} for k in kinds)
            reraises = any(isinstance(n, ast.Raise) for n in ast.walk(node))
            if broad and not reraises and p not in MAY_CATCH_ALL:
                stray.append(f"{p}:{node.lineno}")
    assert not stray, names(stray)


def test_no_error_is_swallowed_without_a_word():
    silent = [
        f"{p}:{node.lineno}"
        for p in modules()
        for node in ast.walk(tree(p))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert not silent, names(silent)


def test_nothing_is_left_for_later():
    mark = re.compile("TO" + r"DO|FIX" + r"ME|XX" + "X|raise NotImplemented" + "Error")
    left = [f"{p}:{i}" for p in modules() for i, line in enumerate(text(p).splitlines(), 1) if mark.search(line)]
    assert not left, names(left)


def test_a_silenced_checker_says_which_rule():
    bare = re.compile(r"#\s*(type:\s*ignore(?!\[)|noqa(?!:))")
    left = [f"{p}:{i}" for p in modules() for i, line in enumerate(text(p).splitlines(), 1) if bare.search(line)]
    assert not left, names(left)


def is_verb(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = function.args.args
    return bool(arguments) and arguments[0].arg == "tx" and not function.name.startswith("_")


def test_every_verb_says_what_it_does_for_the_business():
    mute = [
        f"{p}:{f.lineno} {f.name}"
        for p in modules("oms")
        for f in functions(p)
        if is_verb(f) and not ast.get_docstring(f)
    ]
    assert not mute, names(mute)


@pytest.mark.parametrize("package", ["oms", "views", "jobs"])
def test_every_module_says_what_it_is(package):
    mute = [str(p) for p in modules(package) if text(p).strip() and not ast.get_docstring(tree(p))]
    assert not mute, names(mute)


def test_every_migration_says_why():
    versions = sorted((ROOT / "migrations" / "versions").glob("[0-9a-z]*.py"))
    mute = [p.name for p in versions if not ast.get_docstring(tree(p.relative_to(ROOT)))]
    assert not mute, names(mute)


def test_time_is_asked_of_the_clock():
    asks = re.compile(r"datetime\.now\(|utcnow\(|date\.today\(")
    stray = [
        f"{p}:{i}"
        for p in modules("oms", "views", "jobs")
        if p != Path("oms/clock.py")
        for i, line in enumerate(text(p).splitlines(), 1)
        if asks.search(line)
    ]
    assert not stray, names(stray)


def test_no_page_or_style_asks_an_outside_host():
    outside = re.compile(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""")
    files = [p for p in (ROOT / "views").rglob("*") if p.suffix in {".html", ".css", ".jinja2"}]
    found = [
        f"{p.relative_to(ROOT)}:{i}"
        for p in files
        for i, line in enumerate(p.read_text(encoding="utf-8").splitlines(), 1)
        if outside.search(line)
    ]
    assert not found, names(found)
