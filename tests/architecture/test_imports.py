"""Importing a module does nothing: no file, no socket, no process, no engine, no environment."""

from __future__ import annotations

import subprocess
import sys

from tests.architecture.house import ROOT, dotted, modules

PROBE = """
import os, sys
names = sys.argv[1:]
import flask, flask_appbuilder, sqlalchemy, rq, psycopg, alembic, redis, wtforms, flask_limiter  # shared by every child
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

failed = []
for name in names:
    pid = os.fork()
    if pid == 0:
        sys.dont_write_bytecode = True
        sqlalchemy.create_engine = sqlalchemy.engine.create_engine = refuse
        sys.addaudithook(watch)
        try:
            __import__(name)
        except BaseException as exc:
            sys.stderr.write(f"{name}: {type(exc).__name__}: {exc}\\n")
            os._exit(1)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        failed.append(name)
sys.exit(len(failed) and 1)
"""


def test_every_module_imports_alone_with_nothing_around_it_and_touches_nothing():
    names = [dotted(p) for p in modules() if "versions" not in p.parts and p.name not in {"env.py", "__main__.py"}]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROBE, *names],
        cwd=ROOT, env={}, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
