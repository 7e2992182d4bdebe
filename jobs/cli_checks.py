"""``oms check`` and ``oms audit verify``: the installation looked at with other eyes than its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from jobs.runtime import engines
from oms import audit as chain
from oms import settings as installation
from oms.db import db

if TYPE_CHECKING:
    from jobs.cli import Factories


@click.command()
@click.pass_obj
def check(factories: Factories) -> None:
    """Ask the database whether every invariant holds. Exit 1 with the offending rows when one does not."""
    from oms.reports import auditor
    from oms.reports.invariants import CHECKS

    with engines.running(installation.from_env(), need_redis=False) as settings:
        app = factories.worker(settings)
        with app.app_context():
            findings = auditor.audit_all(db.session())
            db.session.remove()
            db.engine.dispose()
    for finding in findings:
        click.echo(str(finding))
    if findings:
        click.echo(f"{len(findings)} rows break an invariant", err=True)
        sys.exit(1)
    click.echo(f"every invariant holds ({len(CHECKS)} checks)")


@click.group()
def audit() -> None:
    """The audit log."""


@audit.command()
@click.pass_obj
def verify(factories: Factories) -> None:
    """Walk the hash chain of the audit log. Exit 1 and name the first row that was changed, removed or put in."""
    with engines.running(installation.from_env(), need_redis=False) as settings:
        app = factories.worker(settings)
        with app.app_context():
            report = chain.verify(db.session())
            db.session.remove()
            db.engine.dispose()
    if report.broken is not None:
        click.echo(
            f"the audit log is broken at row {report.broken}: {report.why} ({report.checked} rows before it hold)"
        )
        sys.exit(1)
    click.echo(f"the audit log holds: {report.checked} rows sealed, {report.unsealed} waiting for the sealer")


COMMANDS = (check, audit)
