"""``oms import`` and ``oms export``: files in and out of the command line, by the same rules as the panel."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy import select

from jobs.runtime import engines
from oms import settings as installation
from oms.actor import system
from oms.db import db, transaction
from oms.errors import Say
from oms.exporting import making, writing
from oms.exporting.lists import find_list
from oms.importing import pipeline
from oms.importing.tabular import LIMITS
from oms.intake import files
from oms.intake.models import ExportRun, IntakeItem, IntakeRun
from oms.intake.records import stored_sentence
from oms.intake.states import IntakeKind, RunStatus
from oms.usecases import intake

if TYPE_CHECKING:
    from jobs.cli import Factories


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--shop", default="", help="Code of the shop the orders come from.")
@click.option("--statement", "account", default="", help="Code of the account: the file is a bank statement of it.")
@click.option("--cod", "carrier", default="", help="Name of the carrier: the file is what it paid of collected cash.")
@click.option("--tracking", "numbers", default="", help="Name of the carrier: the file has its tracking numbers.")
@click.option("--map", "map_name", default="", help="Name of a saved column map.")
@click.option("--format", "form", default="", help="shopee, lazada, tiktok, line_shopping or generic.")
@click.option(
    "--kind", type=click.Choice([k.value for k in IntakeKind]), default=IntakeKind.ORDERS.value, show_default=True
)
@click.option("--dry-run", is_flag=True, help="Check and count; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the ledger as JSON.")
@click.pass_obj
def import_file(
    factories: Factories, file: Path, *, shop: str, account: str, carrier: str, numbers: str, map_name: str, form: str,
    kind: str, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Take a file in. Exit 0 when its ledger closes, 1 when the file is refused."""
    with engines.running(installation.from_env(), need_redis=False) as settings:
        app = factories.worker(settings)
        with app.app_context():
            wanted = _kind(kind, account=account, carrier=carrier, numbers=numbers)
            command = {"kind": wanted, "shop_code": shop, "map_name": map_name, "format": form,
                       "account_code": account, "carrier": carrier or numbers}  # fmt: skip
            answer = take_in(settings.files_dir, file, command, write=not dry_run)
            db.session.remove()
            db.engine.dispose()
    click.echo(json.dumps(answer, ensure_ascii=False) if as_json else in_words(answer))
    sys.exit(0 if answer["closes"] else 1)


def _kind(kind: str, *, account: str, carrier: str, numbers: str) -> IntakeKind:
    """What the file holds: said by the option that names where it comes from."""
    if account:
        return IntakeKind.STATEMENT
    if carrier:
        return IntakeKind.COD
    return IntakeKind.TRACKING if numbers else IntakeKind(kind)


def take_in(root: Path, file: Path, command: dict[str, Any], *, write: bool) -> dict[str, Any]:
    """Import one file here and now; the ledger with every problem in words."""
    actor = system("oms import", source="cli")
    with file.open("rb") as source:
        kept = files.keep(root, source, file.name, LIMITS.file_bytes)
    with transaction(actor) as tx:
        run_id = intake.receive_file(
            tx, intake.ReceiveFile(file=kept, commit_after_check=write, queue=False, **command)
        )
    pipeline.carry_out(lambda: transaction(actor), root, run_id)
    with transaction(actor) as tx:
        return report(intake.get_run(tx, run_id), list(_problems(run_id)))


def _problems(run_id: int) -> list[dict[str, Any]]:
    statement = (
        select(IntakeItem.problems)
        .where(IntakeItem.run_id == run_id, IntakeItem.problems.is_not(None))
        .order_by(IntakeItem.no)
    )
    return [
        {"line": p["line"], "column": p["column"], "code": p["code"], "message": str(stored_sentence(p))}
        for listed in db.session.scalars(statement)
        for p in listed or []
    ]


def report(run: IntakeRun, errors: list[dict[str, Any]]) -> dict[str, Any]:
    """What the command prints: rows, orders beside them, errors, and whether the sum is right."""
    if run.refusal is not None:
        sentence = Say(run.refusal["template"], run.refusal["facts"])
        errors = [{"line": 0, "column": "", "code": run.refusal["code"], "message": str(sentence)}]
    counted = (run.written if run.status is RunStatus.DONE else run.planned) or {}
    terms = ("created", "updated", "unchanged", "quarantined", "rejected")
    rows = {"received": run.received} | {term: int(counted.get(term, 0)) for term in terms}
    closes = run.refusal is None and bool(counted) and rows["received"] == sum(rows[t] for t in terms)
    name = "orders" if run.kind is IntakeKind.ORDERS else "records"
    return {**rows, "errors": errors, name: counted.get("records", {}), "run": run.id, "status": run.status.value,
            "closes": closes}  # fmt: skip


def in_words(answer: dict[str, Any]) -> str:
    """The same for a reader."""
    lines = [f"{e['line']}: {e['column']}: {e['message']}" if e["line"] else e["message"] for e in answer["errors"]]
    terms = ("created", "updated", "unchanged", "quarantined", "rejected")
    total = " + ".join(f"{answer[t]} {t}" for t in terms)
    return "\n".join([*lines, f"{answer['received']} rows = {total}"])


@click.command("export")
@click.argument("name", metavar="LIST")
@click.option("--out", "out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@click.pass_obj
def export_list(factories: Factories, name: str, *, out: Path) -> None:
    """Write a list (orders, order_lines, customers, products, skus, stock, ...) to a .csv or .xlsx file."""
    with engines.running(installation.from_env(), need_redis=False) as settings:
        app = factories.worker(settings)
        with app.app_context():
            count = write_list(name, out)
            db.session.remove()
            db.engine.dispose()
    click.echo(f"{count} rows in {out}")


def write_list(name: str, out: Path) -> int:
    """Export one list to a file; answers how many rows."""
    actor = system("oms export", source="cli")
    form = "xlsx" if out.suffix.lower() == ".xlsx" else "csv"
    with transaction(actor) as tx:
        asked = making.ask_export(tx, making.AskExport(name, {}, form=form, queue=False))
    run = db.session.get_one(ExportRun, asked.run_id)
    headings = [find_list(name).columns[n].label for n in run.columns]
    return writing.write(form, out, headings, making.rows_of(db.session(), run))


COMMANDS = (import_file, export_list)
