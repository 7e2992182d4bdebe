"""``oms check``: asks the database itself whether every invariant holds, independent of the verbs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from oms.reports.checks import Check
from oms.reports.invariants import CHECKS

SHOWN = 100  # offending rows per check; more would only repeat the message


@dataclass(frozen=True)
class Finding:
    """One row that breaks an invariant."""

    invariant: int
    check: str
    meaning: str
    row: Mapping[str, Any]

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in self.row.items())
        return f"invariant {self.invariant} ({self.check}: {self.meaning}) broken by {facts}"


def audit_one(session: Session, check: Check) -> list[Finding]:
    """The rows that break one invariant, ``SHOWN`` at most."""
    rows = session.execute(text(f"SELECT * FROM ({check.sql}) broken LIMIT {SHOWN}")).mappings()  # noqa: S608
    return [Finding(check.invariant, check.name, check.meaning, dict(row)) for row in rows]


def audit_all(session: Session) -> list[Finding]:
    """Every row that breaks any invariant; an empty list means that the books are in order."""
    return [finding for check in CHECKS for finding in audit_one(session, check)]
