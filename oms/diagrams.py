"""Draws ``docs/states.md`` from the state machines: ``python -m oms.diagrams`` writes it, a test compares it."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

import oms
from oms.states import Machine

PAGE = Path("docs/states.md")

HEAD = """# States

Drawn from the machines in the `states.py` modules by `python -m oms.diagrams`; do not edit by hand.
Guards, buttons, the API, these pictures and the tests all read the same tables.
"""


def machines() -> list[Machine]:
    """Every machine of the house, by name."""
    found: dict[str, Machine] = {}
    for module in pkgutil.walk_packages(oms.__path__, "oms."):
        if module.name.endswith(".states") and module.name != "oms.states":
            members = vars(importlib.import_module(module.name)).values()
            found |= {m.name: m for m in members if isinstance(m, Machine)}
    return [found[name] for name in sorted(found)]


def section(machine: Machine) -> str:
    """One machine: its picture, and a table of its transitions with their guards."""
    rows = [
        f"| {t.name} | {', '.join(sorted(t.sources))} | {t.target.value} | {t.label} "
        f"| {', '.join(getattr(g, '__name__', '') for g in t.guards) or '-'} |"
        for t in machine.transitions.values()
    ]
    table = ["| transition | from | to | button | guards |", "|---|---|---|---|---|", *rows]
    return "\n".join([f"\n## {machine.name}\n", "```mermaid", machine.mermaid(), "```", "", *table, ""])


def page() -> str:
    """The whole page."""
    return HEAD + "".join(section(machine) for machine in machines())


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")


if __name__ == "__main__":
    main()
