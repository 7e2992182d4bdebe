"""Whatever is written into the audit log reads in words on its screen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from views.audit_words import ACTIONS

ROOT = Path(__file__).parents[2]


def recorded() -> Iterator[tuple[str, str]]:
    """(action, file) of every entry whose action stands in the code as it is."""
    for path in (*(ROOT / "oms").rglob("*.py"), *(ROOT / "views").rglob("*.py"), *(ROOT / "jobs").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "audit.record" and len(call.args) > 1):
                continue
            given = call.args[1]
            choices = (given.body, given.orelse) if isinstance(given, ast.IfExp) else (given,)
            for one in choices:
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    yield one.value, path.name


def test_every_action_of_the_audit_log_has_words():
    found = dict(recorded())
    assert len(found) > 150
    assert {action: file for action, file in found.items() if action not in ACTIONS} == {}
