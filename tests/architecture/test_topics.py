"""Every kind of background work that is owed somewhere is carried out somewhere."""

from __future__ import annotations

import ast

from jobs.handlers import TOPICS
from jobs.schedule import TABLE
from tests.architecture.house import ROOT


def _owed() -> dict[str, str]:
    """Topics written with ``outbox.add(tx, TOPIC, ...)`` or ``Owed(TOPIC, ...)`` in the business, and where."""
    found: dict[str, str] = {}
    for path in (ROOT / "oms").rglob("*.py"):
        tree = ast.parse(path.read_text())
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
            name = ast.unparse(call.func)
            argument = {"outbox.add": 1, "outbox.Owed": 0, "Owed": 0}.get(name)
            if argument is None or path.name == "outbox.py":
                continue
            topic = call.args[argument]
            value = topic.value if isinstance(topic, ast.Constant) else constants.get(ast.unparse(topic))
            found[str(value)] = f"{path.relative_to(ROOT)}:{call.lineno}"
    return found


def test_every_topic_that_is_owed_has_a_handler():
    missing = {topic: where for topic, where in _owed().items() if topic not in TOPICS}
    assert not missing


def test_every_turn_of_the_clock_has_a_handler():
    assert {p.topic for p in TABLE} <= set(TOPICS)
