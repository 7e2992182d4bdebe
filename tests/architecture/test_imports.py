"""Importing a module does nothing: no file, no socket, no process, no engine, no environment; and it needs no other first."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.architecture.house import ROOT, dotted, modules, tree

PROBE = """
import os, sys
names = sys.argv[1:]
import flask, flask_appbuilder, sqlalchemy, rq, psycopg, alembic, redis, wtforms, flask_limiter
from sqlalchemy import create_engine

ours = os.getcwd() + os.sep
banned = {"socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.putenv", "os.mkdir", "os.remove"}

def watch(event, args):
    if event in banned:
        raise RuntimeError(f"{event} {args!r} at import")
    if event == "open" and isinstance(args[0], str):
        path, mode = os.path.abspath(args[0]), args[1] or "r"
        writes = any(c in mode for c in "wax+") and "__pycache__" not in path and not path.startswith("/dev/")
        if writes or (path.startswith(ours) and not path.endswith((".py", ".pyc")) and "/.venv/" not in path):
            raise RuntimeError(f"open {args[0]!r} {mode} at import")

def refuse(*args, **kwargs):
    raise RuntimeError("an engine made at import")

sys.dont_write_bytecode = True
sqlalchemy.create_engine = sqlalchemy.engine.create_engine = refuse
sys.addaudithook(watch)
failed = 0
for name in names:
    try:
        __import__(name)
    except BaseException as exc:
        failed = 1
        sys.stderr.write(f"{name}: {type(exc).__name__}: {exc}\\n")
sys.exit(failed)
"""


def at_import(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The import statements that run when the module is imported: none inside a function, none for the type checker or a program's start."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and {"TYPE_CHECKING", "__main__"} & set(
            ast.unparse(node.test).replace("'", " ").split()
        ):
            yield from at_import(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from at_import([child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)])


def needed(path: Path, known: frozenset[str]) -> set[str]:
    """The modules of ours that this one has loaded before it is ready, the packages they lie in included."""
    wanted: set[str] = set()
    for node in at_import(tree(path).body):
        if isinstance(node, ast.Import):
            wanted |= {alias.name for alias in node.names}
        else:
            assert not node.level, f"{path}: imports are absolute"
            inside = {f"{node.module}.{alias.name}" for alias in node.names} & known
            wanted |= inside or {node.module or ""}
    for name in list(wanted):
        parts = name.split(".")
        wanted |= {".".join(parts[:n]) for n in range(1, len(parts))}
    own = dotted(path)
    return {name for name in wanted & known if name != own and not own.startswith(f"{name}.")}


def test_importing_every_module_touches_nothing_around_it():
    names = [dotted(p) for p in modules() if "versions" not in p.parts and p.name not in {"env.py", "__main__.py"}]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROBE, *names],
        cwd=ROOT, env={}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_module_imports_alone_because_no_two_wait_for_each_other():
    """Without a circle, what a module needs is loaded by its own lines, whichever module is asked for first."""
    paths = {dotted(p): p for p in modules() if "versions" not in p.parts and p.name not in {"env.py", "__main__.py"}}
    known = frozenset(paths)
    try:
        TopologicalSorter({name: needed(path, known) for name, path in paths.items()}).prepare()
    except CycleError as circle:
        raise AssertionError(" needs ".join(circle.args[1][::-1])) from None


def test_a_circle_of_modules_would_be_seen():
    looking = ast.parse(
        "from oms import money\nif TYPE_CHECKING:\n    import oms.db\nclass A:\n    import oms.names\ndef f():\n    import oms.x"
    )
    assert [ast.unparse(node) for node in at_import(looking.body)] == ["from oms import money", "import oms.names"]
